"""The error ledger of a session: what was declared, what was judged, what it comes to.

Plain data in and out, as it crosses process borders: nothing here knows pytest or numpy.
A ledger belongs to one gate module and one model. Its declared checks are a constant of the
module, so the share of alpha that each of them spends never depends on which tests run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collapse_bench.reports.text import counted

__all__ = [
    "FAILED",
    "INCONCLUSIVE",
    "Book",
    "declaration_error",
    "exit_status",
    "last_line",
    "outcome_of",
    "tally",
    "without_model",
]

FAILED = 1  # pytest's own code for failed tests
INCONCLUSIVE = 6  # nothing failed, but not every declared check passed

# From best to worst; of two verdicts on one check, from a test that was run again, the worse one.
SEVERITY = {"pass": 0, "inconclusive": 1, "fail": 2}

# The same of a conformance check, and what it counts as; one that doesn't apply counts as nothing.
STATUSES = {"skipped": 0, "passed": 1, "expected_failure": 1, "inconclusive": 2, "failed": 3}
COUNTED = {"passed": "pass", "inconclusive": "inconclusive", "failed": "fail"}

FATES = ("passed", "failed", "skipped")

Key = tuple[str, str]  # gate, model
Record = dict[str, Any]


def without_model(name: str, model_id: str | None) -> str:
    """Return a test's name without the model's part of its parameters.

    ``test_a[upper-flow]`` is ``test_a[upper]`` for the model ``flow``, ``test_a[flow]`` is
    ``test_a``.
    """
    if model_id is None or not name.endswith("]"):
        return name
    stem, _, inside = name[:-1].partition("[")
    if inside == model_id:
        return stem
    if inside.startswith(f"{model_id}-"):
        return f"{stem}[{inside[len(model_id) + 1 :]}]"
    if inside.endswith(f"-{model_id}"):
        return f"{stem}[{inside[: -len(model_id) - 1]}]"
    return name


def declaration_error(
    module: str,
    declared: Any,
    tests: Iterable[str],
    *,
    defines: Callable[[str], bool] = lambda name: True,
) -> str | None:
    """Return what is wrong with a module's ``COLLAPSE_CHECKS``, with its mend, if anything.

    Parameters
    ----------
    module
        What the module is called where people read it.
    declared
        The constant's value, or None where the module has none.
    tests
        Names of the module's collected tests that use ``collapse_check``, without the model.
    defines
        Whether the module has a test of a name; it need not have been collected.
    """
    tests = sorted(set(tests))
    example = f"COLLAPSE_CHECKS = ({''.join(f'{name!r}, ' for name in tests).strip()})"
    if declared is None:
        return f"{module} must declare the tests that judge: add the constant {example}"
    names = declared if isinstance(declared, tuple | list) else ()
    if not names or len(set(map(str, names))) < len(names):
        return f"COLLAPSE_CHECKS of {module} must be a tuple of different names; got {declared!r}"
    if missing := [name for name in tests if name not in names]:
        return (
            f"COLLAPSE_CHECKS of {module} must name each test that uses collapse_check; "
            f"add {', '.join(map(repr, missing))}"
        )
    if absent := [name for name in names if not (isinstance(name, str) and defines(name))]:
        return (
            f"COLLAPSE_CHECKS of {module} must name tests of that module; "
            f"got {', '.join(map(repr, absent))}"
        )
    return None


def outcome_of(counts: Mapping[str, int]) -> str:
    """Return the worst outcome among ``counts``; pass only if something passed and all did."""
    if counts["fail"]:
        return "fail"
    if counts["inconclusive"] or counts["not_run"] or not counts["pass"]:
        return "inconclusive"
    return "pass"


def tally(declared: int, outcomes: Iterable[str]) -> dict[str, Any]:
    """Count verdicts; the ``declared`` checks that have none were not run."""
    seen = list(outcomes)
    counts = {name: seen.count(name) for name in ("pass", "fail", "inconclusive")}
    counts["not_run"] = declared - len(seen)
    return {**counts, "outcome": outcome_of(counts)}


def exit_status(
    current: int, *, counts: Mapping[str, int], failed_otherwise: bool, all_skipped: bool, few: bool
) -> int:
    """Return the session's exit code.

    Parameters
    ----------
    current
        pytest's own code: 1 also when the only failures are inconclusive checks.
    counts
        Of the declared checks: ``fail``, ``inconclusive``, ``not_run``.
    failed_otherwise
        Whether anything else failed: another test, a collection, a model that raised.
    all_skipped
        Whether suites were selected and every one of their tests was skipped.
    few
        Whether fewer checks ran than were asked for.
    """
    if current not in (0, FAILED):
        return current
    if counts["fail"] or failed_otherwise or (current == FAILED and not counts["inconclusive"]):
        return FAILED
    undecided = counts["inconclusive"] or counts["not_run"] or all_skipped or few
    return INCONCLUSIVE if undecided else current


def last_line(
    counts: Mapping[str, int], claims: Mapping[str, int], notes: Sequence[str] = ()
) -> str:
    """Return the session in one line: every check and claim, run or not."""
    total = sum(counts[name] for name in ("pass", "fail", "inconclusive", "not_run"))
    skipped = f", {claims['skipped']} skipped" if claims["skipped"] else ""
    line = (
        f"collapse: {counted(total, 'check')}, {counts['pass']} pass, {counts['fail']} fail, "
        f"{counts['inconclusive']} inconclusive, {counts['not_run']} not run; "
        f"{claims['held']} claims held, {claims['not_held']} not{skipped}"
    )
    return "; ".join([line, *notes])


@dataclass
class Book:
    """What a session has seen so far: filled report by report, from any number of processes."""

    ledgers: dict[Key, Record] = field(default_factory=dict)  # those that are in force
    dropped: set[str] = field(default_factory=set)  # modules that were deselected whole
    unfit: list[str] = field(default_factory=list)  # modules of other kinds, which the header told
    cases: dict[Key, Record] = field(default_factory=dict)  # who was judged, and how
    checks: dict[str, Record] = field(default_factory=dict)  # by test and id: the worst verdict
    recorded: dict[str, Record] = field(default_factory=dict)  # verdicts outside every ledger
    conformance: dict[tuple[str, str], Record] = field(default_factory=dict)  # by model and check
    trajectories: dict[str, Record] = field(default_factory=dict)
    items: dict[str, Record] = field(default_factory=dict)  # tests of suites and ledgers
    states: dict[str, str] = field(default_factory=dict)  # their fate: passed, failed, skipped
    failures: set[str] = field(default_factory=set)  # what failed, inconclusive checks aside
    inconclusive: set[str] = field(default_factory=set)  # tests that failed as inconclusive only
    usage: list[str] = field(default_factory=list)  # errors that stopped the collection
    lost: list[str] = field(default_factory=list)  # workers of xdist that died, in words
    judged: int | None = None  # the exit code that the gates set, or would set if they judged

    def collected(self, note: str) -> None:
        """Take in what one process collected; :func:`.collection.settle` says what is in it."""
        found = json.loads(note)
        for ledger in found["ledgers"]:
            self.ledgers[ledger["gate"], ledger["model"]] = ledger
        self.dropped |= set(found["dropped"])
        self.unfit = sorted({*self.unfit, *found.get("unfit", ())})
        self.usage += [text for text in found["usage"] if text not in self.usage]

    def reported(
        self, nodeid: str, when: str, outcome: str, *, excused: bool, properties: Iterable[str]
    ) -> None:
        """Take in one report of one phase of a test.

        Parameters
        ----------
        when
            ``"setup"``, ``"call"`` or ``"teardown"``.
        outcome
            ``"passed"``, ``"failed"`` or ``"skipped"``; any other, such as the ``"rerun"`` of a
            plugin that tries again, is a failure of a suite's or a ledger's test.
        excused
            Whether it failed only because a check of a ledger was inconclusive.
        properties
            JSON records that the test left behind; the same ones come with each phase.
        """
        for text in properties:
            self._note(json.loads(text), nodeid)
        red = outcome == "failed" or (nodeid in self.items and outcome not in FATES)
        if red:
            (self.inconclusive if excused else self.failures).add(nodeid)
        if nodeid in self.items and self.states.get(nodeid) != "failed":
            if red:
                self.states[nodeid] = "failed"
            elif when == "call" or outcome == "skipped":
                self.states[nodeid] = outcome

    def _note(self, record: Record, nodeid: str) -> None:
        match record.pop("record"):
            case "item":
                self.items[nodeid] = record
                for ledger in record["ledgers"]:
                    self.ledgers[ledger["gate"], ledger["model"]] = ledger
            case "case":  # in sequential mode checks stop at different draws: the most is told
                who = record["gate"], record["model"]
                if who not in self.cases or record["size"] > self.cases[who]["size"]:
                    self.cases[who] = record
            case "check":
                key = f"{nodeid} {record['id']}"
                known = self.checks.get(key)
                if known is None or SEVERITY[record["outcome"]] > SEVERITY[known["outcome"]]:
                    self.checks[key] = record
            case "conformance":
                place = record["model"], record["check"]
                before = self.conformance.get(place)
                if before is None or STATUSES[record["status"]] > STATUSES[before["status"]]:
                    self.conformance[place] = record
            case "recorded":
                self.recorded[f"{nodeid} {record['scenario']}"] = record
            case "trajectory":
                self.trajectories[f"{nodeid} {record['scenario']}"] = record

    def verdicts(self, key: Key) -> dict[str, Record]:
        """Return the verdicts of one ledger by the name of the test."""
        return {
            record["name"]: record
            for record in self.checks.values()
            if (record["gate"], record["model"]) == key
        }

    def ledger_counts(self, key: Key) -> dict[str, Any]:
        """Count the checks of one ledger."""
        declared = self.ledgers[key]["declared"]
        if self.ledgers[key].get("conformance"):
            seen = [
                self.conformance[place]["status"]
                for name in declared
                if (place := (key[1], name)) in self.conformance
            ]
            return tally(
                len(declared) - seen.count("skipped"),
                [COUNTED[status] for status in seen if status in COUNTED],
            )
        found = self.verdicts(key)
        return tally(len(declared), [found[name]["outcome"] for name in declared if name in found])

    def counts(self, *, free: bool) -> dict[str, Any]:
        """Count the checks of all ledgers; ``free``: also those of tests outside any."""
        each = [self.ledger_counts(key) for key in self.ledgers]
        alone = [r["outcome"] for r in self.checks.values() if not r["gate"]] if free else []
        if free:
            alone += [
                COUNTED[record["status"]]
                for record in self.free_conformance().values()
                if record["status"] in COUNTED
            ]
        counts = {
            name: sum(found[name] for found in each) + alone.count(name)
            for name in ("pass", "fail", "inconclusive", "not_run")
        }
        return {**counts, "outcome": outcome_of(counts)}

    def free_conformance(self) -> dict[tuple[str, str], Record]:
        """Return the conformance records of tests that belong to no ledger."""
        kept = {model for (_, model), found in self.ledgers.items() if found.get("conformance")}
        return {place: r for place, r in self.conformance.items() if place[0] not in kept}

    def not_applicable(self) -> int:
        """Return how many conformance checks did not apply to their model."""
        return sum(record["status"] == "skipped" for record in self.conformance.values())

    def claims(self) -> dict[str, int]:
        """Count the tests below ``suites/paper``: held, not held, skipped."""
        states = [
            self.states.get(nodeid, "skipped")
            for nodeid, item in self.items.items()
            if item["suite"] == "paper"
        ]
        return {
            "held": states.count("passed"),
            "not_held": states.count("failed"),
            "skipped": states.count("skipped"),
        }

    def all_skipped(self) -> bool:
        """Return whether tests of suites were selected and every one of them was skipped."""
        states = [self.states.get(nodeid) for nodeid, item in self.items.items() if item["suite"]]
        return bool(states) and set(states) == {"skipped"}

    def outcome(self, exitstatus: int) -> str:
        """Return the worst outcome of the session; pass only if it ended with code 0."""
        counts, claims = self.counts(free=True), self.claims()
        if counts["fail"] or claims["not_held"] or self.failures & self.items.keys():
            return "fail"
        if exitstatus or counts["inconclusive"] or not (counts["pass"] or claims["held"]):
            return "inconclusive"
        return "pass"

    def executed(self) -> int:
        """Return how many checks were carried out."""
        judged = sum(record["status"] in COUNTED for record in self.conformance.values())
        return len(self.checks) + judged

    def notes(self, least: int | None) -> list[str]:
        """Return what the last line must add to the counts; ``least``: checks asked for."""
        notes = [
            f"every test of {module} was deselected: it declares nothing"
            for module in sorted(self.dropped)
        ]
        if self.unfit:
            notes.append(f"left out: {', '.join(self.unfit)}")
        notes += self.lost
        if (number := self.not_applicable()) > 0:
            notes.append(f"{counted(number, 'conformance check')} did not apply")
        if self.all_skipped():
            notes.append("every selected test of the suites was skipped")
        if self.few(least):
            notes.append(f"{self.executed()} of the {least} checks asked for ran")
        return notes

    def few(self, least: int | None) -> bool:
        """Return whether fewer checks ran than were asked for."""
        return least is not None and self.executed() < least
