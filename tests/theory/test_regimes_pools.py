"""Pools, urns, lags and growing sizes against every path of small loops and exact products."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_hypergeom

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory import regimes
from tests.theory.enumeration import EXACT, empirical, small_worlds, walk

sizes = st.integers(2, 10**9)


# --- by hand -------------------------------------------------------------------------------


def test_means_by_hand():
    assert regimes.accumulate_mean_square(4, [0, 1, 2]) == pytest.approx([0, 1 / 4, 5 / 16])
    assert regimes.accumulate_mean_square(1_000, 10**12) == pytest.approx(np.pi**2 / 6_000)


def test_urn_by_hand():
    # two rows, one of each: three quarters of the pool's 1/2 would be 4/9 of three rows
    assert regimes.polya_ratio(2, [0, 1]) == pytest.approx([1, (4 / 9) / (1 / 2)])
    assert regimes.polya_limit(2) == pytest.approx(2 / 3)


def test_subsample_by_hand():
    # M = 2: the pool of 4 keeps 3/4 [of 1/2]; two of its rows keep 2/3 of that
    pool = 1 / 2 * (1 - 1 / 2 / 4)
    assert regimes.subsample_ratio(2, [0, 1, 2]) == pytest.approx([1, 1 / 2, pool * 2 / 3])


def test_limits_by_hand():
    assert regimes.mixture_limit(4, 0.5, 0.25, 0.25) == pytest.approx((1 / 16) / (7 / 16 + 1 / 16))
    assert regimes.mixture_limit(4, [1, 0, 0], [0, 1, 0], [0, 0, 1]).tolist() == [1, 0, 0]
    assert regimes.lag_effective_size(10, [1, 0.5, 0]).tolist() == [10, 40, np.inf]
    assert regimes.linear_growth_ratio(2, [0, 1, 2]) == pytest.approx([1, 1 / 2, 3 / 8])
    total_variation, divergence = regimes.mixture_ceilings([0, 0.5, 1])
    assert total_variation.tolist() == [1, 0.5, 0]
    assert divergence == pytest.approx([np.inf, np.log(2), 0])


# --- every path ----------------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(small_worlds(), st.integers(1, 3))
def test_subsampling_is_every_path(world, steps):
    truth, size = world

    def fits(n, pool):
        law = truth if pool is None else pool[1]
        for chance, batch in empirical(size, law):
            counts = np.rint(batch * size).astype(int) + (0 if pool is None else pool[0])
            for rows, _ in _laws(size, len(truth)):
                taken = multivariate_hypergeom.pmf(rows, counts, size) if n > 1 else None
                if n == 1:
                    yield chance, batch, batch, (counts, batch)
                    break
                fit = np.array(rows) / size
                yield chance * taken, fit, fit, (counts, fit)

    ratio, distance = walk(steps, truth, fits)
    expected = regimes.subsample_ratio(size, steps)
    assert ratio == pytest.approx(expected, abs=EXACT)
    assert distance == pytest.approx(1 - expected, abs=EXACT)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=3).filter(lambda c: sum(map(bool, c)) > 1),
    st.integers(1, 5),
)
def test_the_urn_is_every_path(counts, draws):
    pool = np.array(counts, float)
    size = int(pool.sum())

    def fits(n, now):
        now = pool if now is None else now
        for state in range(len(pool)):
            new = now + np.eye(len(pool))[state]
            yield now[state] / now.sum(), new / new.sum(), new / new.sum(), new

    ratio, distance = walk(draws, pool / size, fits)
    expected = regimes.polya_ratio(size, draws)
    assert ratio == pytest.approx(expected, abs=EXACT)
    assert distance == pytest.approx(1 - expected, abs=EXACT)


@settings(deadline=None, max_examples=25)
@given(small_worlds(), st.integers(1, 3), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_a_lag_is_every_path(world, steps, alpha):
    truth, size = world

    def fits(n, law):
        law = truth if law is None else law
        for chance, fit in empirical(size, law):
            new = alpha * fit + (1 - alpha) * law
            yield chance, new, new, new

    ratio, _ = walk(steps, truth, fits)
    slow = (1 - 1 / regimes.lag_effective_size(size, alpha)) ** steps
    assert ratio == pytest.approx(slow, abs=EXACT)
    assert ratio == pytest.approx(
        1 - regimes.mixture_distance(size, steps, alpha, 1 - alpha, 0), abs=EXACT
    )


@settings(deadline=None, max_examples=25)
@given(small_worlds(), st.integers(1, 3))
def test_chi_squared_is_the_distance_times_the_states(world, steps):
    # the package's claim for every regime, on the one with the least symmetric path
    truth, size = world
    inverse = 1 / truth

    def below(n, pool):
        total = 0.0
        for chance, batch in empirical(size, truth if pool is None else pool):
            fit = batch if pool is None else ((n - 1) * pool + batch) / n
            here = ((fit - truth) ** 2 * inverse).sum()
            total += chance * (here if n == steps else below(n + 1, fit))
        return total

    distance = 1 - regimes.accumulate_ratio(size, steps)
    assert below(1, None) == pytest.approx((len(truth) - 1) * distance, abs=EXACT)


def _laws(size, states):
    if states == 2:
        return [((i, size - i), None) for i in range(size + 1)]
    return [((i, j, size - i - j), None) for i in range(size + 1) for j in range(size + 1 - i)]


# --- exact arithmetic and properties -----------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3, 10, 100, 10**6, 10**9])
@pytest.mark.parametrize("steps", [1, 2, 3, 50, 2_500, 4_000])
def test_subsampling_is_its_product_up_to_a_billion(size, steps):
    with mpmath.workdps(40):
        m, pool = mpmath.mpf(size), mpmath.mpf(1)
        for t in range(1, steps):
            v = (t - 1) / (t * m - 1)
            pool *= 1 - (v + (1 - v) / m) / (t + 1) ** 2
        exact = (1 - 1 / m) * pool * (1 - (steps - 1) / (steps * m - 1))
        value = float(regimes.subsample_ratio(size, steps))
        assert abs(float(mpmath.mpf(value) / exact - 1)) < 2e-15


@pytest.mark.parametrize("size", [2, 3, 10, 100, 10**6, 10**9])
def test_the_limit_of_subsampling_is_its_infinite_product(size):
    limit = float(regimes.subsample_limit(size))
    with mpmath.workdps(30):
        m = mpmath.mpf(size)
        # one less than each factor is a ratio of polynomials: the product is one of gammas
        cubic = [m**2, 2 * m**2 - m, m**2 - 4 * m + 1, 0]
        roots = mpmath.polyroots(cubic, maxsteps=500, extraprec=400)
        ones = [1 / m, -1, -1]
        exact = mpmath.fprod(mpmath.gamma(1 - r) for r in ones) / mpmath.fprod(
            mpmath.gamma(1 - r) for r in roots
        )
        exact *= (1 - 1 / m) ** 2
    assert limit == pytest.approx(float(exact), rel=5e-15)
    first = 1 - (np.pi**2 / 2 - 2) / size
    assert limit == pytest.approx(first, abs=4 / size**2 + 1e-15)
    assert regimes.subsample_ratio(size, 10**12) == pytest.approx(limit, rel=1e-11)


@pytest.mark.parametrize("size", [2, 3, 10, 100, 10**6, 10**9])
@pytest.mark.parametrize("steps", [1, 2, 9, 1_000, 10**6, 10**9])
def test_linear_growth_is_exact_up_to_a_billion(size, steps):
    with mpmath.workdps(50):
        part = mpmath.mpf(1) / size
        exact = mpmath.exp(
            mpmath.loggamma(steps + 1 - part)
            - mpmath.loggamma(steps + 1)
            - mpmath.loggamma(1 - part)
        )
    value = float(regimes.linear_growth_ratio(size, steps))
    assert abs(float(mpmath.mpf(value) / exact - 1)) < 1e-14


@given(st.integers(2, 10**4), st.integers(0, 60))
def test_linear_growth_is_growth(size, steps):
    grown = regimes.growing_ratio(size * np.arange(1, steps + 1))[-1]
    assert regimes.linear_growth_ratio(size, steps) == pytest.approx(grown, rel=1e-12)


@given(sizes, st.integers(1, 10**5))
def test_pools_keep_less_the_less_they_are_used(size, steps):
    everything = regimes.accumulate_ratio(size, steps)
    sampled = regimes.subsample_ratio(size, steps)
    assert sampled <= everything + 1e-15
    assert sampled >= regimes.subsample_limit(size) - 1e-14
    known = regimes.accumulate_mean_square(size, steps)
    assert 1 - known <= everything + 1e-15  # Weierstrass' inequality
    assert known <= np.pi**2 / 6 / size + 1e-15


@given(st.integers(2, 10**6), st.integers(0, 10**9))
def test_the_urn_falls_to_its_limit(size, draws):
    assert regimes.polya_limit(size) <= regimes.polya_ratio(size, draws) + 1e-15 <= 1 + 2e-15
    assert regimes.polya_ratio(size, 10**15) == pytest.approx(regimes.polya_limit(size))


@given(st.integers(2, 10**6), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_mixtures_tend_to_their_limit(size, a, b, c):
    if a + b + c:
        weights = np.array([a, b, c]) / (a + b + c)
        late = regimes.mixture_distance(size, 10**15, *weights)
        assert late == pytest.approx(regimes.mixture_limit(size, *weights), rel=1e-6)


@settings(deadline=None)
@given(small_worlds(), st.floats(0.01, 1))
def test_no_path_passes_the_ceilings(world, gamma):
    truth, size = world
    total_variation, divergence = regimes.mixture_ceilings(gamma)
    for _, fit in empirical(size, truth):
        p = (1 - gamma) * fit + gamma * truth
        assert np.abs(p - truth).sum() / 2 <= total_variation + EXACT
        assert (truth * np.log(truth / p)).sum() <= divergence + EXACT


# --- bad input --------------------------------------------------------------------------------


def test_refuses_other_ranges():
    for function in (regimes.polya_ratio, regimes.subsample_ratio, regimes.linear_growth_ratio):
        with pytest.raises(InvalidArgument, match=r"^size must be an integer >= 2; got size=1$"):
            function(1, 1)
    with pytest.raises(InvalidArgument, match=r"^draws must be an integer >= 0; got draws=-1$"):
        regimes.polya_ratio(5, -1)
    with pytest.raises(InvalidArgument, match=r"^alpha, beta and gamma must sum to 1; got alpha="):
        regimes.mixture_limit(5, 1, 1, 1)
    with pytest.raises(InvalidArgument, match=r"^gamma must be a number in \[0, 1\]; got gamma=2$"):
        regimes.mixture_ceilings(2)
