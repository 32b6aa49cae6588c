"""Checks of ``log_prob``: its form, whether it is the draws' own density, and its total mass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import beta as beta_law

from collapse_bench.adapters import name_of
from collapse_bench.conformance.calls import as_plain, row_seconds
from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.outcomes import fail, skip, undecided
from collapse_bench.conformance.proposal import KernelMixture
from collapse_bench.conformance.quadrature import Density, Steps, edges_around, integrate
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import ModelError
from collapse_bench.generation import calling

__all__ = ["check_log_prob_calibration", "check_log_prob_normalized", "check_log_prob_shape"]

ROWS = 257
FAR = 10.0  # probes lie so many times further from the middle than draws
SINGLES = 5
# How far a row's log-density may depend on the rows beside it, for its size plus one: rounding.
ROUNDING, ROUNDING_SINGLE = 1e-6, 1e-4
TIMED_ROWS = 1_000

CENTERS = 300  # kernels of the proposal
PILOT_ROWS = 2_000
LEVEL_SETS = 8
DETECT_SHARE = 0.1  # of the overlap with the proposal; see check_log_prob_calibration
FIRST_SIZE, MOST_ROWS = 5_000, 320_000
DETECT_FREQUENCY = 0.03
STATE_ROWS = 20_000

# Cells along a side, doublings beyond the draws, tolerance of the total, and points, by d.
GRID = {1: (64, 40, 1e-3, 400_000), 2: (8, 8, 5e-3, 1_500_000)}
STEPS = {1: 2_000, 2: 150}  # cells along a side of the steps that bound a total from above, by d
SUM_TOLERANCE = 1e-6  # of probabilities: far above rounding, far below any state meant
SURE = 1e-9  # a coincidence this rare counts as a defect


@conformance_check("sampler")
def check_log_prob_shape(subject: Subject) -> str | None:
    """``log_prob(samples)`` returns one real number a row, for that row alone.

    Shape (n,), no NaN and no +inf, finite on the model's own draws; probes ten times further out
    may be refused with an error or given -inf. The input stays as it was. A row's value doesn't
    change with the rows beside it, beyond rounding: 1e-6 of its size, 1e-4 in single precision.
    Never wrong about a sound model.
    """
    _has_log_prob(subject)
    rows = subject.draw(ROWS, "rows")
    given = rows.copy()
    name = name_of(subject.model)
    with calling(subject.model, f"log_prob(samples of shape {rows.shape})"):
        found = subject.model.log_prob(given)
    if given.shape != rows.shape or not np.array_equal(given, rows):
        fail(f"{name}.log_prob must leave its samples as they are; it changed them")
    plain = as_plain(f"{name}.log_prob(samples)", found)
    if plain.shape != (ROWS,) or plain.dtype.kind not in "fiu":
        fail(
            f"{name}.log_prob must return ({ROWS},) real numbers for {ROWS} samples; "
            f"got shape {plain.shape}, dtype {plain.dtype}"
        )
    values = plain.astype(np.float64)
    if not np.isfinite(values).all():
        place = int(np.argmax(~np.isfinite(values)))
        fail(
            f"{name}.log_prob must be finite on the model's own draws; got {values[place]} at "
            f"{rows[place]}"
        )
    if subject.kind == "numbers":
        middle = np.median(rows, axis=0)
        probes = middle + FAR * (rows - middle)
        try:
            far = log_prob(subject, probes)
        except ModelError:  # a library may refuse what lies outside the support
            far = np.zeros(0)
        if np.isnan(far).any() or np.isposinf(far).any():
            place = int(np.argmax(np.isnan(far) | np.isposinf(far)))
            fail(
                f"{name}.log_prob must return a number or -inf for every row; got {far[place]} "
                f"at {probes[place]}"
            )
    # Whatever type they come in, numbers that single precision holds were computed in it.
    single = np.array_equal(values, values.astype(np.float32))
    tolerance = ROUNDING_SINGLE if single else ROUNDING
    parts = [slice(place, place + 1) for place in range(SINGLES)] + [slice(None, None, 2)]
    for part in parts:
        alone = log_prob(subject, rows[part])
        gaps = np.abs(alone - values[part]) / (1 + np.abs(values[part]))
        if not gaps.max() <= tolerance:
            fail(
                f"{name}.log_prob must give a row the same value whatever rows come with it; got "
                f"{alone[gaps.argmax()]:.9g} in a call for {len(alone)} rows and "
                f"{values[part][gaps.argmax()]:.9g} in one for {ROWS}"
            )
    return f"{ROWS} rows, finite, each on its own"


@conformance_check("sampler", statistical=True)
def check_log_prob_calibration(subject: Subject) -> str | None:
    r"""``log_prob`` is the density that ``sample`` draws from: P(log_prob < t) is the same.

    Take a proposal with known density q, here kernels around other draws. If p = exp(log_prob) is
    the density of the draws then for every set S, with r = p / (p + q),

    .. math:: E_{draws}[(1 - r) 1_S] = E_q[r 1_S] = \int_S p q / (p + q),

    the identity behind bridge sampling [1]_. Both sides are means of numbers in [0, 1], so the
    empirical Bernstein bound [2]_ holds for every law and size, where plain importance weights
    have no bound. S runs over the sets where log_prob is below each of eight thresholds, the last
    one everything. Were log_prob off by a constant c, the sides would differ by 1 - exp(-c) of
    the second. The check fails at its level, and passes when a difference of a tenth of the
    overlap, the integral over everything, is excluded at beta; the size is planned from a pilot.

    For codes, and numbers with repeated values, the frequencies of nested sets of states are
    compared with the sums of exp(log_prob) over them, by Massart's inequality, up to 0.03: of the
    level sets, and of those where log_prob exceeds the log-frequency in other draws by the most.

    References
    ----------
    .. [1] X.-L. Meng and W. H. Wong, "Simulating ratios of normalizing constants via a simple
       identity", Statistica Sinica 6 (1996), 831-860.
    .. [2] A. Maurer and M. Pontil, "Empirical Bernstein bounds and sample variance penalization",
       COLT (2009), theorem 4.
    """
    _has_log_prob(subject)
    pilot = subject.draw(PILOT_ROWS, "pilot")
    if _atomic(pilot):
        return _frequencies(subject)
    centers = subject.draw(CENTERS, "centers")
    if (np.ptp(centers, axis=0) == 0).any() or _atomic(centers):
        skip("the model draws constants, which have no density")
    proposal = KernelMixture.around(centers)
    rng = subject.rng("proposal")
    ours = log_prob(subject, pilot)
    thresholds = np.append(np.quantile(ours, np.arange(1, LEVEL_SETS) / LEVEL_SETS), np.inf)
    sides = _bridge(subject, proposal, pilot, thresholds, rng)
    size = _planned_size(subject, *sides)
    each = row_seconds(subject) + 2 * _log_prob_seconds(subject)
    subject.afford(f"{size:,} draws and twice as many densities", size * each)
    left, right = _bridge(subject, proposal, subject.draw(size, "draws"), thresholds, rng)
    gaps = np.abs(left.mean(axis=0) - right.mean(axis=0))  # (thresholds,)
    margins = _margins(left, right, subject.level / LEVEL_SETS)
    worst = int(np.argmax(gaps - margins))
    told = (
        f"sets below thresholds of log_prob hold shares that differ by {gaps[worst]:.4f} between "
        f"draws and density, of an overlap of {right[:, -1].mean():.3f}; n = {size:,}"
    )
    if gaps[worst] > margins[worst]:
        fail(
            f"log_prob must be the density that sample draws from: {told}, at most "
            f"{margins[worst]:.4f} by chance at level {subject.level:.2g}"
        )
    high = float((gaps + _margins(left, right, subject.beta / 2)).max())
    least = right[:, -1].mean() - _bernstein(right[:, -1:], subject.beta / 2)[0]
    if high >= DETECT_SHARE * least:
        undecided(
            f"{told}; a difference of {DETECT_SHARE:g} of the overlap isn't excluded "
            f"({high:.4f} of {least:.3f})"
        )
    return f"{told}; at most {high / least:.2f} of the overlap"


@conformance_check("sampler")
def check_log_prob_normalized(subject: Subject) -> str | None:
    """The density has total mass one: by quadrature in one or two dimensions, by a sum for codes.

    Cells begin at quantiles of draws and reach out by doubling steps; each is halved until it
    agrees with its parts. The total may exceed one by 0.001 in one dimension and 0.005 in two, and
    by the error estimate. It falls short too where no point meets some mode; then draws decide. If
    p = exp(log_prob) is their density, E_draws[min(1, g / p)] is the integral of min(p, g), so at
    most that of g, for any g >= 0. Here g is constant in each of many cells, p in its middle. A
    mean above the integral of g, by more than the empirical Bernstein bound at 1e-9, is a failure:
    from shortfalls of about 0.01 on in one dimension and 0.03 in two. Smaller ones are
    inconclusive. For codes without ``states``, and for numbers with repeated values, the sum runs
    over the states seen in 20,000 draws, and what may be missing is bounded by how often 20,000
    others fall outside. With more columns it is skipped.
    """
    _has_log_prob(subject)
    subject.afford(f"{2 * STATE_ROWS:,} draws", 2 * STATE_ROWS * row_seconds(subject))
    rows = subject.draw(STATE_ROWS, "rows")
    if _atomic(rows):
        return _summed(subject, rows)
    if subject.width not in GRID:
        skip(f"quadrature takes one or two columns; the model has {subject.width}")
    cells, doublings, tolerance, most = GRID[subject.width]
    seconds = _log_prob_seconds(subject)
    affordable = int(subject.budget / max(seconds, 1e-12))
    edges = [edges_around(column, cells=cells, doublings=doublings) for column in rows.T]
    least = math.prod(len(each) for each in edges) * 2 * (8 if subject.width == 1 else 100)
    subject.afford(f"quadrature at {least:,} points", least * seconds)

    def density(points: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):
            heights = np.exp(log_prob(subject, points))
        if np.isposinf(heights).any():
            fail(f"exp(log_prob) must be finite; got inf at {points[np.argmax(heights)]}")
        # So far out that squares overflow there is nothing to be summed.
        return np.nan_to_num(heights, nan=0.0)

    try:
        found = integrate(density, edges, tolerance=tolerance / 4, most=min(most, affordable))
    except ModelError as error:
        skip(f"log_prob can't be summed where nothing is drawn: {error}")
    told = (
        f"the integral of exp(log_prob) is {found.value:.5f}, with error {found.error:.1g} by "
        f"quadrature at {found.calls:,} points"
    )
    if found.value - 1 > tolerance + found.error:
        fail(f"exp(log_prob) must integrate to 1 within {tolerance:g}: {told}")
    if 1 - found.value > tolerance + found.error:
        points = STEPS[subject.width] ** subject.width + STATE_ROWS
        subject.afford(f"the density of {points:,} more points", points * seconds)
        bound = _most_mass(density, rows, subject.draw(STATE_ROWS, "fresh"))
        if bound < 1:
            fail(
                f"exp(log_prob) must integrate to 1 within {tolerance:g}: {told}; "
                f"{STATE_ROWS:,} draws bound it by {bound:.4f}, whatever modes it has"
            )
        undecided(
            f"{told}: less than 1, which is a defect unless a mode is too narrow or too far off to "
            "be met by a point; check_log_prob_calibration tells"
        )
    if found.error > tolerance:
        undecided(f"{told}: too rough to tell within {tolerance:g}")
    return told


def log_prob(subject: Subject, rows: NDArray[Any]) -> NDArray[np.float64]:
    """Return the model's log-density of ``rows``, shape (n,), copied.

    Raises
    ------
    ModelError
        If it raises or returns anything but as many numbers.
    """
    name = name_of(subject.model)
    with (
        calling(subject.model, f"log_prob(samples of shape {rows.shape})"),
        np.errstate(all="ignore"),  # far out squares overflow, and exp underflows
    ):
        found = subject.model.log_prob(rows.copy())
    values = as_plain(f"{name}.log_prob(samples)", found)
    if values.shape != (len(rows),) or values.dtype.kind not in "fiu":
        raise ModelError(
            f"{name}.log_prob must return ({len(rows)},) real numbers for as many samples; "
            f"got shape {values.shape}, dtype {values.dtype}"
        )
    return values.astype(np.float64)


def _has_log_prob(subject: Subject) -> None:
    if not callable(getattr(subject.model, "log_prob", None)):
        skip("the model has no log_prob")


def _log_prob_seconds(subject: Subject) -> float:
    """Return the seconds that the log-density of a row takes in a large call."""
    rows = subject.draw(TIMED_ROWS, "timed")
    return subject.seconds("log_prob", lambda: log_prob(subject, rows)) / TIMED_ROWS


def _atomic(rows: NDArray[Any]) -> bool:
    """Return whether draws repeat one another so often that their law has atoms."""
    return len(np.unique(rows, axis=0)) < 0.9 * len(rows)


def _bridge(
    subject: Subject,
    proposal: KernelMixture,
    draws: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (1 - r) 1_S of draws and r 1_S of as many rows from the proposal, (n, thresholds)."""
    sides = []
    for rows, sign in ((draws, -1.0), (proposal.sample(len(draws), rng=rng), 1.0)):
        ours = log_prob(subject, rows)
        if np.isnan(ours).any():
            fail(f"{name_of(subject.model)}.log_prob must return no NaN; got one")
        share = expit(sign * (ours - proposal.log_prob(rows)))
        sides.append(share[:, None] * (ours[:, None] < thresholds))
    return sides[0], sides[1]


