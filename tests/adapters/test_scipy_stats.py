import copy
import functools
import pickle

import numpy as np
import pytest
from scipy import stats

from collapse_bench.adapters import as_model, unfitted
from collapse_bench.errors import InvalidArgument, InvalidSpec, ModelError
from collapse_bench.streams import generator
from tests.adapters.zoo import ROWS

POINTS = np.array([[0.0, 0.0], [-4.0, -4.0], [3.0, 2.5]])
WEIGHTS = np.linspace(0.1, 2, len(ROWS))


class Wide(stats.gaussian_kde):  # type: ignore[misc]
    """The documented way to another rule: a method of the class."""

    def covariance_factor(self):
        return 3.0


def by_count(kernel):
    return 1 / kernel.n


def after(bw_method, then):
    kernel = stats.gaussian_kde(ROWS.T, bw_method)
    kernel.set_bandwidth(then)
    return kernel


@pytest.mark.parametrize(
    ("kernel", "same"),
    [
        (stats.gaussian_kde(ROWS.T), None),
        (stats.gaussian_kde(ROWS.T, "scott"), "scott"),
        (stats.gaussian_kde(ROWS.T, "silverman"), "silverman"),
        (stats.gaussian_kde(ROWS.T, 0.7), 0.7),
        (stats.gaussian_kde(ROWS.T, by_count), by_count),
        (after(0.7, "silverman"), "silverman"),
        (after("silverman", 0.7), 0.7),
        (after(by_count, 0.7), 0.7),
        (stats.gaussian_kde(ROWS.T, weights=WEIGHTS), None),
    ],
)
def test_a_fit_keeps_the_rule_of_the_bandwidth(kernel, same):
    rows = ROWS[:90] + 1
    fitted = as_model(kernel).fit(rows, rng=generator(0))
    expected = stats.gaussian_kde(rows.T, same)

    np.testing.assert_array_equal(fitted.wrapped.covariance, expected.covariance)
    np.testing.assert_array_equal(fitted.log_prob(POINTS), expected.logpdf(POINTS.T))


def test_a_fit_keeps_the_class_and_its_rule():
    fitted = as_model(Wide(ROWS.T)).fit(ROWS[:90], rng=generator(0))

    assert type(fitted.wrapped) is Wide
    assert fitted.wrapped.factor == 3


@pytest.mark.parametrize("recipe", [stats.gaussian_kde, Wide])
def test_the_class_is_a_model_that_waits_for_rows(recipe):
    model = as_model(recipe)

    assert unfitted(recipe)
    with pytest.raises(ModelError, match="must be fitted first, before sample"):
        model.sample(1, rng=generator(0))
    fitted = model.fit(ROWS, rng=generator(0))
    assert type(fitted.wrapped) is recipe
    assert fitted.sample(5, rng=generator(0)).shape == (5, 2)


def test_a_part_of_the_class_keeps_its_keywords():
    model = as_model(functools.partial(stats.gaussian_kde, bw_method=0.2))

    assert model.fit(ROWS, rng=generator(0)).wrapped.factor == 0.2


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_moments_of_a_kernel_density(weights):
    """The moments of the weighted rows, and the kernel's covariance; numpy's ddof is 0."""
    kernel = stats.gaussian_kde(ROWS.T, weights=weights)
    share = np.full(len(ROWS), 1 / len(ROWS)) if weights is None else weights / weights.sum()
    center = (share[:, None] * ROWS).sum(0)
    spread = sum(
        w * np.outer(row - center, row - center) for w, row in zip(share, ROWS, strict=True)
    )

    mean, covariance = as_model(kernel).moments()

    # Sums of 400 terms of order 10: rounding stays far below 1e-12.
    np.testing.assert_allclose(mean, center, rtol=1e-12)
    np.testing.assert_allclose(covariance, spread + kernel.covariance, rtol=1e-12)


