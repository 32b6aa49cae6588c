"""Neutral lineages, against enumeration and the exact mean of a resampler's variance.

Simulated counts and means lie within 4.5 standard errors: a false alarm in 150,000 comparisons.
"""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates import neutral as module
from collapse_bench.gates.neutral import neutral_lineages
from collapse_bench.models import Gaussian
from collapse_bench.streams import generator

Z = 4.5
COINS = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 1.0])


class Lognormal:
    """A law without moments()."""

    def sample(self, size, *, rng):
        return np.exp(rng.standard_normal((size, 1)))


def kept(changes):
    """Return the mean share of variance that is kept, and its standard error."""
    share = np.exp(changes)
    return share.mean(), share.std() / math.sqrt(len(share))


def variance_of(ones, size):
    share = ones / size
    return share * (1 - share)


def resampled(counts, width, size):
    """Return the law of the number of ones after ``size`` draws from ``width`` rows."""
    law = Counter()
    for ones, mass in counts.items():
        for drawn in range(size + 1):
            law[drawn] += mass * stats.binom.pmf(drawn, size, ones / width)
    return law


def enumerated(sizes, founder_size, eval_size):
    """Return the law of the log-change of variance, None where a founder or an end is a point."""
    founders = {4: 1.0}
    width = len(COINS)
    if founder_size:
        width = founder_size
        hyper = stats.hypergeom(6, 4, founder_size)
        founders = {ones: hyper.pmf(ones) for ones in range(founder_size + 1)}
    law = Counter()
    for founder, mass in founders.items():
        starts = {founder: 1.0} if eval_size is None else resampled({founder: 1}, width, eval_size)
        ends, newest = {founder: 1.0}, width
        for size in (*sizes, *([] if eval_size is None else [eval_size])):
            ends, newest = resampled(ends, newest, size), size
        for start, first in starts.items():
            for end, last in ends.items():
                before = variance_of(start, eval_size or width)
                after = variance_of(end, newest)
                key = None
                if min(before, after) > 0:
                    key = round(math.log(after / before), 9)
                law[key] += mass * first * last
    return law


@pytest.mark.parametrize("founder_size", [None, 4])
@pytest.mark.parametrize("eval_size", [None, 5])
@pytest.mark.parametrize("sizes", [(3,), (4, 2, 3), (2, 2, 2, 2)])
def test_lineages_of_two_values_are_those_of_the_enumeration(sizes, founder_size, eval_size):
    draws = 20_000
    found = neutral_lineages(
        COINS, sizes, founder_size=founder_size, eval_size=eval_size, lineages=draws, seed=1
    )
    seen = Counter(
        round(change, 9) if np.isfinite(change) else None for change in found.changes.tolist()
    )
    seen = Counter({key: count for key, count in seen.items()})
    law = enumerated(sizes, founder_size, eval_size)

    assert math.isclose(sum(law.values()), 1)
    assert set(seen) <= {key for key, mass in law.items() if mass > 0}
    for key, mass in law.items():
        if draws * mass >= 20:
            assert abs(seen[key] - draws * mass) <= Z * math.sqrt(draws * mass * (1 - mass)), key


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("sizes", [(20, 20, 20), (10, 30, 50, 20)])
def test_a_resampler_keeps_1_less_1_over_size_of_its_variance(columns, sizes):
    rows = generator(2).gamma(1.0, size=(200, columns)) * 10.0 ** np.arange(columns)
    found = neutral_lineages(rows, sizes, lineages=20_000, seed=3)
    mean, error = kept(found.changes)

    assert found.dimension == columns
    assert found.rows == 200
    assert abs(mean - np.prod([1 - 1 / size for size in sizes])) <= Z * error


@pytest.mark.parametrize("size", [30, 1_000])  # rows of the law used once, and drawn again
def test_lineages_of_a_law_start_at_its_own_variance(size):
    found = neutral_lineages(Gaussian(5.0, 3.0), (size, size, size), seed=4)
    mean, error = kept(found.changes)

    # 400,000 rows of the law add an error of their own where lineages share them
    assert abs(mean - (1 - 1 / size) ** 3) <= Z * math.hypot(error, math.sqrt(2 / 400_000))


def test_the_moments_that_a_law_states_are_where_its_lineages_start():
    class Stated(Lognormal):
        def moments(self):
            return np.zeros(1), np.array([[4 * (math.e**2 - math.e)]])  # four times its variance

    plain, stated = (neutral_lineages(law, (20, 20), seed=10) for law in (Lognormal(), Stated()))
    # 40,000 lognormal rows have the variance of their law within 10 % or so
    assert (stated.changes - plain.changes).mean() == pytest.approx(-math.log(4), abs=0.25)
    assert (stated.changes - plain.changes).std() < 1e-9


def test_each_row_of_a_law_is_used_once(monkeypatch):
    # One generation of 2 rows each: (a - b)**2 / 4 of disjoint pairs; blocks may not repeat rows.
    monkeypatch.setattr(module, "BLOCK_VALUES", 64)
    found = neutral_lineages(Gaussian(), (2,), lineages=500, seed=5)

    assert len(np.unique(found.changes)) == 500
    once = module._origin(Gaussian(), 2, None, 500, seed=5).once
    assert sorted(once) == list(range(1_000))


def test_the_rows_of_a_law_come_in_random_order():
    # Were they taken as read, in order of their values, no lineage would vary.
    found = neutral_lineages(Lognormal(), (50,), seed=6)

    assert found.changes.mean() > -1


def test_a_founder_of_few_rows_is_where_its_lineage_starts():
    # A founder of s normal rows has its own variance; one more generation keeps 1 - 1/M of it.
    found = neutral_lineages(Gaussian(), (40,), founder_size=25, seed=7)
    mean, error = kept(found.changes)

    assert abs(mean - (1 - 1 / 40)) <= Z * error


def test_evaluation_draws_add_their_noise():
    plain = neutral_lineages(Gaussian(), (100,) * 4, seed=8).changes
    noisy = neutral_lineages(Gaussian(), (100,) * 4, eval_size=50, seed=8).changes
    extra = noisy.var() - plain.var()

    # two evaluations of 50 normal draws: 2 psi'(49 / 2) = 0.083; resampled rows have lighter tails
    assert 0.05 < extra < 0.11


def test_the_order_of_rows_does_not_matter_and_the_seed_does():
    rows = generator(9).normal(size=60)
    first = neutral_lineages(rows, (20, 20), lineages=50, seed=1)
    again = neutral_lineages(rows[::-1], (20, 20), lineages=50, seed=1)
    other = neutral_lineages(rows, (20, 20), lineages=50, seed=2)

    assert np.array_equal(first.changes, again.changes)
    assert not np.array_equal(first.changes, other.changes)


def test_what_can_not_start_a_lineage_is_refused():
    with pytest.raises(InvalidArgument, match="founder_size must be at most the reference's 6"):
        neutral_lineages(COINS, (5,), founder_size=7)
    with pytest.raises(InvalidSamples, match="reference must vary"):
        neutral_lineages(np.ones(9), (5,))
    with pytest.raises(InvalidArgument, match="kind must be 'numbers'"):
        neutral_lineages(np.array(["a", "b"]), (5,))
