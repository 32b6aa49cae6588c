r"""The covariances of two samples in d > 1: the volume of their spread, and its weakest direction.

Both statistics come of the eigenvalues of one covariance in units of the other. ``logdet`` is the
log-determinant over its standard error, the average direction; ``weakest_direction`` is the log of
the smallest eigenvalue, which sees a single direction die.

A loss is shown by the smaller of the two p-values over common relabellings (Westfall and Young's
min-P [1]_: exact, and cheaper than halving the level). That *no* direction lost as much as some
bound can't be shown by a permutation, whose null has all directions alike; but the smallest ratio
found is never above the ratio along the truly weakest direction, so the one-dimensional test of
that ratio is valid whatever the other directions do.

.. [1] P. H. Westfall and S. S. Young, "Resampling-Based Multiple Testing", Wiley 1993.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from collapse_bench.errors import UndefinedMetric
from collapse_bench.statistics.permutation import (
    SEVERAL_BLOCKS,
    SEVERAL_EXACT_UP_TO,
    TIED,
    layout,
    pvalue_high,
    sums_by_origin,
)
from collapse_bench.statistics.spread import kurtosis

__all__ = [
    "CHUNK_VALUES",
    "FLOOR",
    "STATISTICS",
    "PairTest",
    "Statistic",
    "log_ratios_of",
    "matrices_of",
    "pair_test",
    "whitening_of",
    "widest_refused",
]

Statistic = Literal["logdet", "weakest_direction"]
STATISTICS: tuple[Statistic, ...] = ("logdet", "weakest_direction")

# Eigenvalues below this share of the pooled covariance are rounding of 0. All are raised to it:
# samples that span fewer directions then come before all others, those that span fewest first.
FLOOR = 1e-12

# Variances beyond this many times the reference's leave the smallest one to rounding.
WIDEST = 1e10

# How many numbers eigenvalues are taken of at a time.
CHUNK_VALUES = 2**21

# From sums of the features over a group of rows, (B, f), and over all rows, (f,), and the rows of
# both groups, to log-ratios of variances, ascending, (B, d), and the standard error of their sum.
Spectrum = Callable[
    [NDArray[np.float64], NDArray[np.float64], int, int],
    tuple[NDArray[np.float64], NDArray[np.float64]],
]


@dataclass(frozen=True, slots=True)
class PairTest:
    """Two samples' covariances under a set of relabellings.

    Attributes
    ----------
    n, m, dimension
        Rows, or clusters, of the two samples, and d.
    moved : shape (2, B + 1, f)
        Sums of the outer products' upper triangle and of the fourth powers of the lengths over
        the rows labelled "generated": the data's own labels first, then B relabellings. First
        the part of rows which were generated, then of those which were the reference's.
    total : shape (2, f)
        The same over all rows.
    log_volume, volume_error
        log of the ratio of determinants, generated to reference, and its standard error.
    log_weakest
        log of the smallest ratio of variances along any direction.
    weakest_error, weakest_kurtosis
        Standard error of that were the direction known beforehand; the reference's kurtosis
        along it.
    log_strongest, strongest_error, strongest_kurtosis
        The same of the largest ratio; the kurtosis is the generated rows'.
    spectrum
        What features come to; by clusters it is another one.
    powers : shape (f,), or None
        How often each feature is scaled by a margin; None: all once, and the last one twice.
    studentised
        Whether the weakest direction too is divided by the standard error of the volume.
    """

    n: int
    m: int
    dimension: int
    moved: NDArray[np.float64]
    total: NDArray[np.float64]
    log_volume: float
    volume_error: float
    log_weakest: float
    weakest_error: float
    weakest_kurtosis: float
    log_strongest: float
    strongest_error: float
    strongest_kurtosis: float
    spectrum: Spectrum
    powers: NDArray[np.intp] | None = None
    studentised: bool = False

    def mirrored(self) -> PairTest:
        """Return the test of the reference against the generated rows, on the same relabellings.

        A growth g of the generated variance is a loss g / (1 + g) of the reference's, and their
        strongest direction is its weakest.
        """
        return replace(
            self,
            n=self.m,
            m=self.n,
            moved=(self.total[:, None] - self.moved)[::-1],
            total=self.total[::-1],
            log_volume=-self.log_volume,
            log_weakest=-self.log_strongest,
            weakest_error=self.strongest_error,
            weakest_kurtosis=self.strongest_kurtosis,
            log_strongest=-self.log_weakest,
            strongest_error=self.weakest_error,
            strongest_kurtosis=self.weakest_kurtosis,
        )

    def loss(self, statistic: Statistic) -> float:
        """Return the estimated loss: 1 - ratio^(1/d) of the volume, or 1 - smallest ratio."""
        if self.log_weakest <= math.log(FLOOR) / 2:  # a direction in which nothing varies
            return 1.0
        if statistic == "logdet":
            return -math.expm1(self.log_volume / self.dimension)
        return -math.expm1(self.log_weakest)

    def pvalues_fail(
        self, loss: float, among: tuple[Statistic, ...] = STATISTICS
    ) -> dict[Statistic, float]:
        """Return each statistic's p-value of "the loss is at most ``loss``", adjusted for all.

        The smallest of those of ``among`` is the p-value of all of them.
        """
        own, smaller = _ranks(self._statistics(loss, among))
        adjusted = [float(np.mean(smaller <= pvalue)) for pvalue in own[0]]
        return dict(zip(among, adjusted, strict=True))

    def pvalues_pass(self, loss: float) -> dict[Statistic, float]:
        """Return each statistic's p-value of "the loss is at least ``loss``".

        The larger of the two is the p-value of the pair.
        """
        volumes = self._statistics(loss, ("logdet",))[:, 0]
        distance = (self.log_weakest - math.log1p(-loss)) / self.weakest_error
        return {
            "logdet": pvalue_high(float(volumes[0]), volumes[1:]),
            "weakest_direction": float(ndtr(-distance)),
        }

    def low(
        self,
        statistic: Statistic,
        *,
        alpha: float,
        near: float,
        among: tuple[Statistic, ...] = STATISTICS,
    ) -> float | None:
        """Return the loss up to which ``statistic`` rejects at ``alpha``, adjusted for ``among``.

        The critical value hardly depends on the margin: it is taken under ``near``, and then once
        more under the bound which that gives. None: not even an endless growth is rejected.
        """
        bound = near
        for _ in range(2):
            values = self._statistics(bound, among)
            own, smaller = _ranks(values)
            column = among.index(statistic)
            first_kept = np.sort(smaller)[math.floor(alpha * len(smaller))]
            rejected = values[own[:, column] < first_kept, column]
            if not len(rejected):
                return None
            bound = self._loss_at(statistic, float(rejected.max()))
        return bound

    def high(self, statistic: Statistic, *, beta: float, near: float) -> float:
        """Return the loss from which on ``statistic`` rejects at ``beta``; see :meth:`low`."""
        if statistic == "weakest_direction":
            return -math.expm1(self.log_weakest + float(ndtri(beta)) * self.weakest_error)
        bound = near
        for _ in range(2):
            volumes = np.sort(self._statistics(bound, ("logdet",))[:, 0])
            bound = self._loss_at("logdet", float(volumes[-1 - math.floor(beta * len(volumes))]))
        return bound

    def _loss_at(self, statistic: Statistic, value: float) -> float:
        """Return the margin under which the data's statistic has this value."""
        if statistic == "weakest_direction":
            scale = self.volume_error if self.studentised else 1.0
            return -math.expm1(self.log_weakest - scale * value)
        log_ratio = (self.log_volume - value * self.volume_error) / self.dimension
        return -math.expm1(max(log_ratio, math.log(FLOOR)))

    def _statistics(
        self, loss: float, among: tuple[Statistic, ...] = STATISTICS
    ) -> NDArray[np.float64]:
        """Return statistics under a margin ``loss`` < 1, (B + 1, len(among)), the data's first."""
        shrink = np.full(self.total.shape[1], 1 - loss)
        if self.powers is None:
            shrink[-1] = (1 - loss) ** 2  # of fourth powers
        else:
            shrink **= self.powers
        group = self.moved[0] + shrink * self.moved[1]  # (B + 1, f)
        total = self.total[0] + shrink * self.total[1]
        log_ratios, error = self.spectrum(group, total, self.n, self.m)
        found = {"logdet": log_ratios.sum(axis=1) / error, "weakest_direction": log_ratios[:, 0]}
        if self.studentised:
            found["weakest_direction"] = log_ratios[:, 0] / error
        return np.stack([found[name] for name in among], axis=1)


