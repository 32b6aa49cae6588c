"""The tables of docs/gate.md, from the files of results."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.calibration.cells import RESULT, read
from benchmarks.calibration.groups import every

Record = dict[str, Any]
NOT_RUN = "not run"
LEARNED = {
    "healthy": "healthy passes",
    "detect": "detect fails",
    "twice detect": "twice detect fails",
}


@dataclass(frozen=True)
class Table:
    """One table: which records, which of their fields lead the rows, and which heads the columns.

    ``shown`` makes an entry of a record; entries that differ in the event alone share a place.
    """

    title: str
    holds: Callable[[Record], bool]
    rows: tuple[str, ...]
    column: str
    shown: Callable[[Record], str]
    heads: tuple[str, ...] = ()


def rate(kept: Record) -> str:
    """Return a rate: bold where it is shown to be above 1 %, in how many gates if it stopped.

    "alone": how often the check passes by itself that should keep the gate from passing.
    """
    if "outcomes" not in kept and "rate" not in kept:
        return NOT_RUN
    told = f"{100 * kept['rate']:.2f} %"
    if kept["says"] == "above":
        told = f"**{told}**"
    if kept.get("stopped"):
        told += f" of {kept['gates']:,}"
    if alone := kept.get("outcomes", {}).get("alone"):
        share = (alone + kept["count"]) / kept["gates"]
        told += f" (alone {100 * share:.2f} %)"
    return told


def exact(kept: Record) -> str:
    """Return an exact rate, and behind it the share of references whose own is above 1 %."""
    if "rate" not in kept:
        return NOT_RUN
    if "outcomes" in kept:
        return rate(kept)
    return f"{100 * kept['rate']:.2f} % ({100 * kept['unlucky_references']:.2g} %)"


def surely(kept: Record) -> str:
    """Return how many gates of a power came to what they should."""
    if "outcomes" not in kept:
        return NOT_RUN
    wanted = "pass" if kept["change"] == "healthy" else "fail"
    return f"{100 * kept['outcomes'].get(wanted, 0) / kept['gates']:.0f} %"


def walks(kept: Record) -> str:
    """Return how many draws paths took."""
    return f"{kept['draws_mean']:,.0f}" if "draws_mean" in kept else NOT_RUN


def _of(group: str, *checks: str, **fields: Sequence[str]) -> Callable[[Record], bool]:
    return lambda kept: (
        kept["group"] == group
        and (not checks or kept["check"] in checks)
        and all(kept[name] in wanted for name, wanted in fields.items())
    )


LINE = ("normal", "t3", "lognormal")
SEQUENTIAL = ("tail mass", "tail mass, guarantee=reference")
TABLES = (
    Table(
        "Whole gates of three checks",
        _of("gate", "three checks", law=LINE),
        ("change", "event", "size"),
        "law",
        rate,
        ("model", "must be rare", "n = m"),
    ),
    Table(
        "Other whole gates",
        lambda kept: kept["group"] == "gate" and kept["law"] not in LINE,
        ("law", "check", "size", "change"),
        "event",
        rate,
        ("law", "checks", "n = m", "model"),
    ),
    Table(
        "Codes and texts",
        _of("codes"),
        ("check", "change", "size"),
        "law",
        rate,
        ("check", "lost by", "n = m"),
    ),
    Table(
        "Sequential",
        lambda kept: kept["group"] == "sequential" and bool(kept["event"]),
        ("check", "law", "size", "change"),
        "event",
        rate,
        ("check", "law", "reference and budget", "model"),
    ),
    Table(
        "Draws of a sequential tail check",
        _of("sequential", "tail mass", size=("m = 100,000",)),
        ("check",),
        "change",
        walks,
        ("check",),
    ),
    Table(
        "Tail mass",
        _of("tail"),
        ("check", "law", "change", "event"),
        "size",
        exact,
        ("guarantee", "law", "mass", "must be rare"),
    ),
    Table(
        "Scales and several columns",
        _of("scales"),
        ("check", "change", "size"),
        "law",
        rate,
        ("scale", "lost by", "n = m"),
    ),
    Table("Clusters", _of("clusters"), ("check", "change"), "event", rate, ("check", "lost by")),
    Table("Tied counts", _of("ties"), ("check",), "event", rate, ("check",)),
    Table(
        "Power",
        _of("power"),
        ("check", "law", "size"),
        "change",
        surely,
        ("check", "law", "n = m"),
    ),
)
COLUMNS = {"fail": "fails at tolerate", "pass": "passes at detect"}
ORDER = {"fail": 0, "pass": 1}


def pivoted(table: Table, records: Sequence[Record]) -> str:
    """Return one table in Markdown; an entry that there is no cell for is empty."""
    mine = [kept for kept in records if table.holds(kept)]
    columns = list(dict.fromkeys(kept[table.column] for kept in mine))
    rows: dict[tuple[str, ...], dict[str, dict[str, str]]] = {}
    for kept in mine:
        key = tuple(str(kept[name]) for name in table.rows)
        entries = rows.setdefault(key, {}).setdefault(kept[table.column], {})
        entries[kept["event"]] = table.shown(kept)
    renamed = LEARNED if table.title == "Power" else COLUMNS
    lines = [
        "| " + " | ".join([*table.heads, *(renamed.get(one, one) for one in columns)]) + " |",
        "| " + " | ".join(["---"] * (len(table.heads) + len(columns))) + " |",
    ]
    for key, places in rows.items():
        told = [_joined(places.get(one, {})) for one in columns]
        lines.append("| " + " | ".join([*key, *told]) + " |")
    return "\n".join(lines)


def _joined(entries: dict[str, str]) -> str:
    """Return what stands in one place: fail / pass where both may."""
    if len(entries) < 2:
        return "".join(entries.values())
    return " / ".join(entries[event] for event in ORDER)


def complete(path: Path = RESULT) -> list[Record]:
    """Return the records of all cells in their order; of one that wasn't run what it would be."""
    done = read(path)[1]
    fields = ("group", "check", "law", "change", "event", "size")
    return [
        done.get(cell.name, {"cell": cell.name} | {name: getattr(cell, name) for name in fields})
        for cell in every()
    ]


