"""Checks, verdicts and gates: shares, streams, sentences."""

import json

import numpy as np
import pytest

from collapse_bench.errors import CollapseError, Inconclusive, InvalidArgument
from collapse_bench.gates import (
    FOOTER,
    Check,
    Gate,
    check_tail_mass,
    check_variance,
    check_wasserstein,
    default_checks,
)
from collapse_bench.streams import generator

FEW = [Check(metric, permutations=300) for metric in ("tail_mass", "variance", "wasserstein")]


def draws(seed, size=500, factor=1.0):
    return factor * generator(seed).normal(size=size)


def test_each_check_has_its_share_of_alpha_and_all_of_beta():
    result = Gate(draws(0), FEW, alpha=0.03, beta=0.02).judge(draws(1))

    assert {verdict.alpha for verdict in result.verdicts} == {0.01}
    assert {verdict.beta for verdict in result.verdicts} == {0.02}


@pytest.mark.parametrize("columns", [1, 2])
def test_any_subset_of_checks_gives_the_same_bytes(columns):
    reference, samples = draws(2, (400, columns)), draws(3, (300, columns))
    gate = Gate(reference, FEW, alpha=0.03, seed=7)
    whole = gate.judge(samples)

    for check, verdict in zip(FEW, whole.verdicts, strict=True):
        alone = gate.judge_one(check, samples)
        assert json.dumps(alone.to_dict()) == json.dumps(verdict.to_dict())
    # A gate of one check with the same share judges alike, whatever the others are.
    single = Gate(reference, FEW[1:2], alpha=0.01, seed=7).judge(samples).verdicts[0]
    assert single.pvalue_fail == whole.verdicts[1].pvalue_fail
    assert single.low == whole.verdicts[1].low


@pytest.mark.parametrize(
    ("check", "place"), [(check_tail_mass, 0), (check_variance, 1), (check_wasserstein, 2)]
)
def test_a_check_alone_is_a_gate_of_one(check, place):
    reference, samples = draws(4), draws(5)
    gate = Gate(reference, [FEW[place]], seed=3)

    assert check(samples, reference, permutations=300, seed=3) == gate.judge_one(
        FEW[place], samples
    )


def test_the_seed_is_the_only_source_of_chance():
    reference, samples = draws(6), draws(7)
    first, again, other = (Gate(reference, FEW, seed=seed).judge(samples) for seed in (1, 1, 2))

    assert first == again
    assert first.verdicts[2].pvalue_pass != other.verdicts[2].pvalue_pass


def test_one_failure_fails_a_gate_and_one_doubt_leaves_it_open():
    reference = draws(8, 1_000)
    collapsed = Gate(reference, FEW).judge(draws(9, 1_000, factor=0.5))
    unclear = Gate(reference, FEW).judge(draws(9, 1_000))

    assert collapsed.outcome == "fail"
    assert unclear.outcome == "inconclusive"
    assert "pass" in {verdict.outcome for verdict in unclear.verdicts}


def test_permutations_too_few_for_the_share_are_refused():
    with pytest.raises(InvalidArgument, match="permutations must be an integer >= 300"):
        Gate(draws(0), [Check("variance", permutations=299), "tail_mass", "wasserstein"])
    Gate(draws(0), [Check("variance", permutations=300), "tail_mass", "wasserstein"])


def test_default_checks_are_the_three_of_numbers():
    assert [check.metric for check in default_checks(draws(0))] == [
        "tail_mass",
        "variance",
        "wasserstein",
    ]
    assert [check.metric for check in default_checks(["a", "b"])] == ["tail_mass", "support"]


def test_checks_are_named_by_what_differs_from_the_default():
    check = Check("tail_mass", mass=0.01, tail="upper")

    assert check.name == "tail_mass(mass=0.01, tail='upper')"
    assert repr(check) == "Check('tail_mass', mass=0.01, tail='upper')"
    assert check.settings == {"mass": 0.01, "tail": "upper"}
    assert check == Check("tail_mass", tail="upper", mass=0.01)
    assert Check("tail_mass", score=np.linalg.norm).name == "tail_mass(score=norm)"
    assert hash(check) == hash(Check("tail_mass", tail="upper", mass=0.01))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("entropy",), {}), "metric must be one of 'tail_mass', 'variance', 'wasserstein'"),
        ((("variance",), {"clusters": None}), "settings of the check 'variance' must be among"),
        ((("variance",), {"alpha": 0.1}), "settings of the check 'variance' must be among"),
        ((("variance",), {"detect": 2.0}), "detect must be a number in"),
    ],
)
def test_unknown_checks_and_settings_are_refused(arguments, message):
    with pytest.raises(InvalidArgument, match=message):
        Check(*arguments[0], **arguments[1])


def test_gates_without_checks_or_with_one_twice_are_refused():
    with pytest.raises(InvalidArgument, match="at least one"):
        Gate(draws(0), [])
    with pytest.raises(InvalidArgument, match=r"checks must differ .* Check\('variance'\) twice"):
        Gate(draws(0), ["variance", "variance"])
    with pytest.raises(InvalidArgument, match="check must be one of the gate's"):
        Gate(draws(0), ["variance"]).judge_one("tail_mass", draws(1))


def test_a_verdict_is_one_sentence_with_all_numbers():
    verdict = check_variance(draws(10, 900, 0.7), draws(11, 900), permutations=199)
    sentence = str(verdict)

    assert sentence.startswith("FAIL variance: loss 0.")
    for part in ("of the variance", "tolerate 0.05", "detect 0.2", "n = 900", "m = 900", "p = "):
        assert part in sentence
    assert "\n" not in sentence


def test_an_inconclusive_verdict_says_what_it_takes():
    reference = draws(12, 50_000)
    verdict = check_tail_mass(draws(13, 500), reference)

    assert str(verdict).startswith("INCONCLUSIVE tail_mass")
    assert verdict.size_needed[0] > 500
    assert verdict.size_needed[1] == 50_000
    assert f"a loss-free model passes with n = {verdict.size_needed[0]:,}" in str(verdict)


def test_verdicts_raise_what_they_are():
    reference = draws(14, 3_000)
    with pytest.raises(CollapseError, match="FAIL variance"):
        check_variance(draws(15, 3_000, 0.5), reference, permutations=199).raise_unless_passed()
    with pytest.raises(Inconclusive, match="INCONCLUSIVE variance"):
        check_variance(draws(15, 50), reference, permutations=199).raise_unless_passed()
    check_variance(draws(15, 3_000), reference, permutations=199).raise_unless_passed()


@pytest.mark.parametrize("columns", [1, 2])
def test_a_verdict_is_plain_json(columns):
    gate = Gate(draws(16, (500, columns)), FEW)
    for verdict in gate.judge(draws(17, (30, columns))).verdicts:
        plain = verdict.to_dict()
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
        assert {"outcome", "metric", "statistic", "estimate", "low", "high", "size_needed"} <= set(
            plain
        )
        for value in plain.values():
            assert type(value) in (str, int, float, list, type(None))


def test_notes_are_collected_once():
    rng = generator(18)
    wide = np.column_stack([rng.normal(size=400), rng.normal(size=400), np.ones(400)])
    result = Gate(wide, FEW).judge(wide)

    assert result.notes == ("constant in the reference and not judged: column 2",)


def test_the_footer_states_both_rates():
    assert "P(any fail | every loss within tolerate) <= alpha" in FOOTER
    assert "P(all pass | some loss at or beyond its detect) <= beta" in FOOTER
