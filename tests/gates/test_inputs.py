"""What the checks refuse, and what they make of very few rows."""

import json

import numpy as np
import pytest

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates import (
    Check,
    Gate,
    assert_tail_mass,
    assert_variance,
    assert_wasserstein,
    check_tail_mass,
    check_variance,
    check_wasserstein,
)
from collapse_bench.models import Gaussian
from collapse_bench.streams import generator

FEW = [Check(metric, permutations=300) for metric in ("tail_mass", "variance", "wasserstein")]
CHECKS = [check_tail_mass, check_variance, check_wasserstein]
ROWS = generator(0).normal(size=(200, 2))
LINE = ROWS[:, 0]

everyone = pytest.mark.parametrize("check", CHECKS)


@everyone
@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([1.0, np.nan], "samples must be finite; 1 of 2 values are not, the first at row 1"),
        ([1.0, np.inf], "samples must be finite"),
        ([], "samples must have shape"),
        (ROWS, r"samples must have 1 columns; got shape \(200, 2\)"),
        (np.zeros((2, 2, 2)), "samples must have shape"),
        ([1e160, 0.0], "samples must hold values up to 1e\\+150"),
        (Gaussian(), "samples must be rows that a model drew; got the model Gaussian"),
    ],
)
def test_samples_that_no_statistic_can_use_are_refused(check, samples, message):
    with pytest.raises(InvalidSamples, match=message):
        check(samples, LINE)


@everyone
def test_references_that_do_not_vary_are_refused(check):
    with pytest.raises(InvalidSamples, match=r"reference must vary .* all of its 5 rows are equal"):
        check(LINE, np.ones(5))


@pytest.mark.parametrize("check", [check_variance, check_wasserstein])
@pytest.mark.parametrize("kind", ["codes", None])
def test_codes_are_refused_where_only_numbers_can_be_compared(check, kind):
    codes = np.array([1, 2, 3]) if kind else np.array(["a", "b"])
    with pytest.raises(InvalidArgument, match="kind must be 'numbers' for the check"):
        check(codes, codes, kind=kind)


@everyone
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tolerate": 0.3, "detect": 0.2}, "tolerate must be below detect; got tolerate=0.3"),
        ({"tolerate": -0.1}, "tolerate must be a number in"),
        ({"detect": np.nan}, "detect must be a number in"),
        ({"alpha": 0.0}, "alpha must be a number in"),
        ({"beta": 0.5}, "beta must be a number in"),
        ({"permutations": 50}, "permutations must be an integer >= 100; got permutations=50"),
        ({"seed": -1}, "seed must be a non-negative integer"),
        ({"kind": "images"}, "kind must be"),
    ],
)
def test_settings_out_of_range_are_refused(check, settings, message):
    with pytest.raises(InvalidArgument, match=message):
        check(LINE, LINE, **settings)


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (check_variance, "guarantee"),
        (check_wasserstein, "guarantee"),
    ],
)
def test_what_is_not_built_is_an_unknown_argument(check, name):
    with pytest.raises(TypeError, match=name):
        check(LINE, LINE, **{name: None})


@pytest.mark.parametrize(
    ("check", "settings", "message"),
    [
        (check_tail_mass, {"mass": 0.6}, "mass must be a number in"),
        (check_tail_mass, {"tail": "left"}, "tail must be one of 'upper', 'lower', 'both'"),
        (check_tail_mass, {"score": 3}, "score must be callable, 'surprisal' or None; got score=3"),
        (
            check_tail_mass,
            {"score": np.mean},
            r"score must return one number a row, shape \(200,\)",
        ),
        (check_tail_mass, {"score": lambda x: x[:, 0] / 0}, "score must return finite numbers"),
        (check_variance, {"scale": "iqr"}, "scale must be one of 'auto', .* got scale='iqr'"),
        (check_tail_mass, {"guarantee": "this"}, "guarantee must be one of 'average', 'reference'"),
        (check_wasserstein, {"order": 2}, "order must be 1, .* got order=2"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_settings_of_one_check_are_refused(check, settings, message):
    with pytest.raises(InvalidArgument, match=message):
        check(LINE, LINE, **settings)


def test_ends_and_scales_of_several_columns_are_refused():
    with pytest.raises(InvalidArgument, match="tail must be 'both' for more than one column"):
        check_tail_mass(ROWS, ROWS, tail="upper")
    several = "scale must be 'auto' or 'logdet' or 'weakest_direction' for more than one column"
    with pytest.raises(InvalidArgument, match=several):
        check_variance(ROWS, ROWS, scale="variance")
    with pytest.raises(InvalidArgument, match="for a single column that varies; got scale='logde"):
        check_variance(LINE, LINE, scale="logdet")


def test_counts_can_not_be_winsorized():
    counts = generator(1).poisson(3, 1_000)
    with pytest.raises(InvalidArgument, match="scale must be 'variance' or 'auto' for a reference"):
        check_variance(counts, counts, scale="winsorized")


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("size", [1, 2, 10])
@pytest.mark.parametrize("reference_size", [2, 500])
def test_a_few_rows_never_pass_and_never_crash(size, reference_size, columns):
    rng = generator(2)
    gate = Gate(rng.normal(size=(reference_size, columns)), FEW)
    for samples in (rng.normal(size=(size, columns)), np.zeros((size, columns))):
        result = gate.judge(samples)
        assert all(verdict.outcome != "pass" for verdict in result.verdicts)
        json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("law", ["normal", "t3"])
def test_a_constant_is_a_total_collapse(law, columns):
    rng = generator(3)
    shape = (1_000, columns)
    reference = rng.normal(size=shape) if law == "normal" else rng.standard_t(3, shape)
    result = Gate(reference, FEW).judge(np.zeros((1_000, columns)))
    tail, variance, wasserstein = result.verdicts

    assert result.outcome == "fail"
    assert [verdict.outcome for verdict in result.verdicts] == ["fail"] * 3
    assert tail.estimate == variance.estimate == 1
    assert wasserstein.estimate > 0.5


def test_assertions_take_the_same_settings():
    rng = generator(4)
    for check in (assert_tail_mass, assert_variance, assert_wasserstein):
        check(rng.normal(size=3_000), rng.normal(size=3_000), detect=0.9, permutations=199)


def test_a_law_as_reference_is_drawn_from():
    verdict = check_variance(generator(5).normal(size=3_000), Gaussian(), permutations=199)

    assert verdict.reference_size == 100_000
    assert verdict.outcome == "pass"


def test_names_of_columns_must_agree():
    from collapse_bench.data import SampleSet

    ours = SampleSet.of(ROWS, columns=("a", "b"))
    theirs = SampleSet.of(ROWS, columns=("b", "a"))
    with pytest.raises(InvalidSamples, match="samples must have the reference's columns"):
        check_variance(ours, theirs)
    assert check_variance(ours, ours, permutations=199).metric == "variance"
