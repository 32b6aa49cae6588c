"""States that are lost: in one step, by step n, and how many are left.

Index convention, ranges and sources: the package's docstring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlog1py

from collapse_bench.theory._domain import fraction, law, whole
from collapse_bench.theory.categorical._chain import chain_size, cheap, expectation
from collapse_bench.theory.categorical.copies import survival

__all__ = [
    "expected_singletons",
    "expected_vocabulary",
    "extinction_probability",
    "loss_probability",
    "missing_mass",
]

# The exact vocabulary needs a law of counts for each state: half a second for so many numbers.
MOST_COUNTS = 20_000_000


def loss_probability(p: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    """Return the chance that a state of probability ``p`` is unseen in ``size`` draws.

    (1 - p)^M: one generation. The article's "1 - q" is the chance of losing it *eventually*,
    one less :func:`fixation_probability`.
    """
    return np.asarray(np.exp(xlog1py(whole("size", size, least=2), -fraction("p", p))))[()]


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
    count = chain_size(size)
    p, steps = fraction("p", p), whole("steps", steps, least=0)
    gone = np.zeros(count + 1)
    gone[0] = 1.0  # of the counts; one of 0 is gone for ever
    answer = expectation(gone, np.where(p == 0, 1.0, 0.0), p, count, steps)
    return np.asarray(np.minimum(answer, 1.0))[()]


def expected_vocabulary(p: ArrayLike, size: int, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return the expected number of states that are left after n steps.

    One step: :math:`\sum 1 - (1 - p)^M`, exact for every size. More: the exact chain of each
    state's count [3] while that is cheap (size up to 2,000, M^2 n up to 4e8, size times states up
    to 20 million); else :math:`\sum 1 - \exp(-M p s_{n-1})` with the s of :func:`survival`,
    as if M s_{n-1}, about 2M/n, draws were taken once from the truth, and p where that is more,
    the chance to survive for ever. That is never too large, by an induction, and too small by
    less than one state in all (measured: less than p for each, sizes up to 300). Derived for this
    project.

    Parameters
    ----------
    p : shape (..., K)
        The truth.
    size
        One integer.
    steps
        Broadcast against the leading axes of ``p``.
    """
    truth = law("p", p)
    draws, many = whole("size", size, least=2), whole("steps", steps, least=0)[..., None]
    if draws.ndim:
        chain_size(size)  # refuses arrays in its own words
    once = -np.expm1(xlog1py(draws, -truth))
    alive = np.maximum(-np.expm1(-draws * truth * survival(np.maximum(many - 1, 0))), truth)
    exact = cheap(draws, many) & (many > 1) & (truth.size * draws <= MOST_COUNTS)
    if exact.any():
        gone = extinction_probability(truth, int(draws), np.where(exact, many, 0))
        alive = np.where(exact, 1 - gone, alive)
    left = np.where(many == 0, truth > 0, np.where(many == 1, once, alive))
    return np.asarray(left.sum(axis=-1))[()]


def missing_mass(p: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    """Return the expected probability of the states unseen in M draws: sum p (1 - p)^M [8].

    ``p`` is a law, shape (..., K); ``size`` broadcasts against its leading axes, and may be 1.
    """
    truth, draws = law("p", p), whole("size", size, least=1)[..., None]
    return np.asarray((truth * np.exp(xlog1py(draws, -truth))).sum(axis=-1))[()]


def expected_singletons(p: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    """Return the expected number of states seen once in M draws: sum M p (1 - p)^(M-1) [8].

    Over M it is the missing mass at M - 1 draws, so a sample's share of singletons estimates what
    it has not seen (Good-Turing); the next generation loses 36.8 % of them
    (:func:`copies_survival`). Shapes as in :func:`missing_mass`, ``size`` >= 2.
    """
    draws = whole("size", size, least=2)
    return np.asarray(draws * missing_mass(p, draws - 1))[()]
