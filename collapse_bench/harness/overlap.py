"""Rows that samples share with their reference: what was copied says nothing of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data import SampleSet, Table

__all__ = ["OVERLAP", "overlap"]

# More of the samples than this that stand in the reference too, though there are hardly two equal
# rows in it, are no coincidence.
OVERLAP = 0.01


def overlap(samples: Any, reference: SampleSet | Table) -> float:
    """Return the share of samples that are rows of the reference, in [0, 1].

    0 where equal rows mean nothing: codes, and rows that repeat in the reference itself. 1 for the
    reference's very rows, whatever they are.
    """
    if isinstance(reference, Table):
        ours, theirs = _cells(samples), _cells(reference)
        if ours == theirs:
            return 1.0
        return _share(ours, theirs)
    if samples.kind == reference.kind and np.array_equal(samples.values, reference.values):
        return 1.0
    if reference.kind == "codes":
        return 0.0
    return _share(_rows(samples.values), _rows(reference.values))


def _share(ours: list[Any], theirs: list[Any]) -> float:
    known = set(theirs)
    if len(known) < (1 - OVERLAP) * len(theirs):
        return 0.0
    return sum(row in known for row in ours) / len(ours)


def _rows(values: NDArray[Any]) -> list[Any]:
    """Return rows that can be told equal: the bytes of numbers and tokens, or texts."""
    if values.dtype.kind == "O":
        return list(values)
    # 0 and -0 are one number
    whole = np.ascontiguousarray(values + 0 if values.dtype.kind == "f" else values)
    return [row.tobytes() for row in whole]


def _cells(table: Table) -> list[Any]:
    """Return the rows of a table as tuples; a missing cell is None."""
    columns = []
    for column in table.cells:
        cells = column.values.tolist()
        columns.append(
            [None if gap else cell for cell, gap in zip(cells, column.missing, strict=True)]
        )
    return list(zip(*columns, strict=True))
