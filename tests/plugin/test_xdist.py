"""With pytest-xdist: the same verdicts, the same bytes, the same exit codes."""

import json

import pytest

pytest.importorskip("xdist")

TWO_GATES = {
    "test_first": """
        import numpy as np

        COLLAPSE_CHECKS = ("test_variance", "test_tight", "test_wasserstein")

        REFERENCE = np.random.default_rng(1).standard_normal((400, 1))
        HEALTHY = np.random.default_rng(2).standard_normal((400, 1))
        COARSE = {"tolerate": 0.3, "detect": 0.9}

        def test_variance(collapse_check):
            collapse_check("variance", HEALTHY, REFERENCE, **COARSE)

        def test_tight(collapse_check):
            collapse_check("tail_mass", HEALTHY, REFERENCE, tolerate=0.01, detect=0.02)

        def test_wasserstein(collapse_check):
            collapse_check("wasserstein", HEALTHY, REFERENCE, **COARSE)
        """,
    "test_second": """
        from test_first import COARSE, HEALTHY, REFERENCE

        COLLAPSE_CHECKS = ("test_variance",)

        def test_variance(collapse_check, collapse_seed, collapse_rng, collapse_generate):
            collapse_check("variance", HEALTHY, REFERENCE, **COARSE)
            collapse_generate(10)
        """,
}


def judged(path):
    """Return a report without what differs from run to run."""
    report = json.loads(path.read_text())
    for check in report["checks"]:
        del check["seconds"]
    del report["environment"]
    return report


@pytest.fixture
def both(pytester, process):
    """Run the two gates in one process and in two; return the two results and reports."""

    def run(*arguments):
        pytester.makepyfile(**TWO_GATES)
        for name, workers in (("serial", "0"), ("parallel", "2")):
            report = f"--collapse-report={name}.json"
            result = process("-n", workers, report, "--junitxml=junit.xml", *arguments)
            yield result, judged(pytester.path / f"{name}.json")

    return run


def test_two_processes_judge_as_one(both, last, pytester):
    (alone, report), (spread, same) = both()

    assert report == same
    assert alone.ret == spread.ret == 6
    assert last(alone) == last(spread)
    assert "4 checks, 3 pass, 0 fail, 1 inconclusive, 0 not run" in last(spread)
    spread.stdout.fnmatch_lines(["FAILED test_first.py::test_tight - INCONCLUSIVE*"])
    assert 'message="INCONCLUSIVE' in (pytester.path / "junit.xml").read_text()


def test_a_selection_leaves_shares_and_verdicts_as_they_were(pytester, session):
    pytester.makepyfile(**TWO_GATES)
    session("--collapse-seed=3", "--collapse-report=whole.json")
    whole = judged(pytester.path / "whole.json")
    for selection in (["-k", "variance"], ["test_first.py::test_wasserstein"]):
        result = session("--collapse-seed=3", *selection, "--collapse-report=part.json")
        part = judged(pytester.path / "part.json")["checks"]

        assert result.ret == 6
        assert 0 < len(part) < len(whole["checks"])
        assert all(check in whole["checks"] for check in part)


def test_a_crashed_worker_leaves_its_check_not_run(pytester, process, last):
    files = dict(TWO_GATES)
    files["test_second"] += "    import os\n            os._exit(0)\n"
    pytester.makepyfile(**files)
    result = process("-n", "2", "-k", "variance", "--max-worker-restart=0")

    assert result.ret == 1
    assert "1 not run" in last(result) or "3 not run" in last(result)


def test_an_input_that_cannot_be_read_ends_it_before_any_test(pytester, process, rows):
    (pytester.path / "broken.npy").write_bytes(b"broken")
    result = process(
        "-n", "2", "--pyargs", "collapse_bench.suites.gate",
        "--collapse-samples=broken.npy", "--collapse-reference=reference.npy",
    )  # fmt: skip

    assert result.ret == 4
    result.stdout.fnmatch_lines(["ERROR: *broken.npy*"])
    assert not result.parseoutcomes().get("passed")


def test_the_header_is_there_too(pytester, process, coarse):
    result = process(
        "-n", "2", "--pyargs", "collapse_bench.suites.gate", "-k", "variance",
        "--collapse-samples=healthy.npy", *coarse,
    )  # fmt: skip

    assert result.ret == 6
    result.stdout.fnmatch_lines(
        [
            "collapse: seed 0, device *, profile ci, alpha 0.01, beta 0.01",
            "collapse: gate/test_release: healthy.npy, judged as given: 400 samples against 400 *",
            "*= collapse =*",
        ]
    )
