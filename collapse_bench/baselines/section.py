"""What a session says of its baseline: a section of the report, and lines on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from collapse_bench.baselines.file import ALPHA, Baseline, compare, environment_notes
from collapse_bench.errors import InvalidSpec
from collapse_bench.reports.json import plain
from collapse_bench.reports.text import counted, safe_text

__all__ = ["baseline_lines", "baseline_section", "section_lines"]

ORDER = ("worse", "can't tell", "better", "equivalent")


def baseline_section(baseline: Baseline, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the field ``baseline`` of a session's report, as plain JSON types.

    Each check has the ``word`` that became of it, the ``changes`` of its loss and growth with
    their intervals, and a ``reason`` if nothing could be compared: stale entries, checks that are
    new, that did not run, of another reference or with other settings. ``notes`` hold a sentence
    for each part of the environment that differs. If the whole baseline can't be compared,
    ``reason`` says why and nothing is raised.
    """
    found: dict[str, Any] = {"name": baseline.name, "alpha": ALPHA, "reason": None}
    try:
        told = compare(baseline, document)
    except InvalidSpec as error:
        return {**found, "reason": str(error), "checks": [], "notes": []}
    checks = [
        {
            "id": one.id,
            "model": entry.model if (entry := one.now or one.was) else None,
            "word": one.word,
            "paired": one.paired,
            "changes": [asdict(change) for change in one.changes],
            "reason": one.reason,
            "line": str(one),
        }
        for one in told
    ]
    whole: dict[str, Any] = plain(
        {**found, "checks": checks, "notes": environment_notes(baseline, document)}
    )
    return whole


def baseline_lines(baseline: Baseline, document: Mapping[str, Any]) -> list[str]:
    """Return what a session says of its baseline: a title, a line a check, a warning a difference.

    A baseline that can't be compared is said to be so; nothing is raised for it.
    """
    return section_lines(baseline_section(baseline, document))


def section_lines(section: Mapping[str, Any]) -> list[str]:
    """Return a section as lines, safe to print."""
    if section["reason"]:
        return [safe_text(f"the baseline {section['name']} isn't compared: {section['reason']}")]
    words = [one["word"] for one in section["checks"]]
    counts = ", ".join(f"{words.count(word)} {word}" for word in ORDER if word in words)
    title = (
        f"beside the gate, against the baseline {section['name']}, alpha {section['alpha']:g}, "
        f"changing no outcome: {counted(len(words), 'check')}{', ' * bool(counts)}{counts}"
    )
    return [
        safe_text(title),
        *(f"  {safe_text(one['line'])}" for one in section["checks"]),
        *(f"  {safe_text(note)}" for note in section["notes"]),
    ]
