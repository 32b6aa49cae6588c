"""The median absolute deviation and its standard error."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation, norm

from collapse_bench.statistics.mad import LEAST, deviation, influence, on_lattice
from collapse_bench.statistics.robust import RobustTest, RobustVariance
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**32 - 1)

LAWS = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "t3": lambda rng, n: rng.standard_t(3, n),
    "lognormal": lambda rng, n: np.exp(rng.standard_normal(n)),
    "two modes": lambda rng, n: rng.standard_normal(n) + rng.choice([-2.0, 2.0], n),
}


def measured(line):
    return RobustVariance.of(*influence(np.sort(line)))


def test_the_deviation_by_hand():
    # Median 3; away from it 2, 1, 0, 4, 17: the middle one is 2.
    assert deviation(np.array([1.0, 2, 3, 7, 20])) == 2


@relaxed
@given(seeds, st.integers(LEAST, 400))
def test_the_deviation_is_scipys(seed, size):
    line = generator(seed).standard_t(3, size)

    assert deviation(line) == pytest.approx(median_abs_deviation(line), rel=1e-12)
    assert measured(line).variance == pytest.approx(deviation(line) ** 2, rel=1e-12)


def test_the_spread_of_a_normal_law_is_the_textbooks():
    # Symmetric: IF of s is (1/2 - 1(|x| <= s)) / (2 phi(s)), of variance 1/4 / (2 phi(s))^2.
    s = norm.ppf(0.75)
    expected = 4 * 0.25 / (2 * norm.pdf(s)) ** 2 / s**2
    # 400,000 values: windows of 10,500 ranks hold densities to 1 %, a tenth is far from chance.
    found = measured(generator(0).standard_normal(400_000)).spread

    assert found == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("law", LAWS)
def test_the_standard_error_is_the_spread_over_samples(law):
    # 1,000 samples: their standard deviation is known to 1 / sqrt(2000); 15 % is 6.7 of those.
    # Without the term of the median's own error the lognormal law is 41 % short.
    rng = generator(1, law)
    found = [measured(LAWS[law](rng, 1_000)) for _ in range(1_000)]
    logs = np.log([part.variance for part in found])
    stated = math.sqrt(np.mean([part.spread / part.size for part in found]))

    assert abs(stated / logs.std() - 1) <= 0.15


@relaxed
@given(seeds, st.floats(0.0, 0.9))
def test_a_contraction_is_the_loss_that_it_says(seed, loss):
    line = generator(seed).standard_t(3, 300)
    test = RobustTest(measured(line * math.sqrt(1 - loss)), measured(line))

    assert test.loss == pytest.approx(loss, abs=1e-9)
    assert test.pvalue_fail(loss) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs", "n", "m"),
    [
        ("normal", "normal", 100, 100),
        ("lognormal", "lognormal", 300, 300),
        ("t3", "normal", 200, 1_000),  # of other shapes, each scaled to the same deviation
        ("lognormal", "two modes", 1_000, 200),
    ],
)
def test_the_level_is_kept(ours, theirs, n, m):
    # 2,000 pairs at a level of .01: 20 expected, more than 38 in 10,000 (binomial).
    rng = generator(2, ours, n)
    scales = [deviation(LAWS[law](rng, 1_000_000)) for law in (ours, theirs)]
    fails = passes = 0
    for _ in range(2_000):
        test = RobustTest(
            measured(LAWS[ours](rng, n) / scales[0]), measured(LAWS[theirs](rng, m) / scales[1])
        )
        fails += test.pvalue_fail(0.0) <= 0.01
        passes += test.pvalue_pass(0.0) <= 0.01

    assert fails <= 38
    assert passes <= 38


@pytest.mark.parametrize(("step", "lattice"), [(0.001, False), (0.2, True), (1.0, True)])
def test_rounded_values_are_a_lattice_if_the_steps_are_coarse(step, lattice):
    line = np.sort(generator(3).standard_normal(5_000))

    assert on_lattice(np.round(line / step) * step) == lattice


def test_ties_far_from_where_densities_are_taken_do_not_matter():
    line = generator(4).standard_normal(2_000)

    assert not on_lattice(np.sort(np.clip(line, -1.5, 1.5)))  # 270 tied at the ends
    assert on_lattice(np.sort(np.where(line > 0.6, np.maximum(line, 0.8), line)))  # by one quartile
    assert on_lattice(np.sort(np.where(np.abs(line) < 0.1, 0.0, line)))  # at the median


def test_values_of_which_half_are_equal_have_no_deviation():
    line = np.sort(np.r_[np.zeros(120), np.linspace(1, 2, 80)])
    square, moves = influence(line)

    assert deviation(line) == square == 0
    assert not moves.any()
    assert RobustTest(measured(line), measured(np.arange(200.0))).loss == 1
