r"""The discrete loop under replacement: each generation is the empirical law of M draws.

Counts are Multinomial(M, p_{n-1}) and p_n is counts over M: the haploid Wright-Fisher chain, whose
absorbing states are the point masses. p_0 is the truth. ``size`` is M, an integer >= 2; ``steps``
is n, a non-negative integer; ``p`` is a probability in [0, 1]. Arguments broadcast; numbers in, a
number out. Every function raises ``InvalidArgument`` outside these ranges, and is exact.

Diversity is Gini-Simpson's, H = 1 - sum p^2: the chance that two draws differ.

References
----------
.. [1] I. Shumailov et al., "AI models collapse when trained on recursively generated data",
   Nature 631 (2024), 755-759, discrete distributions with exact approximation.
.. [2] M. Seddik et al., "How bad is training on synthetic data?", arXiv 2404.05090 (2024).
.. [3] W. Feller, "An Introduction to Probability Theory", vol. 1, XV.2 (genetics).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlog1py, xlogy

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import fraction, times, whole

__all__ = [
    "absorption_bounds",
    "diversity_ratio",
    "extinction_probability",
    "fixation_probability",
    "loss_probability",
]

# The chain of a state's counts is a (size + 1, size + 1) matrix: 32 MB at this size.
LARGEST_CHAIN = 2_000
# Rounding allowed above the largest diversity of K states.
SLACK = 1e-12


def loss_probability(p: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    """Return the chance that a state of probability ``p`` is unseen in ``size`` draws.

    (1 - p)^M: one generation. The article's "1 - q" is the chance of losing it *eventually*,
    one less :func:`fixation_probability`.
    """
    return np.asarray(np.exp(xlog1py(whole("size", size, least=2), -fraction("p", p))))[()]


def fixation_probability(p: ArrayLike) -> NDArray[np.float64]:
    """Return the chance that the chain ends in the point mass at a state: ``p`` itself.

    Each probability is a bounded martingale, E p_n = p_0 [1]; its limit is 0 or 1. Holds for
    every size.
    """
    return fraction("p", p)[()]


def diversity_ratio(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    """Return E H_n / H_0 = (1 - 1/M)^n.

    Two draws of a generation come from the same draw of the one before with chance 1/M [2].
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    return np.asarray(np.exp(times(steps, np.log1p(-1 / size))))[()]


def extinction_probability(p: ArrayLike, size: int, steps: ArrayLike) -> NDArray[np.float64]:
    """Return the chance that a set of states of total probability ``p`` is gone after n steps.

    The set's counts are a Markov chain of their own, Binomial(M, count/M) [3]. Its expected
    *probability* stays p for ever (a martingale) while this rises to 1 - p: the mean hides the
    loss of a tail. One state at a time it gives the expected coverage of a tail, the mean over
    its states of one less this.

    Raises
    ------
    InvalidArgument
        Also if ``size`` is not a single integer up to 2,000: the chain's matrix is built.
    """
    draws = whole("size", size, least=2)
    if draws.ndim or draws > LARGEST_CHAIN:
        raise InvalidArgument(
            f"size must be one integer <= {LARGEST_CHAIN} for the exact chain; got size={size!r}"
        )
    p, steps = np.broadcast_arrays(fraction("p", p), whole("steps", steps, least=0))
    count = int(draws)
    chain = _binomial(np.arange(count + 1) / count, count)  # (M+1, M+1)
    first = _binomial(p, count)  # (..., M+1)
    gone = np.zeros(count + 1)
    gone[0] = 1.0  # gone[c]: chance of having died out, from c copies, by the step in question
    answer = np.where(p == 0, 1.0, 0.0)
    for step in range(1, int(steps.max(initial=0)) + 1):
        answer = np.where(steps == step, first @ gone, answer)
        gone = chain @ gone
    return np.asarray(np.minimum(answer, 1.0))[()]


def absorption_bounds(
    diversity: ArrayLike, support: ArrayLike, size: ArrayLike, steps: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bounds on the chance that two or more states are left after ``steps``.

    With H_n = H_0 (1 - 1/M)^n: a law on K states has H <= 1 - 1/K, and counts of M draws on two or
    more states have H >= 2(M - 1)/M^2, so H_n/(1 - 1/K) <= P <= M^2 H_n / (2(M - 1)). The upper
    bound is for counts: 1 at steps 0.

    Parameters
    ----------
    diversity
        H_0, the Gini-Simpson diversity of the truth, in [0, 1 - 1/K].
    support
        K, its number of states, an integer >= 2.
    size, steps
        Draws a generation and generations.

    Returns
    -------
    low, high
        Both in [0, 1].
    """
    start, states = fraction("diversity", diversity), whole("support", support, least=2)
    if np.any(start > 1 - 1 / states + SLACK):
        raise InvalidArgument(
            f"diversity must be at most 1 - 1/support; got diversity={diversity!r}, "
            f"support={support!r}"
        )
    ratio = diversity_ratio(size, steps)
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    low = np.minimum(start * ratio / (1 - 1 / states), 1.0)
    high = np.minimum(start * ratio * (size / 2) * (size / (size - 1)), 1.0)
    return low[()], np.where((steps == 0) & (start > 0), 1.0, high)[()]


def _binomial(p: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the Binomial(size, p) probabilities of 0..size along a new last axis."""
    counts = np.arange(size + 1)
    ways = gammaln(size + 1) - gammaln(counts + 1) - gammaln(size - counts + 1)
    p = p[..., None]
    law = np.exp(ways + xlogy(counts, p) + xlog1py(size - counts, -p))
    return np.asarray(law / law.sum(axis=-1, keepdims=True))
