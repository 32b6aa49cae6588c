"""The comparison of two samples' laws: its distance, its bounds and its error rates."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from collapse_bench.conformance.laws import DETECT, compare, decide_same_law, size_to_compare
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import CollapseError, Inconclusive, InvalidArgument
from collapse_bench.gates.levels import Levels
from collapse_bench.models import Gaussian
from collapse_bench.streams import generator

BETA = 0.01
REPEATS = 500


def subject(level=5e-5):
    return Subject(Gaussian()).during("check_of_a_test", level)


def test_distance_margin_and_pvalue_are_those_of_the_formulas():
    first = np.repeat([0.0, 1.0], [400, 100])  # F(0) = 0.8
    second = np.repeat([0.0, 1.0], [250, 250])  # G(0) = 0.5

    found = compare(first, second, beta=BETA)

    assert found.distance == pytest.approx(0.3, abs=1e-12)  # rounding of a difference
    margin = 2 * math.sqrt(math.log(4 / BETA) / (2 * 500))
    assert found.high == pytest.approx(0.3 + margin, abs=1e-12)
    assert found.pvalue == pytest.approx(2 * math.exp(-2 * 0.09 * 250), rel=1e-9)


def test_the_worst_column_decides_and_all_columns_share_the_pvalue():
    rng = generator(1, "laws")
    first, second = rng.random((500, 3)), rng.random((500, 3))
    second[:, 1] += 0.2  # small enough for a p-value that isn't taken for 0

    found = compare(first, second, beta=BETA)
    alone = compare(first[:, 1], second[:, 1], beta=BETA)

    assert found.column == 1
    assert found.distance == alone.distance
    assert found.pvalue == pytest.approx(3 * alone.pvalue, rel=1e-9, abs=0)
    margins = [2 * math.sqrt(math.log(4 * columns / BETA) / 1_000) for columns in (3, 1)]
    assert found.high - alone.high == pytest.approx(margins[0] - margins[1], abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(458, 700), st.integers(458, 700), st.integers(2, 9))
def test_distance_is_that_of_scipy(seed, n, m, values):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(values, size=n), rng.integers(values, size=m)

    found = compare(first.astype(float), second.astype(float), beta=BETA)

    oracle = ks_2samp(first, second, method="asymp").statistic
    assert found.distance == pytest.approx(oracle, abs=1e-12)  # rounding of differences


@given(st.integers(0, 2**32 - 1))
def test_nothing_depends_on_the_unit_or_on_which_comes_first(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal(500), rng.standard_normal(600)

    found = compare(first, second, beta=BETA)

    assert compare(np.exp(first), np.exp(second), beta=BETA) == found
    assert compare(second, first, beta=BETA).distance == found.distance
    assert 0 <= found.distance <= found.high <= 1


def test_strings_are_compared_as_they_sort():
    first = np.array(["a", "bb", "c"] * 200)
    second = np.array(["a", "c", "c"] * 200)

    assert compare(first, second, beta=BETA).distance == pytest.approx(1 / 3, abs=1e-12)


def test_equal_laws_are_seldom_told_apart_and_always_decided():
    """500 pairs at level 0.05 and miss 0.01: Massart's bounds hold, so at most as many fail."""
    level, miss = 0.05, 0.01
    size = size_to_compare(1, Levels(level, BETA, miss))
    rng = generator(2, "laws")

    found = [
        compare(rng.random(size // 8), rng.random(size // 8), beta=BETA) for _ in range(REPEATS)
    ]
    planned = [compare(rng.random(size), rng.random(size), beta=BETA) for _ in range(200)]

    # Three standard deviations of a share of 0.05 in 500 are 0.029; in 60 of 0.01, 0.039.
    assert np.mean([each.pvalue <= level for each in found]) <= level + 0.029
    assert np.mean([each.high >= DETECT for each in planned]) <= miss + 0.039


def test_laws_that_far_apart_are_excluded_only_as_often_as_beta():
    """Two uniform laws at a distance of DETECT: high covers it but for 1 % of 300 pairs."""
    rng = generator(3, "laws")

    found = [compare(rng.random(2_000), rng.random(2_000) + DETECT, beta=BETA) for _ in range(300)]

    assert np.mean([each.high < DETECT for each in found]) <= BETA + 0.018  # three deviations


def test_decisions_fail_pass_or_stay_open():
    rng = generator(4, "laws")
    size = size_to_compare(1, subject().levels)
    first, second = rng.random(size), rng.random(size)

    assert "apart in Kolmogorov distance" in decide_same_law(subject(), first, second, "halves")
    with pytest.raises(CollapseError, match=r"^halves must have one law"):
        decide_same_law(subject(), first, second + 0.2, "halves")
    with pytest.raises(Inconclusive, match=r"0\.05 isn't excluded"):
        decide_same_law(subject(), first[:500], second[:500], "halves")


def test_the_planned_size_leaves_few_sound_models_undecided():
    levels = subject().levels
    size = size_to_compare(1, levels)
    # By hand: (2 sqrt(log 400 / 2) + sqrt(log 20,000)) / 0.05 squared.
    assert size == 17_470
    assert levels.miss == 1e-4
    assert size_to_compare(1, levels, detect=0.5) == 458
    # (2 sqrt(log 1,200 / 2) + sqrt(log 60,000)) / 0.05 squared.
    assert size_to_compare(3, levels) == 20_066


@pytest.mark.parametrize("shapes", [((457,), (500,)), ((500, 2), (500, 3))])
def test_too_few_rows_or_other_widths_are_refused(shapes):
    first, second = (np.zeros(shape) for shape in shapes)
    with pytest.raises(InvalidArgument, match="samples must have 458 rows or more of one width"):
        compare(first, second, beta=BETA)
