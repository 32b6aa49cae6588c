"""Who is judged, against which rows, on which draws."""

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

from collapse_bench import data
from collapse_bench.harness import cases

MODELS = """
import numpy as np


class Normal:
    def __init__(self, scale=1.0):
        self.scale = scale

    def sample(self, size, *, rng):
        return rng.normal(0.0, self.scale, (size, 1))

    def fit(self, samples, *, rng):
        print("FITTED", samples.shape)
        return Normal(self.scale * float(samples.std()))


class Frail(Normal):
    def sample(self, size, *, rng):
        raise OSError("the weights are gone")


class Leaving(Normal):
    def sample(self, size, *, rng):
        import sys
        sys.exit(0)


class Greedy(Normal):
    def sample(self, size, *, rng):
        return super().sample(size - 1, rng=rng)


given = Normal(0.5)
narrow = Normal(0.5)
healthy = Normal()
frail, leaving, greedy = Frail(), Leaving(), Greedy()


def build(scale):
    return Normal(scale)
"""


@pytest.fixture
def judged(gate, pytester, coarse):
    """Judge models by spec; return the result and the report."""
    pytester.makepyfile(mine=MODELS)

    def run(*specs, arguments=("--collapse-max-samples=400",)):
        models = [f"--collapse-model={spec}" for spec in specs]
        result = gate(*models, *coarse, *arguments, "--collapse-report=r.json")
        path = pytester.path / "r.json"
        return result, json.loads(path.read_text()) if path.exists() else None

    return run


def outcomes(report, model):
    return {check["outcome"] for check in report["checks"] if check["model"] == model}


def test_an_instance_is_judged_as_given_against_the_whole_reference(judged):
    result, report = judged("mine:given")
    (gate,) = report["gates"]

    assert result.ret == 1
    assert outcomes(report, "mine:given") == {"fail"}
    assert (gate["how"], gate["reference_size"]) == ("judged as given", 400)
    assert "FITTED" not in str(result.stdout)
    result.stdout.fnmatch_lines(
        ["collapse: gate/test_release: mine:given, judged as given: 400 draws against 400 *"]
    )


@pytest.mark.parametrize("spec", ["mine:Normal", "gaussian"])
def test_what_is_made_is_fitted_to_one_half_and_judged_against_the_other(judged, spec):
    result, report = judged(spec)
    (gate,) = report["gates"]

    assert result.ret == 0
    assert gate["how"] == "fitted to 200 random rows of 400, judged against the rest"
    assert gate["reference_size"] == 200


def test_the_halves_are_all_of_the_reference_and_share_no_row():
    reference = data.SampleSet.of(np.arange(101.0))
    learned, judged = cases.Inputs(SimpleNamespace(seed=0)).halves(reference)

    assert len(learned) == 50
    assert sorted([*learned.values[:, 0], *judged.values[:, 0]]) == list(range(101))


def test_keywords_reach_the_factory(judged):
    cap = "--collapse-max-samples=400"
    result, report = judged("mine:build", arguments=(cap, "--collapse-model-arg=scale=0.5"))

    assert outcomes(report, "mine:build") == {"fail"}
    result, _ = judged("mine:build", arguments=(cap, "--collapse-model-arg=size=0.5"))
    assert result.ret == 4


def test_models_are_judged_one_by_one_at_the_same_shares_on_the_same_streams(judged):
    together, report = judged("mine:narrow", "mine:healthy", "mine:given")
    _, alone = judged("mine:narrow")

    assert together.ret == 1
    assert [gate["summary"]["outcome"] for gate in report["gates"]] == ["fail", "pass", "fail"]
    assert {check["alpha"] for check in report["checks"]} == {0.01 / 3}
    assert verdicts(report, "mine:narrow") == verdicts(alone, "mine:narrow")
    # the same law under another name meets the same streams
    assert verdicts(report, "mine:narrow") == verdicts(report, "mine:given")


def verdicts(report, model):
    """Return everything of a model's checks that is not about where and when they ran."""
    aside = {"nodeid", "seconds", "model"}
    return [
        {name: value for name, value in check.items() if name not in aside}
        for check in report["checks"]
        if check["model"] == model
    ]


def test_choosing_one_of_several_models_leaves_the_others_not_run(judged, last):
    result, _ = judged("mine:narrow", "mine:healthy", arguments=("-k", "healthy"))

    assert "6 checks, 3 pass, 0 fail, 0 inconclusive, 3 not run" in last(result)
    assert result.ret == 6


@pytest.mark.parametrize("spec", ["mine:frail", "mine:leaving", "mine:greedy"])
def test_a_model_that_raises_fails_the_gate(judged, last, spec):
    result, report = judged(spec)

    assert result.ret == 1
    assert "0 pass, 0 fail, 0 inconclusive, 3 not run" in last(result)
    assert report["summary"]["outcome"] == "fail"


def test_a_cap_is_said_before_drawing_and_kept(judged):
    result, report = judged("mine:healthy", arguments=("--collapse-max-samples=300",))
    said = "collapse: no more than 300 samples are drawn from a model"

    assert said in result.outlines[: result.outlines.index("") + 1]  # the header ends there
    assert {check["size"] for check in report["checks"]} == {300}


