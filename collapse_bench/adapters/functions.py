"""A plain function ``f(n, seed)`` as a model."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from collapse_bench.adapters.adapted import Library
from collapse_bench.adapters.isolation import seed_of

__all__ = ["is_sampler", "recognize"]

COUNTS = ("count", "n", "n_samples", "num", "num_rows", "num_samples", "size")
CHANCE = ("random_state", "rng", "seed")


def recognize(obj: Any, name: str) -> Library | None:
    """Return how ``obj`` is used if it can be called with a number and a seed, else None."""
    if inspect.isclass(obj) or _chance(obj) is None:
        return None
    return FUNCTION


def is_sampler(obj: Any) -> bool:
    """Say whether a function's two parameters are named like a count and a seed.

    Where a function may make a model or be one, its names decide: ``f(n, seed)`` draws,
    ``make(width, seed)`` makes.
    """
    if _chance(obj) is None:
        return False
    return next(iter(inspect.signature(obj).parameters)) in COUNTS


def _chance(obj: Any) -> str | None:
    """Return the name of the parameter that chance comes in by, the second of two; else None."""
    if not callable(obj):
        return None
    try:
        signature = inspect.signature(obj)
        signature.bind(1, 0)
    except (TypeError, ValueError):
        return None
    second = list(signature.parameters)[1:2]
    return second[0] if second and second[0] in CHANCE else None


def _draw(function: Any, size: int, rng: np.random.Generator) -> Any:
    return function(size, rng if _chance(function) == "rng" else seed_of(rng))


FUNCTION = Library("numbers", _draw)
