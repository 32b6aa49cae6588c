"""What an earlier release measured, and whether a later one is better or worse.

Nothing here spends a gate's alpha or changes its outcome: a comparison has levels of its own.
"""

from __future__ import annotations

from typing import Any

from collapse_bench.baselines.comparing import Change, Comparison, compare_reports, exit_status
from collapse_bench.baselines.documents import Entry, Report, read_report
from collapse_bench.baselines.file import (
    Baseline,
    Update,
    check_update,
    compare,
    environment_notes,
    read_baseline,
    updated,
    write_baseline,
)
from collapse_bench.baselines.section import baseline_lines, baseline_section, section_lines

__all__ = [
    "Baseline",
    "Change",
    "Comparison",
    "Entry",
    "Report",
    "Update",
    "baseline_lines",
    "baseline_section",
    "check_update",
    "compare",
    "compare_paired",
    "compare_reports",
    "environment_notes",
    "exit_status",
    "read_baseline",
    "read_report",
    "section_lines",
    "updated",
    "write_baseline",
]


def __getattr__(name: str) -> Any:
    if name == "compare_paired":  # the only one that takes numpy and the gates
        from collapse_bench.baselines.paired import compare_paired

        return compare_paired
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
