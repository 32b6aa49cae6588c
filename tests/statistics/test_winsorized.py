"""The variance of the middle 98 % and its standard error."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.mstats import winsorize

from collapse_bench.statistics.robust import RobustTest
from collapse_bench.statistics.winsorized import on_lattice, winsorized
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**32 - 1)

# Quantiles between order statistics 10 and 11 against scipy's whole ones, for n = 1001: none.
EXACT = 1001


def test_values_beyond_the_quantiles_are_moved_by_hand():
    # Ranks 0 to 1000: the 1 % quantiles are the values 10 and 990.
    line = np.arange(EXACT, dtype=float)
    inner = np.clip(line, 10, 990)

    assert winsorized(line).variance == pytest.approx(inner.var(), rel=1e-12)
    assert winsorized(line).size == EXACT


@relaxed
@given(seeds)
def test_the_variance_is_that_of_scipys_winsorized_values(seed):
    line = np.sort(generator(seed).standard_t(3, EXACT))
    peer = np.asarray(winsorize(line, limits=(10 / EXACT, 10 / EXACT)))

    assert winsorized(line).variance == pytest.approx(peer.var(), rel=1e-12)


@pytest.mark.parametrize("law", ["normal", "t3", "lognormal"])
def test_the_standard_error_is_the_spread_over_samples(law):
    # 1000 samples: their standard deviation is known to 1 / sqrt(2000), and log v isn't quite
    # normal; 15 % is 6.7 of those. The clipped kurtosis alone would be 25 % short for t3.
    rng = generator(0, law)
    draw = {"normal": rng.standard_normal, "t3": lambda n: rng.standard_t(3, n)}.get(
        law, lambda n: np.exp(rng.standard_normal(n))
    )
    found = [winsorized(np.sort(draw(2_000))) for _ in range(1_000)]
    logs = np.log([part.variance for part in found])
    stated = math.sqrt(np.mean([part.spread / part.size for part in found]))

    assert abs(stated / logs.std() - 1) <= 0.15


@relaxed
@given(seeds, st.floats(0.0, 0.9))
def test_a_contraction_is_the_loss_that_it_says(seed, loss):
    line = np.sort(generator(seed).standard_t(3, 500))
    test = RobustTest(winsorized(line * math.sqrt(1 - loss)), winsorized(line))
    low, high = test.bounds(alpha=0.01, beta=0.02)

    assert test.loss == pytest.approx(loss, abs=1e-9)
    assert low < loss + 1e-9 < high + 2e-9
    assert test.pvalue_fail(loss) == pytest.approx(0.5, abs=1e-6)
    assert test.pvalue_fail(low) == pytest.approx(0.01, rel=1e-6)
    assert test.pvalue_pass(high) == pytest.approx(0.02, rel=1e-6)


@pytest.mark.parametrize(("step", "lattice"), [(0.001, False), (0.5, True), (1.0, True)])
def test_rounded_values_are_a_lattice_if_the_steps_are_coarse(step, lattice):
    line = np.sort(generator(1).standard_t(3, 5_000))

    assert on_lattice(np.round(line / step) * step) == lattice


def test_counts_are_a_lattice_and_rows_drawn_with_replacement_are_not():
    rng = generator(2)

    assert on_lattice(np.sort(rng.poisson(3, 2_000).astype(float)))
    assert not on_lattice(np.sort(rng.choice(rng.normal(size=2_000), 2_000)))


def test_a_constant_middle_has_no_variance():
    line = np.sort(np.r_[np.zeros(990), -np.ones(5), np.ones(5)])

    assert winsorized(line).variance == 0
    assert RobustTest(winsorized(line), winsorized(np.arange(1000.0))).loss == 1
