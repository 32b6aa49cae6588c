"""The Wasserstein check."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from collapse_bench.gates import check_wasserstein
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=8)
seeds = st.integers(0, 2**32 - 1)
FEW = {"permutations": 199}


def test_a_contraction_by_a_tenth_is_a_loss_of_a_tenth():
    # The unit: the estimate's error at 50,000 rows is about 0.005.
    rng = generator(1)
    verdict = check_wasserstein(0.9 * rng.normal(size=50_000), rng.normal(size=50_000), **FEW)

    assert verdict.estimate == pytest.approx(0.1, abs=0.02)
    assert verdict.outcome == "fail"


def test_the_estimate_is_what_exceeds_the_distance_of_equal_laws():
    rng = generator(2)
    ours, theirs = 0.7 * rng.normal(size=300), rng.normal(size=400)
    unit = np.abs(theirs - theirs.mean()).mean()
    verdict = check_wasserstein(ours, theirs, **FEW)

    assert 0 < verdict.estimate < wasserstein_distance(ours, theirs) / unit
    assert check_wasserstein(theirs, theirs, **FEW).estimate == 0


@relaxed
@given(seeds, st.floats(0.5, 1.5), st.integers(1, 2))
def test_it_fails_and_passes_where_its_interval_says(seed, factor, columns):
    rng = generator(seed)
    verdict = check_wasserstein(
        factor * rng.normal(size=(120, columns)), rng.normal(size=(150, columns)), detect=0.4, **FEW
    )

    assert 0 <= verdict.low <= verdict.estimate <= verdict.high
    assert (verdict.outcome == "fail") == (verdict.low > verdict.tolerate)
    passed = verdict.high < verdict.detect and verdict.outcome != "fail"
    assert (verdict.outcome == "pass") == passed


@relaxed
@given(seeds, st.integers(1, 3))
def test_the_order_of_rows_does_not_matter(seed, columns):
    rng = generator(seed)
    ours, theirs = rng.normal(size=(60, columns)), rng.normal(size=(70, columns))
    again = check_wasserstein(rng.permutation(ours), rng.permutation(theirs), **FEW)

    assert again == check_wasserstein(ours, theirs, **FEW)


def test_units_of_columns_do_not_matter():
    rng = generator(3)
    ours, theirs = rng.normal(size=(200, 2)), rng.normal(size=(200, 2))
    first = check_wasserstein(ours, theirs, **FEW)
    second = check_wasserstein(ours * [1, 1024], theirs * [1, 1024], **FEW)

    assert second.estimate == pytest.approx(first.estimate, abs=1e-6)  # single precision
    assert second.pvalue_fail == first.pvalue_fail


def test_a_missing_mode_fails_in_several_columns():
    rng = generator(4)
    sides = np.where(rng.integers(2, size=4_000), 2.0, -2.0)
    reference = rng.normal(size=(4_000, 3)) + sides[:, None] * [1, 0, 0]
    verdict = check_wasserstein(reference[reference[:, 0] > 0], reference, **FEW)

    assert verdict.outcome == "fail"
    assert verdict.statistic == "sliced_wasserstein_1"


def test_constant_columns_are_dropped_and_named():
    rng = generator(5)
    ours = np.column_stack([rng.normal(size=200), np.ones(200)])
    verdict = check_wasserstein(ours, ours, **FEW)

    assert verdict.statistic == "wasserstein_1"
    assert "not judged: column 1" in verdict.reason
