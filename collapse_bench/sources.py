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

__all__ = ["Empirical", "Part", "Real", "Sources", "Step", "draw_each"]

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
    """Finitely many rows as a law: ``once`` draws without replacement, else with it.

    With ``replicates`` each lineage has rows of its own: (R, n, ...).
    """

    rows: Samples
    kind: Kind | None = None
    once: bool = False
    replicates: int | None = None

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        """Draw ``size`` rows: (size, ...), or (R, size, ...) with a replicate axis."""
        if self.replicates is None:
            drawn: Samples = rng.choice(self.rows, size, replace=not self.once)
            return drawn
        shape = self.rows.shape[:2]  # (R, n)
        if self.once:  # the rows with the smallest of n uniforms are a uniform subset
            index = np.argpartition(rng.random(shape), size - 1, axis=1)[:, :size]
        else:
            index = rng.integers(shape[1], size=(shape[0], size))
        drawn = self.rows[np.arange(shape[0])[:, None], index]
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

    def summarizes(self, model: Any) -> bool:
        """Say whether sufficient statistics can stand in for the samples of this family."""
        return hasattr(model, "statistics")

    def held(self, sizes: Sequence[int], rows: int) -> int:
        """Return the most samples a lineage holds at once, of ``rows`` reference rows or none."""
        del rows
        return max(sizes)

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


def draw_each(source: Any, size: int, replicates: int | None, rng: np.random.Generator) -> Samples:
    """Draw ``size`` samples of ``source`` for each replicate, into the memory of the CPU.

    Shape (size, ...), or (R, size, ...) with a replicate axis. A source without that axis is
    one law, drawn from for all of them.
    """
    if replicates is None:
        return draw(source, size, rng=rng)
    if getattr(source, "replicates", None) == replicates:
        source = source.numpy() if hasattr(source, "numpy") else source
        drawn: Samples = source.sample(size, rng=rng)
        return drawn
    flat = draw(source, replicates * size, rng=rng)
    return flat.reshape(replicates, size, *flat.shape[1:])


def _gather(parts: list[Part], replicates: int, rng: np.random.Generator) -> Samples:
    """Draw the parts of R replicates at once, each with its own counts: (R, size, ...)."""
    if len(parts) == 1:
        return draw_each(parts[0].source, int(np.max(parts[0].count)), replicates, rng)
    counts = np.stack([np.broadcast_to(part.count, replicates) for part in parts])  # (P, R)
    ends = np.cumsum(counts, axis=0)
    position = np.arange(int(ends[-1, 0]))  # every replicate has as many samples in all
    out: Any = None
    for part, count, end in zip(parts, counts, ends, strict=True):
        most = int(count.max())
        if most == 0:
            continue
        drawn = draw_each(part.source, most, replicates, rng)
        if out is None:
            out = np.empty((replicates, len(position), *drawn.shape[2:]), drawn.dtype)
        here = (position >= (end - count)[:, None]) & (position < end[:, None])
        out[here] = drawn[np.arange(most) < count[:, None]]
    gathered: Samples = out
    return gathered
