from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.engine import recurse
from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Gaussian
from collapse_bench.regimes import constant, linear, superlinear

FLOAT: Any = 2.0


def test_schedules_by_hand():
    assert [constant(7)(t) for t in range(3)] == [7, 7, 7]
    assert [linear(5)(t) for t in range(4)] == [5, 10, 15, 20]
    assert [superlinear(4)(t) for t in range(4)] == [4, 12, 21, 32]  # 4 * 2^1.5 = 11.3
    assert [superlinear(3, 2)(t) for t in range(4)] == [3, 12, 27, 48]


@given(st.integers(1, 1_000), st.floats(1.01, 3), st.integers(0, 200))
def test_superlinear_is_the_least_integer_that_is_enough(size, power, t):
    draws = superlinear(size, power)(t)
    enough = size * (t + 1) ** power

    assert isinstance(draws, int)
    assert enough <= draws < enough + 1
    assert draws >= linear(size)(t)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: linear(0), "size must be an integer >= 1; got size=0"),
        (lambda: superlinear(FLOAT), "size must be an integer >= 1; got size=2.0"),
        (lambda: superlinear(5, 1), r"power must be a number in \(1, inf\); got power=1"),
        (lambda: superlinear(5, np.nan), "power must be a number"),
    ],
)
def test_bad_schedules_are_refused(make, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        make()


def test_a_recursion_follows_its_schedule():
    trajectory = recurse(Gaussian(), generations=4, size=superlinear(10), metrics=["variance"])

    assert trajectory.sizes.tolist() == [10, 29, 52, 80]
