"""The conformance suite under pytest: who is checked, what is counted, how it ends."""

import json
import os
import sys

import numpy as np
import pytest

from collapse_bench.conformance import all_checks

SUITE = ("--pyargs", "collapse_bench.suites.conformance.test_model")
MODELS = """
import os
import time
from collapse_bench.models import Gaussian


def leave():
    assert os.environ["HERE"] != str(os.getpid()), "run here"
    os._exit(0)


class Fine(Gaussian):
    pass


class Stuck(Gaussian):
    def sample(self, size, *, rng):
        import numpy
        return super().sample(size, rng=numpy.random.default_rng(1))


class Hangs(Gaussian):
    def sample(self, size, *, rng):
        if size > 8:
            time.sleep(60)
        return super().sample(size, rng=rng)


class Exits(Gaussian):
    def sample(self, size, *, rng):
        leave()


class Unborn(Gaussian):
    def __init__(self):
        leave()


class Mute:
    def fit(self, samples, *, rng):
        return self
"""
TWO = "check_seed_sensitivity or check_seed_determinism"


@pytest.fixture
def suite(session, pytester, monkeypatch):
    """Run the conformance suite in this process; return its result and its report."""
    monkeypatch.setenv("HERE", str(os.getpid()))
    pytester.makepyfile(strangers=MODELS)
    pytester.syspathinsert()

    def run(*arguments):
        result = session(*SUITE, "--collapse-report=out.json", "-rs", *arguments)
        path = pytester.path / "out.json"
        return result, json.loads(path.read_text()) if path.exists() else None

    return run


def test_without_a_model_three_are_checked(suite):
    result, report = suite("-k", TWO, "-v")

    result.assert_outcomes(passed=6, deselected=3 * (len(all_checks()) - 2))
    assert {record["model"] for record in report["conformance"]} == {
        "categorical",
        "gaussian",
        "sklearn.mixture:GaussianMixture",
    }
    result.stdout.fnmatch_lines(
        ["*test_conformance?sklearn.mixture:GaussianMixture-check_seed_determinism?*"]
    )


def test_what_was_not_selected_was_not_run_and_is_not_green(suite, last):
    result, report = suite("-k", "categorical and check_seed_determinism")
    others = len(all_checks()) - 1

    assert result.ret == 6
    assert f"1 pass, 0 fail, 0 inconclusive, {others} not run" in last(result)
    assert report["summary"]["not_run"] == others  # of this model alone: the others declare nothing


def test_a_model_needs_no_reference(suite):
    result, report = suite("--collapse-model=strangers:Fine", "-k", TWO)

    result.assert_outcomes(passed=2, deselected=len(all_checks()) - 2)
    assert [set(record) for record in report["conformance"]] == [
        {"model", "check", "status", "reason", "seconds", "seed"}
    ] * 2
    assert {record["model"] for record in report["conformance"]} == {"strangers:Fine"}


def test_a_defect_fails_with_its_reason_and_the_code_that_repeats_it(suite, last):
    result, report = suite("--collapse-model=strangers:Stuck", "-k", TWO)
    (failed,) = [record for record in report["conformance"] if record["status"] == "failed"]

    assert result.ret == 1
    assert failed["check"] == "check_seed_sensitivity"
    result.stdout.fnmatch_lines(
        [
            "*FAILED check_seed_sensitivity of strangers:Stuck: *",
            "*reproduce it with*",
            "*from collapse_bench.conformance import check_seed_sensitivity*",
            "*check_seed_sensitivity('strangers:Stuck', seed=0)*",
        ]
    )
    assert "1 pass, 1 fail" in last(result)


def test_what_does_not_apply_is_skipped_with_its_reason_and_counted(suite, last):
    result, report = suite("--collapse-model=strangers:Fine", "-k", "support_nesting")

    result.assert_outcomes(skipped=1, deselected=len(all_checks()) - 1)
    assert report["conformance"][0]["status"] == "skipped"
    assert "1 conformance check did not apply" in last(result)
    assert result.ret == 6  # nothing was shown


