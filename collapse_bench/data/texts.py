"""Texts and sequences of tokens, brought into one form: text is one line, blocks are arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.validation import as_tokens

__all__ = [
    "are_texts",
    "as_sequences",
    "encodes",
    "fit_lines",
    "lines_of",
    "one_line",
    "token_type",
    "write_texts",
]

NAMES = {"i": "integers", "u": "integers", "U": "strings", "S": "bytes", "b": "booleans"}


def as_sequences(name: str, samples: Any) -> NDArray[Any]:
    """Return sequences of tokens in the form that a set keeps.

    Parameters
    ----------
    name
        What they are called where the caller sees it.
    samples
        Anything :func:`~collapse_bench.validation.as_tokens` reads.

    Returns
    -------
    shape (N, L), or (N,) of objects
        A block where all sequences have one length; texts, each on one line with single spaces
        between its words, which changes no token; or sequences of any lengths, as tuples.

    Raises
    ------
    InvalidSamples
        If there is no token at all, or the type can't be a token's.
    """
    tokens, units, size = as_tokens(name, samples)
    if getattr(samples, "ndim", 1) == 1 and all(isinstance(row, str) for row in samples):
        return _objects([one_line(row) for row in samples])
    lengths = np.bincount(units, minlength=size)
    if lengths.min() == lengths.max():
        return tokens.reshape(size, -1)
    parts = np.split(tokens, np.cumsum(lengths)[:-1])
    return _objects([tuple(part.tolist()) for part in parts])


def one_line(text: str) -> str:
    """Return a text with every run of white space as one space, and none at its ends."""
    return " ".join(str(text).split())


def are_texts(values: NDArray[Any]) -> bool:
    """Return whether a set's sequences are texts, not tokens."""
    return values.dtype.kind == "O" and isinstance(values[0], str)


def token_type(values: NDArray[Any]) -> str:
    """Return what the tokens of a set's sequences are: "integers", "strings" or "bytes"."""
    if values.dtype.kind != "O":
        return NAMES.get(values.dtype.kind, str(values.dtype))
    if are_texts(values):
        return "strings"
    return NAMES[np.asarray(next(row for row in values if row)[0]).dtype.kind]


def lines_of(values: NDArray[Any]) -> Iterator[bytes]:
    """Yield texts or sequences of any lengths, one a line, as a digest takes them in."""
    for row in values:
        yield json.dumps(row).encode() + b"\n"


def fit_lines(values: NDArray[Any]) -> bool:
    """Return whether a file of lines gives these texts back: a text without words would be lost."""
    return all(row and "\0" not in row and row[0] != "\ufeff" and encodes(row) for row in values)


def write_texts(texts: Iterable[str], path: Path) -> None:
    """Write texts that :func:`fit_lines`, one a line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{text}\n" for text in texts)


def encodes(text: str) -> bool:
    """Return whether a text has no half of a surrogate pair, which no file can hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _objects(rows: list[Any]) -> NDArray[Any]:
    """Return rows as an array of objects, shape (N,), however long each of them is."""
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array
