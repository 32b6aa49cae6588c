"""A gate of a table, or of features: its parts and all of their checks under one error ledger."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from collapse_bench.data import SampleSet, Table, match_columns
from collapse_bench.data.columns import choose
from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates.codes import Codes
from collapse_bench.gates.effects import (
    Effects,
    check_effects_of,
    settings_of,
    settings_of_codes,
)
from collapse_bench.gates.evidence import Evidence, Setting
from collapse_bench.gates.judge import conclude, judge
from collapse_bench.gates.levels import LEAST_ROWS, POWER, Levels, check_permutations
from collapse_bench.gates.parts import (
    NUMBERS,
    Part,
    Taken,
    table_parts,
)
from collapse_bench.gates.plan import CheckPlan, Plan, check_plan
from collapse_bench.gates.rows import Data, Rows, read_reference, read_samples
from collapse_bench.gates.verdict import Outcome, Verdict
from collapse_bench.streams import generator, stream

if TYPE_CHECKING:
    from collapse_bench.features import Features

__all__ = ["TableGate", "TableResult"]

PERMUTATIONS = 9_999
WORDS = {
    "tail_mass": "mass of the tail",
    "variance": "variance",
    "wasserstein": "shape",
    "support": "states",
}


@dataclass(frozen=True, slots=True)
class TableResult:
    """What came of a gate of a table.

    Attributes
    ----------
    verdicts
        By the name of part and check, such as "numbers-variance", in the gate's order.
    outcome
        "fail" if any check failed; else "inconclusive" if any is; else "pass".
    notes
        What a reader must know whatever the outcome, each once.
    """

    verdicts: Mapping[str, Verdict]
    outcome: Outcome
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "outcome": self.outcome,
            "verdicts": {name: verdict.to_dict() for name, verdict in self.verdicts.items()},
            "notes": list(self.notes),
        }


class _Entry(NamedTuple):
    """One check of one part."""

    part: Part
    check: Setting


class TableGate:
    """Checks of a table's parts, or of features of samples, that share an error budget.

    The reference alone decides on the parts (:attr:`parts`) and so on the number K of checks. Each
    tests "fail" at alpha / K and "pass" at the full beta, as those of
    :class:`~collapse_bench.gates.Gate` do. Streams belong to part and check, so that judging some
    of them changes no verdict; nor does the order of rows or of columns.

    Parameters
    ----------
    reference
        A :class:`~collapse_bench.data.Table`, or what ``Table.of`` takes: a mapping of columns, a
        DataFrame or a ``datasets.Dataset``. With ``features`` a
        :class:`~collapse_bench.data.SampleSet` of numbers, codes or tokens.
    alpha, beta
        Error rates of the gate, in (0, 0.5).
    seed
        Root of all streams.
    by
        A column whose groups are judged each by itself, beside the column's own codes. A group of
        fewer than 20 rows is inconclusive, and so is one that the samples lack; that it is gone is
        judged by the column's codes.
    features
        What turns samples into numbers, from :func:`~collapse_bench.features.load_features`. Of
        numbers it takes the place; of codes and tokens it stands beside. One that has to be fitted
        learns from a random half of the reference and is judged on the other.
    effects
        Keywords of the checks by metric: ``{"variance": {"detect": 0.3}}``. Those of "wasserstein"
        are the joint check's too. Of two codes, or of cells that may be missing, those of
        "tail_mass" are the losses of either state.
    permutations
        Relabellings, raised to K / alpha and 1 / beta where they are fewer.

    Raises
    ------
    InvalidArgument
        If a level or an effect size is out of range or of no check, or ``by`` isn't a column of 2
        to 100 groups.
    InvalidSamples
        If the reference can't be read, or no column varies.
    """

    def __init__(
        self,
        reference: Any,
        *,
        alpha: float = 0.01,
        beta: float = 0.01,
        seed: int = 0,
        by: str | None = None,
        features: Features | None = None,
        effects: Effects | None = None,
        permutations: int = PERMUTATIONS,
    ) -> None:
        stream(seed)  # refuses what isn't a seed
        self.alpha, self.beta, self.seed, self.by = alpha, beta, seed, by
        self._features, self._asked = features, permutations
        self._effects = check_effects_of(effects)
        self.reference = _as_source(reference, features, by)
        self._rest: dict[str, Any] = {}  # by part: the rows it is judged against, if not all
        self._learned: SampleSet | None = None  # what features are fitted to
        self._fitted: Features | None = None
        parts, self.notes = self._parts(permutations)
        count = sum(len(part.checks) for part in parts)
        if not count:
            raise InvalidSamples(
                f"reference must vary for a loss to be told; all of its {len(self.reference):,} "
                "rows are equal"
            )
        self.levels = Levels.of(alpha, beta, checks=count)
        least = math.ceil(1 / min(self.levels.alpha, self.levels.beta))
        check_permutations(max(permutations, least), self.levels)
        if least > permutations:
            parts, self.notes = self._parts(least)
        self.parts: tuple[Part, ...] = parts
        self._entries = _entries(parts)
        self._known: dict[str, Data | str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all checks, PART-METRIC, in order; K of them."""
        return tuple(self._entries)

    def against(self, reference: Any) -> TableGate:
        """Return the gate of the same parts against other rows of the same law, such as a half.

        Which states are rare there is for these rows to say; the checks remain the same ones.
        """
        if self._features is not None:
            return TableGate(
                reference,
                alpha=self.alpha,
                beta=self.beta,
                seed=self.seed,
                features=self._features,
                effects=self._effects,
                permutations=self._asked,
            )
        other = copy.copy(self)
        other.reference, other._known = match_columns(reference, self.reference), {}
        other.parts = tuple(part.against(other.reference) for part in self.parts)
        other._entries = _entries(other.parts)
        return other

    def read(self, samples: Any) -> SampleSet | Table:
        """Return samples in the form of the reference.

        Raises
        ------
        InvalidSamples
            If they have other columns or kinds, or cells are missing where the reference has none.
        """
        if isinstance(samples, SampleSet):
            return match_columns(samples, self.reference)
        if isinstance(self.reference, Table):
            return match_columns(Table.of(samples), self.reference)
        return match_columns(SampleSet.of(samples, kind=self.reference.kind), self.reference)

    def judge(self, samples: Any) -> TableResult:
        """Return the verdicts of all checks.

        Parameters
        ----------
        samples
            What ``reference`` may be, with the same columns in any order.

        Raises
        ------
        InvalidSamples
            As :meth:`read`.
        """
        rows = self.read(samples)
        verdicts = {name: self._judge(name, rows) for name in self.names}
        outcomes = {verdict.outcome for verdict in verdicts.values()}
        outcome: Outcome = "pass"
        if outcomes != {"pass"}:
            outcome = "fail" if "fail" in outcomes else "inconclusive"
        notes = [note for verdict in verdicts.values() for note in verdict.notes]
        return TableResult(verdicts, outcome, tuple(dict.fromkeys([*self.notes, *notes])))

    def judge_one(self, name: str, samples: Any) -> Verdict:
        """Return the verdict of one check, the same as :meth:`judge` gives.

        Raises
        ------
        InvalidArgument
            If the gate has no check of that name.
        InvalidSamples
            As :meth:`read`.
        """
        if name not in self._entries:
            raise InvalidArgument(
                f"name must be one of the gate's {len(self.names)} checks, such as "
                f"{self.names[0]!r}; got {name!r}"
            )
        return self._judge(name, self.read(samples))

    def plan(self, power: float = POWER) -> Plan:
        """Return the sizes at which every check decides, as :func:`~collapse_bench.gates.plan`.

        A part that isn't made of all rows takes as many more samples as there are more rows.
        """
        levels = Levels.of(self.alpha, self.beta, checks=len(self.names), power=power)
        per_check: dict[str, CheckPlan] = {}
        for name, (part, check) in self._entries.items():
            known = self._against(part)
            if isinstance(known, str):
                per_check[name] = CheckPlan(None, None, None, known)
                continue
            found = check_plan(check, known, levels, len(known))
            share = len(known) / len(self._rest.get(part.name, self.reference))
            per_check[name] = CheckPlan(
                size_to_pass=_of_all(found.size_to_pass, share),
                size_to_fail=_of_all(found.size_to_fail, share),
                reference_size=_of_all(found.reference_size, share),
                reason=found.reason,
            )
        decided = {
            name: max(one.size_to_pass or 0, one.size_to_fail or 0)
            for name, one in per_check.items()
            if one.reason is None
        }
        stuck = [f"{name}: {one.reason}" for name, one in per_check.items() if one.reason]
        if stuck:
            more = f"; and {len(stuck) - 1} more" if len(stuck) > 1 else ""
            needed = [one.reference_size for one in per_check.values()]
            rows = None if None in needed else max(size or 0 for size in needed)
            return Plan(None, rows, per_check, f"{stuck[0]}{more}")
        name = max(decided, key=lambda key: decided[key])
        return Plan(decided[name], len(self.reference), per_check, f"{name} needs the most samples")

    def _parts(self, permutations: int) -> tuple[tuple[Part, ...], tuple[str, ...]]:
        if isinstance(self.reference, Table):
            return table_parts(
                self.reference, by=self.by, effects=self._effects, permutations=permutations
            )
        features, reference = self._features, self.reference
        assert features is not None  # else a set of samples was made a table
        notes: tuple[str, ...] = ()
        take: Callable[[Any], Taken] = self._applied
        if features.fits:
            order = generator(self.seed, "features").permutation(len(reference))
            if len(order) < 2:
                raise InvalidSamples(f"reference must have two rows or more; got {len(order)}")
            learned, rest = np.split(order, [len(order) // 2])
            self._learned = reference.take(np.sort(learned))
            self._rest["features"] = reference.take(np.sort(rest))
            notes = (
                f"features {features.name} fitted to {len(learned):,} random rows of the "
                f"reference, judged against the other {len(rest):,}",
            )
        effects = self._effects
        if reference.kind == "numbers":
            return (Part("features", settings_of(NUMBERS, effects, permutations), take),), notes
        known = read_reference(reference, None, seed=self.seed)
        assert isinstance(known, Codes)
        own = settings_of_codes(known, effects, permutations)
        added = settings_of(("variance", "wasserstein"), effects, permutations)
        return (
            Part(reference.kind, own, lambda samples: samples),
            Part("features", added, take),
        ), notes

    def _applied(self, samples: SampleSet) -> Taken:
        """Return the features of samples, once they have learned what they have to."""
        assert self._features is not None
        if self._fitted is None:
            fits = self._learned is not None
            self._fitted = self._features.fit(self._learned) if fits else self._features
        return SampleSet.of(self._fitted.apply(samples), kind="numbers")

    def _judge(self, name: str, samples: SampleSet | Table) -> Verdict:
        part, check = self._entries[name]
        known, taken = self._against(part), part.take(samples)
        size = 0 if taken is None else len(taken)
        if isinstance(known, str):
            return self._untold(check, (size, 0), known)
        if taken is None or min(size, len(known)) < LEAST_ROWS:
            where = f" of {part.where}" if part.where else ""
            few = f"{size:,} rows{where} in the samples, {len(known):,} in the reference: "
            few += f"fewer than {LEAST_ROWS} show nothing"
            if taken is None or part.where:
                return self._untold(check, (size, len(known)), few)
        rows = taken if isinstance(taken, Rows) else read_samples(taken, known, None)
        if min(size, len(known)) < LEAST_ROWS:  # may fail, but what would pass needn't be simulated
            evidence = check.evidence(rows, known, self.levels, seed=self._seed(part))
            return conclude(check, evidence, self.levels, (size, len(known)), None, None)
        return judge(check, rows, known, self.levels, seed=self._seed(part))

    def _seed(self, part: Part) -> int:
        """Return the root of a part's streams."""
        return int(stream(self.seed, "part", part.name).generate_state(1, "uint64")[0]) >> 11

    def _against(self, part: Part) -> Data | str:
        """Return what a part is judged against, or why these rows say nothing."""
        if part.name not in self._known:
            self._known[part.name] = self._taken(part)
        return self._known[part.name]

    def _taken(self, part: Part) -> Data | str:
        taken = part.take(self._rest.get(part.name, self.reference))
        where = f" of {part.where}" if part.where else ""
        if taken is None:
            return f"the rows judged against hold none{where}"
        if isinstance(taken, Rows):
            return taken
        if len(np.unique(taken.values, axis=0)) < 2 and isinstance(self.reference, Table):
            return f"all {len(taken):,} rows{where} that are judged against are equal here"
        return read_reference(taken, None, seed=self.seed)

    def _untold(self, check: Setting, sizes: tuple[int, int], reason: str) -> Verdict:
        evidence = Evidence(check.metric, WORDS[check.metric], withheld=reason)
        return conclude(check, evidence, self.levels, sizes, None, None)


def _entries(parts: tuple[Part, ...]) -> dict[str, _Entry]:
    """Return all checks of parts by name."""
    return {
        f"{part.name}-{check.metric}": _Entry(part, check)
        for part in parts
        for check in part.checks
    }


def _of_all(size: int | None, share: float) -> int | None:
    """Return of how many rows a share is ``size``."""
    return None if size is None else math.ceil(size / share)


def _as_source(reference: Any, features: Features | None, by: str | None) -> SampleSet | Table:
    """Return a reference as what the gate judges against."""
    if features is None:
        table = reference if isinstance(reference, Table) else Table.of(reference, name="reference")
        if by is not None and by not in table.columns:
            choose(table.columns, (by,), source=table.name)  # says which are near
        return table
    if by is not None or isinstance(reference, Table):
        what = f"by={by!r}" if by is not None else "a table"
        raise InvalidArgument(
            f"features must be None for {'groups' if by is not None else 'a table'}; got {what} "
            f"and features={features.name!r}: choose one column by --collapse-columns"
        )
    return reference if isinstance(reference, SampleSet) else SampleSet.of(reference)
