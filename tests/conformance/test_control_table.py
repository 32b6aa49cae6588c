"""The page on conformance says what the code does, and each control is caught by its check."""

import re
from pathlib import Path
from runpy import run_path

import pytest

from collapse_bench.conformance import CATALOG
from collapse_bench.controls import CONTROLS

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "conformance.md").read_text(encoding="utf-8")
TOOLS = run_path(str(HERE / "control_table.py"))
SICK = [name for name, control in CONTROLS.items() if control.caught_by]
SOUND = [name for name, control in CONTROLS.items() if control.defect is None]
SEEDS = TOOLS["SEEDS"]


def rows(page):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]


@pytest.mark.parametrize("group", ["sampler", "learner", "link"])
def test_the_page_lists_every_check(group):
    assert TOOLS["checks_table"](group) in PAGE


def test_the_page_lists_every_control_and_what_catches_it():
    expected = rows(TOOLS["table"](dict.fromkeys(SICK, 20)))[2:]
    listed = [row for row in rows(PAGE) if row and row[0] in CONTROLS]

    assert [row[:3] for row in listed] == [row[:3] for row in expected]
    assert all(int(row[3]) >= TOOLS["LEAST_CAUGHT"] for row in listed if row[3])


def test_there_are_enough_controls_and_each_names_a_check():
    assert len(SICK) >= 25
    assert {CONTROLS[name].caught_by for name in SICK} <= set(CATALOG)


def test_examples_of_the_page_run():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    alone = [block for block in blocks if "hypothesis" in block]

    assert alone
    for block in alone:
        names = {}
        exec(compile(block, "docs/conformance.md", "exec"), names)
        names["test_my_claim"]()


@pytest.mark.slow
@pytest.mark.parametrize("name", SICK)
def test_a_sick_control_is_caught_by_its_check(name):
    control = CONTROLS[name]
    hits = sum(TOOLS["caught"](control, seed) for seed in SEEDS)
    row = next(row for row in rows(PAGE) if row and row[0] == name)

    assert hits >= TOOLS["LEAST_CAUGHT"]
    assert int(row[3]) == hits


@pytest.mark.slow
def test_sound_controls_are_flagged_no_more_often_than_promised():
    runs = [(name, seed) for name in SOUND for seed in SEEDS]
    flagged = [
        (name, seed)
        for name, seed in runs
        if "failed" in TOOLS["statuses"](CONTROLS[name], seed).values()
    ]

    # False alarms are as rare as alpha says: within the upper 99.9 % binomial limit.
    assert len(flagged) <= TOOLS["most_flagged"](len(runs)), flagged
