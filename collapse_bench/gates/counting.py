"""What lies far out: scores of rows and of codes, and how those in the tail are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collapse_bench.gates.codes import Codes
from collapse_bench.gates.rows import Data, Rows, dropped
from collapse_bench.metrics.tails import as_scores
from collapse_bench.statistics import exceedance
from collapse_bench.statistics.whitening import Whitening, whitening
from collapse_bench.streams import generator

__all__ = [
    "ENDS",
    "Counter",
    "Line",
    "Score",
    "Tail",
    "counter_of",
    "distance_by",
    "is_halved",
    "line",
    "scores_by",
]

Tail = Literal["upper", "lower", "both"]
ENDS = {"upper": 1, "lower": 1, "both": 2}  # ends of the line that a tail has

# Takes samples of shape (n, d) to n numbers whose tails are judged.
Score = Callable[[NDArray[np.float64]], Any]

Line = NDArray[np.float64]


class Counter(NamedTuple):
    """How a check finds scores and counts those in the tail; the reference decides it all.

    Attributes
    ----------
    tail
        None if the reference holds too few rows for one.
    k, m
        Reference rows in the tail, and all that are counted on.
    scores
        From samples, n rows, to n scores.
    notes
        On what the reference says nothing of.
    """

    tail: exceedance.Tail | None
    k: int
    m: int
    scores: Callable[[Data], Line]
    notes: tuple[str, ...]


def is_halved(reference: Data, score: Score | None) -> bool:
    """Return whether one half of the reference says what is far out, and the other counts."""
    return isinstance(reference, Codes) or (score is None and reference.values.shape[1] > 1)


def counter_of(
    reference: Data, *, mass: float, side: Tail, score: Score | None, seed: int
) -> Counter:
    """Return how samples are counted against a reference, whose tail holds ``mass``."""
    find, theirs, notes = _scored(reference, score, generator(seed, "check", "tail_mass", "half"))
    m = len(theirs)
    k = exceedance.tail_rows(m, mass)
    if not ENDS[side] <= k < m:
        return Counter(None, k, m, find, notes)
    lower = {"lower": k, "upper": 0, "both": k // 2}[side]
    rng = generator(seed, "check", "tail_mass", "jitter")
    tail = exceedance.Tail.of(theirs, lower=lower, upper=k - lower, rng=rng)
    return Counter(tail, k, m, find, notes)


def _scored(
    reference: Data, score: Score | None, rng: np.random.Generator
) -> tuple[Callable[[Data], Line], Line, tuple[str, ...]]:
    """Return what gives samples their scores, those of the rows counted on, and notes."""
    if isinstance(reference, Codes):
        known, counted = reference.halves(rng)

        def rarity(samples: Data) -> Line:
            return -known.counts_of(samples.values).astype(np.float64)

        return rarity, rarity(counted), ()
    if score is not None:
        given = scores_by(score)
        return given, given(reference), ()
    if not is_halved(reference, score):
        return line, line(reference), ()
    half, rest = np.split(rng.permutation(len(reference)), [len(reference) // 2])
    fitted = whitening(reference.values[half]) if len(half) else None
    if fitted is None:
        return line, np.zeros(0), ()  # nothing to count on
    distance = distance_by(fitted)
    theirs = distance(Rows(reference.values[rest]))
    return distance, theirs, dropped(reference, fitted.dependent)


def distance_by(fitted: Whitening) -> Callable[[Data], Line]:
    """Return what gives samples their squared Mahalanobis distances."""

    def distance(samples: Data) -> Line:
        # Single precision ties rows again that are equal but for rounding in the projection.
        squares = np.square(fitted(samples.values)).sum(axis=1)
        return np.asarray(squares.astype(np.float32), dtype=np.float64)

    return distance


def scores_by(score: Score) -> Callable[[Data], Line]:
    """Return what gives samples the scores of a user's function."""
    return lambda samples: np.asarray(as_scores(score, samples.values))


def line(samples: Data) -> Line:
    """Return the first column."""
    return np.asarray(samples.values[:, 0])
