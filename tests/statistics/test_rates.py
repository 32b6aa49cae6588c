"""Rates by unit: by hand, by every relabelling, and against units that lean together."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.statistics.rates import rate_test
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=20)


def compared(ours, theirs, permutations=999, seed=0):
    parts = [(np.array(x, dtype=float), np.array(w, dtype=float)) for x, w in (ours, theirs)]
    return rate_test(*parts, permutations=permutations, rng=generator(seed))


def score(ours, theirs, loss):
    """The statistic as its definition says, unit by unit."""
    rates, errors = [], []
    for (x, w), factor in ((ours, 1.0), (theirs, 1 - loss)):
        x, w = np.array(x) * factor, np.array(w, dtype=float)
        rate, n = x.sum() / w.sum(), len(x)
        rates.append(rate)
        errors.append(n / (n - 1) * np.square(x - rate * w).sum() / w.sum() ** 2)
    return (rates[0] - rates[1]) / np.sqrt(sum(errors))


def test_a_loss_by_hand():
    # 3 of 20 draws against 6 of 20: half is gone.
    test = compared(([1, 2], [10, 10]), ([4, 2], [12, 8]))
    assert test.loss == pytest.approx(0.5, rel=1e-12)


units = st.lists(st.tuples(st.integers(0, 5), st.integers(5, 9)), min_size=3, max_size=5)


@relaxed
@given(units, units, st.floats(-0.5, 0.9))
def test_the_statistic_is_what_its_definition_says(ours, theirs, loss):
    sides = [tuple(zip(*part, strict=True)) for part in (ours, theirs)]
    if len({x / w for part in (ours, theirs) for x, w in part}) < 2 or not sum(sides[1][0]):
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = score(*sides, loss)
    if np.isfinite(expected):
        assert compared(*sides).observed(loss) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_p_value_is_that_of_every_relabelling():
    ours, theirs = ([0, 1, 1, 2], [8, 9, 7, 9]), ([3, 2, 4, 1, 5], [8, 8, 9, 7, 9])
    x, w = (np.r_[a, b] for a, b in zip(ours, theirs, strict=True))
    seen, all_scores = score(ours, theirs, 0.0), []
    for chosen in combinations(range(9), 4):
        inside = np.isin(np.arange(9), chosen)
        all_scores.append(score((x[inside], w[inside]), (x[~inside], w[~inside]), 0.0))
    exact = np.mean(np.array(all_scores) <= seen + 1e-9)
    # of 9,999 random ones the standard error is .0025 at most
    assert compared(ours, theirs, 9_999).pvalue_fail(0.0) == pytest.approx(exact, abs=0.01)


@relaxed
@given(st.integers(0, 2**32 - 1))
def test_bounds_are_where_the_tests_reach_their_levels(seed):
    rng = generator(seed)
    sides = [(rng.binomial(40, 0.2, size), np.full(size, 40)) for size in (30, 50)]
    test = compared(*sides)
    low, high = test.bounds(alpha=0.05, beta=0.05)

    assert low < test.loss < high
    assert test.pvalue_fail(low - 1e-4) <= 0.05 < test.pvalue_fail(low + 1e-2)
    assert test.pvalue_pass(high + 1e-4) <= 0.05 < test.pvalue_pass(high - 1e-2)


@relaxed
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_units_is_of_no_matter(seed):
    rng = generator(seed)
    x, w = rng.binomial(40, 0.2, 30), rng.integers(30, 50, 30)
    order = rng.permutation(30)
    theirs = (rng.binomial(40, 0.2, 25), np.full(25, 40))

    assert compared((x, w), theirs).pvalue_fail(0.1) == compared(
        (x[order], w[order]), theirs
    ).pvalue_fail(0.1)


def test_no_hit_at_all_is_a_loss_of_everything():
    test = compared(([0] * 40, [50] * 40), ([5, 6, 4, 5] * 10, [50] * 40), 9_999)
    assert test.loss == 1
    assert test.bounds(alpha=0.01, beta=0.01) == (1.0, 1.0)


def test_units_that_lean_together_keep_the_level():
    # Each sequence has a rate of its own, Beta(2, 18): draws alone would reject 20 % and more.
    # 400 pairs at a level of .05: more than 37 occur once in 10,000 (binomial).
    rng = generator(2)
    fails = passes = 0
    for _ in range(400):
        sides = [(rng.binomial(60, rng.beta(2, 18, n)), np.full(n, 60)) for n in (50, 80)]
        test = compared(*sides, 199, seed=int(rng.integers(2**31)))
        fails += test.pvalue_fail(0.0) <= 0.05
        passes += test.pvalue_pass(0.0) <= 0.05
    assert 6 < fails <= 37
    assert 6 < passes <= 37
