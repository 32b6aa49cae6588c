"""The studentised permutation test of two variances."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.statistics.spread import kurtosis, spread_test
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**32 - 1)


def statistic(ours, theirs):
    """Written anew: the difference of log-variances over its error by kurtosis."""
    logs = math.log(np.var(ours, ddof=1) / np.var(theirs, ddof=1))
    error = (stats.kurtosis(ours, fisher=False) - 1) / len(ours)
    error += (stats.kurtosis(theirs, fisher=False) - 1) / len(theirs)
    return logs / math.sqrt(error)


def test_by_hand():
    test = spread_test(
        np.array([-1.0, 0, 1]), np.array([-2.0, 0, 2]), permutations=9, rng=generator(0)
    )

    assert test.loss == pytest.approx(3 / 4, rel=1e-12)  # variances 1 and 4
    # Kurtosis 3/2 in both: the error is sqrt(1/2/3 + 1/2/3).
    assert test.observed(0.0) == pytest.approx(math.log(1 / 4) / math.sqrt(1 / 3), rel=1e-12)
    assert kurtosis(np.array([-1.0, 0, 1])) == pytest.approx(3 / 2, rel=1e-12)


@relaxed
@given(seeds, st.floats(-1, 0.9))
def test_the_statistic_is_the_same_written_anew(seed, loss):
    rng = generator(seed)
    ours, theirs = rng.normal(2, 3, size=12), rng.normal(1, 2, size=17)
    test = spread_test(ours, theirs, permutations=3, rng=rng)
    shrunk = theirs.mean() + math.sqrt(1 - loss) * (theirs - theirs.mean())

    assert test.observed(loss) == pytest.approx(statistic(ours, shrunk), rel=1e-9)


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_relabellings_have_the_values_of_all_orders(loss):
    rng = generator(5)
    ours, theirs = rng.normal(size=3), rng.normal(size=4)
    shrunk = math.sqrt(1 - loss) * (theirs - theirs.mean())
    pool = np.concatenate([ours - ours.mean(), shrunk])  # each about its own mean
    every = sorted(
        statistic(pool[list(places)], np.delete(pool, places))
        for places in itertools.combinations(range(7), 3)
    )
    test = spread_test(ours, theirs, permutations=2_000, rng=generator(6))
    found = np.unique(test.null(loss).round(9))

    assert found == pytest.approx(np.unique(np.round(every, 9)), rel=1e-7)  # all 35 appear


def test_the_pvalue_agrees_with_scipys_permutation_test():
    rng = generator(7)
    ours, theirs = 0.5 * rng.normal(size=6), rng.normal(size=6)
    peer = stats.permutation_test(
        (ours - ours.mean(), theirs - theirs.mean()),
        statistic,
        alternative="less",
        n_resamples=np.inf,
        vectorized=False,
    )
    draws = 20_000
    ours_pvalue = spread_test(ours, theirs, permutations=draws, rng=rng).pvalue_fail(0.0)

    # Both count the data as one relabelling; |z| <= 4.5 has a false alarm of 7e-6.
    spread = math.sqrt(peer.pvalue * (1 - peer.pvalue) / draws)
    assert abs(ours_pvalue - peer.pvalue) <= 4.5 * spread


@relaxed
@given(seeds, st.floats(0.1, 100), st.floats(-100, 100))
def test_units_and_zero_points_do_not_matter(seed, scale, shift):
    rng = generator(seed)
    ours, theirs = rng.standard_t(4, 40), rng.standard_t(4, 60)
    first = spread_test(ours, theirs, permutations=199, rng=generator(1))
    second = spread_test(
        shift + scale * ours, shift + scale * theirs, permutations=199, rng=generator(1)
    )

    assert second.loss == pytest.approx(first.loss, abs=1e-9)
    assert second.pvalue_fail(0.05) == first.pvalue_fail(0.05)
    assert second.pvalue_pass(0.2) == first.pvalue_pass(0.2)


@relaxed
@given(seeds, st.floats(0.05, 0.9))
def test_a_contraction_is_the_loss_that_it_says(seed, loss):
    theirs = generator(seed).normal(3, 2, size=50)
    ours = theirs.mean() + math.sqrt(1 - loss) * (theirs - theirs.mean())
    test = spread_test(ours, theirs, permutations=199, rng=generator(2))
    low, high = test.bounds(alpha=0.05, beta=0.05)

    assert test.loss == pytest.approx(loss, abs=1e-9)
    assert abs(test.observed(loss)) < 1e-9
    assert low < loss < high


@relaxed
@given(seeds)
def test_bounds_are_where_the_pvalues_cross_the_levels(seed):
    rng = generator(seed)
    test = spread_test(rng.normal(size=80), rng.normal(size=70), permutations=399, rng=rng)
    low, high = test.bounds(alpha=0.01, beta=0.02)

    assert test.pvalue_fail(low) <= 0.01
    assert test.pvalue_pass(high) <= 0.02
    assert test.pvalue_fail(low + 0.02) > 0.01
    assert test.pvalue_pass(high - 0.02) > 0.02


def test_constant_samples_are_a_total_loss():
    test = spread_test(np.zeros(30), np.arange(40.0), permutations=399, rng=generator(3))

    assert test.loss == 1
    assert test.pvalue_fail(0.05) == 1 / 400
    assert test.pvalue_pass(0.2) == 1
    assert test.bounds(alpha=0.01, beta=0.01) == (1.0, 1.0)


def test_two_point_data_have_a_statistic():
    ours, theirs = np.repeat([0.0, 1], 20), np.repeat([0.0, 1], 30)
    test = spread_test(ours, theirs, permutations=399, rng=generator(4))

    assert not np.isnan(test.null(0.05)).any()
    assert 0 < test.pvalue_fail(0.05) <= 1
    assert test.bounds(alpha=0.01, beta=0.01) == test.bounds(alpha=0.01, beta=0.01)


def test_values_far_away_neither_overflow_nor_hide():
    test = spread_test(
        np.linspace(1e140, 2e140, 30), np.arange(40.0), permutations=399, rng=generator(3)
    )

    assert test.loss < -1e20
    assert test.pvalue_pass(0.2) <= 0.01


def test_blocks_keep_the_level_and_the_spread_of_the_null():
    # 30,000 pooled rows move in blocks: the null's standard deviation is 1 as that of single rows
    # is, within 4.5 of its own errors, 1 / sqrt(2 * 2048) for blocks and 1 / sqrt(2 * 2000).
    rng = generator(8)
    test = spread_test(
        rng.normal(size=15_000), rng.normal(size=15_000), permutations=2_000, rng=rng
    )

    assert abs(test.null(0.0).std() - 1) <= 4.5 * math.sqrt(1 / 4096 + 1 / 4000)


@pytest.mark.parametrize("loss", [0.05])
def test_the_level_is_kept_at_the_margin(loss):
    # 600 samples of 60 and 80 at the margin: rejections at 5 % are 30, with a standard deviation
    # of 5.3; 54 or more is a false alarm of 1 in 10^5.
    rng, rejections = generator(9), 0
    for _ in range(600):
        theirs = rng.normal(size=80)
        ours = math.sqrt(1 - loss) * rng.normal(size=60)
        test = spread_test(ours, theirs, permutations=199, rng=rng)
        rejections += test.pvalue_fail(loss) <= 0.05

    assert rejections < 54
