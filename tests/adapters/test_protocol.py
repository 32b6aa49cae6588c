import pytest

from collapse_bench.adapters import as_model
from collapse_bench.errors import InvalidSpec
from collapse_bench.models import Categorical, Gaussian


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
    with pytest.raises(InvalidSpec, match=r"has no fit\(samples, \*, rng\)$"):
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
            r"no fit\(samples, \*, rng\)$",
        ),
        (
            OldStyle(),
            r"OldStyle, which has no sample\(size, \*, rng\) but sample\(n_samples=1\); "
            r"no fit\(samples, \*, rng\) but fit\(X, y=None\)$",
        ),
        (Named(), r"has no fit\(samples, \*, rng\) but a str of that name$"),
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
