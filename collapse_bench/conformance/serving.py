"""The other end of :class:`~collapse_bench.conformance.child.Child`: what its process runs."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.execution import (
    MOST_TOLD,
    Record,
    make_ready,
    run_check,
    with_snippet,
)
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import InvalidSpec

__all__ = ["LOAD", "READY", "STOP_SECONDS", "serve"]

# What is asked of a process before it is asked for a check by its name.
LOAD, READY = "load", "ready"
# Seconds that a process gets to stop by itself.
STOP_SECONDS = 5.0
# How often a process looks whether the one that started it still lives.
LOOK_SECONDS = 0.5


def serve(descriptor: int, parent: int) -> None:
    """Make the model, then answer each name of a check with its record, until nobody asks."""
    threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    pipe = Connection(descriptor)
    subject = Subject(**pipe.recv())
    pipe.send("started")
    with suppress(EOFError, ConnectionError):  # nobody asks, or nobody listens
        while True:
            pipe.send(_answer(pipe.recv(), subject))


def _end_after(parent: int) -> None:
    """End this process, and what the model has started in it, once ``parent`` is gone."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    time.sleep(STOP_SECONDS)  # one that is idle ends by itself, and the model cleans up
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _answer(request: str, subject: Subject) -> Any:
    if request == LOAD:
        return _refusal(subject)
    if request == READY:
        with suppress(BaseException):  # the checks will say
            make_ready(subject)
        return None
    begun = time.perf_counter()
    try:
        return run_check(CATALOG[request], subject)
    except BaseException as error:  # no interrupt of anybody's: nothing else runs here
        return Record(
            model=subject.name,
            check=request,
            status="failed",
            reason=with_snippet(
                f"the model raised {_told(error)}", subject.during(request, subject.level)
            ),
            seconds=time.perf_counter() - begun,
            seed=subject.seed,
        )


def _refusal(subject: Subject) -> str | None:
    """Return the sentence with which a SPEC is refused, if it is."""
    try:
        subject.blueprint()
    except InvalidSpec as error:
        return str(error)
    except (Exception, SystemExit):  # the checks will say
        pass
    except BaseException as error:
        return f"model must load; got model={subject.candidate!r} but it raised {_told(error)}"
    return None


def _told(error: BaseException) -> str:
    try:
        told = " ".join(str(error).split())[:MOST_TOLD]
    except BaseException:  # a text of the model's own making
        told = ""
    return f"{type(error).__name__}: {told}".removesuffix(": ")
