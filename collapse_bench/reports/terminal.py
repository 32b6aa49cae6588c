"""What a session says about its checks on a terminal: lines of plain, safe text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collapse_bench.reports.text import counted, safe_text

__all__ = [
    "case_line",
    "check_line",
    "conformance_lines",
    "conformance_title",
    "header_lines",
]

WORDS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", None: "NOT RUN"}
STATUSES = {"failed": "fail", "inconclusive": "inconclusive"}
WIDTH = max(map(len, WORDS.values()))


def header_lines(
    *,
    seed: int,
    profile: str,
    device: str,
    gate: Mapping[str, Any] | None = None,
    remarks: Sequence[str] = (),
) -> list[str]:
    """Return the lines before the first test.

    Parameters
    ----------
    gate
        ``alpha``, ``beta``, ``max_samples`` (or None) and ``cases``, a sentence for each judged;
        None in a session without a gate.
    remarks
        Further sentences, one a line.
    """
    first = f"seed {seed}, device {device}, profile {profile}"
    lines = []
    if gate is not None:
        first += f", alpha {gate['alpha']:g}, beta {gate['beta']:g}"
        lines += list(gate["cases"])
        if gate["max_samples"] is not None:
            lines.append(f"no more than {gate['max_samples']:,} samples are drawn from a model")
    return [f"collapse: {safe_text(line)}" for line in [first, *lines, *remarks]]


def case_line(gate: str, case: Mapping[str, Any] | None, model: str) -> str:
    """Return the line above the checks of one ledger: who was judged against what."""
    if case is None:
        return safe_text(f"{gate}: {model}")
    drawn = f"{case['size']:,} {'draws' if case['drawn'] else 'samples'}"
    return safe_text(
        f"{gate}: {case['model']}, {case['how']}; {drawn} against "
        f"{case['reference_size']:,} rows of {case['reference']}"
    )


def check_line(name: str, record: Mapping[str, Any] | None) -> str:
    """Return one check in one line; None stands for a declared check that has no verdict."""
    word = WORDS[None if record is None else record["outcome"]]
    if record is None:
        return f"  {word:<{WIDTH}}  {safe_text(name)}"
    line = f"  {word:<{WIDTH}}  {name}: loss {_side(record)}"
    if record.get("growth"):
        line += f"; growth {_side(record['growth'])}"
    if record.get("reason"):
        line += f"; {record['reason']}"
    return safe_text(line)


def conformance_title(
    *,
    seed: int,
    alpha: float,
    statistical: int,
    beta: float,
    budget: float,
    reference: str,
) -> str:
    """Return the line above the models that were checked: against what, and how surely.

    Parameters
    ----------
    statistical
        How many checks share ``alpha``.
    budget
        Seconds that a check may plan to take.
    reference
        What models that come unfitted were fitted to, in words.
    """
    return safe_text(
        f"conformance: models that come unfitted are fitted to {reference}; seed {seed}, "
        f"alpha {alpha:g} over {counted(statistical, 'statistical check')}, beta {beta:g}, "
        f"budget {budget:g} s a check"
    )


def conformance_lines(
    model: str,
    counts: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any] | None],
) -> list[tuple[str, str]]:
    """Return the lines on one model, each with the outcome that colors it.

    The first has the counts; one follows for each reason that checks didn't pass for, its first
    line. Those that weren't run, and those that don't apply, are named in one line each.

    Parameters
    ----------
    counts
        ``pass``, ``fail``, ``inconclusive``, ``not_run`` and ``outcome`` of the whole.
    records
        By name of the check, None for one that wasn't run.
    """
    skipped = [name for name, found in records.items() if found and found["status"] == "skipped"]
    seconds = sum(found["seconds"] for found in records.values() if found)
    lines = [
        (
            f"{safe_text(model)}: {counts['pass']} passed, {counts['fail']} failed, "
            f"{counts['inconclusive']} inconclusive, {counts['not_run']} not run, "
            f"{len(skipped)} don't apply; {seconds:.1f} s",
            str(counts["outcome"]),
        )
    ]
    told: dict[tuple[str, str], list[str]] = {}  # checks by outcome and reason
    for name, found in records.items():
        if found is not None and found["status"] in STATUSES:
            first = str(found["reason"] or "").partition("\n")[0]
            told.setdefault((STATUSES[found["status"]], first), []).append(name)
    for (outcome, reason), names in told.items():
        line = f"  {WORDS[outcome]:<{WIDTH}}  {', '.join(names)}: {safe_text(reason)}"
        lines.append((line, outcome))
    if missing := [name for name, found in records.items() if found is None]:
        lines.append((f"  {'NOT RUN':<{WIDTH}}  {', '.join(missing)}", "inconclusive"))
    if skipped:
        lines.append((f"  {'SKIPPED':<{WIDTH}}  {', '.join(skipped)}", "skipped"))
    return lines


def _side(record: Mapping[str, Any]) -> str:
    """Return a loss, or a growth, with its effect sizes."""
    return (
        f"{_loss(record['estimate'])} [{_loss(record['low'])}, {_loss(record['high'])}] of the "
        f"{record['quantity']}, tolerate {record['tolerate']:g}, detect {record['detect']:g}"
    )


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
