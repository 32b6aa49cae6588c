r"""Other families under replacement: mixtures, exponential, Poisson, uniform; and any at all.

Generation n is fitted, by maximum likelihood, to M = ``size`` draws from generation n - 1;
generation 0 is the truth. ``steps`` is n, a non-negative integer. Arguments broadcast; numbers in,
a number out. Every function raises ``InvalidArgument`` outside its ranges. Formulas are exact, to
about 1e-12 relative for sizes up to 1e9; all are derived for this package except where a source is
named.

References
----------
.. [1] I. Shumailov et al., "AI models collapse when trained on recursively generated data",
   Nature 631 (2024), 755-759: expressivity error, the weights alpha, beta, gamma.
.. [2] A. Suresh, A. Thangaraj and A. Khandavally, "Rate of model collapse in recursive training",
   arXiv 2412.17646 (2025): Poisson and discrete laws.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import finite, fraction, law, not_negative, times, whole
from collapse_bench.theory._matrices import covariance
from collapse_bench.theory.categorical import survival
from collapse_bench.theory.gaussian import log_variance_drift, log_variance_noise

__all__ = [
    "contraction_bound",
    "contraction_limit",
    "exponential_drift",
    "exponential_noise",
    "mixture_mean_square",
    "mixture_moments",
    "mixture_variance",
    "poisson_extinction",
    "poisson_variance",
    "uniform_log_width",
    "uniform_width",
]


def mixture_moments(
    weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return mean and covariance of a mixture: :math:`m = \sum w_k m_k`, and within plus between.

    **After any M-step these are the sample's own**, its mean and its maximum-likelihood covariance,
    whatever the responsibilities r and however far EM has run: with
    :math:`w_k = \sum_j r_{jk} / M` and :math:`w_k m_k = \sum_j r_{jk} x_j / M`, r leaves the sums
    over k of :math:`w_k m_k` and :math:`w_k (S_k + m_k m_k^T)`, because :math:`\sum_k r_{jk} = 1`.
    scikit-learn's ``reg_covar`` is added to each variance, and so to the total.

    The Gaussian with these moments is the mixture's moment projection. Projecting again changes
    nothing, so without sampling noise a family's expressivity error is made once [1].

    Parameters
    ----------
    weights : shape (..., K)
        Sum to 1.
    means : shape (..., K, d)
        Means of the components.
    covariances : shape (..., K, d, d)
        Positive semi-definite.

    Returns
    -------
    mean, covariance : shapes (..., d), (..., d, d)
    """
    w, m = law("weights", weights), finite("means", means)
    inner = covariance("covariances", covariances)
    if m.ndim < 2 or m.shape[-2] != w.shape[-1] or inner.shape[-3:] != (*m.shape[-2:], m.shape[-1]):
        raise InvalidArgument(
            "weights, means and covariances must have shapes (..., K), (..., K, d) and "
            f"(..., K, d, d); got {w.shape}, {m.shape} and {inner.shape}"
        )
    mean = np.einsum("...k,...kd->...d", w, m)
    off = m - mean[..., None, :]  # (..., K, d)
    between = np.einsum("...k,...ki,...kj->...ij", w, off, off)
    return mean, np.einsum("...k,...kij->...ij", w, inner) + between


def mixture_variance(
    size: ArrayLike, steps: ArrayLike, floor: ArrayLike = 0.0
) -> NDArray[np.float64]:
    r"""Return E tr Cov_n / tr Cov_0 of mixtures fitted by EM: :math:`(1 - 1/M)^n` for any K.

    By :func:`mixture_moments` the total covariance is that of M draws, 1 - 1/M of the last one in
    expectation. ``floor`` is what each fit adds, d * ``reg_covar`` / tr Cov_0 for scikit-learn:
    then :math:`v' = (1 - 1/M) v + floor`, which tends to M floor and may grow.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    floor = not_negative("floor", floor)
    decay = times(steps, np.log1p(-1 / size))
    return np.asarray(np.exp(decay) - size * floor * np.expm1(decay))[()]


def mixture_mean_square(
    size: ArrayLike, steps: ArrayLike, floor: ArrayLike = 0.0
) -> NDArray[np.float64]:
    r"""Return E |mean_n - mean_0|^2 / tr Cov_0 of those mixtures.

    The mean's steps are orthogonal, each of variance v_{i-1}/M: without a floor
    :math:`1 - (1 - 1/M)^n`, so that spread and drift of the mean always sum to tr Cov_0. With one
    :math:`n\,floor + (1 - M floor)(1 - (1 - 1/M)^n)`, which grows without bound.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    floor = not_negative("floor", floor)
    lost = -np.expm1(times(steps, np.log1p(-1 / size)))
    return np.asarray(steps * floor + (1 - size * floor) * lost)[()]


