"""Checks of a model given as a SPEC, in a process of its own: it may hang, crash or exit."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collapse_bench.conformance.execution import Record

__all__ = ["Child"]

# Seconds that a new process gets to import the package and the model before the first check.
START_SECONDS = 120.0
# Seconds that a process gets to stop by itself.
STOP_SECONDS = 5.0


class Child:
    """Runs checks one by one in a child process, which is replaced when it dies or hangs."""

    def __init__(self, spec: str, *, timeout: float | None, **settings: Any) -> None:
        self._spec, self._timeout, self._settings = spec, timeout, settings
        self._context = multiprocessing.get_context("spawn")  # CUDA can't be used after a fork
        self._process: Any = None
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
        """Run the check called ``name`` and return its record."""
        begun = time.perf_counter()
        if self._process is None and (trouble := self._start()):
            return self._lost(name, begun, trouble)
        try:
            self._pipe.send(name)
            if self._pipe.poll(self._timeout):
                record: Record = self._pipe.recv()
                return record
            trouble = f"it must end within the timeout of {self._timeout:g} s; it did not"
        except (EOFError, OSError):
            self._process.join(STOP_SECONDS)
            trouble = f"the model's process ended with exit code {self._process.exitcode}"
        self.stop()
        return self._lost(name, begun, trouble)

    def _start(self) -> str | None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_serve, args=(theirs, self._spec, self._settings), daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            if self._pipe.poll(START_SECONDS):
                self._pipe.recv()  # it says so when it is ready
                return None
            trouble = f"the model's process must start within {START_SECONDS:g} s; it did not"
        except (EOFError, OSError):
            self._process.join(STOP_SECONDS)
            trouble = (
                "the model's process ended before the first check, with exit code "
                f"{self._process.exitcode}"
            )
        self.stop()
        return trouble

    def stop(self) -> None:
        """End the process, by force if it doesn't end itself."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.join(STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()
        self._process = self._pipe = None

    def _lost(self, name: str, begun: float, trouble: str) -> Record:
        from collapse_bench.conformance.execution import Record

        return Record(
            model=self._spec,
            check=name,
            status="failed",
            reason=trouble,
            seconds=time.perf_counter() - begun,
            seed=self._settings["seed"],
        )


def _serve(pipe: Connection, spec: str, settings: dict[str, Any]) -> None:
    """Run in the child: answer each name of a check with its record."""
    from collapse_bench.conformance.catalog import CATALOG
    from collapse_bench.conformance.execution import run_check
    from collapse_bench.conformance.subject import Subject

    subject = Subject(spec, **settings)
    pipe.send("ready")
    while True:
        try:
            name = pipe.recv()
        except EOFError:
            return
        pipe.send(run_check(CATALOG[name], subject))
