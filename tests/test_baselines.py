"""Baselines and reports as files: read strictly, written whole, accepted on purpose."""

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.baselines import (
    Baseline,
    baseline_lines,
    baseline_section,
    check_update,
    compare,
    environment_notes,
    read_baseline,
    read_report,
    section_lines,
    updated,
    write_baseline,
)
from collapse_bench.baselines.documents import report_of
from collapse_bench.errors import InvalidArgument, InvalidSpec
from collapse_bench.gates import Gate
from collapse_bench.reports import html
from collapse_bench.reports.json import document, environment
from collapse_bench.reports.schema import first_problem
from tests.reports.documents import DOCUMENT

ROOT = Path(__file__).parents[1]
GATE = "gate/test_release"
CHECKS = ("tail_mass", "variance")


def verdicts():
    """Return the fields of two verdicts as a session writes them."""
    low = {"reason": None, "size_needed": None, "pvalue_fail": 1.0, "pvalue_pass": 0.001}
    return {
        name: {
            **low,
            "outcome": "pass",
            "metric": name,
            "statistic": name,
            "quantity": "mass",
            "estimate": 0.01,
            "low": -0.02,
            "high": 0.04,
            "tolerate": 0.05,
            "detect": 0.2,
            "alpha": 0.005,
            "beta": 0.01,
            "size": 1000,
            "reference_size": 5000,
            "notes": ["a note"],
            "growth": None,
        }
        for name in CHECKS
    }


def session(model="m:M", *, samples="a" * 64, drawn=True, **changed):
    """Return the report of a session with one gate of two checks."""
    found = verdicts()
    for name, values in changed.items():
        found[name].update(values)
    who = {"model": model, "gate": GATE}
    checks = [
        {"id": f"{GATE}::test_{name}", "nodeid": f"x.py::test_{name}", **who, **values}
        for name, values in found.items()
    ]
    gate = {
        "id": GATE,
        "model": model,
        "reference": "real.csv",
        "declared": [one["id"] for one in checks],
        "drawn": drawn,
        "samples_sha256": samples,
        "reference_sha256": "b" * 64,
    }
    return document(
        seed=7,
        environment=environment("cpu"),
        summary={},
        gates=[gate],
        checks=checks,
        trajectories=[],
    )


def accepted(**more):
    return updated(Baseline("base.json", {}), session(**more)).baseline


def test_a_baseline_is_read_back_as_it_was_written(tmp_path):
    baseline = accepted()

    write_baseline(baseline, tmp_path / "base.json")

    assert read_baseline(tmp_path / "base.json").entries == baseline.entries
    assert {one.n for one in baseline.entries.values()} == {1000}
    assert {one.seed for one in baseline.entries.values()} == {7}
    assert json.loads((tmp_path / "base.json").read_text())["schema"] == 1


numbers = st.one_of(st.none(), st.floats(-1e9, 1e9))


@settings(deadline=None)  # it writes a file
@given(numbers, numbers, numbers, st.text(), st.lists(st.text()))
def test_any_entry_is_read_back(tmp_path_factory, estimate, low, high, text, notes):
    path = tmp_path_factory.mktemp("base") / "base.json"
    known = sorted(number for number in (low, estimate, high) if number is not None)
    low, estimate, high = (
        None if number is None else known.pop(0) for number in (low, estimate, high)
    )
    first = next(iter(accepted().entries.values()))
    sides = {"estimate": estimate, "low": low, "high": high}
    one = replace(first, **sides, model=text, notes=tuple(notes))

    write_baseline(Baseline("base.json", {one.key: one}), path)

    assert read_baseline(path).entries == {one.key: one}


def test_writing_is_the_same_to_the_byte_whatever_the_order(tmp_path):
    baseline = accepted()
    turned = Baseline("x", dict(reversed(baseline.entries.items())))

    write_baseline(baseline, tmp_path / "a")
    write_baseline(turned, tmp_path / "b")

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_baseline_that_cannot_be_written_leaves_the_old_one(tmp_path):
    with pytest.raises(InvalidSpec, match="must be a file that can be written"):
        write_baseline(accepted(), tmp_path / "no" / "base.json")
    (tmp_path / "base.json").mkdir()
    with pytest.raises(InvalidSpec, match="must be a file that can be written"):
        write_baseline(accepted(), tmp_path / "base.json")
    assert [path.name for path in tmp_path.iterdir()] == ["base.json"]


