"""How far a long run is: a bar on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["set_output", "track"]

QUIET_SECONDS = 5.0  # a run shorter than this shows nothing
LINE_SECONDS = 60.0  # between two lines where there is no terminal

_AUTOMATIC = object()
_output: Any = _AUTOMATIC


def set_output(stream: Any) -> Any:
    """Send progress to ``stream``, a text file, and return where it went; None shows none."""
    global _output
    former, _output = _output, stream
    return former


def track(steps: Iterable[int], *, total: int, label: str, show: bool | None) -> Iterator[int]:
    """Yield ``steps`` and show how many of ``total`` are done.

    Parameters
    ----------
    label
        What is running, in a few words.
    show
        None shows a run that takes over five seconds; True shows it at once; False never.
    """
    stream = sys.stderr if _output is _AUTOMATIC else _output
    if show is False or stream is None:
        yield from steps
        return
    start = last = time.monotonic()
    patience = 0.0 if show else QUIET_SECONDS
    bar: Any = None
    interactive = bool(getattr(stream, "isatty", lambda: False)())
    try:
        for done, step in enumerate(steps):
            now = time.monotonic()
            if interactive and bar is None and now - start >= patience:
                bar = _bar(stream, label, total)
            if bar is not None:
                bar.update(0, completed=done)
            elif not interactive and now - last >= LINE_SECONDS:
                stream.write(f"{label}: {done} of {total}, {now - start:.0f} s\n")
                stream.flush()
                last = now
            yield step
    finally:
        if bar is not None:
            bar.stop()


def _bar(stream: Any, label: str, total: int) -> Any:
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(file=stream), transient=True)
    bar.add_task(label, total=total)
    bar.start()
    return bar
