"""Which check catches which control, over seeds: the table of docs/conformance.md.

``python -m tests.conformance.control_table`` prints it (some minutes on two cores).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections import Counter

from scipy import stats

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.execution import run_check
from collapse_bench.conformance.subject import ALPHA, Subject
from collapse_bench.controls import CONTROLS, Control

SEEDS = range(20)
LEAST_CAUGHT = 19  # of the seeds
LEVEL = 0.999  # of the band that the number of flagged healthy runs must lie in


def caught(control: Control, seed: int) -> bool:
    """Return whether the check that is named for a sick control fails on it."""
    assert control.caught_by is not None
    record = run_check(CATALOG[control.caught_by], Subject(control.make(), seed=seed))
    return record["status"] == "failed"


def statuses(control: Control, seed: int) -> dict[str, str]:
    """Return the status of every check on a control."""
    subject = Subject(control.make(), seed=seed)
    return {name: run_check(entry, subject)["status"] for name, entry in CATALOG.items()}


def unexpected(control: Control, found: dict[str, str]) -> list[str]:
    """Return the checks that failed though the control's groups, or it itself, promise not to."""
    promised = {"sampler": control.sampler, "learner": control.learner, "link": control.link}
    return [
        name
        for name, status in found.items()
        if status == "failed"
        and name != control.caught_by
        and promised[CATALOG[name].group] == "pass"
    ]


def most_flagged(runs: int) -> int:
    """Return the upper end of the band: healthy runs of which any check may fail by chance."""
    return int(stats.binom.ppf(LEVEL, runs, ALPHA))


def table(counts: dict[str, int]) -> str:
    """Return Markdown: a row for each control, with how many of the seeds it was caught at."""
    lines = [
        "| control | what is wrong with it | caught by | of 20 seeds |",
        "| --- | --- | --- | --- |",
    ]
    for control in CONTROLS.values():
        named = f"`{control.caught_by}`" if control.caught_by else "nothing"
        count = str(counts[control.name]) if control.caught_by else ""
        lines.append(
            f"| {control.name} | {control.defect or 'nothing: it is sound'} | {named} | {count} |"
        )
    return "\n".join(lines)


def checks_table(group: str) -> str:
    """Return Markdown: a row for each check of a group, as its docstring begins."""
    lines = ["| check | what it shows | by chance |", "| --- | --- | --- |"]
    for entry in CATALOG.values():
        if entry.group == group:
            told = " ".join((entry.body.__doc__ or "").strip().partition("\n\n")[0].split())
            chance = "yes" if entry.statistical else ""
            lines.append(f"| `{entry.name}` | {told.replace('``', '`')} | {chance} |")
    return "\n".join(lines)


def _caught(work: tuple[str, int]) -> tuple[str, bool]:
    name, seed = work
    return name, caught(CONTROLS[name], seed)


def counted(processes: int) -> dict[str, int]:
    """Return at how many of the seeds each sick control is caught."""
    sick = [name for name, control in CONTROLS.items() if control.caught_by]
    work = [(name, seed) for name in sick for seed in SEEDS]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        found = Counter(name for name, hit in pool.imap_unordered(_caught, work) if hit)
    return {name: found[name] for name in sick}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    for group in ("sampler", "learner", "link"):
        print(checks_table(group), end="\n\n")
    print(table(counted(parser.parse_args().processes)))
