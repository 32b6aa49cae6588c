"""How far the discrete loop has moved, and how much diversity it keeps, in expectation.

Index convention, ranges and sources: the package's docstring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from collapse_bench.theory._domain import fraction, law, not_negative, times, whole
from collapse_bench.theory._numerics import log_falling
from collapse_bench.theory.categorical._chain import chain_size, expectation

__all__ = [
    "diversity_ratio",
    "effective_size",
    "eigenvalue",
    "entropy_loss",
    "expected_chi_squared",
    "expected_distance",
    "expected_entropy",
    "probability_covariance",
    "probability_variance",
]


def diversity_ratio(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    """Return E H_n / H_0 = (1 - 1/M)^n.

    Two draws of a generation come from the same draw of the one before with chance 1/M [2].
    Sizes that vary: :func:`regimes.growing_ratio`.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    return np.asarray(np.exp(times(steps, np.log1p(-1 / size))))[()]


def probability_variance(p: ArrayLike, size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    """Return Var p_n = p (1 - p) [1 - (1 - 1/M)^n] of a state of probability ``p``.

    E p_n = p, so the variance is what E p_n (1 - p_n) = p (1 - p) (1 - 1/M)^n has lost [4].
    """
    p = fraction("p", p)
    return np.asarray(p * (1 - p) * _moved(size, steps))[()]


def probability_covariance(
    p: ArrayLike, q: ArrayLike, size: ArrayLike, steps: ArrayLike
) -> NDArray[np.float64]:
    """Return Cov(p_n(i), p_n(j)) = -p q [1 - (1 - 1/M)^n] of two states of a law.

    Two draws are of states i and j with chance E p_n(i) p_n(j) = p q (1 - 1/M)^n [4].
    """
    return np.asarray(-fraction("p", p) * fraction("q", q) * _moved(size, steps))[()]


def expected_distance(
    diversity: ArrayLike, size: ArrayLike, steps: ArrayLike
) -> NDArray[np.float64]:
    """Return E |p_n - p_0|^2 = H_0 [1 - (1 - 1/M)^n], ``diversity`` being H_0, in [0, 1].

    The sum of :func:`probability_variance` over states. One step moves by H_0/M. Derived for
    this project.
    """
    return np.asarray(fraction("diversity", diversity) * _moved(size, steps))[()]


def expected_chi_squared(
    support: ArrayLike, size: ArrayLike, steps: ArrayLike
) -> NDArray[np.float64]:
    r"""Return E sum (p_n - p_0)^2 / p_0 = (K - 1) [1 - (1 - 1/M)^n] for a truth on K states.

    Each state adds (1 - p) times the bracket: whatever the truth, ``support`` = K, an integer
    >= 1, is all that matters. Under another regime the bracket is its V/D_0. Derived for this
    project.
    """
    return np.asarray((whole("support", support, least=1) - 1) * _moved(size, steps))[()]


def eigenvalue(size: ArrayLike, order: ArrayLike) -> NDArray[np.float64]:
    r"""Return :math:`\prod_{i<j} (1 - i/M)`, an eigenvalue of the chain of counts, j = 0..M.

    The chance that j draws come from j different draws of the generation before, so the rate at
    which products of j different probabilities decay: orders 0 and 1 are 1, order 2 is that of
    the diversity [3]. 0 for orders above M.
    """
    size, order = whole("size", size, least=2), whole("order", order, least=0)
    return np.asarray(np.exp(log_falling(size, order)))[()]


def expected_entropy(p: ArrayLike, size: int, steps: ArrayLike) -> NDArray[np.float64]:
    """Return the expected Shannon entropy of p_n, in nats; it never rises (Jensen).

    The sum over states of E[-p_n log p_n], each by the chain of the state's count [3].

    Parameters
    ----------
    p : shape (..., K)
        The truth.
    size
        One integer up to 2,000: the chain's matrix is built.
    steps
        Broadcast against the leading axes of ``p``.
    """
    truth, count = law("p", p), chain_size(size)
    shares = np.arange(count + 1) / count
    many = whole("steps", steps, least=0)[..., None]
    parts = expectation(-xlogy(shares, shares), -xlogy(truth, truth), truth, count, many)
    return np.asarray(parts.sum(axis=-1) + 0.0)[()]  # 0, not -0


def entropy_loss(support: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    """Return about what the first step takes from the entropy: (K - 1) / (2M), in nats.

    Miller's first order in 1/M for a truth on K = ``support`` states [7]. The loss is never
    negative nor above log(1 + (K - 1)/M), so this is within (K - 1)/(2M) of it; with every
    Mp >= 10 within 4 %, measured. :func:`expected_entropy` is exact.
    """
    states, size = whole("support", support, least=1), whole("size", size, least=2)
    return np.asarray((states - 1) / (2 * size))[()]


def effective_size(diversity: ArrayLike, distance: ArrayLike) -> NDArray[np.float64]:
    """Return the variance effective size N_e = H / E |p' - p|^2 of a step from p to p'.

    It is M for an ideal resampler, whose step is :func:`expected_distance` at 1 [4]; M/alpha^2
    with a share 1 - alpha of the old law kept. ``diversity`` is H, in [0, 1]; ``distance`` the
    expected squared step, >= 0 and infinite N_e at 0.
    """
    spread, moved = fraction("diversity", diversity), not_negative("distance", distance)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(moved > 0, spread / moved, np.inf))[()]


def _moved(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    return np.asarray(-np.expm1(times(steps, np.log1p(-1 / size))))
