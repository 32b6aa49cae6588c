"""Neutral lineages: what finite samples alone do to the variance of a model that loses nothing.

A neutral model is a resampler: fitted to rows it keeps them, and it draws them with replacement.
Its law is the one that the rows show, whatever their distribution, so what its lineage loses is
lost to the size of its samples and to nothing else. Population genetics knows it as neutral drift,
hence the name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.rows import is_law, numeric, read_reference
from collapse_bench.streams import generator

__all__ = ["LINEAGES", "Neutral", "neutral_lineages"]

LINEAGES = 2_000  # their mean is then 45 times as sure as one lineage

# Rows drawn from a reference that is a law. Lineages of up to 200 rows each get rows of their own.
LAW_ROWS = 400_000

BLOCK_VALUES = 4_000_000  # rows of the lineages that are simulated together


@dataclass(frozen=True)
class Neutral:
    """Neutral lineages of one reference.

    Attributes
    ----------
    changes : shape (N,)
        log V_n - log V_0 of each, in nats, where V is the variance, or the mean variance along
        the directions of the reference, each in units of the reference's own. -inf where all rows
        of generation n, or those of a founder, are one.
    dimension
        In how many directions the reference varies.
    rows
        Rows of the reference, or drawn from it.
    """

    changes: NDArray[np.float64]
    dimension: int
    rows: int


def neutral_lineages(
    reference: Any,
    sizes: Sequence[int],
    *,
    founder_size: int | None = None,
    eval_size: int | None = None,
    lineages: int = LINEAGES,
    seed: int = 0,
) -> Neutral:
    """Simulate lineages of a model that resamples its training rows.

    Parameters
    ----------
    reference : shape (m, d) or (m,), or a law
        Where generation 0 comes from.
    sizes
        Samples drawn from generation t to train generation t + 1, for t = 0, ..., n - 1.
    founder_size
        Rows of the reference that generation 0 was fitted to, 0 for the law itself. None: all
        rows where the reference is rows, else 0.
    eval_size
        Draws that each generation's variance is measured on. None: it is that of the law.
    lineages
        How many, N.
    seed
        Root of their stream.

    Raises
    ------
    InvalidArgument
        If ``founder_size`` exceeds the rows there are.
    InvalidSamples
        If the reference can't be read as numbers, or doesn't vary.
    """
    origin = _origin(reference, sizes[0], founder_size, lineages, seed)
    rng = generator(seed, "neutral", "lineages")
    changes = [
        _changes(origin, block, sizes, eval_size, rng)
        for block in _blocks(lineages, max(*sizes, origin.founder_size, eval_size or 0))
    ]
    return Neutral(np.concatenate(changes), origin.white.shape[1], len(origin.white))


@dataclass(frozen=True)
class _Origin:
    """Where lineages start.

    Attributes
    ----------
    white : shape (m, k)
        The reference's rows in coordinates in which their covariance is one.
    log_spread
        log of the mean variance of generation 0, where that is the reference itself.
    founder_size
        Rows that generation 0 of each lineage has of its own; 0: it is the reference itself.
    once : shape (m,), or None
        Rows of a law in random order, for every lineage to take the next ones; None: rows are
        drawn with replacement.
    """

    white: NDArray[np.float64]
    log_spread: float
    founder_size: int
    once: NDArray[np.int64] | None


def _origin(
    reference: Any, size: int, founder_size: int | None, lineages: int, seed: int
) -> _Origin:
    if not is_law(reference):
        rows = numeric(read_reference(reference, None, seed=seed))
        if founder_size is not None and founder_size > len(rows):
            raise InvalidArgument(
                f"founder_size must be at most the reference's {len(rows):,} rows; "
                f"got founder_size={founder_size}"
            )
        own = 0 if founder_size in (None, len(rows)) else founder_size or 0
        return _Origin(rows.white(rows.values), 0.0, own, None)
    wanted = lineages * (founder_size or size)
    count = min(wanted, LAW_ROWS)
    rng = generator(seed, "neutral", "reference")
    rows = numeric(
        read_reference(reference.sample(count, rng=rng), getattr(reference, "kind", None), seed=0)
    )
    log_spread = 0.0
    if hasattr(reference, "moments"):  # the law's own variance has no sampling error
        covariance = np.asarray(reference.moments()[1], dtype=np.float64)
        matrix = rows.white.matrix
        log_spread = math.log(np.trace(matrix.T @ covariance @ matrix) / matrix.shape[1])
    # rows are read in order of their values, which no lineage may inherit
    once = rng.permutation(count) if count == wanted else None
    return _Origin(rows.white(rows.values), log_spread, founder_size or 0, once)


def _blocks(lineages: int, width: int) -> Iterator[slice]:
    """Yield the lineages that are simulated together."""
    step = max(1, BLOCK_VALUES // width)
    for start in range(0, lineages, step):
        yield slice(start, min(start + step, lineages))


def _changes(
    origin: _Origin,
    block: slice,
    sizes: Sequence[int],
    eval_size: int | None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return log V_n - log V_0 of a block of B lineages, which are kept as row numbers, (B, M)."""
    count = block.stop - block.start
    pool = len(origin.white)
    first = origin.founder_size or sizes[0]
    if origin.once is not None:
        drawn = origin.once[block.start * first : block.stop * first].reshape(count, first)
    elif origin.founder_size:  # part of the rows, each once
        order = np.broadcast_to(np.arange(pool), (count, pool))
        drawn = rng.permuted(order, axis=1)[:, :first]
    else:
        drawn = rng.integers(0, pool, (count, first))
    start: float | NDArray[np.float64] = origin.log_spread
    newest = drawn
    if origin.founder_size:
        start = _log_spread(origin.white, drawn)
        newest = _resampled(drawn, sizes[0], rng)
    if eval_size is not None:
        founder = (
            _resampled(drawn, eval_size, rng)
            if origin.founder_size
            else rng.integers(0, pool, (count, eval_size))
        )
        start = _log_spread(origin.white, founder)
    for size in sizes[1:]:
        newest = _resampled(newest, size, rng)
    if eval_size is not None:
        newest = _resampled(newest, eval_size, rng)
    end = _log_spread(origin.white, newest)
    varied = np.broadcast_to(np.isfinite(start), end.shape)
    return np.subtract(end, start, out=np.full(count, -np.inf), where=varied)


def _resampled(rows: NDArray[np.int64], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``size`` draws with replacement from each lineage's rows, (B, M) -> (B, size)."""
    count, width = rows.shape
    chosen = rng.integers(0, width, (count, size))
    chosen += np.arange(count)[:, None] * width
    return rows.ravel()[chosen]


def _log_spread(white: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log of the mean variance over the columns, (B, M) -> (B,); -inf for one point."""
    total = np.zeros(len(rows))
    for column in white.T:
        values = column[rows]
        values -= values[:, :1]  # so that equal rows have variance 0, without rounding
        total += values.var(axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(total / white.shape[1]))
