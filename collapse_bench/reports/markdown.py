"""The Markdown report, and GitHub's summary of a step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from collapse_bench.reports import profiles, view
from collapse_bench.reports.files import write_text
from collapse_bench.reports.text import safe_text

__all__ = ["LIMIT", "append_summary", "escape", "render", "write"]

LIMIT = 2**20  # bytes that GitHub takes of one step's summary; it drops a larger one whole
# ASCII punctuation that starts something in Markdown, GitHub's additions included: `$` begins a
# formula, `~` strikes out, `@` calls somebody, `#` links an issue.
SPECIAL = re.compile(r"[\\`*\[\]<>&|~$#!@()]")
OUTER = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")  # inside a word it is plain
LINK = re.compile(r"(?<=[A-Za-z0-9]):(?=/)|(?<=[Ww])\.")  # addresses become links on their own


def escape(text: object, *, longest: int = 500) -> str:
    """Return ``text`` so that Markdown shows it as it is, in a paragraph or a table's cell.

    It is made safe first: no line breaks, nothing that steers a terminal, at most ``longest``
    characters.
    """
    shown = SPECIAL.sub(lambda found: f"\\{found[0]}", safe_text(text, longest=longest))
    shown = OUTER.sub(r"\\_", shown)
    return LINK.sub(lambda found: f"\\{found[0]}", shown)


def render(document: Mapping[str, Any]) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    document
        What a ``.json`` report holds, of schema 1.

    Raises
    ------
    InvalidArgument
        If it is no such report.
    """
    found = view.checked(document)
    banner = view.banner(found)
    lines = ["# Model collapse report", "", f"**{banner.word}**: {escape(banner.sentence)}", ""]
    lines += _gates(found) + _baseline(found) + _others(found) + _missing(found)
    lines += _conformance(found) + _claims(found) + _generations(found) + _reproduce(found)
    return "\n".join(lines).rstrip("\n") + "\n"


def write(document: Mapping[str, Any], path: Path) -> None:
    """Write the report to ``path``, whole or not at all.

    Raises
    ------
    InvalidArgument
        If ``document`` is no report of schema 1.
    OSError
        If the file can't be written; an older one is left as it was.
    """
    write_text(render(document), path)


def append_summary(document: Mapping[str, Any], path: Path) -> None:
    """Append the report to the file of GitHub's step summary, which other programs write to too.

    What would not fit into ``LIMIT`` bytes is left out, and the last line says so: GitHub drops a
    summary that is larger, whole.

    Raises
    ------
    InvalidArgument
        If ``document`` is no report of schema 1.
    OSError
        If the file can't be written, or has no room for the outcome.
    """
    text = render(document)
    before = path.stat().st_size if path.exists() else 0
    room = LIMIT - before - 1
    if len(text.encode()) > room:
        text = _shortened(text.splitlines(), room)
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(f"\n{text}" if before else text)