@pytest.mark.parametrize("rows", [np.ones((5, 1)), np.ones((5, 2)), ROWS[:1], ROWS[:, [0, 0]]])
def test_degenerate_rows_are_told_in_a_sentence(rows):
    with pytest.raises(ModelError, match=r"fit\(samples of shape .*\) must return; it raised"):
        as_model(stats.gaussian_kde).fit(rows, rng=generator(0))


@pytest.mark.parametrize(
    ("law", "kind"),
    [
        (stats.norm(1, 2), "numbers"),
        (stats.t(df=3, loc=1.0), "numbers"),
        (stats.rv_histogram(np.histogram(ROWS[:, 0]))(), "numbers"),
        (stats.Normal(mu=1.0, sigma=2.0), "numbers"),
        (stats.Normal(mu=1.0, sigma=2.0) + 3.0, "numbers"),
        (stats.Mixture([stats.Normal(mu=1.0), stats.Normal(mu=-1.0)]), "numbers"),
        (stats.poisson(3), "codes"),
        (stats.randint(2, 9), "codes"),
        (stats.Binomial(n=9, p=0.3), "codes"),
    ],
)
def test_a_law_in_one_column(law, kind):
    model = as_model(law, need=("sample",))
    drawn = model.sample(200, rng=generator(0))
    density = law.logpdf if kind == "numbers" else law.logpmf

    assert model.kind == kind
    assert drawn.shape == ((200, 1) if kind == "numbers" else (200,))
    np.testing.assert_array_equal(model.log_prob(drawn), density(drawn.reshape(-1)))


@pytest.mark.parametrize(
    ("law", "density"),
    [
        (stats.multivariate_normal([0, 1], [[2, 0.5], [0.5, 1]]), lambda law, x: law.logpdf(x)),
        (stats.multivariate_normal([0.5], [[2]]), lambda law, x: law.logpdf(x)),
        (stats.multivariate_t([0, 1], df=5), lambda law, x: law.logpdf(x)),
        (stats.dirichlet([1, 2, 3]), lambda law, x: law.logpdf(x.T)),
        (stats.multinomial(4, [0.5, 0.5]), lambda law, x: law.logpmf(x)),
        (stats.multivariate_hypergeom([3, 4], 3), lambda law, x: law.logpmf(x.astype(int))),
    ],
)
def test_a_law_in_several_columns(law, density):
    model = as_model(law, need=("sample",))

    for size in (1, 2, 6):  # a single draw of scipy's has an axis less
        drawn = model.sample(size, rng=generator(0))
        assert drawn.shape == (size, model.sample(50, rng=generator(0)).shape[1])
        np.testing.assert_array_equal(model.log_prob(drawn), np.reshape(density(law, drawn), size))


def test_a_law_without_a_density():
    model = as_model(stats.uniform_direction(3), need=("sample",))

    assert model.sample(4, rng=generator(0)).shape == (4, 3)
    assert not hasattr(model, "log_prob")


@pytest.mark.parametrize(
    ("law", "mean", "covariance"),
    [
        (stats.norm(1, 2), [1], [[4]]),
        (stats.Normal(mu=1.0, sigma=2.0), [1], [[4]]),
        (
            stats.multivariate_normal([0, 1], [[2, 0.5], [0.5, 1]]),
            [0, 1],
            [[2, 0.5], [0.5, 1]],
        ),
        (stats.multinomial(4, [0.5, 0.5]), [2, 2], [[1, -1], [-1, 1]]),
    ],
)
def test_moments_of_laws(law, mean, covariance):
    found = as_model(law, need=("sample",)).moments()

    np.testing.assert_array_equal(found[0], mean)
    np.testing.assert_array_equal(found[1], covariance)


def test_what_is_no_count_has_no_probability():
    law = as_model(stats.multivariate_hypergeom([3, 4], 3), need=("sample",))
    found = law.log_prob([[1.0, 2.0], [1.5, 1.5], [1e300, 2.0]])

    assert found[0] == pytest.approx(np.log(3 * 6 / 35), rel=1e-12)  # C(3,1) C(4,2) / C(7,3)
    assert found[1:].tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize("law", [stats.wishart(3, 1.0), stats.invwishart(3, 1.0)])
