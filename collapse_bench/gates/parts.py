"""What a gate of a table is made of: parts, each judged by checks of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data import Column, SampleSet, Table
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.codes import Codes
from collapse_bench.gates.effects import Effects, settings_of, settings_of_codes, two_sided
from collapse_bench.gates.evidence import Setting
from collapse_bench.gates.joint import Embedding, Joint
from collapse_bench.gates.levels import LEAST_ROWS
from collapse_bench.gates.rows import Rows, read_reference
from collapse_bench.statistics.spread import HEAVY, kurtosis

__all__ = [
    "MOST_GROUPS",
    "NUMBERS",
    "Part",
    "Taken",
    "table_parts",
]

# What a part takes from a table: its numbers or codes, or points; None where there are no rows.
Taken = SampleSet | Rows | None

Settle = Callable[[Codes], tuple[Setting, ...]]

MOST_GROUPS = 100
NUMBERS = ("tail_mass", "variance", "wasserstein")


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a reference, and the checks that judge it.

    Attributes
    ----------
    name
        What it is called: "numbers", the name of a column, "COLUMN is missing", "joint",
        "features", "tokens"; behind "COLUMN=STATE/" that of a group.
    checks
        Its checks, with their effect sizes.
    take
        From a table, or from samples of the reference's kind, to what the checks compare.
    where
        In words, which rows it is made of; empty: all.
    settle
        The same checks for codes of other rows of the reference's law, which have a rarest state
        of their own; None where these decide nothing.
    """

    name: str
    checks: tuple[Setting, ...]
    take: Callable[[Any], Taken]
    where: str = ""
    settle: Settle | None = None

    def against(self, reference: Any) -> Part:
        """Return the part as it is judged against other rows of the same law."""
        taken = None if self.settle is None else self.take(reference)
        if self.settle is None or taken is None:
            return self
        codes = Codes.of_draws(taken.values)
        return replace(self, checks=self.settle(codes)) if len(codes.states) > 1 else self


@dataclass
class _Maker:
    """Makes the parts of a table, or of one group of its rows."""

    effects: Effects
    permutations: int
    gappy: frozenset[str]  # columns with missing cells anywhere in the reference
    prefix: str = ""
    rows: Callable[[Table], Table | None] = lambda table: table
    where: str = ""
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # on checks that aren't made

    def add(
        self,
        name: str,
        checks: tuple[Setting, ...],
        take: Callable[[Table], Taken],
        settle: Settle | None = None,
    ) -> None:
        """Add a part; ``take`` is asked for rows that there are."""
        rows = self.rows
        known = {part.name for part in self.parts}
        full = self.prefix + name
        while full in known:  # a column may be called "joint"
            full = f"{self.prefix}column {full.removeprefix(self.prefix)}"

        def taken(table: Table) -> Taken:
            chosen = rows(table)
            return None if chosen is None else take(chosen)

        self.parts.append(Part(full, checks, taken, self.where, settle))

    def numbers(self, name: str, rows: SampleSet | Rows) -> tuple[Setting, ...]:
        """Return the checks of numbers but for those that never pass on these rows, and note it."""
        known = read_reference(rows, None, seed=0)
        where = f" of {self.where}" if self.where else ""
        kept = []
        for check in settings_of(NUMBERS, self.effects, self.permutations):
            never = check.never_passes(known)
            if never is None:
                kept.append(check)
            else:
                self.notes.append(f"the {check.metric} of {name}{where} isn't judged: {never}")
        return tuple(kept)


