"""Samples together with what they hold, what their columns are called and what identifies them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data.laws import Law
from collapse_bench.data.texts import are_texts, as_sequences, fit_lines, lines_of, write_texts
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec
from collapse_bench.validation import Kind, as_samples, check_texts

__all__ = ["SampleSet", "save_samples", "suffix_of"]


@dataclass(frozen=True, slots=True, eq=False)
class SampleSet:
    """Finite samples, checked and identified; make one with :meth:`of`.

    Attributes
    ----------
    values : shape (n, d) float64 numbers, or (n,) codes, or n sequences of tokens
        A read-only copy, n >= 1, finite. Sequences are a block of tokens, shape (n, L), where
        they are of one length; otherwise objects, shape (n,): texts, or tuples of tokens.
    kind
        ``"numbers"``, ``"codes"`` or ``"tokens"``.
    columns
        The names of the d columns, or None where they have none.
    name
        What the set is called where people read it: the file or the built-in's name.
    law
        The distribution that the values were drawn from, where it is known exactly.
    units : shape (n,), or None
        The id of the cluster that each row belongs to, whole numbers or strings, where rows are
        declared to belong to documents, users or prompts; None where they are independent.
    sha256
        Digest of kind, type, shape, columns, values and, where there are any, units; equal for
        equal sets on any machine.
    """

    values: NDArray[Any]
    kind: Kind
    columns: tuple[str, ...] | None = None
    name: str = "samples"
    law: Law | None = None
    units: NDArray[Any] | None = None
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", _digest(self))

    @classmethod
    def of(
        cls,
        values: Any,
        *,
        kind: Kind | None = None,
        columns: tuple[str, ...] | None = None,
        name: str = "samples",
        law: Law | None = None,
        units: Any = None,
    ) -> Self:
        """Return a set holding a checked copy of ``values``.

        Parameters
        ----------
        values : shape (n, d) or (n,)
            Anything :func:`~collapse_bench.validation.as_samples` reads; of kind "tokens" what
            :func:`~collapse_bench.validation.as_tokens` reads. A run of white space in a text is
            kept as one space: it holds no token.
        kind
            What they hold; None: strings and booleans are codes, all else numbers.
        columns
            d different names; a set of codes or of sequences has one.
        units : shape (n,)
            The id of each row's cluster, whole numbers or strings; None if rows are independent.
            Sequences of tokens are units of their own.

        Raises
        ------
        InvalidSamples
            If ``values`` are empty, not finite, of a wrong shape or type.
        InvalidArgument
            If ``columns`` is not one name a column, all different, or ``units`` not one id a row.
        """
        found: Kind = "tokens"
        if kind == "tokens":
            own = _canonical(as_sequences(name, values))
        else:
            checked, found = as_samples(name, values, kind)
            own = _canonical(checked)
        width = own.shape[1] if found == "numbers" else 1
        if columns is not None and (len(columns) != width or len(set(columns)) != width):
            raise InvalidArgument(
                f"columns must be {width} different names, one a column; got columns={columns!r}"
            )
        ids = None if units is None else _ids(units, found, len(own))
        return cls(_fixed(own), found, columns, name, law, ids)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def texts(self) -> bool:
        """Whether its sequences are texts, not tokens."""
        return self.kind == "tokens" and are_texts(self.values)

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Return the rows of these numbers, at least one, under the same name; of no law."""
        units = None if self.units is None else _fixed(self.units[rows])
        return type(self)(
            _fixed(self.values[rows]), self.kind, self.columns, self.name, units=units
        )


