"""One check of one model: whatever happens becomes a record, never an error of ours."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Literal, TypedDict

from threadpoolctl import threadpool_limits

from collapse_bench.conformance.catalog import Entry, share
from collapse_bench.conformance.outcomes import NotApplicable
from collapse_bench.conformance.subject import Subject
from collapse_bench.conformance.timeout import TooLong, check_timeout, time_limit
from collapse_bench.errors import CollapseBenchError, Inconclusive

__all__ = ["Record", "Status", "make_ready", "run_check", "with_snippet"]

Status = Literal["passed", "failed", "inconclusive", "skipped", "expected_failure"]

MOST_TOLD = 500  # characters of an error's own words


class Record(TypedDict):
    """What came of one check."""

    model: str
    check: str
    status: Status
    reason: str | None
    seconds: float
    seed: int


def run_check(entry: Entry, subject: Subject, *, timeout: float | None = None) -> Record:
    """Run one check; whatever the model does is its outcome, never an error of ours.

    Raises
    ------
    InvalidArgument
        If there is a ``timeout`` where none can be kept.
    """
    check_timeout(timeout)
    view = subject.during(entry.name, share(subject.alpha))
    begun = time.perf_counter()
    status: Status = "failed"
    try:
        # One thread: sums that depend on the number of threads would make draws do so, and threads
        # that wait for one another on a busy machine take many times as long.
        with threadpool_limits(limits=1), time_limit(timeout):
            _ = view.model  # where it can't be made ready, that is what every check says
            if timeout is not None:  # a model that hangs is then waited for once, not in each check
                view.make_ready()
            reason = entry.body(view)
        status = "passed"
    except NotApplicable as error:
        status, reason = "skipped", str(error)
    except Inconclusive as error:
        status, reason = "inconclusive", str(error)
    except TooLong:
        reason = f"it must end within the timeout of {timeout:g} s; it did not"
    except CollapseBenchError as error:
        reason = str(error)
    except (Exception, SystemExit) as error:  # what a model's own objects raise when touched
        told = " ".join(str(error).split())[:MOST_TOLD]
        reason = f"the model raised {type(error).__name__}: {told}"
    if status == "failed":
        reason = with_snippet(str(reason), view)
    seconds = time.perf_counter() - begun
    return Record(
        model=subject.name,
        check=entry.name,
        status=status,
        reason=reason,
        seconds=seconds,
        seed=subject.seed,
    )


def make_ready(subject: Subject) -> None:
    """Make the model ready as the first check would; a failure is left to the checks."""
    with suppress(Exception, SystemExit), threadpool_limits(limits=1):
        subject.make_ready()


def with_snippet(reason: str, view: Subject) -> str:
    """Return why a check failed, and the lines of code that repeat it."""
    try:
        snippet = view.snippet()
    except Exception:  # a model whose repr raises
        return reason
    lines = "\n".join(f"    {line}".rstrip() for line in snippet.splitlines())
    return f"{reason}\nreproduce it with\n{lines}"
