"""How axes depend on one another, and the ends of a law, each by itself."""

import math

import numpy as np
import pytest

from collapse_bench import conformance
from collapse_bench.conformance.fit_fidelity import _findings, _variances, far_pvalue
from collapse_bench.conformance.frame import Frame
from collapse_bench.conformance.projections import JOINT, View
from collapse_bench.conformance.regions import regions
from collapse_bench.controls import Oracle
from collapse_bench.controls.rules import Learner, Normal, moments
from collapse_bench.errors import CollapseError
from collapse_bench.streams import generator


class Law:
    """What a function of size and stream draws."""

    kind = "numbers"

    def __init__(self, drawn):
        self.drawn = drawn

    def sample(self, size, *, rng):
        return self.drawn(size, rng).reshape(size, -1)


def normal_with(change):
    """Return the learner of a normal law whose draws are changed, in units of their own."""

    def rule(model, rows, rng):
        law = moments(rows)
        return Law(
            lambda size, rng: law.mean + law.scale * change(rng.standard_normal((size, 1)), rng)
        )

    return Learner(Normal(), rule)


def circle(size, rng):
    """Return points about a circle: without correlation, and far from independent."""
    angle = 2 * np.pi * rng.random(size)
    near = 0.05 * rng.standard_normal((size, 2))
    return np.column_stack([np.cos(angle), np.sin(angle)]) + near


def apart(model, rows, rng):
    """Return the rule that learns each column by itself."""
    columns = rows.T.copy()
    return Law(lambda size, rng: np.column_stack([rng.choice(x, size) for x in columns]))


# --- the view: by hand --------------------------------------------------------------------------


def test_joint_columns_are_products_and_the_distance():
    frame = Frame.of(generator(1).standard_normal((500, 3)) * [5, 3, 1])
    view = View.of(frame, generator(2))
    scores = np.array([[4.0, -9.0, 12.0], [0.0, 1.0, 0.0]])
    rows = frame.center + scores @ np.linalg.inv(frame.axes)
    columns = view.columns(rows)
    turned = scores @ view.pair

    assert view.names == ("along axis 1", "along axis 2", "along axis 3", *JOINT)
    assert view.pair.T @ view.pair == pytest.approx(np.eye(2))  # rounding of a decomposition
    assert columns[:, :3] == pytest.approx(scores, abs=1e-12)
    assert columns[:, 3:5] == pytest.approx(turned, abs=1e-12)
    assert columns[:, 5] == pytest.approx([-6.0, 0.0], abs=1e-5)  # a root near 0
    assert columns[:, 6] ** 2 == pytest.approx(np.abs(turned[:, 0] * turned[:, 1]))
    assert np.sign(columns[:, 6]).tolist() == np.sign(turned[:, 0] * turned[:, 1]).tolist()
    assert columns[:, 7] == pytest.approx([241**0.25, 1.0])


def test_one_axis_and_codes_have_no_joint_columns():
    line = View.of(Frame.of(np.arange(9.0)[:, None]), generator(2))
    codes = View.of(Frame.of(np.array(["a", "a", "b"])), generator(2))

    assert line.names == codes.names == ("",)
    assert codes.columns(np.array(["b", "a"]))[:, 0].tolist() == [2 / 3, 0.0]


@pytest.mark.parametrize("check", ["check_one_step_fidelity", "check_consistency"])
def test_columns_learned_apart_are_noticed(check):
    assert getattr(conformance, check)(Oracle(Law(circle)))
    with pytest.raises(CollapseError, match=r"root product|root distance from the center"):
        getattr(conformance, check)(Learner(Law(circle), apart))


def test_directions_without_spread_are_named():
    law = Law(lambda size, rng: np.column_stack([rng.standard_normal(size), np.ones(size)]))

    for check in (conformance.check_one_step_fidelity, conformance.check_consistency):
        assert "; 1 of 2 directions don't vary and were left out" in check(Oracle(law))
    assert Frame.of(np.arange(9.0)[:, None]).left_out == ""
    assert Frame.of(np.array(["a", "b"])).left_out == ""


# --- distances ----------------------------------------------------------------------------------


def test_a_distance_has_the_pvalue_of_its_excess():
    # 2 exp(-n e^2) of two samples of n = 100,000, for an excess of .02 - .01
    assert far_pvalue(0.02, 1) == pytest.approx(2 * math.exp(-10))
    assert far_pvalue(0.02, 3) == pytest.approx(6 * math.exp(-10))
    assert far_pvalue(0.01, 1) == far_pvalue(0.0, 1) == 1.0


