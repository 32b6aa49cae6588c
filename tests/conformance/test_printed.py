"""What a model given as a SPEC prints is kept from the terminal, and told where a check fails."""

import os
import sys

import pytest

from collapse_bench.conformance import check_model
from collapse_bench.conformance.printed import Output

FILE = """
import os
import time

from collapse_bench.models import Gaussian


class Talks(Gaussian):
    calls = 0

    def sample(self, size, *, rng):
        if size > 8:
            Talks.calls += 1
            print("call", Talks.calls)
            os.write(2, b"\\x1b[2J\\0 \\xff\\n")
        return super().sample(size, rng=rng)


class Shouts(Talks):
    def sample(self, size, *, rng):
        super().sample(size, rng=rng)
        if size > 8:
            for n in range(8):
                print("line", n, n * "much ")
            print(300 * "x")
            raise ValueError("no\\nreproduce it with\\n")


class Counts(Talks):
    def sample(self, size, *, rng):
        drawn = super().sample(size, rng=rng)
        assert size <= 8
        return drawn


class LastWords(Gaussian):
    def sample(self, size, *, rng):
        if size > 8:
            print("last words", end="")
            os._exit(3)
        return super().sample(size, rng=rng)


class Floods(Gaussian):
    def sample(self, size, *, rng):
        if size > 8:
            print((3 << 20) * ".")
            end = time.monotonic() + 10
            while os.fstat(1).st_size >= 1 << 20:
                assert time.monotonic() < end
                time.sleep(0.02)
        return super().sample(size, rng=rng)
"""
CHECKS = ["check_seed_determinism", "check_fit_returns_new"]


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "talkers.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield "talkers"
    sys.modules.pop("talkers", None)


def test_what_a_model_prints_is_kept_from_the_terminal(module, capfd):
    (record,) = check_model(f"{module}:Talks", checks=CHECKS[0])

    assert capfd.readouterr() == ("", "")
    assert "printed" not in str(record["reason"])


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
def test_a_failure_tells_the_last_lines_that_were_printed(module, capfd):
    (record,) = check_model(f"{module}:Shouts", "warn", checks=CHECKS[0])
    lines = record["reason"].splitlines()

    assert capfd.readouterr() == ("", "")
    assert lines[1:4] == ["it printed:", r"    \x1b[2J\x00 \xff", "    line 0"]
    assert lines[10:13] == [
        "    line 7 much much much much much much much",
        "    " + 200 * "x",
        "reproduce it with",
    ]
    assert lines[-1] == f"    {CHECKS[0]}('{module}:Shouts', seed=0)"


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
def test_what_was_printed_before_a_check_is_not_told(module):
    first, second = check_model(f"{module}:Counts", "warn", checks=CHECKS)

    assert "    call 1\n" in first["reason"]
    assert "    call 1\n" not in second["reason"]
    assert "    call " in second["reason"]


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
def test_a_process_that_dies_leaves_its_last_words(module, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    (record,) = check_model(f"{module}:LastWords", "warn", checks=CHECKS[0])

    assert "exit code 3\nit printed:\n    last words\nreproduce" in record["reason"]


def test_the_end_of_much_output_is_kept(module):
    output = Output()
    os.write(output.file.fileno(), (2 << 20) * b"." + b"\nlast\n")
    output.trim()
    os.write(output.file.fileno(), b"later\n")

    assert os.fstat(output.file.fileno()).st_size < 20_000
    assert output.lines() == [200 * ".", "last", "later"]
    output.close()
    check_model(f"{module}:Floods", checks=CHECKS[0])
