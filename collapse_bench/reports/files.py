"""Files written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["probe", "write_text"]


def write_text(text: str, path: Path) -> None:
    """Write ``text`` to ``path`` in UTF-8, whole or not at all.

    Raises
    ------
    OSError
        If the file can't be written; an older one is left as it was.
    """
    partial = _partial(path)
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def probe(path: Path) -> None:
    """Return if :func:`write_text` could begin on ``path`` now; nothing is left behind.

    A file is made and deleted: permissions alone say nothing of a read-only file system, a name
    that is too long or a full quota.

    Raises
    ------
    OSError
        If it could not.
    """
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no regular file")
    partial = _partial(path)
    try:
        partial.touch()
    finally:
        partial.unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    """Return where the text stands until it is whole; of each process its own."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")
