"""Bad input to the collapse profile: each is refused in a sentence."""

import math

import numpy as np
import pytest

from collapse_bench.errors import InvalidArgument
from collapse_bench.profile import collapse_profile

SIZE = 100


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"tolerate": 0.3}, "tolerate must be below detect; got tolerate=0.3, detect=0.2"),
        ({"detect": 1.0}, r"detect must be a number in \(0, 1\); got detect=1.0"),
        ({"tail_detect": 0}, r"tail_detect must be a number in \(0, 1\); got tail_detect=0"),
        ({"alpha": math.nan}, r"alpha must be a number in \(0, 0.5\); got alpha=nan"),
        ({"alpha": 0.5}, "alpha must be a number"),
        ({"diversity": 0.0}, r"diversity must be a number in \(0, 1\]; got diversity=0.0"),
    ],
)
def test_arguments_out_of_range_are_refused(keywords, sentence):
    values = {"gini_simpson": np.full((4, 2), 0.5)}

    with pytest.raises(InvalidArgument, match=sentence):
        collapse_profile(values, [SIZE], **keywords)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (0, 2), (4, 1)])
def test_values_of_another_shape_are_refused(shape):
    with pytest.raises(InvalidArgument, match=r"values must have shape \(R, T \+ 1\)"):
        collapse_profile({"variance": np.ones(shape)}, [SIZE])


def test_nan_is_refused():
    with pytest.raises(InvalidArgument, match="got NaN among those of 'tail_mass'"):
        collapse_profile({"tail_mass": np.array([[1, math.nan]])}, [SIZE])
    with pytest.raises(InvalidArgument, match="sizes must be an integer"):
        collapse_profile({"variance": np.ones((4, 2))}, [0])
