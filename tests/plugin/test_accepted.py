"""A session beside an accepted release: said, never judged."""

import json

import pytest


@pytest.fixture
def releases(pytester, session, monkeypatch):
    """Run the release gate on samples of one spread against normal ones."""
    import numpy as np

    monkeypatch.delenv("CI", raising=False)
    np.save(pytester.path / "real.npy", np.random.default_rng(0).normal(size=40_000))

    def run(scale, *options):
        rows = scale * np.random.default_rng(1).normal(size=20_000)
        np.save(pytester.path / "made.npy", rows)
        pytester.makepyfile(
            test_gate="""
            COLLAPSE_CHECKS = ("test_variance",)

            def test_variance(collapse_check, collapse_generate):
                collapse_check("variance", collapse_generate())
            """
        )
        return session(
            "test_gate.py",
            "--collapse-samples=made.npy",
            "--collapse-reference=real.npy",
            *options,
        )

    return run


def test_a_release_is_accepted_and_a_worse_one_told(releases, pytester):
    first = releases(1.0, "--collapse-baseline=accepted.json", "--collapse-update-baseline")
    assert first.ret == 0
    first.stdout.fnmatch_lines(["baseline *accepted.json: 0 changed, 1 new, 0 unchanged*"])
    kept = (pytester.path / "accepted.json").read_bytes()

    second = releases(0.8, "--collapse-baseline=accepted.json")
    assert second.ret == 1  # the gate's own verdict, which no baseline changes
    assert "1 worse" in second.stdout.str()
    third = releases(1.0, "--collapse-baseline=accepted.json")
    assert third.ret == 0
    assert "1 equivalent" in third.stdout.str()
    assert (pytester.path / "accepted.json").read_bytes() == kept


def test_a_verdict_is_the_same_beside_a_baseline(releases, pytester):
    releases(1.0, "--collapse-report=alone.json")
    releases(
        1.0,
        "--collapse-baseline=new.json",
        "--collapse-update-baseline",
        "--collapse-report=beside.json",
    )
    alone, beside = (
        json.loads((pytester.path / name).read_text())["checks"]
        for name in ("alone.json", "beside.json")
    )
    assert [{**r, "seconds": 0} for r in alone] == [{**r, "seconds": 0} for r in beside]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--collapse-update-baseline"], "--collapse-update-baseline needs --collapse-baseline"),
        (["--collapse-baseline=none.json"], "must be an existing file, or give --collapse-update"),
        (["--collapse-baseline=real.npy"], "baseline"),
        (
            [
                "--collapse-baseline=kept.json",
                "--collapse-update-baseline",
                "--collapse-report=kept.json",
            ],
            "--collapse-report must not be the file of --collapse-baseline",
        ),
    ],
)
def test_what_is_no_baseline_stops_the_run_before_any_test(releases, options, sentence):
    result = releases(1.0, *options)
    assert result.ret == 4
    assert sentence in " ".join(result.stderr.str().split())


def test_a_service_accepts_nothing_unless_it_is_told_to(releases, monkeypatch):
    monkeypatch.setenv("CI", "true")
    options = ["--collapse-baseline=accepted.json", "--collapse-update-baseline"]
    assert releases(1.0, *options).ret == 4
    monkeypatch.setenv("COLLAPSE_UPDATE_BASELINE_IN_CI", "1")
    assert releases(1.0, *options).ret == 0
