"""What a session's report says beside its verdicts: claims, what did not run, what failed, why.

Only the standard library and pytest are imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import pytest

from collapse_bench.harness.ledger import Book

__all__ = ["claims", "failures", "guarantee", "not_run", "seen_in"]

Seen: TypeAlias = Mapping[str, tuple[str, str | None]]  # by key of the book: id, reason

CLAIMS = {"passed": "held", "failed": "not_held", "skipped": "skipped"}
FATES = {
    "passed": "its test ended without judging",
    "failed": "its test failed before it judged",
    "skipped": "its test was skipped",
}


def seen_in(config: pytest.Config) -> dict[str, tuple[str, str | None]]:
    """Return the id of each test that was reported, and why if it didn't pass, by its key.

    The key is that of the book. Without a terminal nothing is kept, so nothing is known.
    """
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    seen: dict[str, tuple[str, str | None]] = {}
    for reports in (terminal.stats if terminal else {}).values():
        for report in reports:
            if isinstance(report, pytest.CollectReport):
                seen[report.nodeid] = report.nodeid, _first(report.longrepr)
            elif isinstance(report, pytest.TestReport):
                key = f"{report.location[0]} {report.nodeid}"
                known = seen.get(key, (None, None))[1]
                seen[key] = report.nodeid, known or _first(report.longrepr)
    return seen


def _first(longrepr: Any) -> str | None:
    """Return the first line of why a test was skipped or failed."""
    if longrepr is None:
        return None
    crash = getattr(longrepr, "reprcrash", None)
    if isinstance(longrepr, tuple):  # path, line, reason of a skip
        text = str(longrepr[2]).removeprefix("Skipped: ")
    else:
        text = str(longrepr if crash is None else crash.message)
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0].strip() if lines else None


def _told(key: str, seen: Seen) -> dict[str, Any]:
    """Return one test's id and why it did not pass."""
    nodeid, reason = seen.get(key, (key, None))
    return {"nodeid": nodeid, "reason": reason}


def claims(book: Book, seen: Seen) -> list[dict[str, Any]]:
    """Return the tests below ``suites/paper``, each held, not held or skipped."""
    return [
        {**_told(key, seen), "status": CLAIMS[book.states.get(key, "skipped")]}
        for key, item in sorted(book.items.items())
        if item["suite"] == "paper"
    ]


def failures(book: Book, seen: Seen) -> list[dict[str, Any]]:
    """Return the tests that failed without a verdict, and what couldn't be collected."""
    return [_told(key, seen) for key in sorted(book.failures - _explained(book))]


def _explained(book: Book) -> set[str]:
    """Return the keys of tests whose failure the report shows elsewhere."""
    judged = {
        key.removesuffix(f" {record['id']}")
        for key, record in book.checks.items()
        if record["outcome"] != "pass"
    }
    wrong = {place for place, found in book.conformance.items() if found["status"] == "failed"}
    return judged | {
        key
        for key, item in book.items.items()
        if item["suite"] == "paper" or (item.get("model"), item["check"]) in wrong
    }


def not_run(book: Book, seen: Seen) -> list[dict[str, Any]]:
    """Return the declared checks that have no verdict, each with the reason."""
    tests = {(i["gate"], i.get("model"), i["check"]): key for key, i in book.items.items()}
    absent = []
    for (gate, model), ledger in sorted(book.ledgers.items()):
        if ledger.get("conformance"):
            has = {name for who, name in book.conformance if who == model}
        else:
            has = set(book.verdicts((gate, model)))
        for name in ledger["declared"]:
            if name not in has:
                key = tests.get((gate, model, name))
                reason = "its test wasn't selected, or the session ended before it"
                if key is not None:
                    fate = FATES.get(book.states.get(key, ""), "its test was begun and not ended")
                    why = _told(key, seen)["reason"]
                    reason = fate if why is None else f"{fate}: {why}"
                absent.append({"id": f"{gate}::{name}", "model": model, "reason": reason})
    return absent


def guarantee(book: Book) -> str | None:
    """Return what the gates promise, if one has judged."""
    if not (book.ledgers and book.checks):
        return None
    from collapse_bench.gates import FOOTER

    return FOOTER
