"""What a report says in words, for people: shared by the forms that show it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collapse_bench.errors import InvalidArgument
from collapse_bench.reports.json import SCHEMA
from collapse_bench.reports.plots import finite
from collapse_bench.reports.text import counted

__all__ = [
    "CHANGES",
    "STATUSES",
    "WORDS",
    "Banner",
    "Ledger",
    "banner",
    "change_counts",
    "check_name",
    "checked",
    "command_line",
    "conformance_of",
    "ledgers",
    "modules",
    "needed",
    "number",
    "options_of",
    "outside",
    "text_lines",
]

WORDS = {
    "pass": "PASS",
    "fail": "FAIL",
    "inconclusive": "INCONCLUSIVE",
    "not_run": "NOT RUN",
}
# What a status of a conformance check, or of a claim, counts as.
STATUSES = {
    "passed": "pass",
    "expected_failure": "pass",
    "held": "pass",
    "failed": "fail",
    "not_held": "fail",
    "inconclusive": "inconclusive",
    "skipped": "skipped",
}
# What a word of a comparison counts as.
CHANGES = {
    "better": "pass",
    "equivalent": "pass",
    "worse": "fail",
    "can't tell": "inconclusive",
}
# Sections that people's documents must hold, and the names that each of their records must.
NEEDED: dict[str, tuple[str, ...]] = {
    "gates": ("id", "model", "reference", "alpha", "beta", "summary"),
    "checks": ("id", "nodeid", "model", "gate"),
    "recorded": ("id", "scenario"),
    "conformance": ("model", "check", "status", "reason", "seconds", "seed"),
    "trajectories": ("id", "scenario", "regime", "family", "size", "seed", "metrics"),
}
VERDICT = (
    *("outcome", "metric", "statistic", "estimate", "low", "high", "tolerate", "detect", "alpha"),
    *("beta", "pvalue_fail", "pvalue_pass", "size", "reference_size", "size_needed", "reason"),
    *("quantity", "notes", "growth"),
)
SUMMARY = ("pass", "fail", "inconclusive", "not_run", "outcome")
# Sections that the first reports didn't have.
LATER: dict[str, Any] = {
    "claims": [],
    "not_run": [],
    "failures": [],
    "notes": [],
    "guarantee": None,
    "options": None,
    "baseline": None,
}
ORDER = ("worse", "can't tell", "better", "equivalent")  # the worst first
TOLD = 80  # characters of a scenario's or a regime's name: some hold a function's address
MOST_LINES = 200  # of one reason; the code that repeats a failure has about ten


@dataclass(frozen=True, slots=True)
class Banner:
    """The outcome of a session: a key of ``WORDS``, its word, why, and further sentences."""

    outcome: str
    word: str
    why: str
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Why, and all else, in one sentence."""
        return "; ".join([self.why, *self.notes])


@dataclass(frozen=True, slots=True)
class Ledger:
    """One gate of one model: its record, and the verdicts that it has."""

    gate: Mapping[str, Any]
    checks: Sequence[Mapping[str, Any]]


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``document`` with every section, empty where it is older than the section.

    Raises
    ------
    InvalidArgument
        If it is no report of schema 1, or a record lacks a field.
    """
    found = document.get("schema") if isinstance(document, Mapping) else None
    if found != SCHEMA or isinstance(found, bool):
        raise InvalidArgument(f"document must be a report of schema {SCHEMA}; got schema={found!r}")
    _need("summary", document.get("summary"), SUMMARY)
    _need("environment", document.get("environment"), ("versions", "platform", "device", "date"))
    for section, names in NEEDED.items():
        records = document.get(section)
        if not isinstance(records, list):
            raise InvalidArgument(f"document must have a list of {section}; got {records!r:.60}")
        for index, record in enumerate(records):
            verdict = VERDICT if section in ("checks", "recorded") else ()
            _need(f"{section}[{index}]", record, (*names, *verdict))
    return {**LATER, "seed": None, "version": None, **document}


def _need(place: str, record: Any, names: Sequence[str]) -> None:
    missing = [name for name in names if not isinstance(record, Mapping) or name not in record]
    if missing:
        raise InvalidArgument(f"document must have {place}.{missing[0]}, as every report has")


def banner(document: Mapping[str, Any]) -> Banner:
    """Return the outcome of a checked document in words."""
    summary = document["summary"]
    outcome = summary["outcome"] if summary["outcome"] in WORDS else "inconclusive"
    total = sum(_count(summary, name) for name in ("pass", "fail", "inconclusive", "not_run"))
    claims = summary.get("claims") or {}
    held, lost, skipped = (_count(claims, name) for name in ("held", "not_held", "skipped"))
    said = []
    if outcome == "fail":
        if fail := _count(summary, "fail"):
            said.append(f"{fail:,} of {counted(total, 'check')} failed")
        if lost:
            said.append(f"{counted(lost, 'claim')} did not hold")
        if document["failures"]:
            said.append(f"{counted(len(document['failures']), 'test')} failed without a verdict")
    elif outcome == "pass":
        if total:
            said.append(f"every declared check ran and passed ({total:,})")
        if held:
            said.append(f"{counted(held, 'claim')} held")
    if outcome != "pass":
        if doubt := _count(summary, "inconclusive"):
            said.append(f"{counted(doubt, 'check')} inconclusive")
        if absent := _count(summary, "not_run"):
            said.append(f"{counted(absent, 'check')} did not run")
    if skipped:
        said.append(f"{counted(skipped, 'claim')} skipped")
    if outcome == "inconclusive":
        said.insert(0, "nothing failed, but this is not green")
        if len(said) == 1 and not (total or held):
            said.append("nothing was carried out")
        elif len(said) == 1:
            said.append(f"the session ended with exit code {summary.get('exit', '?')}")
    if not said:  # an old report doesn't say more
        said.append("a test failed without a verdict")
    return Banner(outcome, WORDS[outcome], "; ".join(said), tuple(map(str, document["notes"])))


def _count(counts: Mapping[str, Any], name: str) -> int:
    value = finite(counts.get(name))
    return 0 if value is None else int(value)


def ledgers(document: Mapping[str, Any]) -> list[Ledger]:
    """Return the gates, each with its verdicts in the order in which they were declared."""
    found = []
    for gate in document["gates"]:
        place = {name: number for number, name in enumerate(gate["declared"])}
        checks = [
            check
            for check in document["checks"]
            if (check["gate"], check["model"]) == (gate["id"], gate["model"])
        ]
        checks.sort(key=lambda check: place.get(check["id"], len(place)))
        found.append(Ledger(gate, checks))
    return found


def outside(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the verdicts that belong to no gate of the document."""
    places = {(gate["id"], gate["model"]) for gate in document["gates"]}
    return [c for c in document["checks"] if (c["gate"], c["model"]) not in places]


