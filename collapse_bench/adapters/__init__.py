"""Models of other people as ours: found by name, checked, adapted, built with arguments."""

from collapse_bench.adapters.arguments import parse_arguments
from collapse_bench.adapters.builtin import BUILT_IN
from collapse_bench.adapters.names import name_of
from collapse_bench.adapters.protocol import as_model, unfitted
from collapse_bench.adapters.spec import LoadedModel, check_spec, load_model

__all__ = [
    "BUILT_IN",
    "LoadedModel",
    "as_model",
    "check_spec",
    "load_model",
    "name_of",
    "parse_arguments",
    "unfitted",
]
