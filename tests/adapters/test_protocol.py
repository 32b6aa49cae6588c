# ruff: noqa: NPY002  (numpy's global generator is what these models draw from)

import numpy as np
import pytest

from collapse_bench.adapters import as_model, unfitted
from collapse_bench.errors import InvalidArgument, InvalidSpec, ModelError
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.streams import generator

FIT = r"give as_model fit=, a function of \(model, samples, rng\) that returns .*, or need=.*"
KNOWN = (
    r"known besides are scikit-learn's mixtures and KernelDensity, scipy\.stats' gaussian_kde and "
    r"frozen distributions, torch distributions, torch modules that sample or return a "
    r"distribution, objects with sample\(num_rows=\), functions f\(n, seed\) and files of samples$"
)


class Flow:
    def sample(self, size, *, rng):
        return [[0.0]] * size

    def fit(self, samples, *, rng):
        return self


class SampleOnly:
    def sample(self, size, *, rng):
        return [[0.0]] * size


class Loose:
    """Accepts whatever it is called with."""

    def __getattr__(self, name):
        if name in ("sample", "fit"):
            return lambda *arguments, **keywords: self
        raise AttributeError(name)


class Named:
    sample = SampleOnly.sample
    fit = "no method"


class OldStyle:
    def sample(self, n_samples=1):
        return None

    def fit(self, X, y=None):
        return self


class OddKind(Flow):
    kind = "pictures"


@pytest.mark.parametrize("model", [Flow(), Loose(), Gaussian(), Categorical([0.5, 0.5])])
def test_a_model_comes_back_as_it_is(model):
    assert as_model(model) is model


def test_one_that_only_samples_will_do_where_nothing_is_fitted():
    model = SampleOnly()

    assert as_model(model, need=("sample",)) is model
    with pytest.raises(InvalidSpec, match=rf"has no fit\(samples, \*, rng\): {FIT}$"):
        as_model(model)


def test_nothing_of_the_model_is_called():
    class Trap:
        def sample(self, size, *, rng):
            raise AssertionError

        fit = sample

    as_model(Trap())


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            object(),
            r"model must have sample\(size, \*, rng\) and fit\(samples, \*, rng\); got an object "
            r"of type builtins\.object, which has no sample\(size, \*, rng\); "
            r"no fit\(samples, \*, rng\): " + KNOWN,
        ),
        (
            OldStyle(),
            r"OldStyle, which has no sample\(size, \*, rng\) but sample\(n_samples=1\); "
            r"no fit\(samples, \*, rng\) but fit\(X, y=None\): known",
        ),
        (Named(), rf"has no fit\(samples, \*, rng\) but a str of that name: {FIT}$"),
        (Flow, "model must be an instance; got the class Flow: call it"),
        (
            OddKind(),
            r"model must have a kind of 'numbers', 'codes', 'tokens'; got an object of type .*"
            r"OddKind with kind='pictures'",
        ),
    ],
)
def test_what_is_missing_is_listed_with_the_signature_wanted(model, sentence):
    with pytest.raises(InvalidSpec, match=sentence):
        as_model(model)


def test_the_sentence_calls_the_model_as_the_caller_does():
    with pytest.raises(InvalidSpec, match=r"^collapse_founder must have sample"):
        as_model(3, need=("sample",), name="collapse_founder")


