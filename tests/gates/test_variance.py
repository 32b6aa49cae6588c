"""The variance check: its scales, its pair in several columns, its intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.gates import check_variance
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=10)
seeds = st.integers(0, 2**32 - 1)
FEW = {"permutations": 199}


def test_the_loss_of_variance_by_hand():
    reference = np.repeat([-2.0, 0, 0, 2], 250)  # variance 2
    verdict = check_variance(reference / 2, reference, **FEW)

    assert verdict.estimate == pytest.approx(3 / 4, rel=1e-12)
    assert verdict.statistic == "variance"
    assert verdict.outcome == "fail"


@relaxed
@given(seeds, st.floats(0.5, 1.3), st.sampled_from(["normal", "t3"]), st.integers(1, 2))
def test_it_fails_and_passes_where_its_interval_says(seed, factor, law, columns):
    rng = generator(seed)
    draw = rng.standard_normal if law == "normal" else lambda shape: rng.standard_t(3, shape)
    verdict = check_variance(factor * draw((500, columns)), draw((600, columns)), **FEW)

    low = -np.inf if verdict.low is None else verdict.low
    assert (verdict.outcome == "fail") == (low > verdict.tolerate)
    assert low <= verdict.estimate
    if verdict.high is not None:
        assert verdict.estimate <= verdict.high
        passed = verdict.high < verdict.detect and verdict.outcome != "fail"
        assert (verdict.outcome == "pass") == passed
    else:
        assert verdict.outcome != "pass"


@relaxed
@given(seeds, st.sampled_from([0.125, 4.0]), st.integers(-8, 8), st.integers(1, 3))
def test_units_and_zero_points_do_not_matter(seed, scale, shift, columns):
    # Powers of two and dyadic rows: no rounding, so verdicts agree to the last digit.
    rng = generator(seed)
    ours, theirs = (np.round(rng.normal(size=(60, columns)) * 256) / 256 for _ in range(2))
    first = check_variance(ours, theirs, **FEW)
    second = check_variance(shift + scale * ours, shift + scale * theirs, **FEW)

    assert second.outcome == first.outcome
    assert second.pvalue_fail == first.pvalue_fail
    assert second.estimate == pytest.approx(first.estimate, abs=1e-9)


@relaxed
@given(seeds, st.integers(1, 3))
def test_the_order_of_rows_does_not_matter(seed, columns):
    rng = generator(seed)
    ours, theirs = rng.normal(size=(60, columns)), rng.normal(size=(90, columns))
    again = check_variance(rng.permutation(ours), rng.permutation(theirs), **FEW)

    assert again == check_variance(ours, theirs, **FEW)


def test_heavy_tails_are_winsorized_and_said_so():
    rng = generator(1)
    verdict = check_variance(rng.standard_t(3, 9_000), rng.standard_t(3, 9_000))

    assert verdict.statistic == "winsorized"
    assert verdict.quantity == "variance of the middle 98 %"
    assert "variance of the middle 98 %" in verdict.reason
    assert verdict.outcome == "pass"


def test_the_plain_variance_of_heavy_tails_fails_but_never_passes():
    rng = generator(2)
    reference = rng.standard_t(3, 20_000)
    healthy = check_variance(rng.standard_t(3, 20_000), reference, scale="variance", **FEW)
    shrunk = check_variance(0.3 * rng.standard_t(3, 20_000), reference, scale="variance", **FEW)

    assert healthy.outcome == "inconclusive"
    assert healthy.high is None
    assert healthy.size_needed is None
    assert "only scale='winsorized' can pass" in healthy.reason
    assert shrunk.outcome == "fail"


def test_heavy_tailed_counts_keep_the_plain_variance_and_never_pass():
    rng = generator(3)
    verdict = check_variance(
        rng.negative_binomial(0.2, 0.05, 5_000), rng.negative_binomial(0.2, 0.05, 5_000), **FEW
    )

    assert verdict.statistic == "variance"
    assert verdict.outcome == "inconclusive"
    assert "can't be winsorized: its values are tied" in verdict.reason


def test_tied_generated_values_do_not_pass_by_winsorizing():
    rng = generator(4)
    verdict = check_variance(rng.standard_t(3, 9_000).round(), rng.standard_t(3, 9_000))

    assert verdict.outcome == "inconclusive"
    assert "generated values are tied near their quantiles" in verdict.reason


def test_too_few_rows_to_winsorize_are_inconclusive():
    rng = generator(5)
    verdict = check_variance(rng.standard_t(3, 300), rng.standard_t(3, 9_000))

    assert verdict.outcome == "inconclusive"
    assert verdict.estimate is None
    assert "300 rows are fewer than the 400" in verdict.reason
    assert verdict.size_needed[0] > 1_000


@pytest.mark.parametrize(
    ("factors", "named"), [((0.8, 0.8, 0.8, 0.8), "logdet"), ((0.6, 1, 1, 1), "weakest_direction")]
)
def test_the_statistic_that_decided_is_named(factors, named):
    rng = generator(6)
    verdict = check_variance(
        rng.normal(size=(800, 4)) * factors, rng.normal(size=(800, 4)), permutations=999
    )

    assert verdict.outcome == "fail"
    assert verdict.statistic == named


def test_a_pass_takes_both_statistics():
    rng = generator(7)
    reference = rng.normal(size=(9_000, 3))
    assert check_variance(rng.normal(size=(9_000, 3)), reference, **FEW).outcome == "pass"
    # The volume alone is kept to 7 %; one direction is at 20 %.
    one = check_variance(rng.normal(size=(3_000, 3)) * [0.8**0.5, 1, 1], reference, **FEW)
    assert one.outcome != "pass"
    assert one.pvalue_pass > 0.01


def test_constant_and_dependent_columns_are_dropped_and_named():
    from collapse_bench.data import SampleSet

    rng = generator(8)

    def table(rows):
        return SampleSet.of(
            np.column_stack([rows, np.full(len(rows), 7.0), rows[:, 0] + rows[:, 1]]),
            columns=("a", "b", "c", "d"),
        )

    verdict = check_variance(
        table(rng.normal(size=(3_000, 2))), table(rng.normal(size=(3_000, 2))), **FEW
    )
    assert "constant in the reference and not judged: 'c'" in verdict.reason
    assert "1 linear combination of columns is constant" in verdict.reason
    assert verdict.estimate is not None


def test_one_column_that_varies_is_judged_as_a_line():
    rng = generator(9)
    ours, theirs = rng.normal(size=500), rng.normal(size=500)
    wide = check_variance(
        np.column_stack([np.ones(500), ours]), np.column_stack([np.ones(500), theirs]), **FEW
    )
    narrow = check_variance(ours, theirs, **FEW)

    assert wide.statistic == "variance"
    assert wide.estimate == pytest.approx(narrow.estimate, rel=1e-9)
    assert "column 0" in wide.reason


def test_fewer_rows_than_directions_are_inconclusive():
    rng = generator(10)
    verdict = check_variance(rng.normal(size=(4, 6)), rng.normal(size=(500, 6)), **FEW)

    assert verdict.outcome == "inconclusive"
    assert "4 rows can't span the 6 directions" in verdict.reason


def test_a_heavy_column_keeps_the_pair_from_passing():
    rng = generator(11)

    def draw():
        return np.column_stack([rng.normal(size=9_000), rng.standard_t(3, 9_000)])

    verdict = check_variance(draw(), draw(), **FEW)
    assert verdict.outcome == "inconclusive"
    assert "kurtosis of column 1" in verdict.reason or "weakest direction" in verdict.reason


def test_values_too_far_away_for_the_pair_are_inconclusive():
    rng = generator(12)
    verdict = check_variance(1e7 * rng.normal(size=(500, 2)), rng.normal(size=(500, 2)), **FEW)

    assert verdict.outcome == "inconclusive"
    assert "within 1e5 reference standard deviations" in verdict.reason


@pytest.mark.parametrize("shift", [0.0, 10.0])
def test_a_shift_of_samples_of_unequal_sizes_is_no_matter_of_spread(shift):
    # At a hundred to one most rows of the larger sample never move: about a mean that isn't theirs,
    # a loss of ``detect`` passed and one of ``tolerate`` failed every time.
    rng = generator(11)
    lost = np.sqrt(0.8) * rng.normal(size=100_000) + shift
    kept = np.sqrt(0.95) * rng.normal(size=1_000) + shift

    assert check_variance(lost, rng.normal(size=1_000), **FEW).outcome != "pass"
    assert check_variance(kept, rng.normal(size=100_000), **FEW).outcome != "fail"


def test_auto_winsorizes_from_a_kurtosis_of_six():
    # Laplace has kurtosis 6; scaled normals in shares .95 and .05 have 3 E s^4 / (E s^2)^2.
    rng = generator(13)
    rows = rng.normal(size=20_000)
    for wide, statistic in ((2.5, "variance"), (3.2, "winsorized")):  # 5.1 and 7.6
        reference = np.where(np.arange(20_000) < 1_000, wide, 1.0) * rows
        assert check_variance(reference[::2], reference, **FEW).statistic == statistic


def test_rows_of_one_value_fail_only_where_the_reference_seldom_has_so_many():
    rare = np.r_[np.zeros(600), 1.0]

    assert check_variance(np.zeros(500), rare, **FEW).outcome == "inconclusive"
    verdict = check_variance(np.zeros(50), np.r_[np.zeros(300), np.ones(300)], **FEW)
    assert verdict.outcome == "fail"
    assert verdict.pvalue_fail == pytest.approx(0.5**49, rel=1e-9)


def test_a_far_outlier_is_growth_and_no_loss():
    rng = generator(12)
    verdict = check_variance(np.append(rng.normal(size=500), 1e100), rng.normal(size=600), **FEW)

    assert verdict.estimate < -1e10
    assert verdict.outcome != "fail"
