"""The variance check in several columns, where one statistic alone must decide."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from collapse_bench.gates import check_variance
from collapse_bench.statistics.covariance import pair_test
from collapse_bench.streams import generator

FEW = {"permutations": 999}


def test_one_dead_direction_of_eight_fails_though_the_volume_is_fine():
    # A quarter of the variance in one of eight directions: the volume loses 1 - 0.75^(1/8) = 3.5 %.
    rng = generator(1)
    scale = np.array([math.sqrt(0.75), *[1.0] * 7])
    verdict = check_variance(
        scale * rng.normal(size=(6_000, 8)), rng.normal(size=(6_000, 8)), **FEW
    )

    assert verdict.outcome == "fail"
    assert verdict.statistic == "weakest_direction"
    assert verdict.pvalue_fail <= 0.01


def test_a_heavy_column_among_several_is_never_shown_to_be_kept():
    rng = generator(2)
    healthy, reference = (
        np.column_stack([rng.normal(size=(8_000, 2)), rng.standard_t(3, size=8_000)])
        for _ in range(2)
    )
    verdict = check_variance(healthy, reference, **FEW)

    assert verdict.outcome == "inconclusive"
    assert "kurtosis of column 2 is" in verdict.reason
    assert "transform that column" in verdict.reason
    normal = check_variance(healthy[:, :2], reference[:, :2], **FEW)
    assert normal.outcome == "pass"


@pytest.mark.parametrize(("n", "m"), [(400, 40_000), (40_000, 400)])
def test_the_weakest_direction_counts_the_error_of_both_samples(n, m):
    rng = generator(3, n)
    ours, theirs = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
    test = pair_test(ours, theirs, permutations=99, rng=rng)
    # sqrt((3 - 1) (1/n + 1/m)) for normal data; kurtosis of 400 rows is known to a third.
    error = math.sqrt(2 / n + 2 / m)
    expected = norm.sf((test.log_weakest - math.log(0.8)) / test.weakest_error)

    assert test.weakest_error == pytest.approx(error, rel=0.3)
    assert test.pvalues_pass(0.2)["weakest_direction"] == pytest.approx(expected, rel=1e-6)


def test_heavier_tails_of_few_generated_rows_are_no_loss():
    rng = generator(4)
    rows = rng.normal(size=(1_000, 8))
    rows[rng.random(1_000) < 0.01] *= 10
    rows /= np.sqrt(0.99 + 0.01 * 100)  # the reference's covariance

    assert check_variance(rows, rng.normal(size=(20_000, 8)), **FEW).outcome != "fail"
