"""What a check does becomes a record; what a model does never becomes an error of ours."""

import signal
import threading
import time
import warnings

import numpy as np
import pytest

from collapse_bench.conformance import ConformanceWarning, catalog, check_model, runner
from collapse_bench.conformance.catalog import CATALOG, Entry, conformance_check, share
from collapse_bench.conformance.execution import run_check
from collapse_bench.conformance.outcomes import fail, skip, undecided
from collapse_bench.conformance.runner import all_checks
from collapse_bench.conformance.subject import ALPHA, Subject
from collapse_bench.errors import CollapseError, Inconclusive, InvalidArgument
from collapse_bench.models import Gaussian


def check_fine(subject):
    return f"drew {len(subject.draw(3))}"


def check_bad(subject):
    fail("the model must be good; got bad")


def check_unknown(subject):
    undecided("too few draws")


def check_elsewhere(subject):
    skip("the model has no log_prob")


def check_crash(subject):
    raise KeyError("weights\nare gone")


def check_exit(subject):
    raise SystemExit(0)


def check_endless(subject):
    while True:
        time.sleep(0.01)


BODIES = (check_fine, check_bad, check_unknown, check_elsewhere, check_crash, check_exit)


@pytest.fixture
def few(monkeypatch):
    """Replace the catalog by six checks, one for each way to end."""
    entries = {body.__name__: Entry(body.__name__, "sampler", True, body) for body in BODIES}
    for module in (catalog, runner):
        monkeypatch.setattr(module, "CATALOG", entries)
    return entries


def statuses(records):
    return {record["check"].removeprefix("check_"): record["status"] for record in records}


@pytest.mark.usefixtures("few")
def test_every_way_to_end_has_its_status_and_the_others_still_run():
    with pytest.warns(ConformanceWarning):
        records = check_model(Gaussian(), on_fail="warn")

    assert statuses(records) == {
        "fine": "passed",
        "bad": "failed",
        "unknown": "inconclusive",
        "elsewhere": "skipped",
        "crash": "failed",
        "exit": "failed",
    }
    assert {tuple(record) for record in records} == {
        ("model", "check", "status", "reason", "seconds", "seed")
    }
    assert records[0]["reason"] == "drew 3"
    assert "the model raised KeyError: 'weights\\nare gone'" in records[4]["reason"]
    assert all(record["model"] == "Gaussian" and record["seconds"] >= 0 for record in records)


@pytest.mark.usefixtures("few")
def test_a_failure_raises_when_all_have_run_and_loses_no_record():
    with pytest.raises(CollapseError, match=r"Gaussian fails 3 of 6 checks\ncheck_bad") as caught:
        check_model(Gaussian())

    assert len(caught.value.records) == 6


@pytest.mark.usefixtures("few")
def test_inconclusive_is_warned_of_and_never_raised_as_a_failure():
    with pytest.warns(ConformanceWarning, match="1 of 2 checks inconclusive: check_unknown"):
        check_model(Gaussian(), checks=["check_fine", "check_unknown"])


@pytest.mark.usefixtures("few")
def test_a_sound_model_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_model(Gaussian(), checks=["check_fine", "check_elsewhere"])


@pytest.mark.usefixtures("few")
def test_each_record_is_handed_on_as_soon_as_it_is_known():
    seen = []

    check_model(Gaussian(), "raise", seen.append, checks=["check_fine", "check_elsewhere"])

    assert [record["check"] for record in seen] == ["check_fine", "check_elsewhere"]


@pytest.mark.usefixtures("few")
def test_expected_failures_are_told_from_failures_and_from_surprises():
    expected = {"check_bad": "known since 1.2", "check_fine": "was broken"}
    records = check_model(
        Gaussian(), checks=["check_bad", "check_fine"], expected_failed_checks=expected
    )

    assert records[0]["status"] == "expected_failure"
    assert records[0]["reason"] == "known since 1.2"
    assert records[1]["status"] == "passed"
    assert "was expected to fail: was broken" in records[1]["reason"]


@pytest.mark.usefixtures("few")
def test_expected_failures_may_depend_on_the_model():
    model = Gaussian()

    def expected(given):
        return {"check_bad": "as ever"} if given is model else {}

    records = check_model(model, checks=["check_bad"], expected_failed_checks=expected)

    assert statuses(records) == {"bad": "expected_failure"}


def test_a_failure_prints_code_that_repeats_it():
    class Broken(Gaussian):
        def sample(self, size, *, rng):
            raise OSError("no disk")

    with pytest.warns(ConformanceWarning):
        (record,) = check_model(
            Broken(), "warn", checks=[all_checks()[0]], seed=7, reference=np.zeros((5, 1))
        )
    lines = record["reason"].splitlines()

    assert f"    from collapse_bench.conformance import {all_checks()[0]}" in lines
    assert f"    {all_checks()[0]}(model, seed=7, reference=reference)" in lines


