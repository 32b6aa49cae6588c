"""The article's mixture: a share of the old law and a share of the truth in every generation.

Conventions and sources: the package's docstring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import SLACK, fraction, times, whole

__all__ = [
    "lag_effective_size",
    "mixture_ceilings",
    "mixture_distance",
    "mixture_limit",
    "mixture_ratio",
]


def mixture_distance(
    size: ArrayLike, steps: ArrayLike, alpha: ArrayLike, beta: ArrayLike, gamma: ArrayLike
) -> NDArray[np.float64]:
    r"""Return V_n / D_0 of the *sampling law* p_n of the article's mixture.

    p_{i+1} = alpha * fit_{i+1} + beta * p_i + gamma * p_0 with fit_{i+1} the fit to M draws from
    p_i [1]. So :math:`V' = (\alpha+\beta)^2 V + \alpha^2 (D_0 - V)/M`, from V_0 = 0; linear, hence
    a geometric sum. With gamma = 0 it is :math:`1 - (1 - \alpha^2/M)^n`. The *model* that is
    fitted to that law's draws: :func:`mixture_ratio`.

    Raises
    ------
    InvalidArgument
        Also if the weights do not sum to 1.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    noise, pull = _noise_and_pull(size, alpha, beta, gamma)
    with np.errstate(divide="ignore", invalid="ignore"):  # pull is 0 or 1 where alpha is 0
        reached = -np.expm1(times(steps, np.log1p(-pull))) * noise / pull
    return np.asarray(np.where(noise > 0, reached, 0.0) + 0.0)[()]  # 0, not -0


def mixture_limit(
    size: ArrayLike, alpha: ArrayLike, beta: ArrayLike, gamma: ArrayLike
) -> NDArray[np.float64]:
    r"""Return the limit of :func:`mixture_distance`, V* / D_0 of the sampling law.

    The fixed point :math:`(\alpha^2/M) / (1 - (1-\gamma)^2 + \alpha^2/M)`: 1 without real data,
    however small alpha > 0, and 0 where alpha is 0.
    """
    noise, pull = _noise_and_pull(whole("size", size, least=2), alpha, beta, gamma)
    return np.asarray(np.where(noise > 0, noise / np.where(noise > 0, pull, 1.0), 0.0))[()]


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


def lag_effective_size(size: ArrayLike, alpha: ArrayLike) -> NDArray[np.float64]:
    """Return N_e = M / alpha^2 of the mixture with beta = 1 - alpha: infinite at alpha 0.

    Its sampling law loses diversity by 1 - alpha^2/M a step, as a plain loop of N_e draws would:
    overlapping generations.
    """
    size, a = whole("size", size, least=2), fraction("alpha", alpha)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(size / a / a)[()]


def mixture_ceilings(gamma: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what total variation and KL(p_0 || p_n), in nats, can't exceed: 1 - gamma, -log gamma.

    On every path, for any model: p_n >= gamma p_0 everywhere, so every set keeps a share gamma of
    its mass; and both distances follow from that.
    """
    c = fraction("gamma", gamma)
    with np.errstate(divide="ignore"):
        return (1 - c)[()], (0.0 - np.log(c))[()]


def _noise_and_pull(
    size: NDArray[np.float64], alpha: ArrayLike, beta: ArrayLike, gamma: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what a step adds to V/D_0 at V = 0, and one less the factor of V."""
    a, b, c = fraction("alpha", alpha), fraction("beta", beta), fraction("gamma", gamma)
    if np.any(np.abs(a + b + c - 1) > SLACK):
        raise InvalidArgument(
            f"alpha, beta and gamma must sum to 1; got alpha={alpha!r}, beta={beta!r}, "
            f"gamma={gamma!r}"
        )
    noise = a**2 / size
    return noise, c * (2 - c) + noise
