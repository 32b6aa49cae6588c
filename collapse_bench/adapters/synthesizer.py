"""Synthesizers of tables as models: ``fit(frame)`` and ``sample(num_rows=)``, as SDV has them."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters.adapted import Library
from collapse_bench.adapters.isolation import seed_of
from collapse_bench.errors import InvalidArgument, ModelError

__all__ = ["is_one", "numbered", "recognize"]


def is_one(obj: Any) -> bool:
    """Say whether ``obj`` has a ``sample`` that takes ``num_rows``."""
    try:
        parameters = inspect.signature(obj.sample).parameters
    except (AttributeError, TypeError, ValueError):  # nothing to call, or written in C
        return False
    return "num_rows" in parameters and not inspect.isclass(obj)


def numbered(samples: NDArray[Any]) -> list[str]:
    """Return the names that the columns of ``samples`` get where the user gave none."""
    width = 1 if samples.ndim == 1 else samples.shape[1]
    return [f"column_{i}" for i in range(width)]


def recognize(obj: Any, columns: Sequence[str] | None = None) -> Library:
    """Return how ``obj``, which :func:`is_one`, is used."""
    named = None if columns is None else list(columns)
    return Library(
        "numbers",
        functools.partial(_draw, columns=named),
        functools.partial(_fit, columns=named) if callable(getattr(obj, "fit", None)) else None,
        unfitted=_unfitted,
    )


def _unfitted(synthesizer: Any) -> bool:
    return getattr(synthesizer, "_fitted", None) is False  # SDV's own mark


def _fit(
    synthesizer: Any, samples: NDArray[Any], rng: np.random.Generator, *, columns: list[str] | None
) -> Any:
    import pandas

    del rng  # the global generators are seeded
    width = len(numbered(samples))
    names = numbered(samples) if columns is None else columns
    if len(names) != width:
        raise InvalidArgument(f"columns must name {width} columns; got columns={names!r}")
    fresh = copy.deepcopy(synthesizer)  # fit changes it in place and returns nothing
    fresh.fit(pandas.DataFrame(samples.reshape(len(samples), width), columns=names))
    return fresh


def _draw(
    synthesizer: Any, size: int, rng: np.random.Generator, *, columns: list[str] | None
) -> Any:
    seeded = copy.copy(synthesizer)
    if callable(getattr(seeded, "_set_random_state", None)):
        # SDV has a generator of its own, which starts at the same constant in every process and
        # is moved on by each draw; this is the only way to seed it.
        seeded._set_random_state(seed_of(rng))
    frame = seeded.sample(num_rows=size)
    if columns is not None:
        missing = [column for column in columns if column not in frame.columns]
        if missing:
            raise ModelError(f"sample must return the column {missing[0]!r}; got {_names(frame)}")
        frame = frame[columns]  # it may come in another order
    values = frame.to_numpy()
    mixed = values.dtype == object or (values.dtype == bool and values.shape[1] > 1)
    if mixed and all(kind.kind in "iufb" for kind in frame.dtypes):
        # Nullable columns or flags beside others; what is missing is no finite number.
        return frame.to_numpy(dtype=np.float64, na_value=np.nan)
    if values.dtype == object and not all(isinstance(x, str) for x in values.flat):
        raise ModelError(
            f"sample must return columns of numbers, or one of codes; got {_names(frame)}: name "
            "those to keep by columns="
        )
    return values.astype(str) if values.dtype == object else values


def _names(frame: Any) -> str:
    return ", ".join(f"{column} ({kind})" for column, kind in frame.dtypes.items())
