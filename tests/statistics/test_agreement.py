"""The two scores: their value by hand, their level, and the sentence they fail with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, ttest_1samp

from collapse_bench.statistics.agreement import (
    CRITICAL,
    assert_mean,
    assert_median,
    mean_score,
    median_score,
)
from collapse_bench.streams import generator

rows = st.lists(st.integers(-50, 50), min_size=3, max_size=30).map(np.array)


def test_scores_by_hand():
    assert mean_score([1.0, 3.0], 1.0) == 1.0  # mean 2, standard error 1
    assert mean_score([1.0, 3.0], 1.0, deviation=np.sqrt(2) / 2) == pytest.approx(2.0)
    assert median_score([1.0, 2.0, 3.0, 9.0], 1.5) == 1.0  # three above, one below


@given(rows, st.integers(-60, 60))
def test_scores_are_scipys(values, expected):
    if np.ptp(values):
        oracle = ttest_1samp(values, expected).statistic
        assert mean_score(values, expected) == pytest.approx(oracle, abs=1e-9)
    above, below = int((values > expected).sum()), int((values < expected).sum())
    score = median_score(values, expected)
    assert np.sign(score) == np.sign(above - below)
    if above + below == len(values):  # scipy's tests have no half ties
        assert score**2 == pytest.approx(chisquare([above, below]).statistic)


def test_replicates_without_spread():
    assert mean_score([2.0, 2.0], 2.0) == 0
    assert mean_score([2.0, 2.0], 3.0) == -np.inf
    assert_mean(np.full((3, 2), 0.1), [0.1, 0.1], "share")


def test_level():
    # 2,000 true comparisons at 3 standard errors: 0.27 % beyond; 12 or fewer with chance .995
    draws = generator(3, "agreement").exponential(size=(400, 2_000))
    assert (np.abs(mean_score(draws, 1.0, deviation=1.0)) > 3).sum() <= 12
    assert (np.abs(median_score(draws, np.log(2))) > 3).sum() <= 12


def test_failure_is_one_sentence():
    values = generator(4, "agreement").normal([0, 0, 2], size=(100, 3))
    with pytest.raises(AssertionError) as mean:
        assert_mean(values, 0, "drift")
    with pytest.raises(AssertionError) as median:
        assert_median(values, np.zeros(3), "drift")

    assert str(mean.value).startswith("mean drift at 2 is ")
    assert ", theory says 0: +" in str(mean.value)
    assert str(median.value).startswith("median drift at 2 is ")
    assert str(median.value).endswith(f"standard errors, {CRITICAL} allowed")


def test_refuses_what_is_not_a_number():
    with pytest.raises(AssertionError):
        assert_mean([np.nan, 1.0], 1.0, "share")
