"""The two guarantees of a count in the tail, by exact quadrature over references."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.statistics import power
from collapse_bench.statistics.tail_test import SPENT, TailTest

relaxed = settings(deadline=None, max_examples=30)
sizes = st.tuples(st.integers(20, 3_000), st.integers(1, 60), st.integers(61, 5_000))
LEVEL = 0.01


def rejected_low(test, ratio, level=LEVEL):
    """How many counts, 0 and on, reject."""
    counts = range(test.n + 1)
    return sum(test.pvalue_low(c, ratio=ratio, level=level) <= level for c in counts)


def rejected_high(test, ratio, level=LEVEL):
    counts = range(test.n + 1)
    return sum(test.pvalue_high(c, ratio=ratio, level=level) <= level for c in counts)


def shares(law):
    """A hundred thousand equally likely masses of a reference's tail."""
    return law.ppf((np.arange(100_000) + 0.5) / 100_000)


@pytest.mark.parametrize(("n", "m"), [(300, 300), (1_000, 10_000), (2_000, 2_000), (500, 200)])
@pytest.mark.parametrize("ratio", [1.0, 0.95, 0.75])
def test_the_reference_at_hand_seldom_errs_more_often_than_promised(n, m, ratio):
    k = m // 20
    test, law = TailTest(n, k, m, "reference"), stats.beta(k, m - k + 1)
    small, large = rejected_low(test, ratio), rejected_high(test, ratio)
    fails = stats.binom.cdf(small - 1, n, ratio * shares(law))
    passes = stats.binom.sf(n - large, n, ratio * shares(law))

    for rates in (fails, passes):
        assert np.mean(rates > LEVEL) <= SPENT * LEVEL
        assert np.mean(rates > (1 - SPENT) * LEVEL + 1e-12) <= SPENT * LEVEL + 1e-5
        assert rates.mean() <= LEVEL


def test_the_average_guarantee_is_broken_by_many_references():
    # So that the promise above is one: at n = m a sixth of all references err more often.
    n = k = m = 1_000
    k = 50
    small = rejected_low(TailTest(n, k, m), 1.0)
    rates = stats.binom.cdf(small - 1, n, shares(stats.beta(k, m - k + 1)))

    assert np.mean(rates > LEVEL) > 0.1
    assert rates.mean() <= LEVEL


@pytest.mark.parametrize(
    ("n", "m", "guarantee", "expected"),
    [
        (10_000, 10_000, "average", 0.983),
        (10_000, 10_000, "reference", 0.735),
        (10_000, 100_000, "reference", 0.997),
    ],
)
def test_its_price_is_power_where_the_reference_is_small(n, m, guarantee, expected):
    test = TailTest(n, m // 20, m, guarantee)
    power = test.chance_low(ratio=1.0, level=LEVEL, kept=0.75)

    assert power == pytest.approx(expected, abs=0.001)


def test_p_values_by_hand():
    # The mass of the tail of 5 of 100 rows is Beta(5, 96); bounds at a fifth of the level.
    test, law = TailTest(200, 5, 100, "reference"), stats.beta(5, 96)
    low = stats.binom.cdf(1, 200, 0.9 * law.ppf(0.002)) + 0.002
    high = stats.binom.sf(29, 200, 0.7 * law.isf(0.01)) + 0.01

    assert test.pvalue_low(1, ratio=0.9, level=0.01) == pytest.approx(low, rel=1e-9)
    assert test.pvalue_high(30, ratio=0.7, level=0.05) == pytest.approx(high, rel=1e-9)


@relaxed
@given(sizes, st.floats(0.3, 2.0), st.sampled_from(["average", "reference"]))
def test_chances_are_those_of_the_counts_that_reject(size, kept, guarantee):
    n, k, m = size
    n = min(n, 300)
    test, law = TailTest(n, k, m, guarantee), stats.betabinom(n, k, m - k + 1)
    small, large = rejected_low(test, 0.9, 0.05), rejected_high(test, 0.8, 0.05)

    assert test.chance_low(ratio=0.9, level=0.05, kept=1.0) == pytest.approx(
        law.cdf(small - 1), abs=1e-9
    )
    assert test.chance_high(ratio=0.8, level=0.05, kept=1.0) == pytest.approx(
        law.sf(n - large), abs=1e-9
    )
    assert test.chance_low(ratio=0.9, level=0.05, kept=kept) <= 1


@relaxed
@given(sizes, st.floats(0.3, 0.99))
def test_on_average_the_chances_are_those_of_the_planned_power(size, detect):
    n, k, m = size
    test = TailTest(n, k, m)
    expected = power.keeps_power(n, k, m, detect=detect, beta=0.05)
    lost = power.loses_power(n, k, m, tolerate=0.05, detect=detect, alpha=0.05)

    assert test.chance_high(ratio=1 - detect, level=0.05, kept=1.0) == expected
    assert test.chance_low(ratio=0.95, level=0.05, kept=1 - detect) == lost


@relaxed
@given(sizes, st.data())
def test_bounds_are_where_the_tests_reach_their_levels(size, data):
    n, k, m = size
    count = data.draw(st.integers(1, n - 1))
    test = TailTest(n, k, m, "reference")
    low, high = test.loss_bounds(count, alpha=0.01, beta=0.02)

    if (1 - low) * stats.beta(k, m - k + 1).ppf(0.002) < 0.99:
        assert test.pvalue_low(count, ratio=1 - low, level=0.01) == pytest.approx(0.01, rel=1e-6)
    assert test.pvalue_high(count, ratio=1 - high, level=0.02) == pytest.approx(0.02, rel=1e-6)
    assert low < high


@relaxed
@given(sizes, st.data())
def test_the_promise_for_one_reference_is_the_stricter(size, data):
    # Whatever rejects for this reference rejects on average: a bound's fifth is spent in full.
    n, k, m = size
    count = data.draw(st.integers(0, n))
    mean, one = TailTest(n, k, m), TailTest(n, k, m, "reference")

    for ratio in (0.75, 1.0):
        if one.pvalue_low(count, ratio=ratio, level=LEVEL) <= LEVEL:
            assert mean.pvalue_low(count, ratio=ratio, level=LEVEL) <= LEVEL
        if one.pvalue_high(count, ratio=ratio, level=LEVEL) <= LEVEL:
            assert mean.pvalue_high(count, ratio=ratio, level=LEVEL) <= LEVEL


def test_counts_at_the_ends_reject_nothing_on_their_side():
    test = TailTest(50, 5, 100, "reference")

    assert test.pvalue_low(50, ratio=1.0, level=LEVEL) == 1
    assert test.pvalue_high(0, ratio=1.0, level=LEVEL) == 1
    assert test.loss_bounds(50, alpha=0.01, beta=0.01)[0] is None
    assert test.loss_bounds(0, alpha=0.01, beta=0.01)[1] == 1