class Shifted:
    """Ours, but for its fit; what it knows of its law is kept."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def sample(self, size, *, rng):
        return rng.normal(self.shift, 1, (size, 1)) + np.random.normal()

    def log_prob(self, samples):
        return -np.square(samples - self.shift)[:, 0]

    def moments(self):
        return np.array([self.shift]), np.eye(1)


def to_the_mean(model, samples, rng):
    model.shift = samples.mean()
    samples[:] = 0
    return model


def test_a_fit_may_be_given():
    model, rows = Shifted(), np.full((4, 1), 3.0)
    adapted = as_model(model, fit=to_the_mean)
    fitted = adapted.fit(rows, rng=generator(0))

    assert (model.shift, fitted.wrapped.shift, rows.sum()) == (0, 3, 12)
    assert fitted.moments()[0] == [3]
    assert fitted.log_prob([[5.0]]).tolist() == [-4]
    again = [fitted.sample(3, rng=generator(1)).tolist() for _ in range(2)]
    assert again[0] == again[1]
    assert fitted.fit(rows + 1, rng=generator(0)).wrapped.shift == 4
    assert not hasattr(as_model(SampleOnly(), fit=to_the_mean), "log_prob")
    assert not hasattr(as_model(SampleOnly(), fit=to_the_mean), "moments")


def test_a_fit_that_is_given_goes_before_its_own():
    fitted = as_model(Flow(), fit=lambda *_: Shifted(7)).fit([1.0], rng=generator(0))

    assert fitted.wrapped.shift == 7


def test_the_kind_of_a_codes_model_stays_when_a_fit_is_given():
    model = as_model(Categorical([0.5, 0.5]), fit=lambda old, samples, rng: old)

    assert model.kind == "codes"
    assert model.fit(["0", "1"], rng=generator(0)).sample(3, rng=generator(0)).shape == (3,)


def test_a_kind_that_is_not_the_models_is_refused():
    flow = Flow()
    assert as_model(flow, kind="numbers") is flow
    with pytest.raises(
        InvalidArgument, match=r"^kind must be None or 'numbers' for .*Flow, which is a model alre"
    ):
        as_model(Flow(), kind="codes")
    with pytest.raises(InvalidArgument, match=r"^kind must be one of 'numbers', 'codes', 'tokens'"):
        as_model(lambda n, seed: n, need=("sample",), kind="pictures")


def test_sizes_and_log_probs_are_checked():
    adapted = as_model(Shifted(), fit=to_the_mean)
    for size in (0, -1, 1.5, True):
        with pytest.raises(InvalidArgument, match="size must be an integer >= 1"):
            adapted.sample(size, rng=generator(0))
    adapted.wrapped.log_prob = lambda samples: np.zeros((3, 3))
    with pytest.raises(
        ModelError, match=r"Shifted\.log_prob must return shape \(2,\); got \(3, 3\)"
    ):
        adapted.log_prob([1.0, 2.0])


def test_ours_never_wait_to_be_fitted():
    assert not unfitted(Gaussian())
    assert not unfitted(as_model(Shifted(), fit=to_the_mean))
    with pytest.raises(InvalidSpec):
        unfitted(3)


def test_tokens_pass_as_they_are():
    model = as_model(
        lambda n, seed: np.ones((n, 4), dtype=np.int32), need=("sample",), kind="tokens"
    )

    assert model.sample(2, rng=generator(0)).dtype == np.int32


class Scribbler(SampleOnly):
    def log_prob(self, samples):
        samples[:] = 0
        return samples[:, 0]


def test_a_log_prob_that_writes_into_its_rows_does_not_reach_the_callers():
    rows = np.ones((2, 1))
    as_model(Scribbler(), fit=to_the_mean).log_prob(rows)

    assert rows.sum() == 2


class Trained:
    """Draws around a parameter that a training loop moves."""

    def __init__(self):
        self.mean = 0.0

    def sample(self, size, *, rng):
        return self.mean + rng.standard_normal((size, 1))


def halfway(model, samples, rng):
    model.mean += (samples.mean() - model.mean) / 2
    return model


def test_every_training_starts_from_the_object_as_it_was_given():
    given = Trained()
    rows = np.full((10, 1), 8.0)
    once = as_model(given, fit=halfway).fit(rows, rng=generator(0))
    twice = once.fit(rows, rng=generator(0))

    assert (once.wrapped.mean, twice.wrapped.mean, given.mean) == (4.0, 4.0, 0.0)
    assert once.trains
