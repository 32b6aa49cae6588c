"""``--collapse-plan``: what the gates would need; nothing is judged."""

import itertools
import re

import numpy as np
import pytest

from collapse_bench import gates
from collapse_bench.data import load_reference
from collapse_bench.harness import planning
from tests.plugin.conftest import COARSE, GATE

MODEL = """
import time

class Slow:
    def __init__(self, pause=0.0):
        self.pause = pause
    def fit(self, samples, *, rng):
        time.sleep(self.pause)
        return self
    def sample(self, size, *, rng):
        time.sleep(self.pause * size / 256)
        return rng.normal(size=(size, 1))

instance = Slow(0.1)

class Broken(Slow):
    def sample(self, size, *, rng):
        raise OSError("no weights")
"""


@pytest.fixture
def planned(session, pytester, rows):
    """Plan for the shipped gate; return the lines of the plan's section."""

    def run(*arguments, code=0, last="collapse: a plan only, no test was run"):
        pytester.makepyfile(slow=MODEL)
        result = session(*arguments, "--collapse-plan")
        assert result.ret == code
        if code == 4:
            return result.errlines
        outcomes = result.parseoutcomes().keys()
        assert not outcomes & {"passed", "failed", "errors", "reported"}
        lines = [line for line in result.outlines if line.strip()]
        assert lines[-1] == last
        start = next(i for i, line in enumerate(lines) if "collapse plan" in line) + 1
        section = itertools.takewhile(lambda line: not line.startswith("="), lines[start:])
        return list(section)

    return run


def test_the_default_gate_is_planned_as_the_command_plans_it(planned, pytester):
    (pytester.path / "r.json").write_text("of an earlier run")
    lines = planned(*GATE, "--collapse-report=r.json")

    assert lines[0] == "gate/test_release: two-gaussians: 3 checks"
    expected = gates.plan(load_reference("two-gaussians"), power=0.999)
    assert lines[1:4] == [
        f"  {name}: {one.size_to_pass:,} samples to pass a model without loss, "
        f"{one.size_to_fail:,} to fail one at detect"
        for name, one in expected.per_check.items()
    ]
    assert lines[4] == f"  {expected.size:,} draws against 100,000 rows"
    assert re.fullmatch(r"  drawing took \S+ s for 256 samples: about \S+ s for 17,465", lines[5])
    assert (pytester.path / "r.json").read_text() == "of an earlier run"


def test_seconds_grow_with_the_draws_and_a_model_that_is_made_is_fitted_to_few(planned):
    reference = ("--collapse-reference=two-gaussians", *COARSE)
    lines = planned(*GATE, "--collapse-model=slow:instance", *reference)
    drawn, size = re.search(r"about (\S+) s for ([\d,]+)", lines[-1]).groups()
    # sleep never ends early; figures are rounded to two digits
    assert float(drawn) >= 0.95 * 0.1 * int(size.replace(",", "")) / 256

    lines = planned(
        *GATE, "--collapse-model=slow:Slow", "--collapse-model-arg=pause=0.1", *reference
    )
    fitted = next(line for line in lines if "fitting" in line)
    seconds = float(re.search(r"about (\S+) s for 50,000 if", fitted).group(1))
    assert seconds >= 0.95 * 0.1 * 50_000 / 256


def test_the_most_of_a_sequential_gate_and_of_a_cap(planned):
    lines = planned(*GATE, "--collapse-mode=sequential")
    assert any(re.fullmatch(r"  [\d,]+ draws at most, fewer where .*", line) for line in lines)

    lines = planned(*GATE, "--collapse-max-samples=500", code=6)
    assert any("  500 draws against 100,000 rows, as --collapse-max-samples" in x for x in lines)