def test_accepting_counts_what_changes():
    first = session()
    other = session(samples="c" * 64, variance={"estimate": 0.02})
    part = {**first, "checks": first["checks"][:1]}

    one = updated(Baseline("base.json", {}), first)
    same = updated(one.baseline, copy.deepcopy(first))
    half = updated(one.baseline, {**other, "checks": other["checks"][:1]})

    assert (one.changed, one.new, one.unchanged, one.kept) == (0, 2, 0, 0)
    assert (same.changed, same.new, same.unchanged, same.kept) == (0, 0, 2, 0)
    assert (half.changed, half.new, half.unchanged, half.kept) == (1, 0, 0, 1)
    assert len(half.baseline.entries) == 2
    assert len(updated(Baseline("base.json", {}), part).baseline.entries) == 1
    assert str(half) == (
        "baseline base.json: 1 changed, 0 new, 0 unchanged, 1 not judged in this session (kept)"
    )


def test_accepting_nothing_is_refused():
    with pytest.raises(InvalidSpec, match="must have a gate's verdict to accept"):
        updated(Baseline("base.json", {}), {**session(), "checks": []})


def test_a_worse_release_is_seen_and_an_equal_one(tmp_path):
    baseline = accepted()
    worse = session(samples="c" * 64, variance={"estimate": 0.5, "low": 0.45, "high": 0.55})

    found = {one.id: one.word for one in compare(baseline, worse)}

    assert found == {f"{GATE}::test_tail_mass": "equivalent", f"{GATE}::test_variance": "worse"}


def test_stale_and_new_checks_are_told():
    baseline, now = accepted(), session(samples="c" * 64)
    entries = {
        (key[0].replace("variance", "old"), key[1]): replace(
            one, id=one.id.replace("variance", "old")
        )
        for key, one in baseline.entries.items()
    }

    found = {one.id: one.reason for one in compare(Baseline("base.json", entries), now)}

    assert found[f"{GATE}::test_old"] == "this session doesn't have it"
    assert found[f"{GATE}::test_variance"] == "the baseline base.json doesn't have it"


def test_a_check_that_did_not_run_is_not_stale():
    now = session(samples="c" * 64)
    now["checks"] = now["checks"][:1]

    found = {one.id: one.reason for one in compare(accepted(), now)}

    assert found[f"{GATE}::test_variance"] == "it did not run in this session"


def test_a_baseline_of_another_model_is_refused():
    with pytest.raises(InvalidSpec, match=r"got one of m:M, not of other:N: accept it"):
        compare(accepted(), session("other:N"))
    with pytest.raises(InvalidSpec, match="of the model that is judged"):
        accepted().refuse_other_models(["other:N"])
    accepted().refuse_other_models(["other:N", "m:M"])
    Baseline("new.json", {}).refuse_other_models(["other:N"])
    section = baseline_section(accepted(), session("other:N"))
    assert (section["checks"], section["notes"]) == ([], [])
    assert "must be of the model that is judged" in section["reason"]
    (line,) = baseline_lines(accepted(), session("other:N"))
    assert line.startswith("the baseline base.json isn't compared: baseline must be of the model")


def test_files_of_samples_may_be_called_anything():
    baseline = accepted(model="v1.csv", drawn=False)

    words = {
        one.word for one in compare(baseline, session("v2.csv", samples="c" * 64, drawn=False))
    }

    assert words == {"equivalent"}
    baseline.refuse_other_models(["m:M"])


def test_another_reference_is_not_compared():
    now = session(samples="c" * 64)
    now["gates"][0]["reference_sha256"] = "e" * 64

    assert {one.word for one in compare(accepted(), now)} == {"can't tell"}
    assert all("reference digest" in one.reason for one in compare(accepted(), now))


