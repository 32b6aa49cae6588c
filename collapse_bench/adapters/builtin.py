"""Reference models by name, so that a suite runs before anybody has a model to judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse_bench.errors import ModelError
from collapse_bench.models import Categorical, Gaussian, Model
from collapse_bench.validation import as_codes, as_numbers

__all__ = ["BUILT_IN", "Frequencies", "Moments"]


class Frequencies:
    """The states and frequencies of whatever codes it is fitted to; nothing before that."""

    kind: Literal["codes"] = "codes"

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[Any]:
        raise ModelError(
            f"categorical must be fitted before sample({size}) is called, or be given probabilities"
        )

    def fit(self, samples: NDArray[Any], *, rng: np.random.Generator) -> Categorical:
        """Return the law of the observed frequencies over the observed states.

        Raises
        ------
        InvalidSamples
            If ``samples`` are no codes.
        """
        del rng  # the maximum of the likelihood has a closed form
        states, counts = np.unique(as_codes("samples", samples), return_counts=True)
        return Categorical(counts / counts.sum(), states)


class Moments:
    """The Gaussian of whatever numbers it is fitted to, of any width; nothing before that."""

    kind: Literal["numbers"] = "numbers"

    def __init__(self, ddof: int) -> None:
        self.ddof = Gaussian(ddof=ddof).ddof

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[Any]:
        raise ModelError(
            f"gaussian must be fitted before sample({size}) is called, or be given mean or "
            "covariance"
        )

    def fit(self, samples: NDArray[Any], *, rng: np.random.Generator) -> Gaussian:
        """Return the Gaussian with the mean and the covariance of ``samples``.

        Raises
        ------
        InvalidSamples
            If ``samples`` are no finite numbers.
        """
        rows = as_numbers("samples", samples)
        return Gaussian(np.zeros(rows.shape[1]), ddof=self.ddof).fit(rows, rng=rng)


def _gaussian(
    mean: ArrayLike | None = None, covariance: ArrayLike | None = None, ddof: int = 1
) -> Gaussian | Moments:
    if mean is None and covariance is None:
        return Moments(ddof)
    return Gaussian(
        0.0 if mean is None else mean, 1.0 if covariance is None else covariance, ddof=ddof
    )


def _categorical(
    probabilities: ArrayLike | None = None, states: ArrayLike | None = None
) -> Model | Frequencies:
    return Frequencies() if probabilities is None else Categorical(probabilities, states)


BUILT_IN: dict[str, Callable[..., Any]] = {"categorical": _categorical, "gaussian": _gaussian}
