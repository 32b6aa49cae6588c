"""How surprising samples are: to n-grams of the reference, or to a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument, InvalidSpec, ModelError
from collapse_bench.features.ngrams import NGrams
from collapse_bench.generation import calling
from collapse_bench.validation import as_numbers, as_tokens, check_count

__all__ = ["Surprisal", "surprisal"]


@dataclass(frozen=True, eq=False)
class Surprisal:
    """Mean negative log-probability of a token, in nats, under n-grams of what it was fitted to.

    One column. What is repetitive or common has a low one, what is rare a high one, and a token
    that the fitted texts lack is possible; see :class:`~collapse_bench.features.ngrams.NGrams`
    for the law, an interpolated Witten-Bell estimate. A sequence without tokens has 0.

    Parameters
    ----------
    order
        Tokens of an n-gram, n >= 1: 2 for bigrams.
    """

    order: int = 2
    law: NGrams | None = None

    def __post_init__(self) -> None:
        check_count("order", self.order)

    @property
    def fitted(self) -> bool:
        """Whether it was fitted, and can be applied."""
        return self.law is not None

    def fit(self, samples: Any) -> Self:
        """Return one whose n-grams are those of texts, token blocks (N, L), or sequences.

        Raises
        ------
        InvalidSamples
            If there is no token, or the type can't be a token's.
        """
        return self.fit_tokens(*as_tokens("samples", samples)[:2])

    def fit_tokens(self, tokens: NDArray[Any], units: NDArray[np.intp]) -> Self:
        """Return one fitted to tokens, shape (P,), of sequences one after another.

        ``units`` : the number of the sequence of each, shape (P,).
        """
        return replace(self, law=NGrams.of(tokens, units, order=self.order))

    def transform(self, samples: Any) -> NDArray[np.float64]:
        """Return the surprisal of each text or sequence, shape (N, 1).

        Raises
        ------
        InvalidArgument
            If it wasn't fitted.
        InvalidSamples
            If there is no token, or they are of another type than those it was fitted to.
        """
        return self.of_tokens(*as_tokens("samples", samples))[:, None]

    def of_tokens(
        self, tokens: NDArray[Any], units: NDArray[np.intp], size: int
    ) -> NDArray[np.float64]:
        """Return the same of tokens as :meth:`fit_tokens` takes them, of N sequences: shape (N,).

        Raises
        ------
        InvalidArgument
            If it wasn't fitted.
        InvalidSamples
            If the tokens are of another type than those it was fitted to.
        """
        if self.law is None:
            raise InvalidArgument("Surprisal must be fitted before it is applied")
        return self.law.surprisal(tokens, units, size)


def surprisal(model: Any) -> Callable[[Any], NDArray[np.float64]]:
    """Return the function that takes n samples to how surprising they are to a fitted model.

    It is -log_prob, in nats; of tokens, a token's share of it. Give it as ``score=`` of a tail
    check of numbers, or name it as features.

    Parameters
    ----------
    model
        Anything with ``log_prob(samples)`` that returns n log-densities or log-probabilities. Its
        ``kind``, "numbers" unless said, says what it takes; of tokens, each has one or more.

    Returns
    -------
    Callable
        From n samples to shape (n,). It raises ModelError if the model does, or returns anything
        but n finite numbers: a sample that the model says is impossible has no finite surprisal.

    Raises
    ------
    InvalidSpec
        If the model has no ``log_prob``.
    """
    if not callable(getattr(model, "log_prob", None)):
        raise InvalidSpec(
            f"model must have log_prob(samples); got an object of type {type(model).__name__}"
        )

    def score(samples: Any) -> NDArray[np.float64]:
        lengths = np.ones(1)
        if getattr(model, "kind", "numbers") == "tokens":
            _, units, size = as_tokens("samples", samples)
            lengths = np.maximum(np.bincount(units, minlength=size), 1)
        with calling(model, f"log_prob({len(samples):,} samples)"):
            returned = model.log_prob(samples)
        told = f"{type(model).__name__}.log_prob"
        try:
            rows = as_numbers(told, returned)
        except InvalidArgument as error:
            raise ModelError(str(error)) from error
        if rows.shape != (len(samples), 1):
            raise ModelError(f"{told} must return shape ({len(samples)},); got {rows.shape}")
        return -rows[:, 0] / lengths

    return score
