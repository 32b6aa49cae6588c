"""The command collapse-bench: what it prints, what it refuses, and how it exits."""

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import collapse_bench
from collapse_bench import adapters, data, gates, metrics, regimes
from collapse_bench.cli import main
from collapse_bench.errors import InvalidSpec
from collapse_bench.harness.options import OPTIONS
from collapse_bench.reports.json import document, environment, write

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS = ("plan", "list", "compare", "report", "selftest")


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def reference(tmp_path):
    """Return a file of 3,000 normal rows."""
    path = tmp_path / "real.csv"
    values = np.random.default_rng(1).normal(size=3_000)
    path.write_text("x\n" + "\n".join(map(str, values.tolist())) + "\n")
    return path


def digest(text):
    return sha256(text.encode()).hexdigest()


def report_at(path, *, low, high, check="variance", **more):
    """Write the report of a session with one gate of one check."""
    key = f"gate/test_release::test_{check}"
    fields = {
        "id": key,
        "nodeid": f"suites/{key}",
        "gate": "gate/test_release",
        "model": "m:M",
        "seconds": 0.1,
        "outcome": "pass",
        "metric": check,
        "statistic": check,
        "quantity": check,
        "estimate": (low + high) / 2,
        "low": low,
        "high": high,
        "tolerate": 0.05,
        "detect": 0.2,
        "alpha": 0.001,
        "beta": 0.001,
        "pvalue_fail": 0.5,
        "pvalue_pass": 0.5,
        "size": 10,
        "reference_size": 10,
        "size_needed": None,
        "reason": None,
        "notes": [],
        "growth": None,
    }
    counts = {"pass": 1, "fail": 0, "inconclusive": 0, "not_run": 0, "outcome": "pass"}
    gate = {"id": "gate/test_release", "model": "m:M", "reference": "r", "declared": [key]}
    gate |= {"alpha": 0.01, "beta": 0.01, "summary": counts, "how": "as given", "columns": None}
    gate |= {"drawn": True, "size": 10, "reference_size": 10}
    gate |= {"samples_sha256": digest(path.name), "reference_sha256": digest("r"), **more}
    whole = document(
        seed=0,
        environment=environment("cpu"),
        summary=counts,
        gates=[gate],
        checks=[fields],
        trajectories=[],
    )
    write(whole, path)
    return path


# the command itself


def test_help_has_examples_and_exit_codes(said):
    assert run("--help") == 0
    out, _ = said()
    assert any("exit codes" in line for line in out)
    for command in COMMANDS:
        assert run(command, "--help") == 0
        out, _ = said()
        assert any(line.startswith(f"  collapse-bench {command} ") for line in out), command


