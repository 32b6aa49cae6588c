"""``--collapse-gate report``: verdicts are told, and set no exit code."""

import pytest

from collapse_bench.reports import html, markdown
from tests.plugin.test_exit_codes import FINE, HEALTHY, LOSS, OWN_GATE
from tests.reports.test_schema import VALIDATOR

REPORT = ("--collapse-gate=report", "--collapse-report=r.json")


@pytest.fixture
def own(pytester, session):
    """Run a gate module whose second test has the given body, and further files."""

    def run(body, *arguments, **files):
        pytester.makepyfile(test_own=OWN_GATE.format(body=body), **files)
        return session(*REPORT, *arguments)

    return run


def test_failing_checks_are_told_and_the_exit_code_is_0(judge, report, last, pytester):
    result = judge("half.npy", *REPORT, "-v", "--junitxml=junit.xml")

    assert result.ret == 0
    assert last(result) == (
        "collapse: 3 checks, 0 pass, 3 fail, 0 inconclusive, 0 not run; 0 claims held, 0 not; "
        "report only: nothing was judged, by the gates the exit code would be 1"
    )
    result.stdout.fnmatch_lines(
        [
            "collapse: report only: verdicts are told and set no exit code",
            "*::test_tail_mass* REPORTED FAIL *",
            "  FAIL          test_tail_mass: loss *",
            "*1 passed*3 reported*",
        ]
    )
    assert not any("test_tail_mass" in line and "PASS" in line for line in result.outlines)
    assert "<failure" not in (pytester.path / "junit.xml").read_text()
    summary = report()["summary"]
    assert (summary["outcome"], summary["fail"], summary["exit"]) == ("fail", 3, 0)
    assert summary["report_only"] is True
    assert report()["options"]["gate"] == "report"
    VALIDATOR.validate(report())
    assert "report only" in html.render(report())
    assert "report only" in markdown.render(report())


def test_undecided_and_unrun_checks_set_no_code_either(own, report, last):
    result = own(FINE, "-rA")
    assert result.ret == 0
    assert last(result).endswith("the exit code would be 6")
    assert report()["summary"]["outcome"] == "inconclusive"

    result = own(HEALTHY, "-k", "healthy", "--collapse-min-checks=2")
    assert result.ret == 0
    assert "1 not run" in last(result)
    assert last(result).endswith("1 of the 2 checks asked for ran; report only: nothing was "
                                 "judged, by the gates the exit code would be 6")  # fmt: skip
    assert report()["summary"]["outcome"] == "inconclusive"


def test_what_passes_would_pass(own, report, last):
    result = own(HEALTHY)

    result.assert_outcomes(passed=2)
    assert last(result).endswith("by the gates the exit code would be 0")
    assert report()["summary"]["outcome"] == "pass"


@pytest.mark.parametrize(
    ("body", "other", "code"),
    [
        ("    raise OSError('no model')\n", "def test_it(): pass", 1),
        (LOSS, "def test_it(): assert False", 1),
        (LOSS, "def test_it(collapse_check):\n    collapse_check('variance', [1.0], [1.0])", 1),
        (LOSS, "import nowhere_to_be_found", 2),
        (LOSS + "    assert 0\n", "", 0),  # a test ends at its verdict, here as elsewhere
        (LOSS.replace("collapse_check", "\n    try: collapse_check", 1).rstrip()
         + "\n    except AssertionError: raise RuntimeError('after it')\n", "", 1),
    ],
)  # fmt: skip
def test_other_failures_keep_their_codes(own, body, other, code):
    assert own(body, test_else=other).ret == code


def test_a_verdict_outside_every_ledger_is_a_failure_as_ever(pytester, session):
    text = OWN_GATE.format(body=LOSS).replace("COLLAPSE_CHECKS", "UNRELATED")
    pytester.makepyfile(test_own=text)

    assert session("--collapse-gate=report").ret == 1


@pytest.mark.parametrize("strict", [True, False])
def test_a_failure_that_was_expected_is_one(pytester, session, strict):
    text = OWN_GATE.format(body=LOSS).replace(
        "def test_other", f"import pytest\n@pytest.mark.xfail(strict={strict})\ndef test_other"
    )
    pytester.makepyfile(test_own=text)
    result = session("--collapse-gate=report")

    result.assert_outcomes(passed=1, xfailed=1)
    assert result.ret == 0


def test_the_session_goes_on_after_a_verdict(own):
    result = own(LOSS, "-x", test_later="def test_it(): pass")

    assert result.ret == 0
    outcomes = result.parseoutcomes()
    assert {"passed": 2, "reported": 1}.items() <= outcomes.items()
    assert not outcomes.keys() & {"failed", "errors", "skipped"}


def test_usage_errors_stay_what_they_are(session):
    assert session("--collapse-gate=report", "--collapse-alpha=2").ret == 4
    result = session("--collapse-gate=repotr")
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: --collapse-gate must be one of judge, report; got 'repotr': did you mean *"]
    )


def test_conformance_is_reported_only_too(session, pytester, report):
    pytester.makepyfile(
        shy="""
        import numpy as np

        class Shy:
            def sample(self, size, *, rng):
                return rng.normal(size=(size - 1, 1))

            def fit(self, samples, *, rng):
                return Shy()
        """
    )
    result = session(
        "--pyargs", "collapse_bench.suites.conformance", "-k", "shape or size",
        "--collapse-model=shy:Shy", *REPORT,
    )  # fmt: skip

    assert result.ret == 0
    assert report()["summary"]["outcome"] == "fail"
    assert {found["status"] for found in report()["conformance"]} >= {"failed"}


def test_two_processes_report_as_one(pytester, process, report):
    pytest.importorskip("xdist")
    pytester.makepyfile(test_own=OWN_GATE.format(body=LOSS))
    result = process("-n", "2", *REPORT)

    assert result.ret == 0
    assert result.parseoutcomes() == {"passed": 1, "reported": 1}
    assert report()["summary"]["outcome"] == "fail"


def test_the_option_has_an_ini_twin(pytester, session):
    pytester.makeini("[pytest]\ncollapse_gate = report\n")
    pytester.makepyfile(test_own=OWN_GATE.format(body=LOSS))

    assert session().ret == 0
    assert session("--collapse-gate=judge").ret == 1