# --- variances of heavy tails -------------------------------------------------------------------


def test_a_variance_is_held_from_a_kurtosis_of_six_on():
    rng = generator(4)
    logistic, laplace = rng.logistic(size=20_000), rng.laplace(size=20_000)  # 4.2 and 6

    assert _variances(logistic, logistic, logistic, "").what == "the variance"
    assert "held" in _variances(np.append(laplace, 9.0), laplace, laplace, "").what
    assert "held" in _variances(np.append(logistic, 50.0), logistic, logistic, "").what


@pytest.mark.parametrize("swapped", [False, True])
def test_one_value_far_off_in_either_sample_decides_nothing(swapped):
    pilot, light, other = generator(5).standard_normal((3, 50_000))
    far = np.append(other[1:], 1e5)
    found = _variances(pilot, *((far, light) if swapped else (light, far)), "")

    assert "held" in found.what
    assert abs(found.loss) < 0.02
    assert found.fails > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_a_mode_that_is_too_rare_to_be_planned_for_is_no_loss(seed):
    def law(size, rng):
        return np.where(rng.random(size) < 2e-6, 1e5, rng.standard_normal(size))

    assert conformance.check_one_step_fidelity(Oracle(Law(law)), seed=seed)


def test_values_where_the_truth_has_none_are_noticed():
    def change(z, rng):
        return np.where(rng.random(z.shape) < 2e-4, 50.0, z)

    with pytest.raises(CollapseError, match="2 times as far as the truth grew by inf"):
        conformance.check_one_step_fidelity(normal_with(change))


def test_one_axis_is_enough_to_be_far_off():
    rows = generator(6).standard_normal((20_000, 2)) * [3, 1]
    view = View.of(Frame.of(rows), generator(2))
    (afar,) = (x for x in regions(view) if "times as far" in x.what)
    edges = np.abs(rows).max(axis=0)
    far = np.array([[0.0, 2.1 * edges[1]], [2.1 * edges[0], 0.0], [1.9 * edges[0], 0.0]])

    assert afar.holds(far, view.columns(far)).tolist() == [True, True, False]
    found = [x for x in _findings(view, rows, rows) if "times as far" in x.what]
    assert [x.passes for x in found] == [0.0]  # nothing there needs be excluded


# --- ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("reach", [2.85, 3.1])
def test_one_end_that_is_clipped_is_noticed(reach, sign):
    model = normal_with(lambda z, rng: sign * np.minimum(sign * z, reach))

    with pytest.raises(CollapseError, match=f"the {'highest' if sign > 0 else 'lowest'} 0.00"):
        conformance.check_one_step_fidelity(model)


def test_ends_have_half_of_the_mass_each_and_a_distance_has_one_end():
    rows = generator(7).standard_normal((20_000, 2))
    view = View.of(Frame.of(rows), generator(2))
    counted = [x for x in regions(view) if x.excludes]
    shares = [float(x.holds(rows, view.pilot).mean()) for x in counted]

    assert shares == [x.share for x in counted]
    assert [x.share for x in counted if x.what.endswith("axis 2")] == (
        [0.05, 0.005, 0.0005, 0.025, 0.025, 0.0025, 0.0025]
    )
    assert [x.what for x in counted if "axis" not in x.what] == (
        [
            f"the highest {mass} of the root distance from the center"
            for mass in (0.05, 0.005, 0.0005)
        ]
    )


def test_what_lies_beyond_an_edge_that_many_share_is_counted_by_itself():
    values = np.repeat([0.0, 1.0, 2.0], [19_000, 990, 10])[:, None]
    view = View.of(Frame.of(values), generator(2))
    named = {x.what: x for x in regions(view)}
    beyond = named["the highest 0.0025, its edge left out"]

    assert beyond.holds(values, view.pilot).sum() == 10
    assert named["the highest 0.0025"].holds(values, view.pilot).sum() == 1_000
    assert not beyond.excludes
    clipped = np.minimum(values, 1.0)
    found = {x.what: x for x in _findings(view, values, clipped)}
    assert found[beyond.what].loss == 1.0
    assert found["the highest 0.0025"].loss == 0.0
