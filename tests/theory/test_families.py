"""Families other than the Gaussian: exact fits, quadrature, chains of counts, and every path.

Their simulations are in ``sensitivity_families``.
"""

import warnings
from itertools import pairwise, product

import mpmath
import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial, norm, poisson

from collapse_bench.errors import InvalidArgument
from collapse_bench.streams import generator
from collapse_bench.theory import families

EXACT = 1e-9
ULPS = 1e-12  # what the module promises, relative
sizes = st.integers(1, 10**9)
seeds = st.integers(0, 2**32)


def mixture(seed, components, dimension):
    """Return weights, means and covariances."""
    rng = generator(seed, "mixture")
    roots = rng.normal(size=(components, dimension, dimension))
    return (
        rng.dirichlet(np.ones(components)),
        rng.normal(size=(components, dimension)),
        roots @ roots.swapaxes(-1, -2),
    )


# --- mixtures (F1, F2, T8) ------------------------------------------------------------------


def test_moments_by_hand():
    mean, covariance = families.mixture_moments([0.25, 0.75], [[0.0], [4.0]], [[[1.0]], [[2.0]]])

    assert mean.tolist() == [3.0]
    assert covariance.tolist() == [[0.25 + 1.5 + 3.0]]  # within, and 3/16 of 4^2 between


@given(seeds, st.integers(1, 4), st.integers(1, 3), st.integers(1, 8))
def test_moments_after_any_m_step_are_the_samples(seed, components, dimension, size):
    rng = generator(seed, "m-step")
    x = rng.normal(size=(size, dimension))
    r = rng.dirichlet(np.full(components, 0.3), size=size) + 1e-9  # near 0 and 1, too
    r /= r.sum(axis=1, keepdims=True)
    weights = r.mean(axis=0)
    means = r.T @ x / r.sum(axis=0)[:, None]
    off = x - means[:, None]  # (K, n, d)
    inner = np.einsum("jk,kja,kjb->kab", r, off, off) / r.sum(axis=0)[:, None, None]
    mean, covariance = families.mixture_moments(weights, means, inner)

    assert mean == pytest.approx(x.mean(axis=0), abs=EXACT)
    assert covariance == pytest.approx(np.cov(x.T, bias=True).reshape(covariance.shape), abs=EXACT)


@pytest.mark.parametrize("floor", [0.0, 0.01])
@pytest.mark.parametrize("iterations", [1, 3])
def test_moments_of_scikit_learns_fit_are_the_samples_and_the_floor(iterations, floor):
    from sklearn.mixture import GaussianMixture

    x = generator(31, "theory", "families").normal(size=(200, 2)) ** 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged, on purpose
        fit = GaussianMixture(3, reg_covar=floor, max_iter=iterations, random_state=0).fit(x)
    mean, covariance = families.mixture_moments(fit.weights_, fit.means_, fit.covariances_)

    assert mean == pytest.approx(x.mean(axis=0), abs=EXACT)
    assert covariance == pytest.approx(np.cov(x.T, bias=True) + floor * np.eye(2), abs=EXACT)


@given(seeds, st.integers(1, 4), st.integers(1, 3))
def test_projecting_twice_is_projecting_once(seed, components, dimension):
    mean, covariance = families.mixture_moments(*mixture(seed, components, dimension))
    again = families.mixture_moments([1.0], mean[None], covariance[None])

    assert again[0].tolist() == mean.tolist()
    assert again[1] == pytest.approx(covariance, abs=EXACT)


def test_the_projection_is_the_closest_gaussian():
    # Pythagoras: KL(p, r) = KL(p, projection) + KL(projection, r) for every Gaussian r
    weights, means, scales = np.array([0.3, 0.7]), np.array([-1.0, 2.0]), np.array([1.0, 0.5])
    mean, variance = families.mixture_moments(weights, means[:, None], (scales**2)[:, None, None])
    x = np.linspace(-14, 14, 20_001)
    p = (weights * norm.pdf(x[:, None], means, scales)).sum(axis=1)
    best, other = norm(mean[0], np.sqrt(variance[0, 0])), norm(0.3, 1.1)

    def gap(law, other):  # E_law log of projection over other; sums of analytic functions are exact
        return (law * (best.logpdf(x) - other.logpdf(x))).sum() * (x[1] - x[0])

    assert gap(p, other) == pytest.approx(gap(best.pdf(x), other), abs=EXACT)
    assert gap(best.pdf(x), other) > 0.1


def test_mixtures_in_a_loop_by_hand():
    assert families.mixture_variance(2, [0, 1, 2]).tolist() == [1.0, 0.5, 0.25]
    assert families.mixture_variance(2, [0, 1, 2], 0.1) == pytest.approx([1, 0.6, 0.4], rel=ULPS)
    assert families.mixture_mean_square(2, [0, 1, 2], 0.1) == pytest.approx(
        [0, 0.5, 0.5 + 0.6 / 2], rel=ULPS
    )
    assert families.mixture_variance(100, 10**6, 1e-6) == pytest.approx(1e-4, rel=ULPS)


