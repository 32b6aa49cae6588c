"""Checks of a model given as a SPEC, in a process of its own: it may hang, crash or exit."""

from __future__ import annotations

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
from collapse_bench.conformance.execution import Record, run_check, with_snippet
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import ModelError

__all__ = ["Child"]

# Seconds that a new process gets to import the package before the first check.
START_SECONDS = 120.0
# Seconds that a process gets to stop by itself.
STOP_SECONDS = 5.0
# What the process runs. Not multiprocessing's own: that would run the caller's script again.
COMMAND = "from collapse_bench.conformance.child import serve; serve({descriptor})"


class Child:
    """Runs checks one by one in a child process, which is replaced when it dies or hangs."""

    def __init__(self, subject: Subject, *, timeout: float | None) -> None:
        self._subject, self._timeout = subject, timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def run(self, name: str) -> Record:
        """Run the check called ``name`` and return its record.

        Raises
        ------
        ModelError
            If no process can be started.
        """
        begun = time.perf_counter()
        if self._process is None:
            self._start()
        try:
            self._pipe.send(name)
            if self._pipe.poll(self._timeout):
                record: Record = self._pipe.recv()
                return record
            trouble = f"it must end within the timeout of {self._timeout:g} s; it did not"
        except (EOFError, OSError):
            trouble = f"the model's process ended with exit code {self._ended()}"
        self.stop()
        return Record(
            model=self._subject.name,
            check=name,
            status="failed",
            reason=with_snippet(trouble, self._subject.during(name, self._subject.level)),
            seconds=time.perf_counter() - begun,
            seed=self._subject.seed,
        )

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
        subject = self._subject
        settings = {
            "candidate": subject.candidate,
            "reference": subject.reference,
            "seed": subject.seed,
            "alpha": subject.alpha,
            "beta": subject.beta,
            "budget": subject.budget,
            "arguments": subject.arguments,
        }
        try:
            self._pipe.send(settings)
            if self._pipe.poll(START_SECONDS):
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


def serve(descriptor: int) -> None:
    """Run in the child: answer each name of a check with its record."""
    pipe = Connection(descriptor)
    subject = Subject(**pipe.recv())
    pipe.send("ready")
    while True:
        try:
            name = pipe.recv()
        except EOFError:
            return
        pipe.send(run_check(CATALOG[name], subject))


def _folders(paths: Sequence[str]) -> list[str]:
    """Return where modules are found, the current directory by its name."""
    return [path or os.getcwd() for path in paths]
