"""Training sets that somebody has chosen from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.generation import calling
from collapse_bench.models import Model, Samples
from collapse_bench.sources import Part, Real, Sources, Step
from collapse_bench.validation import MOST_VALUES, check_real

__all__ = ["Curate"]

ROUNDING = 1e-12  # 57 / 0.57 is 100.00000000000001, and 100 candidates are meant


@dataclass(frozen=True, slots=True)
class Curate(Sources):
    """Train on the best of the newest model's samples, as a score ranks them.

    For ``size`` samples, ceil(size / keep) candidates are drawn and those of the highest scores
    are trained on; ties are broken at random. What the score prefers, the lineage becomes: reward
    rises and diversity falls.

    Parameters
    ----------
    score
        Takes the candidates of one lineage, (n, d) numbers or (n,) codes, and returns (n,) numbers;
        higher is better, infinite ones are allowed. It gets a copy.
    keep
        Share of the candidates that is trained on, in (0, 1]; 1 is :class:`Replace`.

    Raises
    ------
    InvalidArgument
        If an argument is out of its range; when composing, if there would be over 2**31 candidates,
        the scores are no n numbers, or one is NaN.
    ModelError
        When composing, if ``score`` raises.

    References
    ----------
    .. [1] D. Ferbach et al., "Self-consuming generative models with curated data provably optimize
       human preferences", arXiv 2407.09499 (2024).
    """

    score: Callable[[Samples], Any]
    keep: float
    uses_reference: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not callable(self.score):
            raise InvalidArgument(f"score must be a function of samples; got score={self.score!r}")
        check_real("keep", self.keep, low=0, high=1, closed="right")

    def summarizes(self, model: Any) -> bool:
        """Return False: a score is given samples."""
        del model
        return False

    def held(self, sizes: Sequence[int], rows: int) -> int:
        """Return the number of candidates."""
        del rows
        return self._candidates(max(sizes))

    def parts(self, step: Step) -> list[Part]:
        """Return the candidates."""
        return [Part(step.newest, self._candidates(step.size))]

    def compose(
        self,
        models: Sequence[Model],
        reference: Real,
        t: int,
        size: int,
        rng: np.random.Generator,
    ) -> Samples:
        """Return the ``size`` candidates of the highest scores, in random order."""
        candidates = Sources.compose(self, models, reference, t, size, rng)
        if Step(models, reference, t, size, rng).replicates is None:
            return candidates[self._best(candidates, size, rng)]
        # One by one: what a score makes of a sample may depend on the others of its lineage.
        return np.stack([each[self._best(each, size, rng)] for each in candidates])

    def _candidates(self, size: int) -> int:
        candidates = size / self.keep * (1 - ROUNDING)
        if candidates > MOST_VALUES:
            raise InvalidArgument(
                f"keep must leave size / keep <= {MOST_VALUES:,} candidates; "
                f"got keep={self.keep!r}, size={size}"
            )
        return math.ceil(candidates)

    def _best(self, candidates: Samples, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
        with calling(self, f"score(samples of shape {candidates.shape})"):
            found = self.score(candidates.copy())
            scores = np.asarray(found)
        if scores.shape != (len(candidates),) or scores.dtype.kind not in "biuf":
            raise InvalidArgument(
                f"score must return one number for each of {len(candidates)} samples; got dtype "
                f"{scores.dtype}, shape {scores.shape}"
            )
        if np.isnan(scores).any():
            raise InvalidArgument(
                f"score must return numbers; got NaN for {int(np.isnan(scores).sum())} of "
                f"{len(candidates)} samples"
            )
        order = np.lexsort((rng.random(len(candidates)), -scores.astype(np.float64)))
        best: NDArray[np.intp] = rng.permutation(order[:size])
        return best
