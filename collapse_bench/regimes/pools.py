"""Training sets from a pool of all that was ever drawn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Model, Samples
from collapse_bench.sources import Empirical, Part, Real, Sources, Step
from collapse_bench.validation import check_count

__all__ = ["Accumulate", "AccumulateSubsample"]


@dataclass(frozen=True, slots=True)
class _Pool(Sources):
    """A regime whose memory is a pool that ``size`` new samples of the newest model join.

    The pool begins with the reference rows when the reference is given as samples, and is empty
    when it is a law (whose first ``size`` draws are then those of generation 0).
    """

    uses_reference: ClassVar[bool] = False  # rows join the pool, but a law is not drawn from
    _memory: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @abstractmethod
    def taken(self, step: Step, held: int) -> int | None:
        """Return how many of the ``held`` samples are trained on; None: all of them."""

    def begin(self) -> Self:
        """Return the regime with an empty pool."""
        return replace(self)

    def held(self, sizes: Sequence[int], rows: int) -> int:
        """Return the size of the pool in the end."""
        return rows + sum(sizes)

    def parts(self, step: Step) -> list[Part]:
        """Return the samples that are new in the pool."""
        return [Part(step.newest, step.size)]

    def compose(
        self,
        models: Sequence[Model],
        reference: Real,
        t: int,
        size: int,
        rng: np.random.Generator,
    ) -> Samples:
        """Return the training set, after ``size`` new samples have joined the pool."""
        step = Step(models, reference, t, size, rng)
        new = Sources.compose(self, models, reference, t, size, rng)
        pool: Samples | None = self._memory.get("samples", step.rows)
        axis = 0 if step.replicates is None else 1
        pool = new if pool is None else np.concatenate([pool, new], axis=axis)
        self._memory["samples"] = pool
        count = self.taken(step, pool.shape[axis])
        if count is None:
            return pool.copy()  # a model may change what it is fitted to, but not the pool
        return Empirical(pool, step.kind, True, step.replicates).sample(count, rng=rng)

    def summarize(self, step: Step) -> Any:
        """Return the sufficient statistics of the training set; see :meth:`compose`."""
        new = Sources.summarize(self, step)
        pool = self._memory.get("statistics")
        if pool is None and step.rows is not None:
            pool = step.newest.summarize(step.rows)
        first = 0 if step.rows is None else len(np.asarray(step.reference))
        held = self._memory.get("held", first) + step.size
        pool = new if pool is None else pool.merge(new)
        self._memory.update(statistics=pool, held=held)
        count = self.taken(step, held)
        return pool if count is None else pool.subsample(count, rng=step.rng)


@dataclass(frozen=True, slots=True)
class Accumulate(_Pool):
    """Train on all that was ever drawn: ``size`` new samples of the newest model join a pool.

    The pool begins with the reference rows when the reference is given as samples, and is empty
    when it is a law (whose first ``size`` draws are then those of generation 0).

    References
    ----------
    .. [1] M. Gerstgrasser et al., "Is model collapse inevitable?", arXiv 2404.01413 (2024).
    """

    def taken(self, step: Step, held: int) -> int | None:
        """Return None: the whole pool is trained on."""
        del step, held
        return None


@dataclass(frozen=True, slots=True)
class AccumulateSubsample(_Pool):
    """Train on ``size`` rows, without replacement, of a pool of all that was ever drawn.

    The pool grows as under :class:`Accumulate`; the cost of a training doesn't. At a constant size
    M it keeps 1 - (pi^2/2 - 2)/M of the spread for ever, to first order.

    Parameters
    ----------
    size
        Rows to train on; None: as many as join the pool for this generation.

    Raises
    ------
    InvalidArgument
        If ``size`` is no count; when composing, if the pool is smaller.

    References
    ----------
    .. [1] J. Kazdan et al., "Collapse or thrive?", arXiv 2410.16713 (2024).
    """

    size: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            check_count("size", self.size)

    def summarizes(self, model: Any) -> bool:
        """Say whether the statistics hold the samples themselves, but for their order."""
        return getattr(model, "lossless", False)

    def taken(self, step: Step, held: int) -> int | None:
        """Return ``size``, or the size of this generation."""
        count = step.size if self.size is None else self.size
        if count > held:
            raise InvalidArgument(
                f"size must not exceed the pool, which holds {held} samples in generation "
                f"{step.t + 1}; got size={count}: draw more from each generation"
            )
        return count
