"""Samples together with what they hold, what their columns are called and what identifies them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data.laws import Law
from collapse_bench.errors import InvalidArgument, InvalidSpec
from collapse_bench.validation import Kind, as_samples

__all__ = ["SampleSet", "save_samples"]


@dataclass(frozen=True, slots=True, eq=False)
class SampleSet:
    """Finite samples, checked and identified; make one with :meth:`of`.

    Attributes
    ----------
    values : shape (n, d) float64 numbers, or (n,) codes
        A read-only copy, n >= 1, finite.
    kind
        ``"numbers"`` or ``"codes"``.
    columns
        The names of the d columns, or None where they have none.
    name
        What the set is called where people read it: the file or the built-in's name.
    law
        The distribution that the values were drawn from, where it is known exactly.
    sha256
        Digest of kind, type, shape, columns and values; equal for equal sets on any machine.
    """

    values: NDArray[Any]
    kind: Literal["numbers", "codes"]
    columns: tuple[str, ...] | None = None
    name: str = "samples"
    law: Law | None = None
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", _digest(self))

    @classmethod
    def of(
        cls,
        values: Any,
        *,
        kind: Kind | None = None,
        columns: tuple[str, ...] | None = None,
        name: str = "samples",
        law: Law | None = None,
    ) -> Self:
        """Return a set holding a checked copy of ``values``.

        Parameters
        ----------
        values : shape (n, d) or (n,)
            Anything :func:`~collapse_bench.validation.as_samples` reads.
        kind
            What they hold; None: strings and booleans are codes, all else numbers.
        columns
            d different names; a set of codes has one.

        Raises
        ------
        InvalidSamples
            If ``values`` are empty, not finite, of a wrong shape or type.
        InvalidArgument
            If ``columns`` is not one name a column, all different.
        """
        checked, found = as_samples(name, values, kind)
        own = _canonical(checked)
        width = own.shape[1] if own.ndim > 1 else 1
        if columns is not None and (len(columns) != width or len(set(columns)) != width):
            raise InvalidArgument(
                f"columns must be {width} different names, one a column; got columns={columns!r}"
            )
        own.setflags(write=False)
        return cls(own, found, columns, name, law)

    def __len__(self) -> int:
        return len(self.values)


def save_samples(samples: Any, path: str | os.PathLike[str]) -> str:
    """Write samples to a ``.npy`` file and return their sha256.

    The file appears whole or not at all. Numpy's format has no room for column names, and reads
    integer codes back as numbers unless ``kind="codes"`` is said (or the reference says it).

    Parameters
    ----------
    samples
        A :class:`SampleSet`, or values that :meth:`SampleSet.of` takes.
    path
        Where to; its name ends in ``.npy``. An existing file is replaced.

    Raises
    ------
    InvalidSpec
        If ``path`` doesn't end in ``.npy`` or can't be written.
    InvalidSamples
        If ``samples`` can't be used as samples.
    """
    target = Path(path).expanduser()
    if target.suffix != ".npy":
        raise InvalidSpec(f"path must end in .npy; got path={str(path)!r}")
    whole = samples if isinstance(samples, SampleSet) else SampleSet.of(samples)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            np.save(file, whole.values, allow_pickle=False)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InvalidSpec(
            f"path must be writable; got path={str(path)!r}: {error.strerror or error}"
        ) from error
    return whole.sha256


def _canonical(values: NDArray[Any]) -> NDArray[Any]:
    """Return a C-ordered, little-endian copy whose type doesn't depend on where it came from."""
    match values.dtype.kind:
        case "f":
            return np.array(values, dtype="<f8", order="C")
        case "i":
            return np.array(values, dtype="<i8", order="C")
        case "u":  # codes beyond 2**63 stay as they are
            small = not values.size or int(values.max()) < 2**63
            return np.array(values, dtype="<i8" if small else "<u8", order="C")
        case "b":
            return np.array(values, order="C")
        case "S":
            return np.array(values, order="C")
        case _:  # text as wide as its longest value
            return np.array(values.tolist(), dtype=np.str_)


def _digest(samples: SampleSet) -> str:
    values = samples.values
    header = [samples.kind, values.dtype.str, list(values.shape), samples.columns]
    digest = hashlib.sha256(json.dumps(header).encode() + b"\n")
    digest.update(np.ascontiguousarray(values).data.cast("B"))
    return digest.hexdigest()
