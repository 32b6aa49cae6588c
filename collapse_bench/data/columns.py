"""Which columns are judged: chosen by name, matched by name between samples and reference."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from collapse_bench.data.sampleset import SampleSet
from collapse_bench.errors import InvalidArgument, InvalidSamples

__all__ = ["choose", "listed", "match_columns"]

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


def match_columns(samples: SampleSet, reference: SampleSet) -> SampleSet:
    """Return ``samples`` with the reference's kind and its columns in the reference's order.

    Columns match by name; where one side has no names, by width. Whole numbers are read as codes
    when the reference holds codes that are integers.

    Raises
    ------
    InvalidSamples
        If the kinds differ, a column of the reference is missing or there is one too many.
    """
    if samples.kind != reference.kind:
        samples = _read_as_codes(samples, reference)
    if reference.kind == "codes":
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
        samples.values[:, order], kind="numbers", columns=wanted, name=samples.name, law=samples.law
    )


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"


def _read_as_codes(samples: SampleSet, reference: SampleSet) -> SampleSet:
    values = samples.values
    whole = (
        samples.kind == "numbers"
        and values.shape[1] == 1
        and reference.values.dtype.kind in "iu"
        and bool((values == np.rint(values)).all())
    )
    if not whole:
        raise InvalidSamples(
            f"samples must hold {reference.kind}, as the reference {reference.name!r} does; "
            f"got {samples.kind} in {samples.name!r}"
        )
    return SampleSet.of(
        values[:, 0], kind="codes", columns=samples.columns, name=samples.name, law=samples.law
    )
