"""The pair of statistics in several columns: volume and weakest direction."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.errors import UndefinedMetric
from collapse_bench.metrics import log_det, weakest_direction
from collapse_bench.statistics.covariance import pair_test
from collapse_bench.statistics.whitening import whitening
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)


def pair(ours, theirs, permutations=199, seed=0):
    white = whitening(theirs)
    return pair_test(white(ours), white(theirs), permutations=permutations, rng=generator(seed))


def test_losses_by_hand():
    theirs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1.0]])
    test = pair(theirs * [0.5, 1], theirs)

    # Variances 1/4 and 1 against 1 and 1.
    assert test.loss("weakest_direction") == pytest.approx(3 / 4, rel=1e-12)
    assert test.loss("logdet") == pytest.approx(1 - math.sqrt(1 / 4), rel=1e-12)


@relaxed
@given(seeds, st.integers(2, 5))
def test_losses_are_those_of_the_metrics(seed, dimension):
    rng = generator(seed)
    theirs = rng.normal(size=(60, dimension)) @ rng.normal(size=(dimension, dimension))
    ours = rng.normal(size=(60, dimension)) @ rng.normal(size=(dimension, dimension))
    test = pair(ours, theirs, permutations=9)

    # Equal sizes: the metrics' divisor is n, here it is n - 1. Conditions up to 1e8.
    assert test.log_volume == pytest.approx(log_det(ours, theirs), abs=1e-6)
    assert math.exp(test.log_weakest) == pytest.approx(weakest_direction(ours, theirs), rel=1e-6)
    assert test.loss("weakest_direction") >= test.loss("logdet") - 1e-12


@relaxed
@given(seeds, st.floats(0.05, 0.8))
def test_a_contraction_is_the_loss_that_both_say(seed, loss):
    theirs = generator(seed).normal(size=(80, 3))
    ours = theirs.mean(axis=0) + math.sqrt(1 - loss) * (theirs - theirs.mean(axis=0))
    test = pair(ours, theirs)

    assert test.loss("logdet") == pytest.approx(loss, abs=1e-9)
    assert test.loss("weakest_direction") == pytest.approx(loss, abs=1e-9)
    for name in ("logdet", "weakest_direction"):
        assert test.low(name, alpha=0.01, near=0.05) < loss
        assert test.high(name, beta=0.01, near=0.2) > loss


def test_bounds_are_where_the_pvalues_cross_the_levels():
    rng = generator(3)
    test = pair(0.9 * rng.normal(size=(400, 3)), rng.normal(size=(500, 3)), permutations=1999)
    for name in ("logdet", "weakest_direction"):
        low = test.low(name, alpha=0.01, near=0.05)
        high = test.high(name, beta=0.02, near=0.2)
        # The critical value was taken under a margin close by, not under the bound itself.
        assert test.pvalues_fail(low - 0.02)[name] <= 0.01 < test.pvalues_fail(low + 0.02)[name]
        assert test.pvalues_pass(high + 0.02)[name] <= 0.02 < test.pvalues_pass(high - 0.02)[name]


def test_a_single_dying_direction_is_seen_by_the_weakest_alone():
    rng = generator(4)
    ours, theirs = rng.normal(size=(600, 6)) * [0.7, 1, 1, 1, 1, 1], rng.normal(size=(600, 6))
    adjusted = pair(ours, theirs, permutations=999).pvalues_fail(0.05)

    assert adjusted["weakest_direction"] <= 0.01 < adjusted["logdet"]


@pytest.mark.parametrize("dimension", [2, 5])
def test_the_pair_keeps_its_level(dimension):
    # 400 samples of 40 and 50 of one law: rejections of the smaller adjusted p-value at 5 % are
    # at most 20 with a standard deviation of 4.4; 40 or more is a false alarm of 1 in 10^5.
    rng, rejections = generator(5, dimension), 0
    for index in range(400):
        ours, theirs = rng.normal(size=(40, dimension)), rng.normal(size=(50, dimension))
        adjusted = pair(ours, theirs, permutations=99, seed=index).pvalues_fail(0.0)
        rejections += min(adjusted.values()) <= 0.05

    assert 3 <= rejections < 40  # and it isn't empty: 2 or fewer is as rare


def test_the_weakest_direction_passes_seldom_when_one_is_at_the_bound():
    # 300 samples of 500: at 5 %, 15 with a standard deviation of 3.8; 32 is 1 in 10^5. (By the
    # permutation null it would pass in about half of them.)
    rng, passes = generator(6), 0
    for index in range(300):
        ours = rng.normal(size=(500, 4)) * [math.sqrt(0.8), 1, 1, 1]
        test = pair(ours, rng.normal(size=(500, 4)), permutations=9, seed=index)
        passes += test.pvalues_pass(0.2)["weakest_direction"] <= 0.05

    assert passes < 32


def test_constant_samples_come_before_all_relabellings():
    theirs = generator(7).normal(size=(60, 4))
    for rows in (3, 40):  # fewer rows than columns, and more
        test = pair(np.ones((rows, 4)), theirs, permutations=399)
        assert min(test.pvalues_fail(0.05).values()) == 1 / 400
        assert max(test.pvalues_pass(0.2).values()) == 1
        assert test.loss("logdet") == test.loss("weakest_direction") == 1


def test_a_lost_direction_is_a_total_loss_of_the_weakest():
    rng = generator(8)
    ours = rng.normal(size=(200, 3))
    ours[:, 2] = ours[:, 0]
    test = pair(ours, rng.normal(size=(200, 3)), permutations=399)

    assert test.loss("weakest_direction") == 1
    assert min(test.pvalues_fail(0.05).values()) <= 2 / 400


def test_shifts_do_not_matter():
    rng = generator(9)
    ours, theirs = rng.normal(size=(100, 2)), rng.normal(size=(120, 2))
    first, second = pair(ours, theirs), pair(ours + np.array([50, -3]), theirs)

    assert second.pvalues_fail(0.05) == first.pvalues_fail(0.05)
    assert second.loss("logdet") == pytest.approx(first.loss("logdet"), abs=1e-9)


def test_values_too_far_away_are_refused():
    rng = generator(10)
    with pytest.raises(UndefinedMetric, match="within 1e5 reference standard deviations"):
        pair(1e8 * rng.normal(size=(50, 2)), rng.normal(size=(50, 2)))


def test_whitening_drops_what_does_not_vary():
    rng = generator(11)
    rows = rng.normal(size=(50, 2))
    whole = np.column_stack([rows, np.full(50, 7.0), rows[:, 0] - 2 * rows[:, 1]])
    white = whitening(whole)

    assert white.constant == (2,)
    assert white.dependent == 1
    assert white.dimension == 2
    assert np.cov(white(whole), rowvar=False, ddof=0) == pytest.approx(np.eye(2), abs=1e-9)
    assert whitening(np.ones((5, 2))) is None
    assert whitening(np.array([[1e-200], [2e-200]])) is None  # the variance is 0 in float64


@relaxed
@given(seeds, st.integers(2, 4), st.integers(30, 60), st.integers(30, 60))
def test_the_mirrored_test_is_the_reference_against_the_generated(seed, dimension, n, m):
    rng = generator(seed)
    ours, theirs = rng.normal(size=(n, dimension)), rng.normal(size=(m, dimension))
    mirrored = pair(ours, theirs, permutations=19).mirrored()
    turned = pair(theirs, ours, permutations=19)

    # Other coordinates and other relabellings, the same data.
    assert (mirrored.n, mirrored.m) == (m, n)
    assert mirrored.log_volume == pytest.approx(turned.log_volume, abs=1e-9)
    assert mirrored.log_weakest == pytest.approx(turned.log_weakest, abs=1e-9)
    assert mirrored.log_strongest == pytest.approx(turned.log_strongest, abs=1e-9)
    assert mirrored.weakest_kurtosis == pytest.approx(turned.weakest_kurtosis, rel=1e-6)
    assert mirrored.weakest_error == pytest.approx(turned.weakest_error, rel=1e-6)
    own = pair_test(ours, theirs, permutations=19, rng=rng).mirrored().pvalues_pass(0.2)
    assert own["weakest_direction"] == pytest.approx(
        turned.pvalues_pass(0.2)["weakest_direction"], abs=0.5
    )


def test_mirrored_relabellings_are_the_same_ones_seen_from_the_other_side():
    rng = generator(11)
    ours, theirs = rng.normal(size=(40, 3)), 1.1 * rng.normal(size=(50, 3))
    test = pair(ours, theirs, permutations=99)
    here = test._statistics(-0.25)  # the reference 25 % wider
    there = test.mirrored()._statistics(0.2)  # the generated rows, to 1 / 1.25 of their variance

    # The volume over its error only turns its sign; FLOOR rounds on both sides.
    assert there[:, 0] == pytest.approx(-here[:, 0], rel=1e-6, abs=1e-6)
    again = test.mirrored().mirrored()
    assert again._statistics(0.1) == pytest.approx(test._statistics(0.1), rel=1e-9)


def test_all_directions_that_grew_alike_are_the_growth_that_both_say():
    theirs = generator(12).normal(size=(80, 3))
    mirrored = pair(math.sqrt(1.25) * theirs, theirs).mirrored()

    for name in ("logdet", "weakest_direction"):
        assert mirrored.loss(name) == pytest.approx(0.2, abs=1e-9)  # 0.25 / 1.25


def test_the_strongest_direction_passes_seldom_when_one_is_at_the_bound():
    # As for the weakest: 300 samples, 32 or more of 5 % come once in 10^5.
    rng, passes = generator(13), 0
    for index in range(300):
        ours = rng.normal(size=(500, 4)) * [math.sqrt(1.25), 1, 1, 1]
        test = pair(ours, rng.normal(size=(500, 4)), permutations=9, seed=index).mirrored()
        passes += test.pvalues_pass(0.2)["weakest_direction"] <= 0.05

    assert passes < 32
