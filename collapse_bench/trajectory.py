"""What a recursion leaves behind: the metrics of every generation of every lineage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from collapse_bench import metrics
from collapse_bench.models import Model
from collapse_bench.profile import CollapseProfile, collapse_profile

__all__ = ["Trajectory"]


@dataclass(frozen=True)
class Trajectory:
    """R lineages of T generations after the founder.

    Attributes
    ----------
    values
        Metric name to an array of shape (R, T + 1), generation 0 first. Never NaN; a logarithm
        is -inf where a lineage has become a point.
    measured
        Metric name to ``"law"`` (from the models' parameters) or ``"samples"`` (from fresh draws).
    steps : shape (T + 1,)
        Rounds of finite sampling behind each generation: the n of theory. It is t when the
        founder is the real law and t + 1 when the founder was itself fitted to samples.
    sizes : shape (T,)
        Samples drawn from generation t to train generation t + 1.
    reference
        The real law, or rows of it; None where it isn't known.
    founder_size
        Rows of the reference that generation 0 was fitted to, 0 for the law itself.
    eval_size
        Draws of each generation behind a metric in its sample form; None where none was drawn.
    """

    values: dict[str, NDArray[np.float64]]
    measured: dict[str, Literal["law", "samples"]]
    steps: NDArray[np.int64]
    sizes: NDArray[np.int64]
    seed: int
    regime: str
    family: str
    last: tuple[Any, ...]
    reference: Any = None
    founder_size: int = 0
    eval_size: int | None = None

    @property
    def replicates(self) -> int:
        """Number of lineages, R."""
        return len(next(iter(self.values.values())))

    @property
    def generations(self) -> int:
        """Generations after the founder, T."""
        return len(self.sizes)

    @cached_property
    def models(self) -> list[Model]:
        """The last generation: R single models."""
        return [
            model
            for block in self.last
            for model in (block.split() if hasattr(block, "split") else [block])
        ]

    def profile(
        self,
        *,
        tolerate: float = 0.05,
        detect: float = 0.20,
        tail_detect: float = 0.25,
        alpha: float = 0.05,
    ) -> CollapseProfile:
        """Return how far the lineages have collapsed, where they go, and since when.

        The rules, and which metrics they read, are those of :mod:`collapse_bench.profile`.

        Parameters
        ----------
        tolerate, detect
            Losses of the variance or diversity: what may be lost, and what must be noticed;
            0 <= tolerate < detect < 1.
        tail_detect
            The loss of the tails that must be noticed, in (0, 1).
        alpha
            Twice the chance that a claim is wrong, in (0, 0.5).

        Raises
        ------
        InvalidArgument
            If an argument is out of its range.
        """
        return collapse_profile(
            self.values,
            self.sizes,
            diversity=self._diversity(),
            tolerate=tolerate,
            detect=detect,
            tail_detect=tail_detect,
            alpha=alpha,
        )

    def _diversity(self) -> float | None:
        """Return the reference's Gini-Simpson diversity, where it matters and is known."""
        if "gini_simpson" not in self.values or self.reference is None:
            return None
        if hasattr(self.reference, "probabilities"):
            return float(metrics.gini_simpson_law(self.reference.probabilities))
        if hasattr(self.reference, "sample"):
            return None
        return float(metrics.gini_simpson(self.reference))

    def to_frame(self) -> Any:
        """Return a tidy pandas frame: replicate, generation, metric, value."""
        import pandas as pd

        replicate, generation = np.indices((self.replicates, self.generations + 1))
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "replicate": replicate.ravel(),
                        "generation": generation.ravel(),
                        "metric": name,
                        "value": values.ravel(),
                    }
                )
                for name, values in self.values.items()
            ],
            ignore_index=True,
        )
