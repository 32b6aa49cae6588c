import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from scipy import stats
from scipy.special import digamma, polygamma

from collapse_bench.errors import InvalidArgument, InvalidSamples, UndefinedMetric
from collapse_bench.models import Gaussian
from collapse_bench.regions import States, Tails
from collapse_bench.streams import generator

# |z| <= 4.5 raises a false alarm once in 150,000 comparisons of a correct build.
Z = 4.5

PLANE = Gaussian([1.0, -2.0, 0.5], [[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.7]])


def close_means(a, b):
    """The means over the first axis agree within Z standard errors, entry by entry."""
    error = np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
    return bool((np.abs(a.mean(0) - b.mean(0)) <= Z * error + 1e-12).all())


@pytest.mark.parametrize(("ddof", "variance"), [(0, 2.0 / 3.0), (1, 1.0)])
def test_fit_by_hand(ddof, variance):
    founder = Gaussian(ddof=ddof)
    mean, covariance = founder.fit(np.array([1.0, 2.0, 3.0]), rng=generator(0)).moments()

    assert mean[0] == 2.0
    assert covariance[0, 0] == pytest.approx(variance, rel=1e-15)  # one rounding of exp(log)
    assert founder.moments()[1][0, 0] == 1.0


@given(
    nps.arrays(
        np.float64, st.tuples(st.integers(2, 30), st.integers(1, 4)), elements=st.floats(-1e3, 1e3)
    ),
    st.integers(0, 1),
)
def test_fit_equals_numpy_covariance(samples, ddof):
    d = samples.shape[1]
    fitted = Gaussian(np.zeros(d), ddof=ddof).fit(samples, rng=generator(0))
    mean, covariance = fitted.moments()

    np.testing.assert_allclose(mean, samples.mean(0), rtol=1e-12, atol=1e-12)
    # QR and the two-pass sum differ by rounding of the largest square.
    scale = 1e-12 * max(1.0, float(np.abs(samples).max()) ** 2)
    np.testing.assert_allclose(
        covariance, np.cov(samples.T, ddof=ddof).reshape(d, d), rtol=1e-10, atol=scale
    )


