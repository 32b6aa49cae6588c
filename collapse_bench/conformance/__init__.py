"""Property tests of anybody's generative model: as a sampler, a learner, a link in a recursion.

Each ``check_*`` is a plain function that takes a model and raises unless it passes;
:func:`check_model` runs them all, :func:`parametrize_with_checks` makes pytest run them.
"""

# In the order in which the checks run: importing a module puts its checks into the catalog.
from collapse_bench.conformance import (  # isort: skip
    sampler,
    state,
    order,
    resolution,
    density,
    learner,
    link,
)
from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.execution import Record
from collapse_bench.conformance.outcomes import ConformanceWarning, NotApplicable
from collapse_bench.conformance.parametrize import parametrize_with_checks
from collapse_bench.conformance.runner import all_checks, check_model

__all__ = [
    "CATALOG",
    "ConformanceWarning",
    "NotApplicable",
    "Record",
    "all_checks",
    "check_model",
    "parametrize_with_checks",
]

for _module in (sampler, state, order, resolution, density, learner, link):
    for _name in _module.__all__:
        globals()[_name] = getattr(_module, _name)
        __all__ += [_name]