def test_a_model_of_a_conftest_is_checked_as_it_is(suite, pytester):
    pytester.makeconftest(
        """
        import pytest
        from strangers import Fine

        @pytest.fixture(scope="session", params=[1.0, 4.0], ids=["narrow", "wide"])
        def collapse_model(request):
            return Fine(0.0, request.param)
        """
    )
    result, report = suite("-k", "check_seed_determinism")

    result.assert_outcomes(passed=2, deselected=2 * (len(all_checks()) - 1))
    assert len({record["model"] for record in report["conformance"]}) == 2


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--collapse-model=strangers:Missing", "has no 'Missing'"),
        ("--collapse-model=strangers:Mute", "must have sample(size, *, rng)"),
        ("--collapse-model=strangers:Unborn", "must not end the process"),
        ("--collapse-timeout=0", "must be a positive number of seconds"),
        ("--collapse-timeout=soon", "must be a positive number of seconds"),
    ],
)
def test_what_cannot_be_checked_is_a_usage_error(suite, option, sentence):
    result, report = suite(option, "-k", "check_seed_determinism")

    assert result.ret == 4
    assert report is None
    assert sentence in result.stdout.str() + result.stderr.str()


def test_a_model_that_hangs_is_ended_and_the_others_still_run(suite):
    options = ("--collapse-model=strangers:Hangs", "--collapse-timeout=2")
    result, report = suite(*options, "-k", "check_seed_determinism or check_fit_returns_new")
    records = {record["check"]: record for record in report["conformance"]}

    assert result.ret == 1
    assert "within the timeout of 2 s" in records["check_seed_determinism"]["reason"]
    assert len(records) == 2


def test_a_model_that_ends_its_process_does_not_end_the_run_green(suite):
    result, report = suite("--collapse-model=strangers:Exits", "-k", TWO)

    assert result.ret == 1
    assert len(report["conformance"]) == 2
    assert "strangers" not in sys.modules  # nothing of it ran here
    assert all("process ended with exit code 0" in r["reason"] for r in report["conformance"])


def test_a_test_that_asks_for_the_model_itself_gets_it(session, pytester):
    pytester.makepyfile(
        """
        def test_own(collapse_conformance, collapse_model):
            assert type(collapse_model).__name__ == "Moments"
            collapse_conformance("check_seed_determinism")
        """
    )

    session("--collapse-model=gaussian").assert_outcomes(passed=1)


def test_the_table_has_a_line_for_each_model(suite):
    result, _ = suite("--collapse-model=strangers:Stuck", "--collapse-model-arg=ddof=0", "-k", TWO)

    result.stdout.fnmatch_lines(
        [
            "conformance: models that come unfitted are fitted to 2,000 rows of two-gaussians "
            "(numbers) or zipf (codes); seed 0, alpha 0.001 over * statistical checks, beta 0.01, "
            "budget 10 s a check",
            "strangers:Stuck(ddof=0): 1 passed, 1 failed, 0 inconclusive, * not run, "
            "0 don't apply; * s",
            "  FAIL          check_seed_sensitivity: *",
        ]
    )


def test_the_table_says_which_reference_was_given(suite, pytester):
    np.save(pytester.path / "few.npy", np.arange(40.0))
    result, _ = suite(
        *("--collapse-model=strangers:Fine", "--collapse-reference=few.npy"),
        *("--collapse-seed=3", "--collapse-budget=2", "-k", TWO),
    )

    result.stdout.fnmatch_lines(["*fitted to the 40 rows of few.npy; seed 3, *, budget 2 s a*"])


def test_workers_report_what_one_process_reports(process, pytester):
    pytester.makepyfile(strangers=MODELS)
    options = ("--collapse-model=strangers:Stuck", "--collapse-report=out.json", "-k", TWO)
    reports = []
    for more in ((), ("-n2",)):
        process(*SUITE, *options, *more)
        reports.append(json.loads((pytester.path / "out.json").read_text()))
        for record in reports[-1]["conformance"]:
            del record["seconds"]

    assert len(reports[0]["conformance"]) == 2
    assert reports[0]["conformance"] == reports[1]["conformance"]
    assert reports[0]["summary"] == reports[1]["summary"]


