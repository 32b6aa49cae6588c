"""Tests of a ledger are carried out once: reruns are refused, whatever plugin offers them."""

import pytest

from tests.plugin.test_exit_codes import HEALTHY, OWN_GATE

WHY = (
    "each rerun gives a collapsed model another chance, so the promised rate of false passes "
    "doesn't hold; draw more samples instead"
)
OFFERS = """
def pytest_addoption(parser):
    parser.addoption("--reruns", action="store", type=int)
    parser.addini("reruns", "as pytest-rerunfailures has it")
    parser.addoption("--force-flaky", action="store_true", dest="force_flaky", default=False)

def pytest_configure(config):
    config.addinivalue_line("markers", "flaky: run again")
"""
MARKED = OWN_GATE.format(body=HEALTHY).replace(
    "def test_other", "import pytest\n@pytest.mark.flaky(reruns=2)\ndef test_other"
)


def refused(result):
    assert result.ret == 4
    assert not result.parseoutcomes().keys() & {"passed", "failed"}
    (sentence,) = [line for line in result.errlines if line.startswith("ERROR: ")]
    return sentence.removeprefix("ERROR: ")


def test_a_marked_test_of_a_ledger_is_refused(pytester, session):
    pytester.makepyfile(test_own=MARKED)

    assert refused(session("-W", "ignore")) == (
        f"test_own.py::test_other must not carry the marker 'flaky': {WHY}"
    )
    assert session("-W", "ignore", "-k", "healthy").ret == 6  # what isn't selected isn't run again


@pytest.mark.parametrize(
    ("option", "ini", "sentence"),
    [
        ("--reruns=2", "", "--reruns must be 0 where a gate judges; got 2"),
        ("-q", "reruns = 3", "reruns (ini) must be 0 where a gate judges; got '3'"),
        ("--force-flaky", "", "--force-flaky must not be given where a gate judges"),
    ],
)
def test_so_are_options_that_run_every_test_again(pytester, session, option, ini, sentence):
    pytester.makeini(f"[pytest]\n{ini}\n")
    pytester.makepyfile(test_own=OWN_GATE.format(body=HEALTHY), conftest=OFFERS)

    assert refused(session(option)) == f"{sentence}: {WHY}"


def test_0_reruns_and_sessions_without_a_gate_are_left_alone(pytester, session):
    pytester.makeini("[pytest]\nreruns = 3\n")
    pytester.makepyfile(test_own=OWN_GATE.format(body=HEALTHY), conftest=OFFERS)
    assert session("--reruns=0").ret == 0

    pytester.makepyfile(
        test_own="import pytest\n@pytest.mark.flaky\ndef test_it(collapse_seed): pass"
    )
    assert session().ret == 0


def test_a_worker_s_session_is_refused_too(pytester, process):
    pytest.importorskip("xdist")
    pytester.makepyfile(test_own=MARKED)
    result = process("-n", "1", "-W", "ignore")

    assert result.ret == 4
    assert WHY in str(result.stdout) + str(result.stderr)
