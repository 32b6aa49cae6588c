"""The reports that a file's suffix asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collapse_bench.errors import InvalidArgument
from collapse_bench.reports import html, json, markdown

__all__ = ["SUFFIXES", "write"]

SUFFIXES = (".json", ".html", ".md")


def write(document: Mapping[str, Any], path: Path) -> None:
    """Write a session's ``document`` to ``path`` in the form that its suffix names.

    Raises
    ------
    InvalidArgument
        If the suffix is none of ``SUFFIXES``, or ``document`` is no report of schema 1.
    OSError
        If the file can't be written; an older one is left as it was.
    """
    if path.suffix == ".json":
        json.write(document, path)
    elif path.suffix == ".html":
        html.write(document, path)
    elif path.suffix == ".md":
        markdown.write(document, path)
    else:
        raise InvalidArgument(f"path must end in {' or '.join(SUFFIXES)}; got path={str(path)!r}")
