"""The cells of one column of a table: numbers or codes, of which some may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data.texts import encodes
from collapse_bench.errors import InvalidSamples
from collapse_bench.validation import EXACT, check_texts

__all__ = ["Column", "column_of", "fixed", "of_arrow", "of_series"]

Held = Literal["numbers", "codes"]

# What the states of a column are, by the kind of its type.
STATES = {"U": "strings", "i": "integers", "u": "integers", "b": "booleans"}

# Numbers larger than this, and spreads smaller than its inverse, have no square in float64.
LARGEST = 1e150


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of a table, read-only.

    Attributes
    ----------
    kind
        ``"numbers"`` or ``"codes"``.
    values : shape (n,)
        float64 numbers, or codes: strings, integers or booleans. NaN, ``""``, 0 or False where
        the cell is missing.
    missing : shape (n,)
        Whether the cell is missing.
    """

    kind: Held
    values: NDArray[Any]
    missing: NDArray[np.bool_]

    @property
    def observed(self) -> NDArray[Any]:
        """The cells that aren't missing, in their order."""
        return np.asarray(self.values[~self.missing])

    @property
    def holds(self) -> str:
        """What the cells are, in words: "numbers", "strings", "integers" or "booleans"."""
        return "numbers" if self.kind == "numbers" else STATES[self.values.dtype.kind]

    @property
    def count_missing(self) -> int:
        """How many cells are missing."""
        return int(self.missing.sum())

    def states(self) -> NDArray[np.str_]:
        """Return codes as text, shape (n,): "=" and the code, and "" where the cell is missing."""
        text = np.char.add("=", self.values.astype(np.str_))
        return np.where(self.missing, "", text)

    def take(self, rows: NDArray[np.intp]) -> Column:
        """Return the cells of these rows."""
        return fixed(self.kind, self.values[rows], self.missing[rows])


def fixed(kind: Held, values: NDArray[Any], missing: NDArray[np.bool_]) -> Column:
    """Return a column whose arrays, which are nobody else's, can't be written to."""
    for array in (values, missing):
        array.setflags(write=False)
    return Column(kind, values, missing)


def of_arrow(cells: Any, labels: bool, where: str) -> Column:
    """Return a column of pyarrow's; ``labels``: whole numbers that stand for names."""
    import pyarrow.types as types

    kind = cells.type
    if types.is_dictionary(kind):
        cells = cells.dictionary_decode()
        kind, labels = cells.type, True
    missing = np.asarray(cells.is_null())
    if types.is_null(kind):
        return _unknown(len(cells))
    if types.is_integer(kind) or types.is_floating(kind):
        values = np.asarray(cells.fill_null(0).to_numpy(zero_copy_only=False))
        return _numeric(values, missing, where, codes=labels)
    if types.is_boolean(kind):
        values = np.asarray(cells.fill_null(False).to_numpy(zero_copy_only=False), dtype=np.bool_)
        return fixed("codes", values.copy(), missing.copy())
    if types.is_string(kind) or types.is_large_string(kind):
        return _texts(cells.fill_null("").to_pylist(), missing.copy(), where)
    raise InvalidSamples(f"{where} must hold numbers or codes; got {kind}")


def of_series(series: Any, where: str) -> Column:
    """Return a column of pandas': a series, an index or an array."""
    import pandas

    series = pandas.Series(series)
    if getattr(series.dtype, "kind", "O") in "iufb" and isinstance(series.dtype, np.dtype):
        return column_of(series.to_numpy(), where)
    if getattr(series.dtype, "kind", "O") in "Mm" or hasattr(series.dtype, "tz"):
        raise InvalidSamples(f"{where} must hold numbers or codes; got {series.dtype}")
    gaps = series.isna().to_numpy()
    values = series.astype(object).to_numpy(copy=True)
    values[gaps] = None
    return column_of(values, where, codes=hasattr(series.dtype, "categories"))


