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

__all__ = ["checking", "child_of", "session_of"]

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
        spec = _spec(item)
        if spec in item.config.stash[SETTINGS].models:  # in a process of its own: it may exit
            record = child_of(item.config, spec).run(name)
        else:
            timeout = item.config.stash[SETTINGS].timeout
            record = run_check(CATALOG[name], _given(item, candidate), timeout=timeout)
        record["model"] = entry.get("model") or record["model"]
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


def child_of(config: pytest.Config, spec: str) -> Child:
    """Return the process in which a SPEC of the user's is checked; it ends with the session."""
    known = config.stash.setdefault(CHILDREN, {})
    if spec not in known:
        subject = _subject(config, str(spec), config.stash[SETTINGS].arguments.get(spec))
        known[spec] = Child(subject, timeout=config.stash[SETTINGS].timeout)
        config.add_cleanup(known[spec].stop)
    return known[spec]


def _given(item: pytest.Item, candidate: Any) -> Subject:
    """Return a candidate in this process as a subject, made ready once a session."""
    spec = _spec(item)
    known = item.config.stash.setdefault(SUBJECTS, {})
    arguments = CONFORMANCE_MODELS.get(spec) if spec else None
    asked = candidate if arguments is None else spec
    key = id(candidate) if arguments is None else spec
    if key not in known:
        known[key] = _subject(item.config, asked, arguments)
    return known[key]


def _spec(item: pytest.Item) -> str | None:
    """Return the SPEC that a test's candidate comes by, if it does."""
    callspec = getattr(item, "callspec", None)
    spec = callspec.params.get("collapse_model") if callspec else None
    return spec if isinstance(spec, str) else None


def _subject(config: pytest.Config, candidate: Any, arguments: Any) -> Subject:
    settings = config.stash[SETTINGS]
    return Subject(
        candidate,
        None if settings.reference is None else inputs_of(config).reference,
        settings.seed,
        budget=settings.budget or BUDGET,
        arguments=arguments,
    )