def test_a_matrix_of_one_number_is_sampled_from_alone(law):
    model = as_model(law, need=("sample",))

    assert model.sample(4, rng=generator(0)).shape == (4, 1)
    assert not hasattr(model, "log_prob")


@pytest.mark.parametrize(
    "law",
    [
        *(stats.cauchy(), stats.t(df=2), stats.poisson(3)),
        stats.vonmises(2.0, loc=1.0),  # drawn in [-pi, pi] about 1, said to have mean 1
        stats.multinomial([4, 5], [[0.5, 0.5], [0.5, 0.5]]),  # means and covariances of two laws
    ],
)
def test_a_law_without_finite_moments_and_a_law_of_codes_have_none(law):
    assert not hasattr(as_model(law, need=("sample",)), "moments")


def test_a_discrete_law_may_be_taken_for_numbers():
    model = as_model(stats.poisson(3), need=("sample",), kind="numbers")
    drawn = model.sample(5, rng=generator(0))

    assert (drawn.shape, drawn.dtype) == ((5, 1), np.float64)
    np.testing.assert_array_equal(model.log_prob(drawn), stats.poisson(3).logpmf(drawn[:, 0]))
    assert model.moments()[1].tolist() == [[3]]


@pytest.mark.parametrize(
    ("law", "sentence"),
    [
        (stats.norm, r"must be a frozen distribution; got scipy\.stats\.norm: call it with its"),
        (stats.norm([0, 1]), "must be a single distribution; got rv_continuous_frozen with arrays"),
        (stats.norm(scale=np.ones(2)), "must be a single distribution; got rv_continuous_frozen"),
        (stats.Normal(mu=[0.0, 1.0]), "must be a single distribution; got Normal with arrays"),
        (stats.normal_inverse_gamma(0, 1, 2, 3), "must draw rows; got .*, which draws a pair of"),
    ],
)
def test_what_is_no_single_law_is_refused(law, sentence):
    with pytest.raises(InvalidSpec, match=sentence):
        as_model(law, need=("sample",))


def test_a_law_of_matrices_is_refused_when_it_draws():
    model = as_model(stats.wishart(3, np.eye(2)), need=("sample",))

    for size in (1, 3):
        with pytest.raises(ModelError, match=r"must have shape \(n, d\) or \(n,\); got shape"):
            model.sample(size, rng=generator(0))


def test_a_law_is_fitted_as_one_says():
    def maximum(law, samples, rng):
        return law.dist(*law.dist.fit(samples[:, 0]))

    model = as_model(stats.norm(1, 2), fit=maximum)
    fitted = model.fit(ROWS[:, :1], rng=generator(0)).fit(ROWS[:, 1:], rng=generator(0))

    assert fitted.wrapped.args == (ROWS[:, 1].mean(), ROWS[:, 1].std())


def test_a_law_is_not_fitted_by_itself():
    with pytest.raises(
        InvalidSpec,
        match=r"^founder must have fit\(samples, \*, rng\); got an object of type .*rv_continuous_"
        r"frozen, which is only sampled from: give as_model fit=, a function of \(model, samples",
    ):
        as_model(stats.norm(), name="founder")


def test_a_copy_of_a_normal_law_is_the_same_law():
    """scipy's own copy is the standard normal law; if this fails, that was mended."""
    law = stats.Normal(mu=1.0, sigma=2.0)
    model = as_model(law, need=("sample",))

    assert copy.deepcopy(law).mean() == 0
    assert copy.deepcopy(model).moments()[0] == [1]
    fitted = as_model(law, fit=lambda old, samples, rng: old).fit([3.0], rng=generator(0))
    assert fitted.moments()[0] == [1]
    with pytest.raises(TypeError, match=r"^Normal can't be pickled: what comes back is another"):
        pickle.dumps(model)


def test_columns_are_for_tables():
    with pytest.raises(InvalidArgument, match=r"^columns must be None for an object of type .*"):
        as_model(stats.norm(), need=("sample",), columns=["a"])
