"""The report's JSON Schema, applied: what is wrong with a document, and where.

It knows the keywords that `report.schema.json` uses, and no others: a library that knows all of
them would be one more thing to install for reading a file.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["KEYWORDS", "MISSING", "Problem", "first_problem"]

PATH = Path(__file__).with_name("report.schema.json")

WORDS = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


MISSING = "a value"  # the condition of a problem whose value isn't there


class Problem(NamedTuple):
    """What is wrong: where, what must be there, and the value that is."""

    place: str
    condition: str
    value: Any


def first_problem(document: Any) -> Problem | None:
    """Return the first thing for which a document is no report of schema 1; None if it is one.

    The numbers of a document are those that JSON has: neither NaN nor infinities.
    """
    return next(_problems(document, _schema(), ""), None)


@functools.cache
def _schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def _problems(value: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    for keyword, wanted in rule.items():
        find = KEYWORDS[keyword]
        if find is not None:
            yield from find(value, wanted, rule, place)


def _type(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    kinds = [wanted] if isinstance(wanted, str) else wanted
    if not any(_is(value, kind) for kind in kinds):
        yield Problem(place, " or ".join(WORDS[kind] for kind in kinds), value)


def _is(value: Any, kind: str) -> bool:
    if kind == "null":
        return value is None
    if kind == "boolean" or isinstance(value, bool):
        return kind == "boolean" and isinstance(value, bool)
    if kind == "integer":  # 1.0 is one in JSON
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if kind == "number":
        return isinstance(value, int | float)
    return isinstance(value, {"object": Mapping, "array": list, "string": str}[kind])


def _const(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    if value != wanted or isinstance(value, bool) != isinstance(wanted, bool):
        yield Problem(place, repr(wanted), value)


def _enum(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    if not isinstance(value, str) or value not in wanted:
        yield Problem(place, f"one of {', '.join(wanted)}", value)


def _limit(name: str, holds: Callable[[Any, Any], bool]) -> Any:
    def find(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
        del rule
        if _is(value, "number") and not holds(value, wanted):
            yield Problem(place, f"a number {name} {wanted}", value)

    return find


def _length(name: str, holds: Callable[[int, int], bool]) -> Any:
    def find(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
        del rule
        if isinstance(value, list) and not holds(len(value), wanted):
            yield Problem(place, f"a list of {name} {wanted} values", value)

    return find


def _pattern(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    if isinstance(value, str) and not re.search(wanted, value):
        yield Problem(place, f"text of the form {wanted}", value)


def _required(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    if isinstance(value, Mapping):
        for name in wanted:
            if name not in value:
                yield Problem(_join(place, name), MISSING, None)


def _properties(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    if isinstance(value, Mapping):
        for name, inner in wanted.items():
            if name in value:
                yield from _problems(value[name], inner, _join(place, name))


def _others(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name not in rule.get("properties", ()):
                yield from _problems(item, wanted, _join(place, name))


def _items(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems(item, wanted, f"{place}[{index}]")


def _all_of(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    for inner in wanted:
        yield from _problems(value, inner, place)


def _one_of(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    found = [next(_problems(value, inner, place), None) for inner in wanted]
    wrong = [problem for problem in found if problem is not None]
    if len(found) - len(wrong) > 1:
        yield Problem(place, "of one form only", value)
    elif len(found) == len(wrong):
        # of the form that was meant, every field is there, or the problem is the farthest inside
        yield max(wrong, key=lambda found: (found.condition != MISSING, len(found.place)))


def _reference(value: Any, wanted: Any, rule: Mapping[str, Any], place: str) -> Iterator[Problem]:
    del rule
    yield from _problems(value, _schema()["$defs"][wanted.rpartition("/")[2]], place)


def _join(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)


# None: words for people.
KEYWORDS: dict[str, Any] = {
    "$schema": None,
    "$id": None,
    "$defs": None,
    "title": None,
    "description": None,
    "type": _type,
    "const": _const,
    "enum": _enum,
    "minimum": _limit(">=", lambda value, limit: value >= limit),
    "exclusiveMinimum": _limit(">", lambda value, limit: value > limit),
    "maximum": _limit("<=", lambda value, limit: value <= limit),
    "exclusiveMaximum": _limit("<", lambda value, limit: value < limit),
    "minItems": _length("at least", lambda length, limit: length >= limit),
    "maxItems": _length("at most", lambda length, limit: length <= limit),
    "pattern": _pattern,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _others,
    "items": _items,
    "allOf": _all_of,
    "oneOf": _one_of,
    "$ref": _reference,
}
