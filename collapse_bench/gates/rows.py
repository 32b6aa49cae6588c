"""Samples and references as the checks see them: checked and sorted once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates.clusters import ClusteredCodes, arranged, units_of
from collapse_bench.gates.codes import Codes
from collapse_bench.statistics.whitening import Whitening, varying_columns, whitening
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, as_numbers, as_samples, as_tokens

__all__ = [
    "LAW_ROWS",
    "Data",
    "Rows",
    "dropped",
    "is_law",
    "numeric",
    "read_reference",
    "read_samples",
]

# Rows drawn from a reference that is a law, of which there could be any number.
LAW_ROWS = 100_000

# The square of a larger number overflows float64.
LARGEST = 1e150


@dataclass(frozen=True, eq=False)  # equal if the same object: what is derived from it is kept
class Rows:
    """n rows of d numbers, sorted, so that no result depends on the order they came in.

    Attributes
    ----------
    values : shape (n, d)
    columns
        Their names where they have any.
    units : shape (n,), or None
        Number of the declared cluster that each row belongs to, ascending; None if rows are
        independent.
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...] | None = None
    units: NDArray[np.intp] | None = None

    @property
    def kind(self) -> Kind:
        """What they hold."""
        return "numbers"

    def __len__(self) -> int:
        """Return the number of independent units: rows, or declared clusters."""
        return len(self.values) if self.units is None else int(self.units[-1]) + 1

    @cached_property
    def varying(self) -> NDArray[np.intp]:
        """The columns that hold different values."""
        return np.flatnonzero(varying_columns(self.values))

    @cached_property
    def white(self) -> Whitening:
        """Coordinates in which these rows' covariance is one; they must vary."""
        found = whitening(self.values)
        assert found is not None  # read_reference refuses rows that don't vary
        return found

    def label(self, column: int) -> str:
        """Return what a column is called."""
        return f"column {column}" if self.columns is None else repr(self.columns[column])


Data = Rows | Codes


def read_reference(reference: Any, kind: Kind | None, *, seed: int, clusters: Any = None) -> Data:
    """Return a reference as rows: samples as they are, a law by ``LAW_ROWS`` draws.

    ``clusters``: an id of each row; None: those that a set of samples carries, if any.

    Raises
    ------
    InvalidArgument
        If it doesn't hold what ``kind`` says, or the ids aren't one for each row.
    InvalidSamples
        If it is empty, not finite, not rectangular, or doesn't vary.
    """
    if is_law(reference):
        if clusters is not None:
            raise InvalidArgument(
                "clusters must be None for a reference that is a law, whose draws are independent; "
                f"got a law of type {type(reference).__name__}"
            )
        kind = kind or getattr(reference, "kind", None)
        reference = reference.sample(LAW_ROWS, rng=generator(seed, "reference"))
    rows = _read("reference", reference, kind, clusters=clusters)
    if isinstance(rows, Codes):
        if len(rows.states) < 2:
            raise InvalidSamples(
                "reference must vary for a loss to be told; all of its "
                f"{len(rows.values):,} codes are {rows.states[0].item()!r}"
            )
    elif not len(rows.varying):
        raise InvalidSamples(
            "reference must vary for a loss to be told; all of its "
            f"{len(rows.values):,} rows are equal in {_listed(rows, range(rows.values.shape[1]))}"
        )
    return rows


