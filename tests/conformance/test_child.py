"""A model given as a SPEC runs in a process of its own, which may hang, crash or exit."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from collapse_bench import conformance
from collapse_bench.conformance import ConformanceWarning, all_checks, check_model, child
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import InvalidSpec

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


class Unborn(Gaussian):
    def __init__(self):
        assert os.environ["HERE"] != str(os.getpid()), "made here"
        with open("made", "a") as file:
            file.write("x")
        os._exit(0)


class Never(Gaussian):
    def fit(self, samples, *, rng):
        time.sleep(60)


class Deaf(Gaussian):
    def sample(self, size, *, rng):
        import signal

        if size > 8:
            with open("deaf", "w") as file:
                file.write(str(os.getpid()))
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        return super().sample(size, rng=rng)


class Forks(Gaussian):
    def sample(self, size, *, rng):
        if size > 8:
            if os.fork() == 0:
                time.sleep(20)  # with the pipe open
            os._exit(3)
        return super().sample(size, rng=rng)


class Lingers(Gaussian):
    # It hangs, and so does what it has started; the lock is theirs for as long as one lives.
    def sample(self, size, *, rng):
        import fcntl
        import signal
        from collapse_bench.conformance import serving

        if size > 8:
            serving.STOP_SECONDS = 0.1  # of this process
            lock = open("lock", "w")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                open("there", "w").close()
            time.sleep(60)
            os._exit(0)
        return super().sample(size, rng=rng)


class Tidy(Gaussian):
    def __init__(self):
        import atexit

        super().__init__(0.0, 1.0)
        atexit.register(open, "tidied", "w")


class Odd(BaseException):
    pass


class Mute(BaseException):
    def __str__(self):
        raise KeyboardInterrupt


class Raises(Gaussian):
    how = Odd("so be it")

    def sample(self, size, *, rng):
        if size > 8:
            raise self.how
        return super().sample(size, rng=rng)


class Interrupts(Raises):
    how = KeyboardInterrupt()


class Mumbles(Raises):
    how = Mute()


class Breaks(Raises):
    number = 11

    def sample(self, size, *, rng):
        if size > 8:
            os.kill(os.getpid(), self.number)
        return super().sample(size, rng=rng)


class BreaksOddly(Breaks):
    number = 40


class Aborted(Gaussian):
    def __init__(self):
        raise KeyboardInterrupt


def not_even_made():
    time.sleep(60)
"""
CHECKS = ["check_seed_determinism", "check_fit_returns_new"]


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "strangers.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HERE", str(os.getpid()))
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


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
def test_a_model_that_is_made_nowhere_else_may_exit_when_it_is_made(module, tmp_path):
    records = check_model(f"{module}:Unborn", "warn")

    assert {record["status"] for record in records} == {"failed"}
    assert all(
        record["reason"].startswith(
            "making the model ready, and 8 draws of it, must not end the process: the model's "
            "process ended with exit code 0"
        )
        for record in records
    )
    assert (tmp_path / "made").read_text() == "x"  # once, not for each check
    assert module not in sys.modules


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
def test_a_model_that_is_never_ready_is_waited_for_once(module):
    records = check_model(f"{module}:Never", "warn", timeout=1.0)

    assert len(records) == len(all_checks())
    assert all("must end within the timeout of 1 s; it did not" in r["reason"] for r in records)
    assert sum(record["seconds"] for record in records[1:]) < 1


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
def test_a_process_that_will_not_end_is_killed(module, tmp_path, monkeypatch):
    monkeypatch.setattr(child, "STOP_SECONDS", 0.3)
    check_model(f"{module}:Deaf", "warn", checks=CHECKS[0], timeout=1.0)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "deaf").read_text()), 0)


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
def test_what_a_model_has_forked_is_not_waited_for(module, capfd):
    begun = time.perf_counter()
    (record,) = check_model(f"{module}:Forks", "warn", checks=CHECKS[0])

    assert "process ended with exit code 3" in record["reason"]
    assert time.perf_counter() - begun < 15


