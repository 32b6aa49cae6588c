"""What a session says and writes about its ledgers: header, section, last line, report.

Only the standard library and pytest are imported here.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from collapse_bench.harness.accepted import LINES
from collapse_bench.harness.collection import Survey
from collapse_bench.harness.devices import resolve
from collapse_bench.harness.inventory import claims, failures, guarantee, not_run, seen_in
from collapse_bench.harness.ledger import COUNTED, Book, last_line, outcome_of
from collapse_bench.harness.options import CONFORMANCE_MODELS
from collapse_bench.harness.session import BOOK, SETTINGS, SURVEY, inputs_of
from collapse_bench.reports.terminal import (
    case_line,
    check_line,
    conformance_lines,
    conformance_title,
    header_lines,
)
from collapse_bench.reports.text import counted, safe_text

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

__all__ = ["anything", "closing_line", "header", "report", "write_section"]

Line = tuple[str, dict[str, Any] | None]  # a check's name and its verdict, if there is one
Block = tuple[str, list[Line]]

COLORS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


def header(config: pytest.Config) -> list[str]:
    """Return the lines between collection and the first test; none without a test of ours."""
    found = config.stash.get(SURVEY, Survey())
    if not found.ours:
        return []
    settings = config.stash[SETTINGS]
    remarks = []
    if settings.gate == "report" and found.in_force:
        remarks.append("report only: verdicts are told and set no exit code")
    if found.paper and (settings.models or settings.samples):
        option = "--collapse-model" if settings.models else "--collapse-samples"
        remarks.append(f"suites/paper brings its own models: {option} doesn't apply there")
    remarks += [found.unfit[gate] for gate in sorted(found.unfit)]
    mode = []
    if settings.mode == "sequential":
        mode = ["mode sequential: each check draws until it is decided"]
    return header_lines(
        seed=settings.seed,
        profile=settings.profile,
        device=resolve(settings.device),
        gate={
            "alpha": settings.alpha,
            "beta": settings.beta,
            "max_samples": None if settings.samples else settings.max_samples,
            "cases": [*mode, *found.sentences],
        }
        if found.in_force
        else None,
        remarks=remarks,
    )


def anything(config: pytest.Config) -> bool:
    """Return whether a session has anything of ours to sum up."""
    book = config.stash[BOOK]
    seen = (
        book.items
        or book.checks
        or book.conformance
        or book.ledgers
        or book.dropped
        or book.recorded
        or (book.lost and config.stash[SETTINGS].asks_for_a_gate())
    )
    return bool(seen) or book.few(config.stash[SETTINGS].min_checks)


def closing_line(config: pytest.Config) -> str:
    """Return the session in one line."""
    book = config.stash[BOOK]
    return safe_text(last_line(book.counts(free=True), book.claims(), _notes(config)))


def _notes(config: pytest.Config) -> list[str]:
    """Return what the last line must add to the counts."""
    book, settings = config.stash[BOOK], config.stash[SETTINGS]
    notes = book.notes(settings.min_checks)
    if settings.gate == "report" and book.judged is not None:
        notes.append(
            f"report only: nothing was judged, by the gates the exit code would be {book.judged}"
        )
    return notes


def write_section(config: pytest.Config, terminal: TerminalReporter) -> None:
    """Write one line a check and the gate's promise; under -q only what did not pass."""
    book = config.stash[BOOK]
    verbosity = config.option.verbose
    quiet = book.usage or config.option.collectonly or config.stash[SETTINGS].plan
    blocks = [] if quiet else _blocks(book)
    if verbosity < 0:
        blocks = [
            (title, [line for line in lines if _outcome(line[1]) != "pass"])
            for title, lines in blocks
        ]
    blocks = [block for block in blocks if block[1]]
    tables = [] if quiet else _conformance(config, verbosity)
    if verbosity < -1 or not (blocks or tables or config.stash.get(LINES, [])):
        return
    terminal.section("collapse")
    for line, status in tables:
        terminal.write_line(line, **({COLORS[status]: True} if status in COLORS else {}))
    for title, lines in blocks:
        terminal.write_line(title)
        for name, record in lines:
            color = COLORS.get(_outcome(record), "yellow")
            terminal.write_line(check_line(name, record), **{color: True})
    for line in config.stash.get(LINES, []):
        terminal.write_line(line)
    if verbosity >= 0 and blocks and book.ledgers and book.checks:
        from collapse_bench.gates import FOOTER

        terminal.write_line(FOOTER)
    saved = config.stash[SETTINGS].save_samples
    if saved is not None and book.checks:
        terminal.write_line(
            f"judged draws saved in {saved}, to be judged again by --collapse-samples (against the "
            "saved -reference file where the model was fitted here)"
        )


def _blocks(book: Book) -> list[Block]:
    """Return a title and lines for each ledger, for free checks and for recorded verdicts."""
    blocks: list[Block] = []
    for (gate, model), ledger in sorted(book.ledgers.items()):
        if ledger.get("conformance"):
            continue
        found = book.verdicts((gate, model))
        title = case_line(gate, book.cases.get((gate, model)), model)
        blocks.append((title, [(name, found.get(name)) for name in ledger["declared"]]))
    free: list[Line] = [(r["id"], r) for r in book.checks.values() if not r["gate"]]
    seen: list[Line] = [(f"{r['id']} {r['scenario']}", r) for r in book.recorded.values()]
    return [*blocks, ("outside any ledger:", free), ("recorded, not judged:", seen)]


