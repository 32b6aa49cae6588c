"""Reference models, and the protocol that any other model satisfies."""

from collapse_bench.models.base import Model, Samples
from collapse_bench.models.categorical import Categorical
from collapse_bench.models.gaussian import Gaussian

__all__ = ["Categorical", "Gaussian", "Model", "Samples"]
