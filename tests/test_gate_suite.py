"""The release gate has teeth: what is healthy passes, what collapses fails, wherever it runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SUITE = "collapse_bench.suites.gate.test_release"
NOT_COMPARED = {"nodeid", "seconds"}


@pytest.fixture
def run(tmp_path):
    """Run the gate in a process of its own; return its code, what it printed and its report."""

    def runner(*arguments, folder=tmp_path, path=(ROOT, ROOT / "tests/plugin"), plugin="checkout"):
        report = folder / "report.json"
        report.unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
        plugins = ["-p", plugin, "-p", "collapse_bench.plugin", "-p", "no:cacheprovider"]
        result = subprocess.run(
            [sys.executable, "-m", "pytest", *plugins, f"--collapse-report={report}", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        document = json.loads(report.read_text()) if report.exists() else None
        return result.returncode, result.stdout + result.stderr, document

    return runner


def test_the_default_case_passes(run):
    code, printed, report = run("--pyargs", SUITE)

    assert code == 0, printed
    assert report["summary"]["pass"] == 3
    assert report["gates"][0]["model"] == "two-gaussians"


FOUNDERS = """
import pytest
from collapse_bench.data import two_gaussians
from collapse_bench.models import Gaussian


class Changed:
    def __init__(self, change):
        self.change = change

    def sample(self, size, *, rng):
        return self.change(two_gaussians().sample(size, rng=rng))


FOUNDERS = {
    "shrunk": Changed(lambda x: 0.7 * x),
    "one_mode_of_two": Changed(abs),
    "moments_only": Gaussian(0.0, 5.0),
}


@pytest.fixture(scope="session", params=FOUNDERS)
def collapse_founder(request):
    return FOUNDERS[request.param]
"""


def test_what_collapses_fails(run, tmp_path):
    (tmp_path / "conftest.py").write_text(FOUNDERS)
    code, printed, report = run("--pyargs", SUITE)
    failing = [
        {
            check["metric"]
            for check in report["checks"]
            if check["model"] == gate["model"] and check["outcome"] == "fail"
        }
        for gate in report["gates"]
    ]

    assert code == 1, printed
    assert failing[0] == {"tail_mass", "variance", "wasserstein"}
    assert failing[1] >= {"variance", "wasserstein"}
    assert "wasserstein" in failing[2]
    assert "variance" not in failing[2]


def compared(report):
    """Return everything that must not depend on where the gate runs, as text."""
    checks = [
        {name: value for name, value in check.items() if name not in NOT_COMPARED}
        for check in report["checks"]
    ]
    return json.dumps([report["gates"], checks, report["summary"], report["recorded"]])


@pytest.mark.slow
def test_checkout_wheel_and_another_directory_give_the_same_bytes(run, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("collapse_bench", "fixtures", "suites"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name in ("README.md", "LICENSE"):  # their text doesn't matter here
        (copy / name).touch()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(copy)]
    subprocess.run([*pip, *build], check=True)
    site = tmp_path / "site"
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)

    rng = np.random.default_rng(0)
    rows = rng.standard_normal((2, 1000, 1))
    gate = ("--collapse-samples=s.npy", "--collapse-reference=r.npy", "--collapse-seed=5")
    reports = []
    for name, target, path, plugin in (
        ("wheel", ["--pyargs", SUITE], (site,), "collapse_bench.plugin"),
        ("checkout", [str(ROOT / "suites/gate")], (ROOT, ROOT / "tests/plugin"), "checkout"),
        ("elsewhere", ["--pyargs", SUITE], (ROOT, ROOT / "tests/plugin"), "checkout"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        np.save(folder / "s.npy", rows[0])
        np.save(folder / "r.npy", rows[1])
        code, printed, report = run(*target, *gate, folder=folder, path=path, plugin=plugin)
        assert code in (1, 6), printed
        reports.append(compared(report))

    assert len(json.loads(reports[0])[1]) == 3
    assert len(set(reports)) == 1
