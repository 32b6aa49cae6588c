import json

import numpy as np
import pytest

from benchmarks import kill_matrix
from collapse_bench.controls import CONTROLS, Control, Oracle
from collapse_bench.data.laws import two_gaussians

SMALL = {"size": 2_000, "rows": 8_000}


@pytest.fixture(scope="module")
def found():
    return json.loads(kill_matrix.RESULT.read_text(encoding="ascii"))


def test_a_sick_control_is_caught_and_a_sound_one_is_not():
    sick = kill_matrix.measure(CONTROLS["mode-dropped"], 2, **SMALL)
    sound = kill_matrix.measure(CONTROLS["oracle"], 2, **SMALL)

    # By the normal law of the one mode the variance of two modes is 3.8 times too large.
    assert sick["gate"] == {"fail": 2}
    assert sick["checks"]["variance"] == {"fail": 2}
    assert "fail" not in sound["gate"]
    assert (kill_matrix.group_of(sick), kill_matrix.group_of(sound)) == ("caught", "sound")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong-shape", "must return 2000 samples; got 2"),
        ("wider-after-fit", "samples must have 1 columns"),
    ],
)
def test_what_cannot_be_read_is_refused(name, reason):
    record = kill_matrix.measure(CONTROLS[name], 1, **SMALL)

    assert record["gate"] == {"refused": 1}
    assert reason in record["refused"]


def test_the_global_state_is_left_as_it_was():
    before = np.random.get_state()[1].copy()  # noqa: NPY002

    kill_matrix.released(CONTROLS["global-state-written"], 0, 10, 100)

    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("name", ["oracle", "memoriser", "sorted-by-component"])
def test_the_truth_of_a_control_is_the_law_that_it_starts_from(name):
    assert kill_matrix.truth_of(CONTROLS[name]) == two_gaussians()


def test_the_truth_is_known_of_any_control():
    made = Control("mine", lambda: Oracle(two_gaussians()))

    assert kill_matrix.truth_of(made) == two_gaussians()
    for control in CONTROLS.values():
        rows = kill_matrix.rows_of(control, 50, 0, "reference")
        assert len(rows) == 50


def test_every_control_is_in_the_last_run_at_its_size(found):
    assert [record["control"] for record in found["controls"]] == list(CONTROLS)
    assert (found["size"], found["reference_size"]) == (10_000, 100_000)
    assert {record["seeds"] for record in found["controls"]} == {20}
    for record in found["controls"]:
        assert sum(record["gate"].values()) == record["seeds"]
        assert record["defect"] == CONTROLS[record["control"]].defect


def test_what_is_called_invisible_or_let_through_was_not_caught(found):
    told = set(kill_matrix.NOT_VISIBLE) | set(kill_matrix.LET_THROUGH)
    assert told <= set(CONTROLS)
    for record in found["controls"]:
        if record["control"] in told or record["sound"]:
            # each gate of a sound model errs in 1 %: P(more than 3 of 20) < 1e-4
            assert record["gate"].get("fail", 0) <= 3, record["control"]


def test_nothing_passes_without_a_reason(found):
    for record in found["controls"]:
        if kill_matrix.group_of(record) == "growth":
            assert max(record["growth_noted"].values(), default=0) >= kill_matrix.CAUGHT


def test_every_control_stands_in_one_of_the_tables(found):
    printed = kill_matrix.table(found["controls"])

    for name in CONTROLS:
        assert printed.count(f"| {name} |") == 1
