r"""Loops that keep something: pools, mixtures, fresh real data, growing sizes.

D is what the loop loses: the Gini-Simpson diversity of a discrete law, or the variance of one
fitted by maximum likelihood (``ddof=0``). Both are the spread of two draws,
D = E d(X, X')/2 with d = 2 [X != X'] or (X - X')^2, so both shrink by 1 - 1/M when a law is
replaced by M draws from it, and both obey D + V = D_0 in expectation, V the expected squared
distance from the truth (of the probabilities, or of the mean). Every function returns a share of
D_0.

``size`` is M, an integer >= 2; ``steps`` is n, the rounds of sampling behind a generation, a
non-negative integer; the founder is the truth. Arguments broadcast; numbers in, a number out.
Every function raises ``InvalidArgument`` outside its ranges. All are exact, and
derived for this package except where a source is named.

References
----------
.. [1] I. Shumailov et al., Nature 631 (2024), 755-759: the weights alpha, beta, gamma.
.. [2] M. Gerstgrasser et al., "Is model collapse inevitable?", arXiv 2404.01413 (2024).
.. [3] A. Dey and D. Donoho, "Universality of the pi^2/6 pathway", arXiv 2410.22812 (2024).
.. [4] Y. Xu, H. He and G. Cheng, arXiv 2505.13947 (2025): superlinear sizes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import zeta

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import fraction, times, unbiased, whole
from collapse_bench.theory.gaussian import log_scale_factor

__all__ = [
    "accumulate_limit",
    "accumulate_ratio",
    "fresh_real_limit",
    "fresh_real_ratio",
    "growing_ratio",
    "growing_w2_squared",
    "mixture_distance",
    "mixture_ratio",
]

# Terms of a power series in 1/size <= 1/2 that are left out are below 2**-60.
TERMS = 60
# How far three weights may miss a sum of 1.
SLACK = 1e-9


def accumulate_ratio(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return E D_n / D_0 when generation n is fitted to the pool of all n batches so far.

    Batch t is M draws from generation t - 1, a share 1/t of the pool: two draws from the pool meet
    in one new draw with chance 1/(M t^2), so the ratio is :math:`\prod_{t<=n} (1 - 1/(M t^2))`.
    Evaluated as its limit over the tail, whose logarithm is
    :math:`-\sum_j \zeta(2j, n+1)/(j M^j)`. That it stays bounded is [2].
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    j = np.arange(1, TERMS + 1)
    with np.errstate(over="ignore", under="ignore"):
        terms = zeta(2.0 * j, steps[..., None] + 1) / (j * size[..., None] ** j)
    return np.asarray(np.sinc(1 / np.sqrt(size)) * np.exp(terms.sum(axis=-1)))[()]


def accumulate_limit(size: ArrayLike) -> NDArray[np.float64]:
    r"""Return the limit of :func:`accumulate_ratio`: :math:`\sin(x)/x`, :math:`x = \pi/\sqrt M`.

    Euler's product for the sine; 1 - pi^2/(6M) to first order, the constant of [3].
    """
    return np.asarray(np.sinc(1 / np.sqrt(whole("size", size, least=2))))[()]


def mixture_distance(
    size: ArrayLike, steps: ArrayLike, alpha: ArrayLike, beta: ArrayLike, gamma: ArrayLike
) -> NDArray[np.float64]:
    r"""Return V_n / D_0 of the *sampling law* p_n of the article's mixture.

    p_{i+1} = alpha * fit_{i+1} + beta * p_i + gamma * p_0 with fit_{i+1} the fit to M draws from
    p_i [1]. So :math:`V' = (\alpha+\beta)^2 V + \alpha^2 (D_0 - V)/M`, from V_0 = 0; linear, hence
    a geometric sum. With gamma = 0 it tends to 1 at the rate alpha^2/M; else to
    :math:`(\alpha^2/M) / (1 - (1-\gamma)^2 + \alpha^2/M)`.

    Raises
    ------
    InvalidArgument
        Also if the weights do not sum to 1.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    a, b, c = fraction("alpha", alpha), fraction("beta", beta), fraction("gamma", gamma)
    if np.any(np.abs(a + b + c - 1) > SLACK):
        raise InvalidArgument(
            f"alpha, beta and gamma must sum to 1; got alpha={alpha!r}, beta={beta!r}, "
            f"gamma={gamma!r}"
        )
    noise = a**2 / size
    pull = c * (2 - c) + noise  # one less the factor of V
    with np.errstate(divide="ignore", invalid="ignore"):  # pull is 0 or 1 where alpha is 0
        reached = -np.expm1(times(steps, np.log1p(-pull))) * noise / pull
    return np.asarray(np.where(noise > 0, reached, 0.0) + 0.0)[()]  # 0, not -0


