"""What lies far out: scores of rows and of codes, and how those in the tail are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.features import Surprisal
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
    "by_rate",
    "check_guarantee",
    "check_score",
    "counter_of",
    "distance_by",
    "is_halved",
    "is_score",
    "line",
    "scores_by",
]

Tail = Literal["upper", "lower", "both"]
ENDS = {"upper": 1, "lower": 1, "both": 2}  # ends of the line that a tail has

# Takes samples of shape (n, d) to n numbers whose tails are judged; sequences have one by name.
Score = Callable[[NDArray[np.float64]], Any] | Literal["surprisal"]

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


def is_score(score: Any) -> bool:
    """Return whether something can be a score."""
    return callable(score) or (isinstance(score, str) and score == "surprisal")


def by_rate(reference: Data, score: Score | None) -> TypeGuard[Codes]:
    """Return whether sequences are judged by their rate of rare tokens."""
    return reference.kind == "tokens" and score is None


def check_guarantee(reference: Data, score: Score | None, guarantee: str) -> None:
    """Refuse what can't be promised: the law of a rate by unit isn't known for one reference.

    Raises
    ------
    InvalidArgument
        If that is asked for.
    """
    if guarantee == "average" or reference.units is None or score == "surprisal":
        return
    unit = "sequences of tokens" if reference.kind == "tokens" else "declared clusters"
    raise InvalidArgument(
        f"guarantee must be 'average' for {unit}, whose test is asymptotic; "
        f"got guarantee={guarantee!r}"
    )


def check_score(reference: Data, score: Score | None) -> None:
    """Refuse a score that doesn't go with what the reference holds.

    Raises
    ------
    InvalidArgument
        If that is so.
    """
    if score is None:
        return
    if reference.kind == "tokens" and score != "surprisal":
        raise InvalidArgument(
            f"score must be None or 'surprisal' for tokens; got score={score!r}: judge a model's "
            "own score of them as a feature"
        )
    if reference.kind == "codes":
        raise InvalidArgument(f"score must be None for codes; got score={score!r}")
    if reference.kind == "numbers" and score == "surprisal":
        raise InvalidArgument(
            f"score must be a function or None for numbers; got score={score!r}: pass "
            "kind='tokens' for sequences of tokens"
        )


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
        if score == "surprisal":
            if not len(known.values):
                return line, np.zeros(0), ()  # nothing to count on
            surprise = surprisal_by(known)
            return surprise, surprise(counted), ()

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


def surprisal_by(known: Codes) -> Callable[[Data], Line]:
    """Return what gives sequences their surprisal under bigrams of known ones."""
    law = Surprisal().fit_tokens(*known.read()[:2])

    def surprise(samples: Data) -> Line:
        assert isinstance(samples, Codes)
        # Single precision ties sequences again that are as surprising but for rounding.
        return law.of_tokens(*samples.read()).astype(np.float32).astype(np.float64)

    return surprise


def scores_by(score: Score) -> Callable[[Data], Line]:
    """Return what gives samples the scores of a user's function."""
    assert callable(score)
    return lambda samples: np.asarray(as_scores(score, samples.values))


def line(samples: Data) -> Line:
    """Return the first column."""
    return np.asarray(samples.values[:, 0])
