"""Samples and reference side by side, small enough for a report: histograms and tails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["shapes"]

COLUMNS = 4  # of a wide table the first ones are shown
BINS = 40
POINTS = 40  # of a tail
DIGITS = 6  # significant; a plot shows three
# The bins reach between these quantiles of the reference: an outlier must not flatten the rest.
EXTENT = (0.001, 0.999)


def shapes(
    samples: NDArray[np.floating],
    reference: NDArray[np.floating],
    columns: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return what it takes to draw the samples over the reference, a record a column.

    Each has its name in ``column`` (None where columns have none), the shares of the ``samples``
    and of the ``reference`` in the bins between ``edges``, and the shares ``samples_beyond`` and
    ``reference_beyond`` that lie farther from the reference's median than ``distance``, the
    latter in standard deviations of the reference. Shares of bins are of all rows, so that rows
    outside of the bins make the sum smaller. A column that doesn't vary in the reference is left
    out; of the others, the first four are kept.

    Parameters
    ----------
    samples, reference : shapes (n, d) and (m, d)
        Finite numbers.
    columns
        Names of the d columns.
    """
    import numpy as np

    found: list[dict[str, Any]] = []
    for index in range(reference.shape[1]):
        x = np.asarray(samples[:, index], dtype=float)  # (n,)
        y = np.asarray(reference[:, index], dtype=float)  # (m,)
        low, middle, high = np.quantile(y, [EXTENT[0], 0.5, EXTENT[1]])
        scale = float(y.std())
        if len(found) == COLUMNS:
            break
        if not (np.isfinite(scale) and scale > 0 and high > low):
            continue
        edges = np.linspace(low, high, BINS + 1)
        far_x, far_y = (np.sort(np.abs(values - middle)) / scale for values in (x, y))
        start = float(np.quantile(far_y, 0.5))
        end = float(max(far_x[-1], far_y[-1]))
        if not 0 < start < end:
            continue
        distance = np.geomspace(start, end, POINTS)
        found.append(
            {
                "column": None if columns is None else str(columns[index]),
                "edges": _short(edges),
                "samples": _short(np.histogram(x, edges)[0] / len(x)),
                "reference": _short(np.histogram(y, edges)[0] / len(y)),
                "distance": _short(distance),
                "samples_beyond": _short(_beyond(far_x, distance)),
                "reference_beyond": _short(_beyond(far_y, distance)),
            }
        )
    return found


def _beyond(ordered: NDArray[np.floating], distance: NDArray[np.floating]) -> Any:
    """Return the shares of ``ordered`` that are larger than each distance."""
    import numpy as np

    return (len(ordered) - np.searchsorted(ordered, distance, side="right")) / len(ordered)


def _short(values: Any) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