def test_samples_that_are_given_are_counted(planned, pytester):
    given = ("--collapse-samples=healthy.npy", "--collapse-reference=reference.npy")
    lines = planned(*GATE, *given, code=6)

    assert "  tail_mass: the reference is the limit: it takes 22,070 rows" in lines[1]
    assert lines[-2] == (
        "  no number of samples is sure to decide them all: what they are judged against must have "
        "22,070 rows"
    )
    assert lines[-1] == (
        "  400 samples are given: too few to be sure of a decision; nothing is drawn"
    )
    size = gates.plan(load_reference("two-gaussians")).size
    for count, verdict in ((size, "enough"), (size - 1, "too few to be sure of a decision")):
        np.save(pytester.path / "many.npy", np.random.default_rng(0).normal(size=count))
        given = ("--collapse-samples=many.npy", "--collapse-reference=two-gaussians")
        told = f"  {count:,} samples are given: {verdict}; nothing is drawn"
        assert planned(*GATE, *given, code=0 if verdict == "enough" else 6)[-1] == told


def test_a_share_of_alpha_is_the_ledger_s(planned, pytester):
    names = [f"test_{number}" for number in range(6)]
    tests = "".join(f"def {name}(collapse_check, collapse_generate): 0\n" for name in names)
    pytester.makepyfile(test_own=f"COLLAPSE_CHECKS = {tuple(names)}\n{tests}")
    lines = planned("test_own.py", "-k", "test_0")

    expected = gates.plan(load_reference("two-gaussians"), alpha=0.01 * 3 / 6, power=0.999)
    assert lines[0] == "test_own: two-gaussians: 6 checks"
    assert lines[4] == f"  {expected.size:,} draws against 100,000 rows"


def test_other_ledgers_are_named_and_not_planned_for(planned, pytester):
    pytester.makepyfile(
        test_own="""
        COLLAPSE_CHECKS = ("test_variance",)
        def test_variance(collapse_check): raise AssertionError("was run")
        """
    )
    assert planned("test_own.py") == [
        "test_own: the tests' own samples: 1 check of samples or lineages that its tests make: "
        "not planned for"
    ]
    pytester.makepyfile(test_own="def test_it(): raise AssertionError('was run')")
    assert planned("test_own.py") == ["no gate is selected: nothing is needed"]


def test_a_model_of_a_conftest_is_left_alone(planned, pytester):
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def collapse_founder():
            raise AssertionError("was run")
        """
    )
    (line,) = planned(*GATE)

    assert line.endswith("3 checks; collapse_founder of your own: fixtures run with tests only")


def test_bad_options_and_models_keep_their_codes(planned, session):
    assert planned("--collapse-alpha=2", code=4) == [
        "ERROR: --collapse-alpha must be a number in (0, 1); got '2'",
        "",
    ]
    result = session(*GATE, "--collapse-model=nowhere:M", "--collapse-plan")
    assert result.ret == 4
    assert "a plan only" not in str(result.stdout)
    missing = planned(*GATE, "--collapse-model=nowhere:M", "--collapse-reference=digits", code=4)
    assert "nowhere" in missing[0]
    lines = planned(
        *GATE, "--collapse-model=slow:Broken", "--collapse-reference=two-gaussians", code=1
    )
    assert lines[-1].startswith("ERROR: Broken.sample(64, rng=rng) must return; it raised OSError")


def test_time_on_a_gpu_is_told_in_minutes(planned, monkeypatch):
    monkeypatch.setattr(planning, "resolve", lambda device: "cuda:0")
    lines = planned(*GATE)

    assert re.search(r"about \S+ s for 17,465, \S+ GPU minutes$", lines[-1])


def test_nothing_is_distributed_and_conformance_is_counted(planned, pytester):
    pytest.importorskip("xdist")
    lines = planned(
        "--pyargs", "collapse_bench.suites.conformance", "-k", "shape", "-n", "2",
        "--collapse-model=gaussian",
    )  # fmt: skip

    assert re.fullmatch(
        r"conformance/test_model: gaussian: \d+ checks of conformance, .*", lines[0]
    )
