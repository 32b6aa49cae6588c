"""The law of a file's rows as a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from collapse_bench.adapters.adapted import Library
from collapse_bench.data import SampleSet

__all__ = ["recognize"]


def recognize(obj: Any, name: str) -> Library | None:
    """Return how ``obj`` is used if it is a file's samples, else None."""
    if not isinstance(obj, SampleSet):
        return None
    return Library(obj.kind, _draw)


def _draw(samples: Any, size: int, rng: np.random.Generator) -> Any:
    # With replacement: without it two calls would share rows all the same, and the second of two
    # batches be no draw from the same law as one of both sizes.
    return samples.values[rng.integers(len(samples), size=size)]
