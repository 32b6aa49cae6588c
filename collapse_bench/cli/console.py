"""What the commands share: how options are read, and how tables are printed."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.reports.json import plain
from collapse_bench.reports.text import safe_text

if TYPE_CHECKING:
    from collapse_bench.data import SampleSet
    from collapse_bench.gates import Check

__all__ = [
    "CANT_TELL",
    "USAGE",
    "WORSE",
    "Commands",
    "Parser",
    "add_alpha",
    "add_checks",
    "add_levels",
    "add_reference",
    "checks_from",
    "print_json",
    "print_table",
    "reference_from",
    "whole",
]

WORSE, USAGE, CANT_TELL = 1, 4, 6  # exit codes beside 0

LARGEST = 2**53
LEAST_RATE = 1e-5  # as the plugin's: permutations can show no smaller one

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]
else:
    Commands = argparse._SubParsersAction


class Parser(argparse.ArgumentParser):
    """A parser that says in one sentence what is wrong, and takes an option once."""

    def __init__(self, **keywords: Any) -> None:
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(**{"allow_abbrev": False, "formatter_class": layout, **keywords})
        self.register("action", None, Once)  # what add_argument makes where no action is named

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit."""
        self.exit(USAGE, f"{self.prog}: {safe_text(message)}\n")


class Once(argparse.Action):
    """Store a value; refuse a second one, of which either might have been meant."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store ``values`` under the option's name."""
        seen = namespace.__dict__.setdefault("seen", set())
        if self.dest in seen:
            parser.error(f"{option_string} must be given once; got {values!r} again")
        seen.add(self.dest)
        setattr(namespace, self.dest, values)


def add_reference(parser: Parser) -> None:
    """Add the options that name a reference."""
    parser.add_argument(
        "--reference",
        required=True,
        metavar="SPEC",
        help="the true data: a file, a directory saved by datasets, or a built-in name",
    )
    parser.add_argument("--columns", metavar="A,B", help="the columns to judge (default: all)")
    parser.add_argument(
        "--kind",
        choices=("numbers", "codes", "tokens"),
        help="what it holds (default: as it looks)",
    )


def add_checks(parser: Parser) -> None:
    """Add the options that say which checks there are, with which effect sizes."""
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="NAME",
        help="a check (repeatable; default: those a gate makes of such a reference)",
    )
    for name, what in (
        ("tolerate", "largest loss of check NAME that is fine"),
        ("detect", "smallest loss of check NAME that must not get through"),
    ):
        parser.add_argument(
            f"--{name}",
            action="append",
            default=[],
            type=_effect,
            metavar="NAME=X",
            help=f"{what} (repeatable)",
        )
    parser.add_argument("--mass", type=float, metavar="X", help="mass of the tail that is judged")


def add_levels(parser: Parser) -> None:
    """Add the gate's two error rates."""
    add_alpha(parser, "chance that a gate fails a model without loss")
    parser.add_argument(
        "--beta",
        type=_rate,
        default=0.01,
        metavar="B",
        help="chance that it passes a loss as large as detect (default %(default)s)",
    )


def add_alpha(parser: Parser, what: str) -> None:
    """Add an error rate, with what it is a chance of."""
    parser.add_argument(
        "--alpha",
        type=_rate,
        default=0.01,
        metavar="A",
        help=f"{what} (default %(default)s)",
    )


def reference_from(arguments: argparse.Namespace) -> SampleSet:
    """Return the reference that the options name."""
    from collapse_bench.data import Table, load_reference

    columns = arguments.columns
    if columns is not None:
        columns = tuple(name.strip() for name in columns.split(","))
        if not all(columns) or len(set(columns)) < len(columns):
            raise InvalidArgument(
                "--columns must be different names, separated by commas; got "
                f"--columns={arguments.columns!r}"
            )
    found = load_reference(arguments.reference, columns=columns, kind=arguments.kind)
    if isinstance(found, Table):
        raise InvalidSamples(
            "--reference must hold one kind of values here; "
            f"got --reference={arguments.reference!r}, a table: choose columns by --columns, "
            "or ask `pytest --pyargs collapse_bench.suites.gate --collapse-plan` for a gate of it"
        )
    return found


def checks_from(
    arguments: argparse.Namespace, reference: SampleSet, **more: Any
) -> tuple[Check, ...]:
    """Return the checks that the options ask for, with ``more`` settings.

    Raises
    ------
    InvalidArgument
        If a check is unknown or asked for twice, an effect size is out of its range, or an option
        is of a check that isn't asked for.
    """
    from collapse_bench.gates import Check, default_checks

    defaults = {check.metric: check.settings for check in default_checks(reference)}
    names = arguments.check or list(defaults)
    settings: dict[str, dict[str, Any]] = {name: dict(more) for name in names}
    if len(settings) < len(names):
        raise InvalidArgument(f"--check must name a check once; got {', '.join(names)}")
    given = [
        (option, name, size)
        for option in ("tolerate", "detect")
        for name, size in getattr(arguments, option)
    ]
    if arguments.mass is not None:
        given.append(("mass", "tail_mass", arguments.mass))
    for option, name, size in given:
        if name not in settings:
            raise InvalidArgument(
                f"--{option} must be of a check that is asked for, {', '.join(settings)}; "
                f"got {name!r}"
            )
        if option in settings[name]:
            raise InvalidArgument(f"--{option} must be given once for {name}; got {size:g} again")
        settings[name][option] = size
    try:
        return tuple(
            Check(name, **{**defaults.get(name, {}), **keywords})
            for name, keywords in settings.items()
        )
    except InvalidArgument as error:
        raise InvalidArgument(f"a check can't be made as asked: {error}") from error


def print_json(value: Any) -> None:
    """Print ``value`` as JSON; a number that isn't finite as null."""
    print(json.dumps(plain(value), indent=1, allow_nan=False))


def print_table(
    rows: Sequence[Mapping[str, str]], *, right: Sequence[str] = (), file: Any = None
) -> None:
    """Print rows under their names, columns of ``right`` flush right; all text is made safe."""
    names = list(rows[0])
    texts = [{name: name for name in names}, *rows]
    texts = [{name: safe_text(row[name]) for name in names} for row in texts]
    widths = {name: max(len(row[name]) for row in texts) for name in names}
    for row in texts:
        cells = [
            row[name].rjust(widths[name]) if name in right else row[name].ljust(widths[name])
            for name in names
        ]
        print("  ".join(cells).rstrip(), file=file or sys.stdout)


def whole(least: int) -> Callable[[str], int]:
    """Return a reader of integers from ``least``, exact as JSON numbers."""

    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > 16 or not least <= int(text) < LARGEST:
            raise argparse.ArgumentTypeError(
                f"must be an integer in [{least}, 2**53); got {text[:60]!r}"
            )
        return int(text)

    return read


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not LEAST_RATE <= rate < 0.5:
        raise argparse.ArgumentTypeError(
            f"must be a number in [{LEAST_RATE:g}, 0.5); got {text[:60]!r}"
        )
    return rate


def _effect(text: str) -> tuple[str, float]:
    name, equals, number = (part.strip() for part in text.partition("="))
    try:
        size = float(number)
    except ValueError:
        size = math.nan
    if not (equals and name and 0 <= size < 1):
        raise argparse.ArgumentTypeError(f"must be NAME=X with X in [0, 1); got {text[:60]!r}")
    return name, size
