import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from collapse_bench.data import NormalMixture, TwoGaussians, two_gaussians
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


EVEN = NormalMixture([0.5, 0.5], [-2.0, 2.0], [1.0, 1.0])
UNEVEN = NormalMixture([0.2, 0.8], [[0.0, 1.0], [3.0, -1.0]], [0.5, 2.0])


@given(real, real)
def test_a_mixture_of_two_gaussians_is_that_law(low, high):
    region = Tails(low, high)

    # 1e-12: the rounding of two terms
    assert EVEN.mass(region) == pytest.approx(LAW.mass(region), abs=1e-12)
    assert EVEN.log_prob([low]) == pytest.approx(LAW.log_prob([low]), abs=1e-12)
    assert EVEN.moments()[1].tolist() == LAW.moments()[1].tolist()


def test_moments_of_a_mixture_by_hand():
    mean, covariance = UNEVEN.moments()

    within = 0.2 * 0.25 + 0.8 * 4
    between = 0.2 * 0.8 * np.outer([3.0, -2.0], [3.0, -2.0])
    # the rounding of a few products
    np.testing.assert_allclose(mean, [2.4, -0.6], atol=1e-12)
    np.testing.assert_allclose(covariance, within * np.eye(2) + between, atol=1e-12)


def test_the_density_of_a_mixture_is_scipys():
    parts = [
        stats.multivariate_normal(center, scale**2)
        for center, scale in zip(UNEVEN.means, UNEVEN.scales, strict=True)
    ]
    rows = UNEVEN.sample(50, rng=generator(0, "test", "density"))
    expected = np.log(0.2 * parts[0].pdf(rows) + 0.8 * parts[1].pdf(rows))

    np.testing.assert_allclose(UNEVEN.log_prob(rows), expected, atol=1e-10)  # rounding of exp


def test_draws_of_a_mixture_have_its_moments():
    size = 100_000
    draws = UNEVEN.sample(size, rng=generator(0, "test", "mixture"))
    mean, covariance = UNEVEN.moments()
    error = np.sqrt(np.diag(covariance) / size)
    centered = (draws - mean)[:, :, None] * (draws - mean)[:, None, :]  # (n, d, d)

    # |z| <= 4.5 six times: a false alarm once in 25,000 seeds, and the seed is fixed
    assert (np.abs(draws.mean(axis=0) - mean) <= 4.5 * error).all()
    spread = 4.5 * centered.std(axis=0) / np.sqrt(size)
    assert (np.abs(centered.mean(axis=0) - covariance) <= spread).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([0.5, 0.6], [0, 1], [1, 1]), "weights must be positive and sum to 1"),
        (([1.0, 0.0], [0, 1], [1, 1]), "weights must be positive and sum to 1"),
        (([0.5, 0.5], [0, 1], [1, 0]), "scales must be positive"),
        (([0.5, 0.5], [0, 1, 2], [1, 1]), "must have one entry a component; got 2, 3 and 2"),
        (([np.nan, 0.5], [0, 1], [1, 1]), "weights must be finite"),
    ],
)
def test_a_mixture_refuses_what_is_no_law(arguments, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        NormalMixture(*arguments)


def test_a_mixture_has_no_closed_form_for_every_region():
    with pytest.raises(NotImplementedError, match="in 2 dimensions"):
        UNEVEN.mass(Tails(-1, 1))
    assert EVEN.mass(Tails(1, -1)) == 1
