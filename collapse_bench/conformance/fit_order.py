"""As a learner: rows have no order, and are learned from rather than kept."""

from __future__ import annotations

import itertools
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, t

from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.fit_contract import same_draws
from collapse_bench.conformance.frame import Frame, frame_of
from collapse_bench.conformance.outcomes import fail, skip, undecided
from collapse_bench.conformance.subject import Subject
from collapse_bench.models import Samples

__all__ = ["check_memorisation", "check_row_order"]

Array = NDArray[np.float64]

ROWS, DRAWS = 500, 1_000
# Where order may matter there are more rows than fit into one batch of a usual training loop.
ORDERED_ROWS = 2_000
# Fits to rows in each of the two orders: 184,756 ways to part 20 fits, so that the smallest
# p-value, 2 / 184,756 for each of two statistics, is below the level of one check.
FITS = 10
# What must be noticed: the draws' location in standard deviations, and the logarithm of their
# spread.
MOVED = 0.5
# The share of draws nearer to a training row than to any held-out row: half for a model that
# learned their law alone. What may be, since cells differ in size, and what must be noticed.
NEARER, MEMORIZED = 0.6, 0.9
LEAST_APART = 100  # draws that aren't equally near to both; with fewer they are all but codes


@conformance_check("learner", statistical=True)
def check_row_order(subject: Subject) -> str | None:
    """The order of the rows is of no matter: a fit to sorted rows is, in law, one to shuffled rows.

    If fits on one stream to the same rows in both orders draw the same, that is shown. Otherwise
    10 models are fitted to rows as drawn and 10 to sorted ones, 2,000 new rows each. Where their
    draws lie and how far they spread is compared by exact permutation of the 20 fits: level alpha
    over the number of statistical checks, two statistics (Bonferroni). A shift by half a standard
    deviation, as a model that learns from its last rows alone shows, is excluded at beta.
    """
    stage = frame_of(subject, subject.check)
    stage.afford(f"{2 * FITS} fits", fits=2 * FITS, size=ORDERED_ROWS, draws=2 * FITS * DRAWS)
    rows = subject.draw(ORDERED_ROWS, "same rows")
    few = [
        subject.draw(DRAWS, "same", model=subject.fit(x, "same"))
        for x in (rows, _sorted(stage.frame, rows))
    ]
    if same_draws(few[0], few[1], rows):
        return (
            f"{DRAWS:,} draws are the same after fits to {ORDERED_ROWS:,} rows as drawn and sorted"
        )
    if 4 / comb(2 * FITS, FITS) > subject.level:
        undecided(f"the level of {subject.level:.2g} is too small for an exact test: raise alpha")
    groups = []
    for order in ("drawn", "sorted"):
        for r in range(FITS):
            rows = subject.draw(ORDERED_ROWS, order, r, "rows")
            given = _sorted(stage.frame, rows) if order == "sorted" else rows
            drawn = subject.draw(DRAWS, order, r, model=subject.fit(given, order, r))
            groups.append((stage.frame.location(drawn), stage.frame.spread(drawn)))
    values = np.array(groups)  # (2 FITS, 2)
    bounds = []
    for name, column in zip(("location", "log spread"), values.T, strict=True):
        gap = float(column[FITS:].mean() - column[:FITS].mean())
        pvalue = parting_pvalue(column)
        told = f"{name} of the draws moved by {gap:.3g} when rows were sorted"
        if 2 * pvalue <= subject.level:
            fail(
                f"the order of the rows must not matter to fit; got {told}, p = {pvalue:.2g} at "
                f"level {subject.level / 2:.2g}, over {2 * FITS} fits"
            )
        error = np.sqrt((column[:FITS].var(ddof=1) + column[FITS:].var(ddof=1)) / FITS)
        bounds.append((abs(gap) + float(t.isf(subject.beta, FITS - 1)) * float(error), told))
    high, told = max(bounds)
    if high >= MOVED:
        undecided(f"{told}; up to {high:.2g} isn't excluded, {MOVED:g} must be")
    return f"{told}, over {2 * FITS} fits{stage.frame.left_out}"


@conformance_check("learner", statistical=True)
def check_memorisation(subject: Subject) -> str | None:
    """Draws are no nearer to the rows of the fit than to as many rows that it never saw.

    A draw of a law is as often nearest to the one as to the other. Of draws after a fit to 500
    rows, .6 may be nearer to a training row, and .9 must be noticed: binomial, over the draws that
    aren't equally near to both, as those of rounded data often are. Memorizing is keeping rows or
    their near copies: a kernel narrower than the gaps between rows does it too, a wider one
    doesn't, whatever else is wrong with it. Codes are skipped, since all draws of a state are
    alike, and so are numbers of which nine draws in ten are equally near to both.
    """
    stage = frame_of(subject, subject.check)
    if subject.kind == "codes":
        skip("the model makes codes: a draw can't be told from a copy")
    stage.afford("one fit", fits=1, size=ROWS)
    rows, others = subject.draw(ROWS, "rows"), subject.draw(ROWS, "held out")
    draws = subject.draw(DRAWS, "draws", model=subject.fit(rows))
    scored = [stage.frame.scores(x) for x in (draws, rows, others)]
    near, apart = nearer(scored[0], scored[1], scored[2])
    told = (
        f"{near} of {apart} draws are nearer to one of {ROWS} training rows than to any of as many "
        "others"
    )
    pvalue = float(binom.sf(near - 1, apart, NEARER))
    if apart < LEAST_APART:
        skip(f"the model makes few different values: {told}, and {DRAWS - apart} equally near")
    if pvalue <= subject.level:
        fail(
            f"a fit must not keep its rows, {NEARER:g} of the draws may be nearer; got {told}, "
            f"p = {pvalue:.2g} at level {subject.level:.2g}"
        )
    if float(binom.cdf(near, apart, MEMORIZED)) > subject.beta:
        undecided(f"{told}; {MEMORIZED:g} isn't excluded")
    return told + stage.frame.left_out


def nearer(draws: Array, rows: Array, others: Array) -> tuple[int, int]:
    """Return how many draws are nearer to one of ``rows``, and how many aren't equally near."""
    from scipy.spatial import cKDTree

    ours, theirs = (cKDTree(x).query(draws)[0] for x in (rows, others))
    return int((ours < theirs).sum()), int((ours != theirs).sum())


def parting_pvalue(values: Array) -> float:
    """Return the exact two-sided p-value of the difference between two halves of ``values``.

    Parameters
    ----------
    values : shape (2 r,)
        The first r against the others, by their sums; every way to part them counts once.
    """
    half = len(values) // 2
    sums = values[_partings(len(values))].sum(axis=1)
    center = values.sum() / 2
    far = np.abs(sums - center)
    seen = abs(values[:half].sum() - center)
    return float((far >= seen * (1 - 1e-12)).mean())  # rounding of sums in another order


@lru_cache(maxsize=2)
def _partings(count: int) -> NDArray[np.intp]:
    return np.array(list(itertools.combinations(range(count), count // 2)))


def _sorted(frame: Frame, rows: Samples) -> Samples:
    return rows[np.argsort(frame.scores(rows)[:, 0], kind="stable")]