def exponential_drift(size: ArrayLike) -> NDArray[np.float64]:
    r"""Return the expected change of log theta a generation, theta the exponential law's mean.

    The fit is the sample mean, theta Gamma(M)/M: :math:`\psi(M) - \log M`, in (-1/M, -1/(2M)). Half
    of 2M - that of a chi-squared variable with 2M degrees of freedom. Steps are independent, so
    log theta_n falls by n times this, while E theta_n stays.
    """
    return log_variance_drift(2 * whole("size", size, least=1) + 1)


def exponential_noise(size: ArrayLike) -> NDArray[np.float64]:
    r"""Return the variance of that change, :math:`\psi'(M)`, about 1/M; n times this after n."""
    return log_variance_noise(2 * whole("size", size, least=1) + 1)


def poisson_extinction(rate: ArrayLike, size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return P(lambda_n = 0): the fitted Poisson law is stuck at 0 for ever.

    The sum of M draws given the last sum S is Poisson(S), a branching process with Poisson(1)
    children whose survival is :func:`categorical.survival`, s_j: :math:`\exp(-M\lambda s_{n-1})`,
    exact for every n >= 1 (it implies the bound of [2], s_j >= 1/(j+1)).

    Parameters
    ----------
    rate
        lambda of the truth, >= 0.
    size
        M, an integer >= 1.
    steps
        n.
    """
    rate, size = not_negative("rate", rate), whole("size", size, least=1)
    steps = whole("steps", steps, least=0)
    alive = survival(np.maximum(steps - 1, 0))
    return np.asarray(np.where(steps == 0, rate == 0, np.exp(-size * rate * alive)) * 1.0)[()]


def poisson_variance(rate: ArrayLike, size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return Var lambda_n = n lambda / M, about the truth E lambda_n = lambda.

    Each step adds E lambda_{n-1} / M, the variance of a mean of M Poisson draws. That lambda_n
    dies all the same, at the rate of :func:`poisson_extinction`, is what [2] shows.
    """
    rate, size = not_negative("rate", rate), whole("size", size, least=1)
    return np.asarray(whole("steps", steps, least=0) * rate / size)[()]


def uniform_width(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return E theta_n / theta_0 of the uniform law on (0, theta): :math:`(M/(M+1))^n`.

    The fit is the largest of M draws, theta Beta(M, 1): it falls on every path and never comes
    back. Under accumulation the largest of the first batch stays the largest, so every path is
    constant from n = 1 on, with mean M/(M+1).
    """
    size, steps = whole("size", size, least=1), whole("steps", steps, least=0)
    return np.asarray(np.exp(-steps * np.log1p(1 / size)))[()]


def uniform_log_width(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return E log(theta_n / theta_0) = -n/M.

    -log Beta(M, 1) is exponential of mean 1/M, so -log(theta_n / theta_0) is Gamma(n) / M, whose
    variance is n/M^2.
    """
    size, steps = whole("size", size, least=1), whole("steps", steps, least=0)
    return np.asarray(-steps / size)[()]


def contraction_bound(
    distance: ArrayLike, error: ArrayLike, gamma: ArrayLike, steps: ArrayLike
) -> NDArray[np.float64]:
    r"""Return a bound on d(p_n, p_0) of any loop that mixes in a share gamma of the truth [1].

    p_{n+1} = alpha fit + beta p_n + gamma p_0 for any model, with d(fit, p_n) <= ``error`` at each
    step and d convex in each argument (total variation, W1; not W2): then
    :math:`d_{n+1} \le (1-\gamma)(d_n + e)`, so
    :math:`d_n \le (1-\gamma)^n d_0 + e (1-\gamma)(1 - (1-\gamma)^n)/\gamma`, and
    :math:`d_0 + n e` without the truth. It holds on every path: nothing is averaged.

    Parameters
    ----------
    distance
        d_0, of the law that the loop starts from, >= 0; 0 if that is the truth.
    error
        The largest d(fit, p_n), >= 0.
    gamma
        Share of the truth, in [0, 1].
    steps
        n.
    """
    start, error = not_negative("distance", distance), not_negative("error", error)
    gamma, steps = fraction("gamma", gamma), whole("steps", steps, least=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        decay = times(steps, np.log1p(-gamma))
        sums = np.where(gamma == 0, steps, -np.expm1(decay) * (1 - gamma) / gamma)
    return np.asarray(np.exp(decay) * start + error * sums)[()]


def contraction_limit(error: ArrayLike, gamma: ArrayLike) -> NDArray[np.float64]:
    r"""Return the limit of :func:`contraction_bound`: :math:`e (1-\gamma)/\gamma`, gamma > 0."""
    error, gamma = not_negative("error", error), fraction("gamma", gamma)
    if np.any(gamma == 0):
        raise InvalidArgument(f"gamma must be positive for a limit; got gamma={gamma.tolist()!r}")
    return np.asarray(error * (1 - gamma) / gamma)[()]