@pytest.mark.parametrize("spec", ["mine:healthy", "mine:Normal"])
def test_saved_draws_are_judged_again_to_the_same_verdict(judged, gate, pytester, coarse, spec):
    cap = "--collapse-max-samples=400"
    _, first = judged(spec, arguments=(cap, "--collapse-save-samples=saved"))
    saved = {path.name.split("-")[-1]: path for path in (pytester.path / "saved").glob("*.npy")}
    halved = [path for path in saved.values() if path.name.endswith("-reference.npy")]
    (draws,) = [path for path in saved.values() if path not in halved]
    reference = halved[0] if halved else "reference.npy"
    gate(
        f"--collapse-samples={draws}",
        *coarse[1:],
        f"--collapse-reference={reference}",
        "--collapse-report=again.json",
    )
    again = json.loads((pytester.path / "again.json").read_text())

    assert verdicts(first, spec) == verdicts(again, str(draws))
    assert len(verdicts(again, str(draws))) == 3
    assert first["gates"][0]["samples_sha256"] == again["gates"][0]["samples_sha256"]
    for path in saved.values():
        digest, name = (path.parent / f"{path.name}.sha256").read_text().split()
        assert (digest, name) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.name)


def test_other_seeds_meet_other_draws(judged):
    seeds = (("--collapse-seed=0",), ("--collapse-seed=0",), ("--collapse-seed=1",))
    found = [verdicts(judged("gaussian", arguments=seed)[1], "gaussian") for seed in seeds]

    assert found[0] == found[1]
    assert found[0][1]["estimate"] != found[2][1]["estimate"]


def test_models_never_share_a_file_of_draws(judged, pytester):
    judged("mine:narrow", "mine:given", arguments=("--collapse-save-samples=saved", "-k", "tail"))

    assert len(list((pytester.path / "saved").glob("*.npy"))) == 2


@pytest.mark.parametrize(
    ("fixture", "value"),
    [
        ("collapse_founder", "Normal(0.5)"),
        ("collapse_model", "Normal(0.5)"),
        ("collapse_model", "lambda: Normal()"),
    ],
)
def test_a_model_from_a_conftest(gate, pytester, coarse, fixture, value):
    pytester.makepyfile(mine=MODELS)
    pytester.makeconftest(
        f"""
        import sys

        import pytest
        sys.path.insert(0, {str(pytester.path)!r})
        from mine import Normal

        @pytest.fixture(scope="session")
        def {fixture}():
            return {value}
        """
    )
    result = gate(*coarse, "--collapse-max-samples=400", "--collapse-report=r.json")
    (found,) = json.loads((pytester.path / "r.json").read_text())["gates"]

    made = "lambda" in value
    assert result.ret == (0 if made else 1)
    assert found["how"].startswith("fitted to 200" if made else "judged as given")
    assert found["model"] == f"{fixture} of conftest"


def test_founders_from_a_parametrized_fixture_have_a_ledger_each(gate, pytester, coarse, last):
    pytester.makepyfile(mine=MODELS)
    pytester.makeconftest(
        f"""
        import sys

        import pytest
        sys.path.insert(0, {str(pytester.path)!r})
        from mine import Normal

        @pytest.fixture(scope="session", params=[0.5, 1.0], ids=["narrow", "healthy"])
        def collapse_founder(request):
            return Normal(request.param)
        """
    )
    result = gate(*coarse, "--collapse-max-samples=400")

    assert result.ret == 1
    assert "6 checks, 3 pass, 3 fail, 0 inconclusive, 0 not run" in last(result)


def test_samples_of_another_type_are_what_they_hold(judge, pytester):
    samples = np.load(pytester.path / "healthy.npy").astype(np.float32)
    np.savez(pytester.path / "single.npz", samples=samples[:, 0])
    result = judge("single.npz", "--collapse-report=r.json")

    assert result.ret == 0
    report = json.loads((pytester.path / "r.json").read_text())
    assert report["gates"][0]["model"] == "single.npz"


def test_the_suite_can_be_taken_into_a_module_of_ones_own(session, pytester, coarse):
    pytester.makepyfile(test_mine="from collapse_bench.suites.gate.test_release import *")
    result = session("--collapse-samples=healthy.npy", *coarse, "--collapse-report=r.json")
    report = json.loads((pytester.path / "r.json").read_text())

    assert result.ret == 0
    assert [check["id"] for check in report["checks"]] == [
        "test_mine::test_tail_mass",
        "test_mine::test_variance",
        "test_mine::test_wasserstein",
    ]
    assert report["gates"][0]["id"] == "test_mine"


def test_columns_are_chosen_and_matched_by_name(gate, coarse, pytester):
    rng = np.random.default_rng(1)
    first, second, extra = rng.standard_normal((3, 400))

    def write(name, **columns):
        lines = [
            ",".join(columns),
            *(",".join(map(repr, row)) for row in zip(*columns.values(), strict=True)),
        ]
        (pytester.path / name).write_text("\n".join(lines))

    write("real.csv", a=first.tolist(), b=(100 * second).tolist())
    write("made.csv", b=(-100 * second).tolist(), x=extra.tolist(), a=(-first).tolist())
    result = gate(
        *coarse[1:],
        "--collapse-reference=real.csv",
        "--collapse-samples=made.csv",
        "--collapse-columns=a,b",
    )

    assert result.ret == 0
