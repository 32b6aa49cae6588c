"""What a model that comes unfitted is fitted to, before it is looked at."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from collapse_bench import data
from collapse_bench.errors import InvalidArgument, ModelError
from collapse_bench.generation import draw
from collapse_bench.models import Samples
from collapse_bench.streams import generator
from collapse_bench.validation import as_samples

__all__ = ["DEFAULTS", "READY_ROWS", "default_reference", "read_reference"]

# Rows a model is fitted to before it is looked at as a sampler, where it comes unfitted.
READY_ROWS = 2_000
DEFAULTS = {"numbers": "two-gaussians", "codes": "zipf"}  # references of data.load_reference


def read_reference(reference: Any, *, seed: int) -> data.SampleSet:
    """Return rows of a reference: all of them, or ``READY_ROWS`` at random.

    Parameters
    ----------
    reference
        Rows, a ``SampleSet``, a law, or what :func:`collapse_bench.data.load_reference` takes.
    seed
        Root of the stream that a law is drawn on, and that rows are chosen by.

    Raises
    ------
    InvalidArgument
        If it is none of them, or holds fewer than two rows, or values that aren't finite.
    """
    rng = generator(seed, "conformance", "reference")
    if isinstance(reference, str | os.PathLike):
        reference = data.load_reference(reference, seed=seed)
    name, kind = getattr(reference, "name", ""), getattr(reference, "kind", None)
    if callable(getattr(reference, "sample", None)) and not hasattr(reference, "__array__"):
        try:
            rows = draw(reference, READY_ROWS, rng=rng)
        except ModelError as error:
            raise InvalidArgument(f"reference must be a law that can be drawn from; {error}") from (
                error
            )
    else:
        rows, kind = as_samples("reference", getattr(reference, "values", reference), kind)
    if len(rows) < 2:
        raise InvalidArgument(f"reference must have two rows or more; got {len(rows)}")
    if len(rows) > READY_ROWS:
        rows = np.asarray(rows[rng.choice(len(rows), READY_ROWS, replace=False)])
    return data.SampleSet.of(rows, kind=kind, name=name if isinstance(name, str) else "")


def default_reference(kind: str, few: Samples | None) -> Any:
    """Return the reference of a model of some kind, or as wide as a ``few`` draws of it."""
    if few is not None and few.ndim == 2 and few.shape[1] > 1:
        centers = 2.0 * np.outer([-1.0, 1.0], np.ones(few.shape[1]))
        return data.NormalMixture([0.5, 0.5], centers, [1.0, 1.0])
    return DEFAULTS.get(kind, DEFAULTS["numbers"])
