"""Checks that rows are independent and in no order, and that calls may be split at will."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.conformance.calls import once, ordered, row_seconds
from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.dependence import dependence, pairs_needed
from collapse_bench.conformance.laws import decide_same_law, size_to_compare
from collapse_bench.conformance.outcomes import fail, undecided
from collapse_bench.conformance.subject import Subject

__all__ = [
    "check_exchangeable",
    "check_split_invariance",
    "check_successive_draws_uncorrelated",
]

# Covariance of two events that must not get through; the largest there is is 1/4.
DETECT_COVARIANCE = 0.025
# Rows behind the medians that cut the line into events; independent of all that is tested.
PILOT_ROWS = 2_001
BATCH_CALL = 200  # rows of a call whose halves are compared
# Kolmogorov distance between the laws of what is measured of small calls and of blocks. It is
# 1/2 for calls whose mean is always the same, and 0.05 would take 36 times as many calls.
DETECT_CALLS = 0.3
# The same for the covariance of one call's mean with the next one's.
DETECT_NEXT_CALL = 0.2
TIMED_CALLS = 5  # behind the measured cost of a small one

Pairs = tuple[NDArray[Any], NDArray[Any]]


@conformance_check("sampler", statistical=True)
def check_successive_draws_uncorrelated(subject: Subject) -> str | None:
    """Neighbors don't depend on one another, nor do rows at one place of successive calls.

    Pairs of rows at one place of two successive calls, next to each other in a call, and half a
    call apart, which is where antithetic or repeated rows lie. In every column two events are
    looked at, whether the value exceeds the median, and whether it is far from it; medians are
    those of other draws. Fisher's test is exact, so the check fails a sound model with the
    probability of its level at most, whatever the law; it passes when a covariance of 0.025 of any
    two such events is excluded at beta, by McDiarmid's inequality.
    """
    pairings = ("at one place of two calls", "next to each other", "half a call apart")
    tests = 2 * subject.width * len(pairings)
    size = pairs_needed(tests, subject.levels, DETECT_COVARIANCE)
    subject.afford(f"{4 * size:,} rows", 4 * size * row_seconds(subject))
    pilot = subject.draw(PILOT_ROWS, "pilot")
    rng = subject.rng("successive")
    one, two = (ordered(once(subject, 2 * size, rng=rng), pilot) for _ in range(2))
    pairs: tuple[Pairs, ...] = ((one, two), (one[0::2], one[1::2]), (one[:size], one[size:]))
    center = np.median(ordered(pilot, pilot), axis=0)
    spread = np.median(np.abs(ordered(pilot, pilot) - center), axis=0)
    largest, high = 0.0, 0.0
    for (where, (left, right)), column in product(
        zip(pairings, pairs, strict=True), range(subject.width)
    ):
        apart = [rows[:, column] - center[column] for rows in (left, right)]
        for event, happened in (
            ("above the median", [distance > 0 for distance in apart]),
            ("far from it", [np.abs(distance) > spread[column] for distance in apart]),
        ):
            found = dependence(*happened, beta=subject.beta)
            if found.pvalue <= subject.level / tests:
                fail(
                    f"rows {where} must be independent; got covariance {found.covariance:.3f} of "
                    f"being {event} in column {column}, of at most 0.25; {len(left):,} pairs, "
                    f"p = {found.pvalue:.2g}, at level {subject.level / tests:.2g}"
                )
            largest, high = max(largest, abs(found.covariance)), max(high, found.high)
    seen = f"covariances of events up to {largest:.3f} in {size:,} pairs of rows or more"
    if high >= DETECT_COVARIANCE:
        undecided(f"{seen}; {DETECT_COVARIANCE:g} isn't excluded (up to {high:.3f})")
    return f"{seen}; {DETECT_COVARIANCE:g} is excluded"


@conformance_check("sampler", statistical=True)
def check_exchangeable(subject: Subject) -> str | None:
    """The place of a row says nothing of its value: not sorted, not grouped by component.

    The first half of a large call against the second, the rows at even places against those at odd
    ones, and the first halves of many small calls against their second halves, where batches are
    sorted one by one. Massart's inequality holds for every law: a sound model fails with the
    probability of the level at most; a Kolmogorov distance of 0.05 in any column is excluded at
    beta when it passes.
    """
    part = subject.during(subject.check, subject.level / 3)
    size = size_to_compare(subject.width, part.levels)
    calls = -(-2 * size // BATCH_CALL)
    _afford_calls(subject, calls, BATCH_CALL, 2 * size)
    pilot = subject.draw(PILOT_ROWS, "pilot")
    rows = ordered(once(subject, 2 * size, "large"), pilot)
    told = [
        decide_same_law(part, rows[:size], rows[size:], "the two halves of a draw"),
        decide_same_law(part, rows[0::2], rows[1::2], "rows at even and at odd places"),
    ]
    pooled = _small_calls(subject, calls, BATCH_CALL, pilot)
    first, second = (half.reshape(-1, subject.width) for half in np.split(pooled, 2, axis=1))
    told.append(decide_same_law(part, first, second, f"the halves of draws of {BATCH_CALL}"))
    return "; ".join(told)


@conformance_check("sampler", statistical=True)
def check_split_invariance(subject: Subject) -> str | None:
    """Many small calls give what one large call gives, pooled, and differ as independent ones do.

    Three comparisons. All rows of the small calls against those of a large one. The means and the
    standard deviations of the small calls against those of as many blocks of the large one, whose
    rows were mixed first: a sampler that matches moments or spreads each call evenly gives calls
    that are too much alike. And each call's mean with the next one's. Massart's inequality and
    Fisher's test hold for every law, so a sound model fails with the probability of the level at
    most; when it passes, distances of 0.05 and 0.3 and a covariance of 0.2 are excluded at beta.
    """
    part = subject.during(subject.check, subject.level / 3)
    width = subject.width
    calls = max(
        size_to_compare(2 * width, part.levels, detect=DETECT_CALLS),
        2 * pairs_needed(width, part.levels, DETECT_NEXT_CALL),
    )
    calls += calls % 2
    each = -(-size_to_compare(width, part.levels) // calls)  # rows a call
    _afford_calls(subject, calls, each, calls * each)
    pilot = subject.draw(PILOT_ROWS, "pilot")
    small = _small_calls(subject, calls, each, pilot)  # (calls, each, d)
    large = ordered(once(subject, calls * each, "large"), pilot)
    blocks = subject.rng("mixed").permutation(large).reshape(small.shape)
    told = [
        decide_same_law(
            part, small.reshape(-1, width), large, f"draws of {each} and one large draw"
        )
    ]
    calls_told = f"means and deviations of draws of {each} and of mixed rows"
    ours, theirs = (
        np.hstack([rows.mean(axis=1), rows.std(axis=1)]) for rows in (small, blocks)
    )  # (calls, 2d)
    told.append(decide_same_law(part, ours, theirs, calls_told, detect=DETECT_CALLS))
    above = small.mean(axis=1) > np.median(blocks.mean(axis=1), axis=0)  # (calls, d)
    for column in range(width):
        found = dependence(above[0::2, column], above[1::2, column], beta=subject.beta)
        seen = (
            f"covariance {found.covariance:.3f} of the means of a draw and of the next one being "
            f"above the median in column {column}, p = {found.pvalue:.2g}"
        )
        if found.pvalue <= part.level / width:
            fail(f"successive draws must be independent; got {seen}, of at most 0.25")
        if found.high >= DETECT_NEXT_CALL:
            undecided(f"{seen}; {DETECT_NEXT_CALL:g} isn't excluded (up to {found.high:.3f})")
    return "; ".join(told)


def _small_calls(
    subject: Subject, calls: int, size: int, pilot: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the rows of many calls with one generator, shape (calls, size, d)."""
    rng = subject.rng("small")
    rows = np.concatenate([once(subject, size, rng=rng) for _ in range(calls)])
    return ordered(rows, pilot).reshape(calls, size, -1)


def _afford_calls(subject: Subject, calls: int, size: int, more: int) -> None:
    """End the check if many small calls, and ``more`` rows at once, are beyond the budget."""
    rng = subject.rng("timed")
    work = f"{TIMED_CALLS} calls for {size} rows"
    each = subject.seconds(work, lambda: [once(subject, size, rng=rng) for _ in range(TIMED_CALLS)])
    seconds = calls * each / TIMED_CALLS + more * row_seconds(subject)
    subject.afford(f"{calls:,} draws of {size} rows and {more:,} at once", seconds)
