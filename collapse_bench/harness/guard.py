"""What a session does when the code it runs ends the process: it is never green.

``os._exit(0)`` in a model would end pytest with code 0 and without a word. Only the standard
library and pytest are imported here.
"""

from __future__ import annotations

import contextlib
import os
from typing import NoReturn

import pytest

from collapse_bench.harness.ledger import FAILED

__all__ = ["arm"]

LINE = (
    "collapse: the process was ended by a call of os._exit({status!r}) in the code under test, "
    "before the session was over: nothing is green, and the exit code is {code}\n"
)


def arm(config: pytest.Config) -> None:
    """Answer calls of ``os._exit`` in this process until the session is over.

    Children that were forked keep theirs, and so does code that holds the function already, or
    that ends the process without Python.
    """
    if isinstance(os._exit, _Guard) and os._exit.config is config:
        return
    guard = _Guard(config)
    os._exit = guard
    config.add_cleanup(guard.disarm)


class _Guard:
    """Stands in the place of ``os._exit``."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._process = os.getpid()
        self._exit = os._exit

    def __call__(self, status: int) -> NoReturn:
        if os.getpid() != self._process:
            self._exit(status)
        with contextlib.suppress(BaseException):  # whatever happens, the process ends below
            self._tell(LINE.format(status=status, code=FAILED))
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
        if os._exit is self:
            os._exit = self._exit
