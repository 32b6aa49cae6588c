"""Models that are sound: what no check may fail, but for the one that each is known for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from collapse_bench.controls.catalog import Control
from collapse_bench.data.laws import two_gaussians
from collapse_bench.errors import ModelError
from collapse_bench.models import Categorical, Gaussian, Samples
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, as_samples, check_count

__all__ = ["HEALTHY", "Memoriser", "Oracle"]

MEMORY = 500  # rows that the memoriser starts with


@dataclass(frozen=True)
class Oracle:
    """Draws from one law whatever it is fitted to: sound but for ignoring its data.

    Parameters
    ----------
    law
        Anything with ``sample(size, *, rng)``.
    """

    law: Any

    @property
    def kind(self) -> Kind:
        """What the samples are: what the law says, else numbers."""
        kind: Kind = getattr(self.law, "kind", "numbers")
        return kind

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        """Draw ``size`` samples of the law."""
        drawn: Samples = self.law.sample(size, rng=rng)
        return drawn

    def fit(self, samples: Samples, *, rng: np.random.Generator) -> Self:
        """Return another oracle of the same law."""
        del samples, rng
        return replace(self)

    def refit(self, size: int, *, rng: np.random.Generator) -> Self:
        """Return another oracle of the same law."""
        del rng
        check_count("size", size)
        return replace(self)


@dataclass(frozen=True, eq=False)
class Memoriser:
    """Draws the rows it was fitted to, with replacement: the bootstrap as a model.

    As a sampler and in a recursion it is the neutral model; it learns nothing beyond its rows.

    Parameters
    ----------
    rows : shape (n, d) or (n,)
        What it starts with; None: it must be fitted first.
    """

    rows: NDArray[Any] | None = None

    @property
    def kind(self) -> Kind:
        """What the samples are: numbers, unless the rows are text or booleans."""
        return "numbers" if self.rows is None else as_samples("rows", self.rows)[1]

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        """Draw ``size`` of the rows.

        Raises
        ------
        ModelError
            If it wasn't fitted.
        """
        check_count("size", size)
        if self.rows is None:
            raise ModelError("Memoriser must be fitted before it is drawn from")
        return self.rows[rng.integers(len(self.rows), size=size)]

    def fit(self, samples: Samples, *, rng: np.random.Generator) -> Self:
        """Return one that knows a copy of ``samples``.

        Raises
        ------
        InvalidSamples
            If they hold NaN, or nothing.
        """
        del rng
        return replace(self, rows=as_samples("samples", samples)[0].copy())

    def refit(self, size: int, *, rng: np.random.Generator) -> Self:
        """Return ``fit(sample(size))``."""
        return self.fit(self.sample(size, rng=rng), rng=rng)


def _zipf() -> Categorical:
    weights = 1 / np.arange(1, 51)
    return Categorical(weights / weights.sum())


def _memoriser() -> Memoriser:
    return Memoriser(two_gaussians().sample(MEMORY, rng=generator(0, "controls", "memoriser")))


def _refitter() -> Gaussian:
    return Gaussian([1.0, -2.0], [[4.0, 1.5], [1.5, 1.0]])


HEALTHY: tuple[Control, ...] = (
    Control(
        "oracle",
        lambda: Oracle(two_gaussians()),
        defect="fit returns the same law whatever the data",
        caught_by="check_fit_uses_data",
        learner="fail",
    ),
    Control("exact-refitter", _refitter),
    Control("exact-refitter-of-codes", _zipf),
    Control(
        "memoriser",
        _memoriser,
        defect="it repeats its training rows",
        caught_by="check_memorisation",
        learner="fail",
    ),
)
