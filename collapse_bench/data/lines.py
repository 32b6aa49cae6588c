"""Files of texts, one a line."""

from __future__ import annotations

from pathlib import Path

from collapse_bench.data.arrays import MOST_BYTES
from collapse_bench.data.texts import one_line
from collapse_bench.errors import InvalidSamples, InvalidSpec

__all__ = ["read_texts"]


def read_texts(argument: str, spec: str, path: Path) -> list[str]:
    """Return the texts in a file in UTF-8, one a line; lines of white space hold none.

    Raises
    ------
    InvalidSpec
        If the file isn't text in UTF-8, or has more than ``MOST_BYTES``.
    InvalidSamples
        If it holds no text.
    """
    if (size := path.stat().st_size) > MOST_BYTES:
        raise InvalidSpec(
            f"{argument} must hold at most {MOST_BYTES:,} bytes; got {argument}={spec!r} "
            f"with {size:,}"
        )
    texts = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InvalidSpec(
                    f"{argument} must be text in UTF-8; got {argument}={spec!r}, whose line "
                    f"{number:,} isn't"
                ) from error
            if "\0" in text:
                raise InvalidSpec(
                    f"{argument} must be text; got {argument}={spec!r} with a zero byte in line "
                    f"{number:,}"
                )
            if text := one_line(text):
                texts.append(text)
    if not texts:
        raise InvalidSamples(f"{argument} must have texts; got {argument}={spec!r} with none")
    return texts
