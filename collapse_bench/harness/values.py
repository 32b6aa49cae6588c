"""What a value of an option may be: from text to the value, or one sentence on why not.

Only the standard library is imported here: every pytest session in the environment reads it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from collapse_bench.errors import InvalidArgument
from collapse_bench.reports.files import probe

__all__ = [
    "EFFECTS",
    "among",
    "column",
    "columns",
    "device",
    "directory",
    "effect",
    "existing",
    "features",
    "model",
    "rate",
    "reference",
    "report",
    "seconds",
    "shown",
    "whole",
]

# The two effect sizes of each check where nothing else is said: (tolerate, detect).
EFFECTS = {
    "tail_mass": (0.05, 0.25),
    "variance": (0.05, 0.20),
    "wasserstein": (0.02, 0.10),
    "support": (0.05, 0.20),
    "drift": (0.05, 0.20),
}
REPORTS = (".json", ".html", ".md")
LARGEST = 2**53  # counts and seeds stay exact as JSON numbers
LEAST_RATE = 1e-5  # a test by permutation needs 1 / rate of them for every check of a gate
SHOWN = 60  # characters of a refused value


def shown(value: object) -> str:
    """Return a refused value as people read it, cut short."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def refused(label: str, condition: str, value: object) -> InvalidArgument:
    """Return the error that says what an option must be."""
    return InvalidArgument(f"{label} must {condition}; got {shown(value)}")


def near(name: str, known: Sequence[str]) -> str:
    """Return a hint at the known name that was meant, if one is near."""
    near = get_close_matches(name, known, n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def number(value: str) -> float:
    """Return the number in a text; NaN where it holds none."""
    try:
        return float(value)
    except ValueError:
        return math.nan


def rate(label: str, value: str, folder: Path) -> float:
    """Return an error rate that tests by permutation can show."""
    rate = number(value)
    if not 0 < rate < 1:
        raise refused(label, "be a number in (0, 1)", value)
    if rate < LEAST_RATE:
        raise refused(label, f"be {LEAST_RATE:g} or more, which permutations can show", value)
    return rate


def seconds(label: str, value: str, folder: Path) -> float:
    """Return a positive number of seconds."""
    seconds = number(value)
    if not 0 < seconds < math.inf:
        raise refused(label, "be a positive number of seconds", value)
    return seconds


def whole(least: int) -> Callable[[str, str, Path], int]:
    """Return a check for integers of at least ``least``."""

    def check(label: str, value: str, folder: Path) -> int:
        digits = re.fullmatch(r"[0-9]{1,16}", value)
        if not digits or not least <= int(value) < LARGEST:
            raise refused(label, f"be an integer in [{least}, 2**53)", value)
        return int(value)

    return check


def model(label: str, value: str, folder: Path) -> str:
    """Return a model's SPEC."""
    if not value or value.startswith(":") or value.endswith(":"):
        raise refused(label, "be MODULE:ATTR, hf:PATH-OR-ID or a built-in name", value)
    return value


def effect(label: str, value: str, folder: Path) -> tuple[str, float]:
    """Return a check's name and an effect size of it."""
    name, equals, text = (part.strip() for part in value.partition("="))
    if not equals:
        raise refused(label, "be NAME=X", value)
    if name not in EFFECTS:
        raise InvalidArgument(
            f"{label} must name one of {', '.join(EFFECTS)}; "
            f"got {shown(name)}{near(name, tuple(EFFECTS))}"
        )
    size = number(text)
    if not 0 <= size < 1:
        raise refused(label, f"be {name}=X with X in [0, 1)", value)
    return name, size


def among(names: Sequence[str]) -> Callable[[str, str, Path], str]:
    """Return a check for one of ``names``."""

    def check(label: str, value: str, folder: Path) -> str:
        if value not in names:
            raise InvalidArgument(
                f"{label} must be one of {', '.join(names)}; got {shown(value)}{near(value, names)}"
            )
        return value

    return check


def device(label: str, value: str, folder: Path) -> str:
    """Return a device's name."""
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", value):
        raise refused(label, "be auto, cpu, cuda or cuda:N", value)
    return value


def columns(label: str, value: str, folder: Path) -> tuple[str, ...]:
    """Return different names of columns."""
    names = tuple(name.strip() for name in value.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise refused(label, "be different names, separated by commas", value)
    return names


def column(label: str, value: str, folder: Path) -> str:
    """Return the name of a column."""
    if not value:
        raise refused(label, "be the name of a column", value)
    return value


def features(label: str, value: str, folder: Path) -> str:
    """Return the SPEC of features."""
    if not value or value.startswith(":") or value.endswith(":"):
        raise refused(label, "be MODULE:ATTR", value)
    return value


def reference(label: str, value: str, folder: Path) -> str:
    """Return what names a reference: an existing path, or a name."""
    path = Path(value).expanduser()
    looks_like_a_path = path.suffix or "/" in value
    if not value or (looks_like_a_path and ":" not in value and not (folder / path).exists()):
        raise refused(label, "be an existing file or directory, or a built-in name", value)
    return value


def existing(label: str, value: str, folder: Path) -> str:
    """Return an existing path, as it was typed."""
    if not value or not (folder / Path(value).expanduser()).exists():
        raise refused(label, "be an existing file or directory", value)
    return value


def directory(label: str, value: str, folder: Path) -> Path:
    """Return a path that is, or can become, a directory."""
    path = folder / Path(value).expanduser()
    if path.exists() and not path.is_dir():
        raise refused(label, "be a directory", value)
    return path


def report(label: str, value: str, folder: Path) -> Path:
    """Return a path that a report can be written to."""
    path = folder / Path(value).expanduser()
    if path.suffix not in REPORTS:
        raise refused(label, f"end in {' or '.join(REPORTS)}, which is what is written", value)
    if path.is_dir() or not path.parent.is_dir():
        raise refused(label, "be a file in an existing directory", value)
    try:
        probe(path)
    except OSError as error:
        raise InvalidArgument(
            f"{label} must be a file that can be written; got {shown(value)}: {error}"
        ) from error
    return path


def baseline(updating: bool) -> Callable[[str, str, Path], Path]:
    """Return what reads a baseline's path: a file that exists, or one that can be made."""

    def check(label: str, value: str, folder: Path) -> Path:
        path = folder / Path(value).expanduser()
        if updating and not path.is_dir() and path.parent.is_dir():
            return path
        if not path.is_file():
            mend = "" if updating else ", or give --collapse-update-baseline to make it"
            raise refused(label, f"be an existing file{mend}", value)
        return path

    return check
