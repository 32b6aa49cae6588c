r"""Loops with a choice in them: curation by a reward, and smoothing with a share of fresh data.

Curation: each generation is fitted, without sampling error, to the winners of a vote among draws
of the one before; a draw with reward r wins with a chance in proportion to e^r. ``p`` is the
truth, shape (..., K); ``reward`` holds r of each state, finite, and broadcasts against it.
Smoothing: each generation is the one before convolved with noise, mixed with the truth.

``steps`` is n, here the number of generations, a non-negative integer: sampling error plays no
part. Every function raises ``InvalidArgument`` outside its ranges, and is exact. Derived for this
project except where a source is named.

References
----------
.. [1] D. Ferbach et al., "Self-consuming generative models with curated data provably optimize
   human preferences", arXiv 2407.09499 (2024), Lemma 2.2.
.. [2] A. Khelifa, R. Turner and R. Venkataramanan, arXiv 2602.16601 (2026): fresh shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory import _domain
from collapse_bench.theory._domain import finite, fraction, law, not_negative, times, whole

__all__ = [
    "curated_law",
    "curated_reward",
    "pairwise_gain_bound",
    "pairwise_law",
    "smoothing_filter",
    "smoothing_limit",
    "smoothing_variance",
]


def curated_law(p: ArrayLike, reward: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return p_n, shape (..., K), when the vote is among infinitely many draws.

    One step weighs each state by e^r [1], so :math:`p_n \propto p_0 e^{n r}`: all mass ends on
    the states of the largest reward. ``steps`` broadcasts against the leading axes of ``p``.
    """
    return _tilted(p, reward, steps)[0]


def curated_reward(p: ArrayLike, reward: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return the mean of e^r under :func:`curated_law`.

    It rises by exactly :math:`Var_n(e^r) / E_n e^r` a step. e^r must be a float for states of
    positive probability.
    """
    now, top, below = _tilted(p, reward, steps)
    return np.asarray(_power(top, reward) * (now * np.exp(below)).sum(axis=-1))[()]


def pairwise_law(p: ArrayLike, reward: ArrayLike, steps: int) -> NDArray[np.float64]:
    r"""Return p_n, shape (..., K), when the vote is between two draws.

    The chance that x wins against y is :math:`e^{r(x)} / (e^{r(x)} + e^{r(y)})`, so
    :math:`p'(x) = 2 p(x) \sum_y p(y) P(x \text{ wins})`. The mean of e^r never falls [1].
    Each step is made to sum to 1 again: the map doubles rounding errors of the sum.

    Parameters
    ----------
    p, reward
        As everywhere here.
    steps
        One integer; they are taken one by one.
    """
    now, r = law("p", p), finite("reward", reward)
    many = whole("steps", steps, least=0)
    if many.ndim:
        raise InvalidArgument(f"steps must be one integer; got steps={steps!r}")
    with np.errstate(over="ignore"):  # who is that far ahead wins
        wins = expit(r[..., :, None] - r[..., None, :])  # (..., K, K)
    now = np.broadcast_to(now, np.broadcast_shapes(now.shape, r.shape))
    for _ in range(int(many)):
        now = 2 * now * (wins @ now[..., None])[..., 0]
        now = now / now.sum(axis=-1, keepdims=True)
    return np.array(now)


def pairwise_gain_bound(p: ArrayLike, reward: ArrayLike) -> NDArray[np.float64]:
    r"""Return the least that one step of :func:`pairwise_law` adds to the mean of e^r.

    With a = e^r the gain is :math:`\sum_{xy} p p (a_x - a_y)^2 / (2(a_x + a_y))`, and no sum of two
    exceeds twice the largest, :math:`e^{r^*}`: at least :math:`Var(e^r) / (2 e^{r^*})` [1].
    e^r must be a float for states of positive probability.
    """
    now = law("p", p)
    top, below = _ranked(now, reward)
    relative = np.exp(below)
    mean = (now * relative).sum(axis=-1, keepdims=True)
    gain = _power(top, reward) * (now * (relative - mean) ** 2).sum(axis=-1) / 2
    return np.asarray(gain)[()]


def smoothing_variance(noise: ArrayLike, share: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return the variance of generation n over that of the truth.

    p' = (1 - lambda) (p convolved with noise of variance s^2) + lambda p_0, lambda = ``share`` in
    [0, 1], ``noise`` = s >= 0 in units of the truth's standard deviation: all means agree, so
    :math:`v' = (1-\lambda)(v + s^2) + \lambda` and
    :math:`v_n = 1 + s^2 \sum_{j=1}^n (1-\lambda)^j`.
    """
    s, lam = not_negative("noise", noise), fraction("share", share)
    steps = whole("steps", steps, least=0)
    with np.errstate(divide="ignore"):  # a share of 1
        gone = -np.expm1(times(steps, np.log1p(-lam)))
    terms = np.where(lam > 0, (1 - lam) * gone / np.where(lam > 0, lam, 1.0), steps)
    return np.asarray(1 + s**2 * terms)[()]


def smoothing_limit(noise: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    r"""Return the limit of :func:`smoothing_variance`, :math:`1 + s^2 (1-\lambda)/\lambda`.

    ``share`` in (0, 1]: without fresh data there is none.
    """
    s, lam = not_negative("noise", noise), _domain.share("share", share)
    return np.asarray(1 + s**2 * (1 - lam) / lam)[()]


def smoothing_filter(
    frequency: ArrayLike, noise: ArrayLike, share: ArrayLike
) -> NDArray[np.float64]:
    r"""Return the factor of the truth's characteristic function in the limit, Gaussian noise.

    The limit is :math:`\lambda \sum_j (1-\lambda)^j` of the truth blurred by j s^2 [2], so at
    ``frequency`` w the factor is :math:`\lambda / (1 - (1-\lambda) e^{-s^2 w^2/2})`: 1 at 0, lambda
    at infinity. A low-pass filter: fine structure is kept at the share of fresh data only.
    """
    w, s, lam = (
        finite("frequency", frequency),
        not_negative("noise", noise),
        _domain.share("share", share),
    )
    damped = -np.expm1(-((s * w) ** 2) / 2)
    return np.asarray(lam / (lam + (1 - lam) * damped))[()]


def _tilted(
    p: ArrayLike, reward: ArrayLike, steps: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return p_n, and the rewards as :func:`_ranked` does: n multiplies differences alone."""
    truth = law("p", p)
    top, below = _ranked(truth, reward)
    many = whole("steps", steps, least=0)[..., None]
    with np.errstate(divide="ignore", over="ignore"):  # states of no mass stay at none
        logs = np.log(truth) + many * below
    odds = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True), top, below


def _ranked(
    p: NDArray[np.float64], reward: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the largest reward of a state with mass, (...,), and rewards less that, (..., K).

    The differences are finite and at most 0; states of no mass don't count.
    """
    r = finite("reward", reward)
    top = np.max(np.where(p > 0, r, -np.inf), axis=-1, keepdims=True)
    with np.errstate(over="ignore"):
        below = np.minimum(r - top, 0.0)
    return top[..., 0], np.maximum(below, -np.finfo(np.float64).max)


def _power(top: NDArray[np.float64], reward: ArrayLike) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        largest = np.exp(top)
    if not np.all(np.isfinite(largest)):
        raise InvalidArgument(
            f"reward must keep e^reward below 1.8e308 where p is positive; got reward={reward!r}"
        )
    return np.asarray(largest)