def _conformance(config: pytest.Config, verbosity: int) -> list[tuple[str, str]]:
    """Return the lines of the conformance table, each with the outcome that colors it."""
    book, settings = config.stash[BOOK], config.stash[SETTINGS]
    given = {**CONFORMANCE_MODELS, **settings.arguments}
    lines: list[tuple[str, str]] = []
    for (gate, model), ledger in sorted(book.ledgers.items()):
        if not ledger.get("conformance"):
            continue
        counts = book.ledger_counts((gate, model))
        if verbosity < 0 and counts["outcome"] == "pass":
            continue
        records = {name: book.conformance.get((model, name)) for name in ledger["declared"]}
        told = ", ".join(f"{key}={value!r}" for key, value in given.get(model, {}).items())
        lines += conformance_lines(f"{model}({told})" if told else model, counts, records)
    if lines:
        lines.insert(0, (_against_what(config), "title"))
    free: dict[str, dict[str, Any]] = {}
    for (model, name), record in book.free_conformance().items():
        free.setdefault(model, {})[name] = record
    for model, found in free.items():
        statuses = [COUNTED.get(record["status"]) for record in found.values()]
        counts = {name: statuses.count(name) for name in ("pass", "fail", "inconclusive")}
        counts["not_run"] = 0
        if verbosity >= 0 or outcome_of(counts) != "pass":
            lines += conformance_lines(model, {**counts, "outcome": outcome_of(counts)}, found)
    return lines


def _against_what(config: pytest.Config) -> str:
    """Return what every model of the conformance suite was checked against, in a line."""
    from collapse_bench.conformance.catalog import CATALOG
    from collapse_bench.conformance.reference import DEFAULTS, READY_ROWS
    from collapse_bench.conformance.subject import ALPHA, BETA, BUDGET

    settings = config.stash[SETTINGS]
    reference = " or ".join(f"{name} ({kind})" for kind, name in DEFAULTS.items())
    rows = f"{READY_ROWS:,} rows"
    if settings.reference is not None:
        whole = inputs_of(config).reference
        reference = whole.name
        if len(whole) > READY_ROWS:
            rows += f" of the {len(whole):,}"
        else:
            rows = f"the {counted(len(whole), 'row')}"
    return conformance_title(
        seed=settings.seed,
        alpha=ALPHA,
        statistical=sum(entry.statistical for entry in CATALOG.values()),
        beta=BETA,
        budget=settings.budget or BUDGET,
        reference=f"{rows} of {reference}",
    )


def _outcome(record: dict[str, Any] | None) -> str:
    return "not_run" if record is None else str(record["outcome"])


def report(config: pytest.Config, exitstatus: int) -> dict[str, Any]:
    """Return the JSON report of the session as plain types."""
    from collapse_bench.reports.json import document, environment

    book, settings = config.stash[BOOK], config.stash[SETTINGS]
    gates = []
    for key, ledger in sorted(book.ledgers.items()):
        if ledger.get("conformance"):
            continue
        case = book.cases.get(key, {})
        gates.append(
            {
                "id": ledger["gate"],
                "model": ledger["model"],
                "reference": case.get("reference"),
                "alpha": settings.alpha,
                "beta": settings.beta,
                "declared": [f"{ledger['gate']}::{name}" for name in ledger["declared"]],
                "summary": book.ledger_counts(key),
                **{name: case.get(name) for name in FACTS},
            }
        )
    seen = seen_in(config)
    return document(
        seed=settings.seed,
        environment=environment(
            resolve(settings.device) if anything(config) else None,
            ["pytest", *map(str, config.invocation_params.args)],
        ),
        summary={
            **book.counts(free=True),
            "outcome": book.outcome(exitstatus if book.judged is None else book.judged),
            "claims": book.claims(),
            "exit": exitstatus,
            "report_only": settings.gate == "report",
        },
        gates=gates,
        checks=[
            {name: value for name, value in record.items() if name != "name"}
            for record in sorted(book.checks.values(), key=lambda r: (r["id"], r["model"] or ""))
        ],
        trajectories=sorted(book.trajectories.values(), key=lambda r: (r["id"], r["scenario"])),
        conformance=[book.conformance[key] for key in sorted(book.conformance)],
        recorded=sorted(book.recorded.values(), key=lambda r: (r["id"], r["scenario"])),
        claims=claims(book, seen),
        not_run=not_run(book, seen),
        failures=failures(book, seen),
        notes=_notes(config),
        guarantee=guarantee(book),
        options={
            field.name: getattr(settings, field.name)
            for field in fields(settings)
            if field.name not in UNSAID
        },
    )


# What is known of a gate's case beside its names, null until one of its checks has run.
FACTS = (
    "how",
    "drawn",
    "size",
    "samples_sha256",
    "reference_size",
    "reference_sha256",
    "columns",
    "shapes",
)
# Settings that aren't said in the report: how they were given, and where it is written.
UNSAID = ("typed", "reports", "plan")
