"""Samples brought into the form of their reference: columns by name, kinds column by column."""

from __future__ import annotations

from typing import overload

import numpy as np

from collapse_bench.data.cells import Column, fixed
from collapse_bench.data.columns import listed, match_sets
from collapse_bench.data.sampleset import SampleSet
from collapse_bench.data.table import Table
from collapse_bench.errors import InvalidSamples
from collapse_bench.validation import EXACT

__all__ = ["match_columns"]


@overload
def match_columns(samples: SampleSet | Table, reference: SampleSet) -> SampleSet: ...
@overload
def match_columns(samples: SampleSet | Table, reference: Table) -> Table: ...
def match_columns(samples: SampleSet | Table, reference: SampleSet | Table) -> SampleSet | Table:
    """Return ``samples`` with the reference's kind and its columns in the reference's order.

    Columns match by name; where neither is a table and one side has no names, by width. Whole
    numbers are read as codes or tokens where the reference holds integers as such, and text as
    texts where it holds texts. A column of which every cell is missing takes the reference's kind.

    Raises
    ------
    InvalidSamples
        If a column of the reference is missing or there is one too many, if kinds or types of
        codes differ, or cells are missing in a column that is complete in the reference.
    """
    if isinstance(reference, Table):
        return _as_table(samples, reference)
    if isinstance(samples, SampleSet):
        return match_sets(samples, reference)
    if reference.kind == "tokens" or reference.columns is None:
        raise InvalidSamples(
            f"samples must hold {reference.kind}, as the reference {reference.name!r} does; got a "
            f"table with {listed(samples.columns)} in {samples.name!r}"
        )
    # What is no plain set of numbers or codes differs from one that is in some column.
    matched = _as_table(samples, Table.of(reference, name=reference.name))
    values = matched.numbers(matched.columns) if reference.kind == "numbers" else matched.cells[0]
    return SampleSet.of(
        getattr(values, "values", values),
        kind=reference.kind,
        columns=matched.columns,
        name=samples.name,
    )


def _as_table(samples: SampleSet | Table, reference: Table) -> Table:
    if isinstance(samples, SampleSet):
        if samples.columns is None or samples.kind == "tokens":
            raise InvalidSamples(
                f"samples must have the columns of the reference {reference.name!r}, "
                f"{listed(reference.columns)}; got {samples.kind} in {samples.name!r}, "
                "whose columns have no names: save them as .parquet or .csv"
            )
        samples = Table.of(samples, name=samples.name)
    _check_names(samples, reference)
    cells = tuple(_column(name, samples, reference) for name in reference.columns)
    if samples.columns == reference.columns and cells == samples.cells:
        return samples
    return Table(reference.columns, cells, samples.name)


def _check_names(samples: Table, reference: Table) -> None:
    if lacking := [name for name in reference.columns if name not in samples.columns]:
        raise InvalidSamples(
            f"samples must have the columns of the reference {reference.name!r}; "
            f"{samples.name!r} lacks {listed(lacking)} and has {listed(samples.columns)}: "
            "rename them, or choose common ones with --collapse-columns"
        )
    if extra := [name for name in samples.columns if name not in reference.columns]:
        raise InvalidSamples(
            f"samples must have only columns of the reference {reference.name!r}; "
            f"{samples.name!r} also has {listed(extra)}: "
            "choose those to judge with --collapse-columns"
        )


def _column(name: str, samples: Table, reference: Table) -> Column:
    """Return a column of the samples as the reference's holds it."""
    ours, theirs = samples[name], reference[name]
    if ours.missing.any() and not theirs.missing.any():
        raise InvalidSamples(
            f"samples must have a value in each row of {name!r}, as the reference "
            f"{reference.name!r} has; {ours.count_missing:,} of {len(samples):,} are missing in "
            f"{samples.name!r}"
        )
    if ours.holds == theirs.holds:
        return ours
    if ours.missing.all():
        empty = np.zeros(len(samples), dtype=theirs.values.dtype)
        return fixed(theirs.kind, empty, ours.missing.copy())
    if ours.kind == "numbers" and theirs.holds == "integers":
        whole = np.where(ours.missing, 0, ours.values)
        if (whole == np.rint(whole)).all() and np.abs(whole).max() <= EXACT:
            return fixed("codes", whole.astype(np.int64), ours.missing.copy())
    raise InvalidSamples(
        f"samples must hold {_told(theirs)} in {name!r}, as the reference {reference.name!r} does; "
        f"got {_told(ours)} in {samples.name!r}"
    )


def _told(column: Column) -> str:
    return column.holds if column.kind == "numbers" else f"codes ({column.holds})"
