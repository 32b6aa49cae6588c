"""Tables: named columns of numbers or codes, in each of which cells may be missing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data.cells import Column, column_of, fixed, of_arrow, of_series
from collapse_bench.data.columns import listed
from collapse_bench.data.sampleset import SampleSet
from collapse_bench.data.texts import encodes
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec

__all__ = ["Table"]

MOST_LABELS = 10_000  # of a column of codes that are integers, for a file to say so


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of named columns, checked and identified; make one with :meth:`of`.

    Attributes
    ----------
    columns
        The names of the columns, all different.
    cells
        The columns, in the same order.
    name
        What the table is called where people read it: the file's name.
    kind
        ``"table"``.
    sha256
        Digest of names, kinds and cells; equal for equal tables on any machine.
    """

    columns: tuple[str, ...]
    cells: tuple[Column, ...]
    name: str = "samples"
    kind: Literal["table"] = field(default="table", init=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", _digest(self))

    @classmethod
    def of(cls, source: Any, *, name: str = "samples", where: str | None = None) -> Self:
        """Return a table holding a checked copy of ``source``.

        Numbers that are None, NaN or null are missing, and so are codes that are. Strings,
        booleans, pandas' categories and whole numbers declared ``datasets.ClassLabel`` are codes;
        all other whole or real numbers are numbers. Masked cells are missing.

        Parameters
        ----------
        source
            A mapping of names to one-dimensional arrays, a pandas ``DataFrame``, a
            ``datasets.Dataset``, a :class:`SampleSet` whose columns have names, or a table.
        name
            What the table is called.
        where
            How errors name it; None: by ``name``.

        Raises
        ------
        InvalidSamples
            If there is no row or no column, columns differ in length, a column holds neither
            numbers nor codes, or several kinds, or float64 or numpy's text can't hold its cells
            or their squares: infinite or huge numbers, tiny spreads, text that ends in NUL.
        InvalidArgument
            If ``source`` is nothing of the above, or names aren't different strings.
        """
        where = where or name
        columns: dict[Any, Column] = {}
        for key, column in _read(source, where):
            if not isinstance(key, str) or not key or key in columns:
                raise InvalidArgument(
                    f"columns of {where} must be different names; got {key!r}"
                    + (" again" if key in columns else "")
                )
            if not encodes(key):
                raise InvalidArgument(
                    f"columns of {where} must have names without half a surrogate pair; got {key!r}"
                )
            columns[key] = column
        sizes = {key: len(column.values) for key, column in columns.items()}
        if not sizes or 0 in sizes.values():
            raise InvalidSamples(
                f"{where} must have rows and columns; got {min(sizes.values(), default=0)} rows of "
                f"{len(sizes)} columns"
            )
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{key!r} {size:,}" for key, size in list(sizes.items())[:8])
            raise InvalidSamples(f"columns of {where} must be of one length; got {told}")
        return cls(tuple(columns), tuple(columns.values()), name)

    def __len__(self) -> int:
        return len(self.cells[0].values)

    def __getitem__(self, column: str) -> Column:
        if column not in self.columns:
            raise InvalidArgument(
                f"column must be one of {self.name!r}, {listed(self.columns)}; got {column!r}"
            )
        return self.cells[self.columns.index(column)]

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise InvalidSamples(
            f"samples must be numbers, codes or tokens of one kind here; got {self.name!r}, a "
            f"table of columns {listed(self.columns)}: choose some of one kind without missing "
            "cells, or judge it by TableGate"
        )

    def take(self, rows: NDArray[np.intp]) -> Table:
        """Return these rows, at least one, under the same name."""
        return Table(self.columns, tuple(column.take(rows) for column in self.cells), self.name)

    @classmethod
    def joined(cls, tables: Sequence[Table]) -> Table:
        """Return the rows of tables with the same columns, one after the other."""
        first = tables[0]
        cells = []
        for name in first.columns:
            columns = [table[name] for table in tables]
            values = np.concatenate([column.values for column in columns])
            gaps = np.concatenate([column.missing for column in columns])
            cells.append(fixed(columns[0].kind, values, gaps))
        return Table(first.columns, tuple(cells), first.name)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the table to a ``.parquet`` file that gives it back; return its sha256.

        The file appears whole or not at all. Integers that are codes come back as such if they
        are from 0 to 9,999, and else as numbers, which :func:`match_columns` reads as codes.

        Raises
        ------
        InvalidSpec
            If ``path`` has another suffix, or can't be written.
        """
        import pyarrow
        import pyarrow.parquet

        target = Path(path).expanduser()
        if target.suffix != ".parquet":
            raise InvalidSpec(f"path must end in .parquet; got path={str(path)!r}")
        arrays = [pyarrow.array(column.values, mask=column.missing) for column in self.cells]
        rows = pyarrow.table(arrays, names=list(self.columns))
        rows = rows.replace_schema_metadata({"huggingface": json.dumps(_features(self))})
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            pyarrow.parquet.write_table(rows, partial)
            partial.replace(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise InvalidSpec(
                f"path must be writable; got path={str(path)!r}: {error.strerror or error}"
            ) from error
        return self.sha256

    def select(self, columns: tuple[str, ...]) -> Table:
        """Return these columns, at least one, in this order."""
        return Table(columns, tuple(self[name] for name in columns), self.name)

    def numbers(self, columns: tuple[str, ...]) -> NDArray[np.float64]:
        """Return columns of numbers as an array, shape (n, d); NaN where a cell is missing."""
        return np.column_stack([self[name].values for name in columns])

    def to_frame(self) -> Any:
        """Return the table as a pandas ``DataFrame``: NaN or None where a cell is missing."""
        import pandas

        frame = {}
        for name, column in zip(self.columns, self.cells, strict=True):
            values = np.array(column.values)
            if column.kind == "codes" and column.missing.any():
                values = values.astype(object)
                values[column.missing] = None
            elif values.dtype.kind == "U":
                values = values.astype(object)  # plain Python strings, as pandas reads them
            frame[name] = values
        return pandas.DataFrame(frame)


def _read(source: Any, where: str) -> Iterator[tuple[Any, Column]]:
    """Yield the names and columns of anything that :meth:`Table.of` takes."""
    if isinstance(source, Table):
        yield from zip(source.columns, source.cells, strict=True)
    elif isinstance(source, SampleSet):
        yield from _of_set(source, where)
    elif hasattr(source, "column_names") and hasattr(source, "with_format"):
        arrow = source.with_format("arrow")[:]
        for name in source.column_names:
            labels = hasattr(source.features[name], "names")
            yield (
                name,
                of_arrow(arrow[name].combine_chunks(), labels, f"column {name!r} of {where}"),
            )
    elif hasattr(source, "iloc") and hasattr(source, "columns"):
        for place, name in enumerate(source.columns):
            yield name, of_series(source.iloc[:, place], f"column {name!r} of {where}")
    elif isinstance(source, Mapping):
        for name, values in source.items():
            read = of_series if hasattr(values, "isna") else column_of  # pandas' own gaps
            yield name, read(values, f"column {name!r} of {where}")
    else:
        raise InvalidArgument(
            f"{where} must be a mapping of names to columns, a pandas DataFrame or a "
            f"datasets.Dataset; got {type(source).__name__}"
        )


def _of_set(source: SampleSet, where: str) -> Iterator[tuple[str, Column]]:
    if source.columns is None or source.kind == "tokens":
        raise InvalidArgument(
            f"{where} must have named columns of numbers or codes; got {source.kind}"
            + (" without names" if source.columns is None else "")
        )
    if source.kind == "codes":
        name = source.columns[0]
        yield name, column_of(source.values, f"column {name!r} of {where}", codes=True)
        return
    for name, values in zip(source.columns, source.values.T, strict=True):
        yield name, column_of(values, f"column {name!r} of {where}")


def _features(table: Table) -> dict[str, Any]:
    """Return how `datasets` reads a file of these columns."""
    found: dict[str, dict[str, Any]] = {}
    for name, column in zip(table.columns, table.cells, strict=True):
        kind = {"numbers": "float64", "strings": "string", "booleans": "bool"}.get(column.holds)
        found[name] = {"dtype": kind or "int64", "_type": "Value"}
        if kind is None and 0 <= column.values.min() <= column.values.max() < MOST_LABELS:
            names = [str(label) for label in range(int(column.values.max()) + 1)]
            found[name] = {"names": names, "_type": "ClassLabel"}
    return {"info": {"features": found}}


def _digest(table: Table) -> str:
    heads = [[name, column.holds] for name, column in zip(table.columns, table.cells, strict=True)]
    digest = hashlib.sha256(json.dumps(["table", len(table), heads]).encode() + b"\n")
    for column in table.cells:
        values = column.values
        if values.dtype.kind == "U":  # whose width is no part of what it holds
            digest.update(json.dumps(values.tolist()).encode())
        else:
            little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
            digest.update(little.view(np.uint8).data)
        digest.update(np.packbits(column.missing).data)
    return digest.hexdigest()
