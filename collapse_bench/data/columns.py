"""Which columns are judged: chosen by name, matched by name between samples and reference."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from collapse_bench.data.sampleset import SampleSet
from collapse_bench.data.texts import token_type
from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.validation import EXACT

__all__ = ["choose", "listed", "match_sets"]

MOST_LISTED = 8  # names in one sentence; a table of pixels has hundreds


def listed(names: Sequence[str]) -> str:
    """Return quoted names for a sentence, the first eight and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:MOST_LISTED])
    return shown + (f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else "")


def choose(available: Sequence[str], columns: Sequence[str], *, source: str) -> tuple[str, ...]:
    """Return ``columns`` after checking that ``source`` has each of them, once.

    Raises
    ------
    InvalidArgument
        If none is named, one is named twice or isn't there; near names are told.
    """
    if isinstance(columns, str):
        raise InvalidArgument(f"columns must be a sequence of names; got columns={columns!r}")
    chosen = tuple(columns)
    if not chosen:
        raise InvalidArgument("columns must name at least one column; got columns=()")
    for name in chosen:
        if chosen.count(name) > 1:
            raise InvalidArgument(
                f"columns must be different names; got {name!r} {chosen.count(name)} times"
            )
        if name not in available:
            near = get_close_matches(str(name), available, n=3)
            mend = f"did you mean {listed(near)}?" if near else f"it has {listed(available)}"
            raise InvalidArgument(f"columns must be columns of {source!r}; got {name!r}: {mend}")
    return chosen


def match_sets(samples: SampleSet, reference: SampleSet) -> SampleSet:
    """Return ``samples`` with the reference's kind and its columns in the reference's order.

    Columns match by name; where one side has no names, by width. Whole numbers are read as codes
    or tokens where the reference holds integers as such, and text as texts where it holds texts.

    Raises
    ------
    InvalidSamples
        If the kinds or the types of codes differ, a column of the reference is missing or there
        is one too many.
    """
    if samples.kind != reference.kind:
        samples = _read_as(samples, reference)
    if reference.kind != "numbers":
        _check_codes(samples, reference)
        return samples
    wanted, found = reference.columns, samples.columns
    if wanted is None or found is None:
        width, got = reference.values.shape[1], samples.values.shape[1]
        if width != got:
            raise InvalidSamples(
                f"samples must have {_columns(width)}, as the reference {reference.name!r} has; "
                f"got {_columns(got)} in {samples.name!r}"
            )
        return samples
    if missing := [name for name in wanted if name not in found]:
        raise InvalidSamples(
            f"samples must have the columns of the reference {reference.name!r}; "
            f"{samples.name!r} lacks {listed(missing)} and has {listed(found)}: "
            "rename them, or choose common ones with --collapse-columns"
        )
    if extra := [name for name in found if name not in wanted]:
        raise InvalidSamples(
            f"samples must have only columns of the reference {reference.name!r}; "
            f"{samples.name!r} also has {listed(extra)}: "
            "choose those to judge with --collapse-columns"
        )
    if found == wanted:
        return samples
    order = [found.index(name) for name in wanted]
    return SampleSet.of(
        samples.values[:, order],
        kind="numbers",
        columns=wanted,
        name=samples.name,
        law=samples.law,
        units=samples.units,
    )


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"


def _read_as(samples: SampleSet, reference: SampleSet) -> SampleSet:
    """Return samples read as what the reference holds: numbers as codes, text as texts."""
    values, kind = samples.values, reference.kind
    wanted = token_type(reference.values) if kind == "tokens" else reference.values.dtype.kind
    whole = samples.kind == "numbers" and bool((values == np.rint(values)).all())
    if kind == "codes" and whole and values.shape[1] == 1 and wanted in ("i", "u"):
        values = values[:, 0]
    elif kind == "tokens" and whole and wanted == "integers" and np.abs(values).max() <= EXACT:
        values = values.astype(np.int64)
    elif not (samples.kind == "codes" and values.dtype.kind == "U" and reference.texts):
        raise InvalidSamples(
            f"samples must hold {kind}, as the reference {reference.name!r} does; "
            f"got {samples.kind} in {samples.name!r}"
        )
    columns = samples.columns if kind == "codes" or reference.texts else None
    return SampleSet.of(
        values,
        kind=kind,
        columns=columns,
        name=samples.name,
        law=samples.law,
        units=samples.units if kind == "codes" else None,
    )


def _check_codes(samples: SampleSet, reference: SampleSet) -> None:
    """Refuse codes or tokens of another type or, where both columns have names, of another name."""
    what = reference.kind
    ours, theirs = (token_type(whole.values) for whole in (samples, reference))
    if ours != theirs:
        raise InvalidSamples(
            f"samples must hold {theirs} as {what}, as the reference {reference.name!r} does; "
            f"got {ours} in {samples.name!r}"
        )
    if what == "tokens" and samples.texts != reference.texts:
        forms = {True: "texts", False: "sequences of tokens"}
        raise InvalidSamples(
            f"samples must be {forms[reference.texts]}, as the reference {reference.name!r} is; "
            f"got {forms[samples.texts]} in {samples.name!r}"
        )
    wanted, found = reference.columns, samples.columns
    # a column of sequences is the only one there is: its name is no part of what is judged
    if what == "codes" and None not in (wanted, found) and wanted != found:
        raise InvalidSamples(
            f"samples must have the column of the reference {reference.name!r}, "
            f"{listed(wanted or ())}; {samples.name!r} has {listed(found or ())}: rename it"
        )
