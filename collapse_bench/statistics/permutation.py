"""Random relabellings of two pooled samples, and the p-values that come of them.

Under the null hypothesis generated and reference rows are exchangeable, so the statistic of the
data is one draw from its values over any group of relabellings: the test is exact whatever the
statistic. From ``EXACT_UP_TO`` pooled rows on, the group is a smaller one that makes the cost
independent of the sizes: rows are tied together at random in blocks of equal length that move as
one, and of a sample that has many more rows than the other the surplus stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layout", "label_chunks", "layout", "pvalue_high", "pvalue_low", "sums_by_origin"]

# Up to here every row moves on its own.
EXACT_UP_TO = 20_000

# Blocks of the smaller sample, at least. The spread of the null distribution is then true to
# 1 / sqrt(2 * 2048) = 1.6 % of itself; in critical values that is below what 9 999 random
# relabellings resolve.
BLOCKS = 1_024

# Blocks of both samples together, for each of the smaller: with 15 others to compare it with, what
# stays behind would narrow the comparison by 3.3 % at most.
BALANCE = 16

# Of a sample of few rows the other one moves as many as this times BALANCE all the same.
LEAST_BLOCKS = 512

# The same for statistics of many features, one for each pair of columns or each cell of each line.
SEVERAL_EXACT_UP_TO = 4_096
SEVERAL_BLOCKS = 512

# Statistics that are equal in exact arithmetic differ by rounding; they count as tied.
TIED = 1e-9

# Label bytes drawn at a time: they and what is computed from them stay in the cache.
CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Layout:
    """Which rows move together.

    Attributes
    ----------
    generated, reference : shapes (blocks of that sample, rows in a block)
        Row numbers; all blocks of both samples are of one length.
    generated_rest, reference_rest
        Numbers of the rows that stay in their sample.
    """

    generated: NDArray[np.intp]
    reference: NDArray[np.intp]
    generated_rest: NDArray[np.intp]
    reference_rest: NDArray[np.intp]


def layout(
    n: int,
    m: int,
    *,
    rng: np.random.Generator,
    exact_up_to: int = EXACT_UP_TO,
    blocks: int = BLOCKS,
) -> Layout:
    """Return which of n generated and m reference rows move together, drawn at random.

    Up to ``exact_up_to`` pooled rows each moves on its own; beyond, the smaller sample makes
    ``blocks`` blocks or a few more.
    """
    length = 1 if n + m <= exact_up_to else max(1, min(n, m) // blocks)
    most = exact_up_to if n + m <= exact_up_to else BALANCE * max(min(n, m) // length, LEAST_BLOCKS)
    parts = []
    for size in (n, m):
        count = min(size // length, most)
        order = np.arange(size) if count == size else rng.permutation(size)
        parts.append((order[: count * length].reshape(count, length), order[count * length :]))
    return Layout(parts[0][0], parts[1][0], parts[0][1], parts[1][1])


def label_chunks(
    chosen: int, total: int, count: int, *, rng: np.random.Generator
) -> Iterator[NDArray[np.bool_]]:
    """Yield ``count`` random subsets of ``chosen`` out of ``total`` as rows of boolean matrices.

    Every subset of that size is equally likely: independent coin flips give a subset of random
    size that is uniform given its size, and members are then added or removed at random.
    """
    rows = max(1, CHUNK_BYTES // total)
    coin = round(256 * chosen / total)  # any coin is right; this one leaves little to mend
    for start in range(0, count, rows):
        shape = (min(rows, count - start), total)
        words = rng.integers(2**64, size=-(-shape[0] * total // 8), dtype=np.uint64)
        labels = (words.view(np.uint8)[: shape[0] * total] < coin).reshape(shape)
        for row, size in zip(labels, np.count_nonzero(labels, axis=1), strict=True):
            surplus = int(size) - chosen
            if surplus:
                pool = np.flatnonzero(row if surplus > 0 else ~row)
                row[rng.choice(pool, abs(surplus), replace=False, shuffle=False)] = surplus < 0
        yield labels


def pvalue_low(observed: float, null: NDArray[np.float64]) -> float:
    """Return the p-value of a small statistic: (1 + #{null <= observed}) / (1 + number).

    A NaN among the null counts against rejection.
    """
    return (1 + int(np.count_nonzero(~(null > observed + _slack(observed))))) / (1 + len(null))


def pvalue_high(observed: float, null: NDArray[np.float64]) -> float:
    """Return the p-value of a large statistic: (1 + #{null >= observed}) / (1 + number).

    A NaN among the null counts against rejection.
    """
    return (1 + int(np.count_nonzero(~(null < observed - _slack(observed))))) / (1 + len(null))


def _slack(observed: float) -> float:
    return TIED * abs(observed) if np.isfinite(observed) else 0.0


def sums_by_origin(
    generated: NDArray[np.floating],
    reference: NDArray[np.floating],
    plan: Layout,
    permutations: int,
    *,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the rows labelled "generated" sum to, under random relabellings.

    Parameters
    ----------
    generated, reference : shapes (n, f) and (m, f)
        Features of the rows.
    plan
        Which rows move together.
    permutations
        How many relabellings, B.

    Returns
    -------
    tuple of two arrays of shape (B, f)
        The part of each sum that comes of rows which were generated, and the part of those which
        were the reference's. Apart, because a margin rescales the second only.
    """
    own = generated[plan.generated].sum(axis=1)  # (blocks, f)
    other = reference[plan.reference].sum(axis=1)
    stays = generated[plan.generated_rest].sum(axis=0)  # (f,)
    parts: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for labels in label_chunks(len(own), len(own) + len(other), permutations, rng=rng):
        weights = labels.astype(np.float64)
        parts.append((weights[:, : len(own)] @ own + stays, weights[:, len(own) :] @ other))
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
    )
