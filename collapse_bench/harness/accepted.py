"""The session beside an accepted release: read before the tests, compared after them.

It spends no alpha and changes no outcome: the ledger never hears of it.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from collapse_bench.harness.session import SETTINGS

__all__ = ["LINES", "compare", "open_baseline"]

BASELINE = pytest.StashKey[Any]()  # a baselines.Baseline
LINES = pytest.StashKey[list[str]]()  # what the terminal says of it


def open_baseline(config: pytest.Config) -> None:
    """Read the baseline that was asked for, if one was.

    Raises
    ------
    InvalidArgument
        If it may not be updated here.
    InvalidSpec
        If the file isn't a baseline, or is one of other models.
    """
    settings = config.stash[SETTINGS]
    if settings.baseline is None:
        return
    from collapse_bench.baselines import Baseline, check_update, read_baseline

    if settings.update_baseline:
        check_update(os.environ)
    known = settings.baseline.exists()
    found = read_baseline(settings.baseline) if known else Baseline(str(settings.baseline), {})
    if not settings.update_baseline:
        found.refuse_other_models(settings.models)
    config.stash[BASELINE] = found


def compare(config: pytest.Config, document: dict[str, Any]) -> None:
    """Hold a session's report against the baseline, and accept it into the file if asked to.

    What became of each check is added to the report, as its field ``baseline``.

    Raises
    ------
    InvalidSpec
        If the file can't be written.
    """
    found = config.stash.get(BASELINE, None)
    if found is None:
        return
    from collapse_bench.baselines import (
        baseline_section,
        section_lines,
        updated,
        write_baseline,
    )

    settings = config.stash[SETTINGS]
    lines = config.stash.setdefault(LINES, [])
    if found.entries:
        document["baseline"] = baseline_section(found, document)
        lines += section_lines(document["baseline"])
    if settings.update_baseline and settings.baseline is not None:
        update = updated(found, document)
        write_baseline(update.baseline, settings.baseline)
        lines.append(str(update))
