import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from collapse_bench.regions import Ellipsoid, Region, States, Tails

lines = hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.just(1)), elements=st.floats(-9, 9))
clouds = hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.floats(-9, 9))


def test_tails_by_hand():
    samples = np.array([[-3.0], [-2.0], [0.0], [2.0], [3.0]])

    assert Tails(-2, 2).contains(samples).tolist() == [True, False, False, False, True]
    assert Tails(lower=-2).contains(samples).tolist() == [True, False, False, False, False]
    assert Tails(upper=2).contains(samples).tolist() == [False, False, False, False, True]


@given(lines)
def test_no_tail_holds_nothing(samples):
    assert not Tails().contains(samples).any()


@given(lines, st.floats(-9, 9), st.floats(-9, 9))
def test_both_tails_are_the_two_together(samples, lower, upper):
    both = Tails(lower, upper).contains(samples)

    np.testing.assert_array_equal(
        both, Tails(lower=lower).contains(samples) | Tails(upper=upper).contains(samples)
    )


@given(lines, st.floats(0, 9))
def test_on_the_line_an_ellipsoid_is_two_tails(samples, radius):
    ellipsoid = Ellipsoid(np.ones(1), np.full((1, 1), 0.5), radius)  # scale 2 about 1
    away = np.abs(np.abs(samples[:, 0] - 1) - 2 * radius) > 1e-9  # a border that rounding moves

    np.testing.assert_array_equal(
        ellipsoid.contains(samples)[away],
        Tails(1 - 2 * radius, 1 + 2 * radius).contains(samples)[away],
    )


@given(clouds)
def test_an_ellipsoid_is_a_ball_in_white_coordinates(samples):
    center, whitening = np.array([1.0, -1.0]), np.array([[0.5, 0.1], [0.0, 2.0]])
    distance = np.linalg.norm((samples - center) @ whitening, axis=1)
    away = np.abs(distance - 3) > 1e-9  # a border that rounding moves

    np.testing.assert_array_equal(
        Ellipsoid(center, whitening, 3.0).contains(samples)[away], (distance > 3)[away]
    )


def test_replicates_are_told_apart():
    samples = np.arange(12.0).reshape(2, 3, 2)
    inside = Ellipsoid(np.zeros(2), np.eye(2), 5.0).contains(samples)

    assert inside.tolist() == [[False, False, True], [True, True, True]]
    assert Tails(upper=4).contains(samples[..., :1]).tolist() == [
        [False, False, False],
        [True, True, True],
    ]


@pytest.mark.parametrize("codes", [("a", "c"), (1, 3), (True,)])
def test_states_are_those_named(codes):
    samples = np.array([codes[0], codes[-1]] * 2)

    assert States(codes).contains(samples).all()
    assert not States(codes).contains(np.array(["zz", "b"] if codes[0] == "a" else [0, 0])).any()


@given(hnp.arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 5)))
def test_states_agree_with_a_set(samples):
    assert States((1, 4)).contains(samples).tolist() == [code in {1, 4} for code in samples]


@pytest.mark.parametrize(
    "region", [Tails(), Ellipsoid(np.zeros(1), np.eye(1), 1.0), States(("a",))]
)
def test_each_is_a_region(region):
    assert isinstance(region, Region)
