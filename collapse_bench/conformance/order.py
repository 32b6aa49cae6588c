"""Checks that rows are independent and in no order, and that calls may be split at will."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.conformance.calls import once, ordered, row_seconds
from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.dependence import dependence, pairs_needed
from collapse_bench.conformance.laws import decide_same_law, size_to_compare
from collapse_bench.conformance.outcomes import fail, undecided
from collapse_bench.conformance.subject import Subject
from collapse_bench.generation import BATCH

__all__ = [
    "check_exchangeable",
    "check_split_invariance",
    "check_successive_draws_uncorrelated",
]

# Covariance of two events that must not get through; the largest there is is 1/4.
DETECT_COVARIANCE = 0.025
LAGS = (1, 2, 3, 4, 5, 7, 8, 10, 16, 32, 64, 100, 128)
MOST_PARTNERS = 8  # columns that each column is paired with, itself among them
# Rows behind the medians that cut the line into events; independent of all that is tested.
PILOT_ROWS = 2_001
BATCH_CALL = 200  # rows of a call whose halves are compared
# Kolmogorov distance between the laws of what is measured of small calls and of blocks. It is
# 1/2 for calls whose mean is always the same, and 0.05 would take 36 times as many calls.
DETECT_CALLS = 0.3
# The same for the covariance of one call's mean with the next one's.
DETECT_NEXT_CALL = 0.2
TIMED_CALLS = 5  # behind the measured cost of a small one
# The same for the covariance of the means, or the deviations, of the two halves of a large call.
DETECT_HALVES = 0.2
# Values of all large calls together, where that leaves them this many rows each.
LARGE_VALUES, LARGE_CALL = 2_000_000, 1_024
MEDIAN_CALLS = 64  # more of them, behind the medians that cut their moments into events

Events = NDArray[np.bool_]  # (n, d)


@conformance_check("sampler", statistical=True)
def check_successive_draws_uncorrelated(subject: Subject) -> str | None:
    """Rows a few places apart, half a call apart or in successive calls don't depend on each other.

    Pairs of rows at one place of two successive calls, half a call apart, where antithetic or
    repeated rows lie, and 1, 2, 3, 4, 5, 7, 8, 10, 16, 32, 64, 100 and 128 places apart, where
    those of chains and batches do. Two events are looked at, whether the value exceeds the median,
    and whether it is far from it; medians are those of other draws. A column of one row is paired
    with every column of the other, or of many with itself and seven others at random. Fisher's
    test is exact, so the check fails a sound model with the probability of its level at most,
    whatever the law; it passes when a covariance of 0.025 of any two such events is excluded at
    beta, by McDiarmid's inequality.
    """
    partners = _partners(subject)
    tests = 2 * subject.width * len(partners) * (2 + len(LAGS))
    size = pairs_needed(tests, subject.levels, DETECT_COVARIANCE)
    rows = 2 * (size + max(LAGS))  # of a call; what is over fills the last pairs of a lag
    subject.afford(f"{2 * rows:,} rows", 2 * rows * row_seconds(subject))
    pilot = subject.draw(PILOT_ROWS, "pilot")
    rng = subject.rng("successive")
    calls = [ordered(once(subject, rows, rng=rng), pilot) for _ in range(2)]
    center = np.median(ordered(pilot, pilot), axis=0)
    spread = np.median(np.abs(ordered(pilot, pilot) - center), axis=0)
    events = {
        "above the median": [call > center for call in calls],
        "far from it": [np.abs(call - center) > spread for call in calls],
    }
    largest, high = 0.0, 0.0
    for event, happened in events.items():
        for where, left, right in _paired(*happened):
            for shift in partners:
                for column in _suspects(left, np.roll(right, -shift, axis=1)):
                    other = (column + shift) % subject.width
                    found = dependence(left[:, column], right[:, other], beta=subject.beta)
                    if found.pvalue <= subject.level / tests:
                        within = f"column {column}" + (f" and column {other}" if shift else "")
                        fail(
                            f"rows {where} must be independent; got covariance "
                            f"{found.covariance:.3f} of being {event} in {within}, of at most "
                            f"0.25; {len(left):,} pairs, p = {found.pvalue:.2g}, at level "
                            f"{subject.level / tests:.2g}"
                        )
                    largest = max(largest, abs(found.covariance))
                    high = max(high, found.high)
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

    Four comparisons. All rows of the small calls against those of a large one. The means and the
    standard deviations of the small calls against those of as many blocks of the large one, whose
    rows were mixed first: a sampler that matches moments or spreads each call evenly gives calls
    that are too much alike. Each call's mean with the next one's. And of calls of 8,192 rows,
    fewer if rows are wide or slow, the mean and the deviation of one half of the rows, at random,
    with those of the other: where a call's moments are matched, one half makes up for the other.
    Massart's inequality and Fisher's test hold for every law, so a sound model fails with the
    probability of the level at most; when it passes, distances of 0.05 and 0.3 and covariances of
    0.2 are excluded at beta. Where the budget affords no calls of 1,024 rows, the remark says so.
    """
    part = subject.during(subject.check, subject.level / 4)
    width = subject.width
    calls = max(
        size_to_compare(2 * width, part.levels, detect=DETECT_CALLS),
        2 * pairs_needed(width, part.levels, DETECT_NEXT_CALL),
    )
    calls += calls % 2
    each = -(-size_to_compare(width, part.levels) // calls)  # rows a call
    spent = _afford_calls(subject, calls, each, calls * each)
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
    ours, theirs = _moments(small), _moments(blocks)  # (calls, 2d)
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
    told.append(_halves_of_large_calls(part, pilot, (subject.budget - spent) / 2))
    return "; ".join(told)


def _halves_of_large_calls(part: Subject, pilot: NDArray[Any], budget: float) -> str:
    """Fail if the moments of one half of a large call depend on those of the other."""
    width = part.width
    tests = 2 * width  # the mean and the deviation of every column
    calls = pairs_needed(tests, part.levels, DETECT_HALVES)
    total = calls + MEDIAN_CALLS
    wanted = min(BATCH, max(LARGE_CALL, LARGE_VALUES // (total * width)))
    affordable = int(budget / total / max(row_seconds(part), 1e-12))
    size = min(wanted, affordable) // 2 * 2
    if size < LARGE_CALL:
        return f"calls of {LARGE_CALL:,} rows weren't looked at, for want of budget"
    mixed, rng = part.rng("halves").permutation(size), part.rng("calls")
    halves = np.array(
        [
            _moments(ordered(once(part, size, rng=rng), pilot)[mixed].reshape(2, -1, width))
            for _ in range(total)
        ]
    )  # (total, 2, 2d)
    middle = np.median(halves[calls:], axis=(0, 1))  # of calls that are not compared
    above = halves[:calls] > middle
    for column in range(tests):
        found = dependence(above[:, 0, column], above[:, 1, column], beta=part.beta)
        what = "means" if column < width else "deviations"
        seen = (
            f"covariance {found.covariance:.3f} of the {what} of two halves of a draw of {size:,} "
            f"being above the median in column {column % width}, p = {found.pvalue:.2g}"
        )
        if found.pvalue <= part.level / tests:
            fail(f"the halves of a large draw must be independent; got {seen}, of at most 0.25")
        if found.high >= DETECT_HALVES:
            undecided(f"{seen}; {DETECT_HALVES:g} isn't excluded (up to {found.high:.3f})")
    return f"halves of {calls} draws of {size:,} are independent"


def _moments(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means and then the standard deviations of groups of rows, (groups, 2d)."""
    return np.hstack([rows.mean(axis=1), rows.std(axis=1)])


def _partners(subject: Subject) -> list[int]:
    """Return how many columns further on the ones lie that each column is paired with."""
    width = subject.width
    if width <= MOST_PARTNERS:
        return list(range(width))
    others = subject.rng("partners").choice(width - 1, MOST_PARTNERS - 1, replace=False)
    return [0, *(int(shift) + 1 for shift in others)]


def _paired(one: Events, two: Events) -> Iterator[tuple[str, Events, Events]]:
    """Yield the events of pairs of rows, no row in two of them, and where the pairs lie."""
    yield "at one place of two calls", one, two
    half = len(one) // 2
    yield "half a call apart", one[:half], one[half:]
    for lag in LAGS:
        blocks = one[: len(one) // (2 * lag) * 2 * lag].reshape(-1, 2, lag, one.shape[1])
        left, right = (blocks[:, side].reshape(-1, one.shape[1]) for side in range(2))
        yield ("next to each other" if lag == 1 else f"{lag} places apart"), left, right


def _suspects(left: Events, right: Events) -> set[int]:
    """Return the columns of the largest covariance and of the largest one for its deviation.

    The first has the largest bound of all, the second about the smallest p-value. Others needn't
    be looked at: a p-value that nobody sees fails no model.
    """
    shares = [side.mean(axis=0) for side in (left, right)]
    sizes = np.abs((left & right).mean(axis=0) - shares[0] * shares[1])
    spread = np.sqrt(np.prod([share * (1 - share) for share in shares], axis=0))
    scaled = np.divide(sizes, spread, out=np.zeros_like(sizes), where=spread > 0)
    return {int(sizes.argmax()), int(scaled.argmax())}


def _small_calls(
    subject: Subject, calls: int, size: int, pilot: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the rows of many calls with one generator, shape (calls, size, d)."""
    rng = subject.rng("small")
    rows = np.concatenate([once(subject, size, rng=rng) for _ in range(calls)])
    return ordered(rows, pilot).reshape(calls, size, -1)


def _afford_calls(subject: Subject, calls: int, size: int, more: int) -> float:
    """Return the seconds of many small calls and ``more`` rows; end the check if it has fewer."""
    rng = subject.rng("timed")
    work = f"{TIMED_CALLS} calls for {size} rows"
    each = subject.seconds(work, lambda: [once(subject, size, rng=rng) for _ in range(TIMED_CALLS)])
    seconds = calls * each / TIMED_CALLS + more * row_seconds(subject)
    subject.afford(f"{calls:,} draws of {size} rows and {more:,} at once", seconds)
    return seconds