def mixture_ratio(
    size: ArrayLike, steps: ArrayLike, alpha: ArrayLike, beta: ArrayLike, gamma: ArrayLike
) -> NDArray[np.float64]:
    r"""Return E D_n / D_0 of the *model* fitted at step n of the article's mixture.

    The model is M draws from p_{n-1}, so it keeps 1 - 1/M of the D_0 - V_{n-1} that
    :func:`mixture_distance` leaves there; 1 at steps 0.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    before = mixture_distance(size, np.maximum(steps - 1, 0), alpha, beta, gamma)
    return np.asarray(np.where(steps == 0, 1.0, (1 - before) * (1 - 1 / size)))[()]


def fresh_real_ratio(
    size: ArrayLike,
    steps: ArrayLike,
    share: ArrayLike,
    split: Literal["iid", "exact"] = "iid",
) -> NDArray[np.float64]:
    r"""Return E D_n / D_0 when a share g of each training set is real data not used before.

    ``"iid"``, each row is real with chance g: D' = (1-1/M)[(1-g)^2 D + (1-(1-g)^2) D_0].
    ``"exact"``, gM rows are real: V' = D_0/M + V (1-g)(1-g-1/M) and D = D_0 - V.

    Raises
    ------
    InvalidArgument
        Also if the split is exact and gM is not whole.
    """
    size, steps, g = (
        whole("size", size, least=2),
        whole("steps", steps, least=0),
        fraction("share", share),
    )
    real = g * (2 - g)  # one less (1 - g)^2
    if split == "iid":
        loss = real + (1 - g) ** 2 / size  # one less the factor of D
        limit = (1 - 1 / size) * real / loss
    elif split == "exact":
        rows = g * size
        if np.any(np.abs(rows - np.rint(rows)) > SLACK * size):
            raise InvalidArgument(
                "share times size must be whole for split='exact'; got "
                f"share={share!r}, size={size.tolist()!r}"
            )
        loss = np.minimum(real + (1 - g) / size, 1.0)  # one less the factor of V
        limit = 1 - 1 / (size * loss)
    else:
        raise InvalidArgument(f"split must be 'iid' or 'exact'; got split={split!r}")
    with np.errstate(divide="ignore"):  # a factor of 0
        return np.asarray(1 + (1 - limit) * np.expm1(times(steps, np.log1p(-loss))))[()]


def fresh_real_limit(size: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    r"""Return the limit of :func:`fresh_real_ratio` for many steps, iid split.

    (1-1/M)(1-(1-g)^2) / (1-(1-1/M)(1-g)^2), close to 2R/(1+2R) with R = gM: the number of real
    rows decides, not their share.
    """
    size, g = whole("size", size, least=2), fraction("share", share)
    real = g * (2 - g)
    return np.asarray((1 - 1 / size) * real / (real + (1 - g) ** 2 / size))[()]


def growing_ratio(sizes: ArrayLike) -> NDArray[np.float64]:
    r"""Return E D_n / D_0 under replacement for n = 0..T, step n of ``sizes[n - 1]`` draws.

    :math:`\prod_{t<=n} (1 - 1/M_t)`: it stays above 0 for ever exactly if sum 1/M_t converges [4];
    M_t = ct falls as n^(-1/c), and M_t = M t^2 is :func:`accumulate_ratio` of M.

    Parameters
    ----------
    sizes : shape (..., T)
        M_1..M_T, integers >= 2.

    Returns
    -------
    array : shape (..., T+1)
        1 first.
    """
    return np.exp(_running(np.log1p(-1 / _schedule(sizes))))


def growing_w2_squared(sizes: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return E W_2^2 / s_0^2 of the Gaussian loop for n = 0..T, step n of ``sizes[n - 1]`` draws.

    The sizes vary, the argument of :func:`gaussian.expected_w2_squared` does not: unbiased,
    :math:`\sum_t 1/M_t + 2(1 - \prod_t c_4(M_t))`, finite for ever exactly if sum 1/M_t
    converges (supplement 3.1.1 of [1]); its leading term is :math:`(3/2) \sum_t 1/M_t`.
    Shapes as in :func:`growing_ratio`.
    """
    draws = _schedule(sizes)
    shrunk = -2 * np.expm1(_running(log_scale_factor(draws, ddof)))
    return shrunk + _running(1 / draws) if unbiased(ddof) else shrunk


def _schedule(sizes: ArrayLike) -> NDArray[np.float64]:
    draws = whole("sizes", sizes, least=2)
    if draws.ndim == 0:
        raise InvalidArgument(f"sizes must have shape (..., T); got sizes={sizes!r}")
    return draws


def _running(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return running sums along the last axis, from 0."""
    start = np.zeros((*terms.shape[:-1], 1))
    return np.concatenate([start, np.cumsum(terms, axis=-1)], axis=-1)
