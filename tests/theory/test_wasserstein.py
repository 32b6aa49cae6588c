"""Known Wasserstein distances against POT, exact arithmetic, enumeration and quadrature.

Their simulations are in ``sensitivity_tails``.
"""

from fractions import Fraction
from itertools import combinations_with_replacement, product
from math import comb

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import sqrtm
from scipy.special import ndtr, roots_legendre
from scipy.stats import binom

from collapse_bench.errors import InvalidArgument
from collapse_bench.streams import generator
from collapse_bench.theory import wasserstein

EXACT = 1e-9
seeds = st.integers(0, 2**32)
dimensions = st.integers(1, 4)


def moments(rng, d):
    root = rng.normal(size=(d, d))
    return rng.normal(size=d), root @ root.T + 0.01 * np.eye(d)


def sample_moments(x):
    return x.mean(axis=0), np.cov(x.T, bias=True).reshape(x.shape[1], x.shape[1])


def transported(x, y, weights=None, other=None):
    """Return W2^2 of two samples, by linear programming."""
    a = np.full(len(x), 1 / len(x)) if weights is None else weights
    b = np.full(len(y), 1 / len(y)) if other is None else other
    return float(ot.emd2(a, b, ot.dist(x, y)))


# --- Gaussian laws (W2, W3) --------------------------------------------------------------------


def test_gaussians_by_hand():
    line = wasserstein.gaussian_w2_squared([1.0], [[4.0]], [3.0], [[1.0]])
    assert line == pytest.approx(4 + 1, rel=1e-14)
    diagonal = wasserstein.gaussian_w2_squared(
        [0.0, 0.0], np.diag([9.0, 1.0]), [1.0, 1.0], np.diag([4.0, 16.0])
    )
    assert diagonal == pytest.approx(2 + 1 + 9, rel=1e-14)
    turned = [[1.0, 1.0], [1.0, 1.0]]  # of rank one, along the diagonal
    assert wasserstein.gaussian_w2_squared([0, 0], turned, [0, 0], np.eye(2)) == pytest.approx(
        4 - 2 * np.sqrt(2), rel=1e-8
    )
    assert wasserstein.optimal_map([[4.0]], [[1.0]]).tolist() == [[0.5]]


@settings(deadline=None)
@given(seeds, dimensions)
def test_gaussians_are_pots_and_scipys(seed, d):
    rng = generator(seed, "gaussians")
    (m, s), (n, t) = moments(rng, d), moments(rng, d)
    ours = wasserstein.gaussian_w2_squared(m, s, n, t)
    root = sqrtm(s)
    by_hand = ((m - n) ** 2).sum() + np.trace(s + t - 2 * sqrtm(root @ t @ root).real)

    assert ours == pytest.approx(ot.gaussian.bures_wasserstein_distance(m, n, s, t) ** 2, abs=1e-7)
    assert ours == pytest.approx(by_hand, abs=1e-7)  # sqrtm's roots
    assert ours == pytest.approx(wasserstein.gaussian_w2_squared(n, t, m, s), abs=EXACT)
    matrix, _ = ot.gaussian.bures_wasserstein_mapping(m, n, s, t)
    assert wasserstein.optimal_map(s, t) == pytest.approx(matrix, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(seeds, dimensions)
def test_the_map_takes_one_gaussian_to_the_other(seed, d):
    rng = generator(seed, "maps")
    (_, s), (_, t) = moments(rng, d), moments(rng, d)
    a = wasserstein.optimal_map(s, t)

    assert a @ s @ a.T == pytest.approx(t, rel=1e-7, abs=1e-7)
    assert a.tolist() == a.T.tolist()
    assert np.linalg.eigvalsh(a).min() > 0


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 3), st.integers(5, 25))
def test_a_sample_and_its_image_are_at_the_distance_of_their_moments(seed, d, size):
    rng = generator(seed, "images")
    x = rng.standard_t(3, size=(size, d)) @ rng.normal(size=(d, d)).T + rng.normal(size=d)
    _, target = moments(rng, d)
    m, s = sample_moments(x)
    y = 1.0 + (x - m) @ wasserstein.optimal_map(s + 1e-6 * np.eye(d), target)
    expected = wasserstein.gaussian_w2_squared(m, s, *sample_moments(y))

    assert transported(x, y) == pytest.approx(expected, rel=1e-7, abs=1e-7)


