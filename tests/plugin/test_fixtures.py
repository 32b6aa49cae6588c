"""The fixtures, used by tests of a stranger."""

import json

import pytest


def test_seeds_and_streams_depend_on_the_root_seed_and_the_test_alone(pytester, session):
    pytester.makepyfile(
        test_draws="""
        import json, pathlib, pytest

        def note(request, *values):
            with open("draws.jsonl", "a") as file:
                file.write(json.dumps([request.node.name, *values]) + "\\n")

        def test_a(request, collapse_seed, collapse_rng):
            note(request, collapse_seed, int(collapse_rng.integers(1 << 40)))

        @pytest.mark.parametrize("x", [1, 2])
        def test_b(request, collapse_seed, collapse_rng, x):
            note(request, collapse_seed, int(collapse_rng.integers(1 << 40)))
        """
    )

    def draws(*arguments):
        path = pytester.path / "draws.jsonl"
        path.unlink(missing_ok=True)
        assert session(*arguments).ret == 0
        return {name: values for name, *values in map(json.loads, path.read_text().splitlines())}

    whole = draws()
    assert draws() == whole
    assert draws("test_draws.py::test_b[2]") == {"test_b[2]": whole["test_b[2]"]}
    other = draws("--collapse-seed=1")
    numbers = [number for run in (whole, other) for values in run.values() for number in values]
    assert len(set(numbers)) == len(numbers) == 12
    assert all(0 <= number < 2**53 for number in numbers)


