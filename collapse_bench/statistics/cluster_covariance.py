r"""The covariances of two samples of clusters, whose rows may depend on one another.

The statistics are those of independent rows, and the unit that is relabelled is the whole cluster.
A sample's covariance is a ratio, squares of all rows over their number, so the standard error of
the volume is that of a ratio of means over N clusters: with q the squared lengths of a cluster's
rows, w their number and p = sum q / sum w, :math:`d^2 \frac{N}{N - 1} \sum (q - p w)^2 /
(\sum q)^2`, exact for a covariance that is a multiple of the unit matrix and too large for others.
Both statistics are divided by it in every relabelling, since generated clusters may be longer,
shorter or more alike than the reference's: exact where clusters are exchangeable, and asymptotic
otherwise. That no direction lost as much as some bound is shown as for rows, along the direction
found, with the standard error of the clusters' squares along it.

The mean of each sample is an estimate, whose covariance by cluster M is added to that of the rows:
of single rows it makes n - 1 of n.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from collapse_bench.statistics.cluster_transport import ClusteredRows
from collapse_bench.statistics.covariance import (
    CHUNK_VALUES,
    FLOOR,
    PairTest,
    log_ratios_of,
    matrices_of,
    whitening_of,
    widest_refused,
)
from collapse_bench.statistics.permutation import (
    SEVERAL_BLOCKS,
    SEVERAL_EXACT_UP_TO,
    layout,
    sums_by_origin,
)
from collapse_bench.statistics.spread import kurtosis

__all__ = ["cluster_pair_test", "square_sums"]

Array = NDArray[np.float64]


class _Side(NamedTuple):
    """A sample of clusters about its mean.

    Attributes
    ----------
    rows : shape (n, d)
    units : shape (n,)
    sizes : shape (N,)
        Rows of each cluster.
    mean_error : shape (d, d)
        Covariance M of the mean, by cluster.
    """

    rows: Array
    units: NDArray[np.intp]
    sizes: Array
    mean_error: Array

    @classmethod
    def of(cls, sample: ClusteredRows) -> _Side:
        rows = sample.values - sample.values.mean(axis=0)
        sizes = np.bincount(sample.units).astype(np.float64)
        sums = np.stack([np.bincount(sample.units, column) for column in rows.T], axis=1)
        clusters = len(sizes)
        error = clusters / (clusters - 1) * sums.T @ sums / len(rows) ** 2
        return cls(rows, sample.units, sizes, error)

    @property
    def covariance(self) -> Array:
        return np.asarray(self.rows.T @ self.rows / len(self.rows) + self.mean_error)

    def features(self) -> Array:
        """Return what each cluster adds: the upper triangle of S, q q, q w, w w and w, (N, f)."""
        first, second = np.triu_indices(self.rows.shape[1])
        outer = np.stack(
            [
                np.bincount(self.units, self.rows[:, i] * self.rows[:, j])
                + self.sizes * self.mean_error[i, j]
                for i, j in zip(first, second, strict=True)
            ],
            axis=1,
        )
        q, w = outer[:, first == second].sum(axis=1), self.sizes
        return np.column_stack([outer, q * q, q * w, w * w, w])

    def squares_along(self, direction: Array) -> tuple[Array, Array]:
        """Return the squares of each cluster's rows along a direction, and their number."""
        squares = np.bincount(self.units, np.square(self.rows @ direction))
        return squares + self.sizes * float(direction @ self.mean_error @ direction), self.sizes