@settings(deadline=None, max_examples=50)
@given(seeds, st.integers(1, 3), st.integers(1, 20), st.integers(1, 20))
def test_no_laws_are_closer_than_their_moments(seed, d, size, other_size):
    rng = generator(seed, "gelbrich")
    x, y = rng.standard_t(2.5, size=(size, d)), rng.exponential(size=(other_size, d)) ** 2
    bound = wasserstein.gaussian_w2_squared(*sample_moments(x), *sample_moments(y))

    assert bound <= transported(x, y) * (1 + EXACT) + 1e-7 * (1 + np.abs(x).max() ** 2)


@given(seeds, dimensions, st.integers(1, 20))
def test_the_distance_to_a_point_is_the_total_variance(seed, d, size):
    x = generator(seed, "points").exponential(size=(size, d))
    mean, covariance = sample_moments(x)
    ceiling = wasserstein.gaussian_w2_squared(mean, covariance, mean, np.zeros((d, d)))

    assert ceiling == pytest.approx(np.trace(covariance), abs=EXACT)
    assert transported(x, mean[None]) == pytest.approx(ceiling, abs=EXACT)


def test_gaussians_broadcast():
    rng = generator(32, "theory", "wasserstein")
    m, s = (np.array(x) for x in zip(*[moments(rng, 3) for _ in range(4)], strict=True))
    grid = wasserstein.gaussian_w2_squared(m[:, None], s[:, None], m, s)

    assert grid.shape == (4, 4)
    assert np.diag(grid) == pytest.approx(np.zeros(4), abs=EXACT)
    assert grid[1, 3] == pytest.approx(
        wasserstein.gaussian_w2_squared(m[1], s[1], m[3], s[3]), rel=1e-12
    )


# --- the uniform null (W4) ---------------------------------------------------------------------


@given(st.integers(1, 60))
def test_the_uniform_null_is_its_order_statistics(size):
    n = Fraction(size)
    variances = [Fraction(j) * (n + 1 - j) / ((n + 1) ** 2 * (n + 2)) for j in range(1, size + 1)]
    # against the law: variance, and the bias of j/(n+1) within ((j-1)/n, j/n)
    one = sum(variances) / n
    for j in range(1, size + 1):
        low, high, mean = (j - 1) / n, j / n, j / (n + 1)
        one += ((high - mean) ** 3 - (low - mean) ** 3) / 3

    assert wasserstein.uniform_null_w2_squared(size) == pytest.approx(
        float(2 * sum(variances) / n), rel=1e-13
    )
    assert wasserstein.uniform_null_w2_squared(size, two_samples=False) == pytest.approx(
        float(one), rel=1e-13
    )


# --- the null of W1 (W5) -------------------------------------------------------------------------


