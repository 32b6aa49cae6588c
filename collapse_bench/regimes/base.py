"""What a regime is: whatever composes the next training set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from collapse_bench.models import Model, Samples
from collapse_bench.sources import Real

__all__ = ["Regime"]


class Regime(Protocol):
    """Anything with ``compose``; ``begin`` is called first where there is one.

    ``begin()`` returns the regime with an empty memory, for one lineage; a regime without memory
    returns itself. ``history`` is False if no model before the newest is looked at.
    """

    def compose(
        self,
        models: Sequence[Model],
        reference: Real,
        t: int,
        size: int,
        rng: np.random.Generator,
    ) -> Samples:
        """Return the training set of generation ``t + 1``.

        Parameters
        ----------
        models
            Generations 0 to ``t``: the newest is ``models[-1]``.
        reference
            The real law, or rows of real data; None means that ``models[0]`` is the real law.
        t
            The newest generation.
        size
            How many samples to draw for this generation.
        """
        ...