def table_parts(
    reference: Table, *, by: str | None, effects: Effects, permutations: int
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Return the parts of a table and notes on the columns that aren't judged.

    The complete columns of numbers make one part, "numbers", but for those whose kurtosis
    exceeds 6: beside others the variance of such a column never passes, so each is a part of its
    own. A check that can't pass on these rows, whatever is judged, isn't made, and noted: that of
    the variance of heavy tails that can't be winsorized. Each column of codes is a part too, where
    a missing cell is a state. A column of numbers with missing cells makes two: the rows where it
    is observed, and "COLUMN is missing". Where there are two states, as there, neither may lose
    its mass: :func:`two_sided`. "joint" is all columns together, if there are several or one is of
    codes: no other check sees a common state among three or more shrink.

    Parameters
    ----------
    by
        A column of groups: each group's rows make these parts for themselves, without it, and it
        is a part on its own; "joint" is all columns of all rows, those of each group beside it. A
        group of fewer than 20 rows has all the parts of the table.
    """
    gappy = frozenset(name for name in reference.columns if reference[name].missing.any())
    maker = _Maker(effects, permutations, gappy)
    if by is None:
        notes = _make(maker, reference, reference.columns)
        return tuple(maker.parts), notes
    others = tuple(name for name in reference.columns if name != by)
    if not others:
        raise InvalidArgument(f"by must leave a column to judge; got by={by!r}, the only one")
    states = np.unique(group_keys(reference[by]))
    if not 2 <= len(states) <= MOST_GROUPS:
        raise InvalidArgument(
            f"by must name a column of 2 to {MOST_GROUPS} groups; got {by!r} with {len(states):,}"
        )
    _add_codes(maker, reference, by)
    _add_joint(maker, reference, [name for name in reference.columns if name != by], by)
    parts, notes = list(maker.parts), tuple(maker.notes)
    for state in states:
        told = f"{by}={state[1:]}" if state else f"{by} missing"
        group = _Maker(effects, permutations, gappy, f"{told}/", _rows_of(by, str(state)), told)
        found = group.rows(reference)
        assert found is not None  # the states are the reference's
        small = len(found) < LEAST_ROWS
        notes += _make(group, reference if small else found, others)
        parts += group.parts
    return tuple(parts), notes


def _rows_of(by: str, state: str) -> Callable[[Table], Table | None]:
    """Return what takes a group's rows from a table; None where there are none."""

    @lru_cache(maxsize=2)  # the samples and the reference, once for all checks of the group
    def rows(table: Table) -> Table | None:
        chosen = np.flatnonzero(group_keys(table[by]) == state)
        return table.take(chosen) if len(chosen) else None

    return rows


def group_keys(column: Column) -> NDArray[np.str_]:
    """Return the group of each row as text; "" where it isn't known.

    Raises
    ------
    InvalidArgument
        If the column holds numbers that aren't whole.
    """
    return _as_codes(column).states()


def _as_codes(column: Column) -> Column:
    """Return a column of groups as codes."""
    if column.kind == "codes":
        return column
    whole = np.where(column.missing, 0, column.values)
    if not (whole == np.rint(whole)).all():
        raise InvalidArgument("by must name a column of codes or of whole numbers; got real ones")
    return Column("codes", whole.astype(np.int64), column.missing)


def _make(maker: _Maker, table: Table, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Add the parts of a table's columns; return notes on those that say nothing."""
    constant, copies, varying = _sorted_out(table, columns, maker.gappy)
    complete = [
        name for name in varying if table[name].kind == "numbers" and name not in maker.gappy
    ]
    heavy = [name for name in complete if kurtosis(table[name].values) > HEAVY]
    if len(complete) == 1:  # no other column's variance is in its way
        heavy = []
    together = tuple(sorted(set(complete) - set(heavy)))
    if together:
        _add_numbers(maker, table, "numbers", together)
    for name in varying:
        if table[name].kind == "codes":
            _add_codes(maker, table, name)
        elif name in maker.gappy:
            _add_gappy(maker, table, name)
        elif name in heavy:
            _add_numbers(maker, table, name, (name,))
    if len(varying) + len(copies) > 1 or any(table[name].kind == "codes" for name in varying):
        _add_joint(maker, table, [*varying, *copies])
    where = f" of {maker.where}" if maker.where else ""
    notes = list(maker.notes)
    if constant:
        listed = ", ".join(map(repr, constant))
        notes.append(f"constant in the reference{where} and not judged: {listed}")
    if copies:
        listed = ", ".join(f"{one!r} (as {other!r})" for one, other in copies.items())
        notes.append(
            f"equal to another column in the reference{where} and judged by joint only: {listed}"
        )
    if single := [name for name in varying if table[name].kind == "numbers" and _one(table[name])]:
        listed = ", ".join(map(repr, single))
        notes.append(f"of one observed value{where} and judged by what is missing only: {listed}")
    return tuple(notes)


def _sorted_out(
    table: Table, columns: tuple[str, ...], gappy: frozenset[str]
) -> tuple[list[str], dict[str, str], list[str]]:
    """Return constant columns, copies of others, and the ones that are judged by themselves."""
    constant: list[str] = []
    copies: dict[str, str] = {}
    varying: list[str] = []
    known: dict[tuple[str, bytes, bytes], str] = {}
    for name in sorted(columns):  # the order of columns decides nothing
        column = table[name]
        if _is_constant(column, name in gappy):
            constant.append(name)
            continue
        same = (column.holds, column.values.tobytes(), column.missing.tobytes())
        if same in known:
            copies[name] = known[same]
            continue
        known[same] = name
        varying.append(name)
    return constant, copies, [name for name in columns if name in varying]


def _is_constant(column: Column, gappy: bool) -> bool:
    if gappy and 0 < column.count_missing < len(column.values):
        return False
    return _one(column)


def _one(column: Column) -> bool:
    """Return whether a column has no two different observed cells."""
    return bool(len(np.unique(column.observed)) < 2)


def _add_numbers(maker: _Maker, table: Table, part: str, names: tuple[str, ...]) -> None:
    def take(rows: Table) -> SampleSet:
        return SampleSet.of(rows.numbers(names), kind="numbers", columns=names)

    maker.add(part, maker.numbers(part, take(table)), take)


def _add_codes(maker: _Maker, table: Table, name: str) -> None:
    gappy = name in maker.gappy

    def take(rows: Table) -> SampleSet:
        column = rows[name]
        values = column.states() if gappy or column.kind == "numbers" else column.values
        return SampleSet.of(values, kind="codes", columns=(name,))

    known = Codes.of_draws(take(table).values)
    effects, permutations = maker.effects, maker.permutations

    def settle(codes: Codes) -> tuple[Setting, ...]:
        return settings_of_codes(codes, effects, permutations)

    maker.add(name, settle(known), take, settle)


def _add_joint(maker: _Maker, table: Table, names: list[str], by: str | None = None) -> None:
    """Add all columns together; ``by`` as codes, though its groups are numbered."""

    def coded(rows: Table) -> Table:
        if by is None or rows[by].kind == "codes":
            return rows
        cells = (_as_codes(rows[name]) if name == by else rows[name] for name in rows.columns)
        return Table(rows.columns, tuple(cells), rows.name)

    varying = [name for name in names if not _is_constant(table[name], name in maker.gappy)]
    embedding = Embedding.of(coded(table), (*varying, *([] if by is None else [by])))
    effects = maker.effects.get("wasserstein", {})
    joint = Joint(permutations=maker.permutations, **effects)
    maker.add("joint", (joint,), lambda rows: embedding(coded(rows)))


def _add_gappy(maker: _Maker, table: Table, name: str) -> None:
    """Add the observed cells of a column of numbers, and whether they are missing, where it varies.

    Neither state may lose its mass, the cells that are missing no more than those that aren't.
    """
    column = table[name]

    def observed(rows: Table) -> Taken:
        cells = rows[name].observed
        return SampleSet.of(cells, kind="numbers", columns=(name,)) if len(cells) else None

    def missing(rows: Table) -> SampleSet:
        return SampleSet.of(rows[name].missing, kind="codes", columns=(name,))

    if not _one(column):
        seen = observed(table)
        assert seen is not None
        maker.add(name, maker.numbers(name, seen), observed)
    effects, permutations = maker.effects, maker.permutations

    def settle(codes: Codes) -> tuple[Setting, ...]:
        return (two_sided(codes, effects, permutations),)

    if 0 < column.count_missing < len(column.values):
        known = Codes.of_draws(missing(table).values)
        maker.add(f"{name} is missing", settle(known), missing, settle)
