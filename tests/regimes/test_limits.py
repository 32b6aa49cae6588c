"""Regimes and schedules at the ends of their ranges, and what two routes to a pool must share."""

import numpy as np
import pytest
from scipy import stats

from collapse_bench.engine import recurse
from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.regimes import AccumulateSubsample, Curate, superlinear
from collapse_bench.sources import Step
from collapse_bench.streams import generator

# |z| <= 4.5 raises a false alarm once in 150,000 comparisons of a correct build.
Z = 4.5


def first(samples):
    return samples[:, 0]


@pytest.mark.parametrize("replicates", [None, 2])
def test_the_best_come_in_random_order(replicates):
    """A model that is fitted in order must not see scores fall: no rank correlation with place."""
    founder = Gaussian() if replicates is None else Gaussian().replicate(replicates)
    training = Curate(first, 0.5).compose([founder], None, 0, 400, generator(0))
    for rows in training[None] if replicates is None else training:
        assert abs(stats.spearmanr(np.arange(400), rows[:, 0]).statistic) <= Z / 399**0.5


@pytest.mark.parametrize("keep", [1e-320, 1e-11, 9 / 2**31])
def test_more_candidates_than_samples_may_have_are_refused(keep):
    with pytest.raises(
        InvalidArgument,
        match=r"^keep must leave size / keep <= 2,147,483,648 candidates; got keep=.*, size=10$",
    ):
        recurse(Gaussian(), regime=Curate(first, keep), size=10, generations=1)


def test_as_many_candidates_as_samples_may_have_are_asked_for():
    part = Curate(first, 10 / 2**31).parts(Step([Gaussian()], None, 0, 10, generator(0)))[0]
    assert part.count == 2**31


@pytest.mark.parametrize("power", [1e6, 400.0])
def test_a_schedule_that_leaves_the_floats_is_refused_where_it_does(power):
    schedule = superlinear(10, power)
    assert schedule(0) == 10
    with pytest.raises(InvalidArgument, match=r"^power must keep size \* .* finite; got .* t=5$"):
        schedule(5)
    with pytest.raises(InvalidArgument, match=r"^power must keep size"):
        recurse(Gaussian(), size=schedule, generations=6)


@pytest.mark.parametrize("size", ["100", b"100", ""])
def test_a_size_in_letters_is_no_sequence_of_sizes(size):
    with pytest.raises(InvalidArgument, match=rf"^size must be an integer >= 1; got size={size!r}"):
        recurse(Gaussian(), size=size, generations=3)


@pytest.mark.parametrize("path", ["samples", "statistics"])
def test_reference_rows_are_in_the_pool_and_count(path):
    """40 of a pool of 30 rows and 10 draws are all of them; 41 are too many, it says of what."""
    rows, founder = np.repeat([0, 1], [10, 20]), Categorical([0.0, 0.0, 1.0]).replicate(3)

    def drawn(size):
        process = AccumulateSubsample(size).begin()
        if path == "statistics":
            return process.summarize(Step([founder], rows, 0, 10, generator(0)))
        return founder.summarize(process.compose([founder], rows, 0, 10, generator(0)))

    assert drawn(40).counts.tolist() == [[10, 20, 10]] * 3
    with pytest.raises(InvalidArgument, match="which holds 40 samples in generation 1; got size=4"):
        drawn(41)