def save_samples(samples: Any, path: str | os.PathLike[str]) -> str:
    """Write samples to a file that gives them back, and return their sha256.

    The file appears whole or not at all. Numpy's format has no room for column names, and reads
    codes and tokens back as such only where ``kind`` says so (or the reference does).

    Parameters
    ----------
    samples
        A :class:`SampleSet`, or values that :meth:`SampleSet.of` takes.
    path
        Where to; its name ends in ``.npy``; for texts in ``.txt``, one a line, or ``.npy``; for
        sequences of different lengths in ``.jsonl``. An existing file is replaced.

    Raises
    ------
    InvalidSpec
        If ``path`` has another suffix than the samples take, or can't be written.
    InvalidSamples
        If ``samples`` can't be used as samples, or carry ids of clusters, which no such file holds.
    """
    target = Path(path).expanduser()
    whole = samples if isinstance(samples, SampleSet) else SampleSet.of(samples)
    if whole.units is not None:
        raise InvalidSamples(
            "samples must have no clusters to be saved, since the file would lose their ids; got "
            f"{whole.name!r} with units"
        )
    own = suffix_of(whole)
    if target.suffix != own and not (whole.texts and target.suffix == ".npy"):
        mend = " (.txt can't hold texts without words)" if whole.texts and own == ".npy" else ""
        raise InvalidSpec(f"path must end in {own}{mend}; got path={str(path)!r}")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        _write(whole, partial, target.suffix)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InvalidSpec(
            f"path must be writable; got path={str(path)!r}: {error.strerror or error}"
        ) from error
    return whole.sha256


def suffix_of(samples: SampleSet) -> str:
    """Return the suffix of a file that gives these samples back.

    ``.txt`` for texts, if lines can hold them; ``.jsonl`` for sequences of different lengths;
    ``.npy`` for all else.
    """
    if samples.kind != "tokens" or samples.values.dtype.kind != "O":
        return ".npy"
    if not samples.texts:
        return ".jsonl"
    return ".txt" if fit_lines(samples.values) else ".npy"


def _write(samples: SampleSet, path: Path, suffix: str) -> None:
    if suffix == ".txt":
        write_texts(samples.values, path)
    elif suffix == ".jsonl":
        with path.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(f"{json.dumps({'tokens': row})}\n" for row in samples.values)
    else:
        values = samples.values.astype(np.str_) if samples.texts else samples.values
        with path.open("wb") as file:
            np.save(file, values, allow_pickle=False)


def _fixed(values: NDArray[Any]) -> NDArray[Any]:
    values.setflags(write=False)
    return values


def _ids(units: Any, kind: Kind, rows: int) -> NDArray[Any]:
    """Return a read-only copy of the ids of clusters, one a row."""
    if kind == "tokens":
        raise InvalidArgument(
            "units must be None for tokens, of which each sequence is a unit of its own; got ids"
        )
    if isinstance(units, np.ma.MaskedArray) and np.ma.getmaskarray(units).any():
        raise InvalidArgument("units must hold an id for each row; got masked ones")
    ids = np.asarray(units)
    if ids.shape != (rows,):
        raise InvalidArgument(
            f"units must hold one id for each of the {rows:,} rows; got shape {ids.shape}"
        )
    if ids.dtype.kind == "U" and not hasattr(units, "__array__"):
        check_texts("units", list(units))
    if ids.dtype.kind == "O" and all(isinstance(one, str) for one in ids):
        check_texts("units", ids.tolist())
        ids = ids.astype(np.str_)
    if ids.dtype.kind not in "iuU":
        raise InvalidArgument(
            f"units must be whole numbers or strings; got ids of type {ids.dtype}, such as "
            f"{ids.tolist()[0]!r}"
        )
    return _fixed(_canonical(ids))


def _canonical(values: NDArray[Any]) -> NDArray[Any]:
    """Return a C-ordered, little-endian copy whose type doesn't depend on where it came from."""
    match values.dtype.kind:
        case "f":
            return np.array(values, dtype="<f8", order="C")
        case "i":
            return np.array(values, dtype="<i8", order="C")
        case "u":  # codes beyond 2**63 stay as they are
            small = not values.size or int(values.max()) < 2**63
            return np.array(values, dtype="<i8" if small else "<u8", order="C")
        case "b":
            return np.array(values, order="C")
        case "S" | "O":
            return np.array(values, order="C")
        case _:  # text as wide as its longest value
            return np.array(values.tolist(), dtype=np.str_)


def _digest(samples: SampleSet) -> str:
    values = samples.values
    header = [samples.kind, values.dtype.str, list(values.shape), samples.columns]
    digest = hashlib.sha256(json.dumps(header).encode() + b"\n")
    if samples.units is not None:
        digest.update(json.dumps(samples.units.tolist()).encode() + b"\n")
    if values.dtype.kind == "O":
        for line in lines_of(values):
            digest.update(line)
        return digest.hexdigest()
    digest.update(np.ascontiguousarray(values).data.cast("B"))
    return digest.hexdigest()
