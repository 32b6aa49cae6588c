"""How many states a sample of codes, or a law over them, still reaches, and how evenly.

The sample forms depend on the sample's size: compare samples of one size. The Gini-Simpson
index is the exception, its estimate being unbiased at every size; that of the entropy nearly is
once no state is expected to be missed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, xlogy

from collapse_bench.errors import InvalidArgument, UndefinedMetric
from collapse_bench.metrics._shapes import Value, as_states, as_value

__all__ = [
    "entropy",
    "entropy_law",
    "gini_simpson",
    "gini_simpson_law",
    "support",
    "support_size",
]

# Probabilities are renormalized by whoever updates them, so their sums are off by rounding only.
SUM_SLACK = 1e-9


def support(samples: Any) -> Value:
    """Return the number of distinct states in a sample.

    Parameters
    ----------
    samples
        Codes, shape (n,), or (R, n) for R replicates; n >= 1.

    Returns
    -------
    float or array of shape (R,)
        A whole number in [1, n], for each replicate.

    Raises
    ------
    InvalidSamples
        If ``samples`` is empty, has another shape, or can't be codes.

    Notes
    -----
    It grows with n, so samples of different sizes can't be compared by it [1]_.

    References
    ----------
    .. [1] S. H. Hurlbert, "The nonconcept of species diversity", Ecology 52 (1971), 577-586.
    """
    return as_value((_counts(samples) > 0).sum(axis=-1))


def gini_simpson(samples: Any) -> Value:
    r"""Estimate the Gini-Simpson index :math:`1 - \sum p^2` of the law that was sampled.

    The estimate is the share of pairs of *different* draws whose states differ,
    :math:`n/(n-1)\,(1 - \sum \hat p^2)`: two independent draws differ with probability
    :math:`1 - \sum p^2`, so it is unbiased, where the plug-in is low by the factor 1 - 1/n.

    Parameters
    ----------
    samples
        Codes, shape (n,), or (R, n) for R replicates; n >= 2.

    Returns
    -------
    float or array of shape (R,)
        In [0, 1]: 0 if one state is left, 1 if no two draws agree.

    Raises
    ------
    InvalidSamples
        If ``samples`` is empty, has another shape, or can't be codes.
    UndefinedMetric
        If there is one draw only.

    References
    ----------
    .. [1] E. H. Simpson, "Measurement of diversity", Nature 163 (1949), 688.
    """
    counts = _counts(samples)
    size = int(counts.reshape(-1, counts.shape[-1])[0].sum())
    if size < 2:
        raise UndefinedMetric("gini_simpson must have two draws or more to compare; got 1")
    same = (counts * (counts - 1)).sum(axis=-1)  # ordered pairs that agree, exact in int64
    return as_value((size * (size - 1) - same) / (size * (size - 1)))


def entropy(samples: Any) -> Value:
    r"""Estimate the Shannon entropy :math:`-\sum p \log p` of the law that was sampled, in nats.

    The estimate is :math:`\sum_i \frac{c_i}{n} (\psi(n) - \psi(c_i))` over the counts c of the
    states seen, :math:`\psi` the digamma function [1]_.

    Parameters
    ----------
    samples
        Codes, shape (n,), or (R, n) for R replicates; n >= 2.

    Returns
    -------
    float or array of shape (R,)
        In [0, 1 + 1/2 + ... + 1/(n-1)]: 0 if one state is left.

    Raises
    ------
    InvalidSamples
        If ``samples`` is empty, has another shape, or can't be codes.
    UndefinedMetric
        If there is one draw only.

    Notes
    -----
    The entropy is :math:`\sum_{k \ge 1} \frac1k \sum_i p_i (1-p_i)^k`, whose k-th inner sum is the
    chance that a draw is of a state that k others miss (k = 1: the Gini-Simpson index). Those up
    to k = n - 1 are estimated without bias, and the others are left out. So it is low by
    :math:`\sum_{k \ge n} \frac1k \sum_i p_i (1-p_i)^k`, at most 1/n times the number of states that
    n draws are expected to miss; the plug-in is low by (K - 1)/(2n) even where none is missed, and
    with the Miller-Madow correction of that still by terms of 1/n^2.

    References
    ----------
    .. [1] Z. Zhang, "Entropy estimation in Turing's perspective", Neural Computation 24 (2012),
       1368-1389.
    """
    counts = _counts(samples)
    size = int(counts.reshape(-1, counts.shape[-1])[0].sum())
    if size < 2:
        raise UndefinedMetric("entropy must have two draws or more to compare; got 1")
    terms = counts * (digamma(size) - digamma(np.maximum(counts, 1)))
    return as_value(terms.sum(axis=-1) / size)


def support_size(probabilities: Any) -> Value:
    """Return how many states of a law have positive probability.

    Parameters
    ----------
    probabilities
        Shape (..., K): non-negative, the last axis summing to 1.

    Returns
    -------
    float or array of the leading shape
        A whole number in [1, K].

    Raises
    ------
    InvalidArgument
        If a value is negative or not finite, or a sum is not 1.
    """
    return as_value((_as_law(probabilities) > 0).sum(axis=-1))


def gini_simpson_law(probabilities: Any) -> Value:
    r"""Return the Gini-Simpson index :math:`1 - \sum p^2` of a law: its heterozygosity.

    Parameters
    ----------
    probabilities
        Shape (..., K): non-negative, the last axis summing to 1.

    Returns
    -------
    float or array of the leading shape
        In [0, 1 - 1/K]: 0 for a point mass, 1 - 1/K for the uniform law.

    Raises
    ------
    InvalidArgument
        If a value is negative or not finite, or a sum is not 1.
    """
    law = _as_law(probabilities)
    return as_value((law * (1 - law)).sum(axis=-1))  # = 1 - sum p^2, without the cancellation


def entropy_law(probabilities: Any) -> Value:
    r"""Return the Shannon entropy :math:`-\sum p \log p` of a law, in nats; 0 log 0 is 0.

    Parameters
    ----------
    probabilities
        Shape (..., K): non-negative, the last axis summing to 1.

    Returns
    -------
    float or array of the leading shape
        In [0, log K]: 0 for a point mass, log K for the uniform law.

    Raises
    ------
    InvalidArgument
        If a value is negative or not finite, or a sum is not 1.
    """
    law = _as_law(probabilities)
    return as_value(np.maximum(-xlogy(law, law).sum(axis=-1), 0))  # a share of 1 + 1e-16 is 1


def _counts(samples: Any) -> NDArray[np.int64]:
    """Return how often each state that occurs anywhere occurs, shape (K,) or (R, K)."""
    codes = as_states("samples", samples)
    states, place = np.unique(codes, return_inverse=True)
    rows = place.reshape(-1, codes.shape[-1])  # (R, n)
    rows = rows + np.arange(len(rows))[:, None] * len(states)
    counts = np.bincount(rows.ravel(), minlength=len(rows) * len(states)).astype(np.int64)
    return counts.reshape(*codes.shape[:-1], len(states))


def _as_law(probabilities: Any) -> NDArray[np.float64]:
    law = np.asarray(probabilities)
    if law.dtype.kind not in "iuf" or law.ndim == 0 or law.size == 0:
        raise InvalidArgument(
            f"probabilities must have shape (..., K) and hold real numbers; "
            f"got dtype {law.dtype}, shape {law.shape}"
        )
    law = law.astype(np.float64, copy=False)
    if not (np.isfinite(law).all() and law.min() >= 0):
        raise InvalidArgument(
            f"probabilities must be finite and non-negative; got probabilities={probabilities!r}"
        )
    off = np.abs(law.sum(axis=-1) - 1).max()
    if off > SUM_SLACK:
        raise InvalidArgument(
            f"probabilities must sum to 1 on the last axis; got a sum off by {off}"
        )
    return law
