"""The tail check."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.gates import check_tail_mass
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=10)
seeds = st.integers(0, 2**32 - 1)


def test_the_count_in_the_tail_by_hand():
    # The 5 largest of 100 are 95 to 99; 2 of 50 lie beyond 94.
    reference = np.arange(100.0)
    samples = np.r_[np.linspace(0, 90, 48), 96.5, 200]
    verdict = check_tail_mass(samples, reference, tail="upper")

    assert verdict.estimate == pytest.approx(1 - (2 / 50) / (5 / 100), rel=1e-12)
    # Beyond the fifth largest, 95, excluded: C given B is binomial with B ~ Beta(5, 96).
    law = stats.betabinom(50, 5, 96)
    assert check_tail_mass(samples, reference, tail="upper", tolerate=0.0).pvalue_fail == (
        pytest.approx(law.cdf(2), rel=1e-10)
    )


def test_both_ends_hold_half_of_the_mass_each():
    reference = np.arange(100.0)
    low = check_tail_mass(np.full(40, -1.0), reference, mass=0.1)
    high = check_tail_mass(np.full(40, 100.0), reference, mass=0.1)

    assert low.estimate == high.estimate == 1 - 1 / 0.1  # all beyond: tenfold
    assert "0.05 at each end" in low.quantity


@pytest.mark.parametrize("tail", ["upper", "lower"])
def test_one_end_sees_only_its_own_losses(tail):
    rng = generator(1)
    samples, reference = rng.normal(size=8_000), rng.normal(size=8_000)
    cut = np.minimum(samples, 1.0)  # nothing beyond 1

    assert check_tail_mass(cut, reference, tail=tail).outcome == (
        "fail" if tail == "upper" else "pass"
    )


@relaxed
@given(seeds, st.integers(30, 300), st.integers(40, 300))
def test_it_fails_and_passes_where_its_interval_says(seed, n, m):
    rng = generator(seed)
    verdict = check_tail_mass(
        0.5 * rng.normal(size=n), rng.normal(size=m), mass=0.2, detect=0.4, alpha=0.1, beta=0.1
    )

    assert verdict.low <= verdict.estimate
    assert (verdict.outcome == "fail") == (verdict.low > verdict.tolerate)
    if verdict.high is not None:
        assert verdict.estimate <= verdict.high
        passed = verdict.high < verdict.detect and verdict.outcome != "fail"
        assert (verdict.outcome == "pass") == passed


@relaxed
@given(seeds, st.floats(0.01, 100), st.floats(-50, 50))
def test_units_and_zero_points_do_not_matter(seed, scale, shift):
    rng = generator(seed)
    ours, theirs = rng.normal(size=80), rng.normal(size=90)
    first = check_tail_mass(ours, theirs)
    second = check_tail_mass(shift + scale * ours, shift + scale * theirs)

    assert second.to_dict() == first.to_dict()


@relaxed
@given(seeds, st.integers(1, 3))
def test_the_order_of_rows_does_not_matter(seed, columns):
    rng = generator(seed)
    ours, theirs = rng.normal(size=(60, columns)), rng.normal(size=(90, columns))
    again = check_tail_mass(rng.permutation(ours), rng.permutation(theirs))

    assert again == check_tail_mass(ours, theirs)


def test_a_score_replaces_the_values():
    rng = generator(2)
    ours, theirs = rng.normal(size=(500, 3)), rng.normal(size=(600, 3))
    by_score = check_tail_mass(ours, theirs, score=lambda rows: rows[:, 1], tail="upper")
    by_value = check_tail_mass(ours[:, 1], theirs[:, 1], tail="upper")

    assert by_score.estimate == by_value.estimate
    assert by_score.pvalue_fail == by_value.pvalue_fail
    assert by_score.quantity.endswith("of scores")


def test_several_columns_are_judged_by_distance_from_half_of_the_reference():
    rng = generator(3)
    reference = rng.normal(size=(8_000, 4)) @ rng.normal(size=(4, 4))
    inner = reference.mean(axis=0) + 0.8 * (reference[:6_000] - reference.mean(axis=0))

    assert check_tail_mass(inner, reference).outcome == "fail"
    assert check_tail_mass(inner, reference).reference_size == 8_000
    # The threshold is counted on the half that the distance wasn't fitted to.
    fresh = check_tail_mass(reference, reference, mass=0.2, detect=0.4)
    assert fresh.outcome == "pass"


def test_the_level_is_kept_on_rounded_data_of_several_columns():
    # 150 samples of one law: at 5 % at most 7.5 reject, standard deviation 2.7; 21 is 1 in 10^5.
    rng, rejections = generator(4), 0
    for index in range(150):
        ours, theirs = rng.normal(size=(100, 2)).round(1), rng.normal(size=(120, 2)).round(1)
        verdict = check_tail_mass(ours, theirs, tolerate=0.0, mass=0.2, seed=index)
        rejections += verdict.pvalue_fail <= 0.05

    assert rejections < 21


def test_a_tail_without_reference_rows_is_inconclusive():
    verdict = check_tail_mass(np.arange(1_000.0), np.arange(10.0), mass=0.01)

    assert verdict.outcome == "inconclusive"
    assert verdict.size_needed[0] is None
    assert verdict.size_needed[1] > 10_000
    assert "the tail of mass 0.01 holds 0 of the 10 reference rows" in verdict.reason
    assert "against so small a reference" in verdict.reason


def test_sizes_that_could_never_fail_never_pass():
    # 40 samples with all of their mass in the tail: growth is certain, but 0 of 40 would have
    # been no loss either.
    verdict = check_tail_mass(np.full(40, 9.0), generator(5).normal(size=1_000), tail="upper")

    assert verdict.outcome == "inconclusive"
    assert verdict.high is None
    assert verdict.pvalue_pass is None
    assert "can't show a loss" in verdict.reason
    assert verdict.estimate < -10


def test_rows_are_counted_on_the_half_that_the_distance_was_not_fitted_to():
    # 200 rows in 60 columns: those that a distance is fitted to lie much closer than any others.
    rng = generator(21)
    verdict = check_tail_mass(rng.normal(size=(2_000, 60)), rng.normal(size=(400, 60)), mass=0.2)

    assert abs(verdict.estimate) < 0.6  # fitted to themselves: -3.9
