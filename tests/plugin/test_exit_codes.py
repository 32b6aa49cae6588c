"""The exit code says what came of the gate; green means that every declared check passed."""

from xml.etree import ElementTree

import pytest

# A gate of the test's own: one module, its constant, samples made in place.
OWN_GATE = """
import numpy as np

COLLAPSE_CHECKS = ("test_healthy", "test_other")

REFERENCE = np.random.default_rng(1).standard_normal((400, 1))
HEALTHY = -REFERENCE
COARSE = {{"tolerate": 0.2, "detect": 0.9}}


def test_healthy(collapse_check):
    collapse_check("variance", HEALTHY, REFERENCE, **COARSE)


def test_other(collapse_check):
{body}
"""
FINE = '    collapse_check("variance", HEALTHY, REFERENCE, tolerate=0.01, detect=0.02)\n'
LOSS = '    collapse_check("variance", HEALTHY / 2, REFERENCE)\n'
HEALTHY = '    collapse_check("variance", HEALTHY, REFERENCE, **COARSE)\n'


@pytest.fixture
def own(pytester, session):
    """Run a gate module whose second test has the given body, and further files."""

    def run(body, *arguments, **files):
        pytester.makepyfile(test_own=OWN_GATE.format(body=body), **files)
        return session(*arguments)

    return run


def test_0_if_every_declared_check_passes(judge, last):
    result = judge("healthy.npy")

    assert result.ret == 0
    assert last(result) == (
        "collapse: 3 checks, 3 pass, 0 fail, 0 inconclusive, 0 not run; 0 claims held, 0 not"
    )


def test_1_if_a_check_fails(judge, last):
    result = judge("half.npy")

    assert result.ret == 1
    assert "3 checks, 0 pass, 3 fail" in last(result)


def test_6_if_a_check_is_inconclusive(own, last):
    result = own(FINE)

    assert result.ret == 6
    result.assert_outcomes(passed=1, failed=1)
    assert "2 checks, 1 pass, 0 fail, 1 inconclusive, 0 not run" in last(result)


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_6_also_if_the_session_stops_there(own, option):
    assert own(FINE, option).ret == 6


@pytest.mark.parametrize(
    "other",
    [
        "def test_it(): assert False",
        "import pytest\n@pytest.fixture\ndef it(): raise OSError\ndef test_it(it): pass",
        "import nowhere_to_be_found",
    ],
)
def test_1_if_anything_else_fails_too(own, other):
    result = own(FINE, "--continue-on-collection-errors", test_else=other)

    assert result.ret == 1


def test_1_if_the_inconclusive_test_goes_on_to_fail(own):
    body = f"    import pytest\n    with pytest.raises(AssertionError):\n    {FINE}    assert 0\n"

    assert own(body).ret == 1


def test_1_even_if_a_test_swallows_its_verdict(own, last):
    result = own(f"    try:\n    {LOSS}    except AssertionError:\n        pass\n")

    result.assert_outcomes(passed=2)
    assert result.ret == 1
    assert "1 pass, 1 fail" in last(result)


@pytest.mark.parametrize(("body", "code"), [(LOSS, 1), (FINE, 6)])
def test_xfail_does_not_make_it_green(pytester, session, body, code):
    text = OWN_GATE.format(body=body).replace(
        "def test_other", "import pytest\n@pytest.mark.xfail(strict=False)\ndef test_other"
    )
    pytester.makepyfile(test_own=text)
    result = session()

    result.assert_outcomes(passed=1, xfailed=1)
    assert result.ret == code


def test_6_if_a_declared_test_judges_nothing(own, last):
    result = own("    pass\n")

    assert result.ret == 6
    assert "2 checks, 1 pass, 0 fail, 0 inconclusive, 1 not run" in last(result)


@pytest.mark.parametrize("selection", [["-k", "healthy"], ["test_own.py::test_healthy"]])
def test_6_if_a_declared_check_was_not_selected(own, last, selection):
    result = own(HEALTHY, *selection)

    assert result.ret == 6
    assert "2 checks, 1 pass, 0 fail, 0 inconclusive, 1 not run" in last(result)


def test_a_gate_that_is_deselected_whole_declares_nothing_and_says_so(own, last):
    result = own(HEALTHY, "-k", "elsewhere", test_else="def test_elsewhere(): pass")

    assert result.ret == 0
    assert last(result) == (
        "collapse: 0 checks, 0 pass, 0 fail, 0 inconclusive, 0 not run; 0 claims held, 0 not; "
        "every test of test_own was deselected: it declares nothing"
    )