def _bernstein(values: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Return how far each column's mean of numbers in [0, 1] may lie from its expectation.

    On either side, each with probability ``level`` / 2 at most.
    """
    n, term = len(values), math.log(4 / level)
    slack = np.sqrt(2 * values.var(axis=0, ddof=1) * term / n) + 7 * term / (3 * (n - 1))
    return np.asarray(slack)


def _margins(
    left: NDArray[np.float64], right: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    return _bernstein(left, level / 2) + _bernstein(right, level / 2)


def _planned_size(subject: Subject, left: NDArray[np.float64], right: NDArray[np.float64]) -> int:
    """Return the size at which a sound model passes, from the variances of a pilot."""
    spread = np.sqrt(left.var(axis=0) + right.var(axis=0)).max()
    # The estimate's own deviation, at level miss by the normal law: it only plans a size.
    beyond = math.sqrt(2 * math.log(2 * LEVEL_SETS / subject.levels.miss)) * spread
    overlap = right[:, -1].mean()
    term = math.log(16 / subject.beta)
    size = FIRST_SIZE
    while size <= MOST_ROWS:
        need = (beyond + 2 * spread * math.sqrt(term)) / math.sqrt(size) + 14 * term / 3 / size
        if need < DETECT_SHARE * (overlap - spread * math.sqrt(2 * term / size)):
            return size
        size *= 2
    undecided(
        f"log_prob overlaps with a proposal around the model's own draws by {overlap:.3f} only, "
        f"of 0.5 at best: {MOST_ROWS:,} draws wouldn't tell"
    )


def _frequencies(subject: Subject) -> str:
    """Compare how often nested sets of states are drawn with what log_prob says of them."""
    levels = subject.levels
    roots = [math.sqrt(math.log(level) / 2) for level in (2 / levels.beta, 4 / levels.miss)]
    size = math.ceil((sum(roots) / DETECT_FREQUENCY) ** 2)
    subject.afford(f"{STATE_ROWS + size:,} draws", (STATE_ROWS + size) * row_seconds(subject))
    states, counts = np.unique(subject.draw(STATE_ROWS, "states"), axis=0, return_counts=True)
    ours = log_prob(subject, states)
    if np.isnan(ours).any():
        fail(f"{name_of(subject.model)}.log_prob must return no NaN; got one")
    places = _places(states, subject.draw(size, "draws"))
    observed = np.bincount(places, minlength=len(states) + 1)[:-1] / size  # the last: none of them
    # Both orders are fixed before the draws that are counted, so the inequality holds for each.
    gap = 0.0
    for key in (ours, ours - np.log(counts)):
        order = np.argsort(-key, kind="stable")
        ends = np.append(np.diff(key[order]) != 0, True)  # a set ends where the key falls
        gaps = np.abs(np.cumsum(observed[order]) - np.cumsum(np.exp(ours[order])))[ends]
        gap = max(gap, float(gaps.max()))
    margin = math.sqrt(math.log(2 / subject.beta) / (2 * size))
    pvalue = min(1.0, 2 * 2 * math.exp(-2 * size * gap**2))
    told = (
        f"sets of states ordered by log_prob hold shares that differ by {gap:.4f} between draws "
        f"and log_prob; {len(states):,} states, n = {size:,}, p = {pvalue:.2g}"
    )
    if pvalue <= subject.level:
        fail(
            f"log_prob must be the law that sample draws from: {told}, at level {subject.level:.2g}"
        )
    if gap + margin >= DETECT_FREQUENCY:
        undecided(f"{told}; {DETECT_FREQUENCY:g} isn't excluded (up to {gap + margin:.4f})")
    return f"{told}; {DETECT_FREQUENCY:g} is excluded"


def _most_mass(density: Density, rows: NDArray[np.float64], fresh: NDArray[np.float64]) -> float:
    """Return an upper bound on c, the total of p, if p / c is the density of ``fresh`` draws."""
    cells = STEPS[rows.shape[1]]
    steps = Steps.of(density, [edges_around(side, cells=cells, doublings=8) for side in rows.T])
    heights = density(fresh)
    under = np.minimum(steps.at(fresh), heights)
    shares = np.divide(under, heights, out=np.zeros_like(under), where=heights > 0)
    least = float(shares.mean() - _bernstein(shares[:, None], 2 * SURE)[0])
    return steps.integral / least if least > 0 else math.inf


def _summed(subject: Subject, rows: NDArray[Any]) -> str:
    """Sum exp(log_prob) over all states, or over those seen."""
    known = getattr(subject.model, "states", None) if subject.kind == "codes" else None
    states = np.unique(rows, axis=0) if known is None else np.asarray(known)
    total = float(np.exp(log_prob(subject, states)).sum())
    told = f"exp(log_prob) sums to {total:.6f} over {len(states):,} states"
    if not total <= 1 + SUM_TOLERANCE:
        fail(f"exp(log_prob) must sum to 1: {told}")
    if known is not None:
        if total < 1 - SUM_TOLERANCE:
            fail(f"exp(log_prob) must sum to 1: {told}")
        return told
    others = subject.draw(STATE_ROWS, "others")
    missed = int((_places(states, others) == len(states)).sum())
    missing = float(beta_law.isf(SURE, missed + 1, STATE_ROWS - missed))
    if total < 1 - missing - SUM_TOLERANCE:
        fail(f"exp(log_prob) must sum to 1: {told}, and all others have at most {missing:.4f}")
    return f"{told}; all others have at most {missing:.4f}"


def _places(states: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index of each row among the distinct ``states``; their number for none of them."""
    both = np.concatenate([states, rows])  # strings as wide as the longest among all
    kinds = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)
    places = np.full(len(both), len(states))
    places[kinds[: len(states)]] = np.arange(len(states))
    return places[kinds[len(states) :]]
