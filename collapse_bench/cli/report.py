"""``collapse-bench report``: a JSON report again, as a page or as Markdown."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path

from collapse_bench.baselines import read_report
from collapse_bench.cli.console import Commands
from collapse_bench.errors import InvalidArgument, InvalidSpec
from collapse_bench.reports.text import safe_text

__all__ = ["add"]

EPILOG = """\
examples:
  collapse-bench report out.json --html out.html
  collapse-bench report out.json --md out.md --html out.html
"""

FORMS = {"html": "html", "md": "markdown"}  # option -> module of reports


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report",
        help="render a JSON report as HTML or Markdown",
        description="Render a JSON report of a session again; nothing is judged.",
        epilog=EPILOG,
    )
    parser.add_argument("file", metavar="FILE.json", help="what --collapse-report wrote")
    parser.add_argument("--html", metavar="OUT", help="write a page that stands alone")
    parser.add_argument("--md", metavar="OUT", help="write Markdown")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    wanted = {form: getattr(arguments, form) for form in FORMS if getattr(arguments, form)}
    if not wanted:
        raise InvalidArgument("report must have --html OUT or --md OUT; got neither")
    source = Path(arguments.file).expanduser()
    targets = {form: Path(path).expanduser() for form, path in wanted.items()}
    for form, path in targets.items():  # before anything is rendered
        if path.is_dir() or not path.parent.is_dir():
            raise InvalidSpec(
                f"--{form} must be a file in an existing directory; got {wanted[form]!r}"
            )
    named = [path.resolve() for path in (source, *targets.values())]
    if len(set(named)) < len(named):
        raise InvalidArgument(
            "report must read and write different files; got "
            + ", ".join(repr(str(path)) for path in (source, *targets.values()))
        )
    document = read_report(source)
    for form, path in targets.items():
        render = import_module(f"collapse_bench.reports.{FORMS[form]}").render
        _write(render(document), form, path)
        print(f"wrote {safe_text(path)}")
    return 0


def _write(text: str, form: str, path: Path) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InvalidSpec(
            f"--{form} must be a file that can be written; got {str(path)!r}: "
            f"{error.strerror or error}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
