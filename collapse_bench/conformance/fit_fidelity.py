"""As a learner: what one fit loses of a law that the model can represent, measured exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.frame import Stage, frame_of
from collapse_bench.conformance.laws import compare
from collapse_bench.conformance.outcomes import fail, undecided
from collapse_bench.conformance.projections import View
from collapse_bench.conformance.regions import regions
from collapse_bench.conformance.subject import Subject
from collapse_bench.models import Samples

__all__ = ["check_consistency", "check_one_step_fidelity"]

Array = NDArray[np.float64]

# A fit is judged by so many rows at least, as the founding question is asked of large samples.
LEAST_ROWS = 100_000
MOST_ROWS, MOST_VALUES = 2**20, 2**25
# What of the variance may be lost in one fit, and what must be noticed.
VARIANCE = (0.01, 0.03)
# From this kurtosis on the variance of a sample isn't near normal; values are held within the
# outermost 1 % at each end, as a gate does (docs/gate.md).
HEAVY, HELD = 6.0, 0.01
# How often a defect of ``detect`` is shown.
POWER = 0.99
# Kolmogorov distances of a law fitted to LEAST_ROWS or more: those of an empirical law are below
# the first except once in 10^8 (Massart's inequality), and a shift of a normal law by a tenth of
# its standard deviation is .04.
NEAR, FAR = 0.01, 0.03
SMALL_ROWS, FEW_DRAWS = 200, 10_000


@dataclass(frozen=True)
class Finding:
    """One comparison of draws with the rows of the fit.

    Attributes
    ----------
    what
        What was compared, in words.
    loss
        What share of it is missing; negative: grown.
    effects
        The loss that may be and the one that must be noticed, on the scale of logarithms: growth
        by 1 / (1 - loss) counts as much.
    fails
        The smaller p-value of "no more lost, no more grown than may be", for two directions.
    passes
        The larger p-value of "lost, grown as much as must be noticed".
    """

    what: str
    loss: float
    effects: tuple[float, float]
    fails: float
    passes: float

    def __str__(self) -> str:
        change = f"lost {self.loss:.3g}" if self.loss >= 0 else f"grew by {-self.loss:.3g}"
        return f"{self.what} {change} (may be {self.effects[0]:g}, detected {self.effects[1]:g})"


@conformance_check("learner", statistical=True)
def check_one_step_fidelity(subject: Subject) -> str | None:
    """One fit loses and adds no variance and no tail: of any principal axis, of some joint ones.

    Fitted to n >= 100,000 draws of the ready model, a law that it can represent, n draws of the
    fitted model are held against those rows. Along each principal axis: the variance (.01 of it
    may be lost or gained, .03 is noticed), the outermost 5 %, 0.5 % and 0.05 %, both ends together
    (.25, .5 and .75 of them are noticed), and half of the first two at each end by itself (.4 and
    .75). Of two axes or more,
    which may depend on one another, also the variance along two random directions, of two products
    of scores (their roots, with their sign) and of the distance from the center, and its outermost
    5 %, 0.5 % and 0.05 %. Of codes: the rarest 5 %, 0.5 % and 0.05 %, and every state of 5 % or
    more (.1).

    Some counts may fail, and a loss there isn't excluded: the outermost 0.025 % at each end, what
    lies beyond a value that most of an end shares, and values twice as far out as any of 20,000
    draws. Where the kurtosis of those draws, or of rows and draws together, is beyond 6, the
    variance is that of values held within the outermost 1 % at each end: a few far values would
    decide it otherwise.

    Variances are compared by a normal test of their log-ratio, regions by counts, binomial given
    their sum. Both take rows and draws as independent samples; a fit that is as sure as the rows'
    own moments brings them nearer, and failures are rarer. Axes and regions come from other draws.
    Failing takes the check's level over twice the number of comparisons (Bonferroni), passing
    takes all of them at beta. n is planned so that a sound model is decided, and a loss of .03 of
    the variance fails in 99 %.
    """
    stage = frame_of(subject, "fidelity")
    view, rows, draws = _large_fit(stage)
    findings = list(_findings(view, rows, draws))
    worst = min(findings, key=lambda found: found.fails)
    level = subject.level / (2 * len(findings))
    sizes = f"n = {len(draws):,} draws after a fit to as many rows"
    if worst.fails <= level:
        fail(
            f"one fit must keep what it was shown; got {worst}, p = {worst.fails:.2g} at level "
            f"{level:.2g}; {sizes}{stage.frame.left_out}"
        )
    weakest = max(findings, key=lambda found: found.passes)
    if weakest.passes > subject.beta:
        undecided(f"{weakest}: neither is shown; p = {weakest.passes:.2g}, {sizes}")
    variances = [found.loss for found in findings if "variance" in found.what]
    shown = max([*map(abs, variances), 0.0])
    told = f"the variance kept within {shown:.2g}, " if variances else ""
    return f"{told}{len(findings)} comparisons, {sizes}{stage.frame.left_out}"


@conformance_check("learner", statistical=True)
def check_consistency(subject: Subject) -> str | None:
    """With enough rows a fit comes near to the truth: along its principal axes, and jointly.

    Fitted to n >= 100,000 rows, the fitted law must be within .01 of the truth in Kolmogorov
    distance, which n rows themselves are; .03 is excluded at beta, such as a mean that moves by a
    tenth of a standard deviation in each fit. 100,000 draws of both are compared along each axis,
    and of two axes or more along two random directions, by two products of scores and by the
    distance from the center, with Massart's bound, valid for every law. The distance after a fit
    to 200 rows stands beside it.
    """
    stage = frame_of(subject, "fidelity")
    view, rows, draws = _large_fit(stage)
    shared = stage.subject
    truth = view.columns(shared.draw(LEAST_ROWS, "truth"))
    found = compare(view.columns(draws[:LEAST_ROWS]), truth, beta=subject.beta)
    few = shared.fit(shared.draw(SMALL_ROWS, "few"), "few")
    small = compare(
        view.columns(shared.draw(FEW_DRAWS, "few draws", model=few)),
        truth,
        beta=subject.beta,
    )
    pvalue = far_pvalue(found.distance, truth.shape[1])
    where = f" {view.names[found.column]}".rstrip()
    told = (
        f"{found.distance:.4f} from the truth{where} after a fit to {len(rows):,} rows, "
        f"{small.distance:.3f} after one to {SMALL_ROWS}{stage.frame.left_out}"
    )
    if pvalue <= subject.level:
        fail(
            f"with more rows a fit must come nearer to the truth, within {NEAR:g} in Kolmogorov "
            f"distance; got {told}; p = {pvalue:.2g} at level {subject.level:.2g}"
        )
    if found.high >= FAR:
        undecided(f"{told}: a distance of {FAR:g} isn't excluded (up to {found.high:.3f})")
    return told


def far_pvalue(distance: float, columns: int) -> float:
    """Return the p-value of two laws being within ``NEAR`` in each of some columns.

    What two samples of LEAST_ROWS each are farther apart than their laws is a matter of chance:
    Massart's bound with n = m, and Bonferroni's over the columns.
    """
    gap = max(0.0, distance - NEAR)
    return min(1.0, 2 * columns * math.exp(-(gap**2) * LEAST_ROWS))


def _large_fit(stage: Stage) -> tuple[View, Samples, Samples]:
    """Return the view, the rows of a large fit and as many draws of what was fitted, made once."""
    if "large fit" not in stage.kept:
        shared = stage.subject
        view = View.of(stage.frame, shared.rng("directions"))
        size = rows_needed(view, shared)
        stage.afford(f"a fit to {size:,} rows", fits=1, size=size, draws=3 * size)
        rows = shared.draw(size, "rows")
        draws = shared.draw(size, "draws", model=shared.fit(rows))
        stage.kept["large fit"] = view, rows, draws
    kept: tuple[View, Samples, Samples] = stage.kept["large fit"]
    return kept


def rows_needed(view: View, subject: Subject) -> int:
    """Return n, by the truth's kurtosis, its tails and the number of comparisons."""
    columns = 0 if len(view.frame.states) else view.pilot.shape[1]
    counted = list(regions(view))
    count = len(counted) + columns
    sure = -float(ndtri(subject.levels.miss / count))
    passing = -float(ndtri(subject.beta)) + sure
    failing = -float(ndtri(subject.level / (2 * count))) + float(ndtri(POWER))
    needed = [float(LEAST_ROWS)]
    if columns:
        tolerate, detect = (-math.log1p(-loss) for loss in VARIANCE)
        spread = max(_kurtosis(_held(x, x, x)[0]) for x in view.pilot.T) - 1
        needed.append(2 * spread * max(failing / (detect - tolerate), passing / detect) ** 2)
    for region in counted:
        if region.excludes:
            needed.append(2 / region.share * (passing / math.log1p(-region.effects[1])) ** 2)
    most = min(MOST_ROWS, MOST_VALUES // subject.width)
    return int(min(most, math.ceil(max(needed))))


def _findings(view: View, rows: Samples, draws: Samples) -> Iterator[Finding]:
    ours, theirs = view.columns(draws), view.columns(rows)
    if not len(view.frame.states):
        for k, where in enumerate(view.names):
            yield _variances(view.pilot[:, k], ours[:, k], theirs[:, k], where)
    for region in regions(view):
        inside = region.holds(draws, ours), region.holds(rows, theirs)
        found = _count(region.what, inside[0], inside[1], region.effects)
        yield found if region.excludes else replace(found, passes=0.0)


def _variances(pilot: Array, ours: Array, theirs: Array, where: str) -> Finding:
    samples = _held(pilot, ours, theirs)
    what = "the variance" if samples[0] is ours else "the variance (values held in)"
    what = f"{what} {where}".rstrip()
    shown, given = (float(x.var()) for x in samples)
    error = math.sqrt(sum((_kurtosis(x) - 1) / len(x) for x in samples)) if given > 0 else 0.0
    if not error > 0:  # only rare values vary, or two equally often: those are counted
        return Finding(what, 0.0, VARIANCE, fails=1.0, passes=0.0)
    effects = tuple(-math.log1p(-loss) for loss in VARIANCE)
    ratio = math.log(shown / given) if shown > 0 else -math.inf
    return Finding(
        what,
        1 - math.exp(ratio),
        VARIANCE,
        fails=float(ndtr((effects[0] - abs(ratio)) / error)),
        passes=float(ndtr((abs(ratio) - effects[1]) / error)),
    )


def _count(
    what: str, ours: NDArray[np.bool_], theirs: NDArray[np.bool_], effects: tuple[float, float]
) -> Finding:
    """Compare how often a region is met, by the binomial law of one count given the sum.

    Given the sum, counts of rare events are binomial; those of frequent ones vary less, so that
    both p-values are upper bounds.
    """
    tolerate, detect = effects
    shown, given = int(ours.sum()), int(theirs.sum())
    loss = 1 - shown / given if given else (-math.inf if shown else 0.0)
    fewer, more = min(shown, given), max(shown, given)
    return Finding(
        what,
        loss,
        (tolerate, detect),
        fails=float(binom.cdf(fewer, fewer + more, _share(tolerate))),
        passes=float(binom.sf(fewer - 1, fewer + more, _share(detect))),
    )


def _share(loss: float) -> float:
    """Return the share of the smaller of two counts if it lost ``loss`` of the larger."""
    return (1 - loss) / (2 - loss)


def _held(pilot: Array, ours: Array, theirs: Array) -> tuple[Array, Array]:
    """Return two samples as they are, or held within the pilot's outermost 1 % if heavy.

    A mode so rare that the pilot has none of it shows in rows and draws together. These decide as
    one sample, so that the choice prefers neither.
    """
    if max(_kurtosis(pilot), _kurtosis(np.concatenate([ours, theirs]))) <= HEAVY:
        return ours, theirs
    low, high = np.quantile(pilot, [HELD, 1 - HELD])
    return ours.clip(low, high), theirs.clip(low, high)


def _kurtosis(values: Array) -> float:
    squares = np.square(values - values.mean())
    square = float(squares.mean())
    return float(np.square(squares).mean()) / square**2 if square > 0 else 1.0
