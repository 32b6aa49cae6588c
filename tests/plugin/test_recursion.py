"""The gate over generations: who is fitted anew, who is left out, and who fails."""

import json

import numpy as np
import pytest

RECURSION = ("--pyargs", "collapse_bench.suites.gate.test_recursion")
BOTH = ("--pyargs", "collapse_bench.suites.gate", "-k", "not digits")
REPORT = "--collapse-report=r.json"
REFERENCE = "--collapse-reference=reference.npy"

LEARNERS = """
from collapse_bench.models import Gaussian


class Shrinking:
    # keeps nine tenths of the scale each time it is fitted
    FACTOR = 0.9

    def __init__(self, center=0.0, scale=1.0):
        self.center, self.scale = center, scale

    def fit(self, samples, *, rng):
        scale = self.FACTOR * samples.std(ddof=1)
        return type(self)(float(samples.mean()), float(scale))

    def sample(self, size, *, rng):
        return rng.normal(self.center, self.scale, (size, 1))


class Sound(Shrinking):
    FACTOR = 1.0


class Sampler:
    def sample(self, size, *, rng):
        return rng.normal(size=(size, 1))


SAMPLER = Sampler()
FITTED = Sound()
"""


@pytest.fixture
def learners(pytester, rows):
    pytester.makepyfile(learners=LEARNERS)


def test_without_options_a_gaussian_passes_and_its_profile_is_recorded(session, report, last):
    result = session(*RECURSION, "--collapse-profile=smoke", REPORT)
    (check,), (curve,) = report()["checks"], report()["trajectories"]

    assert result.ret == 0
    assert last(result).startswith("collapse: 1 check, 1 pass")
    assert check["id"] == "gate/test_recursion::test_drift"
    assert (check["outcome"], check["alpha"]) == ("pass", 0.01)
    assert "5 generations of 200 samples" in check["reason"]
    assert check["size"] == curve["replicates"] >= 4
    assert curve["profile"]["stage"] in ("none", "inconclusive")
    assert curve["profile"]["text"].startswith("stage ")


def test_a_learner_that_shrinks_fails_and_a_sound_one_passes(session, learners, report):
    # A sound learner passes and a shrinking one fails with a chance of 0.99 at least.
    models = [f"--collapse-model=learners:{name}" for name in ("Sound", "Shrinking", "FITTED")]
    result = session(*RECURSION, *models, REFERENCE, "--collapse-profile=smoke", REPORT)
    found = {check["model"]: check for check in report()["checks"]}

    assert result.ret == 1
    assert {name: check["outcome"] for name, check in found.items()} == {
        "learners:Sound": "pass",
        "learners:Shrinking": "fail",
        "learners:FITTED": "pass",  # an instance that has fit
    }
    assert found["learners:Shrinking"]["estimate"] == pytest.approx(1 - 0.9**2, abs=0.08)
    assert {gate["model"] for gate in report()["gates"]} == found.keys()


def test_what_can_only_be_drawn_from_keeps_no_ledger(session, learners, report, last):
    coarse = [
        f"--collapse-{side}={name}={value}"
        for name in ("tail_mass", "variance", "wasserstein")
        for side, value in (("tolerate", 0.2), ("detect", 0.9))
    ]
    cap = ("--collapse-max-samples=400", "--collapse-profile=smoke")
    models = [f"--collapse-model=learners:{name}" for name in ("SAMPLER", "FITTED")]
    result = session(*BOTH, *models, REFERENCE, *coarse, *cap, REPORT)
    ledgers = {(gate["id"], gate["model"]) for gate in report()["gates"]}

    assert result.ret == 0, result.outlines
    assert ledgers == {
        ("gate/test_release", "learners:SAMPLER"),
        ("gate/test_release", "learners:FITTED"),
        ("gate/test_recursion", "learners:FITTED"),
    }
    why = "gate/test_recursion fits models anew and leaves out learners:SAMPLER, which has no fit"
    result.stdout.fnmatch_lines([f"collapse: {why}"])
    assert "gate/test_recursion" in last(result).partition("left out: ")[2]
    samples = session(*BOTH, "--collapse-samples=healthy.npy", REFERENCE, *coarse)
    assert samples.ret == 0
    samples.stdout.fnmatch_lines(["collapse: *leaves out healthy.npy, samples without a model*"])


def test_that_nothing_is_left_is_an_error(session, learners):
    result = session(*RECURSION, "--collapse-model=learners:SAMPLER", REFERENCE)

    assert result.ret == 4
    assert result.errlines[0] == (
        "ERROR: no gate fits what is judged: gate/test_recursion fits models anew and leaves out "
        "learners:SAMPLER, which has no fit"
    )


def test_columns_that_do_not_vary_are_left_aside(session, pytester, report):
    rng = np.random.default_rng(3)
    rows = np.c_[rng.standard_normal((600, 2)), np.ones(600)]
    np.save(pytester.path / "wide.npy", rows)
    arguments = ("--collapse-model=gaussian", "--collapse-reference=wide.npy")
    result = session(*RECURSION, *arguments, "--collapse-profile=smoke", REPORT)
    (check,) = report()["checks"]

    assert result.ret == 0
    assert check["statistic"] == "log_whitened_variance"


def test_a_wrong_need_is_told(session, pytester):
    pytester.makepyfile(
        """
        COLLAPSE_CHECKS = ("test_drift",)
        COLLAPSE_NEEDS = "fit"

        def test_drift(collapse_check, collapse_founder):
            pass
        """
    )
    result = session()

    assert result.ret == 4
    assert "must be ('fit',); got 'fit'" in result.errlines[0]


def test_lineages_are_planned_for_the_levels_and_effects_of_the_options(session, pytester):
    pytester.makepyfile(
        """
        import json
        import numpy as np
        from pathlib import Path

        ROWS = np.random.default_rng(0).standard_normal(500)

        def test_plan(collapse_lineages):
            counts = [
                collapse_lineages(ROWS, size=100, generations=5, most=most) for most in (10**6, 5)
            ]
            Path("counts.json").write_text(json.dumps(counts))
        """
    )
    found = []
    for options in ((), ("--collapse-alpha=0.0001",), ("--collapse-detect=drift=0.1",)):
        assert session(*options).ret == 0
        found.append(json.loads((pytester.path / "counts.json").read_text()))

    usual, strict, close = (most for most, _ in found)
    assert {capped for _, capped in found} == {5}
    assert usual < strict < 10**6
    assert usual < close < 10**6


def test_what_a_fixture_makes_is_judged_as_given(session, pytester, learners):
    pytester.makeconftest(
        """
        import pytest
        from learners import FITTED

        @pytest.fixture(params=[1, 2])
        def collapse_founder(request):
            return FITTED
        """
    )
    result = session(*RECURSION)

    assert result.ret == 4
    assert "leaves out collapse_founder of conftest" in result.errlines[0]
    assert "which is judged as given" in result.errlines[0]