@settings(deadline=None)
@given(st.integers(2, 4), st.integers(1, 3), seeds)
def test_point_components_in_a_loop_are_enumerated(size, steps, seed):
    # components without spread, one a value: a mixture whose fit is the empirical law
    rng = generator(seed, "points")
    x, truth = rng.normal(size=3), rng.dirichlet(np.ones(3))
    counts = np.array([c for c in product(range(size + 1), repeat=3) if sum(c) == size])
    now = multinomial.pmf(counts, size, truth)
    for _ in range(steps - 1):
        now = now @ np.array([multinomial.pmf(counts, size, c / size) for c in counts])
    laws = counts / size
    variance = laws @ x**2 - (laws @ x) ** 2
    total = truth @ x**2 - (truth @ x) ** 2
    moved = (laws @ x - truth @ x) ** 2

    expected = total * families.mixture_variance(size, steps)
    assert now @ variance == pytest.approx(expected, abs=EXACT)
    assert now @ moved == pytest.approx(
        total * families.mixture_mean_square(size, steps), abs=EXACT
    )


@given(st.integers(2, 50), st.integers(0, 30), st.floats(0, 2))
def test_a_floor_obeys_its_recursion(size, steps, floor):
    variance, moved = 1.0, 0.0
    for _ in range(steps):
        variance, moved = (1 - 1 / size) * variance + floor, moved + variance / size

    assert families.mixture_variance(size, steps, floor) == pytest.approx(variance, rel=EXACT)
    assert families.mixture_mean_square(size, steps, floor) == pytest.approx(
        moved, rel=EXACT, abs=EXACT
    )


# --- exponential, Poisson, uniform (F3-F5) ----------------------------------------------------


def test_one_draw_by_hand():
    assert families.exponential_drift(1) == pytest.approx(-np.euler_gamma, rel=ULPS)
    assert families.exponential_noise(1) == pytest.approx(np.pi**2 / 6, rel=ULPS)
    assert families.poisson_extinction(2.0, 1, [0, 1, 2]) == pytest.approx(
        [0, np.exp(-2), np.exp(-2 * (1 - np.exp(-1)))], rel=ULPS
    )
    assert families.poisson_extinction(0.0, 5, [0, 3]).tolist() == [1.0, 1.0]
    assert families.poisson_variance(0.3, 10, [0, 12]) == pytest.approx([0, 0.36], rel=ULPS)
    assert families.uniform_width(1, [0, 1, 2]).tolist() == [1.0, 0.5, 0.25]
    assert families.uniform_log_width(4, [0, 2]).tolist() == [0.0, -0.5]


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 1_000, 10**9])
def test_one_step_is_exact_up_to_a_billion(size):
    with mpmath.workdps(60):
        m = mpmath.mpf(size)
        drift = mpmath.digamma(m) - mpmath.log(m)
        assert families.exponential_drift(size) == pytest.approx(float(drift), rel=ULPS)
        noise = float(mpmath.polygamma(1, m))
        assert families.exponential_noise(size) == pytest.approx(noise, rel=ULPS)
        width = float((m / (m + 1)) ** 1000)
        assert families.uniform_width(size, 1000) == pytest.approx(width, rel=ULPS)


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_one_step_is_its_integral(size):
    with mpmath.workdps(20):
        # the mean of M unit exponentials is Gamma(M)/M, the largest of M uniforms has M x^(M-1)
        def gamma_mean(f):
            density = lambda s: s ** (size - 1) * mpmath.exp(-s) / mpmath.gamma(size)  # noqa: E731
            return mpmath.quad(lambda s: f(mpmath.log(s / size)) * density(s), [0, 1, size, 99])

        drift = gamma_mean(lambda y: y)
        noise = gamma_mean(lambda y: y**2) - drift**2
        largest = mpmath.quad(lambda x: size * x**size, [0, 1])
        log_largest = mpmath.quad(lambda x: mpmath.log(x) * size * x ** (size - 1), [0, 1])
    assert families.exponential_drift(size) == pytest.approx(float(drift), abs=EXACT)
    assert families.exponential_noise(size) == pytest.approx(float(noise), abs=EXACT)
    assert families.uniform_width(size, 1) == pytest.approx(float(largest), abs=EXACT)
    assert families.uniform_log_width(size, 1) == pytest.approx(float(log_largest), abs=EXACT)


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 2), st.integers(1, 4), st.integers(1, 6))
def test_poisson_is_its_chain_of_sums(rate, size, steps):
    sums = np.arange(301)  # 8 at most on average, 7 standard deviations of 7 after six steps
    now = poisson.pmf(sums, rate * size)
    chain = poisson.pmf(sums[None], sums[:, None])
    for _ in range(steps - 1):
        now = now @ chain

    assert families.poisson_extinction(rate, size, steps) == pytest.approx(now[0], abs=EXACT)
    variance = now @ (sums / size - rate) ** 2
    assert families.poisson_variance(rate, size, steps) == pytest.approx(variance, abs=1e-8)


