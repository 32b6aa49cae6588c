"""Reference models by name, so that a suite runs before anybody has a model to judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse_bench.errors import ModelError
from collapse_bench.models import Categorical, Gaussian, Model
from collapse_bench.validation import as_codes

__all__ = ["BUILT_IN", "Frequencies"]


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


def _categorical(
    probabilities: ArrayLike | None = None, states: ArrayLike | None = None
) -> Model | Frequencies:
    return Frequencies() if probabilities is None else Categorical(probabilities, states)


BUILT_IN: dict[str, Callable[..., Any]] = {"categorical": _categorical, "gaussian": Gaussian}
