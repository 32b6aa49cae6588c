"""One call of ``sample`` as a check makes it, and what it may cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters import name_of
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import ModelError
from collapse_bench.generation import calling, draw
from collapse_bench.models import Samples

__all__ = ["affordable", "as_plain", "once", "ordered", "raw", "row_seconds", "told"]

# Rows behind the measured cost of one: enough that the call itself counts for little.
TIMED_ROWS = 1_000


def told(model: Any, size: int) -> str:
    """Return how a call of ``sample`` is written in a sentence."""
    return f"{name_of(model)}.sample({size}, rng=rng)"


def raw(model: Any, size: int, rng: np.random.Generator) -> Any:
    """Return exactly what the model returns.

    Raises
    ------
    ModelError
        If it raises.
    """
    with calling(model, f"sample({size}, rng=rng)"):
        return model.sample(size, rng=rng)


def as_plain(call: str, drawn: Any) -> NDArray[Any]:
    """Return what a model returned as an array, its values unseen; no copy if it is one.

    Raises
    ------
    ModelError
        If it is no array, no tensor and nothing that numpy makes one of.
    """
    if drawn is None or isinstance(drawn, str | bytes | dict | Iterator):
        raise ModelError(f"{call} must return an array; got {type(drawn).__name__}")
    try:
        if hasattr(drawn, "detach"):
            drawn = drawn.detach().cpu()
            if str(drawn.dtype) == "torch.bfloat16":  # numpy has none
                drawn = drawn.double()
            drawn = drawn.numpy()
        return np.asarray(drawn)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise ModelError(f"{call} must return a rectangular array; {error}") from error


def once(
    subject: Subject,
    size: int,
    *names: str | int,
    rng: np.random.Generator | None = None,
    model: Any = None,
) -> Samples:
    """Return ``size`` checked draws of a single call, (size, d) or (size,), copied.

    ``rng`` goes on where it was; without one the stream is called ``names``.

    Raises
    ------
    ModelError
        If the model raises or returns anything but as many finite samples.
    """
    stream = subject.rng("draw", *names) if rng is None else rng
    return draw(subject.model if model is None else model, size, rng=stream, batch=size)


def row_seconds(subject: Subject) -> float:
    """Return the seconds that a row costs in a large call."""
    rng = subject.rng("timed")
    work = f"{TIMED_ROWS} rows"
    return subject.seconds(work, lambda: raw(subject.model, TIMED_ROWS, rng)) / TIMED_ROWS


def affordable(subject: Subject, size: int, *, times: int = 1, least: int = 1_000) -> int:
    """Return ``size``, or as many rows as ``times`` calls of them may cost in half the budget."""
    most = subject.budget / 2 / times / max(row_seconds(subject), 1e-12)
    return int(min(size, max(least, most)))


def ordered(samples: Samples, pilot: Samples) -> NDArray[np.float64]:
    """Return samples as numbers, shape (n, d): codes by their place among those of ``pilot``."""
    if samples.dtype.kind == "f":
        return samples.reshape(len(samples), -1)
    return np.searchsorted(np.unique(pilot), samples).astype(np.float64)[:, None]
