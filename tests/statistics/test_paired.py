"""Bounds of what pairs change: exact where they say so, and as often right as they promise."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.statistics import paired
from collapse_bench.statistics.paired import PairedDistance, PairedMean, PairedShares

LEVELS = st.floats(1e-4, 0.3)


def rng(seed=0):
    return np.random.default_rng(seed)


# shares


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 1000), LEVELS)
def test_the_sign_of_a_bound_is_that_of_mcnemar_s_exact_test(b, c, rest, level):
    low, high = PairedShares(b, c, b + c + rest + 1).bounds(level)
    fewer = stats.binomtest(b, b + c, alternative="greater").pvalue if b + c else 1.0
    more = stats.binomtest(c, b + c, alternative="greater").pvalue if b + c else 1.0

    assert (low > 0) == (fewer < 0.9 * level)
    assert (high < 0) == (more < 0.9 * level)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 1000), LEVELS)
def test_bounds_hold_the_change_and_swap_with_the_samples(b, c, rest, level):
    size = b + c + rest + 1
    found = PairedShares(b, c, size)
    low, high = found.bounds(level)

    assert -1 <= low <= found.change <= high <= 1
    assert PairedShares(c, b, size).bounds(level) == pytest.approx((-high, -low))


@pytest.mark.parametrize("first", [0.0, 0.02, 0.1, 0.3])
@pytest.mark.parametrize("second", [0.0, 0.05, 0.3])
def test_bounds_of_shares_are_wrong_no_more_often_than_promised_exactly(first, second):
    # every outcome of 40 pairs with its probability: no simulation
    size, level = 40, 0.05
    too_high = too_low = 0.0
    for b, c in itertools.product(range(size + 1), repeat=2):
        if b + c > size:
            continue
        chance = stats.multinomial.pmf(
            [b, c, size - b - c], size, [first, second, 1 - first - second]
        )
        low, high = PairedShares(b, c, size).bounds(level)
        too_high += chance * (low > first - second)
        too_low += chance * (high < first - second)

    assert too_high <= level
    assert too_low <= level


def test_pairs_are_counted():
    x, y = np.array([1, 1, 0, 0, 1], dtype=bool), np.array([1, 0, 1, 0, 0], dtype=bool)

    assert PairedShares.of(x, y) == PairedShares(2, 1, 5)
    assert PairedShares.of(x, y).change == pytest.approx(0.2)


# means


@pytest.fixture
def few(monkeypatch):
    """Bound means that few pairs carry as well, as if they were many."""
    monkeypatch.setattr(paired, "CARRIERS", 0)


def test_bounds_of_a_mean_invert_the_test_of_all_signs(few):
    # five pairs have 32 sign vectors; each is drawn about as often
    added = np.array([0.3, 1.0, -0.2, 0.7, 0.9])
    found = PairedMean.of(added, permutations=40_000, rng=rng())
    signs = np.array(list(itertools.product([-1, 1], repeat=5)))

    def pvalue(mean):
        shifted = added - mean
        return np.mean((signs * shifted).mean(axis=1) >= shifted.mean() - 1e-12)

    low, high = found.bounds(0.1)
    assert pvalue(low - 1e-6) <= 0.1 < pvalue(low + 1e-6)
    mirrored = PairedMean.of(-added, permutations=40_000, rng=rng()).bounds(0.1)
    assert mirrored == pytest.approx((-high, -low))


def test_too_few_sign_vectors_bound_nothing():
    found = PairedMean.of(rng().normal(size=50), permutations=99, rng=rng())

    assert found.bounds(0.005) == (-np.inf, np.inf)
    assert np.isfinite(found.bounds(0.05)).all()


def test_pairs_that_add_the_same_leave_no_doubt():
    found = PairedMean.of(np.full(100, 0.25), permutations=999, rng=rng())

    assert found.bounds(0.01) == pytest.approx((0.25, 0.25))


@pytest.mark.parametrize(
    ("added", "carriers"),
    [
        (np.zeros(50), 0),
        (np.full(50, 1e-14), 0),  # rounding
        (np.full(50, -3.0), 50),
        (np.where(np.arange(50) < 4, 1e200, 0), 4),
        (np.array([1.0, -2.0, 3.0]), 36 / 14),
    ],
)
def test_pairs_that_carry_a_mean_are_counted_before_they_are_moved(added, carriers):
    found = PairedMean.of(added, change=7.0, permutations=99, rng=rng())

    assert found.carriers == pytest.approx(carriers)
    assert (found.size, found.change) == (len(added), pytest.approx(7.0, abs=1e190))


@pytest.mark.parametrize("carriers", [24, 25])
@pytest.mark.parametrize("sign", [-1, 0, 1])
def test_a_mean_that_few_pairs_carry_is_shown_and_not_bounded(carriers, sign):
    added = np.zeros(400)
    added[:carriers] = np.where(np.arange(carriers) % 2, 1, -1) if sign == 0 else sign
    low, high = PairedMean.of(added, permutations=999, rng=rng()).bounds(0.01)

    assert np.isfinite([low, high]).all() == (carriers == 25)
    assert (low > 0, high < 0) == (sign == 1, sign == -1)
    assert np.isfinite([low, high]).any() == (carriers == 25 or sign != 0)


@pytest.mark.parametrize(("size", "level", "told"), [(89, 0.01, False), (90, 0.01, True)])
def test_pairs_of_which_none_differs_are_equal_if_they_are_many(size, level, told):
    # of 90 pairs that differ with probability 5 %, none does with .95 ** 90 = .0099
    assert (0.95**size <= level) == told
    found = PairedMean.of(np.zeros(size), change=0.0, permutations=999, rng=rng())

    assert found.bounds(level) == ((0.0, 0.0) if told else (-np.inf, np.inf))


def test_a_change_that_no_pair_carries_is_not_bounded():
    found = PairedMean.of(np.zeros(400), change=-0.1, permutations=999, rng=rng())

    assert found.bounds(0.01) == (-np.inf, pytest.approx(-0.1))


@pytest.mark.parametrize("size", [200, 3_000])  # one pair a block, and several
def test_bounds_of_a_mean_are_as_often_wrong_as_promised(size):
    level, runs = 0.05, 600
    wrong = np.zeros(2)
    for seed in range(runs):
        added = rng(seed).laplace(1.0, size=size)
        low, high = PairedMean.of(added, permutations=499, rng=rng(seed + 10_000)).bounds(level)
        wrong += low > 1, high < 1

    # within four standard errors of 5 % of 600, each way: wrong once in 16,000
    slack = 4 * np.sqrt(runs * level * (1 - level))
    assert np.all(abs(wrong - runs * level) < slack)


# distances


def distance(first, second, reference, **more):
    x, y, z = (
        np.asarray(values, dtype=float).reshape(len(values), -1)
        for values in (first, second, reference)
    )
    return PairedDistance.of(x, y, z, **{"unit": 1.0, "permutations": 499, "rng": rng(), **more})


def test_distances_are_wasserstein_s():
    x, y, z = rng().normal(0.5, 1, 300), rng(1).normal(0, 2, 300), rng(2).normal(size=800)
    found = distance(x, y, z, unit=2.0)

    assert found.first == pytest.approx(stats.wasserstein_distance(x, z) / 2, rel=0.01)
    assert found.second == pytest.approx(stats.wasserstein_distance(y, z) / 2, rel=0.01)
    assert found.change == found.second - found.first
    assert found.added.change == pytest.approx(found.change)
    assert found.apart.change == pytest.approx(np.abs(x - y).mean() / 2)


def test_what_a_pair_adds_is_how_far_it_moves_the_change():
    x, y, z = rng().normal(0.5, 1, 100), rng(1).normal(0, 2, 100), rng(2).normal(size=300)
    whole = stats.wasserstein_distance(y, z) - stats.wasserstein_distance(x, z)
    moved = np.array(
        [
            stats.wasserstein_distance(np.delete(y, i), z)
            - stats.wasserstein_distance(np.delete(x, i), z)
            for i in range(100)
        ]
    )
    jackknife = 99 * (moved - moved.mean()).std(ddof=1) / 10
    low, high = distance(x, y, z, permutations=9_999).added.bounds(0.16)

    assert (high - low) / 2 == pytest.approx(jackknife, rel=0.15)
    assert (high + low) / 2 == pytest.approx(whole, abs=jackknife / 3)


def test_what_pairs_add_keeps_its_direction(few):
    # a few rows far out: the bounds lie askew, as those of the jackknife do
    x, z = rng(0).exponential(size=60), rng(2).exponential(size=300)
    y = x + np.where(np.arange(60) < 3, 6.0, 0.1)
    whole = stats.wasserstein_distance(y, z) - stats.wasserstein_distance(x, z)
    without = [
        stats.wasserstein_distance(np.delete(y, i), z)
        - stats.wasserstein_distance(np.delete(x, i), z)
        for i in range(60)
    ]
    pseudo = 60 * whole - 59 * np.array(without)
    wanted = PairedMean.of(pseudo, permutations=4_999, rng=rng()).bounds(0.01)
    low, high = distance(x, y, z, permutations=4_999).added.bounds(0.01)

    assert wanted[1] - whole > 1.3 * (whole - wanted[0])  # askew
    assert (low, high) == pytest.approx(wanted, abs=0.1 * (wanted[1] - wanted[0]))


def test_swapped_distances_are_those_of_swapped_rows():
    # one pair: four values, and either order
    found = distance([0.0], [5.0], [0.0, 0.0, 1.0, 5.0], permutations=2_000)

    assert 0.4 < found.pvalue_farther < 0.6  # farther as it is, nearer when swapped
    assert found.pvalue_nearer == 1.0


def test_no_change_is_larger_than_the_rows_distance_allows():
    x = rng().normal(size=2_000)
    found = distance(x, x + 0.01 * rng(1).normal(size=2_000), rng(2).normal(size=2_000))
    low, high = found.bounds(0.05)

    assert low == -high
    assert 0.007 < high < 0.01  # E|N(0, 0.01)| = 0.008


@pytest.mark.parametrize(
    ("mean", "farther", "nearer", "sides"),
    [
        (0.2, 0.001, 1.0, (1, None)),  # both say farther
        (-0.2, 1.0, 0.001, (None, -1)),
        (0.2, 0.5, 0.5, (None, None)),  # swapping doesn't
        (-0.2, 0.5, 0.5, (None, None)),
        (0.0, 0.001, 0.001, (None, None)),  # what pairs add doesn't
    ],
)
def test_a_change_of_distance_takes_two_witnesses(mean, farther, nearer, sides):
    added = PairedMean.of(rng().normal(mean, 0.1, 400), permutations=999, rng=rng())
    apart = PairedMean.of(np.full(400, 0.5), permutations=999, rng=rng())
    found = PairedDistance(mean, 0.5, 0.5 + mean, farther, nearer, added, apart)
    low, high = found.bounds(0.01)

    assert low == pytest.approx(-0.5 if sides[0] is None else added.bounds(0.01)[0])
    assert high == pytest.approx(0.5 if sides[1] is None else added.bounds(0.01)[1])
    assert (low > 0, high < 0) == (sides[0] is not None, sides[1] is not None)


def test_rows_of_which_few_differ_do_not_bound_a_distance():
    x, z = rng().normal(size=300), rng(2).normal(size=300)
    bounds = [
        distance(x, np.where(np.arange(300) < moved, x + 0.01, x), z).bounds(0.01)
        for moved in (0, 10, 100)
    ]

    assert bounds[0] == (0.0, 0.0)
    assert bounds[1] == (-np.inf, np.inf)
    assert 0.0033 < bounds[2][1] < 0.006


def test_swapping_pairs_of_one_law_is_as_often_significant_as_promised():
    level, runs, seen = 0.05, 500, 0
    reference = rng(99).normal(size=400)
    for seed in range(runs):
        common = rng(seed).normal(size=120)
        x, y = (common + 0.3 * rng(seed + k).normal(size=120) for k in (10_000, 20_000))
        seen += distance(x, y, reference, permutations=99).pvalue_farther <= level

    # an exact test: four standard errors, wrong once in 16,000
    assert abs(seen - runs * level) < 4 * np.sqrt(runs * level * (1 - level))
