"""All cells, in the order of their tables."""

from __future__ import annotations

from functools import cache
from typing import Any

from benchmarks.calibration import (
    clusters,
    codes,
    columns,
    gate,
    power,
    sequential,
    tails,
    ties,
)
from benchmarks.calibration.cells import Cell, measured


@cache
def every() -> tuple[Cell, ...]:
    """Return all cells; those that are ``late`` are run last."""
    return (
        *tails.cells(),
        *codes.gates(),
        *codes.cells(),
        *sequential.cells(),
        *clusters.cells(),
        *gate.cells(),
        *columns.gates(),
        *columns.cells(),
        *ties.cells(),
        *sequential.gates(),
        *power.cells(),
    )


def measured_by_name(name: str) -> dict[str, Any]:
    """Return the record of the cell of that name; for another process."""
    (cell,) = (cell for cell in every() if cell.name == name)
    return measured(cell)
