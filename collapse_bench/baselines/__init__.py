"""What an earlier release measured, and whether a later one is better or worse.

Nothing here spends a gate's alpha or changes its outcome: a comparison has levels of its own.
"""

from collapse_bench.baselines.comparing import Change, Comparison, compare_reports, exit_status
from collapse_bench.baselines.documents import Entry, Report, read_report
from collapse_bench.baselines.file import (
    Baseline,
    Update,
    baseline_lines,
    check_update,
    compare,
    environment_notes,
    read_baseline,
    updated,
    write_baseline,
)

__all__ = [
    "Baseline",
    "Change",
    "Comparison",
    "Entry",
    "Report",
    "Update",
    "baseline_lines",
    "check_update",
    "compare",
    "compare_reports",
    "environment_notes",
    "exit_status",
    "read_baseline",
    "read_report",
    "updated",
    "write_baseline",
]
