"""Generators made to pass a gate or to fail it, with losses that are known.

Each wraps a source, either a law (an object with ``sample(size, *, rng)``) or rows that are drawn
from with replacement. Rows that a gate judges against should be others than those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import ModelError
from collapse_bench.metrics import tail_region
from collapse_bench.metrics.tails import Tail
from collapse_bench.regions import Region
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, as_numbers, check_count, check_real

__all__ = ["Contracted", "Healthy", "ModeDropped", "TailCut"]

# Draws from a law behind its mean or its tail thresholds, where it doesn't state them.
LAW_DRAWS = 100_000

# Rounds of redrawing what a control removes; a mode of 90 % leaves 1 row in 37,000 after these.
ROUNDS = 100


@dataclass(frozen=True)
class Healthy:
    """Draws from the source itself: nothing is lost."""

    source: Any

    @property
    def kind(self) -> Kind:
        """What the samples are."""
        return "numbers"

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw ``size`` rows, shape (size, d)."""
        return _draw(self.source, size, rng)


@dataclass(frozen=True)
class Contracted:
    """Draws moved towards the source's mean.

    Parameters
    ----------
    source
        A law or rows.
    factor
        What is left of the distance from the mean, in [0, 1]: the variance loses 1 - factor**2,
        and the Wasserstein check's loss is 1 - factor. 0: a constant.
    """

    source: Any
    factor: float

    def __post_init__(self) -> None:
        check_real("factor", self.factor, low=0, high=1, closed="both")

    @property
    def kind(self) -> Kind:
        """What the samples are."""
        return "numbers"

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw ``size`` rows, shape (size, d)."""
        drawn = _draw(self.source, size, rng)
        return np.asarray(self._mean + self.factor * (drawn - self._mean))

    @cached_property
    def _mean(self) -> NDArray[np.float64]:
        if hasattr(self.source, "moments"):
            return np.asarray(self.source.moments()[0], dtype=np.float64)
        return np.asarray(_all(self.source).mean(axis=0))


@dataclass(frozen=True)
class TailCut:
    """Draws of which some in the tails are replaced by others from outside them.

    Parameters
    ----------
    source
        A law or rows.
    loss
        The share of the tails' mass that is lost, in [0, 1].
    mass, tail
        The tails, as :func:`~collapse_bench.metrics.tail_region` takes them.
    """

    source: Any
    loss: float
    mass: float = 0.05
    tail: Tail = "both"

    def __post_init__(self) -> None:
        check_real("loss", self.loss, low=0, high=1, closed="both")
        check_real("mass", self.mass, low=0, high=0.5, closed="right")

    @property
    def kind(self) -> Kind:
        """What the samples are."""
        return "numbers"

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw ``size`` rows, shape (size, d)."""
        drawn = _draw(self.source, size, rng)
        lost = self._region.contains(drawn) & (rng.random(size) < self.loss)
        return _redrawn(self.source, drawn, lost, self._region.contains, rng)

    @cached_property
    def _region(self) -> Region:
        return tail_region(_all(self.source), mass=self.mass, tail=self.tail)


@dataclass(frozen=True)
class ModeDropped:
    """Draws none of which is nearer to one of the modes than to the others.

    Parameters
    ----------
    source
        A law or rows.
    modes : shape (k, d)
        Centers of k >= 2 modes.
    dropped
        Which of them is missing.
    """

    source: Any
    modes: Any
    dropped: int = 0

    def __post_init__(self) -> None:
        check_count("modes", len(as_numbers("modes", self.modes)), least=2)
        check_count("dropped", self.dropped, least=0)
        check_real("dropped", self.dropped, low=0, high=len(self.modes), closed="left")

    @property
    def kind(self) -> Kind:
        """What the samples are."""
        return "numbers"

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw ``size`` rows, shape (size, d)."""
        drawn = _draw(self.source, size, rng)
        return _redrawn(self.source, drawn, self._missing(drawn), self._missing, rng)

    def _missing(self, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        centers = as_numbers("modes", self.modes)
        squares = np.square(rows[:, None] - centers).sum(axis=2)  # (n, k)
        return np.asarray(squares.argmin(axis=1) == self.dropped)


def _draw(source: Any, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    size = check_count("size", size)
    if hasattr(source, "sample"):
        return as_numbers("samples", source.sample(size, rng=rng))
    rows = as_numbers("source", source)
    return rows[rng.integers(len(rows), size=size)]


def _all(source: Any) -> NDArray[np.float64]:
    """Return all rows of a source, or many draws from a law, always the same."""
    if hasattr(source, "sample"):
        return _draw(source, LAW_DRAWS, generator(0, "controls"))
    return as_numbers("source", source)


def _redrawn(
    source: Any,
    drawn: NDArray[np.float64],
    lost: NDArray[np.bool_],
    refused: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return rows with the lost ones replaced by draws that aren't refused."""
    kept = drawn.copy()
    places = np.flatnonzero(lost)
    for _ in range(ROUNDS):
        if not len(places):
            return kept
        again = _draw(source, len(places), rng)
        taken = ~refused(again)
        kept[places[taken]] = again[taken]
        places = places[~taken]
    raise ModelError(
        f"the source must have mass outside what is removed; {len(places)} of {len(drawn)} draws "
        f"had none in {ROUNDS} rounds"
    )