def cluster_pair_test(
    generated: ClusteredRows,
    reference: ClusteredRows,
    *,
    permutations: int,
    rng: np.random.Generator,
) -> PairTest:
    """Return the test of two samples of clusters in d >= 2 columns, two clusters at least.

    They are in coordinates in which the reference's covariance is about the unit matrix.

    Raises
    ------
    UndefinedMetric
        If the generated rows spread so far that their smallest variance is lost in rounding.
    """
    sides = [_Side.of(sample) for sample in (generated, reference)]
    dimension = generated.values.shape[1]
    first, second = np.triu_indices(dimension)
    white = whitening_of(sides[1].covariance[first, second], dimension)
    ratios, vectors = np.linalg.eigh(white.T @ sides[0].covariance @ white)
    widest_refused(float(ratios[-1]))
    n, m = (len(side.sizes) for side in sides)
    features = [side.features() for side in sides]
    total = np.stack([part.sum(axis=0) for part in features])
    data = np.stack([total[0], np.zeros_like(total[0])])[:, None]
    plan = layout(n, m, rng=rng, exact_up_to=SEVERAL_EXACT_UP_TO, blocks=SEVERAL_BLOCKS)
    relabelled = sums_by_origin(features[0], features[1], plan, permutations, rng=rng)
    log_ratios, error = _spectrum(data[0], total.sum(axis=0), n, m)
    ends = [white @ vectors[:, end] for end in (0, -1)]
    errors = [
        math.sqrt(max(sum(_rate_error(*side.squares_along(end)) for side in sides), FLOOR))
        for end in ends
    ]
    return PairTest(
        n=n,
        m=m,
        dimension=dimension,
        moved=np.concatenate([data, np.stack(relabelled)], axis=1),
        total=total,
        log_volume=float(log_ratios.sum()),
        volume_error=float(error[0]),
        log_weakest=float(log_ratios[0, 0]),
        weakest_error=errors[0],
        weakest_kurtosis=_kurtosis_along(ends[0], sides[1].rows),
        log_strongest=float(log_ratios[0, -1]),
        strongest_error=errors[1],
        strongest_kurtosis=_kurtosis_along(ends[1], sides[0].rows),
        spectrum=_spectrum,
        powers=np.array([1] * len(first) + [2, 1, 0, 0]),
        studentised=True,
    )


def square_sums(sample: ClusteredRows, direction: Array | None = None) -> tuple[Array, Array]:
    """Return each cluster's squares along a direction, all if None, and its rows, (N,) and (N,)."""
    side = _Side.of(sample)
    if direction is not None:
        return side.squares_along(direction)
    features = side.features()
    first, second = np.triu_indices(sample.values.shape[1])
    return features[:, : len(first)][:, first == second].sum(axis=1), side.sizes


def _spectrum(group: Array, total: Array, n: int, m: int) -> tuple[Array, Array]:
    """Return log-ratios of variances, ascending, (B, d), and the standard error of their sum.

    Of groups of n clusters with these sums of the features, (B, f), to the m others of all.
    """
    dimension = round((math.sqrt(8 * group.shape[1] - 31) - 1) / 2)  # f = d (d + 1) / 2 + 4
    first, second = np.triu_indices(dimension)
    upper = slice(len(first))
    whiten = whitening_of(total[upper] / total[-1], dimension)
    rows = max(1, CHUNK_VALUES // dimension**2)
    ours = np.concatenate(
        [
            np.linalg.eigvalsh(
                whiten.T @ matrices_of(part[:, upper] / part[:, -1:], dimension) @ whiten
            )
            for part in np.split(group, range(rows, len(group), rows))
        ]
    )
    rest = total - group
    # One covariance and the other, by their rows, make the pooled one, here 1.
    theirs = (total[-1] - group[:, -1:] * ours) / rest[:, -1:]
    error = np.zeros(len(group))
    for part, count in ((group, n), (rest, m)):
        lengths = part[:, upper][:, first == second].sum(axis=1)
        error += _error(lengths, part[:, len(first) :], count)
    return log_ratios_of(ours, theirs), dimension * np.sqrt(np.maximum(error, FLOOR))


def _error(q: Array, sums: Array, count: int) -> Array:
    """Return the squared standard error of log(q / w), from sums over ``count`` clusters."""
    qq, qw, ww, w = sums.T
    rate = q / w
    squares = np.maximum(qq - 2 * rate * qw + rate**2 * ww, 0.0)
    shares = np.zeros_like(q)
    np.divide(count / (count - 1) * squares, q**2, out=shares, where=q > 0)
    return shares


def _rate_error(x: Array, w: Array) -> float:
    """Return the squared standard error of the log of a rate, of clusters (x, w)."""
    if not x.sum() > 0:
        return 0.0
    squares = np.square(x - x.sum() / w.sum() * w).sum()
    return float(len(x) / (len(x) - 1) * squares / x.sum() ** 2)


def _kurtosis_along(direction: Array, rows: Array) -> float:
    line = rows @ direction
    return kurtosis(line) if line.min() < line.max() else 1.0
