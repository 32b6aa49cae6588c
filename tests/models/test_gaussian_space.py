"""The Gaussian chain in several dimensions, and in float32."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import digamma, polygamma

from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Gaussian
from collapse_bench.regions import Tails
from collapse_bench.streams import generator

# |z| <= 4.5 raises a false alarm once in 150,000 comparisons of a correct build.
Z = 4.5
COVARIANCE = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.7]])
DEVICES = pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])


def on(device, model):
    return model if device is None else model.to(device)


def chain(model, size, generations, *names):
    for t in range(generations):
        model = model.refit(size, rng=generator(0, *names, t))
    return model.numpy()


def scores(values, expected, deviation=None):
    spread = values.std(0) if deviation is None else deviation
    return np.abs(values.mean(0) - expected) / (spread / len(values) ** 0.5)


def symmetric(values, degree):
    """The elementary symmetric function of the last axis."""
    return sum(
        values[..., list(chosen)].prod(-1)
        for chosen in combinations(range(values.shape[-1]), degree)
    )


def log_det_step(size, dimension):
    """Mean and variance of the log determinant of a Wishart over its degrees of freedom."""
    half = (size - 1 - np.arange(dimension)) / 2
    mean = digamma(half).sum() - dimension * np.log((size - 1) / 2)
    return mean, polygamma(1, half).sum()


@DEVICES
@pytest.mark.parametrize("size", [5, 12])
def test_the_log_determinant_falls_by_the_wishart_drift(size, device):
    """Mean and variance are known: 8 comparisons, a false alarm in 18,000 seeds."""
    model = on(device, Gaussian(np.zeros(3), COVARIANCE)).replicate(20_000)
    end = chain(model, size, 4, "log_det").log_det()
    mean, variance = log_det_step(size, 3)

    expected = np.log(np.linalg.det(COVARIANCE)) + 4 * mean
    assert scores(end, expected, (4 * variance) ** 0.5) <= Z
    assert abs(end.var() / (4 * variance) - 1) <= Z * (4 / len(end)) ** 0.5  # kurtosis below 5


@DEVICES
def test_symmetric_functions_of_the_eigenvalues_fall_one_after_the_other(device):
    """E e_j(S_n) = e_j(S_0) prod_{i<j} (1 - i/k)^n: the trace stays, the determinant goes first."""
    size, generations = 16, 3
    model = on(device, Gaussian(np.zeros(3), COVARIANCE)).replicate(40_000)
    found = np.linalg.eigvalsh(chain(model, size, generations, "eigenvalues").moments()[1])
    start = np.linalg.eigvalsh(COVARIANCE)
    for degree in (1, 2, 3):
        kept = np.prod(1 - np.arange(degree) / (size - 1)) ** generations
        assert scores(symmetric(found, degree), kept * symmetric(start, degree)) <= Z


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("path", ["statistics", "samples"])
def test_fewer_samples_than_dimensions_cost_rank_at_once_and_no_trace(size, path):
    founder = Gaussian([0.0, 1.0, 2.0], COVARIANCE).replicate(20_000)
    model = founder
    for t in range(2):
        rng = generator(1, path, t)
        if path == "samples":
            model = model.fit(model.sample(size, rng=rng), rng=rng)
        else:
            model = model.refit(size, rng=rng)
        if t == 0:
            assert np.isneginf(model.log_det()).all()
            assert (np.linalg.matrix_rank(model.moments()[1]) == size - 1).all()
    trace = model.moments()[1].trace(axis1=-2, axis2=-1)
    assert scores(trace, np.trace(COVARIANCE)) <= Z
    # A path of its own for the law of a singular one: the mean walks by tr S / M a generation.
    walk = ((model.moments()[0] - [0.0, 1.0, 2.0]) ** 2).sum(-1)
    assert scores(walk, 2 * np.trace(COVARIANCE) / size) <= Z


def test_two_generations_agree_by_samples_and_by_statistics_when_rank_is_lost():
    founder = Gaussian(np.zeros(3), COVARIANCE).replicate(40_000)
    exact = chain(founder, 3, 2, "exact").moments()[1]
    model = founder
    for t in range(2):
        model = model.fit(model.sample(3, rng=generator(2, t)), rng=generator(3, t))
    sampled = model.moments()[1]
    for ours, theirs in [(exact, sampled), (np.tanh(exact), np.tanh(sampled))]:
        error = np.sqrt((ours.var(0) + theirs.var(0)) / len(ours))
        assert (np.abs(ours.mean(0) - theirs.mean(0)) <= Z * error).all()


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=4),
    st.integers(0, 2**32),
)
def test_log_det_equals_that_of_the_covariance(variances, seed):
    d = len(variances)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d))).Q
    model = Gaussian(np.zeros(d), turn @ np.diag(variances) @ turn.T)

    # A condition number of 1e6 costs six digits of the sixteen.
    assert model.log_det() == pytest.approx(np.log(variances).sum(), abs=1e-8)
    assert model.refit(9, rng=generator(seed)).log_det() == pytest.approx(
        np.linalg.slogdet(model.refit(9, rng=generator(seed)).moments()[1]).logabsdet, abs=1e-6
    )


def test_log_det_by_hand():
    assert Gaussian(0.0, 4.0).log_det() == pytest.approx(np.log(4), rel=1e-15)  # one rounding
    assert Gaussian([0, 0], np.diag([1.0, 1e-20])).log_det() == pytest.approx(np.log(1e-20))
    assert np.isneginf(Gaussian([0, 0], np.diag([1.0, 0.0])).log_det())
    assert np.isneginf(Gaussian([0, 0], 0.0).log_det())
    assert Gaussian([0, 0]).replicate(3).log_det().tolist() == [0.0, 0.0, 0.0]


@DEVICES
def test_log_det_outlives_the_condition_number(device):
    """Eigenvalues fan out to 1e-60 of the largest, where no covariance matrix could tell."""
    size, generations, replicates = 8, 300, 100
    model = on(device, Gaussian(np.zeros(4))).replicate(replicates)
    end = chain(model, size, generations, "long")
    mean, variance = log_det_step(size, 4)

    assert scores(end.log_det(), generations * mean, (generations * variance) ** 0.5) <= Z
    spread = np.abs(np.einsum("rii->ri", end.factor))
    assert np.median(spread.max(1) / spread.min(1)) > 1e16


def test_float32_rounds_what_is_fitted_and_nothing_else():
    narrow = Gaussian(0.1, 0.3, dtype="float32")
    mean, covariance = narrow.moments()
    assert mean[0] == np.float32(0.1)
    # log and exp on the way cost a few last digits of a float64.
    assert covariance[0, 0] == pytest.approx(float(np.float32(0.3**0.5)) ** 2, rel=1e-14)

    samples = Gaussian(0.1, 0.3).sample(50, rng=generator(4))
    fitted = narrow.fit(samples, rng=generator(5))
    wide = Gaussian().fit(samples, rng=generator(5))
    assert fitted.mean[0] == np.float32(wide.mean[0])
    assert fitted.mean[0] != wide.mean[0]
    assert np.exp(fitted.log_scale) == pytest.approx(float(np.float32(np.exp(wide.log_scale))))
    assert not np.array_equal(narrow.sample(9, rng=generator(6)), np.float32(samples[:9]))


@DEVICES
def test_float32_rounds_on_every_route(device):
    model = on(device, Gaussian([0.1, 0.2], COVARIANCE[:2, :2], dtype="float32")).replicate(3)
    routes = [model.refit(9, rng=generator(7)), *model.refit(9, rng=generator(7)).split()]
    routes.append(model.fit(model.sample(9, rng=generator(7)), rng=generator(7)))
    for fitted in routes:
        fitted = fitted.numpy()
        assert fitted.dtype == "float32"
        assert np.array_equal(fitted.mean, np.float32(fitted.mean))
        root = fitted.factor * np.exp(fitted.log_scale)[..., None, None]
        np.testing.assert_allclose(root, np.float32(root), rtol=1e-14)  # exp of a log


@DEVICES
@pytest.mark.parametrize("dimension", [1, 2])
def test_in_float32_the_scale_becomes_exactly_zero_and_stays(dimension, device):
    """1.27 of log-variance a generation and 2 log(2^-150) = -208 to go; no chance to be late."""
    mean = np.full(dimension, 3.0)
    model = on(device, Gaussian(mean, dtype="float32")).replicate(200)
    wide = on(device, Gaussian(mean)).replicate(200)
    absorbed = chain(model, 2, 400, "float32")
    later = chain(absorbed, 2, 5, "later")

    assert np.isneginf(absorbed.log_variance()).all()
    assert np.isneginf(absorbed.log_det()).all()
    assert not absorbed.moments()[1].any()
    assert np.isfinite(absorbed.mean).all()
    assert np.array_equal(later.mean, absorbed.mean)
    assert np.isneginf(later.log_variance()).all()
    assert (absorbed.sample(5, rng=generator(8)) == absorbed.mean[:, None]).all()
    assert np.isfinite(chain(wide, 2, 400, "float64").log_variance()).all()
    if dimension == 1:
        assert set(absorbed.mass(Tails(upper=0.0))) <= {0.0, 1.0}


def test_torch_and_numpy_round_alike():
    values = np.array([0.1, 1e-40, 1e-46, 3e38])
    ours = [float(Gaussian(v, dtype="float32").mean[0]) for v in values]
    theirs = torch.as_tensor(values).to(torch.float32).to(torch.float64).tolist()

    assert ours == theirs


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"dtype": "float16"}, "dtype must be one of 'float64', 'float32'; got dtype='float16'"),
        ({"mean": 1e39, "dtype": "float32"}, "must be finite in float32; got a mean up to 1e\\+39"),
        ({"covariance": 1e80, "dtype": "float32"}, "must be finite in float32"),
    ],
)
def test_what_float32_cannot_hold_is_refused(arguments, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        Gaussian(**arguments)


@DEVICES
def test_a_fit_that_float32_cannot_hold_is_refused(device):
    model = on(device, Gaussian(dtype="float32"))
    with pytest.raises(InvalidArgument, match="must be finite in float32"):
        model.fit(np.array([0.0, 1e39]), rng=generator(0))