def test_the_version_is_the_package_s(said):
    assert run("--version") == 0
    assert said()[0] == [f"collapse-bench {collapse_bench.__version__}"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "required: COMMAND"),
        (("nothing",), "invalid choice: 'nothing'"),
        (("plan",), "required: --reference"),
        (("plan", "--ref", "zipf"), "--reference"),  # no abbreviations: they change their meaning
        (("plan", "--reference", "zipf", "--alpha", "0"), "must be a number in [1e-05, 0.5)"),
        (("plan", "--reference", "zipf", "--alpha", "1"), "must be a number in [1e-05, 0.5)"),
        (("plan", "--reference", "zipf", "--alpha", "nan"), "got 'nan'"),
        (("plan", "--reference", "zipf", "--alpha", "abc"), "got 'abc'"),
        (("plan", "--reference", "zipf", "--alpha", "1e-400"), "got '1e-400'"),
        (("plan", "--reference", "zipf", "--alpha", "-1"), "got '-1'"),
        (("plan", "--reference", "zipf", "--beta", "0.5"), "argument --beta: must be"),
        (("plan", "--reference", "zipf", "--power", "2"), "power must be a number in (0.5, 1)"),
        (("plan", "--reference", "zipf", "--power", "nan"), "power must be"),
        (("plan", "--reference", "zipf", "--reference-size", "0"), "must be an integer in [1,"),
        (("plan", "--reference", "zipf", "--reference-size", "9" * 5000), "must be an integer"),
        (("plan", "--reference", "zipf", "--reference", "zipf"), "--reference must be given once"),
        (("plan", "--reference", "zipf", "--alpha", "0.01", "--alpha", "0.01"), "given once"),
        (("plan", "--reference", "zipff"), "did you mean 'zipf'?"),
        (("plan", "--reference", "no.csv"), "there is no such file"),
        (("plan", "--reference", "zipf", "--check", "tail"), "metric must be one of"),
        (("plan", "--reference", "zipf", "--check", "variance"), "kind must be 'numbers'"),
        (("plan", "--reference", "zipf", *["--check", "support"] * 2), "name a check once"),
        (("plan", "--reference", "zipf", "--tolerate", "support"), "must be NAME=X with X"),
        (("plan", "--reference", "zipf", "--tolerate", "support=nan"), "must be NAME=X with X"),
        (("plan", "--reference", "zipf", "--detect", "support=1.2"), "must be NAME=X with X"),
        (("plan", "--reference", "zipf", "--detect", "variance=.5"), "a check that is asked for"),
        (("plan", "--reference", "zipf", *["--detect", "support=.5"] * 2), "given once for"),
        (("plan", "--reference", "zipf", "--tolerate", "support=0.9"), "must be below detect"),
        (("plan", "--reference", "zipf", "--mass", "nan"), "mass must be a number"),
        (("plan", "--reference", "zipf", "--check", "support", "--mass", ".2"), "--mass must be"),
        (("plan", "--reference", "digits", "--columns", "a,,b"), "different names, separated"),
        (("plan", "--reference", "digits", "--columns", "a"), "columns"),
        (("plan", "--reference", "zipf", "--kind", "text"), "invalid choice: 'text'"),
        (("list", "suite"), "WHAT must be one of suites, models"),
        (("compare", "a.json"), "required: B.json"),
        (("compare", "a.json", "b.json"), "No such file"),
        (("compare", "a.json", "b.json", "--alpha", "0.7"), "must be a number in"),
        (("report", "a.json"), "must have --html OUT or --md OUT"),
        (("selftest", "--reference", "zipf", "--runs", "0"), "must be an integer in [1,"),
        (("selftest", "--reference", "zipf", "--size", "10"), "must be an integer in [20,"),
        (("selftest", "--reference", "zipf", "--size", "50001"), "at most half of"),
        (("selftest", "--reference", "zipf", "--seed", "-1"), "must be an integer in [0,"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(refused, arguments, sentence):
    assert sentence in refused(*arguments)


def test_what_is_told_cannot_steer_a_terminal(refused, monkeypatch):
    assert "\x1b" not in refused("plan", "--reference", "\x1b[31mred.csv")
    assert "\x1b" not in refused("\x1b[31m")

    def load(*arguments, **settings):
        raise InvalidSpec("a file named \x1b[31mred")

    monkeypatch.setattr(data, "load_reference", load)
    assert refused("plan", "--reference", "x") == "collapse-bench: a file named \\x1b[31mred"


def test_it_runs_as_a_program():
    command = [sys.executable, "-m", "collapse_bench.cli"]
    more = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "text": True}
    done = subprocess.run([*command, "compare", "x", "y"], capture_output=True, **more)

    assert done.returncode == 4
    assert done.stderr.startswith("collapse-bench: A.json must be a JSON file; got A.json='x'")
    assert len(done.stderr.splitlines()) == 1
    shell = f"{sys.executable} -c 'from collapse_bench.cli import main; exit(main())' list"
    cut = subprocess.run(["bash", "-c", f"{shell} | head -1"], capture_output=True, **more)
    assert (cut.stdout, cut.stderr) == ("suites\n", "")


# plan


