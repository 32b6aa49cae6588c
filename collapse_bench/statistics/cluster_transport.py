r"""The first Wasserstein distance of two samples of clusters, whose rows may depend on one another.

The distance is that of all rows of either sample, so a sample's distribution function is a ratio:
rows of its clusters at or below a place, over all of their rows. A loss must exceed two nulls, so
the test holds its level wherever one of them does. One relabels whole clusters: exact where those
of both samples are exchangeable, whatever their sizes. The other is a bootstrap of each sample's
clusters about its own distribution function, :math:`\int |(F^*_g - F_g) - (F^*_r - F_r)|`:
asymptotically valid where generated clusters are longer, shorter or more alike than the
reference's. Either is shifted by the margin, which is conservative by the triangle inequality. The
absence of a loss is shown as for rows, by the upper percentile of the bootstrap [1]_.

.. [1] A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", Cambridge
   University Press 1997, section 3.8.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from collapse_bench.statistics.cells import Cells
from collapse_bench.statistics.permutation import (
    SEVERAL_BLOCKS,
    SEVERAL_EXACT_UP_TO,
    label_chunks,
    layout,
)
from collapse_bench.statistics.transport import (
    CELLS_A_LINE,
    CELLS_ONE_LINE,
    CHUNK,
    TransportTest,
    groups_of,
    weights_of,
)

__all__ = ["ClusteredRows", "cluster_transport_test"]

Counts = NDArray[np.float32]


class ClusteredRows(NamedTuple):
    """Rows, shape (n, d), and the number of each row's cluster, from 0, none left out, (n,)."""

    values: NDArray[np.float64]
    units: NDArray[np.intp]

    @property
    def clusters(self) -> int:
        """How many there are."""
        return int(self.units.max()) + 1


class _Blocks(NamedTuple):
    """Clusters that move together: the block of each row, (n,), from 0; ``number`` for none."""

    of_row: NDArray[np.intp]
    number: int

    @classmethod
    def of(cls, rows: ClusteredRows, members: NDArray[np.intp]) -> _Blocks:
        """Return blocks of clusters, shape (blocks, clusters in one)."""
        block = np.full(rows.clusters, len(members))
        block[members] = np.arange(len(members))[:, None]
        return cls(block[rows.units], len(members))

    def sums(self, values: NDArray[np.float64]) -> Counts:
        """Return sums of values by block, shape (number + 1,)."""
        return np.bincount(self.of_row, values, minlength=self.number + 1).astype(np.float32)

    def rows(self) -> Counts:
        """Return how many rows each block has, shape (number + 1,)."""
        return np.bincount(self.of_row, minlength=self.number + 1).astype(np.float32)

    def below(self, cells: Cells, line: NDArray[np.float64]) -> Counts:
        """Return how many values of each block lie at or below each edge, (number + 1, e)."""
        width = len(cells.edges) + 1
        place = np.searchsorted(cells.edges, line) + width * self.of_row
        counts = np.bincount(place, minlength=(self.number + 1) * width)
        return counts.reshape(-1, width).cumsum(axis=1)[:, :-1].astype(np.float32)


