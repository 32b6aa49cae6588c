"""Does a fit learn? Whatever a sound model learns is enough, and nothing else is."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from collapse_bench import conformance
from collapse_bench.conformance.outcomes import NotApplicable
from collapse_bench.controls.rules import Learner, Normal, stale
from collapse_bench.errors import CollapseError, Inconclusive, ModelError
from collapse_bench.models import Categorical
from tests.conformance.models import ran


@dataclass
class Family:
    """Parameters, how they are drawn from and how they are learned."""

    parameters: Any
    drawn: Callable[..., Any]
    learned: Callable[..., Any]
    kind: str = "numbers"

    def sample(self, size, *, rng):
        return self.drawn(self.parameters, size, rng)

    def fit(self, samples, *, rng):
        return Family(self.learned(samples, rng), self.drawn, self.learned, self.kind)


def learner(rule):
    return Learner(Normal(), lambda model, rows, rng: rule(rows))


def one_scale(d):
    return Family(1.0, lambda p, n, rng: p * rng.standard_normal((n, d)), lambda x, rng: x.std())


def zeros_and_ones(share):
    return Family(
        share, lambda p, n, rng: (rng.random((n, 1)) < p) * 1.0, lambda x, rng: float(x.mean())
    )


def mostly_zeros():
    def drawn(p, n, rng):
        return (rng.random((n, 1)) < p[0]) * (p[1] + p[2] * rng.standard_normal((n, 1)))

    def learned(rows, rng):
        some = rows[rows != 0]
        return len(some) / len(rows), some.mean(), some.std()

    return Family((0.1, 0.0, 1.0), drawn, learned)


def one_column(k):
    def drawn(p, n, rng):
        rows = rng.standard_normal((n, 3)) * [3, 2, 1]
        rows[:, k] = p[0] + p[1] * rng.standard_normal(n)
        return rows

    return Family((0.0, 1.0), drawn, lambda x, rng: (x[:, k].mean(), x[:, k].std()))


def labeled(least=0.0):
    """Return numbers with a label that goes with them; rows of hardly one label are refused."""

    def drawn(p, n, rng):
        label = rng.random(n) < p[0]
        return np.column_stack([np.where(label, p[2], p[1]) + rng.standard_normal(n), label])

    def learned(rows, rng):
        if min((rows[:, 1] == label).mean() for label in (0, 1)) <= least:
            raise ValueError("this solver needs rows of two classes")
        one = rows[:, 1] == 1
        return one.mean(), rows[~one, 0].mean(), rows[one, 0].mean()

    return Family((0.5, -6.0, 6.0), drawn, learned)


LITTLE = {
    "one scale of three columns": lambda: one_scale(3),
    "one scale of twenty columns": lambda: one_scale(20),
    "zeros and rare ones": lambda: zeros_and_ones(0.05),
    "zeros and ones hardly met": lambda: zeros_and_ones(0.001),
    "mostly zeros": mostly_zeros,
    "the last column alone": lambda: one_column(2),
    "the first column alone": lambda: one_column(0),
    "labels": labeled,
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", LITTLE.values(), ids=LITTLE)
def test_a_model_that_learns_little_uses_its_data(make, seed):
    assert ran("check_fit_uses_data", make(), seed)[0] == "passed"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", LITTLE.values(), ids=LITTLE)
def test_the_same_model_that_ignores_its_rows_is_noticed(make, seed):
    model = make()
    law = model.parameters
    model.learned = lambda rows, rng: law

    with pytest.raises(CollapseError, match="got the same 1,000 draws on one stream"):
        conformance.check_fit_uses_data(model, seed=seed)


def test_a_model_of_scale_alone_uses_its_data():
    told = conformance.check_fit_uses_data(learner(lambda rows: Normal(0.0, float(rows.std()))))

    assert "inner and the outer half" in told


def test_a_model_that_goes_the_other_way_does_not_follow():
    with pytest.raises(CollapseError, match=r"got -0\.\d+"):
        conformance.check_fit_uses_data(learner(lambda rows: Normal(-3 * float(rows.mean()))))


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_a_model_that_hardly_learns_is_no_pass(share):
    def rule(model, rows, rng):
        return Normal(model.law.mean + share * (rows.mean() - model.law.mean), model.law.scale)

    error, told = (Inconclusive, "neither follows") if share else (CollapseError, "the same 1,000")
    with pytest.raises(error, match=told):
        conformance.check_fit_uses_data(Learner(Normal(), rule))


def test_a_model_that_ignores_its_rows_and_its_stream_is_no_pass():
    def rule(model, rows, rng):
        return Normal(1e-3 * np.random.default_rng().standard_normal())

    with pytest.raises(Inconclusive, match="nor ignores them for sure"):
        conformance.check_fit_uses_data(Learner(Normal(), rule))


def test_noise_on_rare_values_is_not_learning():
    # the rows move by .1 alone, and draws of two streams by a quarter of that now and then
    noisy = zeros_and_ones(0.05)
    noisy.learned = lambda rows, rng: 0.05 + 0.04 * np.random.default_rng().random()

    with pytest.raises(Inconclusive):
        conformance.check_fit_uses_data(noisy)


def test_states_are_parted_by_how_frequent_they_are():
    told = conformance.check_fit_uses_data(Categorical([0.9, 0.1], states=["a", "b"]))

    assert "1.000 of the draws moved along, 1.000 of the rows" in told
    with pytest.raises(CollapseError, match="got the same"):
        conformance.check_fit_uses_data(Learner(Categorical([0.9, 0.1]), stale, "codes"))


def test_draws_that_are_all_equal_have_no_halves():
    with pytest.raises(NotApplicable, match="the rows drawn are all equal"):
        conformance.check_fit_uses_data(zeros_and_ones(1e-4))


@pytest.mark.parametrize("least", [0.0, 0.3])
def test_rows_of_one_kind_may_be_refused(least):
    size = 500 if not least else 1_000  # three parts to one, or all
    status, told = ran("check_fit_leaves_model", labeled(least))
    assert (status, told.endswith(f"after a fit to {size} rows")) == ("passed", True)
    status, told = ran("check_fit_uses_data", labeled(least))
    if least:
        assert status == "skipped"
        assert "lie on one side: this solver needs rows of two classes" in told
    else:
        assert (status, told.endswith("0.500 of the rows")) == ("passed", True)


@pytest.mark.parametrize("check", ["check_fit_uses_data", "check_fit_leaves_model"])
def test_a_model_that_refuses_all_rows_is_not_excused(check):
    with pytest.raises(ModelError, match="needs rows of two classes"):
        getattr(conformance, check)(labeled(0.9))


@pytest.mark.parametrize("check", ["check_fit_uses_data", "check_fit_leaves_model"])
@pytest.mark.parametrize("error", [RuntimeError("it diverged"), ValueError("singular"), None])
def test_what_is_no_refusal_fails(check, error):
    def rule(rows):
        if error is not None:
            raise error

    class Returning(Normal):
        def fit(self, samples, *, rng):
            return rule(samples)

    with pytest.raises(ModelError, match="must return"):
        getattr(conformance, check)(Returning())


def test_a_model_changed_by_mixed_rows_is_noticed():
    class Changing(Family):
        def fit(self, samples, *, rng):
            self.parameters = self.learned(samples, rng)
            return self

    with pytest.raises(CollapseError, match="leave the one it is called on as it was"):
        conformance.check_fit_leaves_model(Changing(**vars(labeled())))


@dataclass
class Stranger:
    """Ignores its rows but for where its noise comes from: rare ones by a generator of its own."""

    noise: int = 0
    share: float = 0.005

    def fit(self, samples, *, rng):
        return Stranger(zlib.crc32(np.ascontiguousarray(samples).tobytes()), self.share)

    def sample(self, size, *, rng):
        own = np.random.default_rng([self.noise, int(rng.integers(2**32))])
        return (own.random((size, 1)) < self.share) * 1.0


@pytest.mark.parametrize("seed", range(4))
def test_noise_that_depends_on_the_rows_is_no_learning(seed):
    with pytest.raises(Inconclusive, match="neither follows its rows nor ignores them"):
        conformance.check_fit_uses_data(Stranger(), seed=seed)