def test_a_check_that_hangs_is_ended_at_the_timeout():
    entry = Entry("check_endless", "sampler", False, check_endless)
    begun = time.perf_counter()
    record = run_check(entry, Subject(Gaussian()), timeout=0.2)

    assert record["status"] == "failed"
    assert record["reason"].startswith("it must end within the timeout of 0.2 s")
    assert time.perf_counter() - begun < 5


def test_a_model_that_swallows_errors_does_not_swallow_the_timeout():
    def check_stubborn(subject):
        while True:
            try:
                time.sleep(10)
            except Exception:
                continue

    entry = Entry("check_stubborn", "sampler", False, check_stubborn)

    assert run_check(entry, Subject(Gaussian()), timeout=0.2)["status"] == "failed"


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"on_fail": "shout"}, "on_fail must be one of 'raise', 'warn'"),
        ({"checks": ["check_luck"]}, "checks must hold names of checks"),
        ({"expected_failed_checks": {"check_luck": "?"}}, "expected_failed_checks must hold names"),
        ({"alpha": 0.7}, r"alpha must be a number in \(0, 0.5\)"),
        ({"beta": float("nan")}, "beta must be a number"),
        ({"budget": 0}, "budget must be a number"),
        ({"timeout": -1}, "timeout must be a number"),
        ({"seed": -1}, "seed must be a non-negative integer"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(keywords, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        check_model(Gaussian(), **keywords)


def test_the_level_of_a_check_does_not_depend_on_which_run():
    statistical = sum(entry.statistical for entry in CATALOG.values())

    assert share(ALPHA) == ALPHA / statistical


def test_a_check_is_a_plain_function_that_raises_what_it_found(monkeypatch):
    monkeypatch.setattr(catalog, "CATALOG", {})

    @conformance_check("sampler", statistical=True)
    def check_spread(subject):
        """Say that draws vary."""
        if np.ptp(subject.draw(100)) == 0:
            fail("draws must vary; got one value")
        if subject.level != ALPHA:
            undecided("the level must be alpha over one check")
        return "they vary"

    assert check_spread(Gaussian()) == "they vary"
    assert check_spread.__doc__ == "Say that draws vary."
    with pytest.raises(CollapseError, match="got one value"):
        check_spread(Gaussian(covariance=0))
    with pytest.raises(Inconclusive):
        check_spread(Gaussian(), alpha=0.01)


def test_a_model_that_swallows_everything_does_not_pass_when_its_time_is_up():
    def check_deaf(subject):
        end = time.perf_counter() + 1
        while time.perf_counter() < end:
            try:
                time.sleep(0.05)
            except BaseException:
                continue
        return "done"

    record = run_check(
        Entry("check_deaf", "sampler", False, check_deaf), Subject(Gaussian()), timeout=0.1
    )

    assert record["status"] == "failed"


def test_a_timeout_that_cannot_be_kept_is_refused_and_not_the_models_failure():
    found = []

    def elsewhere():
        with pytest.raises(InvalidArgument) as caught:
            check_model(Gaussian(), timeout=5.0)
        found.append(str(caught.value))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert found == [
        "timeout must be None outside the main thread; got timeout=5.0: give the model as a SPEC "
        "string, which runs in a process of its own"
    ]


def test_the_handler_of_somebody_else_is_put_back():
    handlers = []
    entry = Entry("check_fine", "sampler", False, check_fine)
    former = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        own = signal.getsignal(signal.SIGALRM)
        for timeout in (5.0, None):
            run_check(entry, Subject(Gaussian()), timeout=timeout)
            handlers.append(signal.getsignal(signal.SIGALRM))
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    finally:
        signal.signal(signal.SIGALRM, former)

    assert handlers == [own, own]


@pytest.mark.usefixtures("few")
def test_one_check_is_one():
    with pytest.raises(CollapseError, match=r"Gaussian fails 1 of 1 check\n"):
        check_model(Gaussian(), checks=["check_bad"])


def test_the_alarm_of_somebody_else_is_set_again():
    rang = []
    former = signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        entry = Entry("check_fine", "sampler", False, check_fine)
        run_check(entry, Subject(Gaussian()), timeout=5)
        time.sleep(0.5)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)

    assert rang == [1]


def test_a_model_that_cannot_be_shown_is_a_failure_like_any_other(few):
    class Shy(Gaussian):
        def __repr__(self):
            raise RuntimeError("no")

    with pytest.warns(ConformanceWarning):
        (record,) = check_model(Shy(), "warn", checks=["check_bad"])

    assert record["reason"].startswith("the model must be good")
