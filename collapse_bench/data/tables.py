"""Tables with named columns: CSV, JSON lines, Parquet and saved `datasets`, read by `datasets`."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data.arrays import MOST_BYTES
from collapse_bench.data.columns import choose, listed
from collapse_bench.data.csvs import check_csv, overlong
from collapse_bench.data.sampleset import SampleSet
from collapse_bench.data.table import Table
from collapse_bench.errors import (
    CollapseBenchError,
    InvalidArgument,
    InvalidSamples,
    InvalidSpec,
)
from collapse_bench.validation import Kind, check_texts

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["TABLES", "read_table"]

TABLES = (".csv", ".jsonl", ".parquet")
FORMS = {"": "a saved directory", ".csv": "CSV", ".jsonl": "JSON lines", ".parquet": "Parquet"}

MEND = "choose those to judge with --collapse-columns"


def read_table(
    argument: str,
    spec: str,
    path: Path,
    columns: Sequence[str] | None,
    kind: Kind | None,
    clusters: str | None = None,
) -> SampleSet | Table:
    """Return a table's samples: complete numbers, one column of codes or tokens; else a table.

    Parameters
    ----------
    argument, spec
        What the table is called where the caller sees it, and what was asked for.
    path
        A file of one of ``TABLES``, or a directory made by ``Dataset.save_to_disk``.
    columns
        Those to keep, in this order; None keeps all.
    kind
        What they hold; None: one column of text or booleans is codes, one of lists is sequences
        of tokens, complete columns of numbers are numbers, and all else is a table.
    clusters
        The column that names the unit each row belongs to, which isn't judged; None if there is
        none.

    Raises
    ------
    InvalidSpec
        If the table can't be parsed, has columns without a name of their own, or a row of a CSV
        file has fewer or more cells than there are columns.
    InvalidArgument
        If ``columns`` or ``clusters`` aren't in it, or ``clusters`` are those of a table or of
        sequences.
    InvalidSamples
        If it has no rows, a column that holds neither numbers nor codes, integers of a CSV file
        have more than 64 bits, or cells are missing where ``kind`` says what it holds.
    """
    try:
        with _quiet_datasets(), tempfile.TemporaryDirectory(prefix="collapse-bench-") as cache:
            table = _load(argument, spec, path, cache)
            names = _chosen(argument, spec, _judged(spec, table, columns, clusters), columns)
            if not len(table):
                raise InvalidSamples(f"{argument} must have rows; got {argument}={spec!r} with 0")
            if path.suffix.lower() == ".csv" and kind in (None, "numbers"):
                for name in names:
                    overlong(f"column {name!r} of {argument}={spec!r}", table, name)
            found = kind or _kind(argument, spec, table, names)
            if clusters is not None and found in (None, "tokens"):
                what = "a table of several kinds of columns" if found is None else "sequences"
                raise InvalidArgument(
                    f"clusters must be None for {what}; got clusters={clusters!r} of "
                    f"{argument}={spec!r}: {MEND}, of complete numbers or one of codes"
                )
            if found is None:
                chosen = table.select_columns(list(names))
                return Table.of(chosen, name=spec, where=f"{argument}={spec!r}")
            parts = [_column(argument, spec, table, name, found) for name in names]
            units = clusters and _column(argument, spec, table, clusters, "codes")
    except CollapseBenchError:
        raise
    except Exception as error:  # parsers raise whatever they like on a damaged file
        form = FORMS["" if path.is_dir() else path.suffix.lower()]
        raise InvalidSpec(
            f"{argument} must be readable as {form}; got {argument}={spec!r}: {_cause(error)}"
        ) from error
    values = parts[0] if len(parts) == 1 else np.column_stack(parts)
    named = None if found == "tokens" and len(names) > 1 else names  # columns of a block have none
    return SampleSet.of(values, kind=found, columns=named, name=spec, units=units)


def _load(argument: str, spec: str, path: Path, cache: str) -> Dataset:
    from datasets import Dataset, load_from_disk

    if path.is_dir():
        return load_from_disk(str(path))
    suffix = path.suffix.lower()
    options: dict[str, Any] = {}
    if suffix == ".parquet":
        _weigh_parquet(argument, spec, path)
    else:
        # One block: a later block may not widen the column types that the first one settled.
        options["chunksize"] = path.stat().st_size + 1
    if suffix == ".csv":
        check_csv(argument, spec, path)
        options["float_precision"] = "round_trip"  # the parser's default may miss the last bit
    if suffix == ".jsonl":
        # Rows of numbers and text would come back as one column of text, chat logs as dialogs.
        options.update(on_mixed_types=None, parse_agent_traces=False)
    alias = Path(cache) / f"table{suffix}"  # `datasets` reads * and [ in a path as a pattern
    alias.symlink_to(path.resolve())
    # Not load_dataset: it tells its maker's server of each file it loads.
    read = {".csv": Dataset.from_csv, ".jsonl": Dataset.from_json, ".parquet": Dataset.from_parquet}
    return read[suffix](str(alias), cache_dir=cache, **options)


def _weigh_parquet(argument: str, spec: str, path: Path) -> None:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        claimed = 8 * file.metadata.num_rows * file.metadata.num_columns
    if claimed > MOST_BYTES:
        raise InvalidSpec(
            f"{argument} must hold at most {MOST_BYTES // 8:,} cells; "
            f"got {argument}={spec!r} with {claimed // 8:,}"
        )


def _judged(
    spec: str, table: Dataset, columns: Sequence[str] | None, clusters: str | None
) -> list[str]:
    """Return the columns that may be judged: all but that of clusters."""
    if clusters is None:
        return list(table.column_names)
    if clusters not in table.column_names:
        near = listed(get_close_matches(clusters, table.column_names, n=3) or table.column_names)
        raise InvalidArgument(f"clusters must be a column of {spec!r}, {near}; got {clusters!r}")
    if columns is not None and clusters in columns:
        raise InvalidArgument(f"clusters must be none of the columns judged; got {clusters!r}")
    return [name for name in table.column_names if name != clusters]


def _chosen(
    argument: str, spec: str, available: Sequence[str], columns: Sequence[str] | None
) -> tuple[str, ...]:
    if columns is not None:
        return choose(available, columns, source=spec)
    # What pandas writes for an index, and reads for a column without a name.
    index = [n for n in available if not n or n.startswith(("Unnamed: ", "__index_level_"))]
    if index:
        raise InvalidSpec(
            f"{argument} must have a name for each column; got {argument}={spec!r} with "
            f"{listed(index)}, an index that was written as a column: {MEND}"
        )
    return tuple(available)


def _kind(argument: str, spec: str, table: Dataset, names: Sequence[str]) -> Kind | None:
    """Return what columns hold that make one array; None where they are a table of their own."""
    import pyarrow.types as types

    schema = table.features.arrow_schema
    held = {name: schema.field(name).type for name in names}
    if len(names) == 1 and _is_list(held[names[0]]):
        return "tokens"
    strange = [
        f"{name} ({kind})" for name, kind in held.items() if not _is_number_or_code(types, kind)
    ]
    if strange:
        raise InvalidSamples(
            f"{argument} must have columns of numbers or codes, or one of lists of tokens; "
            f"got {argument}={spec!r} with {listed(strange)}: {MEND}"
        )
    others = [
        name
        for name, kind in held.items()
        if not (types.is_integer(kind) or types.is_floating(kind))
        or hasattr(table.features[name], "names")  # class labels: integers that stand for names
    ]
    if (others and len(names) > 1) or any(_has_gaps(table, name) for name in names):
        return None
    return "codes" if others else "numbers"


def _is_number_or_code(types: Any, kind: Any) -> bool:
    known = (
        *(types.is_integer, types.is_floating, types.is_boolean, types.is_null),
        *(types.is_string, types.is_large_string, types.is_dictionary),
    )
    return any(check(kind) for check in known)


def _has_gaps(table: Dataset, name: str) -> bool:
    """Return whether cells are missing: null, or NaN."""
    import pyarrow.compute as compute

    cells = table.select_columns(name).with_format("arrow")[:][name]
    return bool(compute.any(compute.is_null(cells, nan_is_null=True)).as_py())


def _column(argument: str, spec: str, table: Dataset, name: str, kind: Kind) -> NDArray[Any]:
    cells = table.select_columns(name).with_format("arrow")[:][name].combine_chunks()
    where = f"column {name!r} of {argument}={spec!r}"
    if cells.null_count:
        missing = np.asarray(cells.is_null())
        raise InvalidSamples(
            f"{where} must have a value in each row; {int(missing.sum()):,} of "
            f"{len(missing):,} are missing, the first in row {int(missing.argmax())} "
            "(rows count from 0)"
        )
    if kind == "tokens" and _is_list(cells.type):
        return _sequences(where, cells.to_pylist())
    values = np.asarray(cells.to_numpy(zero_copy_only=False))
    if kind == "numbers" and values.dtype.kind == "f":
        strange = ~np.isfinite(values)
        if strange.any():
            first = int(strange.argmax())
            raise InvalidSamples(
                f"{where} must be finite; {int(strange.sum()):,} of {len(values):,} values are "
                f"not, the first in row {first} (rows count from 0): {values[first]}"
            )
    if values.dtype.kind != "O":
        return np.array(values)
    if kind == "codes":
        check_texts(where, values.tolist())
    return values.astype(np.str_)


def _is_list(column: Any) -> bool:
    """Return whether a column's type is lists of whole numbers or of strings."""
    import pyarrow.types as types

    if not (types.is_list(column) or types.is_large_list(column)):
        return False
    inner = column.value_type
    return bool(types.is_integer(inner) or types.is_string(inner) or types.is_large_string(inner))


def _sequences(where: str, rows: list[list[Any]]) -> NDArray[Any]:
    """Return lists as an array of objects, shape (N,), whatever their lengths."""
    for number, row in enumerate(rows):
        if None in row:
            raise InvalidSamples(
                f"{where} must have no missing tokens; row {number} has one (rows count from 0)"
            )
    values = np.empty(len(rows), dtype=object)
    values[:] = rows
    return values


def _cause(error: BaseException) -> str:
    """Return the last line of what first went wrong: `datasets` wraps it two or three times."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1][:300]


@contextlib.contextmanager
def _quiet_datasets() -> Iterator[None]:
    """Silence the progress bars, the log and the warnings of `datasets`, and restore them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever matters comes back as an error
        import datasets

        bars = datasets.are_progress_bars_disabled()
        level = datasets.logging.get_verbosity()
        datasets.disable_progress_bars()
        datasets.logging.set_verbosity(datasets.logging.CRITICAL)
        try:
            yield
        finally:
            datasets.logging.set_verbosity(level)
            if not bars:
                datasets.enable_progress_bars()
