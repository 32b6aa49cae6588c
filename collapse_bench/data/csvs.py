"""What the parser of CSV files would take in silence: lost rows, gaps and overlong integers."""

from __future__ import annotations

import csv
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from collapse_bench.data.columns import listed
from collapse_bench.errors import InvalidSamples, InvalidSpec

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["check_csv", "overlong"]

INTEGER = r"(?i)^\s*([+-]?[0-9]+|nan|n/?a|null|none)?\s*$"  # or a missing cell
LARGEST_CELL = 2**31 - 1  # characters; a C long holds it on every machine


def check_csv(argument: str, spec: str, path: Path) -> None:
    """Refuse a CSV file whose first line can't be the names of its columns, or whose rows differ.

    The parser takes the first line for names whatever it holds, the first column for an index if
    the names are too few, and a row that is too short for one with missing cells.

    Raises
    ------
    InvalidSpec
        If names are missing, doubled or numbers, or a row has other than a cell for each.
    InvalidSamples
        If there are no rows.
    """
    rows = _rows(path)
    (_, names), (_, row) = next(rows, (0, [])), next(rows, (0, []))
    rows.close()
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise InvalidSpec(
            f"{argument} must be separated by commas; got {argument}={spec!r}, "
            f"which begins {names[0][:60]!r}"
        )
    counted = len(names) > 1 and names == [str(index) for index in range(len(names))]  # as pandas
    if names and all(_is_number(name) for name in names) and not counted:
        raise InvalidSpec(
            f"{argument} must have the names of its columns in the first line; "
            f"got {argument}={spec!r}, which begins {listed(names)}"
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InvalidSpec(
            f"{argument} must have different column names; "
            f"got {argument}={spec!r} with {listed(twice)} more than once"
        )
    if not row:
        raise InvalidSamples(f"{argument} must have rows; got {argument}={spec!r} with 0")
    if len(row) > len(names):
        raise InvalidSpec(
            f"{argument} must have a name for each column; "
            f"got {argument}={spec!r} with {len(names)} names and {len(row)} cells in its first row"
        )
    for line, row in _rows(path):
        if len(row) != len(names):
            raise InvalidSpec(
                f"{argument} must have a cell for each of its {len(names)} columns in every row; "
                f"got {argument}={spec!r} with {len(row)} in line {line:,}"
            )


def overlong(where: str, table: Dataset, name: str) -> None:
    """Refuse a column of integers that the parser kept as text, for want of bits.

    Raises
    ------
    InvalidSamples
        If all cells of a column of text are integers, or missing, and one is overlong.
    """
    import pyarrow.compute as compute
    import pyarrow.types as types

    kind = table.features.arrow_schema.field(name).type
    if not (types.is_string(kind) or types.is_large_string(kind)):
        return
    cells = table.select_columns(name).with_format("arrow")[:][name].drop_null()
    longest = compute.max(compute.utf8_length(cells)).as_py() or 0
    # shorter integers are never left as text, and beside longer ones missing cells are text too
    if longest >= 20 and compute.all(compute.match_substring_regex(cells, INTEGER)).as_py():
        raise InvalidSamples(
            f"{where} must hold integers of at most 64 bits where they are numbers; got one of "
            f"{longest:,} characters: write them as 1e30, or judge other columns"
        )


def _rows(path: Path) -> Generator[tuple[int, list[str]]]:
    """Yield the line that each row begins in, from 1, and its cells; blank lines are no rows."""
    most = csv.field_size_limit(LARGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            line = 1
            for row in lines:
                if row and not (len(row) == 1 and row[0].isspace()):  # the parser skips those too
                    yield line, row
                line = lines.line_num + 1
    finally:
        csv.field_size_limit(most)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
