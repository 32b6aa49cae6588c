"""What generation t + 1 is trained on.

A regime sees the models of a lineage so far, never their samples. Those here say from which laws
the next training set is drawn (:mod:`collapse_bench.sources`); any other object with ``compose``
will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Model, Samples
from collapse_bench.sources import Empirical, Part, Real, Sources, Step
from collapse_bench.validation import check_count, check_real, one_of

__all__ = [
    "Accumulate",
    "FreshReal",
    "Mixture",
    "Regime",
    "Replace",
    "Schedule",
    "Size",
    "constant",
]

Size = int | Sequence[int] | Callable[[int], int]
Schedule = float | Callable[[int], float]


def constant(size: int) -> Callable[[int], int]:
    """Return the schedule that draws ``size`` samples from every generation."""
    check_count("size", size)
    return lambda t: size


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


@dataclass(frozen=True, slots=True)
class Replace(Sources):
    """Train on the newest model alone: the paper's theorems, alpha = 1."""

    def parts(self, step: Step) -> list[Part]:
        """Return ``size`` samples of the newest model."""
        return [Part(step.newest, step.size)]


@dataclass(frozen=True, slots=True)
class Mixture(Sources):
    r"""The paper's process, :math:`p_{i+1} = \alpha p_{\theta_{i+1}} + \beta p_i + \gamma p_0`.

    The training set is iid from the newest law p, so the numbers of samples of each kind are
    multinomial. A beta-sample is a fresh draw from the previous *law*, itself such a mixture; it
    is never a row that was used before. The laws are therefore unrolled down to the real one.

    Parameters
    ----------
    alpha, beta, gamma
        Shares of the newest model, the previous law and the real law: numbers in [0, 1] that sum
        to 1, or schedules t -> share, called with the generation t of the newest model.

    Raises
    ------
    InvalidArgument
        If a share lies outside [0, 1], or the three don't sum to 1 within 1e-9.

    References
    ----------
    .. [1] I. Shumailov et al., "AI models collapse when trained on recursively generated data",
       Nature 631 (2024), 755-759, Methods (theory: beta = gamma = 0 by the Author Correction).
    """

    alpha: Schedule
    beta: Schedule
    gamma: Schedule
    uses_reference: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not any(callable(share) for share in (self.alpha, self.beta, self.gamma)):
            self._shares(0)

    @property
    def history(self) -> bool:  # type: ignore[override]  # a class constant for other regimes
        """Whether older models are drawn from: only the previous law holds them."""
        return callable(self.beta) or self.beta > 0

    def _shares(self, t: int) -> tuple[float, float, float]:
        named = {"alpha": self.alpha, "beta": self.beta, "gamma": self.gamma}
        a, b, g = (
            check_real(name, share(t) if callable(share) else share, low=0, high=1, closed="both")
            for name, share in named.items()
        )
        if abs(a + b + g - 1) > 1e-9:  # far above rounding, far below any share meant
            raise InvalidArgument(
                f"alpha + beta + gamma must be 1; got alpha={a!r}, beta={b!r}, gamma={g!r} at t={t}"
            )
        return a, b, g

    def weights(self, t: int) -> NDArray[np.float64]:
        """Return the weight of the real law and of models 0 to ``t`` in the law of generation t.

        Shape (t + 2,), the real law first.
        """
        weights = np.zeros(t + 2)
        carried = 1.0  # the product of the betas of the generations above
        for s in range(t, -1, -1):
            a, b, g = self._shares(s)
            weights[s + 1] = carried * a
            weights[0] += carried * g
            carried *= b
            if carried == 0:
                break
        weights[0] += carried
        return weights

    def parts(self, step: Step) -> list[Part]:
        """Return multinomial numbers of samples of the real law and of each model."""
        weights = self.weights(step.t)
        counts = step.rng.multinomial(step.size, weights, size=step.replicates)  # (..., t + 2)
        sources = [step.law, *step.models]
        return [
            Part(source, counts[..., index])
            for index, source in enumerate(sources)
            if weights[index] > 0
        ]


@dataclass(frozen=True, slots=True)
class FreshReal(Sources):
    """Train on a share of real data that no generation has seen, and on the newest model.

    Rows are taken without replacement, in an order drawn once for the lineage; a law is drawn
    from. Which rows the founder was fitted to isn't known here: to have the others alone taken,
    give :func:`~collapse_bench.engine.recurse` those as the reference, and ``founder_size``.

    Parameters
    ----------
    share
        Share of real samples, in [0, 1].
    split
        ``"exact"``: the nearest whole number to share * size of every training set is real;
        ``"iid"``: each sample is real with probability ``share``, independently.

    Raises
    ------
    InvalidArgument
        If an argument is out of its range; when composing, if too few unused rows are left.
    """

    share: float
    split: Literal["exact", "iid"] = "exact"
    uses_reference: ClassVar[bool] = True
    _memory: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_real("share", self.share, low=0, high=1, closed="both")
        one_of("split", self.split, ("exact", "iid"))

    def begin(self) -> Self:
        """Return the regime with every row unused."""
        return type(self)(self.share, self.split)

    def parts(self, step: Step) -> list[Part]:
        """Return the real samples and the rest from the newest model."""
        real: Any = round(self.share * step.size)
        if self.split == "iid":
            real = step.rng.binomial(step.size, self.share, size=step.replicates)
        source = step.law
        if isinstance(source, Empirical):
            source = self._unused(source.rows, int(real), step)
        return [Part(source, real), Part(step.newest, step.size - real)]

    def _unused(self, rows: Samples, count: int, step: Step) -> Any:
        order = self._memory.setdefault("order", step.rng.permutation(len(rows)))
        used = self._memory.get("used", 0)
        if used + count > len(rows):
            raise InvalidArgument(
                f"reference must hold {count} unused rows for generation {step.t + 1}; got "
                f"{len(rows) - used} unused of {len(rows)}: give more rows, a smaller share, "
                "fewer generations, or a law"
            )
        self._memory["used"] = used + count
        return Empirical(rows[order[used : used + count]], step.kind, once=True)


@dataclass(frozen=True, slots=True)
class Accumulate(Sources):
    """Train on all that was ever drawn: ``size`` new samples of the newest model join a pool.

    The pool begins with the reference rows when the reference is given as samples, and is empty
    when it is a law (whose first ``size`` draws are then those of generation 0).

    References
    ----------
    .. [1] M. Gerstgrasser et al., "Is model collapse inevitable?", arXiv 2404.01413 (2024).
    """

    uses_reference: ClassVar[bool] = False  # rows join the pool, but a law is not drawn from
    _memory: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def begin(self) -> Self:
        """Return the regime with an empty pool."""
        return type(self)()

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
        """Return the pool with ``size`` new samples in it."""
        step = Step(models, reference, t, size, rng)
        new = Sources.compose(self, models, reference, t, size, rng)
        pool: Samples | None = self._memory.get("samples", step.rows)
        axis = 0 if step.replicates is None else 1
        pool = new if pool is None else np.concatenate([pool, new], axis=axis)
        self._memory["samples"] = pool
        return pool.copy()  # a model may change what it is fitted to, but not the pool

    def summarize(self, step: Step) -> Any:
        """Return the sufficient statistics of the pool with ``size`` new samples in it."""
        new = Sources.summarize(self, step)
        pool = self._memory.get("statistics")
        if pool is None and step.rows is not None:
            pool = step.newest.summarize(step.rows)
        pool = self._memory["statistics"] = new if pool is None else pool.merge(new)
        return pool