def test_a_test_that_needs_a_gpu_skips_with_a_reason(pytester, session, monkeypatch):
    monkeypatch.setattr("collapse_bench.harness.devices.DRIVERS", ())
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.gpu
        def test_needs(collapse_device): pass

        @pytest.mark.gpu
        def test_is_marked_by_somebody_else(): pass

        def test_any(collapse_device): assert collapse_device == "cpu"
        """
    )
    result = session("-rs")

    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(
        ["*this test is marked gpu: there is no CUDA device: this machine has no GPU driver"]
    )
    assert result.ret == 0


def test_profiles_reach_the_test(pytester, session):
    pytester.makepyfile(
        """
        import pytest

        def test_any(collapse_profile): assert collapse_profile == "paper"

        @pytest.mark.paper
        def test_paper(collapse_profile): pass
        """
    )
    session("--collapse-profile=paper").assert_outcomes(passed=2)
    session("--collapse-profile=smoke").assert_outcomes(failed=1, skipped=1)
    session("-o", "collapse_profile=paper").assert_outcomes(passed=2)


def test_a_stranger_judges_at_the_whole_alpha(pytester, session):
    pytester.makepyfile(
        """
        import numpy as np, pytest
        from collapse_bench.errors import CollapseError, InvalidArgument

        ROWS = np.random.default_rng(0).standard_normal(400)

        def test_twice(collapse_check):
            for scale in (1, 1.01):
                verdict = collapse_check("variance", ROWS * scale, ROWS, tolerate=.3, detect=.9)
                assert verdict.outcome == "pass"
                assert verdict.alpha == 0.01

        def test_losses_raise(collapse_check):
            with pytest.raises(CollapseError, match="variance"):
                collapse_check("variance", ROWS / 3, ROWS)

        @pytest.mark.parametrize("name", ["alpha", "beta", "seed", "permutations"])
        def test_the_error_rates_are_the_options(collapse_check, name):
            with pytest.raises(InvalidArgument, match=f"{name} must be left to the ledger"):
                collapse_check("variance", ROWS, ROWS, **{name: 0.5})

        def test_names_are_checked(collapse_check):
            with pytest.raises(InvalidArgument, match="metric must be one of 'tail_mass'"):
                collapse_check("varianec", ROWS, ROWS)
        """
    )
    result = session("--collapse-report=r.json")

    result.assert_outcomes(passed=7)
    assert result.ret == 0
    checks = json.loads((pytester.path / "r.json").read_text())["checks"]
    assert [check["id"].rpartition("::")[2] for check in checks] == [
        "test_losses_raise",
        "test_twice",
        "test_twice#2",
    ]
    assert {check["gate"] for check in checks} == {None}


def test_a_test_of_a_ledger_judges_once(pytester, session):
    pytester.makepyfile(
        """
        import numpy as np

        COLLAPSE_CHECKS = ("test_a",)
        ROWS = np.random.default_rng(0).standard_normal(400)

        def test_a(collapse_check):
            for _ in range(2):
                collapse_check("variance", ROWS, ROWS, tolerate=.3, detect=.9)
        """
    )
    result = session()

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*collapse_check must be called once by test_a*"])


def test_draws_are_shared_and_cannot_be_spoiled(pytester, session):
    pytester.makepyfile(
        """
        import numpy as np, pytest

        def test_a(collapse_generate, collapse_founder):
            draws = collapse_generate(50)
            assert draws.shape == (50, 1)
            assert draws.base is collapse_generate(50).base
            assert not np.array_equal(draws[:20], collapse_generate(20))
            with pytest.raises(ValueError, match="read-only"):
                draws[0] = 0
            with pytest.raises(ValueError, match="size must be an integer"):
                collapse_generate(0)
        """
    )
    session().assert_outcomes(passed=1)


def test_given_samples_stand_for_draws(pytester, session, rows):
    pytester.makepyfile(
        """
        import numpy as np, pytest

        def test_a(collapse_generate, collapse_founder, collapse_rng):
            given = np.load("healthy.npy")
            assert np.array_equal(collapse_generate(), given)
            assert np.array_equal(collapse_generate(7), given[:7])
            with pytest.raises(ValueError, match="size must be at most 400"):
                collapse_generate(401)
            with pytest.raises(RuntimeError, match="only samples were given"):
                collapse_founder.sample(1, rng=collapse_rng)
            with pytest.raises(RuntimeError, match="only samples were given"):
                collapse_founder.fit(given, rng=collapse_rng)
        """
    )
    result = session("--collapse-samples=healthy.npy", "--collapse-reference=reference.npy")

    result.assert_outcomes(passed=1)


def test_a_reference_alone_serves_tests_that_bring_their_own_models(pytester, session, rows):
    pytester.makepyfile(
        """
        def test_a(collapse_check, collapse_reference):
            assert len(collapse_reference) == 400
            collapse_check("variance", collapse_reference.values, tolerate=.3, detect=.9)
        """
    )
    session("--collapse-reference=reference.npy").assert_outcomes(passed=1)


def test_trajectories_reach_the_report(pytester, session):
    pytester.makepyfile(
        """
        from collapse_bench.models import Gaussian

        def test_a(collapse_recurse, collapse_record, collapse_seed):
            trajectory = collapse_recurse(
                Gaussian(), generations=3, size=50, replicates=20, seed=collapse_seed
            )
            theory = {"variance": [(1 - 1 / 50) ** t for t in range(4)]}
            collapse_record(trajectory, scenario="replace", theory=theory)
        """
    )
    result = session("--collapse-report=r.json")
    found = json.loads((pytester.path / "r.json").read_text())
    (trajectory,) = found["trajectories"]

    assert result.ret == 0
    assert trajectory["id"].endswith("::test_a")
    assert (trajectory["scenario"], trajectory["family"]) == ("replace", "Gaussian")
    assert (trajectory["size"], trajectory["steps"]) == (50, [0, 1, 2, 3])
    variance = trajectory["metrics"]["variance"]
    assert len(variance["median"]) == len(variance["theory"]) == 4
    assert trajectory["metrics"]["tail_mass"]["theory"] is None


def test_the_recursion_can_be_replaced(pytester, session):
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def collapse_recurse():
            return lambda *args, **keywords: "mutated"
        """
    )
    pytester.makepyfile("def test_a(collapse_recurse): assert collapse_recurse() == 'mutated'")

    session().assert_outcomes(passed=1)


@pytest.mark.parametrize(("arguments", "shown"), [([], True), (["-q"], False)])
def test_progress_reaches_the_terminal_past_the_capture(pytester, session, arguments, shown):
    pytester.makepyfile(
        """
        from collapse_bench import progress

        def test_a(collapse_recurse, monkeypatch):
            monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
            list(progress.track(range(3), total=3, label="replace, 64 lineages", show=None))
        """
    )
    result = session(*arguments)

    assert any("replace, 64 lineages: 2 of 3" in line for line in result.outlines) is shown


@pytest.mark.parametrize("device", ["cpu", "auto", "cuda", "cuda:0", "cuda:99"])
def test_devices_are_resolved_without_torch_where_there_is_no_driver(monkeypatch, device):
    from collapse_bench.harness import devices

    monkeypatch.setattr(devices, "DRIVERS", ())

    assert devices.resolve(device) == ("cpu" if device == "auto" else device)
    assert "no GPU driver" in devices.cuda_trouble(device)
