"""Training sets drawn from the models of a lineage: the paper's process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.sources import Part, Sources, Step
from collapse_bench.validation import check_real

__all__ = ["Mixture", "Replace", "Schedule"]

Schedule = float | Callable[[int], float]


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
