"""Declared clusters: ids of rows that may depend on one another, such as those of one document."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.codes import Codes
from collapse_bench.validation import Kind

__all__ = ["ClusteredCodes", "arranged", "as_pair", "units_of"]


class ClusteredCodes(Codes):
    """Draws of codes in declared clusters, sorted; a cluster is a unit as a sequence is."""

    @property
    def kind(self) -> Kind:
        """What they are: draws of codes."""
        return "codes"

    @classmethod
    def of_clusters(
        cls, values: NDArray[Any], units: NDArray[np.intp], columns: tuple[str, ...] | None
    ) -> ClusteredCodes:
        """Return draws in any order and the number of each one's cluster, (n,) and (n,)."""
        ranks = np.unique(values, return_inverse=True)[1].astype(np.float64)
        order, numbers = arranged(ranks[:, None], units)
        sorted_too = np.lexsort((numbers, ranks[order]))
        return cls(
            values[order][sorted_too],
            int(numbers[-1]) + 1,
            units=numbers[sorted_too],
            columns=columns,
        )


def as_pair(clusters: Any) -> tuple[Any, Any]:
    """Return the ids of the samples' rows and of the reference's, both None if there are none.

    Raises
    ------
    InvalidArgument
        If they aren't a pair.
    """
    if clusters is None:
        return None, None
    if (
        not isinstance(clusters, tuple | list)
        or len(clusters) != 2
        or any(ids is None or isinstance(ids, str) or np.ndim(ids) != 1 for ids in clusters)
    ):
        raise InvalidArgument(
            "clusters must be None or a pair (ids of the samples' rows, ids of the reference's); "
            f"got {_told(clusters)}"
        )
    return clusters[0], clusters[1]


def units_of(ids: Any, *, name: str, rows: int) -> NDArray[np.intp]:
    """Return the number of each row's cluster, from 0, shape (rows,).

    Raises
    ------
    InvalidArgument
        If there isn't one id for each row, an id is missing, or all are the same.
    """
    given = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    if len(given) != rows:
        raise InvalidArgument(
            f"clusters must hold one id for each of the {rows:,} rows of {name}; "
            f"got {len(given):,} ids"
        )
    missing = [place for place, one in enumerate(given) if _is_missing(one)]
    if missing:
        raise InvalidArgument(
            f"clusters must name the cluster of every row of {name}; {len(missing):,} ids are "
            f"missing, the first that of row {missing[0]}: {given[missing[0]]!r}"
        )
    numbers: dict[Any, int] = {}  # as Python compares them: 1 is 1.0, and isn't "1"
    try:
        units = np.array([numbers.setdefault(one, len(numbers)) for one in given], dtype=np.intp)
    except TypeError as error:
        raise InvalidArgument(
            f"clusters must be ids that can be told apart, numbers or strings; {error}"
        ) from error
    if len(numbers) < 2:
        raise InvalidArgument(
            f"clusters must name two clusters of {name} or more; all of its {rows:,} rows are of "
            f"cluster {given[0]!r}"
        )
    return units


def arranged(
    values: NDArray[np.float64], units: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return an order of rows, and the clusters' numbers in it, that depend on the values alone.

    Neither the order that rows came in nor the names of their clusters is of any matter then:
    clusters are ordered by their sorted rows.

    Parameters
    ----------
    values : shape (n, d)
    units : shape (n,)
        Numbers from 0, none left out.
    """
    order = np.lexsort((*values.T[::-1], units))
    blocks = np.split(order, np.cumsum(np.bincount(units))[:-1])
    blocks.sort(key=lambda block: (len(block), (values[block] + 0.0).tobytes()))  # -0.0 is 0.0
    numbers = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    return np.concatenate(blocks), numbers


def _is_missing(one: Any) -> bool:
    """Return whether an id is None, NaN or pandas' NA, whose comparisons have no truth value."""
    return one is None or type(one).__name__ == "NAType" or bool(one != one)


def _told(clusters: Any) -> str:
    return type(clusters).__name__ + (
        f" of {len(clusters)}" if isinstance(clusters, tuple | list) else ""
    )
