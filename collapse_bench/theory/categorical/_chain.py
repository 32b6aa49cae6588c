"""The chain of one state's count, Binomial(M, count / M), as a matrix: exact, for small M."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlog1py, xlogy

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import whole

# The chain is a (size + 1, size + 1) matrix: 32 MB at this size.
LARGEST_CHAIN = 2_000
# Chances below this don't change a sum; near 1e-308 they would slow a product tenfold.
TINY = 1e-200
# Where an approximation would do, the chain is used while it takes a second or less.
MOST_WORK = 400_000_000
# Laws of the first count are made for so many numbers at once: 16 MB.
AT_ONCE = 2_000_000


def chain_size(size: ArrayLike) -> int:
    """Return ``size`` as the int that the exact chain takes."""
    draws = whole("size", size, least=2)
    if draws.ndim or draws > LARGEST_CHAIN:
        raise InvalidArgument(
            f"size must be one integer <= {LARGEST_CHAIN} for the exact chain; got size={size!r}"
        )
    return int(draws)


def cheap(size: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether ``steps`` products with the chain's matrix take about a second at most."""
    return np.asarray((size <= LARGEST_CHAIN) & (size**2 * steps <= MOST_WORK))


def binomial(p: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the Binomial(size, p) probabilities of 0..size along a new last axis."""
    counts = np.arange(size + 1)
    ways = gammaln(size + 1) - gammaln(counts + 1) - gammaln(size - counts + 1)
    p = p[..., None]
    law = np.exp(ways + xlogy(counts, p) + xlog1py(size - counts, -p))
    law = law / law.sum(axis=-1, keepdims=True)
    law[law < TINY] = 0.0
    return np.asarray(law)


def transitions(size: int) -> NDArray[np.float64]:
    """Return the matrix (M+1, M+1) of one step between counts."""
    return binomial(np.arange(size + 1) / size, size)


def expectation(
    values: NDArray[np.float64],
    start: NDArray[np.float64],
    p: NDArray[np.float64],
    size: int,
    steps: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the mean of ``values[count]`` after ``steps`` from a state of probability p.

    ``start`` is the value at steps 0, of the shape of ``p``; ``p`` and ``steps`` broadcast. The
    values are carried backwards through the chain, one product a step whatever the number of p.
    """
    p, steps, start = np.broadcast_arrays(p, steps, start)
    starts, where = np.unique(p.ravel(), return_inverse=True)
    chain = transitions(size) if np.any(steps > 1) else None
    answer, flat = np.array(start, np.float64).ravel(), steps.ravel()
    for step in range(1, int(steps.max(initial=0)) + 1):
        if chain is not None and step > 1:
            values = chain @ values
        here = flat == step
        if here.any():
            answer[here] = _means(starts, values, size)[where.ravel()[here]]
    return answer.reshape(p.shape)


def _means(p: NDArray[np.float64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    parts = max(1, -(-p.size * (size + 1) // AT_ONCE))
    blocks = [binomial(block, size) @ values for block in np.array_split(p, parts)]
    return np.concatenate(blocks)