def pair_test(
    generated: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    permutations: int,
    rng: np.random.Generator,
) -> PairTest:
    """Return the test of two samples, shapes (n, d) and (m, d), n, m, d >= 2.

    They are in coordinates in which the reference's covariance is the unit matrix; each is taken
    about its own mean.

    Raises
    ------
    UndefinedMetric
        If the generated rows spread so far that their smallest variance is lost in rounding.
    """
    n, m, dimension = len(generated), len(reference), generated.shape[1]
    rows = [samples - samples.mean(axis=0) for samples in (generated, reference)]
    ratios, directions = np.linalg.eigh(rows[0].T @ rows[0] / n)
    widest_refused(float(ratios[-1]))
    features = [_features(part) for part in rows]
    total = np.stack([part.sum(axis=0) for part in features])
    data = np.stack([total[0], np.zeros_like(total[0])])[:, None]  # (2, 1, f)
    plan = layout(n, m, rng=rng, exact_up_to=SEVERAL_EXACT_UP_TO, blocks=SEVERAL_BLOCKS)
    relabelled = sums_by_origin(features[0], features[1], plan, permutations, rng=rng)
    log_ratios, error = _spectrum(data[0], total.sum(axis=0), n, m)
    weak, strong = ([_kurtosis_along(directions[:, end], part) for part in rows] for end in (0, -1))
    return PairTest(
        n=n,
        m=m,
        dimension=dimension,
        moved=np.concatenate([data, np.stack(relabelled)], axis=1),
        total=total,
        log_volume=float(log_ratios.sum()),
        volume_error=float(error[0]),
        log_weakest=float(log_ratios[0, 0]),
        weakest_error=_line_error(weak, n, m),
        weakest_kurtosis=weak[1],
        log_strongest=float(log_ratios[0, -1]),
        strongest_error=_line_error(strong, n, m),
        strongest_kurtosis=strong[0],
        spectrum=_spectrum,
    )


