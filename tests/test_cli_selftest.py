"""collapse-bench selftest: false alarms of a gate on a reference judged against itself."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from collapse_bench import gates
from collapse_bench.cli import main
from collapse_bench.cli.selftest import limits

CHECKS = ("--check", "tail_mass")  # the fast one
VERDICT = gates.check_tail_mass(np.arange(50.0), np.arange(50.0))


@pytest.fixture
def reference(tmp_path):
    """Return a file of 1,001 rows, all different: row k holds k."""
    np.save(tmp_path / "real.npy", np.arange(1001.0)[:, None])
    return str(tmp_path / "real.npy")


@pytest.fixture
def result(capsys):
    """Run a selftest and return its exit code and what its JSON says."""

    def run(*arguments):
        code = main(["selftest", *map(str, arguments), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def judged(monkeypatch):
    """Put a gate that takes outcomes from a list in the place of ours; return what it was given."""

    def put(outcomes):
        seen, left = [], list(outcomes)

        class Fake:
            def __init__(self, reference, checks, **settings):
                self.reference, self.checks, self.settings = reference, checks, settings

            def judge(self, samples):
                outcome = left.pop(0)
                if isinstance(outcome, BaseException):
                    raise outcome
                seen.append((samples, self.reference, self.checks, self.settings))
                verdict = replace(VERDICT, outcome=outcome)
                return gates.GateResult((verdict,) * len(self.checks), outcome, ())

        monkeypatch.setattr(gates, "Gate", Fake)
        return seen

    return put


@given(st.integers(1, 2000), st.data())
def test_limits_are_clopper_and_pearson_s(runs, draw):
    count = draw.draw(st.integers(0, runs))
    # an interval of 98 % leaves 1 % at each end
    exact = binomtest(count, runs).proportion_ci(confidence_level=0.98, method="exact")

    low, high = limits(count, runs)

    if 0 < count < runs:
        assert (low, high) == pytest.approx((exact.low, exact.high), rel=1e-9)
    assert 0 <= low <= count / runs <= high <= 1


def test_limits_of_none_are_a_hand_value():
    low, high = limits(0, 459)

    assert low == 0
    assert high == pytest.approx(1 - 0.01 ** (1 / 459), rel=1e-9)  # (1 - p)^459 = 0.01
    assert high <= 0.01 < limits(0, 458)[1]
    assert limits(459, 459)[0] == pytest.approx(0.01 ** (1 / 459), rel=1e-9)


def test_the_default_runs_are_those_that_show_alpha(reference, judged, result):
    judged(["pass"] * 459)

    code, found = result("--reference", reference, *CHECKS)

    assert (code, found["runs"], found["counts"]["gate"]["fail"]) == (0, 459, 0)
    judged(["inconclusive"] * 458)  # no fail, but too few
    assert result("--reference", reference, *CHECKS, "--runs", 458)[0] == 6


def test_more_false_alarms_than_promised_are_told(reference, judged, capsys):
    judged(["fail"] * 6 + ["pass"] * 94)

    assert main(["selftest", "--reference", reference, *CHECKS, "--runs", "100"]) == 1

    out = capsys.readouterr().out
    assert "false alarms: 6 of 100, a rate of 1.8" in out
    assert "MORE FALSE ALARMS THAN PROMISED" in out
    judged(["fail"] * 4 + ["pass"] * 96)
    assert main(["selftest", "--reference", reference, *CHECKS, "--runs", "100"]) == 6
    assert "can't tell: 459 runs" in capsys.readouterr().out


def test_an_interrupt_keeps_the_counts_and_is_never_green(reference, judged, capsys):
    judged(["pass"] * 500 + [KeyboardInterrupt()])

    assert main(["selftest", "--reference", reference, *CHECKS, "--runs", "900"]) == 6

    out = capsys.readouterr().out
    assert "0 of 500" in out
    assert "interrupted after 500 of 900 runs" in out
    judged([KeyboardInterrupt()])
    assert main(["selftest", "--reference", reference, *CHECKS]) == 4
    assert capsys.readouterr().err == "collapse-bench: interrupted\n"


def test_groups_are_different_rows_dealt_anew_each_time(reference, judged, result):
    seen = judged(["pass"] * 3)

    result("--reference", reference, *CHECKS, "--runs", 3, "--size", 400)

    groups = [set(g.values[:, 0].tolist()) for pair in seen for g in pair[:2]]
    assert all(len(group) == 400 for group in groups)
    assert all(not a & b for a, b in zip(groups[::2], groups[1::2], strict=True))
    assert len({frozenset(group) for group in groups}) == 6
    assert len({pair[3]["seed"] for pair in seen}) == 3
    assert all((pair[3]["alpha"], pair[3]["beta"]) == (0.01, 0.01) for pair in seen)


def test_groups_are_halves_at_most(reference, judged, result):
    seen = judged(["pass"])

    result("--reference", reference, *CHECKS, "--runs", 1)

    assert [len(group) for group in seen[0][:2]] == [500, 500]


def test_relabellings_can_reach_every_level(reference, judged, result):
    seen = judged(["pass"] * 2)

    result("--reference", reference, "--runs", 1, "--alpha", "0.001")
    result("--reference", reference, "--runs", 1)

    assert {check.setting.permutations for check in seen[0][2]} == {3001}
    assert {check.setting.permutations for check in seen[1][2]} == {999}


def test_a_selftest_is_the_same_for_the_same_seed(reference, result):
    options = ("--reference", reference, *CHECKS, "--runs", 5, "--alpha", "0.4")

    assert result(*options, "--seed", 3) == result(*options, "--seed", 3)


def test_a_healthy_gate_is_not_called_broken(tmp_path, result):
    # A reference with ties and a heavy tail. tolerate 0 leaves the tests no slack: at alpha = 0.4
    # over two checks a run fails with probability 0.4 at most, and is called broken from 34 of 60
    # on: once in 130 seeds, were it 0.4.
    values = np.round(np.random.default_rng(5).standard_t(3, size=1_000), 1)
    np.save(tmp_path / "x.npy", values)
    options = ("--check", "tail_mass", "--check", "variance", "--alpha", "0.4", "--beta", "0.4")
    effects = ("--tolerate", "tail_mass=0", "--tolerate", "variance=0")

    code, found = result(
        "--reference", tmp_path / "x.npy", *options, *effects, "--runs", 60, "--size", 200
    )

    assert code in (0, 6)
    assert 0 < found["counts"]["gate"]["fail"] <= 33  # it does count fails
    assert sum(found["counts"]["variance"].values()) == 60


def test_a_short_reference_is_refused(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.arange(39.0))

    assert main(["selftest", "--reference", str(tmp_path / "x.npy")]) == 4
    assert "reference must have 40 rows or more" in capsys.readouterr().err


def test_the_time_is_said_before_the_rest(reference, capsys):
    main(["selftest", "--reference", reference, *CHECKS, "--runs", "2"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 runs: 500 random rows of ")
    assert "999 relabellings" in lines[0]
    assert lines[1].startswith("one took ")
    assert "all take about" in lines[1]
    assert lines[2].split() == ["fail", "pass", "inconclusive"]
