"""A model under test is made, copied and made ready the same way for every check."""

import time

import numpy as np
import pytest

from collapse_bench.adapters import as_model
from collapse_bench.conformance import check_model, parametrize_with_checks
from collapse_bench.conformance.outcomes import NotApplicable
from collapse_bench.conformance.subject import READY_ROWS, Subject
from collapse_bench.data import SampleSet, two_gaussians
from collapse_bench.errors import Inconclusive, InvalidArgument, InvalidSamples, ModelError
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.streams import generator


class Unfitted:
    """Needs rows before it can be drawn from."""

    kind = "numbers"

    def __init__(self):
        self.rows = None

    def sample(self, size, *, rng):
        if self.rows is None:
            raise RuntimeError("not fitted")
        return self.rows[rng.integers(len(self.rows), size=size)]

    def fit(self, samples, *, rng):
        new = Unfitted()
        new.rows = samples
        return new


class Sampler:
    """Has no fit."""

    def sample(self, size, *, rng):
        return rng.normal(size=(size, 2))


def test_an_instance_that_can_be_drawn_from_is_taken_as_it_is():
    model = Gaussian([3.0, 4.0], np.eye(2))
    subject = Subject(model)

    assert subject.model is not model  # a copy: the caller's stays out of reach
    assert subject.model.mean.tolist() == [3.0, 4.0]
    assert (subject.kind, subject.width) == ("numbers", 2)


def test_an_unfitted_instance_a_class_and_a_factory_are_fitted_to_the_reference():
    reference = np.arange(10.0)[:, None]
    for candidate in (Unfitted(), Unfitted, lambda: Unfitted()):
        ready = Subject(candidate, reference).model
        assert set(ready.rows.ravel()) == set(range(10))


@pytest.mark.parametrize(
    "reference", [two_gaussians(), "two-gaussians", SampleSet.of(np.zeros((5_000, 1)))]
)
def test_a_large_reference_is_taken_a_part_of(reference):
    assert len(Subject(Unfitted(), reference).model.rows) == READY_ROWS


def test_codes_have_a_reference_of_their_own():
    assert Subject("categorical").kind == "codes"
    assert Subject("gaussian").kind == "numbers"


def test_a_spec_is_loaded_with_its_arguments():
    subject = Subject("gaussian", arguments={"mean": 5.0, "covariance": 0.0})

    assert subject.name == "gaussian"
    assert not subject.model.sample(3, rng=subject.rng()).std() > 10


def test_what_can_be_drawn_from_alone_has_no_fit():
    subject = Subject(Sampler())

    with pytest.raises(NotApplicable, match="has no fit"):
        subject.fit(subject.draw(10))


def test_fitting_leaves_the_ready_model_and_the_rows_alone():
    class Greedy(Unfitted):
        def fit(self, samples, *, rng):
            self.rows = samples
            samples[:] = 0
            return self

    subject = Subject(Greedy())
    before = subject.model.rows.copy()
    rows = np.ones((5, 1))
    fitted = subject.fit(rows)

    assert (rows == 1).all()
    assert fitted is not subject.model
    np.testing.assert_array_equal(subject.model.rows, before)


def test_streams_differ_by_check_and_name_and_repeat():
    subject = Subject(Gaussian(), seed=3)
    one, other = (subject.during(name, 0.01) for name in ("check_a", "check_b"))

    assert one.rng("x").random() == one.rng("x").random()
    assert one.rng("x").random() != one.rng("y").random() != other.rng("y").random()
    assert one.model is other.model  # made ready once


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: 1 / 0, "raised ZeroDivisionError"),
        (lambda: Broken("sample"), "raised OSError: no disk"),
        (lambda: Broken("fit"), "raised OSError: no disk"),
        (lambda: Broken("none"), "must return the fitted model; got None"),
        (lambda: Broken("text"), r"must return a model with sample\(size, \*, rng\)"),
    ],
)
def test_a_model_that_cannot_be_made_ready_says_why_each_time(make, sentence):
    subject = Subject(make)

    for _ in range(2):
        with pytest.raises(ModelError, match=sentence):
            subject.draw(2)


