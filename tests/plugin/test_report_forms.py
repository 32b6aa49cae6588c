"""Reports of real sessions: valid by the schema, in every form, and where GitHub wants them."""

import json
from pathlib import Path

import jsonschema
import pytest

from collapse_bench.reports import html, markdown
from collapse_bench.reports import json as reports

SCHEMA = json.loads((Path(reports.__file__).parent / "report.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

OWN = """
import numpy as np
import pytest
from collapse_bench import recurse
from collapse_bench.conformance import parametrize_with_checks
from collapse_bench.models import Gaussian

ROWS = np.random.default_rng(0).normal(size=(100, 1))


def test_free(collapse_check):
    collapse_check("variance", ROWS, ROWS, tolerate=0.2, detect=0.99, growth=(0.5, 5.0))


def test_recorded(collapse_record):
    trajectory = recurse(Gaussian(), size=20, generations=3, replicates=4, metrics=["variance"])
    collapse_record(trajectory, scenario="<b>small</b>", theory={"variance": [1, 1, 1, 1]})


def test_broken(): raise RuntimeError("a <script> of its own\\nand more")


@parametrize_with_checks([Gaussian()])
def test_conforms(model, check): check(model)
"""


@pytest.fixture
def report(pytester):
    def read(name="r.json"):
        found = json.loads((pytester.path / name).read_text())
        VALIDATOR.validate(found)
        assert html.render(found).startswith("<!DOCTYPE html>")
        assert markdown.render(found).startswith("# Model collapse report")
        return found

    return read


@pytest.mark.parametrize(
    "arguments", [["healthy.npy"], ["half.npy"], ["healthy.npy", "-k", "variance"]]
)
def test_reports_of_a_gate_are_valid(judge, report, arguments):
    judge(*arguments, "--collapse-report=r.json")

    assert len(report()["not_run"]) == report()["summary"]["not_run"]


def test_reports_of_tests_of_ones_own_are_valid(session, pytester, report):
    pytester.makepyfile(test_own=OWN)
    session("--collapse-report=r.json", "-k", "not conforms or seed_determinism")
    found = report()

    assert found["checks"][0]["growth"]
    assert [t["scenario"] for t in found["trajectories"]] == ["<b>small</b>"]
    assert [c["check"] for c in found["conformance"]] == ["check_seed_determinism"]
    assert found["failures"] == [
        {"nodeid": "test_own.py::test_broken", "reason": "RuntimeError: a <script> of its own"}
    ]


def test_the_report_of_an_empty_session_is_valid(session, pytester, report):
    pytester.makepyfile(test_own="def test_it(): pass")
    session("--collapse-report=r.json")

    assert report()["summary"]["outcome"] == "inconclusive"


def test_a_file_that_cannot_be_collected_is_told(session, pytester, report):
    pytester.makepyfile(test_own="import nowhere_at_all")
    session("--collapse-report=r.json", "--continue-on-collection-errors")

    assert [failure["nodeid"] for failure in report()["failures"]] == ["test_own.py"]


def test_what_did_not_run_is_told_with_the_reason(session, coarse, pytester, report):
    pytester.makepyfile(
        test_gates="""
        import pytest

        COLLAPSE_CHECKS = ("test_skipped", "test_raises", "test_forgets", "test_other", "test_runs")

        def test_skipped(collapse_check, collapse_generate): pytest.skip("no such data")
        def test_raises(collapse_check, collapse_generate): raise OSError("no such file")
        def test_forgets(collapse_check, collapse_generate): pass
        def test_other(collapse_check, collapse_generate): pass
        def test_runs(collapse_check, collapse_generate):
            collapse_check("variance", collapse_generate())
        """
    )
    session(
        "--collapse-samples=healthy.npy", *coarse, "-k", "not other", "--collapse-report=r.json"
    )
    found = report()

    assert found["summary"]["not_run"] == 4
    assert {record["id"]: record["reason"] for record in found["not_run"]} == {
        "test_gates::test_skipped": "its test was skipped: no such data",
        "test_gates::test_raises": "its test failed before it judged: OSError: no such file",
        "test_gates::test_forgets": "its test ended without judging",
        "test_gates::test_other": "its test wasn't selected, or the session ended before it",
    }
    assert [failure["nodeid"] for failure in found["failures"]] == ["test_gates.py::test_raises"]


def test_claims_are_listed_as_they_are_counted(session, pytester, monkeypatch, report):
    folder = pytester.mkpydir("suites") / "paper"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "test_claims.py").write_text(
        "import pytest\n"
        "def test_a(): pass\n"
        "def test_b(): assert 0, 'not at all'\n"
        "@pytest.mark.paper\n"
        "def test_c(collapse_profile): pass\n"
    )
    monkeypatch.setattr("collapse_bench.__path__", [str(pytester.path)])
    session("--collapse-report=r.json")
    found = report()

    assert [(c["nodeid"][-1], c["status"]) for c in found["claims"]] == [
        ("a", "held"),
        ("b", "not_held"),
        ("c", "skipped"),
    ]
    assert found["claims"][1]["reason"].startswith("AssertionError: not at all")
    assert "this is ci" in found["claims"][2]["reason"]
    assert found["failures"] == []


def test_a_report_says_how_to_repeat_it(judge, report):
    judge("healthy.npy", "--collapse-report=r.json", "--collapse-seed=7")
    found = report()

    assert found["environment"]["command"][0] == "pytest"
    assert "--collapse-seed=7" in found["environment"]["command"]
    assert found["options"]["seed"] == 7
    assert found["options"]["samples"] == "healthy.npy"
    assert found["options"]["tolerate"]["variance"] == 0.2
    assert "reports" not in found["options"]
    assert found["guarantee"].startswith("P(any fail")


def test_one_session_writes_every_form(judge, pytester, report):
    names = ("r.json", "r.html", "r.md")
    judge("half.npy", *(f"--collapse-report={name}" for name in names))

    assert (pytester.path / "r.html").read_text() == html.render(report())
    assert (pytester.path / "r.md").read_text() == markdown.render(report())


def test_a_form_that_fails_does_not_take_the_others_along(judge, pytester, monkeypatch, report):
    def broken(*_):
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr("collapse_bench.reports.html.write", broken)
    result = judge(
        "healthy.npy",
        *("--collapse-report=r.html", "--collapse-report=r.md", "--collapse-report=r.json"),
    )

    assert result.ret == 1
    assert report()["summary"]["pass"] == 3
    assert (pytester.path / "r.md").is_file()
    result.stdout.fnmatch_lines(["ERROR: *r.html can't be written: a mistake of ours"])


@pytest.mark.parametrize("suffix", ["json", "html", "md"])
def test_a_path_that_cannot_be_written_is_found_before_any_test(judge, monkeypatch, suffix):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.touch", denied)
    result = judge("healthy.npy", f"--collapse-report=r.{suffix}")

    assert result.ret == 4
    result.stderr.fnmatch_lines(
        [f"ERROR: --collapse-report must be a file that can be written; got 'r.{suffix}': *denied*"]
    )


def test_the_summary_of_a_step_is_appended_when_github_asks(judge, pytester, monkeypatch, report):
    path = pytester.path / "step"
    path.write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    judge("healthy.npy", "--collapse-report=r.json")

    assert path.read_text() == f"# before\n\n{markdown.render(report())}"


def test_it_is_appended_without_any_report(judge, pytester, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "step"))

    assert judge("half.npy").ret == 1
    assert "**FAIL**: 3 of 3 checks failed" in (pytester.path / "step").read_text()


def test_sessions_that_are_not_ours_add_nothing_to_it(session, pytester, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "step"))
    pytester.makepyfile(test_own="def test_it(): pass")

    assert session().ret == 0
    assert not (pytester.path / "step").exists()


def test_a_summary_that_cannot_be_written_is_said_and_changes_nothing(judge, monkeypatch, last):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/nowhere/step")
    result = judge("healthy.npy")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["the summary of this step can't be written to /nowhere/step: *"])
    assert last(result).startswith("collapse: 3 checks, 3 pass")
