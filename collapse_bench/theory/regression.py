r"""Linear regression in a loop: each generation relabels inputs by the last one's coefficients.

Step t draws T = ``size`` inputs x ~ N(0, S) in d = ``dimension`` coordinates, labels them
y = x . w_{t-1} + noise of variance s^2, and fits w_t by least squares. w_0 is the truth; ``steps``
is n. Every function returns the excess risk E (w_n - w_0)^T S (w_n - w_0), which does not depend
on S. T >= d + 2: below, it is infinite. Arguments broadcast; numbers in, a number out; every
function raises ``InvalidArgument`` outside its ranges. Exact, to about 1e-14 relative.

All rests on E tr(S A^{-1}) = d/(T - d - 1) for A ~ Wishart_d(T, S).

References
----------
.. [1] E. Dohmatob, Y. Feng and J. Kempe, "Model collapse demystified: the case of regression",
   arXiv 2402.07712 (2024).
.. [2] M. Gerstgrasser et al., "Is model collapse inevitable?", arXiv 2404.01413 (2024).
.. [3] E. Dohmatob et al., "Strong model collapse", arXiv 2410.04840 (2024).
.. [4] Y. Konno, "Exact moments of the multivariate F and beta distributions", J. Japan Statist.
   Soc. 18 (1988), 123-130.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import zeta

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import fraction, not_negative, whole

__all__ = ["accumulate_risk", "contaminated_limit", "contaminated_risk", "replace_risk"]

# Terms of a sum that are added one by one; the others are a power series in c/(FIRST + 1), c < 1,
# of which so many terms are taken that the rest is below 1e-18.
FIRST = 8
SERIES = 20
# How far share * size may miss a whole number.
SLACK = 1e-9


def replace_risk(
    size: ArrayLike, steps: ArrayLike, dimension: ArrayLike, noise_variance: ArrayLike = 1.0
) -> NDArray[np.float64]:
    r"""Return the excess risk when each generation sees the last one's labels only.

    w_t - w_{t-1} is the error of one least-squares fit, independent of the others and of variance
    :math:`s^2 E A^{-1}`: :math:`n s^2 d/(T - d - 1)`, linear in n [1]. The inputs may be new or
    the same in each generation.
    """
    size, dimension = _sizes(size, dimension)
    steps, noise = whole("steps", steps, least=0), not_negative("noise_variance", noise_variance)
    return np.asarray(steps * noise * (dimension / (size - dimension - 1)))[()]


def accumulate_risk(
    size: ArrayLike,
    steps: ArrayLike,
    dimension: ArrayLike,
    noise_variance: ArrayLike = 1.0,
    *,
    fresh: bool = True,
) -> NDArray[np.float64]:
    r"""Return the excess risk when each generation is fitted to all labelled rows so far.

    With A_n the Gram matrix of the pool, :math:`w_n - w_{n-1} = A_n^{-1} X_n^T e_n`: old labels
    cancel. ``fresh=False``, the same inputs each time (A_n = nA): :math:`\frac{s^2 d}{T-d-1}
    \sum_{i \le n} i^{-2}`, at most pi^2/6 times one fit's risk [2]. ``fresh=True``, new inputs
    (by symmetry a batch holds 1/n of :math:`E A_n^{-1}`):
    :math:`\sum_{i \le n} \frac{s^2 d}{i (iT - d - 1)}`, smaller from n = 2 on (derived for this
    package).
    """
    size, dimension = _sizes(size, dimension)
    steps, noise = whole("steps", steps, least=0), not_negative("noise_variance", noise_variance)
    if not isinstance(fresh, bool):
        raise InvalidArgument(f"fresh must be True or False; got fresh={fresh!r}")
    if fresh:
        return np.asarray(noise * dimension / size * _sum(steps, size, dimension + 1))[()]
    return np.asarray(noise * (dimension / (size - dimension - 1)) * _sum(steps, size, 0.0))[()]


def contaminated_risk(
    size: ArrayLike,
    dimension: ArrayLike,
    share: ArrayLike,
    squared_bias: ArrayLike,
    noise_variance: ArrayLike = 1.0,
    split: Literal["exact", "iid"] = "exact",
) -> NDArray[np.float64]:
    r"""Return the excess risk of one fit to T rows, a share p of them labelled by w_0 + delta.

    The error is B delta + noise, :math:`B = (A_1 + A_2)^{-1} A_2` with A_2 the Gram matrix of
    pT = q synthetic rows: :math:`|\delta|^2 [a + b (Td-2)/(T-d-1)] + s^2 d/(T-d-1)` with
    b = q(T-q)/((T-1)T(T+2)) and a + b = q(q+2)/(T(T+2)), the second moments of a matrix-beta
    variable [4], which is independent of A_1 + A_2. Derived for this package; it falls to
    :func:`contaminated_limit`, the plateau of [3] where T is much larger than d.

    Parameters
    ----------
    size, dimension
        T and d, T >= d + 2.
    share
        p, in [0, 1].
    squared_bias
        delta^T S delta, >= 0.
    noise_variance
        s^2, of both kinds of rows, >= 0.
    split
        ``"exact"``: pT rows are synthetic, a whole number. ``"iid"``: each row with chance p.

    Raises
    ------
    InvalidArgument
        Also if the split is exact and pT is not whole.
    """
    size, dimension = _sizes(size, dimension)
    p = fraction("share", share)
    bias = not_negative("squared_bias", squared_bias)
    noise = not_negative("noise_variance", noise_variance)
    if split not in ("exact", "iid"):
        raise InvalidArgument(f"split must be 'exact' or 'iid'; got split={split!r}")
    if split == "exact":
        if np.any(np.abs(p * size - np.rint(p * size)) > SLACK * size):
            raise InvalidArgument(
                "share times size must be whole for split='exact'; got "
                f"share={share!r}, size={size.tolist()!r}"
            )
        b = p * (1 - p) * size / ((size - 1) * (size + 2))
        both = p * (p * size + 2) / (size + 2)
    else:  # q is Binomial(T, p): E q(T - q) = T(T-1) p(1-p)
        b = p * (1 - p) / (size + 2)
        both = p * (1 - p + p * size + 2) / (size + 2)
    spare = size - dimension - 1
    # a + b (Td-2)/(T-d-1) = (a + b) + b (d-1)(T+1)/(T-d-1): nothing cancels
    pulled = both + b * (dimension - 1) * (size + 1) / spare
    return np.asarray(bias * pulled + noise * dimension / spare)[()]


def contaminated_limit(share: ArrayLike, squared_bias: ArrayLike) -> NDArray[np.float64]:
    r"""Return :math:`p^2 |\delta|^2`: the risk that no number of rows takes away [3].

    With many rows B tends to p times the identity, so the fit tends to w_0 + p delta.
    """
    return np.asarray(fraction("share", share) ** 2 * not_negative("squared_bias", squared_bias))[
        ()
    ]


def _sizes(
    size: ArrayLike, dimension: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, columns = whole("size", size, least=3), whole("dimension", dimension, least=1)
    if np.any(rows < columns + 2):
        raise InvalidArgument(
            "size must be at least dimension + 2, or the risk is infinite; got "
            f"size={size!r}, dimension={dimension!r}"
        )
    return rows, columns


def _sum(
    steps: NDArray[np.float64], size: NDArray[np.float64], less: ArrayLike
) -> NDArray[np.float64]:
    r"""Return :math:`\sum_{i \le n} 1/(i(i-c))`, c = less/T in [0, 1): some terms, then a series.

    :math:`\sum_{i > m} 1/(i(i-c)) = \sum_j c^j \zeta(j+2, m+1)`.
    """
    steps, size, less = (x[..., None] for x in np.broadcast_arrays(steps, size, less))
    i = np.arange(1.0, FIRST + 1)
    # not i - c, which loses digits where T - less is small
    first = np.where(i <= steps, size / (i * (i * size - less)), 0.0).sum(axis=-1)
    j = np.arange(SERIES)
    with np.errstate(under="ignore"):
        ends = zeta(j + 2.0, FIRST + 1.0) - zeta(j + 2.0, np.maximum(steps, FIRST) + 1)
        return np.asarray(first + ((less / size) ** j * ends).sum(axis=-1))
