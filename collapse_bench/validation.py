"""Argument checks, one sentence each: ``<argument> must <condition>; got <argument>=<value>``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument, InvalidSamples

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Kind",
    "as_codes",
    "as_numbers",
    "as_samples",
    "as_tokens",
    "check_count",
    "check_real",
    "check_texts",
    "one_of",
]

Kind = Literal["numbers", "codes", "tokens"]

# Samples larger than this are refused before they are copied: 2**31 float64 values are 16 GiB.
MOST_VALUES = 2**31

# float64 rounds larger whole numbers, so that different ones become one.
EXACT = 2**53


def check_count(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """Return ``value`` as an int from ``least`` to ``most``; booleans and floats are refused."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidArgument(f"{name} must be an integer >= {least}; got {name}={value!r}")
    if most is not None and value > most:
        raise InvalidArgument(f"{name} must be at most {most:,}; got {name}={value!r}")
    return int(value)


def check_real(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    closed: Literal["both", "left", "right", "neither"] = "neither",
) -> float:
    """Return ``value`` as a finite float inside the interval from ``low`` to ``high``."""
    left, right = closed in ("both", "left"), closed in ("both", "right")
    interval = f"{'[' if left else '('}{low:g}, {high:g}{']' if right else ')'}"
    sentence = f"{name} must be a number in {interval}; got {name}={value!r}"
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InvalidArgument(sentence)
    number = float(value)
    inside = (number >= low if left else number > low) and (
        number <= high if right else number < high
    )
    if not (math.isfinite(number) and inside):
        raise InvalidArgument(sentence)
    return number


def one_of(name: str, value: Any, options: Sequence[str]) -> str:
    """Return ``value`` if it is among ``options``."""
    if value not in options:
        listed = ", ".join(repr(option) for option in options)
        raise InvalidArgument(f"{name} must be one of {listed}; got {name}={value!r}")
    return str(value)


def as_samples(
    name: str, samples: Any, kind: Kind | None = None
) -> tuple[NDArray[Any], Literal["numbers", "codes"]]:
    """Return ``samples`` as an array and what it holds.

    Strings and booleans are codes, every other array is numbers, unless ``kind`` says otherwise.
    Numbers come back as :func:`as_numbers` returns them, codes as :func:`as_codes` does.
    """
    if kind == "tokens":
        raise InvalidArgument(f"kind must be 'numbers' or 'codes' for {name}; got kind='tokens'")
    if kind is not None:
        one_of("kind", kind, ("numbers", "codes"))
    array = _as_array(name, samples)
    if kind == "codes" or (kind is None and array.dtype.kind in "USTb"):
        return as_codes(name, array), "codes"
    return as_numbers(name, array), "numbers"


def as_numbers(name: str, samples: Any, *, columns: int | None = None) -> NDArray[np.float64]:
    """Return ``samples`` as a finite float64 array of shape (n, d).

    Parameters
    ----------
    name
        What the argument is called where the caller sees it.
    samples
        Shape (n, d) or (n,), read as (n, 1): an array, a list, a torch tensor on any device
        (detached and copied to the CPU) or anything ``numpy.asarray`` reads.
    columns
        The d that is wanted, if one is.

    Raises
    ------
    InvalidSamples
        If there are no rows, the rank, the width or the type is wrong, a value isn't finite, or
        float64 would round a whole number.
    """
    array = _as_array(name, samples)
    if array.dtype.kind not in "iuf":
        raise InvalidSamples(
            f"{name} must hold real numbers; got dtype {array.dtype}"
            + (": pass kind='codes' for categories" if array.dtype.kind in "USTb" else "")
        )
    if array.ndim == 1 and array.size:
        array = array[:, None]
    if array.ndim != 2 or 0 in array.shape:
        raise InvalidSamples(
            f"{name} must have shape (n, d) or (n,) with n, d >= 1; got shape {array.shape}"
        )
    if columns is not None and array.shape[1] != columns:
        raise InvalidSamples(f"{name} must have {columns} columns; got shape {array.shape}")
    if array.dtype.kind in "iu" and max(int(array.max()), -int(array.min())) > EXACT:
        worst = max(int(array.max()), int(array.min()), key=abs)
        raise InvalidSamples(
            f"{name} must hold whole numbers up to 2**53, beyond which float64 takes some for "
            f"others; got {worst}: pass kind='codes' if they are categories"
        )
    numbers = np.asarray(array, dtype=np.float64)
    finite = np.isfinite(numbers)
    if not finite.all():
        row, column = (int(index) for index in np.argwhere(~finite)[0])
        raise InvalidSamples(
            f"{name} must be finite; {int((~finite).sum())} of {numbers.size} values are not, "
            f"the first at row {row}, column {column}: {numbers[row, column]}"
        )
    return numbers


