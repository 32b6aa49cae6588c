"""One conformance check of one test, and its record in the report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.child import Child
from collapse_bench.conformance.execution import Record, run_check
from collapse_bench.conformance.parametrize import Session, during
from collapse_bench.conformance.subject import BUDGET, Subject
from collapse_bench.errors import CollapseError, Inconclusive
from collapse_bench.harness.options import CONFORMANCE_MODELS
from collapse_bench.harness.session import (
    ENTRY,
    RAISED,
    SETTINGS,
    Raised,
    inputs_of,
    leave,
)
from collapse_bench.reports.json import plain
from collapse_bench.reports.text import safe_text
from collapse_bench.validation import one_of

__all__ = ["checking", "session_of"]

SUBJECTS = pytest.StashKey[dict[Any, Subject]]()
CHILDREN = pytest.StashKey[dict[str, Child]]()


def session_of(item: pytest.Item) -> AbstractContextManager[None]:
    """Return a context in which checks of ``parametrize_with_checks`` belong to this session."""
    settings = item.config.stash[SETTINGS]
    given = {"seed": settings.seed, "budget": settings.budget, "timeout": settings.timeout}
    return during(
        Session(
            {name: value for name, value in given.items() if value is not None},
            lambda record: leave(item, "conformance", plain(dict(record))),
        )
    )


def checking(request: pytest.FixtureRequest, candidate: Any) -> Callable[[str], None]:
    """Return what the fixture ``collapse_conformance`` hands to a test."""
    item: pytest.Item = request.node
    entry = item.stash.get(ENTRY, {})

    def check(name: str) -> None:
        __tracebackhide__ = True
        one_of("check", name, tuple(CATALOG))
        subject = _subject(item, candidate)
        timeout = item.config.stash[SETTINGS].timeout
        if isinstance(subject.candidate, str):  # in a process of its own: it may exit, or hang
            record = _child(item.config, subject, timeout).run(name)
        else:
            record = run_check(CATALOG[name], subject, timeout=timeout)
        record["model"] = entry.get("model") or subject.name
        leave(item, "conformance", plain(dict(record)))
        _raise(item, record)

    return check


def _raise(item: pytest.Item, record: Record) -> None:
    __tracebackhide__ = True
    name, model, status = record["check"], record["model"], record["status"]
    # A reason has lines of code to copy; each of them is made safe, the breaks between them stay.
    reason = "\n".join(safe_text(line) for line in str(record["reason"]).splitlines())
    if status == "skipped":
        pytest.skip(f"{model}, {name}: {reason}")
    if status == "passed":
        return
    sentence = f"{status.upper()} {name} of {safe_text(model)}: {reason}"
    error = (Inconclusive if status == "inconclusive" else CollapseError)(sentence)
    excused = status == "inconclusive" and bool(item.stash.get(ENTRY, {}).get("gate"))
    item.stash[RAISED] = Raised(error, sentence, excused)
    raise error


def _subject(item: pytest.Item, candidate: Any) -> Subject:
    """Return the candidate under test: by its SPEC where it has one, made ready once a session."""
    callspec = getattr(item, "callspec", None)
    spec = callspec.params.get("collapse_model") if callspec else None
    settings = item.config.stash[SETTINGS]
    known = item.config.stash.setdefault(SUBJECTS, {})
    arguments = {**CONFORMANCE_MODELS, **settings.arguments}.get(str(spec))
    key = id(candidate) if arguments is None else spec
    if key not in known:
        reference = None if settings.reference is None else inputs_of(item.config).reference
        known[key] = Subject(
            candidate if arguments is None else spec,
            reference,
            settings.seed,
            budget=settings.budget or BUDGET,
            arguments=arguments,
        )
    return known[key]


def _child(config: pytest.Config, subject: Subject, timeout: float | None) -> Child:
    """Return the process in which a SPEC is checked; it ends with the session."""
    known = config.stash.setdefault(CHILDREN, {})
    spec = subject.candidate
    if spec not in known:
        known[spec] = Child(subject, timeout=timeout)
        config.add_cleanup(known[spec].stop)
    return known[spec]
