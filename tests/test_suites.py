"""Suites have teeth: what ships passes, and fails when the thing it tests is broken."""

from operator import itemgetter
from pathlib import Path
from runpy import run_path

import pytest

# Loaded before a session starts in this process: pytester unloads what the session imports, and
# extension modules can't be loaded twice.
import torch  # noqa: F401

from collapse_bench import data, theory  # noqa: F401
from collapse_bench.harness import judging  # noqa: F401

SOURCE = str(Path(__file__).with_name("mutations.py"))
MUTATIONS, table = itemgetter("MUTATIONS", "table")(run_path(SOURCE))  # tests/ is no package

# An installed plugin is imported before pytest could rewrite its assertions, of which it has none.
PLUGINS = (
    *("-Werror", "-Wignore::pytest.PytestAssertRewriteWarning"),
    *("--tb=short", "-pno:hypothesispytest", "-pcollapse_bench.plugin"),
)

# The conftest of the inner run. It replaces the process under test, and lends the device cases
# the CPU, where they run at the sizes of the profile.
CONFTEST = f"""
from runpy import run_path

import pytest

MUTATIONS = run_path({SOURCE!r})["MUTATIONS"]


@pytest.fixture
def collapse_recurse(collapse_recurse):
    mutate = MUTATIONS.get(%r, lambda recurse: recurse)
    return mutate(collapse_recurse)


@pytest.fixture
def collapse_device():
    return "cpu"
"""


class Outcomes:
    """A pytest plugin: the outcome of each case of a run, skipped ones left out.

    A case that stops for another reason than its assertions has the outcome "error".
    """

    def __init__(self):
        self.of_case = {}

    def pytest_runtest_logreport(self, report):
        if report.passed and report.when == "call":
            self.of_case[report.nodeid] = "passed"
        elif report.failed:
            said = report.longrepr.reprcrash.message if report.when == "call" else ""
            asserted = said.startswith(("AssertionError", "assert "))
            self.of_case[report.nodeid] = "failed" if asserted else "error"


@pytest.fixture
def paper(pytester):
    """Run the paper suites at profile smoke with a mutation, by name; the name "none" is none."""

    def run(mutation):
        pytester.makeconftest(CONFTEST % mutation)
        outcomes = Outcomes()
        suite = ("--pyargs", "collapse_bench.suites.paper", "--collapse-profile=smoke")
        suite += ("-k", "not test_invariants")  # broken one by one in tests/test_invariants.py
        pytester.inline_run(*PLUGINS, f"--rootdir={pytester.path}", *suite, plugins=[outcomes])
        return outcomes.of_case

    return run


def test_every_paper_claim_has_teeth(paper, capsys):
    shipped = paper("none")
    outcomes = {name: paper(name) for name in MUTATIONS}
    with capsys.disabled():
        print("\n" + table(outcomes))

    assert len(shipped) > 50
    assert set(shipped.values()) == {"passed"}
    assert all(set(results) == set(shipped) for results in outcomes.values())
    ends = {(case, end) for results in outcomes.values() for case, end in results.items()}
    assert not [case for case, end in ends if end == "error"]
    immortal = set(shipped) - {case for case, end in ends if end == "failed"}
    assert not immortal, "nothing kills these cases: delete or sharpen them"