@given(sizes, st.integers(0, 500))
def test_laws_lie_in_their_bounds(size, steps):
    assert -1 / size < families.exponential_drift(size) < -1 / (2 * size)
    jensen = np.log(families.uniform_width(size, steps)) - families.uniform_log_width(size, steps)
    assert jensen >= -1e-15  # rounding of a width near 1


@settings(deadline=None)
@given(seeds, st.integers(1, 5), st.integers(1, 8))
def test_the_uniform_width_falls_on_every_path_and_stays_when_accumulating(seed, size, steps):
    rng = generator(seed, "uniform")
    widths, pooled, pool = [1.0], [], []
    for _ in range(steps):
        widths.append(rng.uniform(0, widths[-1], size).max())
        pool.extend(rng.uniform(0, pooled[-1] if pooled else 1.0, size))
        pooled.append(max(pool))

    assert all(late < early for early, late in pairwise(widths))
    assert len(set(pooled)) == 1


# --- contraction (F7) --------------------------------------------------------------------------


def total_variation(p, q):
    return np.abs(p - q).sum() / 2


def w1(p, q):
    grid = np.arange(len(p), dtype=float)
    return float(ot.wasserstein_1d(grid, grid, p, q, p=1))


def test_contraction_by_hand():
    assert families.contraction_bound(0.5, 0.1, 0.5, [0, 1, 2]) == pytest.approx(
        [0.5, 0.3, 0.2], rel=ULPS
    )
    assert families.contraction_bound(0.5, 0.1, 0.0, 3) == pytest.approx(0.8, rel=ULPS)
    assert families.contraction_bound(0.5, 0.1, 1.0, [0, 3]).tolist() == [0.5, 0.0]
    assert families.contraction_limit(0.1, 0.25) == pytest.approx(0.3, rel=ULPS)


@settings(deadline=None)
@given(seeds, st.integers(2, 5), st.integers(1, 6), st.sampled_from([total_variation, w1]))
def test_no_path_leaves_its_bound(seed, states, steps, distance):
    rng = generator(seed, "contraction")
    truth, now = rng.dirichlet(np.ones(states), size=2)
    alpha, beta, gamma = rng.dirichlet([1, 0.5, 1])
    start, errors = distance(now, truth), []
    for _ in range(steps):
        fit = rng.dirichlet(np.full(states, 0.5))
        errors.append(distance(fit, now))
        now = alpha * fit + beta * now + gamma * truth
    bound = families.contraction_bound(start, max(errors), gamma, steps)

    assert distance(now, truth) <= bound + EXACT
    assert bound <= max(start, families.contraction_limit(max(errors), gamma)) + EXACT


@given(st.floats(0.01, 1), st.integers(0, 8), st.floats(0, 3), st.floats(0, 3))
def test_the_bound_is_reached(gamma, steps, start, error):
    # the truth is the point 0; each fit moves the law to the right by the error
    points, weights = np.array([0.0, start]), np.array([0.0, 1.0])
    for _ in range(steps):
        points = np.concatenate([points + error, [0.0]])
        weights = np.concatenate([(1 - gamma) * weights, [gamma]])

    bound = families.contraction_bound(start, error, gamma, steps)
    assert weights @ points == pytest.approx(bound, rel=EXACT, abs=EXACT)  # W1 to the point 0


def test_w2_may_leave_it():
    # half of the mass at 1, half at the truth 0: W2 = sqrt(1/2), not 1/2
    assert np.sqrt(0.5) > families.contraction_bound(1.0, 0.0, 0.5, 1)


# --- bad input --------------------------------------------------------------------------------


def test_refuses_bad_input():
    with pytest.raises(InvalidArgument, match=r"^weights must be probabilities of shape"):
        families.mixture_moments([0.5, 0.6], [[0.0], [1.0]], np.ones((2, 1, 1)))
    with pytest.raises(InvalidArgument, match=r"^covariances must be symmetric and positive"):
        families.mixture_moments([1.0], [[0.0]], [[[-1.0]]])
    with pytest.raises(
        InvalidArgument, match=r"must have shapes \(\.\.\., K\).*got \(2,\), \(3, 1\)"
    ):
        families.mixture_moments([0.5, 0.5], np.zeros((3, 1)), np.ones((3, 1, 1)))
    with pytest.raises(
        InvalidArgument, match=r"^floor must be a finite number >= 0; got floor=-1$"
    ):
        families.mixture_variance(10, 1, -1)
    with pytest.raises(InvalidArgument, match=r"^size must be an integer >= 1; got size=0$"):
        families.exponential_drift(0)
    with pytest.raises(InvalidArgument, match=r"^rate must be a finite number >= 0; got rate=nan$"):
        families.poisson_extinction(float("nan"), 10, 1)
    with pytest.raises(InvalidArgument, match=r"^gamma must be positive for a limit; got gamma=0"):
        families.contraction_limit(1.0, 0.0)
    with pytest.raises(InvalidArgument, match=r"^steps must be an integer >= 0; got steps=-1$"):
        families.uniform_width(10, -1)
