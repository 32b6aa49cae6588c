"""Loops that also see real data: fresh rows, one fixed set, and how much weight to give them.

Conventions and sources: the package's docstring.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory import _domain
from collapse_bench.theory._domain import SLACK, fraction, positive, times, whole

__all__ = [
    "fixed_real_distance",
    "fixed_real_ratio",
    "fresh_real_limit",
    "fresh_real_ratio",
    "optimal_real_weight",
    "weighted_mean_square",
]

Split = Literal["iid", "exact"]


def fresh_real_ratio(
    size: ArrayLike, steps: ArrayLike, share: ArrayLike, split: Split = "iid"
) -> NDArray[np.float64]:
    r"""Return E D_n / D_0 when a share g of each training set is real data not used before.

    ``"iid"``, each row is real with chance g: D' = (1-1/M)[(1-g)^2 D + (1-(1-g)^2) D_0].
    ``"exact"``, gM rows are real: V' = D_0/M + V (1-g)(1-g-1/M) and D = D_0 - V.

    Raises
    ------
    InvalidArgument
        Also if the split is exact and gM is not whole.
    """
    steps = whole("steps", steps, least=0)
    loss, limit = _loss_and_limit(size, share, split)
    with np.errstate(divide="ignore"):  # a factor of 0
        return np.asarray(1 + (1 - limit) * np.expm1(times(steps, np.log1p(-loss))))[()]


def fresh_real_limit(
    size: ArrayLike, share: ArrayLike, split: Split = "iid"
) -> NDArray[np.float64]:
    r"""Return the limit of :func:`fresh_real_ratio` for many steps.

    For the iid split (1-1/M)(1-(1-g)^2) / (1-(1-1/M)(1-g)^2), close to 2R/(1+2R) with R = gM: the
    number of real rows decides, not their share. The exact split keeps a little more.
    """
    return _loss_and_limit(size, share, split)[1][()]


def fixed_real_ratio(size: ArrayLike, steps: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    r"""Return E D_n / D_0 when gM real rows, drawn once, are in every training set.

    The rest are M(1-g) draws of the newest model. With r the rows' own law, E(r-p_0)^2 = D_0/(gM)
    and C their covariance with p_n, C' = (1-g) C + D_0/M and
    V' = (1-g)(1-g-1/M) V + D_0/M + 2g(1-g) C, all from 0; D = D_0 - V. The rows' own error never
    averages out, so the limit lies below that of fresh rows. Augmentation in the sense of [6].

    Raises
    ------
    InvalidArgument
        Also if gM is not whole.
    """
    size, steps, g = _parts(size, steps, share)
    kept = 1 - g
    factor = np.maximum(kept * (kept - 1 / size), 0.0)
    # V_n = level (1 - factor^n) - transient [(1-g)^n - factor^n]: a particular solution each
    level = (1 + 2 * kept) / size / (1 - factor)
    gap = kept * (g + 1 / size)  # (1 - g) - factor
    with np.errstate(divide="ignore"):  # logarithms of 0
        old, fast = np.exp(times(steps, np.log(kept))), np.exp(times(steps, np.log(factor)))
    transient = 2 * kept / size / np.where(gap > 0, gap, 1.0)
    return np.asarray(1 - level * (1 - fast) + transient * (old - fast))[()]


def fixed_real_distance(size: ArrayLike, steps: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    r"""Return E |p_n - r|^2 / D(r) about the law r of the gM real rows that every set contains.

    Given the rows, and from a founder fitted to them (p_0 = r; else the limit is the same):
    W' = (1-g)^2 [W + (D(r) - W)/m] with m = (1-g)M draws, so
    :math:`W_n = W^* (1 - \lambda^n)`, :math:`W^* = (1-g)^2/m / (1 - \lambda)`,
    :math:`\lambda = (1-g)^2 (1 - 1/m)`. The loop fluctuates about its own rows for ever; no state
    among them is ever lost.

    Raises
    ------
    InvalidArgument
        Also if gM is not whole.
    """
    size, steps, g = _parts(size, steps, share)
    kept = 1 - g
    factor = np.maximum(kept * (kept - 1 / size), 0.0)
    with np.errstate(divide="ignore"):
        moved = -np.expm1(times(steps, np.log(factor)))
    return np.asarray(kept / size / (1 - factor) * moved)[()]


def optimal_real_weight(ratio: ArrayLike) -> NDArray[np.float64]:
    r"""Return the weight of fresh real data that keeps a mean's stationary variance least.

    With k = ``ratio`` > 0 real rows per synthetic one, :math:`(\sqrt{k^2+4k} - k)/2`; the inverse
    golden ratio at k = 1 [7]. It minimizes :func:`weighted_mean_square`, whose value there is the
    weight itself.
    """
    k = positive("ratio", ratio)
    return np.asarray(2 / (np.sqrt(1 + 4 / k) + 1))[()]


def weighted_mean_square(weight: ArrayLike, ratio: ArrayLike) -> NDArray[np.float64]:
    r"""Return the stationary variance of a weighted mean, in units of s^2 / n_real.

    Each step takes w times the mean of n_real fresh real rows plus 1 - w times that of
    n_real / k draws from the model, whose variance s^2 is known:
    :math:`V = [w^2 + (1-w)^2 k] / [1 - (1-w)^2]`. ``weight`` is in (0, 1], ``ratio`` is k > 0.
    """
    w, k = _domain.share("weight", weight), positive("ratio", ratio)
    return np.asarray((w**2 + (1 - w) ** 2 * k) / (w * (2 - w)))[()]


def _loss_and_limit(
    size: ArrayLike, share: ArrayLike, split: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return one less the factor of the distance from the limit, and the limit."""
    if split == "exact":
        size, _, g = _parts(size, 0, share)
        loss = np.minimum(g * (2 - g) + (1 - g) / size, 1.0)
        return loss, np.asarray(1 - 1 / (size * loss))
    if split != "iid":
        raise InvalidArgument(f"split must be 'iid' or 'exact'; got split={split!r}")
    size, g = whole("size", size, least=2), fraction("share", share)
    real = g * (2 - g)  # one less (1 - g)^2
    loss = real + (1 - g) ** 2 / size
    return loss, np.asarray((1 - 1 / size) * real / loss)


def _parts(
    size: ArrayLike, steps: ArrayLike, share: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return sizes, steps and shares whose real rows are whole numbers."""
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    g = fraction("share", share)
    rows = g * size
    if np.any(np.abs(rows - np.rint(rows)) > SLACK * size):
        raise InvalidArgument(
            "share times size must be whole for an exact split; got "
            f"share={share!r}, size={size.tolist()!r}"
        )
    return size, steps, np.asarray(np.rint(rows) / size)
