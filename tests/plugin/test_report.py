"""The JSON report of a session and the section on its terminal."""

import json
from dataclasses import fields

import pytest

from collapse_bench.gates import Verdict

SUMMARY = {"pass", "fail", "inconclusive", "not_run", "outcome"}


@pytest.fixture
def report(pytester):
    return lambda name="r.json": json.loads((pytester.path / name).read_text())


def test_a_report_has_every_field_of_schema_1(judge, report):
    judge("healthy.npy", "--collapse-report=r.json", "--collapse-report=s.json")
    found = report()

    assert found == report("s.json")
    assert found["schema"] == 1
    assert {"version", "environment", "seed", "summary", "gates", "checks"} < found.keys()
    assert found["conformance"] == found["trajectories"] == []
    assert {"versions", "platform", "device", "date"} <= found["environment"].keys()
    assert found["summary"].keys() >= SUMMARY
    (gate,) = found["gates"]
    assert gate.keys() >= {"id", "model", "reference", "alpha", "beta", "declared", "summary"}
    assert gate["declared"] == [check["id"] for check in sorted_checks(found)]
    assert gate["summary"].keys() == SUMMARY


def sorted_checks(found):
    return sorted(found["checks"], key=lambda check: check["id"])


def test_a_check_holds_every_field_of_its_verdict(judge, report):
    judge("half.npy", "--collapse-report=r.json")
    names = {field.name for field in fields(Verdict)}

    for check in report()["checks"]:
        assert check.keys() >= names | {"id", "nodeid", "model", "gate", "seconds"}
        assert check["alpha"] == 0.01 / 3
        assert check["id"].startswith("gate/test_release::test_")
        assert check["nodeid"].endswith(check["id"].partition("::")[2])


@pytest.mark.parametrize(
    ("samples", "arguments", "outcome"),
    [
        ("healthy.npy", [], "pass"),
        ("half.npy", [], "fail"),
        ("healthy.npy", ["-k", "variance"], "inconclusive"),
        ("healthy.npy", ["-k", "shrunken"], "inconclusive"),
    ],
)
def test_the_worst_outcome_is_on_top(judge, report, samples, arguments, outcome):
    judge(samples, *arguments, "--collapse-report=r.json")

    assert report()["summary"]["outcome"] == outcome


def test_digits_are_recorded_outside_the_ledger(judge, report):
    result = judge("healthy.npy", "--collapse-report=r.json")
    (digits,) = report()["recorded"]

    assert (digits["metric"], digits["scenario"]) == (
        "tail_mass",
        "a Gaussian fitted to digits",
    )
    result.stdout.fnmatch_lines(
        ["recorded, not judged:", "*::test_shrunken_digits_fail a Gaussian fitted to digits:*"]
    )


def test_a_report_that_cannot_be_written_is_not_green(judge, pytester, monkeypatch, last):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("collapse_bench.reports.json.write", full)
    result = judge("healthy.npy", "--collapse-report=r.json")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR: *r.json can't be written: *No space left*"])


def test_the_section_has_one_line_a_check_and_the_promise(judge):
    from collapse_bench.gates import FOOTER

    result = judge("healthy.npy")
    start = next(i for i, line in enumerate(result.outlines) if "= collapse =" in line)

    result.stdout.fnmatch_lines(
        [
            "gate/test_release: healthy.npy, judged as given; 400 samples against 400 rows *",
            "  PASS          test_tail_mass: loss *",
            "  PASS          test_variance: loss *",
            "  PASS          test_wasserstein: loss *",
        ]
    )
    assert FOOTER in result.outlines[start:]


def test_quiet_sessions_say_only_what_did_not_pass(judge, last):
    healthy = judge("healthy.npy", "-q")
    assert not any("= collapse =" in line for line in healthy.outlines)
    assert last(healthy).startswith("collapse: 3 checks")

    half = judge("half.npy", "-q")
    assert sum(line.startswith("  FAIL ") for line in half.outlines) == 3
    assert not any("recorded" in line for line in half.outlines)

    assert not any("= collapse =" in line for line in judge("half.npy", "-qq").outlines)


@pytest.mark.parametrize(("variable", "colored"), [("FORCE_COLOR", True), ("NO_COLOR", False)])
def test_colors_follow_the_environment(judge, monkeypatch, variable, colored):
    monkeypatch.delenv("PY_COLORS")
    monkeypatch.setenv(variable, "1")
    result = judge("half.npy")

    assert ("\x1b[31m" in str(result.stdout)) is colored


def test_a_session_without_a_terminal_still_judges(judge, report):
    result = judge("half.npy", "-p", "no:terminal", "--collapse-report=r.json")

    assert result.ret == 1
    assert report()["summary"]["fail"] == 3


def test_the_paper_suite_is_told_that_the_option_is_not_for_it(session, pytester, monkeypatch):
    folder = pytester.mkpydir("suites") / "paper"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "test_claims.py").write_text(
        "import pytest\n"
        "def test_a(): pass\n"
        "def test_b(): assert 0\n"
        "@pytest.mark.paper\n"
        "def test_c(collapse_profile): pass\n"
    )
    monkeypatch.setattr("collapse_bench.__path__", [str(pytester.path)])
    result = session("--collapse-model=gaussian", "--collapse-report=r.json")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "collapse: suites/paper brings its own models: --collapse-model doesn't apply there",
            "collapse: 0 checks, 0 pass, 0 fail, 0 inconclusive, 0 not run; "
            "1 claims held, 1 not, 1 skipped",
        ]
    )
    found = json.loads((pytester.path / "r.json").read_text())
    assert found["summary"]["claims"] == {"held": 1, "not_held": 1, "skipped": 1}
    assert found["summary"]["outcome"] == "fail"
