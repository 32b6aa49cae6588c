import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from collapse_bench.data import TwoGaussians, two_gaussians
from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.regions import Ellipsoid, Tails
from collapse_bench.streams import generator

LAW = TwoGaussians()
real = st.floats(-8, 8)


def density(x):
    return 0.5 * stats.norm.pdf(x, -2) + 0.5 * stats.norm.pdf(x, 2)


def test_moments_are_those_of_an_even_mixture():
    mean, covariance = two_gaussians().moments()

    assert mean.tolist() == [0.0]
    assert covariance.tolist() == [[5.0]]  # 1 within a component, 2**2 between the two


def test_draws_have_the_moments_of_the_law():
    size = 200_000
    draws = LAW.sample(size, rng=generator(0, "test", "laws"))
    fourth = integrate.quad(lambda x: x**4 * density(x), -15, 15)[0]

    assert draws.shape == (size, 1)
    # |z| <= 4.5 twice: a false alarm once in 70,000 seeds, and the seed is fixed.
    assert abs(draws.mean()) <= 4.5 * np.sqrt(5 / size)
    assert abs((draws**2).mean() - 5) <= 4.5 * np.sqrt((fourth - 25) / size)


def test_draws_follow_the_law():
    draws = LAW.sample(20_000, rng=generator(0, "test", "ks"))[:, 0]

    # 1e-5 is the false-alarm rate; the seed is fixed.
    assert stats.kstest(draws, lambda x: LAW_CDF(x)).pvalue > 1e-5


def LAW_CDF(x):  # the mass below x, for an array
    return 0.5 * stats.norm.cdf(x, -2) + 0.5 * stats.norm.cdf(x, 2)


def test_mass_of_the_outer_tails_by_hand():
    # Beyond each mode, half of its own component and almost none of the other's.
    expected = 0.5 + stats.norm.sf(4)

    assert LAW.mass(Tails(-2, 2)) == pytest.approx(expected, rel=1e-12)  # rounding only


@given(real, real)
def test_mass_is_the_integral_of_the_density(a, b):
    low, high = sorted((a, b))
    inside = integrate.quad(density, low, high, epsabs=1e-12)[0]

    # 1e-9: what quad promises, with room.
    assert LAW.mass(Tails(low, high)) == pytest.approx(1 - inside, abs=1e-9)
    assert LAW.mass(Tails(high, low)) == (1.0 if low < high else LAW.mass(Tails(low, high)))


@given(real)
def test_half_lines_are_symmetric_and_partial_tails_add_up(a):
    assert LAW.mass(Tails(lower=a)) == LAW.mass(Tails(upper=-a))
    assert LAW.mass(Tails()) == 0


def test_mass_of_another_region_is_not_known():
    region = Ellipsoid(np.zeros(1), np.eye(1), 1.0)

    with pytest.raises(NotImplementedError, match="no closed form for a Ellipsoid"):
        LAW.mass(region)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20))
def test_log_prob_is_the_log_of_the_density(values):
    x = np.array(values)
    oracle = np.logaddexp(stats.norm.logpdf(x, -2), stats.norm.logpdf(x, 2)) - np.log(2)

    # 1e-12: a dozen roundings of numbers as large as the result.
    np.testing.assert_allclose(LAW.log_prob(x[:, None]), oracle, rtol=1e-12)
    np.testing.assert_array_equal(LAW.log_prob(x), LAW.log_prob(-x))


def test_it_is_a_truth_and_no_candidate():
    assert not hasattr(LAW, "fit")
    assert LAW.kind == "numbers"


def test_bad_arguments_are_told():
    with pytest.raises(InvalidArgument, match="size must be an integer >= 1; got size=0"):
        LAW.sample(0, rng=generator(0))
    with pytest.raises(InvalidSamples, match="samples must have 1 columns"):
        LAW.log_prob(np.zeros((3, 2)))
