import json
from dataclasses import replace

import numpy as np
import pytest

from collapse_bench.errors import InvalidArgument
from collapse_bench.reports.trajectories import summarize
from collapse_bench.trajectory import Trajectory


@pytest.fixture
def trajectory():
    """Five lineages of two generations; one collapses to a point in the last."""
    variance = np.array([[1.0, 0.9], [1.0, 0.8], [1.0, 0.7], [1.0, 0.6], [1.0, 0.5]])
    with np.errstate(divide="ignore"):
        log = np.log(variance - 0.5 * (variance == 0.5))
    return Trajectory(
        values={"variance": variance, "log_variance": log},
        measured={"variance": "law", "log_variance": "samples"},
        steps=np.array([0, 1]),
        sizes=np.array([100]),
        seed=7,
        regime="Replace()",
        family="Gaussian",
        last=(),
    )


def test_lineages_are_summed_up_generation_by_generation(trajectory):
    summary = summarize(trajectory, scenario="replace", theory={"variance": (1.0, 0.7)})
    variance = summary["metrics"]["variance"]

    assert variance["median"] == [1.0, 0.7]
    # numpy interpolates: 5 % lies a fifth of the way from the lowest of five to the next
    assert variance["low"] == pytest.approx([1.0, 0.52], rel=1e-12)
    assert variance["high"] == pytest.approx([1.0, 0.88], rel=1e-12)
    assert variance["mean"] == pytest.approx([1.0, 0.7], rel=1e-12)  # rounding of a sum of five
    assert variance["theory"] == [1.0, 0.7]
    assert variance["measured"] == "law"
    assert (summary["size"], summary["seed"], summary["steps"]) == (100, 7, [0, 1])
    assert (summary["regime"], summary["family"]) == ("Replace()", "Gaussian")


def test_what_is_not_finite_is_null_with_a_reason(trajectory):
    log = summarize(trajectory, scenario="x")["metrics"]["log_variance"]

    assert log["mean"][1] is None
    assert log["theory"] is None
    assert log["reason"] == "some lineages have no finite value"
    json.dumps(log, allow_nan=False)


def test_sizes_that_differ_are_listed(trajectory):
    longer = replace(trajectory, values={"variance": np.ones((5, 3))}, sizes=np.array([100, 200]))

    assert summarize(longer, scenario="x")["size"] == [100, 200]


def test_the_profile_stands_beside_the_curves(trajectory):
    six = {"variance": np.repeat([[1.0, 0.5]], 6, axis=0)}
    profile = summarize(replace(trajectory, values=six), scenario="x")["profile"]

    assert (profile["stage"], profile["fate"], profile["onset"]) == ("late", "collapsing", 1)
    assert profile["text"] == str(replace(trajectory, values=six).profile())
    few = summarize(trajectory, scenario="x")["profile"]
    assert few["stage"] == "inconclusive"
    assert "5 lineages are fewer than the 6 that a median takes" in few["reason"]
    json.dumps(few, allow_nan=False)


@pytest.mark.parametrize(
    ("theory", "words"),
    [
        ({"variance": [1.0]}, "must have 2 values of variance, one a generation"),
        ({"entropy": [1.0, 1.0]}, r"must name measured metrics \(variance, log_variance\)"),
    ],
)
def test_theory_must_fit_what_was_measured(trajectory, theory, words):
    with pytest.raises(InvalidArgument, match=words):
        summarize(trajectory, scenario="x", theory=theory)
