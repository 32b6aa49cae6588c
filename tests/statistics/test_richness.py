"""Rarefied richness: by hand, by enumeration, and its test by its own inversion."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from collapse_bench.statistics.richness import Incidence, Richness, RichnessTest
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=50)
codes = st.lists(st.integers(0, 6), min_size=1, max_size=9)
blocks = st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=2, max_size=6)
ZIPF = 1 / np.arange(1, 2_001) ** 1.2


def held(draws):
    return Incidence.of_draws(np.array(draws))


def of_blocks(rows):
    flat = np.array([state for row in rows for state in row], dtype=np.int64)
    return Incidence.of_units(
        flat, np.repeat(np.arange(len(rows)), list(map(len, rows))), len(rows)
    )


def test_two_draws_by_hand():
    # Of the six pairs of a, a, b, c one holds one state and five hold two.
    assert held([0, 0, 1, 2]).richness(2).value == pytest.approx(11 / 6, rel=1e-12)


@relaxed
@given(codes, st.data())
def test_it_is_the_mean_over_every_way_to_draw(draws, data):
    depth = data.draw(st.integers(1, len(draws)))
    mean = np.mean([len(set(chosen)) for chosen in combinations(draws, depth)])
    assert held(draws).richness(depth).value == pytest.approx(mean, rel=1e-9)


@relaxed
@given(blocks.filter(any), st.data())
def test_of_sequences_it_is_the_mean_over_every_way_to_take_some(rows, data):
    depth = data.draw(st.integers(1, len(rows)))
    mean = np.mean([len(set().union(*chosen)) for chosen in combinations(rows, depth)])
    assert of_blocks(rows).richness(depth).value == pytest.approx(mean, rel=1e-9)


@relaxed
@given(blocks.filter(any))
def test_the_jackknife_of_sequences_leaves_each_out(rows):
    found = of_blocks(rows).richness(len(rows))
    left = [len(set().union(*rows[:j], *rows[j + 1 :])) for j in range(len(rows))]
    spread = np.square(np.array(left) - np.mean(left)).sum() * (len(rows) - 1) / len(rows)

    assert found.variance == pytest.approx(spread, abs=1e-9)


@pytest.mark.parametrize("depth", [1, 10, 300, 1_000])
def test_large_counts_agree_with_the_hypergeometric_law(depth):
    counts = generator(0).integers(1, 500, size=40)
    draws = np.repeat(np.arange(40), counts)
    absent = hypergeom(counts.sum(), counts, depth).pmf(0)

    assert held(draws).richness(depth).value == pytest.approx((1 - absent).sum(), rel=1e-9)


@relaxed
@given(codes)
def test_sizes_between_have_the_poisson_curve_and_those_beyond_go_on_from_it(draws):
    incidence, size = held(draws), len(draws)
    curve = [incidence.at(x) for x in np.linspace(0, 2 * size, 9)]

    assert curve[0] == 0
    assert curve[4] == pytest.approx(len(set(draws)), rel=1e-12)
    assert all(a <= b + 1e-9 for a, b in pairwise(curve))


def test_what_two_more_would_show_by_hand():
    # Seen once: 2 and 3; seen twice: 1. Of N = 8 the unseen are 7/8 * 2 * 1 / (2 * 2) = 0.4375.
    incidence = held([0, 0, 0, 0, 1, 1, 2, 3])
    unseen = 7 / 8 * 2 / 4

    assert incidence.at(16) == pytest.approx(4 + unseen * (1 - np.exp(-2 / unseen)), rel=1e-12)
    assert held([0, 0, 1]).at(6) == 2 + 1  # once: 1 state, so none unseen: it goes on straight


def test_the_variance_is_that_of_repeated_samples():
    # 1,000 samples: the variance of a variance is 2 / 999 of its square, 4.5 % at one error.
    rng = generator(1)
    law = ZIPF / ZIPF.sum()
    for size, depth in ((1_000, 1_000), (3_000, 1_000)):
        found = [held(rng.choice(2_000, size, p=law)).richness(depth) for _ in range(1_000)]
        seen = np.var([one.value for one in found])
        told = np.mean([one.variance for one in found])
        assert 0.8 < told / seen < 1.25


def test_a_planned_size_has_the_variance_of_samples_of_that_size():
    law = ZIPF / ZIPF.sum()
    rng = generator(2)
    known = held(rng.choice(2_000, 20_000, p=law))
    for size in (1_000, 5_000, 50_000):
        own = held(rng.choice(2_000, size, p=law)).richness(1_000).variance
        assert known.variance_at(1_000, size) == pytest.approx(own, rel=0.15)


def test_sequences_of_one_draw_are_draws():
    # The jackknife is above the variance of draws on average (Efron and Stein), not by much.
    draws = generator(3).choice(2_000, 4_000, p=ZIPF / ZIPF.sum())
    alone = Incidence.of_units(draws, np.arange(4_000), 4_000)

    assert alone.richness(500).value == held(draws).richness(500).value
    assert 1 <= alone.richness(500).variance / held(draws).richness(500).variance < 1.2


numbers = st.floats(1, 1e4)


@relaxed
@given(numbers, numbers, st.floats(0, 0.2), st.floats(0, 0.2), st.floats(0.01, 1))
def test_bounds_are_the_losses_at_which_the_tests_reach_their_levels(ours, theirs, a, b, step):
    test = RichnessTest(
        Richness(ours, a * ours), Richness(theirs, b * theirs), min(step, ours / 2, theirs / 2)
    )
    low, high = test.bounds(alpha=0.01, beta=0.02)

    if low is not None:
        assert test.pvalue_fail(low) == pytest.approx(0.01, rel=1e-6)
        assert test.pvalue_fail(low - 0.01) < 0.01 + 1e-9
    else:
        assert test.pvalue_fail(-1e6) > 0.01
    assert high <= 1
    if high < 1:
        assert test.pvalue_pass(high) == pytest.approx(0.02, rel=1e-6)
    else:
        assert test.pvalue_pass(1.0) > 0.02 - 1e-9


def test_one_state_more_or_less_is_no_evidence():
    # Every state of both is seen for sure; the step stands for the one that may come or go.
    test = RichnessTest(Richness(43, 0.0), Richness(43, 0.0), 1.0)

    assert test.pvalue_pass(0.02) > 0.2
    assert test.pvalue_fail(0.0) > 0.5


def test_levels_at_equal_laws():
    # 1,000 pairs: at a true rate of .05 more than 81 occur once in 100,000 (binomial).
    rng = generator(4)
    law = ZIPF / ZIPF.sum()
    fails = passes = 0
    for _ in range(1_000):
        ours, theirs = (held(rng.choice(2_000, 1_000, p=law)).richness(1_000) for _ in range(2))
        test = RichnessTest(ours, theirs, 1.0)
        fails += test.pvalue_fail(0.0) <= 0.05
        passes += test.pvalue_pass(0.0) <= 0.05
    assert 10 < fails <= 81
    assert 10 < passes <= 81


@pytest.mark.parametrize("depth", [25, 15, 5])
def test_the_variance_of_fewer_units_is_what_their_jackknife_will_say(depth):
    # Units of six draws, half of which are of the unit's own topic.
    def drawn(size, seed):
        rng = generator(seed, "units")
        words = rng.zipf(1.6, (size, 6)).clip(max=300)
        words[:, :3] = rng.zipf(1.6, (size, 1)).clip(max=300)
        return Incidence.of_units(words.ravel(), np.repeat(np.arange(size), 6), size)

    planned = drawn(4_000, 0).variance_at(depth, 25)
    found = np.array([drawn(25, 1 + seed).richness(depth).variance for seed in range(400)])

    # 160 random sets stand behind the one and 400 behind the other: four standard errors of both
    assert abs(planned - found.mean()) < 4 * found.std() * math.sqrt(1 / 160 + 1 / 400)
    # ... where the variance of 4,000 units, scaled, would be too small by a quarter
    if depth == 25:
        scaled = drawn(4_000, 0).variance_at(depth, 4_000) * 4_000 / 25
        assert scaled < 0.85 * found.mean()
