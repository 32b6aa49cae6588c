"""A model given as a SPEC runs in a process of its own, which may hang, crash or exit."""

import os
import subprocess
import sys

import pytest

from collapse_bench.conformance import ConformanceWarning, check_model

FILE = """
import os
import time

from collapse_bench.models import Gaussian


class Fine(Gaussian):
    pass


class Hangs(Gaussian):
    def sample(self, size, *, rng):
        if size > 8:
            time.sleep(60)
        return super().sample(size, rng=rng)


class Dies(Gaussian):
    def sample(self, size, *, rng):
        if size > 8:
            os._exit(3)
        return super().sample(size, rng=rng)
"""
CHECKS = ["check_seed_determinism", "check_fit_returns_new"]


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "strangers.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield "strangers"
    sys.modules.pop("strangers", None)


def test_the_records_are_those_of_the_class_itself(module):
    from_spec = check_model(f"{module}:Fine", checks=CHECKS)
    import strangers  # type: ignore[import-not-found]

    here = check_model(strangers.Fine, checks=CHECKS)

    for ours, theirs in zip(from_spec, here, strict=True):
        assert (ours["status"], ours["reason"]) == (theirs["status"], theirs["reason"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("Hangs", "must end within the timeout of 3 s"), ("Dies", "process ended with exit code 3")],
)
def test_what_a_model_does_to_its_process_is_that_checks_failure(module, name, sentence):
    with pytest.warns(ConformanceWarning):
        records = check_model(f"{module}:{name}", "warn", checks=CHECKS, timeout=3.0)

    assert sentence in records[0]["reason"]
    assert [record["check"] for record in records] == CHECKS


def test_a_script_needs_no_guard(tmp_path, module):
    script = tmp_path / "script.py"
    script.write_text(
        "from collapse_bench.conformance import check_model\n"
        f"print(check_model('{module}:Fine', checks='check_seed_determinism')[0]['status'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    result = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=environment, check=False
    )

    assert (result.stdout, result.returncode) == ("passed\n", 0), result.stderr


def test_a_failure_in_the_child_prints_code_that_repeats_it(module):
    with pytest.warns(ConformanceWarning):
        (record,) = check_model(f"{module}:Dies", "warn", checks=CHECKS[0])

    assert f"    check_seed_determinism('{module}:Dies', seed=0)" in record["reason"].splitlines()
