"""JSON files of ours, read strictly: reports, and the checks that they hold.

Only the standard library is imported here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from collapse_bench.errors import InvalidSpec
from collapse_bench.reports.json import SCHEMA
from collapse_bench.reports.schema import MISSING, first_problem
from collapse_bench.reports.text import safe_text

__all__ = ["Entry", "Key", "Report", "read_json", "read_report", "report_of"]

Key = tuple[str, str]  # a check's id, and the model or file that it judged

LARGEST = 64 * 2**20  # bytes; a report with a hundred checks has under a megabyte
LIMIT = 1e300  # of a number in a report; also what 1e999 is refused by
SHOWN = 60  # characters of a refused value
SMALL = 0.1  # a level at which a bound is surely on its own side of the estimate
ROUNDING = 1e-9

GROWTH = ("estimate", "low", "high", "tolerate", "detect")


@dataclass(frozen=True, slots=True)
class Entry:
    """One check of a gate, with all that decides whether another may be compared with it.

    Attributes
    ----------
    id, model
        The check; the SPEC of the model, or the file of the samples, that it judged.
    drawn
        Whether ``model`` is a model that was drawn from, not a file.
    outcome, metric, statistic, quantity, estimate, low, high, tolerate, detect, alpha, beta
        As in :class:`~collapse_bench.gates.Verdict`.
    growth
        The growth's ``estimate``, ``low``, ``high``, ``tolerate`` and ``detect``, if it was judged.
    n, m
        Rows judged, and of the reference.
    seed
        Root seed of the session.
    samples_sha256, reference_sha256, reference
        Digests of both, and the reference's name; None where the report has none.
    versions, device
        Where it was measured.
    notes
        The verdict's.
    """

    id: str
    model: str
    drawn: bool
    outcome: str
    metric: str
    statistic: str
    quantity: str
    estimate: float | None
    low: float | None
    high: float | None
    tolerate: float
    detect: float
    alpha: float
    beta: float
    growth: dict[str, Any] | None
    n: int
    m: int
    seed: int
    samples_sha256: str | None
    reference_sha256: str | None
    reference: str | None
    versions: dict[str, Any]
    device: str | None
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.id, self.model

    @classmethod
    def read(cls, values: Any, source: str) -> Self:
        """Return the entry that a JSON object holds.

        Raises
        ------
        InvalidSpec
            If a field is missing, unknown or of another type, or a number is out of its range.
        """
        if not isinstance(values, Mapping):
            raise _refused(source, "hold an object for every check", values)
        named = {field.name: field for field in fields(cls)}
        for name in values:
            if name not in named:
                raise _refused(source, "hold no other fields of a check than its schema has", name)
        for name in named:
            if name not in values:
                raise _refused(source, f"hold {name!r} for every check", sorted(values))
        for name in ("id", "model", "outcome", "metric", "statistic", "quantity"):
            if not isinstance(values[name], str):
                raise _refused(source, f"hold text for {name!r}", values[name])
        for name in ("samples_sha256", "reference_sha256", "reference", "device"):
            if not isinstance(values[name], str | None):
                raise _refused(source, f"hold text or null for {name!r}", values[name])
        if not isinstance(values["drawn"], bool):
            raise _refused(source, "hold true or false for 'drawn'", values["drawn"])
        if not isinstance(values["versions"], Mapping):
            raise _refused(source, "hold an object for 'versions'", values["versions"])
        notes = values["notes"]
        if not isinstance(notes, list | tuple) or not all(isinstance(n, str) for n in notes):
            raise _refused(source, "hold a list of texts for 'notes'", notes)
        for name, least in (("n", 1), ("m", 1), ("seed", 0)):
            value = values[name]
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise _refused(source, f"hold an integer >= {least} for {name!r}", value)
        for name in ("alpha", "beta"):
            if not 0 < _number(values, name, source) < 0.5:
                raise _refused(source, f"hold a number in (0, 0.5) for {name!r}", values[name])
        growth = values["growth"]
        if growth is not None:
            if not isinstance(growth, Mapping) or not set(GROWTH) <= set(growth):
                raise _refused(source, f"hold null or {', '.join(GROWTH)} for 'growth'", growth)
            growth = {name: growth[name] for name in GROWTH}
            _check_side(growth, source)
        _check_side(values, source)
        check_order({**values, "growth": growth}, values, source)
        return cls(**{**values, "growth": growth, "notes": tuple(notes)})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Report:
    """The checks of a session's gates.

    Attributes
    ----------
    name
        What the report is called where people read it.
    entries
        Those that have a verdict.
    missing
        Those that were declared and have none, by id and model.
    """

    name: str
    entries: dict[Key, Entry]
    missing: tuple[Key, ...]


def read_json(path: str | os.PathLike[str], what: str) -> Any:
    """Return what a JSON file holds, refusing what JSON readers differ about.

    Raises
    ------
    InvalidSpec
        If there is no such file, it can't be read, is larger than 64 MiB, isn't JSON in UTF-8,
        has a name twice in one object, or holds NaN or an infinity.
    """
    sentence = f"{what} must be a JSON file; got {what}={os.fspath(path)!r}"
    try:
        where = Path(path).expanduser()
        if where.stat().st_size > LARGEST:
            raise InvalidSpec(f"{sentence}: it is larger than {LARGEST:,} bytes")
        text = where.read_bytes().decode("utf-8")
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except InvalidSpec:
        raise
    except OSError as error:
        raise InvalidSpec(f"{sentence}: {error.strerror or error}") from error
    except RecursionError as error:
        raise InvalidSpec(f"{sentence}: its values are nested too deeply") from error
    except ValueError as error:  # of json, of UTF-8, of a path, of an int of 5,000 digits
        raise InvalidSpec(f"{sentence}: {error}") from error


def read_report(path: str | os.PathLike[str], what: str = "report") -> dict[str, Any]:
    """Return a JSON report of a session as it was written.

    Raises
    ------
    InvalidSpec
        If it can't be read, or isn't a report of this schema.
    """
    document = read_json(path, what)
    label = f"{what} {safe_text(os.fspath(path))!r}"
    if not isinstance(document, dict) or not {"schema", "checks", "gates"} <= set(document):
        raise InvalidSpec(
            f"{label} must be a report that --collapse-report wrote; got "
            f"{'an object of other fields' if isinstance(document, dict) else 'no object'}"
        )
    if document["schema"] != SCHEMA or isinstance(document["schema"], bool):
        raise InvalidSpec(
            f"{label} must have schema {SCHEMA}; got schema={_shown(document['schema'])}: "
            "it was written by another version of collapse-bench"
        )
    if (problem := first_problem(document)) is not None:
        missing = problem.condition == MISSING
        raise InvalidSpec(
            f"{label} must have {problem.condition} at {safe_text(problem.place, longest=SHOWN)}; "
            f"got {'none' if missing else _shown(problem.value)}"
        )
    for section in ("checks", "recorded"):
        for index, record in enumerate(document[section]):
            check_order(record, record, f"{label}, {section}[{index}],")
    return document


def report_of(document: Mapping[str, Any], name: str) -> Report:
    """Return the checks of the gates of a report.

    Verdicts outside every gate have no reference on record and aren't among them.

    Raises
    ------
    InvalidSpec
        If the document isn't a whole report, or has a check of one model twice.
    """
    try:
        environment, seed = document["environment"], document["seed"]
        gates = {(gate["id"], gate["model"]): gate for gate in document["gates"]}
        declared = {(check, key[1]) for key, gate in gates.items() for check in gate["declared"]}
        entries: dict[Key, Entry] = {}
        for check in document["checks"]:
            if check["gate"] is None:
                continue
            gate = gates[check["gate"], check["model"]]
            found = Entry.read(_values(check, gate, environment, seed), name)
            if found.key in entries:
                raise InvalidSpec(
                    f"{name} must hold every check of a model once; got {found.id!r} of "
                    f"{found.model!r} twice"
                )
            entries[found.key] = found
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidSpec(f"{name} must be a whole report; got one with a part missing") from error
    return Report(name, entries, tuple(sorted(declared - set(entries))))


def _values(
    check: Mapping[str, Any], gate: Mapping[str, Any], environment: Mapping[str, Any], seed: Any
) -> dict[str, Any]:
    """Return the fields of an entry, from the places of a report where they stand."""
    of_check = ("id", "model", "outcome", "metric", "statistic", "quantity", "estimate", "low")
    more = ("high", "tolerate", "detect", "alpha", "beta", "growth", "notes")
    return {
        **{name: check[name] for name in (*of_check, *more)},
        **{name: gate[name] for name in ("samples_sha256", "reference_sha256", "reference")},
        "drawn": gate["drawn"] is not False,
        "n": check["size"],
        "m": check["reference_size"],
        "seed": seed,
        "versions": environment["versions"],
        "device": environment["device"],
    }


def _check_side(values: Mapping[str, Any], source: str) -> None:
    """Refuse a loss or growth whose numbers aren't numbers, or whose effect sizes aren't two."""
    for name in GROWTH:
        if values[name] is not None or name in ("tolerate", "detect"):
            _number(values, name, source)
    if not 0 <= values["tolerate"] < values["detect"]:
        pair = (values["tolerate"], values["detect"])
        raise _refused(source, "hold 0 <= tolerate < detect", pair)


def check_order(verdict: Mapping[str, Any], levels: Mapping[str, Any], source: str) -> None:
    """Refuse bounds of a loss or a growth that can't be those of its estimate.

    A bound of a small level lies on its own side of the estimate; one of a level near 1/2 needn't.

    Raises
    ------
    InvalidSpec
        If low > high, low > estimate or estimate > high.
    """
    for side in (verdict, verdict["growth"]):
        if side is None:
            continue
        low, middle, high = (side[name] for name in ("low", "estimate", "high"))
        pairs = [("low", low, "high", high)]
        pairs += [("low", low, "estimate", middle)] * (levels["alpha"] <= SMALL)
        pairs += [("estimate", middle, "high", high)] * (levels["beta"] <= SMALL)
        for one, less, other, more in pairs:
            if less is not None and more is not None and less > more + ROUNDING * abs(more):
                raise _refused(source, f"hold {one} <= {other}", f"{one}={less}, {other}={more}")


def _number(values: Mapping[str, Any], name: str, source: str) -> float:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LIMIT:
        raise _refused(source, f"hold a number for {name!r}", value)
    return float(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, refusing a name that stands in it twice."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {_shown(name)} stands twice in one object")
        found[name] = value
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _shown(value: object) -> str:
    text = safe_text(repr(value))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _refused(source: str, condition: str, value: object) -> InvalidSpec:
    return InvalidSpec(f"{source} must {condition}; got {_shown(value)}")