def tables(path: Path = RESULT) -> dict[str, str]:
    """Return the tables by title."""
    records = complete(path)
    return {table.title: pivoted(table, records) for table in TABLES}


def older(path: Path) -> str:
    """Return the table of an older file of results: rates by law of one check in one column."""
    result = json.loads(path.read_text(encoding="utf-8"))
    laws = list(dict.fromkeys(cell["law"] for cell in result["cells"]))
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for cell in result["cells"]:
        if cell["checks"] > 1:
            continue
        what = f"{cell['outcome']} at {'growth' if cell['loss'] < 0 else 'loss'} "
        key = (cell["check"], cell["change"], what + f"{abs(cell['loss']):g}")
        told = f"{100 * cell['rate']:.2f} %" + " **misses**" * (cell["verdict"] == "misses")
        rows.setdefault(key, {})[cell["law"]] = told
    by = "grown by" if "growth" in path.name else "lost by"
    order = {"tail_mass": 0, "variance": 1, "wasserstein": 2}
    lines = [
        f"| check | {by} | must be rare | " + " | ".join(laws) + " |",
        "| " + " | ".join(["---"] * (3 + len(laws))) + " |",
    ]
    for key in sorted(rows, key=lambda key: order[key[0]]):
        lines.append("| " + " | ".join([*key, *(rows[key].get(law, "") for law in laws)]) + " |")
    return "\n".join(lines)


def summary(path: Path = RESULT) -> str:
    """Return where the results come from, and what they add up to, in one paragraph."""
    head, done = read(path)
    assert head is not None
    records = complete(path)
    judged = [kept for kept in records if kept["event"]]
    says = [kept.get("says", NOT_RUN) for kept in judged]
    left = [kept["cell"] for kept in records if kept["cell"] not in done]
    versions = ", ".join(f"{name} {number}" for name, number in head["versions"].items())
    minutes = sum(kept["cpu_seconds"] for kept in done.values()) / 60
    told = (
        f"Commit {head['commit']}, {head['date']}, seed {head['seed']}, {versions}; "
        f"{minutes:.0f} CPU minutes. Of {len(judged)} rates {says.count('below')} are shown to be "
        f"at most 1 %, {says.count('agrees')} agree with it, {says.count('above')} are above; "
    )
    return told + (
        f"{len(left)} of {len(records)} cells were not run." if left else "all were run."
    )


def rendered(path: Path = RESULT) -> str:
    """Return everything that docs/gate.md takes from the results."""
    parts = [summary(path)]
    parts += [f"*{title}*\n\n{table}" for title, table in tables(path).items()]
    for name in ("calibration", "calibration_growth"):
        parts.append(older(path.with_name(f"{name}.json")))
    return "\n\n".join(parts)