class Broken(Unfitted):
    def __init__(self, where):
        super().__init__()
        self.where = where

    def sample(self, size, *, rng):
        if self.where == "sample":
            raise OSError("no disk")
        return super().sample(size, rng=rng)

    def fit(self, samples, *, rng):
        if self.where == "fit":
            raise OSError("no disk")
        return {"sample": self, "none": None, "text": "fitted"}[self.where]


class Uncopied(Sampler):
    def __deepcopy__(self, memo):
        raise TypeError("cannot be copied")


def test_an_instance_that_cannot_be_copied_is_refused_with_the_mend():
    sentence = "got Uncopied, whose copy raised TypeError: cannot be copied: give its class or"
    with pytest.raises(InvalidArgument, match=sentence):
        check_model(Uncopied())

    assert Subject(Uncopied).draw(2).shape == (2, 2)  # the mend


class Tokens(Unfitted):
    kind = "tokens"


def test_a_model_of_token_sequences_is_skipped_by_every_check():
    for model in (Tokens, Tokens()):
        records = check_model(model)

        assert {record["status"] for record in records} == {"skipped"}
        assert {record["reason"] for record in records} == {
            "the checks look at numbers and codes; a model of token sequences isn't checked"
        }


class Unnamed:
    """A law that can't be drawn from."""

    def sample(self, size, *, rng):
        raise OSError("no disk")


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ([1.0, np.nan, 2.0], "reference must be finite; 1 of 3 values"),
        ([[1.0, 2.0]], "reference must have two rows or more; got 1"),
        ("two-gausians", "reference must be .*got reference='two-gausians'"),
        (object(), "reference must hold real numbers; got dtype object"),
        (Unnamed(), "reference must be a law that can be drawn from; .* OSError: no disk"),
    ],
)
def test_a_reference_that_holds_nothing_is_not_the_models_failure(reference, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        check_model(Gaussian(), reference=reference)
    with pytest.raises(InvalidArgument, match=sentence):
        parametrize_with_checks([Gaussian()], reference=reference)


def test_a_reference_crosses_process_borders_as_the_rows_that_it_stands_for():
    law = Categorical([0.5, 0.25, 0.25])
    here = Subject("categorical", law, seed=3)
    there = Subject("categorical", here.portable_reference, seed=3)

    assert here.portable_reference.kind == "codes"  # whole numbers, which look like numbers
    assert repr(there.model) == repr(here.model)
    np.testing.assert_array_equal(there.model.probabilities, here.model.probabilities)
    assert Subject("gaussian", "two-gaussians").portable_reference == "two-gaussians"
    assert Subject("gaussian").portable_reference is None


class Secretive:
    """Raises whatever is asked of it; only its class can be looked at."""

    def __getattribute__(self, name):
        if name.startswith("__"):
            return super().__getattribute__(name)
        raise RuntimeError("not ready")


class Forbidding:
    """Raises when it is asked for what it hasn't got."""

    def __getattr__(self, name):
        raise RuntimeError("not ready")


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
@pytest.mark.parametrize("family", [Secretive, Forbidding])
@pytest.mark.parametrize("made", [True, False])
def test_attributes_that_raise_are_each_checks_failure(family, made):
    records = check_model(family() if made else family, "warn")

    assert {record["status"] for record in records} == {"failed"}
    assert {record["model"] for record in records} == {family.__name__}


class Slow(Unfitted):
    """Takes for ever to be fitted."""

    def fit(self, samples, *, rng):
        time.sleep(60)


class Stuck(Sampler):
    """Takes for ever to be drawn from."""

    def sample(self, size, *, rng):
        time.sleep(60)


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
@pytest.mark.parametrize("make", [Slow, Stuck])
def test_a_model_that_is_never_ready_is_waited_for_once(make):
    begun = time.perf_counter()
    records = check_model(make, "warn", timeout=0.5)

    assert time.perf_counter() - begun < 0.5 * len(records) / 2
    assert records[0]["reason"].startswith("it must end within the timeout of 0.5 s")
    for record in records[1:]:
        assert "they did not in a check before this one" in record["reason"]


def test_work_beyond_the_budget_ends_a_check_undecided():
    subject = Subject(Gaussian(), budget=2)
    subject.afford("a fit", 2.0)

    with pytest.raises(Inconclusive, match=r"a fit would take about 3 s .* raise budget, or"):
        subject.afford("a fit", 3.0)


def test_durations_are_measured_once():
    calls = []
    subject = Subject(Gaussian())
    for _ in range(3):
        assert subject.seconds("a call", lambda: calls.append(1)) >= 0

    assert 2 <= len(calls) <= 10  # the first one may import or compile


@pytest.mark.parametrize(
    ("candidate", "arguments", "code"),
    [
        ("gaussian", None, "check_x('gaussian', seed=0)"),
        ("gaussian", {"ddof": 0}, "check_x(model, seed=0)"),
        (Gaussian, None, "check_x(Gaussian, seed=0)"),
        (Categorical([0.5, 0.5]), None, "check_x(model, seed=0)"),
    ],
)
def test_the_snippet_is_code(candidate, arguments, code):
    snippet = Subject(candidate, arguments=arguments).during("check_x", 0.1).snippet()

    compile(snippet, "snippet", "exec")
    assert snippet.splitlines()[-1] == code


def test_a_busy_machine_makes_no_model_slower(monkeypatch):
    clock, busy = iter([0.0, 10.0] * 2), iter([0.0, 2.0] * 2)  # others had four fifths of it
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(time, "process_time", lambda: next(busy))

    assert Subject(Gaussian()).seconds("busy", lambda: None) == 2.0


def test_a_model_that_waits_for_a_device_takes_the_time_of_the_clock(monkeypatch):
    clock, busy = iter([0.0, 10.0] * 2), iter([0.0, 0.5] * 2)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(time, "process_time", lambda: next(busy))

    assert Subject(Gaussian()).seconds("waiting", lambda: None) == 10.0


class Trained:
    """Draws around a parameter that a training loop moves."""

    def __init__(self):
        self.mean = 0.0

    def sample(self, size, *, rng):
        return self.mean + rng.standard_normal((size, 2))


def halfway(model, samples, rng):
    model.mean = model.mean + (samples.mean(axis=0) - model.mean) / 2
    return model


def whole(model, samples, rng):
    model.mean = samples.mean(axis=0)
    return model


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
@pytest.mark.parametrize(("loop", "status"), [(halfway, "failed"), (whole, "passed")])
def test_a_loop_that_hardly_trains_does_not_start_at_the_answer(loop, status):
    model = as_model(Trained(), fit=loop)
    reference = np.random.default_rng(0).normal(3.0, 1.0, (2_000, 2))
    (record,) = check_model(model, "warn", checks="check_consistency", reference=reference)

    assert record["status"] == status


def test_a_training_loop_without_a_reference_gets_one_of_its_width():
    ready = Subject(as_model(Trained(), fit=whole)).model

    assert ready.wrapped.mean.shape == (2,)
    assert ready.wrapped.mean.any()


class Frequencies:
    """Learns the states of its rows and how often each occurs."""

    kind = "codes"

    def fit(self, samples, *, rng):
        assert samples.dtype.kind == "i"
        fitted = Frequencies()
        fitted.states, counts = np.unique(samples, return_counts=True)
        fitted.shares = counts / counts.sum()
        return fitted

    def sample(self, size, *, rng):
        return rng.choice(self.states, size, p=self.shares)


def test_whole_numbers_are_codes_to_a_model_of_codes():
    reference = np.arange(60) % 7
    assert Subject(Frequencies, reference).model.sample(3, rng=generator(0)).dtype.kind == "i"
    with pytest.raises(InvalidSamples, match="reference must hold codes"):
        assert Subject(Frequencies, reference + 0.5).model
