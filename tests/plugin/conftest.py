"""Sessions of pytest on files of a test's own, and small samples to judge in them."""

import json
import os
import sys
from pathlib import Path

import datasets  # noqa: F401
import numpy as np
import pytest
import sklearn.datasets  # noqa: F401
import torch  # noqa: F401

# Loaded before a session starts in this process, like the three above: pytester unloads what a
# session imports, and extension modules can't be loaded twice.
from collapse_bench import engine, gates  # noqa: F401
from collapse_bench.harness import judging

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GATE = ("--pyargs", "collapse_bench.suites.gate.test_release")

# Hypothesis' plugin would import all of it at the end of every session.
LEAN = ("-p", "collapse_bench.plugin", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")

# Effect sizes that 400 samples can decide; the shipped ones need tens of thousands.
COARSE = tuple(
    f"--collapse-{side}={name}={value}"
    for name in ("tail_mass", "variance", "wasserstein")
    for side, value in (("tolerate", 0.2), ("detect", 0.9))
)


@pytest.fixture
def session(pytester, monkeypatch):
    """Run pytest here, in the process of the test: quick, but only one at a time."""
    monkeypatch.setattr(judging, "PERMUTATIONS", 999)  # a tenth; enough for the shares of alpha

    return lambda *arguments: pytester.runpytest_inprocess(*LEAN, *map(str, arguments))


@pytest.fixture
def process(pytester, monkeypatch):
    """Run pytest in a process of its own."""
    path = os.pathsep.join([str(ROOT), str(HERE)])
    monkeypatch.setenv("PYTHONPATH", path + os.pathsep + os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    command = (sys.executable, "-m", "pytest", "-p", "checkout", *LEAN)
    return lambda *arguments: pytester.run(*command, *map(str, arguments))


@pytest.fixture
def rows(pytester):
    """Write files of 400 normal rows: ``reference.npy``, ``healthy.npy`` and ``half.npy``."""
    rng = np.random.default_rng(20261122)
    np.save(pytester.path / "reference.npy", rng.standard_normal((400, 1)))
    healthy = rng.standard_normal((400, 1))
    np.save(pytester.path / "healthy.npy", healthy)
    np.save(pytester.path / "half.npy", healthy / 2)


@pytest.fixture
def coarse(rows):
    """Options with which 400 rows of a healthy sample pass against ``reference.npy``."""
    return ("--collapse-reference=reference.npy", *COARSE)


@pytest.fixture
def judge(session, coarse):
    """Judge a file of samples against ``reference.npy`` by the shipped gate."""
    return lambda samples, *arguments: session(
        *GATE, f"--collapse-samples={samples}", *coarse, *arguments
    )


@pytest.fixture
def gate(session):
    """Run the shipped gate with any options."""
    return lambda *arguments: session(*GATE, *arguments)


@pytest.fixture
def report(pytester):
    """Return the report that a session wrote to ``r.json``."""
    return lambda: json.loads((pytester.path / "r.json").read_text())


@pytest.fixture
def verdicts(report):
    """Return the verdicts of a session by the id of the check, and nothing of where it ran."""

    def found():
        left_out = {"nodeid", "seconds"}
        return {
            check["id"]: {name: value for name, value in check.items() if name not in left_out}
            for check in report()["checks"]
        }

    return found


@pytest.fixture
def last():
    """Return the last line that a session printed."""
    return lambda result: [line for line in result.outlines if line.strip()][-1]
