"""Each sick learner is caught by the check that is named for it, and by none that is not."""

import pytest

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.execution import run_check
from collapse_bench.conformance.subject import Subject
from collapse_bench.controls.learners import LEARNERS

LEAST_CAUGHT, SEEDS = 19, range(20)
GROUPS = ("learner", "link")


def status(control, check, seed):
    return run_check(CATALOG[check], Subject(control.make(), seed=seed))["status"]


def test_names_are_unique_and_each_defect_is_told():
    assert len({control.name for control in LEARNERS}) == len(LEARNERS)
    assert all(control.defect and control.caught_by in CATALOG for control in LEARNERS)
    groups = {control.name: CATALOG[control.caught_by].group for control in LEARNERS}
    assert all(getattr(control, groups[control.name]) == "fail" for control in LEARNERS)


@pytest.mark.parametrize("control", LEARNERS, ids=lambda control: control.name)
def test_a_sick_learner_is_caught(control):
    assert status(control, control.caught_by, 0) == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("control", LEARNERS, ids=lambda control: control.name)
def test_a_sick_learner_is_caught_at_nearly_every_seed(control):
    caught = sum(status(control, control.caught_by, seed) == "failed" for seed in SEEDS)

    assert caught >= LEAST_CAUGHT


@pytest.mark.slow
@pytest.mark.parametrize("control", LEARNERS, ids=lambda control: control.name)
def test_a_group_that_should_pass_or_fail_does(control):
    subject = Subject(control.make())
    found = {
        group: {
            name
            for name, entry in CATALOG.items()
            if entry.group == group and run_check(entry, subject)["status"] == "failed"
        }
        for group in GROUPS
    }
    for group, failed in found.items():
        promised = getattr(control, group)
        assert promised == "any" or bool(failed) == (promised == "fail"), (group, failed)
