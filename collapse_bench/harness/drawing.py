"""Draws in the form of a reference; those of tables in batches, each of them checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from collapse_bench import adapters
from collapse_bench.data import SampleSet, Table, match_columns
from collapse_bench.errors import InvalidArgument, ModelError
from collapse_bench.generation import BATCH, calling, draw
from collapse_bench.models import Samples

__all__ = ["draw_as", "refuse_arrays"]


def refuse_arrays(spec: str, model: Any) -> None:
    """Refuse a model that an adapter draws arrays from, where tables are judged.

    Raises
    ------
    InvalidArgument
        If it is one.
    """
    if hasattr(adapters.as_model(model, need=("sample",)), "wrapped"):
        raise InvalidArgument(
            f"--collapse-model {spec!r} must draw tables, as the reference is one, but is adapted "
            "from another library as a model of arrays: wrap it in a class whose sample(size, *, "
            "rng) returns a DataFrame, or judge --collapse-samples"
        )


def draw_as(
    reference: SampleSet | Table,
    model: Any,
    size: int,
    *,
    rng: np.random.Generator,
    device: str | None = None,
) -> Samples | Table:
    """Return ``size`` samples of what the reference holds; a table where it is one.

    Parameters
    ----------
    reference
        Whose kind, and of a table whose columns, are wanted.
    model
        Anything with ``sample(size, *, rng)``; for a table one that returns a mapping of columns,
        a DataFrame, a ``datasets.Dataset`` or a :class:`~collapse_bench.data.Table`.
    size, rng, device
        As for :func:`~collapse_bench.generation.draw`; a model is asked for 8,192 rows a call.

    Raises
    ------
    ModelError
        If the model raises, or returns anything but so many rows of such columns.
    """
    if isinstance(reference, SampleSet):
        return draw(model, size, rng=rng, device=device, kind=reference.kind)
    if device is not None and callable(getattr(model, "to", None)):
        with calling(model, f"to({device!r})"):
            model = model.to(device)
    parts = []
    for start in range(0, size, BATCH):
        count = min(BATCH, size - start)
        told = f"{adapters.name_of(model)}.sample({count}, rng=rng)"
        with calling(model, f"sample({count}, rng=rng)"):
            drawn = model.sample(count, rng=rng)
        try:
            part = match_columns(Table.of(drawn, name=told, where=told), reference)
        except InvalidArgument as error:
            raise ModelError(str(error)) from error
        if len(part) != count:
            raise ModelError(f"{told} must return {count:,} rows; got {len(part):,}")
        parts.append(part)
    return parts[0] if len(parts) == 1 else Table.joined(parts)
