"""Samples from a model that nobody has vouched for: drawn in batches, each of them checked."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data.texts import are_texts, as_sequences, token_type
from collapse_bench.errors import InvalidArgument, InvalidSamples, ModelError
from collapse_bench.models import Samples
from collapse_bench.validation import MOST_VALUES, Kind, as_samples, check_count

__all__ = ["BATCH", "calling", "draw"]

# Samples asked for at once. A constant: batches that depended on the memory at hand would make
# the draws, and with them a verdict, depend on the machine. 8,192 color images of 64 x 64 pixels
# in single precision are 400 MB.
BATCH = 8_192

MOST_TOLD = 300  # characters of another library's message


def draw(
    model: Any,
    size: int,
    *,
    rng: np.random.Generator,
    device: str | None = None,
    batch: int | None = None,
    kind: Kind | None = None,
) -> Samples:
    """Return ``size`` samples of ``model``, checked and copied out of its reach.

    Parameters
    ----------
    model
        Anything with ``sample(size, *, rng)``, without a replicate axis.
    size
        How many samples to draw.
    rng
        The stream, handed on to the model.
    device
        Where to move the model first, if it has ``to``; None leaves it where it is.
    batch
        Samples a call, 8,192 unless said. Another value may give other draws.
    kind
        What the samples hold; None: what the model says, else what they look like.

    Returns
    -------
    shape (size, d) float64, or (size,) codes, or sequences of tokens
        An array of the caller's own, in the memory of the CPU. Sequences of one length are a
        block, shape (size, L); texts, and sequences of other lengths, are objects, shape (size,).

    Raises
    ------
    ModelError
        If the model raises, or returns anything but as many finite samples as it was asked for,
        each as wide as the ones before.
    InvalidArgument
        If ``size`` or ``batch`` is no count, or the model has a replicate axis.
    """
    size, step = check_count("size", size), check_count("batch", BATCH if batch is None else batch)
    if getattr(model, "replicates", None) is not None:
        raise InvalidArgument(f"model must be a single one; got replicates={model.replicates}")
    kind = kind or getattr(model, "kind", None)
    if device is not None and callable(getattr(model, "to", None)):
        with calling(model, f"to({device!r})"):
            model = model.to(device)
    parts: list[NDArray[Any]] = []
    for start in range(0, size, step):
        count = min(step, size - start)
        with calling(model, f"sample({count}, rng=rng)"):
            drawn = model.sample(count, rng=rng)
        part = _checked(_told(model, start, count, size), drawn, count, kind)
        if parts:
            _compare(_told(model, start, count, size), part, parts[0], kind)
        elif (width := part[0].size if part.dtype.kind != "O" else 1) * size > MOST_VALUES:
            raise ModelError(
                f"{_told(model, start, count, size)} must be narrow enough for {size:,} samples "
                f"to hold at most {MOST_VALUES:,} values; got {width:,} values a sample"
            )
        parts.append(part)
        del drawn
    if len(parts) > 1 and len({part.shape[1:] for part in parts}) > 1:  # blocks of other lengths
        return as_sequences("samples", [row for part in parts for row in part])
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@contextmanager
def calling(model: Any, call: str) -> Iterator[None]:
    """Turn whatever a model's own code raises into a :class:`ModelError` that names the call.

    ``sys.exit`` in a model is such a failure too: it must not end a test run, least of all as a
    success. An interrupt from the keyboard, and pytest's own outcomes, pass.
    """
    try:
        yield
    except ModelError:  # a sentence already, of an adapter or a built-in model
        raise
    except (Exception, SystemExit) as error:
        told = " ".join(str(error).split())[:MOST_TOLD]
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise ModelError(
            f"{_name(model)}.{call} must return; it raised {type(error).__name__}: {told} "
            f"({Path(last.filename).name}, line {last.lineno})"
        ) from error


def _told(model: Any, start: int, count: int, size: int) -> str:
    """Return how the batch from ``start`` is called in a sentence."""
    rows = f" (samples {start:,} to {start + count - 1:,} of {size:,})" if count < size else ""
    return f"{_name(model)}.sample({count}, rng=rng){rows}"


def _name(model: Any) -> str:
    """Return the class of a model, or of what an adapter holds."""
    return type(getattr(model, "wrapped", model)).__name__


def _checked(name: str, drawn: Any, count: int, kind: Kind | None) -> NDArray[Any]:
    if drawn is None or isinstance(drawn, Iterator):
        raise ModelError(f"{name} must return an array; got {type(drawn).__name__}")
    shape = getattr(drawn, "shape", None)
    if shape is not None and len(shape) and int(shape[0]) != count:  # before anything is copied
        raise ModelError(f"{name} must return {count} samples; got {int(shape[0])}")
    try:
        if kind == "tokens":
            values = as_sequences(name, drawn)
        else:
            values, _ = as_samples(name, drawn, kind)
    except InvalidSamples as error:
        raise ModelError(str(error)) from error
    except InvalidArgument:  # the caller's kind
        raise
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        # What torch and others say of layouts that numpy has no word for.
        raise ModelError(f"{name} must return a dense array; {error}") from error
    if len(values) != count:
        raise ModelError(f"{name} must return {count} samples; got {len(values)}")
    return np.array(values)  # the model may fill the same buffer again


def _compare(name: str, part: NDArray[Any], first: NDArray[Any], kind: Kind | None) -> None:
    if kind == "tokens":  # their lengths may differ from one batch to the next
        forms = [(token_type(array), are_texts(array)) for array in (part, first)]
        if forms[0] != forms[1]:
            told = [f"{'texts' if texts else f'tokens that are {what}'}" for what, texts in forms]
            raise ModelError(f"{name} must return {told[1]} as before; got {told[0]}")
        return
    families = [array.dtype.kind.replace("u", "i") for array in (part, first)]
    if families[0] != families[1]:
        raise ModelError(f"{name} must return {first.dtype} as before; got {part.dtype}")
    if part.shape[1:] != first.shape[1:]:
        raise ModelError(
            f"{name} must return samples of shape {first.shape[1:]} as before; "
            f"got shape {part.shape[1:]}"
        )