def test_plan_says_what_the_function_says(said, reference):
    plan = gates.plan(data.load_reference(reference), reference_size=50_000, alpha=0.02)

    assert run("plan", "--reference", reference, "--reference-size", 50_000, "--alpha", 0.02) == 0

    out, _ = said()
    assert out[0].startswith("against 50,000 rows of ")
    assert "alpha 0.02, beta 0.01, power 0.99" in out[0]
    for line, (name, one) in zip(out[2:], plan.per_check.items(), strict=False):
        assert line.split()[0] == name
        assert line.split()[3:] == [f"{one.size_to_pass:,}", f"{one.size_to_fail:,}", "50,000"]
    assert out[-1] == f"a gate of 3 checks takes {plan.size:,} samples"


def test_a_reference_too_small_for_the_tail_is_refused_with_the_rows_it_takes(said, reference):
    plan = gates.plan(data.load_reference(reference))
    before = reference.read_bytes()

    assert run("plan", "--reference", reference) == 6

    out, _ = said()
    assert "the reference is the limit: it takes 22,070 rows" in out[2]
    assert out[-1] == (
        "can't tell: no number of samples is enough against 3,000 rows; the reference must have "
        f"{plan.reference_size:,}"
    )
    assert reference.read_bytes() == before


def test_plan_takes_checks_effects_and_a_mass(said, reference):
    check = gates.Check("tail_mass", mass=0.2, detect=0.5, tolerate=0.1)
    plan = gates.plan(data.load_reference(reference), [check], power=0.9, beta=0.05)
    options = ("--check", "tail_mass", "--mass", "0.2", "--detect", "tail_mass=0.5")
    more = ("--tolerate", "tail_mass=0.1", "--power", "0.9", "--beta", "0.05", "--json")

    assert run("plan", "--reference", reference, *options, *more) == 0

    found = json.loads("\n".join(said()[0]))
    assert found["size"] == plan.size
    assert list(found["per_check"]) == [check.name]
    assert found["per_check"][check.name]["size_to_pass"] == plan.per_check[check.name].size_to_pass
    assert (found["exit"], found["power"], found["beta"]) == (0, 0.9, 0.05)


def test_plan_says_when_no_reference_would_do(said, tmp_path):
    heavy = np.random.default_rng(0).standard_cauchy(size=(500, 2))
    np.save(tmp_path / "x.npy", heavy)

    assert run("plan", "--reference", tmp_path / "x.npy", "--check", "variance") == 6

    out, _ = said()
    assert out[-1] == "can't tell: no number of samples is enough, whatever the reference's size"
    assert run("plan", "--reference", tmp_path / "x.npy", "--check", "variance", "--json") == 6
    assert json.loads("\n".join(said()[0]))["size"] is None