OWN = """
import pytest
from collapse_bench.conformance import parametrize_with_checks
from strangers import Fine, Hangs, Stuck


@parametrize_with_checks([Fine(), Stuck(), Hangs], expected_failed_checks=lambda m: (
    {"check_seed_sensitivity": "one seed"} if type(m) is Stuck else {}
))
def test_own(model, check):
    check(model)
"""


@pytest.fixture
def own(session, pytester):
    """Run a file of anybody's with the decorator; return its result and its report."""
    pytester.makepyfile(strangers=MODELS, test_own=OWN)
    pytester.syspathinsert()

    def run(*arguments):
        result = session("--collapse-report=out.json", "test_own.py", *arguments)
        return result, json.loads((pytester.path / "out.json").read_text())

    return run


def test_checks_of_a_decorator_are_reported_and_follow_the_seed(own, last):
    result, report = own("-k", f"({TWO}) and not Hangs", "--collapse-seed=7")
    statuses = {(r["model"], r["check"]): (r["status"], r["seed"]) for r in report["conformance"]}

    result.assert_outcomes(passed=3, xfailed=1, deselected=3 * len(all_checks()) - 4)
    assert statuses["Fine", "check_seed_determinism"] == ("passed", 7)
    assert statuses["Stuck", "check_seed_sensitivity"] == ("expected_failure", 7)
    assert "3 checks, 3 pass, 0 fail" in last(result)
    assert result.ret == 0  # no ledger of ours: what isn't selected isn't missed


def test_checks_of_a_decorator_follow_the_timeout(own):
    result, report = own("-k", "Hangs and check_seed_determinism", "--collapse-timeout=2")

    assert result.ret == 1
    assert "within the timeout of 2 s" in report["conformance"][0]["reason"]


def test_checks_of_a_decorator_that_do_not_apply_say_so_where_they_stand(own):
    result, _ = own("-k", "Fine and support_nesting", "-rs")

    result.stdout.fnmatch_lines(["SKIPPED*check_support_nesting of Fine: the model doesn't claim*"])


def test_the_budget_is_an_option(suite):
    result, report = suite(
        "--collapse-model=strangers:Fine", "--collapse-budget=0.000001", "-k", "check_row_order"
    )

    assert report["conformance"][0]["status"] == "inconclusive"
    assert "--collapse-budget" in report["conformance"][0]["reason"]
    assert result.ret == 6


def test_one_reason_of_many_checks_is_told_once(suite, pytester):
    pytester.makepyfile(
        broken="""
        class Broken:
            def sample(self, size, *, rng):
                raise OSError("no weights")

            def fit(self, samples, *, rng):
                return self
        """
    )
    result, _ = suite("--collapse-model=broken:Broken", "-k", TWO)

    result.stdout.fnmatch_lines(
        ["  FAIL          check_seed_determinism, check_seed_sensitivity: *no weights*"]
    )


def test_a_class_without_fit_is_looked_at_as_a_sampler(suite, pytester):
    pytester.makepyfile(
        sampler="""
        class S:
            def sample(self, size, *, rng):
                return rng.normal(size=size)
        """
    )
    _, report = suite("--collapse-model=sampler:S", "-k", f"{TWO} or check_row_order")
    statuses = {record["check"]: record["status"] for record in report["conformance"]}

    assert statuses == {
        "check_seed_determinism": "passed",
        "check_seed_sensitivity": "passed",
        "check_row_order": "skipped",
    }


def test_a_model_that_was_named_is_missed_if_nothing_of_it_runs(suite):
    named = ("--collapse-model=strangers:Fine", "--collapse-model=strangers:Stuck")
    result, report = suite(*named, "-k", "Fine and check_seed_determinism")

    assert result.ret == 6
    assert report["summary"]["not_run"] == 2 * len(all_checks()) - 1
