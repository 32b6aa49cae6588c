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

    def __init__(self, cases=None):
        self.of_case = {}
        self.cases = cases  # those to run; None: all

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if self.cases is None or item.nodeid in self.cases]

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

    def run(mutation, cases=None):
        pytester.makeconftest(CONFTEST % mutation)
        outcomes = Outcomes(cases)
        suite = ("--pyargs", "collapse_bench.suites.paper", "--collapse-profile=smoke")
        suite += ("-k", "not test_invariants")  # broken one by one in tests/test_invariants.py
        pytester.inline_run(*PLUGINS, f"--rootdir={pytester.path}", *suite, plugins=[outcomes])
        return outcomes.of_case

    return run


def test_every_paper_claim_has_teeth(paper):
    living = paper("none")
    assert len(living) > 70
    assert set(living.values()) == {"passed"}

    alive = set(living)
    for name in MUTATIONS:
        outcomes = paper(name, alive)
        assert "error" not in outcomes.values(), (name, outcomes)
        alive = {case for case, outcome in outcomes.items() if outcome == "passed"}
        if not alive:
            break
    assert not alive, "nothing kills these cases: delete or sharpen them"


@pytest.mark.slow  # three minutes
def test_the_table_of_claims_and_mutations(paper, capsys):
    outcomes = {name: paper(name) for name in MUTATIONS}
    with capsys.disabled():
        print("\n" + table(outcomes))

    for name, results in outcomes.items():
        assert set(results.values()) <= {"passed", "failed"}
        assert "failed" in results.values(), f"{name} kills no claim"
