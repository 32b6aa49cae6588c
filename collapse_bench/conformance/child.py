"""Checks of a model given as a SPEC, in a process of its own: it may hang, crash or exit."""

from __future__ import annotations

import atexit
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, Self

from collapse_bench.conformance.execution import Record, with_snippet
from collapse_bench.conformance.printed import Output, with_printed
from collapse_bench.conformance.serving import LOAD, READY, STOP_SECONDS
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import ModelError

__all__ = ["Child"]

# Seconds that a new process gets to import the package before the first check.
START_SECONDS = 120.0
# How often a process that says nothing is asked whether it still lives: one that it has forked may
# keep its end of the pipe open.
SLICE_SECONDS = 0.2
# How often it is looked whether processes have ended that were told to.
END_SECONDS = 0.02
# What the process runs. Not multiprocessing's own: that would run the caller's script again.
COMMAND = "from collapse_bench.conformance.serving import serve; serve({descriptor}, {parent})"


class _Gone(Exception):
    """The process ended, or was ended, before it answered."""

    def __init__(self, why: str, printed: list[str]) -> None:
        super().__init__(why)
        self.why, self.printed = why, printed


class Child:
    """Runs checks one by one in a child process, which is replaced when it dies or hangs."""

    def __init__(self, subject: Subject, *, timeout: float | None) -> None:
        self._subject, self._timeout = subject, timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Any = None
        self._output: Any = None
        # Why the model can't be had at all: it would do the same before every other check.
        self._never: _Gone | None = None
        self._is_ready = self._is_idle = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def refused(self) -> str | None:
        """Return why the SPEC can't be imported and made, in a sentence; None where it can.

        Raises
        ------
        ModelError
            If no process can be started.
        """
        try:
            said = self._ask(LOAD, f"loading model={self._subject.candidate!r}")
        except _Gone as gone:
            return "; it printed: ".join([gone.why, *gone.printed[-1:]])
        return None if said is None else str(said)

    def run(self, name: str) -> Record:
        """Run the check called ``name`` and return its record.

        Raises
        ------
        ModelError
            If no process can be started.
        """
        begun = time.perf_counter()
        try:
            if self._output is not None:
                self._output.clear()
            self._make_ready()
            record: Record = self._ask(name, "it")
        except _Gone as gone:
            view = self._subject.during(name, self._subject.level)
            return Record(
                model=self._subject.name,
                check=name,
                status="failed",
                reason=with_snippet(with_printed(gone.why, gone.printed), view),
                seconds=time.perf_counter() - begun,
                seed=self._subject.seed,
            )
        if record["status"] == "failed":
            record["reason"] = with_printed(str(record["reason"]), self._output.lines())
        return record

    def _make_ready(self) -> None:
        if self._never is not None:
            raise self._never
        if not self._is_ready:
            try:
                self._ask(READY, "making the model ready, and 8 draws of it,")
            except _Gone as gone:
                self._never = gone
                raise
            self._is_ready = True

    def _ask(self, request: str, what: str) -> Any:
        """Return the process's answer.

        Raises
        ------
        _Gone
            If there is none; the process is then ended.
        """
        if self._process is None:
            self._start()
        self._is_idle = False
        try:
            self._pipe.send(request)
            if self._answers(self._timeout):
                answer = self._pipe.recv()
                self._is_idle = True
                return answer
            why = f"{what} must end within the timeout of {self._timeout:g} s; it did not"
        except (EOFError, OSError):
            why = f"{what} must not end the process: the model's process {self._end()}"
        gone = _Gone(why, self._output.lines())
        self.stop()
        raise gone

    def _answers(self, seconds: float | None) -> bool:
        """Wait for an answer and return whether there is one.

        Raises
        ------
        EOFError
            If the process ended without one.
        """
        assert self._process is not None
        end = math.inf if seconds is None else time.monotonic() + seconds
        while not self._pipe.poll(max(0.0, min(SLICE_SECONDS, end - time.monotonic()))):
            self._output.trim()
            if self._process.poll() is not None and not self._pipe.poll():
                raise EOFError
            if time.monotonic() >= end:
                return False
        return True

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        descriptor = theirs.fileno()
        command = COMMAND.format(descriptor=descriptor, parent=os.getpid())
        self._output = Output()
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", command],  # -u: nothing printed is lost in a crash
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=self._output.file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, which what the model starts belongs to
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_folders(sys.path))},
        )
        theirs.close()
        self._pipe = Connection(ours.detach())
        atexit.register(self.stop)
        subject = self._subject
        settings = {
            "candidate": subject.candidate,
            "reference": subject.portable_reference,
            "seed": subject.seed,
            "alpha": subject.alpha,
            "beta": subject.beta,
            "budget": subject.budget,
            "arguments": subject.arguments,
        }
        try:
            self._pipe.send(settings)
            if self._answers(START_SECONDS):
                self._pipe.recv()  # it says so when it is ready
                return
            trouble = f"did not start within {START_SECONDS:g} s"
        except (EOFError, OSError):
            trouble = self._end()
        sentence = f"the process for {subject.name} must start before a check; it {trouble}"
        sentence = "; it printed: ".join([sentence, *self._output.lines()[-1:]])
        self.stop()
        raise ModelError(sentence)

    def _end(self) -> str:
        """Return how a process has ended that has closed its end of the pipe."""
        assert self._process is not None
        if (code := _code(self._process)) is None:
            return "no longer answers"
        if code >= 0:
            return f"ended with exit code {code}"
        named = -code in set(signal.Signals)
        return f"was ended by {signal.Signals(-code).name if named else f'signal {-code}'}"

    def stop(self) -> None:
        """End the process: let it end if it is idle, else end it and what it has started."""
        if self._process is None:
            return
        self._pipe.close()  # one that is idle then ends by itself, and the model cleans up
        if not self._is_idle or _code(self._process) is None:
            _end_group(self._process)
        self._output.close()
        self._process = self._pipe = self._output = None
        self._is_ready = self._is_idle = False
        atexit.unregister(self.stop)


def _code(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code of a process that is about to end; None if it doesn't."""
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started, by force if they don't end when told to."""
    end = time.monotonic() + STOP_SECONDS
    _signal(process.pid, signal.SIGTERM)
    while _signal(process.pid, 0) and time.monotonic() < end:
        process.poll()  # until it is waited for, it belongs to its group
        time.sleep(END_SECONDS)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: int) -> bool:
    """Send a signal to a group of processes and return whether there is one."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # the latter where all have ended, on macOS
        return False
    return True


def _folders(paths: Sequence[str]) -> list[str]:
    """Return where modules are found, the current directory by its name."""
    return [path or os.getcwd() for path in paths]