def cluster_transport_test(
    generated: ClusteredRows,
    reference: ClusteredRows,
    directions: NDArray[np.float64],
    *,
    permutations: int,
    relabel_rng: np.random.Generator,
    resample_rng: np.random.Generator,
) -> TransportTest:
    """Return the test of two samples of two clusters or more, along p directions.

    Parameters
    ----------
    generated, reference
        The reference varies along one of the directions at least.
    directions : shape (p, d)
        Unit vectors.
    permutations
        Relabellings, and as many bootstrap samples, B.
    """
    both = generated, reference
    plan = layout(
        generated.clusters,
        reference.clusters,
        rng=relabel_rng,
        exact_up_to=SEVERAL_EXACT_UP_TO,
        blocks=SEVERAL_BLOCKS,
    )
    moved = [
        _Blocks.of(rows, members)
        for rows, members in zip(both, (plan.generated, plan.reference), strict=True)
    ]
    groups = [_Blocks.of(rows, groups_of(rows.clusters, rng=resample_rng)) for rows in both]
    steps, deviations, unit = [], np.zeros(len(reference.values)), 0.0
    counts: list[list[Counts]] = [[] for _ in (*moved, *groups)]
    for direction in directions:
        lines = [rows.values @ direction for rows in both]
        centered = lines[1] - lines[1].mean()
        unit += float(np.abs(centered).mean())
        # d/dm E|y - m| = 2 F(m) - 1 at m = mu: the mean moves the unit by so much.
        deviations += np.abs(centered) + (2 * np.mean(centered <= 0) - 1) * centered
        count = CELLS_ONE_LINE if len(directions) == 1 else CELLS_A_LINE
        cells = Cells.of(np.concatenate(lines), count)
        steps.append(cells.steps)
        for part, blocks, line in zip(counts, (*moved, *groups), [*lines, *lines], strict=True):
            part.append(blocks.below(cells, line))
    below = [np.concatenate(part, axis=1) for part in counts]
    widths = np.concatenate(steps).astype(np.float32)
    rows = [blocks.rows() for blocks in (*moved, *groups)]
    distance, null = _relabel(below[:2], rows[:2], widths, permutations, rng=relabel_rng)
    resampled, centered_null = _resample(
        [part[:-1] for part in below[2:]],
        [part[:-1] for part in rows[2:]],
        groups[1].sums(deviations)[:-1],
        widths,
        permutations,
        rng=resample_rng,
    )
    return TransportTest(
        distance / unit, np.sort(null) / unit, np.sort(resampled), np.sort(centered_null) / unit
    )


def _relabel(
    below: list[Counts],
    rows: list[Counts],
    steps: Counts,
    permutations: int,
    *,
    rng: np.random.Generator,
) -> tuple[float, NDArray[np.float64]]:
    """Return the distance, and those of all relabellings; what stays is each part's last block."""
    blocks = np.concatenate([part[:-1] for part in below])
    sizes = np.concatenate([part[:-1] for part in rows])
    total = below[0].sum(axis=0) + below[1].sum(axis=0)
    whole = rows[0].sum() + rows[1].sum()

    def distances(ours: Counts, size: Counts) -> NDArray[np.float64]:
        theirs = (total - ours) / (whole - size)[:, None]
        ours = ours / size[:, None]
        return np.asarray(np.abs(ours - theirs) @ steps, dtype=np.float64)

    null = []
    for labels in label_chunks(len(below[0]) - 1, len(blocks), permutations, rng=rng):
        chosen = labels.astype(np.float32)
        null.append(distances(chosen @ blocks + below[0][-1], chosen @ sizes + rows[0][-1]))
    observed = distances(below[0].sum(axis=0)[None], rows[0].sum()[None])
    return float(observed[0]), np.concatenate(null)


def _resample(
    below: list[Counts],
    rows: list[Counts],
    deviations: Counts,
    steps: Counts,
    resamples: int,
    *,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distances of bootstrap samples in their own units, and those from their own laws.

    Clusters of one sample vary by (N - 1) / N too little about their own mean; the second is
    widened by as much.
    """
    own = [part.sum(axis=0) / size.sum() for part, size in zip(below, rows, strict=True)]
    wider = [np.float32(math.sqrt(len(size) / (len(size) - 1))) for size in rows]
    found, centered = [], []
    for start in range(0, resamples, CHUNK):
        number = min(CHUNK, resamples - start)
        weights = [weights_of(len(size), number, rng=rng) for size in rows]
        sizes = [weight @ size for weight, size in zip(weights, rows, strict=True)]
        laws = [
            weight @ part / size[:, None]
            for weight, part, size in zip(weights, below, sizes, strict=True)
        ]
        units = weights[1] @ deviations / sizes[1]
        found.append((np.abs(laws[0] - laws[1]) @ steps) / units)
        away = wider[0] * (laws[0] - own[0]) - wider[1] * (laws[1] - own[1])
        centered.append(np.abs(away) @ steps)
    return (
        np.concatenate(found).astype(np.float64),
        np.concatenate(centered).astype(np.float64),
    )