def column_of(values: Any, where: str, *, codes: bool = False) -> Column:
    """Return a column of cells, shape (n,); ``codes``: whole numbers are codes.

    None, NaN and masked cells are missing.

    Raises
    ------
    InvalidSamples
        If the cells aren't one-dimensional, they hold neither numbers nor strings nor booleans, or
        several of them, or float64 or numpy's text can't hold them: see :meth:`Table.of`.
    """
    if isinstance(values, np.ma.MaskedArray):
        masked, values = np.ma.getmaskarray(values), values.data.astype(object)
        values[masked] = None
    try:
        # numpy makes one type of the cells of a list, of True and NaN too: "True", "nan"
        array = np.asarray(values, dtype=None if hasattr(values, "__array__") else object)
    except ValueError as error:
        raise InvalidSamples(f"{where} must have shape (n,); numpy says: {error}") from error
    if array.ndim != 1:
        raise InvalidSamples(f"{where} must have shape (n,); got shape {array.shape}")
    if array.dtype.kind in "iuf":
        return _numeric(array, np.zeros(len(array), dtype=np.bool_), where, codes=codes)
    if array.dtype.kind == "T":
        array = array.astype(object)
    if array.dtype.kind == "U":
        return _texts(array.tolist(), np.zeros(len(array), np.bool_), where)
    if array.dtype.kind == "b":
        return fixed("codes", array.copy(), np.zeros(len(array), np.bool_))
    if array.dtype.kind != "O":
        raise InvalidSamples(f"{where} must hold numbers or codes; got dtype {array.dtype}")
    cells = array.tolist()
    missing = np.array([cell is None or _is_nan(cell) for cell in cells], dtype=np.bool_)
    seen = {_family(cell) for cell, gap in zip(cells, missing, strict=True) if not gap}
    if not seen:
        return _unknown(len(cells))
    if len(seen) > 1 or "other" in seen:
        told = sorted({type(c).__name__ for c, g in zip(cells, missing, strict=True) if not g})
        raise InvalidSamples(f"{where} must hold numbers or codes; got {', '.join(told[:4])}")
    (family,) = seen
    empty: Any = {"str": "", "bool": False, "number": 0}[family]
    filled = [empty if gap else cell for cell, gap in zip(cells, missing, strict=True)]
    if family == "number":
        _check_whole(filled, where, codes=codes)
        return _numeric(np.asarray(filled), missing, where, codes=codes)
    if family == "str":
        return _texts(filled, missing, where)
    return fixed("codes", np.array(filled, np.bool_), missing)


def _texts(cells: list[str], missing: NDArray[np.bool_], where: str) -> Column:
    """Return codes that are strings, "" where the cell is missing."""
    check_texts(where, cells)
    for cell in cells:
        if not encodes(cell):
            raise InvalidSamples(
                f"{where} must hold text without half a surrogate pair; got {cell!r}"
            )
    return fixed("codes", np.array(cells, np.str_), missing)


def _check_whole(cells: list[Any], where: str, *, codes: bool) -> None:
    """Refuse whole numbers that would be taken for one another."""
    plain = codes and all(isinstance(cell, int | np.integer) for cell in cells)
    most = 2**63 - 1 if plain else EXACT
    for row, cell in enumerate(cells):
        size = abs(int(cell)) if isinstance(cell, int | np.integer) else abs(cell) if codes else 0
        if size > most:
            raise InvalidSamples(
                f"{where} must hold whole numbers up to {'2**63 - 1' if plain else '2**53'}, "
                f"beyond which some are taken for others; got {cell} in row {row} (rows count "
                "from 0): give them as text if they are codes"
            )


def _numeric(
    values: NDArray[Any], missing: NDArray[np.bool_], where: str, *, codes: bool
) -> Column:
    """Return real numbers, or whole ones that are codes."""
    if values.dtype.kind not in "iuf":
        raise InvalidSamples(f"{where} must hold numbers or codes; got dtype {values.dtype}")
    if values.dtype.kind == "f":
        missing = missing | np.isnan(values)
    strange = ~np.isfinite(np.asarray(values, dtype=np.float64)) & ~missing
    if strange.any():
        first = int(strange.argmax())
        raise InvalidSamples(
            f"{where} must be finite; {int(strange.sum()):,} of {len(values):,} values are "
            f"not, the first in row {first} (rows count from 0): {values[first]}"
        )
    whole = np.where(missing, 0, values)
    if codes or values.dtype.kind != "f":
        _check_whole(whole.tolist(), where, codes=codes)
    if codes:
        if not (whole == np.rint(whole)).all():
            raise InvalidSamples(f"{where} must hold whole numbers as codes; got {values.dtype}")
        return fixed("codes", np.asarray(whole).astype(np.int64), np.array(missing))
    numbers = np.array(values, dtype=np.float64)
    _check_size(numbers[~missing], where)
    numbers[missing] = np.nan
    return fixed("numbers", numbers, np.array(missing))


def _check_size(numbers: NDArray[np.float64], where: str) -> None:
    """Refuse finite numbers that have no variance in float64: it would overflow, or be 0."""
    if not len(numbers):
        return
    low, high = float(numbers.min()), float(numbers.max())
    if max(-low, high) > LARGEST:
        worst = max(low, high, key=abs)
        raise InvalidSamples(
            f"{where} must hold values up to {LARGEST:g}; got {worst:g}: rescale it"
        )
    if 0 < high - low < 1 / LARGEST:
        raise InvalidSamples(
            f"{where} must be constant or vary by at least {1 / LARGEST:g}; got values from "
            f"{low:g} to {high:g}: rescale it"
        )


def _unknown(size: int) -> Column:
    """Return a column of which no cell is known: numbers, unless the reference says otherwise."""
    return fixed("numbers", np.full(size, np.nan), np.ones(size, dtype=np.bool_))


def _is_nan(cell: Any) -> bool:
    # pandas' NA is neither equal to itself nor comparable
    return type(cell).__name__ in ("NAType", "NaTType") or (
        isinstance(cell, float | np.floating) and bool(np.isnan(cell))
    )


def _family(cell: Any) -> str:
    if isinstance(cell, str):
        return "str"
    if isinstance(cell, bool | np.bool_):
        return "bool"
    return "number" if isinstance(cell, int | float | np.integer | np.floating) else "other"