def read_samples(samples: Any, reference: Data, kind: Kind | None, *, clusters: Any = None) -> Data:
    """Return generated samples as rows with the reference's columns.

    ``clusters``: an id of each row; None: those that a set of samples carries, if any.

    Raises
    ------
    InvalidArgument
        If they don't hold what the reference holds, the ids aren't one for each row, or only one
        of the two has clusters.
    InvalidSamples
        If they are a model, empty, not finite, not rectangular, or have other columns.
    """
    if is_law(samples):
        raise InvalidSamples(
            f"samples must be rows that a model drew; got the model {type(samples).__name__}: "
            "pass model.sample(size, rng=rng)"
        )
    if isinstance(reference, Codes):
        rows = _read("samples", samples, kind or reference.kind, clusters=clusters)
        assert isinstance(rows, Codes)
        if rows.values.dtype.kind != reference.values.dtype.kind:
            _refuse_types(rows, reference)
    else:
        rows = _read("samples", samples, kind, width=reference.values.shape[1], clusters=clusters)
        if isinstance(rows, Codes):
            raise InvalidSamples(
                f"samples must hold numbers as the reference does; got {rows.values.dtype} codes"
            )
    if None not in (rows.columns, reference.columns) and rows.columns != reference.columns:
        raise InvalidSamples(
            f"samples must have the reference's columns {reference.columns}; got {rows.columns}"
        )
    if rows.kind != "tokens" and (rows.units is None) != (reference.units is None):
        without = "samples" if rows.units is None else "reference"
        raise InvalidArgument(
            "clusters must name the clusters of both samples and reference, or of neither; got no "
            f"ids of the {without}"
        )
    return rows


def numeric(data: Data) -> Rows:
    """Return rows that must hold numbers.

    Raises
    ------
    InvalidArgument
        If they don't.
    """
    if not isinstance(data, Rows):
        raise InvalidArgument(f"kind must be 'numbers' for a variance; got kind={data.kind!r}")
    return data


def _refuse_types(samples: Codes, reference: Codes) -> None:
    """Refuse states that no state of the reference can equal: text beside whole numbers."""
    kinds = {"i": "integers", "u": "integers", "b": "booleans", "U": "strings", "S": "bytes"}
    ours, theirs = (kinds[codes.values.dtype.kind] for codes in (samples, reference))
    if ours != theirs:
        raise InvalidSamples(
            f"samples must hold {theirs} as the reference does; got {ours}, such as "
            f"{samples.values[0].item()!r}"
        )


def dropped(reference: Rows, dependent: int = 0) -> tuple[str, ...]:
    """Return a note on columns and combinations of them that the reference says nothing of."""
    constant = sorted(set(range(reference.values.shape[1])) - set(reference.varying.tolist()))
    notes = []
    if constant:
        notes.append(f"constant in the reference and not judged: {_listed(reference, constant)}")
    if dependent:
        combinations = "combination of columns is" if dependent == 1 else "combinations are"
        notes.append(f"{dependent} linear {combinations} constant in the reference and not judged")
    return tuple(notes)


def _read(
    name: str,
    samples: Any,
    kind: Kind | None,
    *,
    width: int | None = None,
    clusters: Any = None,
) -> Data:
    columns = None
    if hasattr(samples, "kind") and hasattr(samples, "values"):  # a data.SampleSet
        clusters = getattr(samples, "units", None) if clusters is None else clusters
        kind, columns, samples = kind or samples.kind, samples.columns, samples.values
    if kind == "tokens":
        if clusters is not None:
            raise InvalidArgument(
                "clusters must be None for tokens, of which each sequence is a unit of its own; "
                "got ids"
            )
        return Codes.of_units(*as_tokens(name, samples))
    checked, found = as_samples(name, samples, kind)
    if found == "codes":
        if clusters is not None:
            units = units_of(clusters, name=name, rows=len(checked))
            return ClusteredCodes.of_clusters(checked, units, columns)
        return Codes.of_draws(checked, columns)
    values = as_numbers(name, samples, columns=width)
    if np.abs(values).max() > LARGEST:
        raise InvalidSamples(
            f"{name} must hold values up to {LARGEST:g}; "
            f"got {values.flat[np.abs(values).argmax()]:g}"
        )
    if clusters is not None:
        units = units_of(clusters, name=name, rows=len(values))
        order, units = arranged(values, units)
        return Rows(values[order], columns, units)
    if values.shape[1] == 1:
        return Rows(np.sort(values, axis=0), columns)
    return Rows(values[np.lexsort(values.T[::-1])], columns)


def is_law(source: Any) -> bool:
    """Return whether something is drawn from, not drawn (pandas' tables have a ``sample`` too)."""
    return callable(getattr(source, "sample", None)) and not hasattr(source, "__array__")


def _listed(rows: Rows, columns: Any) -> str:
    return ", ".join(rows.label(column) for column in columns)