def test_a_report_has_what_became_of_every_check():
    worse = session(samples="c" * 64, variance={"estimate": 0.4, "low": 0.38, "high": 0.42})
    gone = dict.fromkeys([f"{GATE}::test_old"])
    old = {
        (name, "m:M"): replace(next(iter(accepted().entries.values())), id=name) for name in gone
    }
    baseline = Baseline("base.json", {**accepted().entries, **old})
    section = baseline_section(baseline, worse)
    whole = {**DOCUMENT, "baseline": section}

    assert first_problem(whole) is None
    assert [one["word"] for one in section["checks"]] == ["can't tell", "equivalent", "worse"]
    [change] = section["checks"][2]["changes"]
    assert (change["was"], change["now"], change["margin"]) == pytest.approx((0.01, 0.4, 0.15))
    assert 0.3 < change["low"] < change["high"] < 0.5
    assert section["checks"][0]["reason"] == "this session doesn't have it"
    assert "WORSE" in html.render(whole)
    assert baseline_lines(baseline, worse) == section_lines(section)


def test_another_environment_is_told():
    now = session(samples="c" * 64)
    assert environment_notes(accepted(), now) == []

    now["environment"]["versions"]["numpy"] = "99"
    now["environment"]["versions"]["new-one"] = "1"
    now["environment"]["device"] = "cuda:0"
    told = environment_notes(accepted(), now)

    assert "other environment: device cpu then, cuda:0 now" in told
    assert "other environment: new-one none then, 1 now" in told
    assert len(told) == 3
    lines = baseline_lines(accepted(), now)
    assert lines[0] == (
        "beside the gate, against the baseline base.json, alpha 0.01, changing no outcome: "
        "2 checks, 2 equivalent"
    )
    assert len(lines) == 6


@pytest.mark.parametrize("value", ["true", "1", "yes", "TRUE", " true "])
def test_nothing_is_accepted_on_a_service_unless_it_is_asked_for(value):
    with pytest.raises(InvalidArgument, match="where someone reads the difference; got CI="):
        check_update({"CI": value})
    with pytest.raises(InvalidArgument, match="COLLAPSE_UPDATE_BASELINE_IN_CI=1"):
        check_update({"CI": value, "COLLAPSE_UPDATE_BASELINE_IN_CI": "0"})
    check_update({"CI": value, "COLLAPSE_UPDATE_BASELINE_IN_CI": "1"})


@pytest.mark.parametrize("environ", [{}, {"CI": ""}, {"CI": "false"}, {"CI": "0"}])
def test_elsewhere_a_release_is_accepted(environ):
    check_update(environ)


def test_verdicts_outside_every_gate_are_no_entries():
    now = session()
    now["checks"][0]["gate"] = None

    assert len(report_of(now, "x").entries) == 1


def test_every_field_of_a_verdict_that_counts_is_in_a_real_report(tmp_path):
    path = tmp_path / "out.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "suites/gate"]
    done = subprocess.run(
        [*command, "-k", "test_variance", "--collapse-profile=smoke", f"--collapse-report={path}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 6), done.stdout

    found = report_of(read_report(path), "out.json")

    ((key, one),) = found.entries.items()
    assert key == ("gate/test_release::test_variance", "two-gaussians")
    assert len(one.reference_sha256) == len(one.samples_sha256) == 64
    assert {key[0] for key in found.missing} == {
        "gate/test_release::test_tail_mass",
        "gate/test_release::test_wasserstein",
    }
    assert updated(Baseline("b", {}), read_report(path)).new == 1


def test_growth_of_a_verdict_is_kept():
    gate = Gate([float(k) for k in range(100)], ["variance"], alpha=0.1, beta=0.1)
    verdict = gate.judge([float(k) for k in range(100)]).verdicts[0].to_dict()
    side = {"statistic": "v", "quantity": "q", "tolerate": 0.05, "detect": 0.2}
    side |= {"estimate": 0.0, "low": None, "high": 1.0, "pvalue_fail": 1.0, "pvalue_pass": 1.0}

    found = report_of(session(variance={**verdict, "growth": side}), "x")

    one = found.entries[f"{GATE}::test_variance", "m:M"]
    assert one.growth == {
        "estimate": 0.0,
        "low": None,
        "high": 1.0,
        "tolerate": 0.05,
        "detect": 0.2,
    }
    assert one.n == 100
