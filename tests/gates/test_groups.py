"""Groups of a table's rows, each judged by itself under one error ledger."""

import numpy as np
import pandas as pd
import pytest

from collapse_bench.data import SampleSet, Table
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import TableGate

COARSE = {
    "tail_mass": {"tolerate": 0.1, "detect": 0.9},
    "variance": {"tolerate": 0.1, "detect": 0.7},
    "wasserstein": {"tolerate": 0.03, "detect": 0.5},
    "support": {"tolerate": 0.1, "detect": 0.9},
}
QUICK = {"alpha": 0.1, "beta": 0.1, "effects": COARSE, "permutations": 299}
GROUP = ("numbers-tail_mass", "numbers-variance", "numbers-wasserstein")


def cells(sizes, seed):
    """Return numbers whose spread differs from group to group."""
    rng = np.random.default_rng(seed)
    group = np.repeat(list(sizes), list(sizes.values()))
    return pd.DataFrame({"x": rng.normal(size=len(group)) * (1 + (group == "b")), "group": group})


SIZES = {"a": 900, "b": 800, "c": 12}
REAL, SOUND = cells(SIZES, 1), cells(SIZES, 2)


@pytest.fixture(scope="module")
def gate():
    return TableGate(REAL, by="group", **QUICK)


def test_each_group_has_the_parts_of_its_rows_and_the_column_is_one(gate):
    assert gate.names == (
        *("group-tail_mass", "group-support", "joint-wasserstein"),
        *(f"group={state}/{name}" for state in "abc" for name in GROUP),
    )
    assert gate.levels.alpha == 0.1 / 12


def test_sound_groups_pass_and_small_ones_are_inconclusive_with_their_sizes(gate):
    result = gate.judge(SOUND)
    outcomes = {name: verdict.outcome for name, verdict in result.verdicts.items()}
    small = [name for name in gate.names if name.startswith("group=c/")]

    assert {outcomes.pop(name) for name in small} == {"inconclusive"}
    assert set(outcomes.values()) == {"pass"}
    assert result.outcome == "inconclusive"
    verdict = result.verdicts["group=c/numbers-variance"]
    assert (verdict.size, verdict.reference_size) == (12, 12)
    assert "12 rows of group=c in the samples, 12 in the reference: fewer than 20" in verdict.reason
    assert result.verdicts["group=b/numbers-variance"].reference_size == 800


def test_a_group_that_is_sick_fails_alone(gate):
    sick = SOUND.assign(x=np.where(SOUND["group"] == "b", 0.4 * SOUND["x"], SOUND["x"]))
    found = gate.judge(sick).verdicts
    failed = {name for name, verdict in found.items() if verdict.outcome == "fail"}

    assert "group=b/numbers-variance" in failed
    assert {name.partition("/")[0] for name in failed - {"joint-wasserstein"}} == {"group=b"}


def test_a_group_that_is_gone_fails_by_its_column_and_is_told_in_its_own_checks(gate):
    result = gate.judge(SOUND[SOUND["group"] != "b"])
    gone = result.verdicts["group=b/numbers-variance"]

    assert (gone.outcome, gone.size, gone.reference_size) == ("inconclusive", 0, 800)
    assert "0 rows of group=b in the samples, 800 in the reference" in gone.reason
    assert result.outcome == "fail"
    assert result.verdicts["group-tail_mass"].outcome == "fail"


def test_a_group_that_the_reference_lacks_is_told(gate):
    more = pd.concat([SOUND, cells({"d": 100}, 3)])

    assert "are of states that the reference lacks" in gate.judge_one("group-support", more).reason


def test_rows_whose_group_is_missing_are_a_group():
    real = REAL.assign(group=REAL["group"].where(REAL["group"] != "b"))
    names = TableGate(real, by="group", **QUICK).names

    assert [name for name in names if "missing/" in name] == [f"group missing/{n}" for n in GROUP]


def test_whole_numbers_make_groups_of_a_table_of_numbers():
    values = np.column_stack([REAL["x"], REAL["group"] == "b"])
    real = SampleSet.of(values, columns=("x", "b"))
    gate = TableGate(Table.of(real), by="b", **QUICK)

    assert gate.names[:4] == (
        *("b-tail_mass", "b-support", "joint-wasserstein", "b=0/numbers-tail_mass"),
    )
    assert gate.judge_one("b=1/numbers-variance", real).reference_size == 800
    assert gate.judge(TableGate(real, by="b").reference).verdicts.keys() == set(gate.names)


def test_a_column_that_is_constant_in_a_group_is_named():
    real = REAL.assign(y=np.where(REAL["group"] == "a", 1.0, REAL["x"] ** 2))
    gate = TableGate(real, by="group", **QUICK)

    assert gate.notes == ("constant in the reference of group=a and not judged: 'y'",)


def test_cells_may_be_missing_in_one_group_only():
    real = REAL.assign(y=np.where((REAL["group"] == "b") & (REAL["x"] > 0), np.nan, REAL["x"] ** 2))
    gate = TableGate(real, by="group", **QUICK)

    assert "group=b/y is missing-tail_mass" in gate.names
    assert "group=a/y is missing-tail_mass" not in gate.names
    assert "group=a/y-variance" in gate.names
    assert gate.judge_one("group=a/y-tail_mass", real).size == 900


@pytest.mark.parametrize(
    ("frame", "by", "words"),
    [
        (REAL, "grop", r"columns must be columns of 'reference'; got 'grop': did you mean 'group'"),
        (REAL, "x", r"by must name a column of codes or of whole numbers; got real ones"),
        (REAL[["group"]], "group", "by must leave a column to judge; got by='group', the only one"),
        (REAL.assign(group="a"), "group", "a column of 2 to 100 groups; got 'group' with 1"),
        (REAL.assign(n=range(len(REAL))), "n", "2 to 100 groups; got 'n' with 1,712"),
    ],
)
def test_what_makes_no_groups_is_refused(frame, by, words):
    with pytest.raises(InvalidArgument, match=words):
        TableGate(frame, by=by)


@pytest.mark.parametrize("numbered", [False, True])
def test_a_large_group_that_shrinks_fails_by_the_joint_check_of_all_rows(numbered):
    def frame(shares, seed):
        rng = np.random.default_rng(seed)
        group = np.repeat([1, 2, 1_000_000] if numbered else ["a", "b", "c"], shares)
        return pd.DataFrame({"x": rng.normal(size=len(group)), "group": group})

    gate = TableGate(frame([700, 800, 500], 1), by="group", **QUICK)
    sick, sound = frame([1_200, 300, 500], 2), frame([700, 800, 500], 3)

    assert gate.judge_one("joint-wasserstein", sick).outcome == "fail"
    assert gate.judge_one("joint-wasserstein", sound).outcome == "pass"