def test_codes_have_checks_of_their_own(said, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("k\n" + "\n".join(str(k % 7) for k in range(5000)) + "\n")

    run("plan", "--reference", path, "--kind", "codes", "--json")
    codes = json.loads("\n".join(said()[0]))
    run("plan", "--reference", path, "--json")
    numbers = json.loads("\n".join(said()[0]))

    assert list(codes["per_check"]) == ["tail_mass", "support"]
    assert list(numbers["per_check"]) == ["tail_mass", "variance", "wasserstein"]


# the page


def test_the_page_shows_what_plan_prints(said):
    shown = re.findall(r"```console\n\$ collapse-bench (plan .*)\n((?:.+\n)+?)```", PAGE)
    assert len(shown) == 2
    for command, lines in shown:
        run(*command.split())
        assert said()[0] == lines.splitlines()


def test_the_page_names_every_command_and_exit_code():
    for command in COMMANDS:
        assert f"`collapse-bench {command} " in PAGE
    for code in (0, 1, 4, 6):
        assert f"\n| {code} | " in PAGE


def test_the_page_s_baseline_runs(said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_at(tmp_path / "v1.json", low=0.0, high=0.02)
    report_at(tmp_path / "v2.json", low=0.3, high=0.5)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)

    exec(compile(code, "docs/cli.md", "exec"), {})

    out, _ = said()
    assert out[0].startswith("beside the gate, against the baseline baseline.json, alpha 0.01")
    assert out[1].startswith("  worse       gate/test_release::test_variance: loss 0.01 -> 0.4")


# list


def listed(said, *sections):
    assert run("list", *sections, "--json") == 0
    found = json.loads("\n".join(said()[0]))
    return {name: {one["name"]: one["about"] for one in ones} for name, ones in found.items()}


def test_list_has_all_there_is_and_says_what_it_is(said):
    found = listed(said)

    assert list(found) == [
        *("suites", "models", "regimes", "metrics", "checks", "references", "options")
    ]
    assert set(found["models"]) == set(adapters.BUILT_IN)
    assert set(found["references"]) == set(data.BUILT_IN)
    assert len(found["options"]) == len(OPTIONS)
    assert set(found["regimes"]) == set(regimes.__all__) - {"Regime", "Schedule", "Size"}
    assert set(found["metrics"]) == set(metrics.__all__) - {"Scored"}
    assert {f"check_{name}" for name in found["checks"]} <= set(gates.__all__)
    assert "collapse_bench.suites.gate.test_release" in found["suites"]
    told = {name: about for name, ones in found.items() for name, about in ones.items()}
    assert not [name for name, about in told.items() if "`" in about]
    assert found["checks"]["support"].endswith("tolerate 0.05, detect 0.2")
    assert all(about for name in ("suites", "regimes", "checks") for about in found[name].values())


def test_list_takes_sections_in_their_order(said):
    assert list(listed(said, "checks", "models", "checks")) == ["checks", "models"]
    assert run("list", "checks", "models") == 0
    out, _ = said()
    assert out[0] == "checks"
    assert "models" in out


# compare


def test_compare_exits_with_what_it_says(said, tmp_path):
    well = report_at(tmp_path / "a.json", low=0.0, high=0.02)
    same = report_at(tmp_path / "b.json", low=0.0, high=0.03)
    lost = report_at(tmp_path / "c.json", low=0.3, high=0.5)
    wide = report_at(tmp_path / "d.json", low=-0.5, high=0.5)
    other = report_at(tmp_path / "e.json", low=0.0, high=0.02, reference_sha256=digest("x"))

    assert [run("compare", well, one) for one in (same, lost, wide, other)] == [0, 1, 6, 6]
    assert run("compare", lost, well) == 0
    out, _ = said()
    assert [line.split()[0] for line in out[::3]] == [
        "equivalent",
        "worse",
        *["can't"] * 2,
        "better",
    ]
    assert out[1] == "1 check: 1 equivalent"
    assert "alpha = 0.01; draws iid" in out[2]
    assert f"reference digest {digest('r')[:12]}... then, {digest('x')[:12]}... now" in out[9]


def test_compare_as_json(said, tmp_path):
    well = report_at(tmp_path / "a.json", low=0.0, high=0.02)
    lost = report_at(tmp_path / "c.json", low=0.3, high=0.5)

    assert run("compare", well, lost, "--json", "--alpha", "0.02") == 1

    found = json.loads("\n".join(said()[0]))
    assert (found["alpha"], found["exit"]) == (0.02, 1)
    assert found["summary"] == {"worse": 1, "can't tell": 0, "better": 0, "equivalent": 0}
    assert found["checks"][0]["changes"][0]["low"] == pytest.approx(0.28)


def test_alpha_changes_what_is_shown(tmp_path):
    well = report_at(tmp_path / "a.json", low=0.0, high=0.02)
    lost = report_at(tmp_path / "c.json", low=0.03, high=0.5)

    assert run("compare", well, lost, "--alpha", "0.01") == 1
    assert run("compare", well, lost, "--alpha", "0.00001") == 6


def test_reports_without_a_gate_tell_nothing(said, tmp_path):
    path = report_at(tmp_path / "a.json", low=0.0, high=0.02)
    empty = {**json.loads(path.read_text()), "gates": [], "checks": []}
    write(empty, path)

    assert run("compare", path, path) == 6
    assert said()[0][0] == "0 checks"
