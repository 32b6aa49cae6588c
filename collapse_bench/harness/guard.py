"""What a session does when the code it runs ends the process: it is never green.

``os._exit(0)`` in a model would end pytest with code 0 and without a word, and so would another
program in its place. Only the standard library and pytest are imported here.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from types import ModuleType
from typing import Any

import pytest

from collapse_bench.harness.ledger import FAILED

__all__ = ["arm"]

ENDINGS = ("_exit", "execv", "execve")  # every other exec* of ``os`` calls one of these
EXIT = os._exit  # whatever stands in its place later
LONGEST = 200  # characters of an argument
LINE = (
    "collapse: the process was ended by a call of {call} in the code under test, "
    "before the session was over: nothing is green, and the exit code is {code}\n"
)


def arm(config: pytest.Config) -> None:
    """Answer calls that end this process, or put another program in its place, until it is over.

    Those of ``os`` and of the built-in module below it. Children that were forked keep theirs, and
    so does code that holds a function already, or that ends the process without Python.
    """
    if isinstance(os._exit, _Guard) and os._exit.config is config:
        return
    for module in (os, importlib.import_module(os.name)):  # posix, or nt
        for name in ENDINGS:
            guard = _Guard(config, module, name)
            setattr(module, name, guard)
            config.add_cleanup(guard.disarm)


class _Guard:
    """Stands in the place of a function that ends the process."""

    def __init__(self, config: pytest.Config, module: ModuleType, name: str) -> None:
        self.config = config
        self._module, self._name = module, name
        self._process = os.getpid()
        self._real = getattr(module, name)
        self._exit = EXIT

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if os.getpid() != self._process:
            return self._real(*arguments, **named)
        with contextlib.suppress(BaseException):  # whatever happens, the process ends below
            first = repr([*arguments, *named.values()][0])[:LONGEST]  # not what execve hands on
            call = f"{self._module.__name__}.{self._name}({first})"
            self._tell(LINE.format(call=call, code=FAILED))
        self._exit(FAILED)

    def _tell(self, line: str) -> None:
        """Write to the real stderr, past pytest's capture, after what stdout has to say."""
        plugins = self.config.pluginmanager
        if capture := plugins.get_plugin("capturemanager"):
            capture.suspend(in_=False)
        if terminal := plugins.get_plugin("terminalreporter"):
            terminal.flush()
        os.write(2, f"\n{line}".encode())

    def disarm(self) -> None:
        """Put the function back, unless somebody replaced it meanwhile."""
        if getattr(self._module, self._name) is self:
            setattr(self._module, self._name, self._real)
