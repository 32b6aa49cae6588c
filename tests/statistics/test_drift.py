"""The two tests behind the drift check, against scipy, enumeration and the bootstrap.

Simulated counts lie within 4.5 standard errors: a false alarm in 150,000 comparisons.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.statistics.drift import DriftTest, MeanLaw, lineages_to_reject
from collapse_bench.streams import generator

Z = 4.5
relaxed = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)


def lineages(seed, count, shift=0.0, law="normal"):
    rng = generator(seed, law)
    drawn = rng.normal(size=count) if law == "normal" else -rng.gamma(1.0, size=count)
    return 0.4 * drawn + shift


def test_the_law_of_means_by_hand():
    # Two draws of 0 or 1: means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4, less their mean 1/2.
    law = MeanLaw(np.array([0.0, 1.0]), 2)

    assert law.at_most(-0.25) == pytest.approx(0.25, abs=1e-12)
    assert law.at_most(0.25) == pytest.approx(0.75, abs=1e-12)
    assert law.at_least(0.25) == pytest.approx(0.25, abs=1e-12)
    assert (law.at_most(-0.6), law.at_least(-0.6)) == pytest.approx((0, 1), abs=1e-12)
    assert (law.at_most(0.6), law.at_least(0.6)) == pytest.approx((1, 0), abs=1e-12)
    assert (law.at_most(-9.0), law.at_least(9.0)) == (0.0, 0.0)  # beyond the grid


@pytest.mark.parametrize("count", [1, 5, 20, 40])
def test_the_law_of_means_is_binomial_for_two_values(count):
    # the convolution is floating-point: 1e-13 is left of what should be 0
    law = MeanLaw(np.array([0.0, 1.0, 1.0, 1.0]), count)
    for ones in range(count):
        between = (ones + 0.5) / count - 0.75
        exact = stats.binom.cdf(ones, count, 0.75)
        assert law.at_most(between) == pytest.approx(exact, rel=1e-6, abs=1e-12)
        assert law.at_least(between) == pytest.approx(1 - exact, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("count", [4, 16])
def test_the_law_of_means_is_the_limit_of_the_bootstrap(count):
    values = lineages(1, 500, law="gamma")
    draws = 200_000
    means = generator(2).choice(values, (draws, count)).mean(axis=1) - values.mean()
    law = MeanLaw(values, count)
    for level in (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999):
        below = np.count_nonzero(means <= law.low(level))
        above = np.count_nonzero(means >= law.high(level))
        error = math.sqrt(draws * level * (1 - level))
        assert abs(below - draws * level) <= Z * error
        assert abs(above - draws * level) <= Z * error


def test_the_law_of_very_many_means_is_normal():
    values = lineages(3, 1_000)
    law = MeanLaw(values, 100_000)
    spread = values.std() / math.sqrt(100_000)

    for level in (1e-6, 0.01, 0.5, 0.99):  # the grid's cells widen the spread by 2 per cent
        assert law.low(level) == pytest.approx(stats.norm.ppf(level) * spread, rel=0.025, abs=1e-5)


@pytest.mark.parametrize("count", [1, 3, 30])
def test_the_law_of_means_of_symmetric_values_is_symmetric(count):
    half = generator(4).exponential(size=200)
    law = MeanLaw(np.concatenate([half, -half]), count)
    for value in (0.01, 0.1, 1.0):
        assert law.at_most(-value) == pytest.approx(law.at_least(value), rel=1e-9, abs=1e-12)
    assert law.low(0.01) == pytest.approx(-law.high(0.01), rel=1e-9)


def test_values_that_do_not_vary_have_one_mean():
    law = MeanLaw(np.full(10, -0.3), 4)

    assert law.at_most(-1.0) == 0.0
    assert law.at_most(1.0) == 1.0


@relaxed
@given(seeds, st.integers(4, 40), st.floats(0, 0.3), st.sampled_from(["normal", "gamma"]))
def test_the_pvalues_are_the_larger_of_both_tests(seed, count, loss, law):
    ours, neutral = lineages(seed, count, -0.3, law), lineages(seed + 1, 200, 0.0, law)
    test = DriftTest.of(ours, neutral, 4, detect=0.5)
    shift = 4 * math.log(1 - loss)
    gap = ours.mean() - neutral.mean() - shift
    means = MeanLaw(neutral, count)
    welch = {
        side: stats.ttest_ind(ours - shift, neutral, equal_var=False, alternative=side).pvalue
        for side in ("less", "greater")
    }

    assert test.pvalue_at_most(loss) == pytest.approx(max(welch["less"], means.at_most(gap)))
    assert test.pvalue_at_least(loss) == pytest.approx(max(welch["greater"], means.at_least(gap)))


@relaxed
@given(seeds, st.integers(4, 30), st.sampled_from([1e-4, 0.01, 0.05]), st.floats(-0.5, 0.9))
def test_bounds_invert_the_pvalues(seed, count, level, shift):
    test = DriftTest.of(lineages(seed, count, shift), lineages(seed + 1, 300), 3, detect=0.5)
    low, high = test.low(level), test.high(level)

    assert low <= test.loss <= high
    for bound, pvalue in ((low, test.pvalue_at_most), (high, test.pvalue_at_least)):
        step = 1e-6 if bound == low else -1e-6
        assert pvalue(bound - step) <= level * (1 + 1e-6)
        assert pvalue(bound + step) >= level * (1 - 1e-6)


@relaxed
@given(seeds, st.floats(0.01, 0.6), st.integers(1, 12))
def test_a_shrinking_a_generation_multiplies_what_is_kept(seed, loss, generations):
    ours, neutral = lineages(seed, 10), lineages(seed + 1, 100)
    first = DriftTest.of(ours, neutral, generations, detect=0.5)
    shrunk = ours + generations * math.log(1 - loss)
    second = DriftTest.of(shrunk, neutral, generations, detect=0.5)

    assert 1 - second.loss == pytest.approx((1 - first.loss) * (1 - loss), rel=1e-9)
    assert second.pvalue_at_most(loss) == pytest.approx(first.pvalue_at_most(0.0), rel=1e-6)


def test_lineages_that_became_points_are_a_loss_of_all():
    neutral = lineages(5, 500)
    all_lost = DriftTest.of(np.full(6, -np.inf), neutral, 8, detect=0.2)

    assert all_lost.loss == 1.0
    assert all_lost.collapsed == 6
    assert all_lost.pvalue_at_most(0.05) < 1e-4
    assert all_lost.pvalue_at_least(0.2) == 1.0
    assert 0.2 < all_lost.low(0.01) < all_lost.high(0.01) == 1.0


@pytest.mark.parametrize("law", ["normal", "gamma"])
def test_one_point_among_healthy_lineages_shows_nothing_and_excludes_nothing(law):
    neutral, ours = lineages(6, 500, law=law), lineages(7, 16, law=law)
    ours[0] = -np.inf
    test = DriftTest.of(ours, neutral, 8, detect=0.2)

    assert 0.01 < test.pvalue_at_most(0.05) <= 1
    assert test.pvalue_at_least(0.2) == 1.0
    assert test.high(0.01) == 1.0


def test_a_point_counts_as_the_lowest_lineage_there_is():
    neutral = lineages(8, 500)
    ours = np.array([-9.0, -8.0, -7.0, -np.inf])
    test = DriftTest.of(ours, neutral, 4, detect=0.2)

    assert test.changes.tolist() == [-9.0, -8.0, -7.0, -9.0]
    lower = DriftTest.of(np.array([0.1, 0.0, -np.inf]), neutral, 4, detect=0.2).changes[2]
    assert lower == pytest.approx(neutral.min() + 4 * math.log(0.8))


def test_lineages_that_do_not_vary_at_all_are_told_apart():
    test = DriftTest.of(np.full(5, -1.0), np.zeros(20), 1, detect=0.2)

    assert test.pvalue_at_most(0.05) < 1e-12
    assert test.pvalue_at_least(0.05) == 1.0


@pytest.mark.parametrize(("gap", "spread", "level"), [(0.8, 0.4, 0.01), (0.8, 0.9, 0.05)])
def test_planned_lineages_have_the_power_and_one_less_has_not(gap, spread, level):
    draws, power = 40_000, 0.9
    count = lineages_to_reject(gap, spread, level=level, power=power)
    reached = []
    for size in (count, count - 1):
        sample = generator(9, size).normal(gap, spread, (draws, size))
        t = sample.mean(axis=1) / (sample.std(axis=1, ddof=1) / math.sqrt(size))
        reached.append(np.mean(t >= stats.t.isf(level, size - 1)))
    error = math.sqrt(power * (1 - power) / draws)

    assert reached[0] >= power - Z * error
    assert reached[1] < power + Z * error


def test_a_gap_too_small_for_any_number_of_lineages_is_told():
    assert lineages_to_reject(1e-5, 1.0, level=0.01, power=0.99) is None
