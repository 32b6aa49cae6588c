"""A limit on the time that a model may take, inside one process."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from collapse_bench.errors import InvalidArgument

__all__ = ["TooLong", "check_timeout", "time_limit"]


# Seconds between two rings, and until an alarm that was due meanwhile.
AGAIN, SOON = 0.5, 1e-3


class TooLong(BaseException):
    """The time is up. Not an Exception: a model's own ``except Exception`` mustn't swallow it."""


def check_timeout(seconds: float | None) -> None:
    """Refuse a limit that :func:`time_limit` can't keep.

    Raises
    ------
    InvalidArgument
        If there is a limit and this isn't the main thread of a system with alarm signals.
    """
    here = threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGALRM")
    if seconds is not None and not here:
        raise InvalidArgument(
            f"timeout must be None outside the main thread; got timeout={seconds!r}: "
            "give the model as a SPEC string, which runs in a process of its own"
        )


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TooLong` in the block once ``seconds`` have passed; None: no limit.

    An alarm signal of the operating system does it, so it needs the main thread, and waits for
    code written in C to return to Python; see :func:`check_timeout`.
    """
    if seconds is None:
        yield
        return

    rung = False

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal rung
        rung = True
        raise TooLong

    begun = time.monotonic()
    former = signal.signal(signal.SIGALRM, ring)
    # Again and again, for a model may catch whatever it is interrupted by.
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
        if rung:
            raise TooLong
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        if left:  # an alarm of somebody else's, such as a test's own time limit
            waited = time.monotonic() - begun
            signal.setitimer(signal.ITIMER_REAL, max(left - waited, SOON), interval)