def test_the_null_by_hand():
    # one draw each of a fair coin: 1 apart in half of the cases
    assert wasserstein.null_w1([0.0, 1.0], 1) == pytest.approx(0.5, rel=1e-14)
    assert wasserstein.null_w1([3.0, 0.0], 1, weights=[0.2, 0.8]) == pytest.approx(
        3 * 2 * 0.16, rel=1e-14
    )
    assert wasserstein.null_w1([7.0], 5) == 0
    assert wasserstein.cdf_spread([0.0, 2.0]) == pytest.approx(1.0, rel=1e-14)
    assert wasserstein.cdf_spread([0.0, 2.0], [0.1, 0.9]) == pytest.approx(0.6, rel=1e-14)
    assert wasserstein.null_w1_limit(wasserstein.UNIFORM_SPREAD, 1) == pytest.approx(
        np.sqrt(np.pi) / 4, rel=1e-14
    )
    assert wasserstein.null_w1_limit(1.0, 2, 6) == pytest.approx(np.sqrt(4 / 3 / np.pi), rel=1e-14)
    assert 2 / np.sqrt(np.pi) * wasserstein.NORMAL_SPREAD == pytest.approx(1.822, abs=5e-4)


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_the_null_is_the_mean_over_all_samples(seed, points, size, other_size):
    rng = generator(seed, "null")
    x, weights = rng.normal(size=points), rng.dirichlet(np.ones(points))

    def samples(count):
        for drawn in combinations_with_replacement(range(points), count):
            counts = np.bincount(drawn, minlength=points)
            ways, left = 1, count
            for c in counts:
                ways, left = ways * comb(left, c), left - c
            yield ways * np.prod(weights**counts), counts / count

    total = sum(
        chance * other_chance * ot.wasserstein_1d(x, x, first, second, p=1)
        for (chance, first), (other_chance, second) in product(samples(size), samples(other_size))
    )
    assert wasserstein.null_w1(x, size, other_size, weights) == pytest.approx(
        float(total), abs=EXACT
    )


@given(seeds, st.integers(2, 9), st.integers(1, 40), st.integers(1, 40))
def test_the_null_is_below_jensens_bound(seed, points, size, other_size):
    x = generator(seed, "jensen").normal(size=points)
    null = wasserstein.null_w1(x, size, other_size)
    spread = wasserstein.cdf_spread(x)

    limit = wasserstein.null_w1_limit(spread, size, other_size)
    assert null <= limit * np.sqrt(np.pi / 2) + EXACT
    assert null == pytest.approx(wasserstein.null_w1(x, other_size, size), rel=1e-12)
    grown = wasserstein.null_w1(x, 4_000)
    assert grown == pytest.approx(wasserstein.null_w1_limit(spread, 4_000), rel=0.02)


def mean_gap(below, size):
    """Return E |B - B'| / n of two Binomial(n, F) at each F."""
    cdf = binom.cdf(np.arange(size), size, below[:, None])
    return 2 * (cdf * (1 - cdf)).sum(axis=1) / size


@pytest.mark.parametrize("size", [1, 2, 5, 20, 100, 300])
def test_the_limit_is_within_its_stated_error(size):
    nodes, weights = roots_legendre(size + 1)  # exact for polynomials of degree 2n + 1
    uniform = weights / 2 @ mean_gap((nodes + 1) / 2, size)
    off = wasserstein.null_w1_limit(wasserstein.UNIFORM_SPREAD, size) / uniform - 1
    assert 0 < off <= 3 / (8 * size)
    x = np.linspace(-9, 9, 2_001)  # the trapezoid rule is exact on the whole line
    normal = mean_gap(ndtr(x), size).sum() * (x[1] - x[0])
    off = wasserstein.null_w1_limit(wasserstein.NORMAL_SPREAD, size) / normal - 1
    assert 0 < off <= 0.62 / np.sqrt(size)


def test_spreads_are_their_integrals():
    uniform = quad(lambda u: np.sqrt(u * (1 - u)), 0, 1)[0]
    normal = 2 * quad(lambda x: np.sqrt(ndtr(x) * ndtr(-x)), 0, 40, epsabs=1e-11)[0]
    assert pytest.approx(uniform, abs=EXACT) == wasserstein.UNIFORM_SPREAD
    assert pytest.approx(normal, abs=EXACT) == wasserstein.NORMAL_SPREAD
    grid = (np.arange(200_000) + 0.5) / 200_000
    assert wasserstein.cdf_spread(grid) == pytest.approx(wasserstein.UNIFORM_SPREAD, abs=1e-5)


