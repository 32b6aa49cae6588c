r"""The first Wasserstein distance of two samples, tested by relabelling and by resampling.

A loss is shown by the permutation null shifted by the margin: if the laws are ``margin`` apart, the
distance of the samples exceeds it by no more than a distance of samples of one law does, by the
triangle inequality. Its absence is shown by the upper percentile of the bootstrap, whose bias is
upwards. (Neither serves for the other: percentile *lower* bounds are wrong half of the time.)

d-dimensional samples are judged by the mean distance along fixed directions, with one relabelling
for all of them. Distances are taken on the cells of each line, except on a single one with few
rows, where they are exact; the permutation test is exact either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collapse_bench.statistics.cells import Cells
from collapse_bench.statistics.permutation import (
    BLOCKS,
    EXACT_UP_TO,
    SEVERAL_BLOCKS,
    SEVERAL_EXACT_UP_TO,
    TIED,
    label_chunks,
    layout,
)

__all__ = [
    "CELLS_A_LINE",
    "CELLS_ONE_LINE",
    "CHUNK",
    "TransportTest",
    "groups_of",
    "transport_test",
    "weights_of",
]

# Cells on each line. Where a contraction by a tenth is measured, 512 on one line are within 0.4 %
# of the exact distance and 64 within 1.3 %, mostly below it (normal, two modes; t3 and lognormal,
# which projections of many columns aren't, up to 3 %; n from 1e3 to 2e5).
CELLS_ONE_LINE = 512
CELLS_A_LINE = 64

# A bootstrap resamples about this many groups of rows: as wide as one of rows, to 0.1 %.
GROUPS = 2_048

# Of few rows against many, values are counted one by one where that is cheaper than products of
# labels and blocks: a count costs about as much as so many products. Counts below 2^24 are exact
# in single precision, so either way gives the same bytes.
PRODUCTS_A_COUNT = 160
LEAST_COUNTED = 1_000  # relabellings: fewer don't make up for finding every value's cell
EXACT_BELOW = 2**24

# Bootstrap samples at a time: 4032 edges of them are 16 MB.
CHUNK = 1_024


@dataclass(frozen=True, slots=True)
class TransportTest:
    """The distance of two samples in units of the reference's mean deviation from its mean.

    Attributes
    ----------
    distance
        Of the two samples; never 0, even for equal laws.
    null
        Of every relabelling, ascending, shape (B,).
    resampled
        Of every bootstrap sample in its own unit, ascending, shape (B,).
    centered
        A second null, ascending, shape (B,): how far bootstrap samples lie from their own. A loss
        must exceed both. None where rows are independent.
    """

    distance: float
    null: NDArray[np.float64]
    resampled: NDArray[np.float64]
    centered: NDArray[np.float64] | None = None

    @property
    def loss(self) -> float:
        """The distance beyond the mean of relabelled samples, or 0."""
        return max(0.0, self.distance - float(self.null.mean()))

    def pvalue_fail(self, loss: float) -> float:
        """Return the p-value of the null "the laws are at most ``loss`` apart"."""
        return max(_share_from(null, self.distance - loss) for null in self._nulls)

    def pvalue_pass(self, loss: float) -> float:
        """Return the p-value of the null "the laws are at least ``loss`` apart"."""
        return _share_from(self.resampled, loss)

    def bounds(self, *, alpha: float, beta: float) -> tuple[float, float]:
        """Return the losses, from 0 up, at which the two tests reach ``alpha`` and ``beta``."""
        low = self.distance - max(_last_rejected(null, alpha) for null in self._nulls)
        return max(0.0, low), _last_rejected(self.resampled, beta)

    @property
    def _nulls(self) -> list[NDArray[np.float64]]:
        return [self.null] if self.centered is None else [self.null, self.centered]


def transport_test(
    generated: NDArray[np.float64],
    reference: NDArray[np.float64],
    directions: NDArray[np.float64],
    *,
    permutations: int,
    relabel_rng: np.random.Generator,
    resample_rng: np.random.Generator,
) -> TransportTest:
    """Return the test of two samples along p directions.

    Parameters
    ----------
    generated, reference : shapes (n, d) and (m, d)
        The reference varies along one of the directions at least.
    directions : shape (p, d)
        Unit vectors.
    permutations
        Relabellings, and as many bootstrap samples, B.
    """
    n, m = len(generated), len(reference)
    single = len(directions) == 1
    exact = single and n + m <= EXACT_UP_TO
    plan = layout(
        n,
        m,
        rng=relabel_rng,
        exact_up_to=EXACT_UP_TO if single else SEVERAL_EXACT_UP_TO,
        blocks=BLOCKS if single else SEVERAL_BLOCKS,
    )
    groups = [groups_of(size, rng=resample_rng) for size in (n, m)]
    lines = _lines(
        generated,
        reference,
        directions,
        [groups[0]] if exact else [groups[0], plan.generated, plan.generated_rest[None]],
        [groups[1]] if exact else [groups[1], plan.reference, plan.reference_rest[None]],
    )
    if exact:
        x, y = generated @ directions[0], reference @ directions[0]
        distance, null = _relabel_line(x, y, permutations, rng=relabel_rng)
    else:
        distance, null = _relabel_cells(lines, n, m, permutations, rng=relabel_rng)
    resampled = _resample(lines, groups, permutations, rng=resample_rng)
    return TransportTest(distance / lines.unit, np.sort(null) / lines.unit, np.sort(resampled))


@dataclass(frozen=True, slots=True)
class _Lines:
    """Both samples on the cells of p lines with e edges in all.

    Attributes
    ----------
    steps : shape (e,)
    unit
        The sum over lines of the mean |y - mu| of reference values y about their mean mu.
    deviations : shape (m,)
        What each reference row adds to that, the mean's own sampling error included.
    ours, theirs
        How many rows of each set are at or below each edge: arrays of shape (sets, e).
    """

    steps: NDArray[np.float64]
    unit: float
    deviations: NDArray[np.float64]
    ours: list[NDArray[np.float32]]
    theirs: list[NDArray[np.float32]]


def _lines(
    generated: NDArray[np.float64],
    reference: NDArray[np.float64],
    directions: NDArray[np.float64],
    ours: list[NDArray[np.intp]],
    theirs: list[NDArray[np.intp]],
) -> _Lines:
    """Project both samples; ``ours`` and ``theirs`` are row numbers, (sets, rows in a set) each."""
    unit, deviations, steps = 0.0, np.zeros(len(reference)), []
    counts: list[list[NDArray[np.float32]]] = [[] for _ in (*ours, *theirs)]
    for direction in directions:
        x, y = generated @ direction, reference @ direction
        centered = y - y.mean()
        unit += float(np.abs(centered).mean())
        # d/dm E|y - m| = 2 F(m) - 1 at m = mu: the mean moves the unit by so much.
        deviations += np.abs(centered) + (2 * np.mean(centered <= 0) - 1) * centered
        count = CELLS_ONE_LINE if len(directions) == 1 else CELLS_A_LINE
        cells = Cells.of(np.concatenate([x, y]), count)
        steps.append(cells.steps)
        sets = [x[rows] for rows in ours] + [y[rows] for rows in theirs]
        for part, values in zip(counts, sets, strict=True):
            part.append(cells.below(values))
    below = [np.concatenate(part, axis=1) for part in counts]
    return _Lines(np.concatenate(steps), unit, deviations, below[: len(ours)], below[len(ours) :])


def _relabel_line(
    generated: NDArray[np.float64],
    reference: NDArray[np.float64],
    permutations: int,
    *,
    rng: np.random.Generator,
) -> tuple[float, NDArray[np.float64]]:
    """Return the exact distance of values on a line, (n,) and (m,), and of all relabellings."""
    n, m = len(generated), len(reference)
    pool = np.concatenate([generated, reference])
    order = np.argsort(pool, kind="stable")
    steps = np.diff(pool[order]) / (n * m)
    fair = n * np.arange(1, n + m, dtype=np.int32)  # whole numbers up to n (n + m), below 2^31

    def distances(labels: NDArray[np.bool_]) -> NDArray[np.float64]:
        seen = np.cumsum(labels[:, :-1], axis=1, dtype=np.int32)
        seen *= n + m
        seen -= fair
        return np.asarray(np.abs(seen, out=seen).astype(np.float64) @ steps)

    null = [distances(labels) for labels in label_chunks(n, n + m, permutations, rng=rng)]
    return float(distances((order < n)[None])[0]), np.concatenate(null)


def _relabel_cells(
    lines: _Lines, n: int, m: int, permutations: int, *, rng: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """Return the sum of the distances on all lines, and those of all relabellings."""
    _, own, stays = lines.ours
    _, others, others_stay = lines.theirs
    blocks = np.concatenate([own, others])
    total = blocks.sum(axis=0) + stays[0] + others_stay[0]
    steps = lines.steps.astype(np.float32)

    def distances(below: NDArray[np.float32]) -> NDArray[np.float64]:
        below *= np.float32(1 / n + 1 / m)
        below -= total / np.float32(m)
        return np.asarray(np.abs(below, out=below) @ steps, dtype=np.float64)

    moved = None
    if n + m < EXACT_BELOW and permutations >= LEAST_COUNTED:
        moved = _counting(own, others)
    null = [
        distances((labels.astype(np.float32) @ blocks if moved is None else moved(labels)) + stays)
        for labels in label_chunks(len(own), len(blocks), permutations, rng=rng)
    ]
    return float(distances(own.sum(axis=0)[None] + stays)[0]), np.concatenate(null)


def _counting(
    own: NDArray[np.float32], others: NDArray[np.float32]
) -> Callable[[NDArray[np.bool_]], NDArray[np.float32]] | None:
    """Return what counts the rows of labelled blocks at or below each edge, (B, blocks) to (B, e).

    The same as the product of labels and blocks, by counting the values of the smaller sample's
    part. None where the product is cheaper: many values, or several lines.
    """
    blocks = np.concatenate([own, others])
    length, edges = int(blocks.max(initial=0)), blocks.shape[1]
    fewer = min(len(own), len(others))
    if fewer * length * PRODUCTS_A_COUNT > blocks.size or (np.diff(blocks) < 0).any():
        return None
    held = np.diff(blocks, prepend=0, append=length).astype(np.intp)  # (blocks, e + 1)
    block, cell = np.nonzero(held)
    cells = np.repeat(cell, held[block, cell]).reshape(len(blocks), length)
    total, width, wanted = blocks.sum(axis=0), edges + 1, fewer == len(own)

    def below(labels: NDArray[np.bool_]) -> NDArray[np.float32]:
        row = np.arange(len(labels))[:, None]  # each labels as many blocks
        chosen = np.flatnonzero(labels == wanted).reshape(len(labels), fewer) - len(blocks) * row
        place = cells[chosen] + width * row[:, :, None]
        counts = np.bincount(place.ravel(), minlength=len(labels) * width)
        found = counts.reshape(-1, width).cumsum(axis=1)[:, :-1].astype(np.float32)
        return found if wanted else total - found

    return below


def groups_of(size: int, *, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the rows of a sample in random groups of equal size, shape (groups, rows in one)."""
    length = max(1, size // GROUPS)
    order = np.arange(size) if length == 1 else rng.permutation(size)
    return order[: size // length * length].reshape(-1, length)


def _resample(
    lines: _Lines,
    groups: list[NDArray[np.intp]],
    resamples: int,
    *,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the distances of bootstrap samples in their own units, shape (B,)."""
    shares = [
        below[0] / np.float32(rows.shape[1])
        for below, rows in zip((lines.ours, lines.theirs), groups, strict=True)
    ]
    units = lines.deviations[groups[1]].mean(axis=1).astype(np.float32)
    steps = lines.steps.astype(np.float32)
    found = []
    for start in range(0, resamples, CHUNK):
        rows = min(CHUNK, resamples - start)
        weights = [weights_of(len(part), rows, rng=rng) for part in shares]
        difference = weights[0] @ shares[0]  # (rows, e)
        difference -= weights[1] @ shares[1]
        found.append((np.abs(difference, out=difference) @ steps) / (weights[1] @ units))
    return np.concatenate(found).astype(np.float64)


def weights_of(groups: int, resamples: int, *, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the share of each group in samples of groups drawn with replacement."""
    drawn = rng.integers(groups, size=(resamples, groups))
    drawn += groups * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * groups)
    return (counts / groups).astype(np.float32).reshape(resamples, groups)


def _share_from(ordered: NDArray[np.float64], value: float) -> float:
    """Return (1 + how many of the ascending values are at least ``value``) / (1 + all)."""
    exceeding = len(ordered) - int(np.searchsorted(ordered, value - TIED * abs(value)))
    return (1 + exceeding) / (1 + len(ordered))


def _last_rejected(ordered: NDArray[np.float64], level: float) -> float:
    """Return the value beyond which :func:`_share_from` is at most ``level``."""
    exceeding = math.floor(level * (1 + len(ordered)) * (1 + TIED)) - 1
    return float(ordered[-1 - exceeding]) if exceeding >= 0 else math.inf