def test_a_reference_need_not_be_known_to_the_other_process(module):
    class Law:  # can't be pickled
        def sample(self, size, *, rng):
            return 5.0 + rng.standard_normal((size, 1))

    (record,) = check_model(f"{module}:Fine", checks=CHECKS[0], reference=Law())

    assert record["status"] == "passed"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("rows.csv", r"a file of samples: give pathlib.Path\('rows.csv'\) where a model is wanted"),
        ("gausian", "did you mean 'gaussian'"),
        ("flows.py:Flow", "a path: write 'flows:Flow'"),
    ],
)
def test_what_cannot_be_a_spec_is_refused_before_any_check(spec, sentence):
    with pytest.raises(InvalidSpec, match=sentence):
        check_model(spec)
    with pytest.raises(InvalidSpec, match=sentence):
        getattr(conformance, CHECKS[0])(spec)


def test_a_file_of_samples_is_a_model_by_its_path(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + "\n".join(f"{n},{n * n % 17}" for n in range(50)))

    (record,) = check_model(path, checks=CHECKS[0])
    assert (record["model"], record["status"]) == ("rows", "passed")


def is_free(path):
    """Return whether nobody who locked the file is alive."""
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def waited_for(what, seconds):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.02)
    return what()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_process_that_asked(tmp_path, module, number):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    call = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # if ignored
        f"import collapse_bench.conformance as c; c.check_model('{module}:Lingers')"
    )
    script = subprocess.Popen(
        [sys.executable, "-c", call], env=environment, stderr=subprocess.DEVNULL
    )
    assert waited_for((tmp_path / "there").exists, 30)
    assert not is_free("lock")
    script.send_signal(number)
    script.wait(20)

    assert waited_for(lambda: is_free("lock"), 10)


@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
def test_what_a_model_has_started_is_ended_with_it(module, monkeypatch):
    monkeypatch.setattr(child, "STOP_SECONDS", 0.3)
    check_model(f"{module}:Lingers", "warn", checks=CHECKS[0], timeout=1.0)

    assert waited_for(lambda: is_free("lock"), 10)


def test_a_model_whose_process_is_idle_cleans_up(module, tmp_path):
    check_model(f"{module}:Tidy", checks=CHECKS[0])

    assert (tmp_path / "tidied").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Raises", "the model raised Odd: so be it\n"),
        ("Interrupts", "the model raised KeyboardInterrupt\n"),
        ("Mumbles", "the model raised Mute\n"),
        ("Breaks", "process was ended by SIGSEGV\n"),
        ("BreaksOddly", "process was ended by signal 40\n"),
    ],
)
@pytest.mark.filterwarnings("ignore::collapse_bench.conformance.ConformanceWarning")
def test_whatever_ends_a_check_is_named(module, name, sentence):
    (record,) = check_model(f"{module}:{name}", "warn", checks=CHECKS[0])

    assert sentence in record["reason"]
    assert record["reason"].endswith(f"    {CHECKS[0]}('{module}:{name}', seed=0)")


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("exits", "import os\nprint('bye')\nos._exit(5)", "exit code 5; it printed: bye"),
        ("leaves", "raise SystemExit(5)", "SystemExit: 5"),
        ("stops", "raise KeyboardInterrupt", "but it raised KeyboardInterrupt"),
        ("strangers:Unborn", None, "ended with exit code 0"),
        ("strangers:Aborted", None, "but it raised KeyboardInterrupt"),
        ("strangers:not_even_made", None, "must end within the timeout of 1 s; it did not"),
        ("strangers:Fine", None, None),
    ],
)
def test_what_cannot_be_imported_and_made_is_refused(module, tmp_path, name, code, sentence):
    if code is not None:
        (tmp_path / f"{name}.py").write_text(code)
        name += ":Model"
    timeout = 1.0 if "not_even_made" in name else None
    with child.Child(Subject(name), timeout=timeout) as process:
        refusal = process.refused()

    if sentence is None:
        assert refusal is None
    else:
        assert sentence in refusal
        assert f"model={name!r}" in refusal
        assert "\n" not in refusal
