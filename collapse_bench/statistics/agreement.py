"""Whether a measurement agrees with a closed form: replicates on one side, a number on the other.

The scores are standard normal under the closed form, in large numbers of replicates. A sound
process passes one comparison at :data:`CRITICAL` with chance 1 - 6.8e-6. Where seeds are fixed
the outcome is fixed too: the rate is that of an unlucky choice of seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CRITICAL", "assert_mean", "assert_median", "mean_score", "median_score"]

# 2 (1 - Phi(4.5)) = 6.8e-6: a thousand comparisons under a correct theory fail once in 150 runs.
CRITICAL = 4.5


def mean_score(
    values: ArrayLike, expected: ArrayLike, *, deviation: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return (mean of replicates - expected) in standard errors.

    Parameters
    ----------
    values : shape (R, ...)
        One row a replicate, R >= 2.
    expected
        The closed form, broadcast against a row.
    deviation
        Standard deviation of one replicate where theory knows it; the sample's otherwise.

    Returns
    -------
    array : shape (...)
        0 where mean and theory are equal to rounding, infinite where they differ though no
        replicate does.
    """
    values, expected = np.asarray(values, np.float64), np.asarray(expected, np.float64)
    spread = values.std(axis=0, ddof=1) if deviation is None else np.asarray(deviation)
    gap = values.mean(axis=0) - expected
    rounding = np.finfo(np.float64).eps * np.maximum(np.abs(expected), 1) * len(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = gap * np.sqrt(len(values)) / spread
    return np.asarray(np.where(np.abs(gap) <= rounding, 0.0, score))


def median_score(values: ArrayLike, expected: ArrayLike) -> NDArray[np.float64]:
    """Return the sign test of ``expected`` as the replicates' median, positive if they are above.

    (replicates above - R/2) / sqrt(R/4), a tie counting half: Binomial(R, 1/2) whatever the
    distribution, so it needs no standard error. Shapes as in :func:`mean_score`.
    """
    values, expected = np.asarray(values, np.float64), np.asarray(expected, np.float64)
    return np.asarray(np.sign(values - expected).sum(axis=0) / np.sqrt(len(values)))


def assert_mean(
    values: ArrayLike,
    expected: ArrayLike,
    quantity: str,
    *,
    deviation: ArrayLike | None = None,
) -> None:
    """Raise ``AssertionError``, in one sentence, unless every mean is within CRITICAL errors."""
    __tracebackhide__ = True
    scores = mean_score(values, expected, deviation=deviation)
    _refuse(scores, np.mean(np.asarray(values), axis=0), expected, f"mean {quantity}")


def assert_median(values: ArrayLike, expected: ArrayLike, quantity: str) -> None:
    """Raise ``AssertionError``, in one sentence, unless every median passes the sign test."""
    __tracebackhide__ = True
    scores = median_score(values, expected)
    _refuse(scores, np.median(np.asarray(values), axis=0), expected, f"median {quantity}")


def _refuse(
    scores: NDArray[np.float64], observed: ArrayLike, expected: ArrayLike, quantity: str
) -> None:
    __tracebackhide__ = True
    worst = np.unravel_index(np.argmax(np.abs(scores)), scores.shape)
    score = scores[worst]
    if not abs(score) <= CRITICAL:  # also refuses NaN
        place = f" at {'/'.join(str(int(i)) for i in worst)}" if worst else ""
        raise AssertionError(
            f"{quantity}{place} is {np.broadcast_to(observed, scores.shape)[worst]:.6g}, theory "
            f"says {np.broadcast_to(np.asarray(expected), scores.shape)[worst]:.6g}: "
            f"{score:+.1f} standard errors, {CRITICAL} allowed"
        )
