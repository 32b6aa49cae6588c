"""Do two samples come from one law? Tests and bounds that hold for every law and every size.

The distance is Kolmogorov's: the largest difference of two distribution functions, in [0, 1].
Massart's inequality bounds it without any assumption on the law, so nothing here is asymptotic:

    P(sup |F_n - F| > e) <= 2 exp(-2 n e^2),    P(sup |F_n - G_m| > e) <= 2 exp(-2 nm/(n+m) e^2),

the second for one law and n = m >= 458 (Wei and Dudley 2012).

References
----------
.. [1] P. Massart, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", Annals of
   Probability 18 (1990), 1269-1283.
.. [2] F. Wei and R. M. Dudley, "Two-sample Dvoretzky-Kiefer-Wolfowitz inequalities", Statistics
   and Probability Letters 82 (2012), 636-644.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.conformance.outcomes import fail, undecided
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import InvalidArgument

__all__ = ["DETECT", "Comparison", "compare", "decide_same_law", "size_to_compare"]

# The Kolmogorov distance that must not get through.
DETECT = 0.05
# From this size on the two-sample inequality holds with the constant 2.
LEAST_ROWS = 458


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two samples say of their laws' Kolmogorov distance, the worst column deciding.

    Attributes
    ----------
    distance
        Between the two samples, in [0, 1].
    high
        An upper bound on the laws' distance that fails with probability beta.
    pvalue
        Of the hypothesis that the laws are one; valid for every law.
    column
        The column that decided.
    """

    distance: float
    high: float
    pvalue: float
    column: int


def size_to_compare(columns: int, levels: Any, *, detect: float = DETECT) -> int:
    """Return the n = m at which one law is shown to be one except with probability ``beta``.

    The bound ``high`` is the samples' distance, itself below its own bound at level beta, plus
    the margins of both samples.
    """
    margin = 2 * math.sqrt(math.log(4 * columns / levels.beta) / 2)
    spread = math.sqrt(math.log(2 * columns / levels.miss))
    return max(LEAST_ROWS, math.ceil(((margin + spread) / detect) ** 2))


def compare(first: NDArray[Any], second: NDArray[Any], *, beta: float) -> Comparison:
    """Compare two samples, column by column.

    Parameters
    ----------
    first, second : shape (n, d) or (n,)
        Rows, independent within and between; numbers or codes, n >= 458 each.
    beta
        The probability with which ``high`` may fall short.

    Raises
    ------
    InvalidArgument
        If there are fewer rows, or the widths differ.
    """
    left, right = (rows.reshape(len(rows), -1) for rows in (first, second))
    n, m, columns = len(left), len(right), left.shape[1]
    if min(n, m) < LEAST_ROWS or right.shape[1] != columns:
        raise InvalidArgument(
            f"samples must have {LEAST_ROWS} rows or more of one width; "
            f"got shapes {first.shape} and {second.shape}"
        )
    distances = [_distance(left[:, column], right[:, column]) for column in range(columns)]
    column = int(np.argmax(distances))
    distance = float(distances[column])
    margin = sum(math.sqrt(math.log(4 * columns / beta) / (2 * size)) for size in (n, m))
    pvalue = min(1.0, columns * 2 * math.exp(-2 * distance**2 * n * m / (n + m)))
    return Comparison(distance, min(1.0, distance + margin), pvalue, column)


def decide_same_law(
    subject: Subject,
    first: NDArray[Any],
    second: NDArray[Any],
    what: str,
    *,
    detect: float = DETECT,
) -> str:
    """Fail, or end undecided, unless two samples are shown to come from nearly one law.

    Parameters
    ----------
    what
        The two samples, as the subject of a sentence: "the two halves of a draw".
    """
    __tracebackhide__ = True
    found = compare(first, second, beta=subject.beta)
    where = f" in column {found.column}" if first.ndim == 2 and first.shape[1] > 1 else ""
    told = (
        f"{what} are {found.distance:.3f} apart in Kolmogorov distance{where}; n = {len(first):,}, "
        f"m = {len(second):,}, p = {found.pvalue:.2g}, at level {subject.level:.2g}"
    )
    if found.pvalue <= subject.level:
        fail(f"{what} must have one law: {told}")
    if found.high >= detect:
        undecided(f"{told}; a distance of {detect:g} isn't excluded (up to {found.high:.3f})")
    return told


def _distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return sup |F - G| of two samples on the line; codes are ordered as they sort."""
    points = np.unique(np.concatenate([first, second]))
    ours, theirs = (
        np.searchsorted(np.sort(rows), points, side="right") / len(rows) for rows in (first, second)
    )
    return float(np.abs(ours - theirs).max())
