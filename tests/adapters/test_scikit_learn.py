import warnings

import numpy as np
import pandas
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity

from collapse_bench.adapters import as_model, unfitted
from collapse_bench.errors import InvalidSamples, InvalidSpec, ModelError
from collapse_bench.streams import generator
from tests.adapters.zoo import ROWS

POINTS = np.array([[0.0, 0.0], [-4.0, -4.0], [3.0, 2.5]])


class Named(GaussianMixture):  # type: ignore[misc]
    """A subclass of a user's."""


@pytest.mark.parametrize("make", [GaussianMixture, Named, BayesianGaussianMixture, KernelDensity])
def test_log_prob_is_the_librarys(make):
    estimator = make().fit(ROWS)

    found = as_model(estimator).log_prob(POINTS)

    np.testing.assert_array_equal(found, estimator.score_samples(POINTS))


@pytest.mark.parametrize("make", [GaussianMixture, KernelDensity])
def test_one_fitted_to_named_columns_does_not_warn(make):
    estimator = make().fit(pandas.DataFrame(ROWS, columns=["age", "income"]))
    model = as_model(estimator)

    assert model.sample(4, rng=generator(0)).shape == (4, 2)
    assert np.isfinite(model.log_prob(POINTS)).all()
    assert list(estimator.feature_names_in_) == ["age", "income"]
    with pytest.warns(UserWarning, match="valid feature names"):  # what a plain call does
        estimator.score_samples(POINTS)


@pytest.mark.parametrize("make", [GaussianMixture, BayesianGaussianMixture, KernelDensity])
def test_an_unfitted_one_can_be_fitted_but_not_drawn_from(make):
    estimator = make()
    model = as_model(estimator)

    assert unfitted(estimator)
    assert unfitted(model)
    assert not hasattr(model, "moments")
    sentence = rf"^{make.__name__} must be fitted first, before sample\(3\) is called$"
    with pytest.raises(ModelError, match=sentence):
        model.sample(3, rng=generator(0))
    with pytest.raises(ModelError, match="must be fitted first, before log_prob is called"):
        model.log_prob(POINTS)
    fitted = model.fit(ROWS, rng=generator(0))
    assert not unfitted(fitted)
    assert unfitted(model)
    with pytest.raises(NotFittedError):
        estimator.sample(1)


def test_the_parameters_of_a_fit_are_the_users():
    asked = {"n_components": 3, "max_iter": 500, "random_state": 7, "covariance_type": "tied"}
    fitted = as_model(GaussianMixture(**asked)).fit(ROWS, rng=generator(0))

    found = fitted.wrapped.get_params()
    assert {key: found[key] for key in asked} == asked


@pytest.mark.parametrize("make", [GaussianMixture, BayesianGaussianMixture])
@pytest.mark.parametrize("shape", ["full", "tied", "diag", "spherical"])
def test_moments_of_a_mixture_are_those_of_its_draws(make, shape):
    mixture = make(n_components=2, covariance_type=shape, max_iter=500, random_state=0)
    model = as_model(mixture.fit(ROWS))

    agrees_with_draws(model)


@pytest.mark.parametrize("kernel", ["gaussian", "tophat"])
@pytest.mark.parametrize("weights", [None, np.linspace(0.1, 2, len(ROWS))])
def test_moments_of_a_kernel_density_are_those_of_its_draws(kernel, weights):
    density = KernelDensity(kernel=kernel, bandwidth=2.5).fit(ROWS, sample_weight=weights)

    agrees_with_draws(as_model(density))


def agrees_with_draws(model, size=200_000):
    """Five moments within 4.5 standard errors: a false alarm in 30,000 looks, seed fixed."""
    mean, covariance = model.moments()
    drawn = model.sample(size, rng=generator(3))
    apart = drawn - mean
    assert (mean.shape, covariance.shape) == ((2,), (2, 2))
    for values, expected in (
        (drawn[:, 0], mean[0]),
        (drawn[:, 1], mean[1]),
        (apart[:, 0] ** 2, covariance[0, 0]),
        (apart[:, 1] ** 2, covariance[1, 1]),
        (apart[:, 0] * apart[:, 1], covariance[0, 1]),
    ):
        assert abs(values.mean() - expected) < 4.5 * values.std() / np.sqrt(size)
    assert covariance[0, 1] == covariance[1, 0]


def test_moments_by_hand():
    """Two points of weight 1/2 at ±1, each smoothed by a variance of 1/4: 1 + 1/4."""
    mean, covariance = as_model(KernelDensity(bandwidth=0.5).fit([[-1.0], [1.0]])).moments()

    np.testing.assert_allclose(mean, [0], atol=1e-15)
    np.testing.assert_allclose(covariance, [[1.25]], rtol=1e-15)


@pytest.mark.parametrize("kernel", ["epanechnikov", "exponential", "linear", "cosine"])
def test_kernels_that_are_not_drawn_from_are_refused(kernel):
    with pytest.raises(
        InvalidSpec,
        match="^model must have a kernel that scikit-learn draws from, 'gaussian' or 'tophat'; "
        f"got KernelDensity with kernel='{kernel}'$",
    ):
        as_model(KernelDensity(kernel=kernel))


def test_a_fit_that_did_not_converge_warns_as_the_library_does():
    model = as_model(GaussianMixture(4, max_iter=1, init_params="random"))

    with pytest.warns(ConvergenceWarning):
        fitted = model.fit(ROWS, rng=generator(0))
    assert fitted.sample(2, rng=generator(0)).shape == (2, 2)


def test_where_warnings_are_errors_such_a_fit_raises():
    model = as_model(GaussianMixture(4, max_iter=1, init_params="random"))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            ModelError,
            match=r"^GaussianMixture.fit\(samples of shape \(400, 2\)\) must return; it raised "
            "ConvergenceWarning: ",
        ):
            model.fit(ROWS, rng=generator(0))


def test_too_few_rows_are_told_by_the_library():
    with pytest.raises(ModelError, match=r"it raised ValueError: Expected n_samples >= n_comp"):
        as_model(GaussianMixture(4)).fit(ROWS[:3], rng=generator(0))


def test_rows_that_are_no_numbers_are_refused():
    with pytest.raises(InvalidSamples, match="samples must be finite"):
        as_model(GaussianMixture()).fit([[np.nan]], rng=generator(0))
    with pytest.raises(InvalidSamples, match="samples must hold real numbers"):
        as_model(GaussianMixture()).fit(["a", "b"], rng=generator(0))


def test_other_estimators_are_unknown():
    from sklearn.cluster import KMeans

    with pytest.raises(InvalidSpec, match="known besides are scikit-learn's mixtures"):
        as_model(KMeans())