def as_codes(name: str, samples: Any) -> NDArray[Any]:
    """Return ``samples`` as a one-dimensional array of codes: integers, strings or booleans.

    Raises
    ------
    InvalidSamples
        If there are no rows, the shape isn't (n,) or (n, 1), the type can't be a code, texts are
        among other types or end in NUL, or floats are beyond 2**53.
    """
    array = _as_array(name, samples)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.size == 0:
        raise InvalidSamples(f"{name} must have shape (n,) with n >= 1; got shape {array.shape}")
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.rint(array)).all():
        if np.abs(array).max() > EXACT:
            raise InvalidSamples(
                f"{name} must hold codes up to 2**53 where they are floats, which are rounded "
                f"beyond; got {array[np.abs(array).argmax()]:g}: give them as integers or text"
            )
        array = array.astype(np.int64)  # whole numbers, as a CSV with one missing cell gives them
    if array.dtype.kind not in "iubUST":
        raise InvalidSamples(
            f"{name} must hold codes (integers, strings or booleans); got dtype {array.dtype}"
        )
    return array


def as_tokens(name: str, samples: Any) -> tuple[NDArray[Any], NDArray[np.intp], int]:
    """Return sequences of tokens as one array of tokens, and the sequence that each belongs to.

    Parameters
    ----------
    name
        What the argument is called where the caller sees it.
    samples
        Token blocks, shape (N, L); or a list of N sequences of any lengths; or N texts, whose
        tokens are their words and signs. Tokens are integers or strings.

    Returns
    -------
    tuple
        The tokens, shape (P,), the number of the sequence of each, shape (P,), and N.

    Raises
    ------
    InvalidSamples
        If there is no token at all, the type can't be a token's, strings are among other types, or
        a string of a list ends in NUL.
    """
    if isinstance(samples, str | bytes) or not hasattr(samples, "__len__") or not len(samples):
        raise InvalidSamples(
            f"{name} must be token blocks of shape (N, L), a list of sequences or of texts; "
            f"got {type(samples).__name__}"
        )
    if hasattr(samples, "shape") and len(samples.shape) == 2:
        block = _as_array(name, samples)
        rows: list[Any] = []
        tokens, lengths = block.reshape(-1), np.full(len(block), block.shape[1])
    elif all(hasattr(row, "__len__") for row in samples):
        rows = [_WORDS.findall(row) if isinstance(row, str) else list(row) for row in samples]
        flat = [token for row in rows for token in row]
        texts = all(isinstance(row, str) for row in samples)  # in which NUL is a sign of its own
        tokens = np.asarray(flat, dtype=np.str_) if texts else _as_array(name, flat)
        lengths = np.array([len(row) for row in rows])
    else:
        raise InvalidSamples(
            f"{name} must be token blocks of shape (N, L), a list of sequences or of texts; "
            f"got a list of {type(samples[0]).__name__}"
        )
    if tokens.ndim != 1 or tokens.size == 0 or tokens.dtype.kind not in "iuUS":
        raise InvalidSamples(
            f"{name} must hold tokens, integers or strings; got {tokens.size} values of dtype "
            f"{tokens.dtype}"
        )
    return tokens, np.repeat(np.arange(len(lengths)), lengths), len(lengths)


def check_texts(name: str, texts: Sequence[Any]) -> None:
    """Refuse texts that numpy would merge: it strips NUL from their ends and spells out all else.

    Raises
    ------
    InvalidSamples
        If one ends in NUL, or they aren't all strings or all bytes.
    """
    if not any(all(isinstance(text, kind) for text in texts) for kind in (str, bytes)):
        told = ", ".join(sorted({type(text).__name__ for text in texts})[:4])
        raise InvalidSamples(f"{name} must hold values of one type; got {told}")
    for text in texts:
        if text[-1:] in ("\0", b"\0"):
            raise InvalidSamples(f"{name} must hold text that doesn't end in NUL; got {text!r}")


# Words and signs of a text: runs of letters, digits and underscores, and every other mark.
_WORDS = re.compile(r"\w+|[^\w\s]")


def _as_array(name: str, samples: Any) -> NDArray[Any]:
    """Return ``samples`` as a numpy array, refusing by size before anything is copied."""
    elements = getattr(samples, "numel", None)  # a torch tensor: sizes first, memory later
    count = elements() if callable(elements) else getattr(samples, "size", 0)
    if isinstance(count, int | np.integer) and count > MOST_VALUES:
        raise InvalidSamples(f"{name} must hold at most {MOST_VALUES:,} values; got {count:,}")
    if hasattr(samples, "detach"):
        if str(samples.layout) != "torch.strided" or samples.is_meta:
            raise InvalidSamples(
                f"{name} must be a dense tensor with data; "
                f"got layout {samples.layout} on device {samples.device}"
            )
        samples = samples.detach().cpu()
        if samples.dtype.is_floating_point:
            samples = samples.double()  # numpy has no bfloat16
        samples = samples.numpy()
    if isinstance(samples, np.ma.MaskedArray) and np.ma.getmaskarray(samples).any():
        raise InvalidSamples(
            f"{name} must have a value in each cell; "
            f"got {int(np.ma.getmaskarray(samples).sum()):,} masked"
        )
    try:
        array = np.asarray(samples)
    except ValueError as error:  # numpy's word for a ragged list
        raise InvalidSamples(f"{name} must be rectangular; numpy says: {error}") from error
    if array.dtype.kind in "US" and not hasattr(samples, "__array__"):
        check_texts(name, np.asarray(samples, dtype=object).ravel().tolist())
    if array.dtype.kind == "O" and array.size and all(isinstance(x, str) for x in array.flat):
        check_texts(name, array.ravel().tolist())
        array = array.astype(str)
    return array
