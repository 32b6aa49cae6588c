"""Tests of a ledger are carried out once: what would run them again is refused.

Only the standard library and pytest are imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from collapse_bench.harness.session import ENTRY
from collapse_bench.harness.values import shown

__all__ = ["refusal"]

WHY = (
    "each rerun gives a collapsed model another chance, so the promised rate of false passes "
    "doesn't hold; draw more samples instead"
)
MARKER = "flaky"  # of pytest-rerunfailures, pytest-retry and flaky
# How often a failed test is run again; the first two have an ini twin of the same name.
COUNTS = {"reruns": "--reruns", "retries": "--retries"}
FORCED = {"force_flaky": "--force-flaky"}  # flaky's flag


def refusal(config: pytest.Config, items: Sequence[pytest.Item]) -> str | None:
    """Return why a session must not begin, if tests of a ledger would be run again.

    Parameters
    ----------
    items
        The selected tests.
    """
    judged = [item for item in items if item.stash.get(ENTRY, {}).get("gate")]
    if not judged:
        return None
    for item in judged:
        if item.get_closest_marker(MARKER) is not None:
            return f"{item.nodeid} must not carry the marker {MARKER!r}: {WHY}"
    for key, flag in COUNTS.items():
        source, value = _given(config, key, flag)
        if value not in (None, "", 0, "0"):
            return f"{source} must be 0 where a gate judges; got {shown(value)}: {WHY}"
    for key, flag in FORCED.items():
        if getattr(config.option, key, False):
            return f"{flag} must not be given where a gate judges: {WHY}"
    return None


def _given(config: pytest.Config, key: str, flag: str) -> tuple[str, Any]:
    """Return what was asked for and where; None where no plugin knows the option."""
    typed = getattr(config.option, key, None)
    if typed is not None:
        return flag, typed
    try:
        return f"{key} (ini)", config.getini(key)
    except (KeyError, ValueError):  # nobody has registered it
        return flag, None