def conformance_of(document: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the conformance records by model, what did not pass first."""
    order = {"fail": 0, "inconclusive": 1, "pass": 2, "skipped": 3}
    models: dict[str, list[Mapping[str, Any]]] = {}
    for record in document["conformance"]:
        models.setdefault(str(record["model"]), []).append(record)
    for records in models.values():
        records.sort(key=lambda r: order[STATUSES.get(r["status"], "inconclusive")])
    return models


def modules(document: Mapping[str, Any]) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """Return the trajectories by the module of their test, each after what it is in words."""
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for record in document["trajectories"]:
        sizes = record["size"]
        told = [str(record["scenario"]), f"{record['regime']}", f"{record['family']}"]
        if isinstance(sizes, list) and sizes:
            told.append(f"n from {number(sizes[0])} to {number(sizes[-1])}")
        else:
            told.append(f"n = {number(sizes)}")
        if "replicates" in record:
            told.append(f"{number(record['replicates'])} lineages")
        sentence = "; ".join(part if len(part) <= TOLD else f"{part[:TOLD]}..." for part in told)
        found.setdefault(str(record["id"]).partition("::")[0], []).append((sentence, record))
    return found


def needed(record: Mapping[str, Any]) -> str:
    """Return the sizes at which a model without loss would pass; empty where none are said."""
    sizes = record["size_needed"]
    if not sizes:
        return ""
    n, m = sizes
    if n is None:
        return (
            "with this reference no number of samples would do"
            f"{'' if m is None else f': it takes m = {number(m)} rows of it'}"
        )
    of = "" if m is None else f", m = {number(m)}"
    return f"a model without loss would pass with n = {number(n)}{of}"


def change_counts(baseline: Mapping[str, Any]) -> str:
    """Return how many checks are worse, better and so on since a baseline."""
    words = [check["word"] for check in baseline["checks"]]
    told = [f"{words.count(word)} {word}" for word in ORDER if word in words]
    return f"{counted(len(words), 'check')}: {', '.join(told)}" if told else "no check"


def check_name(record: Mapping[str, Any]) -> str:
    """Return a check's id without its module: ``test_tail_mass``."""
    return str(record["id"]).partition("::")[2] or str(record["id"])


def command_line(document: Mapping[str, Any]) -> str:
    """Return what was typed, quoted for a shell; empty where the report doesn't say."""
    return shlex.join(map(str, document["environment"].get("command", ())))


def options_of(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the options that came to something, each with its value in words."""
    given = document["options"] or {}
    return [(str(name), told) for name, value in given.items() if (told := _told(value))]


def _told(value: Any) -> str:
    """Return an option's value in words; empty where nothing was asked for."""
    if value is None or value is False:
        return ""
    if isinstance(value, Mapping):
        each = [(name, _told(item)) for name, item in value.items()]
        return ", ".join(f"{name}={told}" for name, told in each if told)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def number(value: Any, digits: int = 3) -> str:
    """Return a number with ``digits`` significant ones, whole ones in full; ``-`` for none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    known = finite(value)
    return "-" if known is None else f"{known:.{digits}g}"


def text_lines(text: object) -> list[str]:
    """Return the lines of ``text``; of very many, the first."""
    lines = str(text).splitlines()
    rest = len(lines) - MOST_LINES
    return lines if rest <= 0 else [*lines[:MOST_LINES], f"(and {counted(rest, 'line')} more)"]
