"""How long states live, and how long until one is left: chains, recursions and their bounds."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory import categorical
from tests.theory.enumeration import EXACT, chain, worlds


def counts_chain(size):
    """Return the matrix of one step between a state's counts."""
    counts = np.arange(size + 1)
    return binom.pmf(counts, size, counts[:, None] / size)


# --- by hand -------------------------------------------------------------------------------


def test_survival_by_hand():
    one = 1 - np.exp(-1)
    assert categorical.survival([0, 1, 2]) == pytest.approx([1, one, 1 - np.exp(-one)], rel=1e-15)
    assert categorical.poisson_survival(2.0, [0, 1, 2]) == pytest.approx(
        [1, 1 - np.exp(-2), 1 - np.exp(-2 * one)], rel=1e-15
    )


def test_copies_by_hand():
    # one of two draws: gone with 1/4; then half are pairs of one kind, which stay
    assert categorical.copies_survival(1, 2, [0, 1, 2]) == pytest.approx([1, 3 / 4, 5 / 8])
    assert categorical.copies_survival([0, 2], 2, 3).tolist() == [0, 1]
    # the next generation loses 36.8 % of singletons, 13.5 % of pairs
    lost = 1 - categorical.copies_survival([1, 2], 10**9, 1)
    assert lost == pytest.approx(np.exp([-1, -2]), rel=1e-8)


def test_times_by_hand():
    # pairs of draws: from one of each, half of the next pairs are of one kind
    assert categorical.mean_absorption_time(0.5, 2) == pytest.approx(1 + 1 / 2 * 2)
    assert categorical.mean_absorption_time([0, 1], 7).tolist() == [0, 0]
    assert categorical.mean_coalescence_time(2) == pytest.approx(2)
    # three lines: 1, 2, 3 of them a step before with 1/9, 6/9, 2/9; two wait 3 steps
    assert categorical.mean_coalescence_time(3) == pytest.approx((1 + 6 / 9 * 3) / (7 / 9))


# --- linear algebra --------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 40), st.integers(0, 12), st.data())
def test_copies_are_the_chain_of_counts(size, steps, data):
    count = data.draw(st.integers(0, size))
    later = np.linalg.matrix_power(counts_chain(size), steps)
    alive = categorical.copies_survival(count, size, steps)
    assert alive == pytest.approx(1 - later[count, 0], abs=EXACT)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 40), st.floats(0.001, 0.999))
def test_absorption_time_is_the_sum_of_survivals(size, p):
    matrix, counts = counts_chain(size), np.arange(size + 1)
    now, total = binom.pmf(counts, size, p), 1.0
    for _ in range(60 * size):
        total += now[1:-1].sum()
        now = now @ matrix
    # (1 - 1/M)^(60 M) is below e^-60
    assert categorical.mean_absorption_time(p, size) == pytest.approx(total, rel=EXACT)


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 4))
def test_coalescence_is_the_chain_of_distinct_draws(size):
    vectors, laws = chain(size, np.full(size, 1 / size), 80 * size)
    # the first multinomial of even probabilities is one step from M different draws
    left = [now[(vectors > 0).sum(1) > 1].sum() for now in laws]
    assert categorical.mean_coalescence_time(size) == pytest.approx(1 + sum(left), abs=1e-8)


# --- stated bounds -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3, 5, 10, 50, 200, 500])
def test_the_diffusion_time_is_within_its_stated_error(size):
    p = np.r_[np.logspace(-8, -1, 40), np.linspace(0.1, 0.5, 20)]
    exact = categorical.mean_absorption_time(p, size)
    diffusion = -2 * size * (p * np.log(p) + (1 - p) * np.log1p(-p))
    assert np.all(exact - diffusion < 1)
    assert np.all(diffusion - exact < 0.55 + np.log(size) / 3)


def test_the_diffusion_takes_over_above_500():
    exact, diffusion = categorical.mean_absorption_time(0.3, [500, 501])
    assert -1 < diffusion - exact < 0.55 + np.log(501) / 3 + 2
    assert diffusion == pytest.approx(-2 * 501 * (0.3 * np.log(0.3) + 0.7 * np.log(0.7)))
    assert categorical.mean_absorption_time(0.5, 10**9) == pytest.approx(2e9 * np.log(2))


