"""Training sets as draws from named laws, by samples or by sufficient statistics.

A regime that says which laws it draws from, and how many samples of each, runs in two ways: it
composes samples for any model, or it adds up sufficient statistics, drawn from their exact laws,
for the families that have them. The two give fitted models of the same law.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from collapse_bench.generation import draw
from collapse_bench.models import Model, Samples
from collapse_bench.validation import Kind

__all__ = ["Empirical", "Part", "Real", "Sources", "Step"]

Real = Model | Samples | None  # the real law, rows of it, or None: generation 0 is the real law


@dataclass(frozen=True, slots=True)
class Step:
    """Where a lineage stands; the fields are the arguments of a regime's ``compose``."""

    models: Sequence[Any]
    reference: Real
    t: int
    size: int
    rng: np.random.Generator

    @property
    def newest(self) -> Any:
        """The newest model, generation t."""
        return self.models[-1]

    @property
    def kind(self) -> Kind | None:
        """What the samples of the lineage are, where its models say."""
        kind: Kind | None = getattr(self.newest, "kind", None)
        return kind

    @property
    def replicates(self) -> int | None:
        """Length of the replicate axis; None for a single lineage."""
        replicates: int | None = getattr(self.newest, "replicates", None)
        return replicates

    @property
    def rows(self) -> Samples | None:
        """The reference rows, for every replicate; None where the real law is known."""
        if self.reference is None or hasattr(self.reference, "sample"):
            return None
        rows = np.asarray(self.reference)
        return (
            rows
            if self.replicates is None
            else np.broadcast_to(rows, (self.replicates, *rows.shape))
        )

    @property
    def law(self) -> Any:
        """The real law: the founder where there is no reference, a bootstrap of its rows."""
        if self.reference is None:
            return self.models[0]
        is_law = hasattr(self.reference, "sample")
        return self.reference if is_law else Empirical(np.asarray(self.reference), self.kind)


@dataclass(frozen=True, slots=True)
class Part:
    """``count`` samples of ``source``: one number, or one for each replicate."""

    source: Any  # a Model with ``sample``
    count: Any  # int or (R,)


@dataclass(frozen=True, slots=True, eq=False)
class Empirical:
    """Finitely many rows as a law: ``once`` draws without replacement, else with it."""

    rows: Samples
    kind: Kind | None = None
    once: bool = False

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        """Draw ``size`` rows."""
        drawn: Samples = rng.choice(self.rows, size, replace=not self.once)
        return drawn


class Sources(ABC):
    """A regime that is told by where its samples come from; see :meth:`parts`."""

    history: bool = False  # whether a model older than the newest is looked at
    uses_reference: ClassVar[bool] = False  # whether the real law is drawn from

    @abstractmethod
    def parts(self, step: Step) -> list[Part]:
        """Return which laws the training set of generation ``t + 1`` is drawn from."""

    def begin(self) -> Self:
        """Return the regime with an empty memory."""
        return self

    def compose(
        self,
        models: Sequence[Model],
        reference: Real,
        t: int,
        size: int,
        rng: np.random.Generator,
    ) -> Samples:
        """Return the training set of generation ``t + 1``; see ``compose``."""
        step = Step(models, reference, t, size, rng)
        parts = self.parts(step)
        if step.replicates is not None:
            return _gather(parts, step.replicates, rng)
        drawn = [draw(part.source, int(part.count), rng=rng) for part in parts if part.count]
        return drawn[0] if len(drawn) == 1 else rng.permutation(np.concatenate(drawn))

    def summarize(self, step: Step) -> Any:
        """Return sufficient statistics with the law of those of :meth:`compose`."""
        total: Any = None
        for part in self.parts(step):
            source = part.source
            if getattr(source, "replicates", None) != step.replicates:
                source = source.replicate(step.replicates)
            drawn = source.statistics(part.count, rng=step.rng)
            total = drawn if total is None else total.merge(drawn)
        return total


def _gather(parts: list[Part], replicates: int, rng: np.random.Generator) -> Samples:
    """Draw the parts of R replicates at once, each with its own counts: (R, size, ...)."""
    if len(parts) == 1 and getattr(parts[0].source, "replicates", None) == replicates:
        only: Samples = parts[0].source.sample(int(np.max(parts[0].count)), rng=rng)
        return only
    counts = np.stack([np.broadcast_to(part.count, replicates) for part in parts])  # (P, R)
    ends = np.cumsum(counts, axis=0)
    position = np.arange(int(ends[-1, 0]))  # every replicate has as many samples in all
    out: Any = None
    for part, count, end in zip(parts, counts, ends, strict=True):
        most = int(count.max())
        if most == 0:
            continue
        if getattr(part.source, "replicates", None) == replicates:
            drawn = part.source.sample(most, rng=rng)
        else:
            flat = draw(part.source, replicates * most, rng=rng)
            drawn = flat.reshape(replicates, most, *flat.shape[1:])
        if out is None:
            out = np.empty((replicates, len(position), *drawn.shape[2:]), drawn.dtype)
        here = (position >= (end - count)[:, None]) & (position < end[:, None])
        out[here] = drawn[np.arange(most) < count[:, None]]
    gathered: Samples = out
    return gathered
