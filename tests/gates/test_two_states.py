"""Two states, of which neither may lose its mass; and what effect sizes a table is judged by."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.data import Table
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import TableGate
from collapse_bench.gates.codes import Codes
from collapse_bench.gates.effects import two_sided
from collapse_bench.gates.levels import Levels


def gappy(size, share, seed=1):
    """Return a column of numbers of which exactly ``share`` is missing."""
    gap = np.arange(size) < round(share * size)
    return {"x": np.where(gap, np.nan, np.random.default_rng(seed).normal(size=size))}


def coded(size, **shares):
    return {"s": np.repeat(list(shares), [round(share * size) for share in shares.values()])}


@given(
    st.integers(1, 500),
    st.integers(0, 10_000),
    st.floats(0.001, 0.4),
    st.floats(0.5, 0.99),
)
def test_the_growth_of_the_rarer_state_is_the_loss_of_the_commoner(rare, more, tolerate, detect):
    common = rare + more
    codes = Codes.of_draws(np.repeat([0, 1], [rare, common]))
    effects = {"tail_mass": {"tolerate": tolerate, "detect": detect}}
    check = two_sided(codes, effects, 999)
    share = rare / (rare + common)

    assert check.mass == 0.9 * share
    assert (check.tolerate, check.detect) == (tolerate, detect)
    for growth, loss in zip(check.growth, (tolerate, detect), strict=True):
        assert 1 - (1 + growth) * share == pytest.approx((1 - loss) * (1 - share), rel=1e-9)
        assert (1 + growth) * share < 1


def test_a_growth_that_is_asked_for_is_judged_where_it_is_stricter():
    codes = Codes.of_draws(np.repeat([0, 1], [30, 70]))

    assert two_sided(codes, {}, 999).growth == pytest.approx((0.05 * 7 / 3, 0.25 * 7 / 3))
    asked = {"tail_mass": {"growth": (0.1, 0.9)}}
    assert two_sided(codes, asked, 999).growth == pytest.approx((0.1, 0.25 * 7 / 3))


@pytest.mark.parametrize(
    ("reference", "samples", "outcome"),
    [(0.05, 0.7, "fail"), (0.05, 0.05, "pass"), (0.05, 0.0, "fail"), (0.95, 0.3, "fail")],
)
def test_missing_cells_may_neither_take_over_nor_go(reference, samples, outcome):
    gate = TableGate(gappy(60_000, reference))

    verdict = gate.judge_one("x is missing-tail_mass", gappy(20_000, samples))
    assert verdict.outcome == outcome


def test_a_rare_state_may_grow_by_more_than_any_growth_that_is_asked_for():
    gate = TableGate(gappy(60_000, 0.001))  # 0.25 of what is observed is 250 times as much
    (check,) = next(part for part in gate.parts if part.name == "x is missing").checks

    assert check.growth == pytest.approx((0.05 * 999, 0.25 * 999))
    verdict = gate.judge_one("x is missing-tail_mass", gappy(20_000, 0.7))
    assert verdict.outcome == "fail"


def test_the_tail_of_missing_cells_lies_within_the_rarer_state():
    for share in (0.3, 0.7):
        verdict = TableGate(gappy(2_000, share)).judge_one(
            "x is missing-tail_mass", gappy(2_000, share)
        )
        assert verdict.quantity == "mass of the reference's rarest 0.27 of codes"


def test_a_common_code_of_two_that_shrinks_fails():
    gate = TableGate(coded(20_000, a=0.55, b=0.45), permutations=999)
    tail, joint = "s-tail_mass", "joint-wasserstein"
    sound, fewer, more = (coded(5_000, a=share, b=1 - share) for share in (0.55, 0.25, 0.85))

    assert gate.names == (tail, "s-support", joint)
    for samples in (fewer, more):
        assert gate.judge_one(tail, samples).outcome == "fail"
        assert gate.judge_one(joint, samples).outcome == "fail"
    assert gate.judge_one(tail, sound).outcome == "pass"
    assert gate.judge_one(joint, sound).outcome == "pass"


def test_a_common_code_of_three_that_shrinks_fails_by_the_joint_check():
    gate = TableGate(coded(4_000, a=0.45, b=0.35, c=0.2), permutations=999)
    sick = coded(4_000, a=0.2, b=0.6, c=0.2)

    assert gate.judge_one("s-tail_mass", sick).outcome != "fail"
    assert gate.judge_one("joint-wasserstein", sick).outcome == "fail"


def test_losses_that_are_tolerated_of_either_state_rarely_fail():
    rng, levels = np.random.default_rng(20261123), Levels.of(0.4, 0.4)
    fails = {"rarer": 0, "commoner": 0}
    for seed in range(100):
        codes = Codes.of_draws(rng.random(1_000) < 0.3)
        check = two_sided(codes, {"tail_mass": {"tolerate": 0.1, "detect": 0.5}}, 999)
        for lost, share in (("rarer", 0.3 * 0.9), ("commoner", 1 - 0.7 * 0.9)):
            samples = Codes.of_draws(rng.random(1_000) < share)
            found = check.evidence(samples, codes, levels, seed=seed)
            side = found if lost == "rarer" else found.growth
            fails[lost] += side.pvalue_fail <= levels.directed(check.growth).alpha

    # at alpha / 2 = 0.2; 100 binomial draws of it exceed 33 once in 1,000
    assert min(fails.values()) >= 3
    assert max(fails.values()) <= 33


def test_half_of_a_reference_says_itself_which_codes_are_rare():
    rng = np.random.default_rng(1)
    share = np.array([0.5, 0.3, *[0.2 / 40] * 40])
    real = Table.of({"s": rng.choice([f"w{place}" for place in range(42)], 6_000, p=share)})
    gate = TableGate(real, permutations=999)
    half = gate.against(real.take(np.arange(3_000)))
    masses = [each.parts[0].checks[0].mass for each in (gate, half)]

    assert masses[0] == 0.05
    assert masses[1] == TableGate(half.reference).parts[0].checks[0].mass > 0.05
    assert half.names == gate.names
    verdict = half.judge_one("s-tail_mass", real)
    assert "can't be told" not in (verdict.reason or "")
    assert "0.05 " not in verdict.quantity


def test_half_of_a_reference_has_its_own_share_of_missing_cells():
    real = Table.of(gappy(1_000, 0.3))
    half = TableGate(real, permutations=999).against(real.take(np.arange(100, 1_000)))

    part = next(part for part in half.parts if part.name == "x is missing")
    assert part.checks[0].mass == pytest.approx(0.9 * 200 / 900)


def test_a_check_that_never_passes_is_not_made_and_told():
    rng = np.random.default_rng(1)
    gain = np.where(rng.random(4_000) < 0.05, rng.lognormal(9, 1, 4_000), 0.0)  # tied and heavy
    gate = TableGate({"gain": gain, "age": rng.normal(size=4_000)}, permutations=999)

    assert gate.names[:5] == (
        *(f"numbers-{metric}" for metric in ("tail_mass", "variance", "wasserstein")),
        *(f"gain-{metric}" for metric in ("tail_mass", "wasserstein")),
    )
    (note,) = gate.notes
    assert note.startswith("the variance of gain isn't judged: ")
    assert TableGate({"gain": rng.normal(size=4_000), "k": ["a", "b"] * 2_000}).notes == ()


def test_a_column_of_one_observed_value_is_told():
    real = {"x": [1.0, None] * 50, "y": np.arange(100.0)}
    note = "of one observed value and judged by what is missing only: 'x'"

    assert TableGate(real).notes == (note,)
    frame = pd.DataFrame({**real, "g": ["a", "a", "b", "b"] * 25})
    groups = TableGate(frame, by="g").notes
    assert groups[0] == "of one observed value of g=a and judged by what is missing only: 'x'"


@pytest.mark.parametrize(
    ("effects", "words"),
    [
        ({"varience": {"detect": 0.3}}, r"effects' metric must be one of .*'variance'.*'varience'"),
        ({"variance": {"bogus": 0.3}}, r"effects\['variance'\] must be among .*got bogus=0\.3"),
        ({"variance": 0.3}, r"effects\['variance'\] must be a mapping of keywords"),
        ({"wasserstein": {"order": 1}}, r"must be among tolerate, detect; got order=1"),
        ({"tail_mass": {"permutations": 9}}, r"effects\['tail_mass'\] must be among"),
        ({"support": {"detect": 7}}, "detect must be"),  # of no part of this table
        ([("variance", 0.3)], "effects must be None or keywords by metric; got"),
    ],
)
def test_effects_that_are_none_are_refused_in_a_sentence(effects, words):
    with pytest.raises(InvalidArgument, match=words):
        TableGate({"x": np.arange(50.0)}, effects=effects)


def test_too_few_rows_to_pass_are_told_without_simulating_how_many_would(monkeypatch):
    def never(*_):
        raise AssertionError

    frame = {"x": np.random.default_rng(1).normal(size=300), "s": ["a", "b", "b"] * 100}
    gate = TableGate(frame, permutations=999)
    few = {"x": frame["x"][:1], "s": ["a"]}
    for part in gate.parts:
        for check in part.checks:
            monkeypatch.setattr(type(check), "size_to_pass", never)
    result = gate.judge(few)

    assert {verdict.outcome for verdict in result.verdicts.values()} == {"inconclusive"}
    assert "fewer than 20" in result.verdicts["joint-wasserstein"].reason
