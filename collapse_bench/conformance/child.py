"""Checks of a model given as a SPEC, in a process of its own: it may hang, crash or exit."""

from __future__ import annotations

import atexit
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.execution import Record, make_ready, run_check, with_snippet
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import InvalidSpec, ModelError

__all__ = ["Child"]

# Seconds that a new process gets to import the package before the first check.
START_SECONDS = 120.0
# Seconds that a process gets to stop by itself.
STOP_SECONDS = 5.0
# How often a process that says nothing is asked whether it still lives: one that it has forked may
# keep its end of the pipe open.
SLICE_SECONDS = 0.2
# What is asked of a process before it is asked for a check by its name.
LOAD, READY = "load", "ready"
# What the process runs. Not multiprocessing's own: that would run the caller's script again.
COMMAND = "from collapse_bench.conformance.child import serve; serve({descriptor})"


class Child:
    """Runs checks one by one in a child process, which is replaced when it dies or hangs."""

    def __init__(self, subject: Subject, *, timeout: float | None) -> None:
        self._subject, self._timeout = subject, timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Any = None
        # Why the model can't be had at all: it would do the same before every other check.
        self._never: str | None = None
        self._is_ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def refused(self) -> str | None:
        """Return why the SPEC names no model, in a sentence; None where it does.

        What else the model does when it is made, such as to end its process, is left to the checks.

        Raises
        ------
        ModelError
            If no process can be started.
        """
        said, self._never = self._ask(LOAD, "loading the model")
        return None if said is None else str(said)

    def run(self, name: str) -> Record:
        """Run the check called ``name`` and return its record.

        Raises
        ------
        ModelError
            If no process can be started.
        """
        begun = time.perf_counter()
        if self._never is None and not self._is_ready:
            _, self._never = self._ask(READY, "making the model ready, and 8 draws of it,")
            self._is_ready = self._never is None
        trouble = self._never
        if trouble is None:
            record, trouble = self._ask(name, "it")
            if trouble is None:
                found: Record = record
                return found
        return Record(
            model=self._subject.name,
            check=name,
            status="failed",
            reason=with_snippet(trouble, self._subject.during(name, self._subject.level)),
            seconds=time.perf_counter() - begun,
            seed=self._subject.seed,
        )

    def _ask(self, request: str, what: str) -> tuple[Any, str | None]:
        """Return the process's answer, or what became of the process instead."""
        if self._process is None:
            self._start()
        try:
            self._pipe.send(request)
            if self._answers(self._timeout):
                return self._pipe.recv(), None
            trouble = f"{what} must end within the timeout of {self._timeout:g} s; it did not"
        except (EOFError, OSError):
            trouble = f"{what} must not end the process: the model's process ended with exit code "
            trouble += str(self._ended())
        self.stop()
        return None, trouble

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
            if self._process.poll() is not None and not self._pipe.poll():
                raise EOFError
            if time.monotonic() >= end:
                return False
        return True

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        descriptor = theirs.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND.format(descriptor=descriptor)],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
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
            trouble = f"ended with exit code {self._ended()}"
        self.stop()
        raise ModelError(f"the process for {subject.name} must start before a check; it {trouble}")

    def _ended(self) -> int | None:
        """Return the exit code of a process that has closed its end of the pipe."""
        assert self._process is not None
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the process, by force if it doesn't end itself."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe.close()
        self._process = self._pipe = None
        self._is_ready = False
        atexit.unregister(self.stop)


def serve(descriptor: int) -> None:
    """Run in the child: make the model, then answer each name of a check with its record."""
    pipe = Connection(descriptor)
    subject = Subject(**pipe.recv())
    pipe.send("started")
    while True:
        try:
            request = pipe.recv()
        except EOFError:
            return
        if request == LOAD:
            pipe.send(_refusal(subject))
        elif request == READY:
            make_ready(subject)
            pipe.send(None)
        else:
            pipe.send(run_check(CATALOG[request], subject))


def _refusal(subject: Subject) -> str | None:
    """Return the sentence with which a SPEC is refused, if it is."""
    try:
        subject.blueprint()
    except InvalidSpec as error:
        return str(error)
    except (Exception, SystemExit):  # the checks will say
        pass
    return None


def _folders(paths: Sequence[str]) -> list[str]:
    """Return where modules are found, the current directory by its name."""
    return [path or os.getcwd() for path in paths]