def widest_refused(ratio: float) -> None:
    """Refuse a largest variance, in the reference's, that leaves the smallest one to rounding.

    Raises
    ------
    UndefinedMetric
        If it does.
    """
    if not ratio < WIDEST:
        raise UndefinedMetric(
            "generated samples must stay within 1e5 reference standard deviations for their "
            f"weakest direction to be found; theirs is {math.sqrt(ratio):.3g} of them wide"
        )


def _line_error(kurtoses: list[float], n: int, m: int) -> float:
    """Return the standard error of the log-ratio of variances along a known direction."""
    return math.sqrt(max((kurtoses[0] - 1) / n + (kurtoses[1] - 1) / m, FLOOR))


def _features(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the outer products' upper triangle and the fourth power of the length, (n, f)."""
    first, second = np.triu_indices(rows.shape[1])
    lengths = np.square(rows).sum(axis=1)
    return np.column_stack([rows[:, first] * rows[:, second], lengths**2])


def _spectrum(
    group: NDArray[np.float64], total: NDArray[np.float64], n: int, m: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log-ratios of variances, ascending, and the standard error of their sum.

    Parameters
    ----------
    group : shape (B, f)
        Sums of the features over n rows each.
    total : shape (f,)
        Their sums over all n + m rows.

    Returns
    -------
    tuple of arrays of shapes (B, d) and (B,)
        Of the n rows to the m others.
    """
    dimension = round((math.sqrt(8 * group.shape[1] - 7) - 1) / 2)  # f = d (d + 1) / 2 + 1
    whiten = whitening_of(total / (n + m), dimension)
    rows = max(1, CHUNK_VALUES // dimension**2)
    ours = np.concatenate(
        [
            np.linalg.eigvalsh(whiten.T @ matrices_of(part / n, dimension) @ whiten)
            for part in np.split(group, range(rows, len(group), rows))
        ]
    )
    # n times one covariance and m times the other make n + m times the pooled one, here 1.
    theirs = (n + m - n * ours) / m
    log_ratios = log_ratios_of(ours, theirs)
    log_ratios += math.log(n / (n - 1) * (m - 1) / m)  # to unbiased variances
    squares = _matrices_trace(dimension)
    error = _volume_error(group @ squares / n, group[:, -1] / n, n, dimension)
    rest = total - group
    error += _volume_error(rest @ squares / m, rest[:, -1] / m, m, dimension)
    return log_ratios, np.sqrt(error)


def _volume_error(
    second: NDArray[np.float64], fourth: NDArray[np.float64], size: int, dimension: int
) -> NDArray[np.float64]:
    """Return the squared standard error of log det, the variance of the Mahalanobis lengths.

    From the mean second and fourth power of the lengths: exact for a covariance that is a
    multiple of the unit matrix, too large for others.
    """
    spread = np.divide(fourth, second**2, out=np.ones_like(second), where=second > 0) - 1
    return np.asarray(dimension**2 * np.maximum(spread, 0) / size)


def whitening_of(upper: NDArray[np.float64], dimension: int) -> NDArray[np.float64]:
    """Return the matrix whose columns make a covariance, given by its upper triangle, 1, (d, d)."""
    values, vectors = np.linalg.eigh(matrices_of(upper[None], dimension)[0])
    return np.asarray(vectors / np.sqrt(values))


def log_ratios_of(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log-ratios of variances, each raised to ``FLOOR``."""
    return np.asarray(np.log(np.maximum(ours, FLOOR)) - np.log(np.maximum(theirs, FLOOR)))


def matrices_of(upper: NDArray[np.float64], dimension: int) -> NDArray[np.float64]:
    """Return the symmetric matrices with these upper triangles, (B, f) -> (B, d, d)."""
    matrices = np.empty((len(upper), dimension, dimension))
    first, second = np.triu_indices(dimension)
    matrices[:, first, second] = matrices[:, second, first] = upper[:, : len(first)]
    return matrices


def _matrices_trace(dimension: int) -> NDArray[np.float64]:
    """Return the weights, shape (f,), that take features to the trace of the outer products."""
    first, second = np.triu_indices(dimension)
    return np.append(first == second, False).astype(np.float64)


def _kurtosis_along(direction: NDArray[np.float64], rows: NDArray[np.float64]) -> float:
    line = rows @ direction
    return kurtosis(line) if line.min() < line.max() else 1.0


def _ranks(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p-values of small statistics, (B + 1, k), within their own null, and the smallest."""
    own = np.empty_like(values)
    for column, null in enumerate(values.T):
        slack = TIED * np.abs(null)
        own[:, column] = np.searchsorted(np.sort(null), null + slack, side="right") / len(null)
    return own, own.min(axis=1)
