"""A verdict as the properties of a test case in JUnit's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collapse_bench.reports.text import safe_text

__all__ = ["properties"]

# Field of a check's record -> what the property is called.
NAMES = {
    "outcome": "outcome",
    "estimate": "estimate",
    "low": "low",
    "high": "high",
    "tolerate": "tolerate",
    "detect": "detect",
    "pvalue_fail": "pvalue_fail",
    "pvalue_pass": "pvalue_pass",
    "size": "n",
    "reference_size": "m",
}


def properties(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return ``(name, value)`` pairs for a test's ``user_properties``, all of them strings.

    Names are those of the JSON report after ``collapse.`` and the metric:
    ``collapse.tail_mass.estimate``; ``n`` and ``m`` are the sizes. A number keeps every digit; one
    that there is none of is left out.
    """
    stem = f"collapse.{safe_text(record['metric'])}"
    return [
        (f"{stem}.{name}", value if isinstance(value := record[field], str) else repr(value))
        for field, name in NAMES.items()
        if record[field] is not None
    ]
