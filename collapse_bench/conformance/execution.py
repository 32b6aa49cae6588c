"""One check of one model: whatever happens becomes a record, never an error of ours."""

from __future__ import annotations

import time
from typing import Literal, TypedDict

from collapse_bench.conformance.catalog import Entry, share
from collapse_bench.conformance.outcomes import NotApplicable
from collapse_bench.conformance.subject import Subject
from collapse_bench.conformance.timeout import TooLong, time_limit
from collapse_bench.errors import CollapseBenchError, Inconclusive

__all__ = ["Record", "Status", "run_check"]

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
    """Run one check; whatever the model does is its outcome, never an error of ours."""
    view = subject.during(entry.name, share(subject.alpha))
    begun = time.perf_counter()
    status: Status = "failed"
    try:
        with time_limit(timeout):
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
        reason = f"{reason}\nreproduce it with\n{_indented(view.snippet())}"
    seconds = time.perf_counter() - begun
    return Record(
        model=subject.name,
        check=entry.name,
        status=status,
        reason=reason,
        seconds=seconds,
        seed=subject.seed,
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