def test_5_stays_if_nothing_is_selected(own):
    assert own(HEALTHY, "-k", "nothing_of_that_name").ret == 5


@pytest.mark.parametrize(("least", "code"), [(2, 0), (3, 6)])
def test_6_if_fewer_checks_ran_than_were_asked_for(own, least, code):
    assert own(HEALTHY, f"--collapse-min-checks={least}").ret == code


def test_6_if_checks_were_asked_for_and_there_is_no_gate(pytester, session, last):
    pytester.makepyfile("def test_it(): pass")
    result = session("--collapse-min-checks=1")

    assert result.ret == 6
    assert last(result).endswith("; 0 of the 1 checks asked for ran")


def test_2_stays_after_an_interrupt(pytester, process, last):
    pytester.makepyfile(test_own=OWN_GATE.format(body="    raise KeyboardInterrupt\n"))
    result = process()

    assert result.ret == 2
    assert "1 not run" in last(result)


def test_3_stays_after_an_internal_error(own):
    result = own(HEALTHY, conftest="def pytest_runtest_logfinish(): raise OSError('broken hook')")

    assert result.ret == 3


def test_6_if_every_test_of_the_suites_is_skipped(gate, last, monkeypatch):
    monkeypatch.setattr("collapse_bench.harness.devices.DRIVERS", ())
    result = gate("--collapse-device=cuda", "-m", "gpu")

    result.assert_outcomes(skipped=3, deselected=result.parseoutcomes().get("deselected", 0))
    assert result.ret == 6
    assert "3 checks, 0 pass, 0 fail, 0 inconclusive, 3 not run" in last(result)
    result = gate("--collapse-device=cuda", "-m", "gpu", "-rs")
    result.stdout.fnmatch_lines(["*--collapse-device=cuda: there is no CUDA device*"])


RERUN = """
import pytest
from _pytest.runner import runtestprotocol


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    # What pytest-rerunfailures does: only the last of two tries is a failure.
    for last in (False, True):
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not last and not any(report.failed for report in reports):
            last = True
        for report in reports:
            if report.failed and not last:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if last:
            return True


def pytest_report_teststatus(report):
    if report.outcome == "rerun":
        return "rerun", "R", "RERUN"
"""


@pytest.mark.parametrize(("body", "code"), [(LOSS, 1), (FINE, 6)])
def test_trying_again_does_not_judge_again(own, body, code):
    """The second try would pass: its samples are healthy."""
    body = "    global HEALTHY, COARSE\n" + body.replace("    ", "    try:\n        ", 1)
    body += '    finally:\n        globals()["HEALTHY"] = REFERENCE\n'

    result = own(body, conftest=RERUN)

    assert result.ret == code


def test_a_model_that_recovers_at_the_second_try_is_not_green(own):
    body = (
        "    global tried\n"
        "    if 'tried' not in globals():\n"
        "        tried = True\n"
        "        raise RuntimeError('the model is not ready')\n" + HEALTHY
    )
    result = own(body, conftest=RERUN)

    result.assert_outcomes(passed=2)
    assert result.ret == 1


def test_in_a_module_without_a_ledger_inconclusive_is_an_ordinary_failure(pytester, session, last):
    text = OWN_GATE.format(body=FINE)
    pytester.makepyfile(test_own=text.replace("COLLAPSE_CHECKS", "UNRELATED"))
    result = session()

    assert result.ret == 1
    assert "2 checks, 1 pass, 0 fail, 1 inconclusive, 0 not run" in last(result)


def test_a_failure_is_the_verdict_in_one_sentence(judge):
    result = judge("half.npy")
    printed = "\n".join(result.outlines)

    assert "def test_variance" not in printed
    assert "Traceback" not in printed
    assert "judging.py" not in printed
    result.stdout.re_match_lines([r"FAILED .*::test_variance - .*variance.*"])


def test_an_inconclusive_message_begins_with_that_word(own, pytester):
    result = own(FINE, "--junitxml=junit.xml")
    (failure,) = ElementTree.parse(pytester.path / "junit.xml").getroot().iter("failure")

    assert failure.get("message").startswith("INCONCLUSIVE")
    result.stdout.re_match_lines([r"FAILED test_own.py::test_other - INCONCLUSIVE.*"])


def test_collecting_only_judges_nothing(own):
    result = own(LOSS, "--collect-only", "--collapse-report=r.json")

    assert result.ret == 0
    assert not any("collapse:" in line for line in result.outlines)