# --- its rate (W6) ---------------------------------------------------------------------------


def test_rates_by_hand():
    assert wasserstein.null_rate([1, 2, 3, 6]).tolist() == [-1 / 2, -1 / 2, -1 / 3, -1 / 6]
    assert wasserstein.null_rate([1, 6], sliced=True).tolist() == [-0.5, -0.5]


@pytest.mark.parametrize("d", [3, 6])
def test_the_rate_shows_between_a_hundred_and_four_hundred_draws(d):
    rng = generator(33, "theory", "rates", d)
    means = []
    for size, repeats in ((100, 40), (400, 10)):
        even = np.full(size, 1 / size)
        pairs = rng.random((repeats, 2, size, d))
        means.append(np.mean([ot.emd2(even, even, ot.dist(*pair, "euclidean")) for pair in pairs]))
    slope = np.log(means[1] / means[0]) / np.log(4)

    # 0.05 for the corrections to a rate at such sizes; the rates of other dimensions are outside
    assert slope == pytest.approx(wasserstein.null_rate(d), abs=0.05)
    for other in {1, 2, 3, 6} - {d}:
        assert abs(slope - wasserstein.null_rate(other)) > 0.05


@pytest.mark.parametrize("d", [1, 3, 6])
def test_the_rate_on_lines_is_that_of_one_dimension(d):
    rng = generator(34, "theory", "lines", d)
    means, sizes = [], (100, 900)
    for size in sizes:
        x = rng.random((2, 600, size, d))
        angle = rng.normal(size=(1, 600, 1, d))
        lines = np.sort((x * angle).sum(-1) / np.linalg.norm(angle, axis=-1), axis=-1)
        means.append(np.abs(lines[0] - lines[1]).mean())
    slope = np.log(means[1] / means[0]) / np.log(sizes[1] / sizes[0])

    # each mean's standard error is below 2 %: 0.07 is six of the slope's, and far from 1/3
    assert slope == pytest.approx(wasserstein.null_rate(d, sliced=True), abs=0.07)


# --- bad input --------------------------------------------------------------------------------


def test_refuses_bad_input():
    with pytest.raises(
        InvalidArgument, match=r"^covariance must be symmetric and positive semi-def"
    ):
        wasserstein.gaussian_w2_squared([0, 0], [[1, 2], [0, 1]], [0, 0], np.eye(2))
    with pytest.raises(InvalidArgument, match=r"^other_covariance must be symmetric and positive"):
        wasserstein.gaussian_w2_squared([0], [[1]], [0], [[-1.0]])
    with pytest.raises(
        InvalidArgument, match=r"^means and covariances must have one d; got shapes"
    ):
        wasserstein.gaussian_w2_squared([0, 0], np.eye(2), [0], [[1.0]])
    with pytest.raises(
        InvalidArgument, match=r"^covariance must be positive definite; got smallest"
    ):
        wasserstein.optimal_map(np.zeros((2, 2)), np.eye(2))
    with pytest.raises(
        InvalidArgument, match=r"^two_samples must be True or False; got two_samples=3"
    ):
        wasserstein.uniform_null_w2_squared(10, 3)
    with pytest.raises(
        InvalidArgument, match=r"^points and weights must have shape \(K,\), K >= 1"
    ):
        wasserstein.null_w1([], 10)
    with pytest.raises(InvalidArgument, match=r"^size must be one integer; got size=\[1, 2\]$"):
        wasserstein.null_w1([0.0, 1.0], [1, 2])
    with pytest.raises(
        InvalidArgument, match=r"^spread must be a finite number > 0; got spread=0$"
    ):
        wasserstein.null_w1_limit(0, 10)
    with pytest.raises(InvalidArgument, match=r"^sliced must be True or False; got sliced='yes'$"):
        wasserstein.null_rate(2, sliced="yes")
