"""Each pathwise invariant of the paper suites has teeth: broken code of ours breaks it."""

from pathlib import Path

import pytest

# Loaded before a session starts in this process: pytester unloads what the session imports, and
# extension modules can't be loaded twice.
import torch  # noqa: F401

from collapse_bench import data, strategies, theory  # noqa: F401
from collapse_bench.harness import judging  # noqa: F401

SUITE = "collapse_bench.suites.paper.test_invariants"
SOURCE = str(Path(__file__).with_name("mutations.py"))

# How to break what an invariant is about: the body of a fixture that every test uses.
BREAKS = {
    "test_support_is_nested": "replace_process('leak of real data')",
    "test_accumulating_keeps_the_support_of_the_pool": "replace_process('replace for the rest')",
    "test_nothing_appears_that_the_founder_lacks": """
    true = Categorical.fit_statistics
    def smoothed(self, statistics):
        return true(self, type(statistics)(statistics.counts + 1))
    monkeypatch.setattr(Categorical, "fit_statistics", smoothed)
""",
    "test_real_data_put_a_floor_under_every_tail": """
    true = Mixture.weights
    monkeypatch.setattr(Mixture, "weights", lambda self, t: true(self, t)[::-1])
""",
    "test_temperatures_compose": """
    true = tails.tempered
    monkeypatch.setattr(tails, "tempered", lambda p, t, steps=1: true(p, t + 0.5, steps))
""",
    "test_top_p_stops_below_its_bound": """
    monkeypatch.setattr(tails, "top_p_fixed_point", lambda p, mass: p)
""",
    "test_top_k_is_idempotent": """
    true = tails.top_k
    monkeypatch.setattr(tails, "top_k", lambda p, count: true(p, count + 1))
""",
    "test_curation_never_lowers_the_mean_score": """
    true = Curate.compose
    def worst(self, *arguments):
        return true(Curate(lambda rows: -self.score(rows), self.keep), *arguments)
    monkeypatch.setattr(Curate, "compose", worst)
""",
    "test_wasserstein_identities": """
    true = metrics.wasserstein_1d
    def power(x, y, order=1):
        return true(x, y, order=order) ** order
    monkeypatch.setattr(metrics, "wasserstein_1d", power)
""",
    "test_two_moments_bound_the_distance_from_below": """
    true = metrics.bures
    monkeypatch.setattr(metrics, "bures", lambda *moments: 1.5 * true(*moments))
""",
    "test_fresh_real_data_contract_the_distance": """
    true = metrics.wasserstein_1d
    monkeypatch.setattr(metrics, "wasserstein_1d", lambda x, y, order=1: true(x, y) ** 0.5)
""",
    "test_every_recursion_gives_numbers": """
    def spoilt(recurse):
        def broken(*arguments, **settings):
            trajectory = recurse(*arguments, **settings)
            for values in trajectory.values.values():
                values[:, -1] = float("nan")
            return trajectory
        return broken
    replace_process(spoilt)
""",
}
CONFTEST = """
from runpy import run_path

import pytest

from collapse_bench import metrics
from collapse_bench.models import Categorical
from collapse_bench.regimes import Curate, Mixture
from collapse_bench.theory import tails

MUTATIONS = run_path({source!r})["MUTATIONS"]
CHANGES = []


def replace_process(change):
    CHANGES.append(MUTATIONS.get(change, change))


@pytest.fixture
def collapse_recurse(collapse_recurse):
    for change in CHANGES:
        collapse_recurse = change(collapse_recurse)
    return collapse_recurse


@pytest.fixture(autouse=True)
def break_it(monkeypatch, collapse_profile):
    CHANGES.clear()
    {body}
"""
COMMON = ("-Werror", "-Wignore::pytest.PytestAssertRewriteWarning", "-pno:hypothesispytest")


@pytest.fixture
def invariants(pytester):
    """Run the invariants at profile smoke, with ``code`` run before each."""

    def run(code, *arguments):
        pytester.makeconftest(CONFTEST.format(source=SOURCE, body=code or "pass"))
        return pytester.runpytest_inprocess(
            *COMMON,
            "-pcollapse_bench.plugin",
            f"--rootdir={pytester.path}",
            *("--pyargs", SUITE, "--collapse-profile=smoke", *arguments),
        )

    return run


def test_every_invariant_holds_and_is_broken_here(invariants):
    held = invariants("", "-v").parseoutcomes()

    assert held == {"passed": len(BREAKS)}


@pytest.mark.parametrize("name", BREAKS)
def test_an_invariant_notices_broken_code(invariants, name):
    result = invariants(BREAKS[name], "-k", name)

    result.assert_outcomes(failed=1, deselected=len(BREAKS) - 1)
    assert "AssertionError" in result.stdout.str()
