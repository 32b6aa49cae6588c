"""Training sets with a share of real data: new rows every time, or one set for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Samples
from collapse_bench.sources import Empirical, Part, Sources, Step, draw_each
from collapse_bench.validation import check_real, one_of

__all__ = ["FixedReal", "FreshReal"]


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
    _memory: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_real("share", self.share, low=0, high=1, closed="both")
        one_of("split", self.split, ("exact", "iid"))

    def begin(self) -> Self:
        """Return the regime with every row unused."""
        return replace(self)

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
        if "order" not in self._memory:
            self._memory["order"] = step.rng.permutation(len(rows))
        order = self._memory["order"]
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
class FixedReal(Sources):
    """Train on one set of real data, the same for ever, and on the newest model.

    The set is drawn once for the lineage: from the law, or as the first rows of one random order of
    the reference's. It has the nearest whole number to share * size of rows; where sizes grow, new
    rows join it. No generation loses a state that the set holds, but the lineage wanders about
    *these* rows and not about the law they came from.

    Parameters
    ----------
    share
        Share of real samples, in [0, 1].
    split
        ``"exact"``: every training set holds the whole set, once; ``"iid"``: each sample is with
        probability ``share`` a draw from the set, with replacement.

    Raises
    ------
    InvalidArgument
        If an argument is out of its range; when composing, if there are too few reference rows,
        sizes fall, or an iid share asks for draws from a set that is empty.

    References
    ----------
    .. [1] S. Alemohammad et al., "Self-consuming generative models go MAD", ICLR 2024, arXiv
       2307.01850: the synthetic augmentation loop.
    """

    share: float
    split: Literal["exact", "iid"] = "exact"
    uses_reference: ClassVar[bool] = True
    _memory: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_real("share", self.share, low=0, high=1, closed="both")
        one_of("split", self.split, ("exact", "iid"))

    def begin(self) -> Self:
        """Return the regime before its real set is drawn."""
        return replace(self)

    def summarizes(self, model: Any) -> bool:
        """Say whether statistics suffice: drawing from the set again asks for the set itself."""
        return hasattr(model, "statistics" if self.split == "exact" else "lossless")

    def held(self, sizes: Sequence[int], rows: int) -> int:
        """Return the size of the largest training set, and of the set it is drawn from."""
        del rows
        return max(sizes) + round(self.share * max(sizes))

    def parts(self, step: Step) -> list[Part]:
        """Return the samples of the real set and the rest from the newest model."""
        before, count = self._grown(step)
        rows = self._memory.get("rows")
        if count > before:
            more = self._more(step, before, count)
            axis = 0 if step.replicates is None else 1
            rows = more if rows is None else np.concatenate([rows, more], axis=axis)
            self._memory["rows"] = rows
        once = self.split == "exact"
        real: Any = count if once else self._drawn(step)
        newest = Part(step.newest, step.size - real)
        if rows is None:
            return [newest]
        return [Part(Empirical(rows, step.kind, once, step.replicates), real), newest]

    def summarize(self, step: Step) -> Any:
        """Return sufficient statistics with the law of those of ``compose``."""
        before, count = self._grown(step)
        real = self._memory.get("statistics")
        if count > before:
            law = step.law
            if getattr(law, "replicates", None) != step.replicates:
                law = law.replicate(step.replicates)
            more = law.statistics(count - before, rng=step.rng)
            real = self._memory["statistics"] = more if real is None else real.merge(more)
        if self.split == "exact":
            rest = step.newest.statistics(step.size - count, rng=step.rng)
        else:
            drawn = self._drawn(step)
            rest = step.newest.statistics(step.size - drawn, rng=step.rng)
            if real is not None:
                real = step.newest.fit_statistics(real).statistics(drawn, rng=step.rng)
        return rest if real is None else real.merge(rest)

    def _grown(self, step: Step) -> tuple[int, int]:
        """Return the size of the real set so far, and from now on."""
        before, count = self._memory.get("count", 0), round(self.share * step.size)
        if count < before:
            raise InvalidArgument(
                f"size must not fall under FixedReal, whose set of {before} real rows is used "
                f"whole; got size={step.size} in generation {step.t + 1}"
            )
        if self.split == "iid" and self.share > 0 and count == 0:
            raise InvalidArgument(
                "share must give the real set a row, share * size >= 0.5; got "
                f"share={self.share!r}, size={step.size}"
            )
        self._memory["count"] = count
        return before, count

    def _drawn(self, step: Step) -> Any:
        return step.rng.binomial(step.size, self.share, size=step.replicates)

    def _more(self, step: Step, before: int, count: int) -> Samples:
        """Return the real rows from ``before`` to ``count``."""
        law = step.law
        if not isinstance(law, Empirical):
            return draw_each(law, count - before, step.replicates, step.rng)
        if count > len(law.rows):
            raise InvalidArgument(
                f"reference must hold the {count} rows of the real set; got {len(law.rows)}: give "
                "more rows, a smaller share, or a law"
            )
        if "order" not in self._memory:
            self._memory["order"] = step.rng.permutation(len(law.rows))
        rows: Samples = law.rows[self._memory["order"][before:count]]
        if step.replicates is not None:
            rows = np.broadcast_to(rows, (step.replicates, *rows.shape))
        return rows
