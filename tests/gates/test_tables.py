"""A gate of a table: its parts, one error ledger over all of them, and what each of them sees."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.data import Table
from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates import TableGate, check_variance, plan

JOBS = np.array(["clerk", "cook", "driver", "guard", "judge", "miner", "nurse", "smith"])
COARSE = {
    "tail_mass": {"tolerate": 0.1, "detect": 0.9},
    "variance": {"tolerate": 0.1, "detect": 0.6},
    "wasserstein": {"tolerate": 0.03, "detect": 0.4},
    "support": {"tolerate": 0.1, "detect": 0.6},
}
QUICK = {"alpha": 0.1, "beta": 0.1, "effects": COARSE, "permutations": 299}


def people(size, seed):
    """Return a table with correlated numbers, heavy tails, codes and missing cells."""
    rng = np.random.default_rng(seed)
    age, mood = rng.normal(size=(2, size))
    sex = np.where(rng.random(size) < 0.4, "F", "M")
    share = np.array([0.3, 0.25, 0.2, 0.1, 0.06, 0.04, 0.03, 0.02])
    score = rng.normal(size=size)
    score[rng.random(size) < 0.25] = np.nan
    grade = rng.choice(["a", "b", "c"], size, p=[0.5, 0.3, 0.2]).astype(object)
    grade[rng.random(size) < 0.06] = None
    return pd.DataFrame(
        {
            "age": age,
            "spend": np.exp(1.3 * rng.normal(size=size)),
            "mood": mood + 0.5 * age + 3 * (sex == "F"),
            "sex": sex,
            "job": rng.choice(JOBS, size, p=share),
            "score": score,
            "grade": grade,
        }
    )


REAL, SOUND = people(2_000, 1), people(2_000, 2)
NAMES = (
    *("numbers-tail_mass", "numbers-variance", "numbers-wasserstein"),
    *("spend-tail_mass", "spend-variance", "spend-wasserstein"),
    *("sex-tail_mass", "sex-support", "job-tail_mass", "job-support"),
    *("score-tail_mass", "score-variance", "score-wasserstein"),
    *("score is missing-tail_mass", "grade-tail_mass", "grade-support"),
    "joint-wasserstein",
)


@pytest.fixture(scope="module")
def gate():
    return TableGate(REAL, **QUICK)


@pytest.fixture(scope="module")
def sound(gate):
    return gate.judge(SOUND)


def failed(result):
    return {name for name, verdict in result.verdicts.items() if verdict.outcome == "fail"}


def test_each_kind_of_column_makes_its_parts(gate):
    assert set(gate.names) == set(NAMES)
    assert [part.name for part in gate.parts] == [
        *("numbers", "spend", "sex", "job", "score", "score is missing", "grade", "joint")
    ]
    assert gate.notes == ()


def test_a_sound_table_passes_at_the_shared_levels(gate, sound):
    assert sound.outcome == "pass", {n: v.outcome for n, v in sound.verdicts.items()}
    assert tuple(sound.verdicts) == gate.names
    for verdict in sound.verdicts.values():  # half for each of two directions
        assert verdict.alpha == 0.1 / len(NAMES) / (1 if verdict.growth is None else 2)
    both = {name for name, verdict in sound.verdicts.items() if verdict.growth is not None}
    assert both == {"sex-tail_mass", "score is missing-tail_mass"}
    assert {verdict.beta for verdict in sound.verdicts.values()} == {0.1}
    assert sound.to_dict()["verdicts"]["sex-support"]["outcome"] == "pass"


def shrunk(frame, *names):
    return frame.assign(**{name: 0.5 * frame[name] for name in names})


SICK = {
    "numbers": lambda frame: shrunk(frame, "age", "mood"),
    "spend": lambda frame: frame.assign(spend=frame["spend"].clip(upper=2.0)),
    "sex": lambda frame: frame.assign(sex="M"),
    "job": lambda frame: frame.assign(job=frame["job"].where(frame["job"] < "guard", "clerk")),
    "score": lambda frame: shrunk(frame, "score"),
    # what was missing is made up soundly
    "score is missing": lambda frame: frame.assign(
        score=frame["score"].fillna(pd.Series(np.random.default_rng(4).normal(size=2_000)))
    ),
    "grade": lambda frame: frame.assign(grade=frame["grade"].where(frame["grade"].notna(), "a")),
}
MUST = {
    "numbers": "numbers-variance",
    "spend": "spend-tail_mass",
    "sex": "sex-tail_mass",
    "job": "job-tail_mass",
    "score": "score-variance",
    "score is missing": "score is missing-tail_mass",
    "grade": "grade-tail_mass",
}


# Sliced distances take most of the time, and see what any part sees.
SLICED = ("numbers-wasserstein", "joint-wasserstein")


@pytest.mark.parametrize("part", SICK)
def test_a_sick_part_fails_and_no_other(gate, part):
    samples = SICK[part](SOUND)
    names = [name for name in gate.names if name not in SLICED]
    found = {name for name in names if gate.judge_one(name, samples).outcome == "fail"}

    assert MUST[part] in found
    assert {name.rpartition("-")[0] for name in found} == {part}


def test_a_sick_part_is_seen_by_the_joint_check_too(gate):
    assert gate.judge_one("joint-wasserstein", SICK["sex"](SOUND)).outcome == "fail"


def test_only_the_joint_check_sees_that_columns_no_longer_belong_together():
    def mixed(seed):
        rng = np.random.default_rng(seed)
        other = rng.random(1_500) < 0.5
        return pd.DataFrame(
            {"x": rng.normal(size=1_500) + 4 * other, "s": np.where(other, "a", "b")}
        )

    gate, sound = TableGate(mixed(1), **QUICK), mixed(2)
    torn = sound.assign(s=np.random.default_rng(3).permutation(sound["s"].to_numpy()))

    assert failed(gate.judge(sound)) == set()
    assert failed(gate.judge(torn)) == {"joint-wasserstein"}


def test_one_check_alone_gives_the_same_verdict(gate, sound):
    for name in ("numbers-variance", "score is missing-tail_mass", "joint-wasserstein"):
        assert gate.judge_one(name, SOUND).to_dict() == sound.verdicts[name].to_dict()


def test_seeds_and_parts_have_streams_of_their_own():
    twins = pd.DataFrame({"a": np.exp(REAL["age"] * 1.5), "sex": REAL["sex"]})
    frame = twins.assign(b=twins["a"] * (1 + 1e-15), c=REAL["mood"])
    gates = [TableGate(frame, seed=seed, **QUICK) for seed in (0, 1)]
    samples = frame.iloc[:500]
    first, second = (gate.judge_one("a-wasserstein", samples).high for gate in gates)

    assert first != second
    assert first != gates[0].judge_one("b-wasserstein", samples).high


@settings(max_examples=4, deadline=None)
@given(st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_that_of_columns_matters(random):
    kept = ["age", "mood", "sex", "score"]
    real, sample = people(60, 5)[kept], people(50, 6)[kept]
    names = random.sample(list(real.columns), len(real.columns))
    rows = random.sample(range(len(real)), len(real))
    lines = random.sample(range(len(sample)), len(sample))
    easy = {**QUICK, "alpha": 0.4, "beta": 0.4, "permutations": 49}
    first = TableGate(real, **easy).judge(sample)
    second = TableGate(real.iloc[rows][names], **easy).judge(sample.iloc[lines])

    assert first.verdicts.keys() == second.verdicts.keys()
    assert {name: v.to_dict() for name, v in first.verdicts.items()} == {
        name: second.verdicts[name].to_dict() for name in first.verdicts
    }


def test_parts_are_what_plain_checks_judge(gate, sound):
    part = gate.parts[0].take(Table.of(REAL))
    ours = gate.parts[0].take(Table.of(SOUND))
    plain = check_variance(ours, part, tolerate=0.1, detect=0.6, permutations=299)
    observed = gate.parts[4].take(Table.of(SOUND))

    assert part.columns == ("age", "mood")
    assert sound.verdicts["numbers-variance"].estimate == plain.estimate
    assert sorted(observed.values[:, 0]) == sorted(SOUND["score"].dropna())
    assert sound.verdicts["score-variance"].size == SOUND["score"].notna().sum()
    assert sound.verdicts["score-variance"].reference_size == REAL["score"].notna().sum()


@pytest.mark.parametrize("missing", [0.2, 0.8])
def test_the_loss_of_either_state_of_missing_cells_is_judged(missing):
    def cells(size, share):
        gap = np.arange(size) < share * size
        return {"x": np.where(gap, np.nan, np.arange(size) % 7.0), "y": np.arange(size) % 5.0}

    kept = missing / 2 if missing < 0.5 else 1 - (1 - missing) / 2  # half of the rarer is gone
    gate = TableGate(cells(20_000, missing))
    verdict = gate.judge_one("x is missing-tail_mass", cells(20_000, kept))
    healthy = gate.judge_one("x is missing-tail_mass", cells(20_000, missing))
    more = gate.judge_one("x is missing-tail_mass", cells(20_000, 1 - missing))

    assert verdict.outcome == "fail"
    # a half of the reference counts 2,000 of its rarer state, more or less 30
    assert verdict.estimate == pytest.approx(0.5, abs=0.03)
    assert healthy.outcome == "pass"
    assert healthy.estimate == pytest.approx(0.0, abs=0.06)
    assert more.outcome == "fail"  # the growth of it is a loss of the other
    assert more.estimate < 0


def test_missing_cells_rarely_fail_where_no_more_than_tolerate_is_lost():
    rng = np.random.default_rng(20261123)
    fails = 0
    for number in range(400):
        real = rng.random(1_000) < 0.15
        drawn = rng.random(1_000) < 0.15 * 0.9  # exactly tolerate
        values = {"x": np.where(real, np.nan, rng.normal(size=1_000))}
        gate = TableGate(values, seed=number, alpha=0.4, beta=0.4, effects=COARSE)
        samples = {"x": np.where(drawn, np.nan, rng.normal(size=1_000))}
        fails += gate.judge_one("x is missing-tail_mass", samples).outcome == "fail"

    # at half of alpha / K, 0.4 / 8; 400 binomial draws of 0.05 exceed 35 once in 1,000
    assert len(gate.names) == 4
    assert 5 <= fails <= 35


def test_constant_columns_are_dropped_and_copies_judged_jointly():
    frame = REAL[["age", "sex"]].assign(one=1.0, all="x", twin=REAL["age"], again=REAL["sex"])
    gate = TableGate(frame, **QUICK)
    broken = SOUND[["age", "sex"]].assign(one=1.0, all="x", twin=0.0, again=SOUND["sex"])

    assert [part.name for part in gate.parts] == ["numbers", "sex", "joint"] or [
        part.name for part in gate.parts
    ] == ["numbers", "again", "joint"]
    assert gate.notes == (
        "constant in the reference and not judged: 'all', 'one'",
        "equal to another column in the reference and judged by joint only: 'sex' (as 'again'), "
        "'twin' (as 'age')",
    )
    assert gate.judge_one("joint-wasserstein", broken).outcome == "fail"
    assert gate.judge(broken).notes[:2] == gate.notes


def test_names_of_columns_that_clash_with_parts_are_told_apart():
    frame = pd.DataFrame({"joint": REAL["sex"], "numbers": REAL["job"], "x": REAL["age"]})
    names = [part.name for part in TableGate(frame, **QUICK).parts]

    assert names == ["numbers", "joint", "column numbers", "column joint"]


def test_a_single_heavy_column_is_the_numbers():
    gate = TableGate(REAL[["spend", "sex"]], **QUICK)

    assert [part.name for part in gate.parts] == ["numbers", "sex", "joint"]
    assert gate.judge_one("numbers-variance", SOUND[["spend", "sex"]]).statistic == "winsorized"


def test_a_reference_that_does_not_vary_is_refused():
    with pytest.raises(InvalidSamples, match=r"must vary .*; all of its 3 rows are equal"):
        TableGate({"a": [1.0, 1.0, 1.0], "b": ["x", "x", "x"]})


def test_samples_of_other_columns_are_refused(gate):
    with pytest.raises(InvalidSamples, match="lacks 'grade'"):
        gate.judge(SOUND.drop(columns="grade"))
    with pytest.raises(InvalidSamples, match="each row of 'age'"):
        gate.judge(SOUND.assign(age=np.nan))
    with pytest.raises(InvalidArgument, match=r"name must be one of the gate's 17 checks, such as"):
        gate.judge_one("age", SOUND)


def test_samples_whose_cells_are_all_missing_fail_without_an_observed_row(gate):
    result = gate.judge(SOUND.assign(score=np.nan))
    verdict = result.verdicts["score-variance"]

    assert (verdict.outcome, verdict.size, verdict.reference_size) == (
        "inconclusive",
        0,
        REAL["score"].notna().sum(),
    )
    assert "0 rows in the samples" in verdict.reason
    assert result.verdicts["score is missing-tail_mass"].outcome == "fail"
    assert result.verdicts["joint-wasserstein"].outcome == "fail"


def test_a_plan_counts_all_rows_for_a_part_of_them():
    cells = {
        "x": np.where(np.arange(4_000) % 2, np.nan, np.random.default_rng(1).normal(size=4_000))
    }
    found = TableGate(cells, **QUICK).plan()
    alone = plan(
        np.array(cells["x"])[::2],
        ["variance"],
        alpha=0.1 / 4,
        beta=0.1,
        power=1 - 0.01 / 4,
    )
    (check,) = alone.per_check.values()

    assert set(found.per_check) == {
        *("x-tail_mass", "x-variance", "x-wasserstein"),
        "x is missing-tail_mass",
    }
    assert check.size_to_pass is not None
    wide = TableGate(cells, alpha=0.1, beta=0.1, permutations=299).plan().per_check["x-variance"]
    assert wide.size_to_pass == 2 * check.size_to_pass
    assert found.size == max(
        max(one.size_to_pass, one.size_to_fail) for one in found.per_check.values()
    )


def test_a_plan_of_too_small_a_reference_says_how_large_it_must_be():
    found = TableGate(REAL[["age"]].head(60), **QUICK).plan()
    needed = [one.reference_size for one in found.per_check.values()]

    assert found.size is None
    assert None not in needed
    assert found.reference_size == max(needed) > 60


def test_a_planned_size_passes():
    gate = TableGate(REAL[["age", "job"]], **QUICK)
    size = gate.plan().size

    assert size is not None
    assert size < 4_000
    assert gate.judge(people(size, 9)[["age", "job"]]).outcome == "pass"


def test_another_half_of_the_reference_is_judged_by_the_same_parts(gate):
    half = gate.against(Table.of(REAL).take(np.arange(1_000)))

    assert half.names == gate.names
    assert half.judge_one("numbers-variance", SOUND).reference_size == 1_000
    assert gate.judge_one("numbers-variance", SOUND).reference_size == 2_000
    same = gate.against(Table.of(REAL.assign(sex="M")))
    verdict = same.judge_one("sex-tail_mass", SOUND)
    assert verdict.outcome == "inconclusive"
    assert "all 2,000 rows that are judged against are equal here" in verdict.reason
