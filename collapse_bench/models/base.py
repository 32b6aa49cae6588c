"""What a model is: something that can be sampled from and fitted anew."""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Model", "Samples"]

# (n, d) floats or (n,) codes; with a replicate axis (R, n, d) or (R, n).
Samples = NDArray[Any]


@runtime_checkable
class Model(Protocol):
    """A distribution that can be sampled from and fitted to samples.

    Two methods are asked for. Others are used where a model has them:

    ``log_prob(samples)``
        Log-density of each sample, shape (n,).
    ``refit(size, *, rng)``
        A model with exactly the law of ``fit(sample(size))``, without drawing the samples.
    ``moments()``
        Mean and covariance of the law itself, shapes (d,) and (d, d).
    ``mass(region)``
        Exact probability of a :mod:`collapse_bench.regions` region; ``NotImplementedError``
        for a region that it has no closed form for.
    ``neutral_drift(size)``
        Expected change of the log-variance a generation, where it is known.
    ``kind``
        ``"numbers"`` (the default), ``"codes"`` or ``"tokens"``: what its samples are.
    """

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        """Draw ``size`` samples: (size, d) numbers or (size,) codes."""
        ...

    def fit(self, samples: Samples, *, rng: np.random.Generator) -> Self:
        """Return a new model fitted to ``samples``; ``self`` stays as it was."""
        ...
