"""Rows that samples share with their reference: what was copied says nothing of a model."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data import SampleSet, Table

__all__ = ["MOST", "OVERLAP", "overlap"]

# More copies than this are no coincidence, and as many as MOST leave nothing of a model to judge.
OVERLAP = 0.01
MOST = 0.5


def overlap(samples: Any, reference: SampleSet | Table) -> float:
    """Return the share of samples that are copies of rows of the reference, in [0, 1].

    That is the share of samples that stand in the reference too, less that of the reference's rows
    that stand in it a second time: rounded numbers and common phrases meet by chance, and as often
    in a sound model's samples. 0 for codes, 1 for the reference's very rows, whatever they are.
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
    known = Counter(theirs)
    met = sum(row in known for row in ours) / len(ours)
    again = sum(count for count in known.values() if count > 1) / len(theirs)
    return max(0.0, met - again)


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
