"""What a table, groups or features are judged by in a session: parts, draws and files of tables."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from collapse_bench.errors import CollapseBenchError, InvalidArgument
from collapse_bench.harness.session import SETTINGS, inputs_of

if TYPE_CHECKING:
    from collapse_bench.harness.options import Settings

__all__ = ["ANY", "PART", "ids_of", "name_of_part", "part_ids", "parted"]

PART = "collapse_part"  # the fixture of tests that judge a part of the reference
ANY = "PART-CHECK"  # stands for all of them where the reference isn't read
READABLE = " !#$&'()*+,./:;<=>?@^_`{|}~-"  # beside letters and digits; pytest escapes all others
LONGEST = 120  # characters of an id


def ids_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of checks: their names, with what can't stand in an id as %XX."""
    found = (quote(name, safe=READABLE) for name in names)
    return tuple(text if len(text) <= LONGEST else _short(text) for text in found)


def _short(text: str) -> str:
    part, _, metric = text.rpartition("-")
    return f"{part[:80]}~{sha256(part.encode()).hexdigest()[:8]}-{metric}"


def parted(settings: Settings) -> bool:
    """Return whether options say that the reference is judged part by part, whatever it holds."""
    return settings.by is not None or settings.features is not None


def part_ids(config: pytest.Config) -> tuple[str, ...]:
    """Return the ids of a session's parts and checks, all of them whatever is selected.

    One that stands for them where nothing is read, or the reference has no parts, or it can't be
    read, which is told where it is asked for.
    """
    settings = config.stash[SETTINGS]
    if config.option.collectonly or settings.reference is None:
        return (ANY,)
    try:
        inputs = inputs_of(config)
        return ids_of(inputs.gate(inputs.reference).names) if inputs.parted else (ANY,)
    except CollapseBenchError:
        return (ANY,)


def name_of_part(config: pytest.Config, part: str) -> str:
    """Return the name of the check that an id stands for.

    Raises
    ------
    InvalidArgument
        If the reference has no such part.
    """
    inputs = inputs_of(config)
    if inputs.parted:
        names: tuple[str, ...] = inputs.gate(inputs.reference).names
        known: dict[str, str] = dict(zip(ids_of(names), names, strict=True))
        if part in known:
            return known[part]
    raise InvalidArgument(f"{PART} must be a part of the reference and a check; got {part!r}")
