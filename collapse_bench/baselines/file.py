"""A baseline: what was measured of the release that was accepted, in a file of the repository.

It stands beside a gate: a comparison with it has levels of its own, and changes no outcome.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from collapse_bench.baselines.comparing import Comparison, compare_reports
from collapse_bench.baselines.documents import Entry, Key, Report, read_json, report_of
from collapse_bench.errors import InvalidArgument, InvalidSpec
from collapse_bench.reports.json import plain, write
from collapse_bench.reports.text import safe_text

__all__ = [
    "ALPHA",
    "Baseline",
    "Update",
    "check_update",
    "compare",
    "environment_notes",
    "read_baseline",
    "updated",
    "write_baseline",
]

SCHEMA = 1
KIND = "collapse-bench baseline"
ALPHA = 0.01  # of a comparison with a baseline, whatever the gate's is
ALLOWED = "COLLAPSE_UPDATE_BASELINE_IN_CI"
SHOWN = 60  # characters of a refused value


@dataclass(frozen=True, slots=True)
class Baseline:
    """The accepted measurements.

    Attributes
    ----------
    name
        The file they were read from.
    entries
        By id and model.
    """

    name: str
    entries: dict[Key, Entry]

    def refuse_other_models(self, models: Iterable[str]) -> None:
        """Refuse to be compared with models none of which is on record here.

        Samples in a file are no model: they may be called anything.

        Parameters
        ----------
        models
            The SPECs of the models that are judged.

        Raises
        ------
        InvalidSpec
            If there are some, all entries are of models, and no SPEC is in both.
        """
        asked = sorted(set(models))
        known = sorted({entry.model for entry in self.entries.values()})
        drawn = all(entry.drawn for entry in self.entries.values())
        if asked and known and drawn and not set(asked) & set(known):
            raise InvalidSpec(
                f"baseline must be of the model that is judged; got one of "
                f"{safe_text(', '.join(known))}, not of {safe_text(', '.join(asked))}: accept it "
                "with --collapse-update-baseline, or see collapse-bench compare"
            )


@dataclass(frozen=True, slots=True)
class Update:
    """A baseline with a session accepted into it.

    Attributes
    ----------
    baseline
        The new one.
    changed, new, unchanged, kept
        Entries that were replaced by other numbers, added, found the same, and left because the
        session didn't judge them.
    """

    baseline: Baseline
    changed: int
    new: int
    unchanged: int
    kept: int

    def __str__(self) -> str:
        """Return it in one sentence."""
        return safe_text(
            f"baseline {self.baseline.name}: {self.changed} changed, {self.new} new, "
            f"{self.unchanged} unchanged, {self.kept} not judged in this session (kept)"
        )


def read_baseline(path: str | os.PathLike[str]) -> Baseline:
    """Return the baseline in a file.

    Raises
    ------
    InvalidSpec
        If there is none, it isn't strict JSON, it is of another schema, or an entry isn't whole.
    """
    document = read_json(path, "baseline")
    name = os.fspath(path)
    label = f"baseline {safe_text(name)!r}"
    if not isinstance(document, dict) or document.get("kind") != KIND:
        what = "a report" if isinstance(document, dict) and "gates" in document else "another file"
        raise InvalidSpec(
            f"{label} must be a file that --collapse-update-baseline wrote; got {what}"
        )
    schema = document.get("schema")
    if schema != SCHEMA or isinstance(schema, bool):
        raise InvalidSpec(
            f"{label} must have schema {SCHEMA}; got schema={safe_text(repr(schema))[:SHOWN]}: "
            "it was written by another version of collapse-bench"
        )
    if not isinstance(document.get("checks"), list):
        raise InvalidSpec(f"{label} must hold a list of checks; got none")
    entries: dict[Key, Entry] = {}
    for values in document["checks"]:
        entry = Entry.read(values, label)
        if entry.key in entries:
            raise InvalidSpec(
                f"{label} must hold every check of a model once; got {safe_text(entry.id)!r} of "
                f"{safe_text(entry.model)!r} twice"
            )
        entries[entry.key] = entry
    return Baseline(name, entries)


def write_baseline(baseline: Baseline, path: str | os.PathLike[str]) -> None:
    """Write a baseline, whole or not at all; entries in the order of their ids, a field a line.

    Raises
    ------
    InvalidSpec
        If it can't be written; an older one is left as it was.
    """
    entries = [plain(baseline.entries[key].to_dict()) for key in sorted(baseline.entries)]
    try:
        write({"kind": KIND, "schema": SCHEMA, "checks": entries}, Path(path).expanduser())
    except OSError as error:
        raise InvalidSpec(
            f"baseline must be a file that can be written; got baseline={os.fspath(path)!r}: "
            f"{error.strerror or error}"
        ) from error


def check_update(environ: Mapping[str, str]) -> None:
    """Refuse to accept a baseline on a CI service, where nobody looks at what is accepted.

    Parameters
    ----------
    environ
        The process's environment: ``CI`` as services set it, and
        ``COLLAPSE_UPDATE_BASELINE_IN_CI=1``, which allows it.

    Raises
    ------
    InvalidArgument
        If ``CI`` is set to anything but nothing, 0 or false, and it isn't allowed.
    """
    service = environ.get("CI", "").strip().lower() not in ("", "0", "false")
    if service and environ.get(ALLOWED) != "1":
        raise InvalidArgument(
            "--collapse-update-baseline must be given where someone reads the difference; got "
            f"CI={environ['CI']!r}: set {ALLOWED}=1 to accept a release there"
        )


def updated(baseline: Baseline, document: Mapping[str, Any]) -> Update:
    """Return a baseline with every verdict of a session's gates in it, whatever its outcome.

    Parameters
    ----------
    baseline
        The accepted one so far; without entries where there is none.
    document
        The session's JSON report.

    Raises
    ------
    InvalidSpec
        If the session has no verdict to accept, or its report isn't whole.
    """
    session = report_of(document, "this session")
    if not session.entries:
        raise InvalidSpec(
            "--collapse-update-baseline must have a gate's verdict to accept; got none"
        )
    old, entries = baseline.entries, dict(baseline.entries)
    changed = new = unchanged = 0
    for key, entry in session.entries.items():
        if key not in old:
            new += 1
        elif old[key] == entry:
            unchanged += 1
        else:
            changed += 1
        entries[key] = entry
    kept = len(set(old) - set(session.entries))
    return Update(replace(baseline, entries=entries), changed, new, unchanged, kept)


def compare(baseline: Baseline, document: Mapping[str, Any]) -> list[Comparison]:
    """Return what became of every check of a session's gates since the baseline.

    Stale entries (no such check any more), checks that are new, that didn't run or that were
    measured against another reference or with other settings, are among them as "can't tell", each
    with its reason. All comparisons share a level of 0.01: that of :func:`compare_reports`.

    Raises
    ------
    InvalidSpec
        If the baseline is of other models, or the session's report isn't whole.
    """
    now = report_of(document, "this session")
    baseline.refuse_other_models(one.model for one in now.entries.values() if one.drawn)
    then = Report(f"the baseline {baseline.name}", baseline.entries, ())
    return compare_reports(then, now, alpha=ALPHA)


def environment_notes(baseline: Baseline, document: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each part of the environment that isn't what it was, sorted.

    Parameters
    ----------
    baseline
        Its entries may come from several environments; each is compared.
    document
        The session's JSON report.
    """
    now = document["environment"]
    told = set()
    for entry in baseline.entries.values():
        then = {**entry.versions, "device": entry.device}
        here = {**now["versions"], "device": now["device"]}
        for name in {*then, *here}:
            if then.get(name) != here.get(name):
                was, found = then.get(name) or "none", here.get(name) or "none"
                told.add(safe_text(f"other environment: {name} {was} then, {found} now"))
    return sorted(told)
