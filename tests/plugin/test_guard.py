"""Code under test that ends the process, in whatever way, never makes a session green."""

import os
import sys

import pytest

SAID = "*collapse: the process was ended by a call of os._exit(*) in the code under test*"
FUNCTIONS = [(module, name) for module in ("os", "posix") for name in ("_exit", "execv", "execve")]

MODEL = """
import os
import sys

import numpy as np

{top}

class Model:
    def fit(self, samples, *, rng):
        {fit}
        return self

    def sample(self, size, *, rng):
        {sample}
        return rng.normal(size=(size, 1))
"""


GATE = (
    *("--pyargs", "collapse_bench.suites.gate.test_release", "-k", "variance"),
    *("--collapse-model=shaky:Model", "--collapse-reference=reference.npy"),
)


@pytest.fixture
def shaky(pytester, rows):
    """Write a model that does something at a place."""

    def write(place, what):
        places = {"top": "", "fit": "pass", "sample": "pass", place: what}
        pytester.makepyfile(shaky=MODEL.format(**places))

    return write


@pytest.fixture
def ended(shaky, process):
    """Judge such a model; return the result of the whole process."""

    def run(place, what, *arguments):
        shaky(place, what)
        return process(*GATE, *arguments)

    return run


@pytest.mark.parametrize("place", ["top", "fit", "sample"])
def test_os_exit_in_a_model_is_never_green(ended, place):
    result = ended(place, "os._exit(0)")

    assert result.ret == 1
    result.stderr.fnmatch_lines([SAID])


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("os.execlp('true', 'true')", "os.execv(*/true')"),
        ("os.execv('/bin/true', ['true'])", "os.execv('/bin/true')"),
        ("__import__('posix')._exit(0)", "posix._exit(0)"),
        ("__import__('posix').execve('/bin/true', ['x'], {'A': 'B'})", "posix.execve('/bin/true')"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="programs of POSIX")
def test_nor_is_another_way_to_end_it_or_another_program_in_its_place(ended, what, said):
    result = ended("sample", what)

    assert result.ret == 1
    result.stderr.fnmatch_lines([SAID.replace("os._exit(*)", said)])


def test_nor_in_a_thread_of_it(ended):
    thread = "__import__('threading').Thread(target=os._exit, args=('no number',)).start()"
    result = ended("sample", f"{thread}; __import__('time').sleep(60)", "-s")

    assert result.ret == 1
    result.stderr.fnmatch_lines([SAID])


@pytest.mark.parametrize("place", ["top", "fit", "sample"])
@pytest.mark.parametrize("what", ["sys.exit(0)", "raise SystemExit"])
def test_neither_is_sys_exit(shaky, session, place, what):
    shaky(place, what)
    result = session(*GATE)

    assert result.ret == (4 if place == "top" else 1)
    assert "shaky" in str(result.stderr if place == "top" else result.stdout)


def test_nor_what_ends_the_session_or_the_process_otherwise(shaky, session, ended):
    shaky("sample", "import pytest; pytest.exit('over', returncode=0)")
    assert session(*GATE).ret == 1
    assert ended("sample", "os.kill(os.getpid(), 9)").ret not in (0, 5)


def test_a_test_that_ends_the_session_leaves_its_ledger_undecided(pytester, session):
    pytester.makepyfile(
        "import pytest\nCOLLAPSE_CHECKS = ('test_it',)\n"
        "def test_it(collapse_check): pytest.exit('over', returncode=0)"
    )

    assert session().ret == 6


def test_children_end_as_they_like(ended):
    fork = (
        "child = os.fork()\n        if child == 0: os._exit(7)\n"
        "        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "        import multiprocessing\n"
        "        other = multiprocessing.get_context('fork').Process(target=os._exit, args=(3,))\n"
        "        other.start(); other.join(); assert other.exitcode == 3\n"
        "        other = multiprocessing.get_context('spawn').Process(target=os.getpid)\n"
        "        other.start(); other.join(); assert other.exitcode == 0\n"
        "        import subprocess\n"
        "        assert subprocess.run(['/bin/sh', '-c', 'exit 5']).returncode == 5\n"
        "        assert os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', 'exit 6') == 6"
    )
    result = ended("sample", fork, "--collapse-max-samples=200", "-W", "ignore")

    assert result.ret == 6  # too few draws to decide, and checks that weren't selected
    assert "collapse: the process" not in result.stderr.str()


@pytest.mark.parametrize("place", ["top", "sample"])
def test_a_worker_that_ends_is_not_green(ended, place):
    pytest.importorskip("xdist")
    result = ended(place, "os._exit(0)", "-n", "1", "--max-worker-restart=0")

    assert result.ret == 1
    (line,) = [line for line in result.outlines if line.startswith("collapse: ")][-1:]
    assert ("worker gw0 ended before its tests: " in line) or "3 not run" in line


def test_sessions_without_a_gate_are_left_alone(pytester, process):
    pytester.makepyfile("import os\ndef test_it(): os._exit(9)")

    assert process().ret == 9


def test_a_gate_of_ones_own_is_guarded_without_any_option(pytester, process):
    pytester.makepyfile(
        "import os\nCOLLAPSE_CHECKS = ('test_it',)\ndef test_it(collapse_check): os._exit(0)"
    )
    result = process("-q")

    assert result.ret == 1
    result.stderr.fnmatch_lines([SAID])


def test_the_functions_are_put_back_after_the_session(pytester, session):
    before = [getattr(sys.modules[module], name) for module, name in FUNCTIONS]
    pytester.makepyfile(
        f"""
        import sys
        COLLAPSE_CHECKS = ("test_it",)
        def test_it(collapse_check):
            for module, name in {FUNCTIONS}:
                found = type(getattr(sys.modules[module], name))
                assert found.__module__ == "collapse_bench.harness.guard"
        """
    )
    session().assert_outcomes(passed=1)

    assert [getattr(sys.modules[module], name) for module, name in FUNCTIONS] == before
