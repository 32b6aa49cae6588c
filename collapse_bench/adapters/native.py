"""An object with our own ``sample``, for the sake of a fit that it lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters.adapted import Library, Moments

__all__ = ["recognize"]


def recognize(obj: Any) -> Library:
    """Return how ``obj``, which has ``sample(size, *, rng)``, is used."""
    return Library(
        getattr(obj, "kind", "numbers"),
        _draw,
        log_prob=_log_prob if callable(getattr(obj, "log_prob", None)) else None,
        moments=_moments,
    )


def _draw(obj: Any, size: int, rng: np.random.Generator) -> Any:
    return obj.sample(size, rng=rng)


def _log_prob(obj: Any, samples: NDArray[Any]) -> Any:
    return obj.log_prob(samples)


def _moments(obj: Any) -> Moments | None:
    found: Moments | None = obj.moments() if hasattr(obj, "moments") else None
    return found
