"""``collapse-bench list``: what there is, by the names that options take."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import collapse_bench
from collapse_bench.cli.console import Commands, print_json, print_table

__all__ = ["add"]

EPILOG = """\
examples:
  collapse-bench list
  collapse-bench list checks references
  collapse-bench list options --json
"""

Pairs = list[tuple[str, str]]

MODELS = {
    "categorical": "the frequencies of codes, learned by counting",
    "gaussian": "a normal law of any width, learned by its mean and covariance",
}
REFERENCES = {
    "digits": "handwritten digits of scikit-learn, 1,797 rows of 64 gray levels",
    "pydoc": "sentences of Python's own help topics, about 2,500 texts",
    "two-gaussians": "draws of an even mixture of N(-2, 1) and N(2, 1)",
    "zipf": "codes: draws of 1,000 states with probability proportional to k**-1.2",
}


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "list",
        help="suites, models, regimes, metrics, checks, references, options",
        description="Print what there is, by the names that options take.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "what", nargs="*", metavar="WHAT", help=f"{', '.join(SECTIONS)} (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run, parser=parser)


def _run(arguments: argparse.Namespace) -> int:
    for name in arguments.what:
        if name not in SECTIONS:
            arguments.parser.error(f"WHAT must be one of {', '.join(SECTIONS)}; got {name!r}")
    chosen = list(dict.fromkeys(arguments.what)) or list(SECTIONS)
    found = {name: SECTIONS[name]() for name in chosen}
    if arguments.json:
        print_json(
            {
                name: [{"name": item, "about": about} for item, about in pairs]
                for name, pairs in found.items()
            }
        )
        return 0
    for number, (name, pairs) in enumerate(found.items()):
        if number:
            print()
        print_table([{name: item, "": about} for item, about in pairs])
    return 0


def _suites() -> Pairs:
    """Return the files of the suites, by what ``--pyargs`` calls them."""
    places = [Path(folder, "suites") for folder in collapse_bench.__path__]
    places.append(Path(collapse_bench.__path__[0]).parent / "suites")  # an uninstalled checkout
    spec = find_spec("collapse_bench.suites")
    places += [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    top = next((place for place in places if (place / "gate" / "test_release.py").is_file()), None)
    if top is None:
        return []
    return [
        (
            ".".join(("collapse_bench.suites", *path.relative_to(top).with_suffix("").parts)),
            _first(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))),
        )
        for path in sorted(top.rglob("test_*.py"))
    ]


def _models() -> Pairs:
    from collapse_bench.adapters import BUILT_IN

    return [(name, MODELS.get(name, "")) for name in BUILT_IN]


def _regimes() -> Pairs:
    from collapse_bench import regimes

    return [
        (name, about)
        for name, about in _public(regimes)
        if name not in ("Regime", "Schedule", "Size")  # types of arguments
    ]


def _metrics() -> Pairs:
    from collapse_bench import metrics

    return [(name, about) for name, about in _public(metrics) if name.islower()]


def _checks() -> Pairs:
    from collapse_bench import gates
    from collapse_bench.gates.checks import METRICS
    from collapse_bench.harness.options import EFFECTS

    settings = {name: make() for name, make in METRICS.items()}
    effects = {**EFFECTS, **{name: (one.tolerate, one.detect) for name, one in settings.items()}}
    found = []
    for name in sorted(part[6:] for part in gates.__all__ if part.startswith("check_")):
        about = _first(getattr(gates, f"check_{name}").__doc__)
        if name in effects:
            about += " tolerate {:g}, detect {:g}".format(*effects[name])
        found.append((name, about))
    return found


def _references() -> Pairs:
    from collapse_bench.data import BUILT_IN

    return [(name, REFERENCES.get(name, "")) for name in BUILT_IN]


def _options() -> Pairs:
    from collapse_bench.harness.options import OPTIONS

    return [
        (" ".join(filter(None, (option.flag, option.metavar))), option.help) for option in OPTIONS
    ]


def _public(module: Any) -> Pairs:
    return [(name, _first(getattr(module, name).__doc__)) for name in module.__all__]


def _first(text: str | None) -> str:
    """Return the first paragraph of a docstring in one line, without its markup."""
    line = " ".join((text or "").strip().partition("\n\n")[0].split())
    return re.sub(r"(?::\w+:)?`+([^`]*)`+", r"\1", line)


SECTIONS: dict[str, Callable[[], Pairs]] = {
    "suites": _suites,
    "models": _models,
    "regimes": _regimes,
    "metrics": _metrics,
    "checks": _checks,
    "references": _references,
    "options": _options,
}
