"""What a process prints, kept from the terminal: its last lines tell why a check failed."""

from __future__ import annotations

import fcntl
import os
import tempfile

__all__ = ["Output", "with_printed"]

# Bytes that are kept, and those at the end that are read.
MOST_KEPT, TAIL = 1 << 20, 1 << 14
MOST_LINES, MOST_CHARACTERS = 10, 200  # that are told


class Output:
    """A file without a name that a process prints to."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        # Whoever writes to it writes at its end, wherever that is after it was cut.
        flags = fcntl.fcntl(self.file, fcntl.F_GETFL)
        fcntl.fcntl(self.file, fcntl.F_SETFL, flags | os.O_APPEND)

    def clear(self) -> None:
        """Forget what was printed."""
        os.ftruncate(self.file.fileno(), 0)

    def trim(self) -> None:
        """Keep only the end of what was printed, if it is much."""
        if os.fstat(self.file.fileno()).st_size > MOST_KEPT:
            tail = self._tail()
            self.clear()
            os.write(self.file.fileno(), tail)

    def lines(self) -> list[str]:
        """Return the last lines that were printed; what could steer a terminal as escapes."""
        printed = self._tail().decode("utf-8", "backslashreplace").expandtabs().splitlines()
        told = [line.rstrip()[:MOST_CHARACTERS] for line in printed if line.strip()]
        return ["".join(map(_shown, line))[:MOST_CHARACTERS] for line in told[-MOST_LINES:]]

    def close(self) -> None:
        """Close the file; it is gone once the process has ended too."""
        self.file.close()

    def _tail(self) -> bytes:
        number = self.file.fileno()
        return os.pread(number, TAIL, max(0, os.fstat(number).st_size - TAIL))


def with_printed(reason: str, lines: list[str]) -> str:
    """Return a reason with what was printed, before the lines of code that repeat the check."""
    if not lines:
        return reason
    told = "\n".join(["it printed:", *(f"    {line}" for line in lines)])
    head, mark, code = reason.rpartition("\nreproduce it with\n")
    return f"{head}\n{told}{mark}{code}" if mark else f"{reason}\n{told}"


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
