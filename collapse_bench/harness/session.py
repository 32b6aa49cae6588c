"""What the plugin and its fixtures keep about a session and its tests, and how tests are named.

Only the standard library and pytest are imported here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import collapse_bench
from collapse_bench.harness.ledger import Book, without_model
from collapse_bench.harness.options import Settings

if TYPE_CHECKING:
    from collapse_bench.harness.cases import Inputs

__all__ = [
    "BOOK",
    "CASE_FIXTURES",
    "CONFORMANCE",
    "ENTRY",
    "INPUTS",
    "PLANNED",
    "PROPERTY",
    "RAISED",
    "SETTINGS",
    "SURVEY",
    "Raised",
    "Unmade",
    "check_of",
    "inputs_of",
    "is_worker",
    "key_of",
    "leave",
    "model_id",
    "module_key",
    "name_of",
    "portable",
    "show_progress",
    "suite_of",
]

PROPERTY = "collapse"  # the name under which records stand in a report's user_properties

# The fixtures that say who is judged against what. Their parameters are no part of a test's key.
CASE_FIXTURES = ("collapse_model", "collapse_founder", "collapse_reference")

PLAIN = (bool, int, float, str)  # types that pytest-xdist carries; not their subclasses

CONFORMANCE = "collapse_conformance"  # the fixture of tests that check a model as such


class Unmade(str):
    """A SPEC whose model is made by whoever looks at it, in a process of its own."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A verdict that a test was failed with."""

    error: BaseException
    sentence: str
    excused: bool  # inconclusive, in a ledger: not counted as a failure


SETTINGS = pytest.StashKey[Settings]()
BOOK = pytest.StashKey[Book]()
INPUTS = pytest.StashKey["Inputs"]()
SURVEY = pytest.StashKey[Any]()
ENTRY = pytest.StashKey[dict[str, Any]]()
PLANNED = pytest.StashKey[bool]()  # whether what was planned can be decided
RAISED = pytest.StashKey[Raised]()
SCREEN = pytest.StashKey[bool]()  # whether progress goes to the terminal already


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process is one of pytest-xdist's workers."""
    return hasattr(config, "workerinput")


def inputs_of(config: pytest.Config) -> Inputs:
    """Return what the options name; a session that needs it makes it on first use."""
    from collapse_bench.harness.cases import Inputs

    if INPUTS not in config.stash:
        config.stash[INPUTS] = Inputs(config.stash[SETTINGS])
    return config.stash[INPUTS]


class _Screen:
    """The terminal beside pytest's capture, as a text file for progress."""

    def __init__(self, config: pytest.Config) -> None:
        self._writer = config.get_terminal_writer()

    def write(self, text: str) -> int:
        self._writer.write(text, flush=True)
        return len(text)

    def flush(self) -> None:
        self._writer.flush()

    def isatty(self) -> bool:
        return bool(self._writer.hasmarkup)


def show_progress(config: pytest.Config) -> None:
    """Send the progress of long runs to the terminal; show none in a worker or under -q."""
    from collapse_bench import progress

    if SCREEN in config.stash:
        return
    config.stash[SCREEN] = True
    terminal = config.pluginmanager.has_plugin("terminalreporter")
    quiet = is_worker(config) or not terminal or config.option.verbose < 0
    former = progress.set_output(None if quiet else _Screen(config))
    config.add_cleanup(lambda: progress.set_output(former))


def leave(item: pytest.Item, kind: str, record: dict[str, Any]) -> None:
    """Leave a record in a test's report for the process that reports it."""
    text = json.dumps({"record": kind, **record}, allow_nan=False)
    item.user_properties.append((PROPERTY, text))


def portable(value: Any) -> Any:
    """Return a property's value in a form that can leave a worker of pytest-xdist.

    A numpy scalar in a test's ``record_property`` would end the session with an internal error,
    and the verdicts with it. What isn't plain becomes text, as JUnit's file would have it.
    """
    if value is None or type(value) in PLAIN:
        return value
    if type(value) in (list, tuple):
        return type(value)(map(portable, value))
    if type(value) is dict:
        return {portable(name): portable(inner) for name, inner in value.items()}
    if getattr(value, "ndim", None) == 0 and type(value.item()) in PLAIN:  # a scalar of numpy's
        return value.item()
    return str(value)


def suite_of(path: Path) -> str | None:
    """Return a test file's path below ``suites``, without its suffix: ``gate/test_release``.

    None for a file that belongs to no suite of ours. A checkout keeps the suites beside the
    package, a wheel inside it; the name is the same in both.
    """
    folders = {Path(folder, "suites") for folder in collapse_bench.__path__}
    found = find_spec("collapse_bench.suites")
    if found is not None:
        folders |= {Path(folder) for folder in found.submodule_search_locations or ()}
    for folder in folders:
        if path.resolve().is_relative_to(folder.resolve()):
            return path.resolve().relative_to(folder.resolve()).with_suffix("").as_posix()
    return None


def model_id(item: pytest.Item) -> str | None:
    """Return the part of a test's id that stands for who is judged, if there is one."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return None
    if set(callspec.params) <= set(CASE_FIXTURES):
        return str(callspec.id)
    spec = callspec.params.get("collapse_model")
    # pytest escapes ids in this way
    return spec.encode("unicode_escape").decode("ascii") if isinstance(spec, str) else None


def check_of(item: pytest.Item) -> str:
    """Return the name of the conformance check that a test runs."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("check")) if callspec else item.name


def module_key(item: pytest.Item) -> str:
    """Return the path below ``suites`` or the dotted name of a test's module."""
    module = getattr(item, "module", None)
    return suite_of(item.path) or str(getattr(module, "__name__", item.path.stem))


def name_of(item: pytest.Item) -> str:
    """Return a test's name inside its module, classes included, whoever is judged."""
    inside = [node.name for node in item.listchain() if not isinstance(node, pytest.Collector)]
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return without_model("::".join(classes + inside), model_id(item))


def key_of(item: pytest.Item) -> str:
    """Return what a test is called in every report and stream, whoever is judged.

    ``gate/test_release::test_tail_mass`` is the same in a checkout, in a wheel and in another
    working directory.
    """
    return f"{module_key(item)}::{name_of(item)}"
