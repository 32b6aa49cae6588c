"""How many lineages a test of the recursion needs, at the level that its ledger leaves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collapse_bench import gates
from collapse_bench.harness.session import ENTRY, SETTINGS, inputs_of

__all__ = ["planning"]


def planning(request: pytest.FixtureRequest) -> Callable[..., int]:
    """Return what the fixture ``collapse_lineages`` hands to a test."""
    config = request.config
    entry = request.node.stash.get(ENTRY, {})
    declared = len(entry["ledgers"][0]["declared"]) if entry.get("gate") else 1

    def planned(reference: Any, *, most: int, **design: Any) -> int:
        levels = inputs_of(config).levels(declared)
        keywords: dict[str, Any] = {**config.stash[SETTINGS].effects("drift"), **design}
        plan = gates.plan_drift(
            reference,
            **keywords,
            alpha=levels.alpha,
            beta=levels.beta,
            power=1 - levels.miss,
        )
        return most if plan.replicates is None else min(plan.replicates, most)

    return planned
