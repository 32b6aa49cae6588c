"""Numpy's own files. What a file claims to hold is weighed before any of it is read."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data.columns import listed
from collapse_bench.errors import CollapseBenchError, InvalidSpec

__all__ = ["MOST_BYTES", "read_array"]

# 4 GiB: half a billion float64 values, forty times the samples of the largest default gate.
# A compressed file of a few kilobytes can claim more than any machine has.
MOST_BYTES = 2**32

# Header layouts of the format that numpy parses by public functions. The third exists for record
# arrays with non-Latin field names only, and records are no samples.
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_array(argument: str, spec: str, path: Path) -> NDArray[Any]:
    """Return the array in a ``.npy`` file, or the only one in an ``.npz`` file.

    Raises
    ------
    InvalidSpec
        If the file is damaged, holds Python objects, none or several arrays, or claims to hold
        more than ``MOST_BYTES``.
    """
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                return _checked(argument, spec, file, path.stat().st_size)
        with zipfile.ZipFile(path) as archive:
            name = _only_member(argument, spec, archive.namelist())
            with archive.open(name) as member:
                return _checked(argument, spec, member, archive.getinfo(name).file_size)
    except CollapseBenchError:
        raise
    except Exception as error:  # zipfile, zlib and numpy agree on no class for a damaged file
        raise InvalidSpec(
            f"{argument} must be a whole numpy file; got {argument}={spec!r}: {error}"
        ) from error


def _only_member(argument: str, spec: str, names: Sequence[str]) -> str:
    if len(names) != 1:
        shown = listed([name.removesuffix(".npy") for name in names]) or "none"
        raise InvalidSpec(
            f"{argument} must be an .npz file of exactly one array; "
            f"got {argument}={spec!r} with {len(names)}: {shown}"
        )
    return names[0]


def _checked(argument: str, spec: str, file: IO[bytes], present: int) -> NDArray[Any]:
    """Return the array in ``file``, which has ``present`` bytes, once its header is plausible."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"format version {version} holds records, which aren't read")
    shape, _, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise InvalidSpec(
            f"{argument} must hold plain numbers or text; got {argument}={spec!r} with Python "
            "objects, which are not loaded because unpickling runs code stored in the file"
        )
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > MOST_BYTES:
        raise InvalidSpec(
            f"{argument} must hold at most {MOST_BYTES:,} bytes; "
            f"got {argument}={spec!r} with {claimed:,}: shape {shape} of {dtype}"
        )
    if claimed > present:
        raise ValueError(f"its header claims {claimed:,} bytes but {present:,} are there")
    file.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array
