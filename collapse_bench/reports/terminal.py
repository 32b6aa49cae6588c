"""What a session says about its checks on a terminal: lines of plain, safe text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collapse_bench.reports.text import safe_text

__all__ = ["case_line", "check_line", "header_lines"]

WORDS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", None: "NOT RUN"}
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
    interval = f"[{_loss(record['low'])}, {_loss(record['high'])}]"
    line = (
        f"  {word:<{WIDTH}}  {name}: loss {_loss(record['estimate'])} {interval} of the "
        f"{record['quantity']}, tolerate {record['tolerate']:g}, detect {record['detect']:g}"
    )
    if record["outcome"] != "pass" and record.get("reason"):
        line += f"; {record['reason']}"
    return safe_text(line)


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