def _shortened(lines: Sequence[str], room: int) -> str:
    """Return as many whole lines as fit into ``room`` bytes, and a last one that says so."""
    last = "\nThis summary is cut: GitHub takes no more than 1 MiB. The report's file has the rest."
    room -= len(last.encode()) + 1
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    if len(kept) < 3:  # the outcome stands in the third line
        raise OSError(f"it has no room below GitHub's limit of {LIMIT:,} bytes")
    return "\n".join([*kept, last]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _word(outcome: Any) -> str:
    return view.WORDS.get(outcome) or escape(outcome).upper()


def _side(side: Mapping[str, Any]) -> str:
    return f"{view.number(side['estimate'])} {_between(side)}"


def _between(side: Mapping[str, Any]) -> str:
    return f"\\[{view.number(side['low'])}, {view.number(side['high'])}\\]"


def _verdicts(records: Iterable[Mapping[str, Any]], *, whole: bool) -> list[str]:
    """Return a table of verdicts; ``whole`` ids, or those inside their module."""
    rows = []
    for record in records:
        name = record["id"] if whole else view.check_name(record)
        if "scenario" in record:
            name = f"{name}, {record['scenario']}"
        told = [str(part) for part in (record["reason"], view.needed(record)) if part]
        said = escape("; ".join(told))
        sizes = f"{view.number(record['size'])}, {view.number(record['reference_size'])}"
        sides = [(escape(name), _word(record["outcome"]), record, sizes, said)]
        if record["growth"]:
            sides.append((f"{escape(name)}, growth", "", record["growth"], "", ""))
        rows += [
            [
                title,
                word,
                f"{_side(side)} of the {escape(side['quantity'])}",
                f"{view.number(side['tolerate'])}, p = {view.number(side['pvalue_fail'])}",
                f"{view.number(side['detect'])}, p = {view.number(side['pvalue_pass'])}",
                counts,
                reason,
            ]
            for title, word, side, counts, reason in sides
        ]
    head = ["check", "outcome", "loss \\[low, high\\]", "tolerate", "detect", "n, m", "said"]
    return _table(head, rows)


def _gates(document: Mapping[str, Any]) -> list[str]:
    lines = []
    for ledger in view.ledgers(document):
        gate = ledger.gate
        title = escape(gate["model"])
        if gate["reference"]:
            title += f" against {escape(gate['reference'])}"
        lines += [f"## {_word(gate['summary']['outcome'])} {title}", ""]
        told = escape(gate["id"])
        if gate.get("how"):
            told += f", {escape(gate['how'])}"
        if gate.get("size"):
            drawn = "draws" if gate.get("drawn") else "samples"
            rows = view.number(gate["reference_size"])
            told += f"; {view.number(gate['size'])} {drawn} against {rows} rows"
        levels = f"alpha {view.number(gate['alpha'])}, beta {view.number(gate['beta'])}"
        lines += [f"{told}; {levels}", ""]
        if ledger.checks:
            lines += _verdicts(ledger.checks, whole=False)
        lines += _states(gate)
    if lines and document["guarantee"]:
        lines += [escape(document["guarantee"]), ""]
    return lines


def _states(gate: Mapping[str, Any]) -> list[str]:
    """Return what became of the states of codes and tokens, a paragraph a column."""
    lines = []
    for shape in gate.get("shapes") or []:
        if "ranks" not in shape:
            continue
        rarest, states = shape["rarest"], shape["states"]
        told = f"The rarest states{' of ' * bool(shape['column'])}{shape['column'] or ''} hold "
        told += f"{view.number(rarest['samples'])} of the samples and "
        told += f"{view.number(rarest['reference'])} of the reference; "
        told += f"{view.number(states['samples'])} and {view.number(states['reference'])} "
        told += f"different states, {view.number(states['missing'])} of the reference's in no "
        told += "sample"
        if shape["missing"]:
            told += f", the most frequent: {', '.join(map(str, shape['missing']))}"
        lines += [escape(told), ""]
    return lines


def _baseline(document: Mapping[str, Any]) -> list[str]:
    baseline = document["baseline"]
    if not baseline:
        return []
    told = f"Against {escape(baseline['name'])}"
    if baseline["reason"]:
        return ["## Beside the baseline", "", f"{told}: {escape(baseline['reason'])}", ""]
    lines = [
        "## Beside the baseline",
        "",
        f"{told}, changing no outcome, at a level of {view.number(baseline['alpha'])} of its own: "
        f"{escape(view.change_counts(baseline))}",
        "",
    ]
    rows = []
    for check in baseline["checks"]:
        name = escape(f"{check['id']}, {check['model'] or '-'}")
        said = escape(check["reason"] or "")
        if not check["changes"]:
            rows.append([name, escape(check["word"]), "-", "-", "-", said])
        for change in check["changes"]:
            how = "paired" if check["paired"] else "unpaired"
            rows.append(
                [
                    f"{name}{', growth' if change['direction'] == 'growth' else ''}",
                    escape(change["word"]),
                    f"{view.number(change['was'])}, {view.number(change['now'])}",
                    _between(change),
                    view.number(change["margin"]),
                    f"{how}; {said}" if said else how,
                ]
            )
    if rows:
        head = ["check", "since then", "then, now", "change \\[low, high\\]", "margin", "said"]
        lines += _table(head, rows)
    for note in baseline["notes"]:
        lines += [escape(note), ""]
    return lines


def _others(document: Mapping[str, Any]) -> list[str]:
    lines = []
    if alone := view.outside(document):
        lines += ["## Checks outside any ledger", "", *_verdicts(alone, whole=True)]
    if document["recorded"]:
        lines += ["## Recorded, not judged", "", *_verdicts(document["recorded"], whole=True)]
    return lines


def _missing(document: Mapping[str, Any]) -> list[str]:
    lines = []
    if document["not_run"]:
        rows = [
            [escape(r["id"]), escape(r["model"]), escape(r["reason"])] for r in document["not_run"]
        ]
        lines += ["## What did not run", "", *_table(["check", "model", "why"], rows)]
    if document["failures"]:
        rows = [[escape(r["nodeid"]), escape(r["reason"] or "-")] for r in document["failures"]]
        lines += ["## Failed without a verdict", "", *_table(["test", "what it said"], rows)]
    return lines


def _conformance(document: Mapping[str, Any]) -> list[str]:
    lines = []
    for model, records in view.conformance_of(document).items():
        kinds = [view.STATUSES.get(record["status"], "inconclusive") for record in records]
        counts = (
            f"{kinds.count('pass')} passed, {kinds.count('fail')} failed, "
            f"{kinds.count('inconclusive')} inconclusive, {kinds.count('skipped')} don't apply"
        )
        lines += [f"## Conformance of {escape(model)}", "", counts, ""]
        rows = [
            [
                escape(r["check"]),
                _word(kind),
                escape((view.text_lines(r["reason"] or "") or ["-"])[0]),
            ]
            for r, kind in zip(records, kinds, strict=True)
            if kind in ("fail", "inconclusive")
        ]
        if rows:
            lines += _table(["check", "status", "what was found"], rows)
    return lines


def _claims(document: Mapping[str, Any]) -> list[str]:
    claims = document["claims"]
    if not claims:
        return []
    lost = [r for r in claims if r["status"] == "not_held"]
    states = [r["status"] for r in claims]
    lines = [
        "## Claims",
        "",
        f"{states.count('held')} held, {len(lost)} did not, {states.count('skipped')} skipped",
        "",
    ]
    rows = [[escape(r["nodeid"]), escape(r["reason"] or "-")] for r in lost]
    return lines + (_table(["claim that did not hold", "why"], rows) if rows else [])


def _generations(document: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            escape(told),
            escape(name),
            *(_ends(metric[kind]) for kind in ("mean", "theory")),
        ]
        for group in view.modules(document).values()
        for told, record in group
        for name, metric in record["metrics"].items()
    ]
    if not rows:
        return []
    head = ["scenario", "metric", "mean, first to last generation", "theory"]
    lines = ["## Generations", "", *_table(head, rows)]
    told = [
        [escape(scenario), escape(profiles.summary(profile))]
        for group in view.modules(document).values()
        for scenario, record in group
        if (profile := record.get("profile"))
    ]
    return lines + (_table(["scenario", "what became of it"], told) if told else [])


def _ends(values: Sequence[Any] | None) -> str:
    if not values:
        return "-"
    return f"{view.number(values[0])} to {view.number(values[-1])}"


def _reproduce(document: Mapping[str, Any]) -> list[str]:
    lines = ["## How to reproduce", ""]
    if command := view.command_line(document):
        lines += [escape(command, longest=2_000), ""]
    environment = document["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    told = f"Seed {document['seed']}; {versions}; {environment['platform']}, device "
    told += f"{environment['device']}; {environment['date']}"
    return [*lines, escape(told, longest=2_000), ""]
