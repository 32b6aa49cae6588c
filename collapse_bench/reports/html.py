"""The HTML report: one file that needs nothing else, made from the JSON document alone.

It runs no script and loads nothing: its own policy forbids both. Whatever it shows goes through
`safe_text` and is then escaped, both by the environment, so that no template can forget it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collapse_bench.reports import plots, profiles, view
from collapse_bench.reports.files import write_text
from collapse_bench.reports.text import counted, safe_text

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["render", "write"]

TEMPLATES = Path(__file__).parent / "templates"


def render(document: Mapping[str, Any]) -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    document
        What a ``.json`` report holds, of schema 1.

    Raises
    ------
    InvalidArgument
        If it is no such report.
    """
    found = view.checked(document)
    return _template().render(
        banner=view.banner(found),
        changes=view.CHANGES,
        command=view.command_line(found),
        conformance=view.conformance_of(found),
        document=found,
        ledgers=view.ledgers(found),
        modules=view.modules(found),
        options=view.options_of(found),
        outside=view.outside(found),
        plots=plots,
        profiles=profiles,
        statuses=view.STATUSES,
        words=view.WORDS,
    )


@functools.cache
def _template() -> Template:
    """Return the page's template, compiled once a process."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: object) -> object:
        # Markup is what our own macros made; everything else is somebody's text until it is safe.
        return value if isinstance(value, Markup | plots.Drawn) else safe_text(value)

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "change_counts": view.change_counts,
        "check_name": view.check_name,
        "counted": counted,
        "needed": view.needed,
        "number": view.number,
        "text_lines": view.text_lines,
    }
    return environment.get_template("report.html")


def write(document: Mapping[str, Any], path: Path) -> None:
    """Write the report to ``path``, whole or not at all.

    Raises
    ------
    InvalidArgument
        If ``document`` is no report of schema 1.
    OSError
        If the file can't be written; an older one is left as it was.
    """
    write_text(render(document), path)
