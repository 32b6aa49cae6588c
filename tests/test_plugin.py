"""What the plugin does to sessions that have nothing to do with it: nothing."""

import os
import sys
from pathlib import Path

import pytest

HEAVY = {"numpy", "scipy", "torch", "sklearn", "transformers", "datasets", "ot", "pandas", "rich"}
ROOT = Path(__file__).parents[1]


@pytest.fixture
def stranger(pytester, process_here):
    """Run a session of somebody else's tests in a process of its own."""

    def run(text, *arguments):
        pytester.makepyfile(test_theirs=text)
        return process_here(*arguments)

    return run


@pytest.fixture
def process_here(pytester, monkeypatch):
    helpers = ROOT / "tests" / "plugin"
    path = [str(ROOT), str(helpers), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    command = [sys.executable, "-m", "pytest", "-p", "checkout", "-p", "collapse_bench.plugin"]
    return lambda *arguments: pytester.run(*command, "-p", "no:cacheprovider", *arguments)


def test_a_session_without_our_tests_loads_nothing_and_says_nothing(stranger):
    result = stranger(
        f"""
        import sys

        def test_it():
            assert not {HEAVY!r} & set(sys.modules)
        """,
        "-p",
        "no:hypothesispytest",
        "-W",
        "error",
        "--strict-config",
        "--strict-markers",
    )

    result.assert_outcomes(passed=1)
    assert result.ret == 0
    assert "collapse:" not in str(result.stdout)


def test_options_and_ini_keys_of_no_concern_to_a_session_change_nothing(pytester, stranger):
    pytester.makeini(
        """
        [pytest]
        collapse_seed = 7
        collapse_reference = two-gaussians
        collapse_model =
            gaussian
        """
    )
    result = stranger("def test_it(): pass")

    assert result.ret == 0
    assert "collapse:" not in str(result.stdout)


def test_collecting_loads_no_model_and_no_library(pytester, process_here):
    pytester.makeconftest(
        f"""
        import sys

        def pytest_sessionfinish():
            loaded = {HEAVY - {"numpy", "scipy"}!r} & set(sys.modules)
            print("loaded:", sorted(loaded))
        """
    )
    result = process_here(
        "--pyargs", "collapse_bench.suites.gate", "--collect-only", "-q", "-s",
        "--collapse-model=nowhere:Model", "--collapse-reference=two-gaussians",
        "-p", "no:hypothesispytest",
    )  # fmt: skip

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*::test_tail_mass?nowhere:Model?", "*loaded: ?]"])


def test_it_can_be_switched_off(pytester):
    result = pytester.runpytest_inprocess("-p", "no:collapse_bench.plugin", "--collapse-seed=1")

    assert result.ret == 4


def test_unknown_options_are_unknown(stranger):
    for option in ("--collapse-shard=1/2", "--collapse-see=1"):
        result = stranger("def test_it(): pass", option)
        assert result.ret == 4
        result.stderr.fnmatch_lines([f"*unrecognized arguments: {option}*"])


def test_markers_are_registered(pytester):
    result = pytester.runpytest_inprocess("-p", "collapse_bench.plugin", "--markers")

    result.stdout.fnmatch_lines(["@pytest.mark.gpu: *", "@pytest.mark.slow: *"])
    result.stdout.fnmatch_lines(["@pytest.mark.paper: *"])
