"""Samples and references as the checks see them: numbers, checked and sorted once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.statistics.whitening import Whitening, varying_columns, whitening
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, as_numbers, as_samples

__all__ = ["LAW_ROWS", "Rows", "dropped", "is_law", "read_reference", "read_samples"]

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
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

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


def read_reference(reference: Any, kind: Kind | None, *, seed: int) -> Rows:
    """Return a reference as rows: samples as they are, a law by ``LAW_ROWS`` draws.

    Raises
    ------
    InvalidArgument
        If it doesn't hold numbers.
    InvalidSamples
        If it is empty, not finite, not rectangular, or doesn't vary.
    """
    if is_law(reference):
        kind = kind or getattr(reference, "kind", None)
        reference = reference.sample(LAW_ROWS, rng=generator(seed, "reference"))
    rows = _read("reference", reference, kind)
    if not len(rows.varying):
        raise InvalidSamples(
            "reference must vary for a loss to be told; all of its "
            f"{len(rows):,} rows are equal in {_listed(rows, range(rows.values.shape[1]))}"
        )
    return rows


def read_samples(samples: Any, reference: Rows, kind: Kind | None) -> Rows:
    """Return generated samples as rows with the reference's columns.

    Raises
    ------
    InvalidArgument
        If they don't hold numbers.
    InvalidSamples
        If they are a model, empty, not finite, not rectangular, or have other columns.
    """
    if is_law(samples):
        raise InvalidSamples(
            f"samples must be rows that a model drew; got the model {type(samples).__name__}: "
            "pass model.sample(size, rng=rng)"
        )
    rows = _read("samples", samples, kind, width=reference.values.shape[1])
    if None not in (rows.columns, reference.columns) and rows.columns != reference.columns:
        raise InvalidSamples(
            f"samples must have the reference's columns {reference.columns}; got {rows.columns}"
        )
    return rows


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


def _read(name: str, samples: Any, kind: Kind | None, *, width: int | None = None) -> Rows:
    columns = None
    if hasattr(samples, "kind") and hasattr(samples, "values"):  # a data.SampleSet
        kind, columns, samples = kind or samples.kind, samples.columns, samples.values
    _, found = as_samples(name, samples, kind)
    if found != "numbers":
        raise InvalidArgument(
            f"kind must be 'numbers', the only one these checks compare; got {name} of "
            f"kind={found!r}"
        )
    values = as_numbers(name, samples, columns=width)
    if np.abs(values).max() > LARGEST:
        raise InvalidSamples(
            f"{name} must hold values up to {LARGEST:g}; "
            f"got {values.flat[np.abs(values).argmax()]:g}"
        )
    if values.shape[1] == 1:
        return Rows(np.sort(values, axis=0), columns)
    return Rows(values[np.lexsort(values.T[::-1])], columns)


def is_law(source: Any) -> bool:
    """Return whether something is drawn from, not drawn (pandas' tables have a ``sample`` too)."""
    return callable(getattr(source, "sample", None)) and not hasattr(source, "__array__")


def _listed(rows: Rows, columns: Any) -> str:
    return ", ".join(rows.label(column) for column in columns)
