"""What the drift check can't decide, and what it refuses."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from collapse_bench.engine import recurse
from collapse_bench.errors import CollapseError, Inconclusive, InvalidArgument
from collapse_bench.gates import assert_drift, check_drift, plan_drift
from collapse_bench.gates.neutral import neutral_lineages
from collapse_bench.models import Gaussian
from collapse_bench.regimes import Accumulate
from collapse_bench.streams import generator

SIZE, GENERATIONS = 100, 8
DRIFT = {"size": SIZE, "generations": GENERATIONS}
ROWS = generator(1).normal(3.0, 2.0, 4_000)


def gaussian_lineages(count, seed, *, factor=1.0, size=SIZE):
    """Return log-variances of Gaussian models: sums of logs of chi-squares."""
    draws = generator(seed, "gaussian").chisquare(size - 1, (count, GENERATIONS))
    steps = np.log(factor * draws / size)
    return np.concatenate([np.zeros((count, 1)), np.cumsum(steps, axis=1)], axis=1)


# ---- what can't be decided


def test_three_lineages_decide_nothing():
    verdict = check_drift(gaussian_lineages(3, 18, factor=0.1), reference=Gaussian(), size=SIZE)

    assert verdict.outcome == "inconclusive"
    assert "3 lineages are fewer than the 4 that this takes" in verdict.reason
    assert verdict.estimate == pytest.approx(0.9, abs=0.1)
    assert verdict.pvalue_fail is verdict.pvalue_pass is verdict.low is verdict.high is None
    assert verdict.size_needed == (plan_drift(Gaussian(), **DRIFT).to_pass, 2_000)
    assert check_drift(
        gaussian_lineages(4, 18, factor=0.1), reference=Gaussian(), size=SIZE
    ).outcome == ("fail")


@pytest.mark.parametrize(("size", "outcome"), [(31, "inconclusive"), (32, "fail")])
def test_samples_of_less_than_four_times_the_generations_decide_nothing(size, outcome):
    values = gaussian_lineages(40, 19, factor=0.5, size=size)
    verdict = check_drift(values, reference=Gaussian(), size=[*[500] * 7, size])

    assert verdict.outcome == outcome
    if outcome == "inconclusive":
        assert "samples of 31 are too few for 8 generations" in verdict.reason
        assert "it takes 32, or fewer generations" in verdict.reason
        assert verdict.size_needed is None


def test_a_reference_whose_neutral_lineages_become_points_decides_nothing():
    rows = np.repeat([0.0, 1.0], [497, 3])
    verdict = check_drift(np.zeros((9, 3)), reference=rows, size=50, growth=(0.05, 0.2))

    assert verdict.outcome == "inconclusive"
    assert "neutral lineages become a point" in verdict.reason
    assert verdict.estimate is None
    assert "NaN" not in json.dumps(verdict.to_dict())


def test_too_few_lineages_are_told_how_many_it_takes():
    effects = {"tolerate": 0.02, "detect": 0.05}
    values = gaussian_lineages(4, 20)
    verdict = check_drift(values, reference=Gaussian(), size=SIZE, **effects)
    plan = plan_drift(Gaussian(), **DRIFT, **effects)

    assert verdict.outcome == "inconclusive"
    assert verdict.size_needed == (plan.to_pass, 2_000)
    assert f"a loss-free model passes with n = {plan.to_pass} lineages" in verdict.reason


def test_a_loss_between_the_effects_is_said_to_be_there():
    values = gaussian_lineages(20, 21)
    changes = values[:, -1] - values[:, -1].mean()
    neutral = neutral_lineages(Gaussian(), (SIZE,) * GENERATIONS).changes.mean()
    values[:, -1] = changes + neutral + GENERATIONS * math.log(0.88)  # a loss of 0.12
    effects = {"tolerate": 0.09, "detect": 0.15, "alpha": 1e-4, "beta": 1e-4}
    verdict = check_drift(values, reference=Gaussian(), size=SIZE, **effects)

    assert verdict.estimate == pytest.approx(0.12, rel=1e-9)
    assert verdict.outcome == "inconclusive"
    assert "the loss may lie between tolerate and detect" in verdict.reason


def test_assertions_raise_the_verdict():
    arguments = {"reference": Gaussian(), "size": SIZE}
    assert_drift(gaussian_lineages(12, 22), **arguments)
    with pytest.raises(CollapseError, match=r"FAIL drift: loss .* beyond neutral drift"):
        assert_drift(gaussian_lineages(12, 22, factor=0.7), **arguments)
    with pytest.raises(Inconclusive, match="INCONCLUSIVE drift"):
        assert_drift(gaussian_lineages(3, 22), **arguments)


# ---- bad input

VALUES = np.zeros((5, 3))


@pytest.mark.parametrize(
    ("values", "changed", "words"),
    [
        (np.zeros(5), {}, r"values must be a trajectory or log-variances of shape \(R, n \+ 1\)"),
        (np.zeros((5, 1)), {}, "values must be a trajectory or log-variances"),
        (np.zeros((0, 3)), {}, "values must be a trajectory or log-variances"),
        (np.zeros((5, 3), complex), {}, "values must be .* got complex128 of shape"),
        (np.full((5, 3), np.nan), {}, "values must be finite or -inf; got NaN or inf"),
        (np.full((5, 3), np.inf), {}, "values must be finite or -inf; got NaN or inf"),
        (np.full((5, 3), -np.inf), {}, "values must be finite in generation 0; got -inf"),
        (VALUES, {"reference": None}, "reference must be given with an array; got reference=None"),
        (VALUES, {"size": None}, "size must be given with an array; got size=None"),
        (VALUES, {"size": [50]}, "size must be a number or 2 of them, one a generation; got 1"),
        (VALUES, {"size": 1}, "size must be an integer >= 2; got size=1"),
        (VALUES, {"size": 50.0}, "size must be an integer >= 2"),
        (VALUES, {"eval_size": 1}, "eval_size must be an integer >= 2"),
        (VALUES, {"founder_size": -1}, "founder_size must be an integer >= 0"),
        (VALUES, {"founder_size": 5_000}, "founder_size must be at most the reference's 4,000"),
        (VALUES, {"neutral_drift": lambda size: np.nan}, r"neutral_drift\(size\) must be a number"),
        (VALUES, {"tolerate": 0.3}, "tolerate must be below detect"),
        (VALUES, {"detect": 1.0}, r"detect must be a number in \(0, 1\)"),
        (VALUES, {"alpha": 0.0}, r"alpha must be a number in \(0, 0.5\)"),
        (VALUES, {"beta": np.nan}, r"beta must be a number in \(0, 0.5\)"),
        (VALUES, {"growth": 0.1}, r"growth must be None or a pair \(tolerate, detect\)"),
        (VALUES, {"seed": -1}, "seed must be a non-negative integer"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(values, changed, words):
    arguments = {"reference": ROWS, "size": 50, **changed}
    with pytest.raises(InvalidArgument, match=words):
        check_drift(values, **arguments)


def test_trajectories_without_a_neutral_null_are_refused():
    recursion = {"generations": 2, "size": 50, "replicates": 4}
    plain = recurse(Gaussian(), **recursion)
    with pytest.raises(InvalidArgument, match="add 'log_variance' to metrics= of recurse"):
        check_drift(plain)
    with pytest.raises(InvalidArgument, match="size must be left out for a trajectory"):
        check_drift(plain, size=50)
    with pytest.raises(InvalidArgument, match=r"of the regime Replace\(\).*got Accumulate"):
        check_drift(recurse(Gaussian(), regime=Accumulate(), **recursion))
    judged = recurse(Gaussian(), **recursion, metrics=["log_variance"])
    with pytest.raises(InvalidArgument, match="reference must be rows or a law"):
        check_drift(replace(judged, reference=None))