@given(
    nps.arrays(
        np.float64, st.tuples(st.integers(2, 30), st.integers(1, 3)), elements=st.floats(-1e3, 1e3)
    ),
    st.data(),
)
def test_statistics_of_parts_merge_to_those_of_the_whole(samples, data):
    cut = data.draw(st.integers(1, len(samples) - 1))
    model = Gaussian(np.zeros(samples.shape[1]), ddof=0)
    merged = model.summarize(samples[:cut]).merge(model.summarize(samples[cut:]))
    ours, whole = model.fit_statistics(merged).moments(), model.fit(samples, rng=generator(0))

    scale = 1e-11 * max(1.0, float(np.abs(samples).max()) ** 2)  # rounding of squares
    np.testing.assert_allclose(ours[0], whole.moments()[0], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(ours[1], whole.moments()[1], rtol=1e-9, atol=scale)


def test_merging_two_points_keeps_the_gap_between_them():
    model = Gaussian([0.0, 0.0], ddof=0)
    point = [model.summarize(np.array([[x, 2 * x]])) for x in (1.0, 3.0)]

    np.testing.assert_allclose(
        model.fit_statistics(point[0].merge(point[1])).moments()[1], [[1, 2], [2, 4]], rtol=1e-14
    )


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("founder", [Gaussian(0.3, 4.0), PLANE], ids=["line", "space"])
@pytest.mark.parametrize("size", [2, 3, 10])
def test_refit_has_the_law_of_fit_of_sample(founder, size, ddof):
    founder = Gaussian(*founder.moments(), ddof=ddof).replicate(40_000)
    sampled = founder.fit(founder.sample(size, rng=generator(1)), rng=generator(2))
    exact = founder.refit(size, rng=generator(3))

    for ours, theirs in zip(exact.moments(), sampled.moments(), strict=True):
        assert close_means(ours, theirs)
        assert close_means(ours**2, theirs**2)
    assert close_means(np.tanh(exact.log_variance()), np.tanh(sampled.log_variance()))


def test_refit_scatter_is_chi_square():
    size, founder = 6, Gaussian(2.0, 9.0).replicate(20_000)
    exact = founder.refit(size, rng=generator(4))
    mean, covariance = exact.moments()

    # Two Kolmogorov-Smirnov tests at 1e-6: a correct build fails once in 500,000 seeds.
    scaled = (size - 1) * covariance[:, 0, 0] / 9.0
    assert stats.kstest(scaled, stats.chi2(size - 1).cdf).pvalue > 1e-6
    assert stats.kstest(mean[:, 0], stats.norm(2.0, 3.0 / size**0.5).cdf).pvalue > 1e-6


def test_refit_in_few_dimensions_of_freedom_loses_rank():
    covariance = Gaussian(np.zeros(5)).refit(3, rng=generator(5)).moments()[1]

    assert np.linalg.matrix_rank(covariance) == 2


def test_log_variance_outlives_the_smallest_float():
    model = Gaussian(ddof=0)
    rng = generator(6)
    for _ in range(2_000):
        model = model.refit(2, rng=rng)  # loses psi(1/2) - log(1) = -1.96 of log-variance a step

    assert model.moments()[1][0, 0] == 0.0
    expected, sd = 2_000 * (digamma(0.5) - np.log(1.0)), (2_000 * polygamma(1, 0.5)) ** 0.5
    assert abs(model.log_variance() - expected) <= Z * sd


@pytest.mark.parametrize("dimension", [1, 3])
def test_a_point_mass_is_a_state(dimension):
    point = Gaussian(np.full(dimension, 3.0), 0.0)
    samples = point.sample(10, rng=generator(7))

    assert (samples == 3.0).all()
    assert np.isneginf(point.log_variance())
    for fitted in (point.refit(5, rng=generator(8)), point.fit(samples, rng=generator(8))):
        assert np.isneginf(fitted.log_variance())
        np.testing.assert_allclose(fitted.moments()[0], 3.0, rtol=1e-15)
        assert not fitted.moments()[1].any()


def test_mass_by_hand_and_of_a_point():
    assert Gaussian().mass(Tails(-1.0, 2.0)) == pytest.approx(
        stats.norm.cdf(-1) + stats.norm.sf(2), rel=1e-14
    )
    assert Gaussian(3.0, 0.0).mass(Tails(upper=2.0)) == 1.0
    assert Gaussian(3.0, 0.0).mass(Tails(upper=3.0)) == 0.0
    with pytest.raises(NotImplementedError, match="no closed form"):
        Gaussian().mass(States((1,)))


@settings(max_examples=25)
@given(st.floats(-5, 5), st.floats(0.01, 10), st.floats(-5, 5))
def test_log_prob_equals_scipy(mean, variance, x):
    ours = Gaussian(mean, variance).log_prob(np.array([x]))
    # atol: logarithms near 0 lose relative accuracy.
    np.testing.assert_allclose(
        ours, stats.norm(mean, variance**0.5).logpdf([x]), rtol=1e-10, atol=1e-10
    )


def test_log_prob_in_space_equals_scipy():
    x = PLANE.sample(50, rng=generator(9))
    np.testing.assert_allclose(
        PLANE.log_prob(x), stats.multivariate_normal(*PLANE.moments()).logpdf(x), rtol=1e-10
    )
    with pytest.raises(UndefinedMetric, match="singular"):
        Gaussian(0.0, 0.0).log_prob(np.zeros(1))


def test_neutral_drift_is_the_mean_of_the_log_chi_square():
    for ddof in (0, 1):
        model = Gaussian(ddof=ddof).replicate(100_000)
        drift = model.refit(20, rng=generator(10)).log_variance()
        error = drift.std() / len(drift) ** 0.5
        assert abs(drift.mean() - Gaussian(ddof=ddof).neutral_drift(20)) <= Z * error


@pytest.mark.parametrize("founder", [Gaussian(1.0, 2.0), PLANE], ids=["line", "space"])
def test_the_torch_path_has_the_law_of_the_numpy_path(founder):
    ours = founder.replicate(40_000).refit(8, rng=generator(11)).moments()
    theirs = founder.to("cpu").replicate(40_000).refit(8, rng=generator(12))

    assert isinstance(theirs.mean, torch.Tensor)
    for a, b in zip(ours, theirs.numpy().moments(), strict=True):
        assert close_means(a, b)
        assert close_means(a**2, b**2)


def test_torch_samples_are_fitted_as_numpy_fits_them():
    model = PLANE.to("cpu")
    samples = model.sample(100, rng=generator(13))
    fitted = model.fit(samples, rng=generator(14)).numpy()

    for ours, theirs in zip(
        fitted.moments(), PLANE.fit(samples, rng=generator(14)).moments(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_replicates_split_into_single_models():
    singles = PLANE.replicate(3).refit(50, rng=generator(15)).split()

    assert [model.replicates for model in singles] == [None] * 3
    assert singles[0].sample(4, rng=generator(16)).shape == (4, 3)
    assert len({float(model.mean[0]) for model in singles}) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"mean": np.nan}, "mean must be a finite number or vector; got mean=nan"),
        ({"covariance": [[1.0, 0.0]]}, r"covariance must be finite with shape \(1, 1\)"),
        ({"covariance": -1.0}, "covariance must be positive semi-definite"),
        ({"mean": [0, 0], "covariance": [[1, 2], [0, 1]]}, "covariance must be symmetric"),
        ({"ddof": 2}, "ddof must be 0 or 1; got ddof=2"),
    ],
)
def test_bad_arguments_are_refused(arguments, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        Gaussian(**arguments)


def test_bad_samples_are_refused():
    with pytest.raises(InvalidSamples, match="samples must have 1 columns; got shape"):
        Gaussian().fit(np.zeros((3, 2)), rng=generator(0))
    with pytest.raises(InvalidSamples, match="samples must be finite; 1 of 2 values"):
        Gaussian().fit(np.array([0.0, np.inf]), rng=generator(0))
    with pytest.raises(InvalidArgument, match="size must exceed ddof=1"):
        Gaussian().fit(np.zeros(1), rng=generator(0))
    with pytest.raises(InvalidArgument, match="size must be an integer >= 2; got size=1"):
        Gaussian().refit(1, rng=generator(0))
