"""Planned sizes, against the tests they plan."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.statistics import exceedance, power
from collapse_bench.statistics.bridges import Bridges
from collapse_bench.streams import generator


def test_sizes_by_hand():
    # n m / (n + m) = 100: n = m = 200, or n = 101 against 10,100.
    assert power.size(100, None, least=1) == 200
    assert power.size(100, 10_100, least=1) == 101
    assert power.size(100, 100, least=1) is None
    assert power.size(1, None, least=20) == 20
    assert power.size(1, 10, least=20) is None


@given(st.integers(1, 10**9))
def test_the_smallest_size_is_found(least):
    assert power.smallest_size(lambda n: n >= least) == least


def test_a_size_that_is_never_enough_is_none():
    assert power.smallest_size(lambda n: False) is None


@settings(deadline=None, max_examples=15)
@given(st.integers(50, 2_000), st.floats(0.2, 0.6))
def test_tail_power_is_that_of_the_critical_count(n, detect):
    # The rates of 0.05 and 0.05 are at their levels where nothing or exactly detect is lost.
    k, m = 25, 500
    keeps = power.keeps_power(n, k, m, detect=detect, beta=0.05)
    loses = power.loses_power(n, k, m, tolerate=0.05, detect=detect, alpha=0.05)

    assert 0 <= loses <= 1
    assert power.keeps_power(2 * n, k, m, detect=detect, beta=0.05) >= keeps - 0.05
    assert power.loses_power(n, k, m, tolerate=0.0, detect=0.0 + 1e-12, alpha=0.05) <= 0.05


def test_standard_errors_add_up_by_hand():
    assert power.distance(0.01, 0.01) == pytest.approx(2 * 2.326348, rel=1e-6)


@pytest.mark.parametrize("dimension", [1, 2, 8])
def test_edge_quantiles_are_those_of_whitened_covariances(dimension):
    # The smallest eigenvalue of a sample covariance of n normal rows is about 1 - edge / sqrt(n);
    # both quantiles are of thousands of draws, and n is finite: 8 %.
    n, draws = 10_000, 2_000
    rng = generator(1, dimension)
    smallest = []
    for _ in range(draws):  # Bartlett: the covariance's factor without the rows
        factor = np.tril(rng.normal(size=(dimension, dimension)), -1)
        factor[np.diag_indices(dimension)] = np.sqrt(rng.chisquare(n - np.arange(dimension)))
        smallest.append(np.linalg.eigvalsh(factor @ factor.T / n)[0])
    found = math.sqrt(n) * (1 - np.quantile(smallest, 0.01))

    assert power.edge_quantile(dimension, 0.01) == pytest.approx(found, rel=0.08)


def test_bridges_have_the_variance_of_empirical_distribution_functions():
    rng = generator(2)
    bridges = Bridges.of(rng.normal(size=(20_000, 1)), np.ones((1, 1)), rng=rng)
    # At the median a bridge has variance 1/4; 800 of them, within 4.5 standard errors (7e-6).
    middle = np.concatenate([bridges.first, bridges.second])[:, bridges.first.shape[1] // 2]

    assert abs(middle.var() - 1 / 4) <= 4.5 * math.sqrt(2 / 800) / 4
    assert np.abs(bridges.shrunk) @ bridges.steps == pytest.approx(1, rel=1e-5)


def test_smaller_effects_take_larger_samples():
    bridges = Bridges.of(generator(3).normal(size=(5_000, 1)), np.ones((1, 1)), rng=generator(4))
    passes = [bridges.to_pass(detect=d, beta=0.01, miss=0.01) for d in (0.2, 0.1, 0.05)]
    fails = [
        bridges.to_fail(tolerate=0.02, detect=d, alpha=0.01, miss=0.01) for d in (0.2, 0.1, 0.05)
    ]

    assert passes == sorted(passes)
    assert fails == sorted(fails)
    assert passes[1] == pytest.approx(4 * passes[0], rel=1e-9)  # as 1 / detect^2


@pytest.mark.parametrize("loss", [-0.5, 0.0, 0.2])
def test_the_chance_to_exclude_a_loss_is_taken_at_the_loss_there_is(loss):
    n, k, m = 300, 60, 400
    count = exceedance.smallest_rejected(n, k, m, ratio=1.1, level=0.05)
    mass = stats.beta(k, m - k + 1).ppf((np.arange(4_000) + 0.5) / 4_000)
    expected = stats.binom.sf(count - 1, n, (1 - loss) * mass).mean()

    found = power.keeps_power(n, k, m, detect=-0.1, beta=0.05, loss=loss)
    # What 4,000 midpoints leave.
    assert found == pytest.approx(expected, abs=1e-4)