@pytest.mark.parametrize("size", [200, 700, 2_000])
def test_the_coalescents_asymptote_is_within_its_stated_error(size):
    asymptote = 2 * (size - 1) - np.log(size) / 3 + 0.2783
    exact = categorical.mean_coalescence_time(size)
    assert exact == pytest.approx(asymptote, abs=2e-3)
    assert exact == pytest.approx(2 * (size - 1), rel=0.005)
    assert categorical.mean_coalescence_time(2_001) == pytest.approx(
        4_000 - np.log(2_001) / 3 + 0.2783
    )


@pytest.mark.parametrize("size", [2, 5, 20, 80])
def test_branching_is_a_lower_bound_and_misses_less_than_the_share(size):
    counts, gone = np.arange(1, size + 1), np.eye(size + 1)[0]
    matrix = counts_chain(size)
    for step in range(1, 6 * size):
        gone = matrix @ gone
        alive, branching = 1 - gone[1:], 1 - (1 - categorical.survival(step)) ** counts
        error = alive - np.maximum(branching, counts / size)
        assert np.all(error >= -1e-12)
        assert np.all(error < counts / size)


def test_copies_join_their_forms():
    for count in (1, 5, 1_000):
        exact, branching = categorical.copies_survival(count, [2_000, 2_001], 7)
        assert 0 <= exact - branching < count / 2_000
    exact, branching = categorical.copies_survival([[1], [5], [100]], 200, [10_000, 10_001]).T
    assert np.all(np.abs(exact - branching) < 1e-9)  # both c/M by then
    exact, branching = categorical.copies_survival(3, 2_000, [100, 101])
    assert 0 <= exact - branching < 3 / 2_000 + 1e-3
    assert categorical.copies_survival(10**9, 10**9, 10**12) == 1
    assert categorical.copies_survival(5, 10, 10**12) == 0.5


@given(st.integers(0, 10**12))
def test_survival_lies_in_its_bounds(steps):
    low, high = categorical.survival_bounds(steps)
    assert low <= categorical.survival(steps) * (1 + 1e-15)
    assert categorical.survival(steps) <= high * (1 + 1e-15)


def test_survival_is_its_recursion():
    # past 100 steps it is a series: checked against fifty digits
    with mpmath.workdps(50):
        s, wanted = mpmath.mpf(1), {0, 1, 50, 99, 100, 101, 102, 500, 5_000, 20_000}
        for step in range(20_001):
            if step in wanted:
                assert abs(float(categorical.survival(step) / s - 1)) < 1e-14
            s = 1 - mpmath.exp(-s)


@given(st.floats(1e-9, 1e9), st.integers(1, 10**9))
def test_poisson_survival_is_at_least_the_published_bound(rate, steps):
    assert categorical.poisson_survival(rate, steps) >= -np.expm1(-rate / steps) * (1 - 1e-12)


@settings(deadline=None)
@given(worlds(), st.integers(1, 5))
def test_absorption_by_a_step_lies_between_its_bounds(world, steps):
    law, size = world
    vectors, laws = chain(size, law, steps)
    alive = laws[-1][(vectors > 0).sum(1) > 1].sum()
    gini = 1 - (law**2).sum()
    low, high = categorical.absorption_bounds(gini, len(law), size, steps)
    assert low - EXACT <= alive <= high + EXACT
    # one state is one state from the start
    assert categorical.absorption_bounds([0.0, gini], len(law), size, 0)[1].tolist() == [
        0,
        float(gini > 0),
    ]
    # both bounds bite: neither a step later nor a draw more or less would do for all
    if len(law) == 2 and size == 2:
        assert low == pytest.approx(high)


# --- bad input --------------------------------------------------------------------------------


def test_refuses_counts_and_rates():
    with pytest.raises(InvalidArgument, match=r"^count must be at most size; got count=11, size=1"):
        categorical.copies_survival(11, 10, 1)
    with pytest.raises(InvalidArgument, match=r"^count must be an integer >= 0; got count=-1$"):
        categorical.copies_survival(-1, 10, 1)
    with pytest.raises(InvalidArgument, match=r"^rate must be a finite number > 0; got rate=0$"):
        categorical.poisson_survival(0, 1)
    with pytest.raises(InvalidArgument, match=r"^steps must be an integer >= 0; got steps=nan$"):
        categorical.survival(np.nan)
    with pytest.raises(InvalidArgument, match=r"^p must be a number in \[0, 1\]; got p=2$"):
        categorical.mean_absorption_time(2, 10)
