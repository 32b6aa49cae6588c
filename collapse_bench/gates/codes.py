"""Codes and sequences of codes as the checks see them: states, and the units that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.statistics.richness import Incidence
from collapse_bench.validation import Kind

__all__ = ["Codes", "foreign_note"]


@dataclass(frozen=True, eq=False)  # equal if the same object: what is derived from it is kept
class Codes:
    """Draws of codes, sorted, so that no result depends on the order they came in.

    Attributes
    ----------
    values : shape (n,)
        States, sorted.
    size
        Independent units, N: draws, or sequences.
    units : shape (n,), or None
        Number of the sequence that each draw belongs to; None if each draw is independent.
    columns
        The name of the column, where it has one.
    """

    values: NDArray[Any]
    size: int
    units: NDArray[np.intp] | None = None
    columns: tuple[str, ...] | None = None

    @classmethod
    def of_draws(cls, values: NDArray[Any], columns: tuple[str, ...] | None = None) -> Codes:
        """Return independent draws in any order, shape (n,)."""
        return cls(np.sort(values), len(values), columns=columns)

    @classmethod
    def of_units(cls, values: NDArray[Any], units: NDArray[np.intp], size: int) -> Codes:
        """Return draws in any order, shape (n,), of ``size`` units; a unit may hold none."""
        order = np.lexsort((units, values))
        return cls(values[order], size, units[order])

    def __len__(self) -> int:
        """Return the number of independent units: draws, or sequences."""
        return self.size

    @cached_property
    def states(self) -> NDArray[Any]:
        """The different states, sorted."""
        return np.unique(self.values)

    @cached_property
    def incidence(self) -> Incidence:
        """Which units hold which states."""
        if self.units is None:
            return Incidence.of_draws(self.values)
        return Incidence.of_units(self.values, self.units, self.size)

    @property
    def kind(self) -> Kind:
        """What they are: draws of codes, or sequences of them."""
        return "codes" if self.units is None else "tokens"

    def halves(self, rng: np.random.Generator) -> tuple[Codes, Codes]:
        """Return two random halves of the units; the second has one more if they are odd."""
        first = np.zeros(self.size, dtype=bool)
        first[rng.permutation(self.size)[: self.size // 2]] = True
        if self.units is None:
            return Codes.of_draws(self.values[first]), Codes.of_draws(self.values[~first])
        parts = []
        for chosen in (first, ~first):
            held = chosen[self.units]
            number = np.cumsum(chosen) - 1  # of a unit among the chosen ones
            parts.append(Codes(self.values[held], int(chosen.sum()), number[self.units[held]]))
        return parts[0], parts[1]

    def counts_of(self, states: NDArray[Any]) -> NDArray[np.int64]:
        """Return how many draws hold each of ``states``, in any order, shape (K,)."""
        first = np.searchsorted(self.values, states, side="left")
        return np.asarray(np.searchsorted(self.values, states, side="right") - first)

    def foreign(self, reference: Codes) -> float:
        """Return the share of draws whose state the reference lacks."""
        return float((reference.counts_of(self.values) == 0).mean())


def foreign_note(samples: Codes, reference: Codes) -> tuple[str, ...]:
    """Return a note on states that the reference lacks; none if there are none."""
    share = samples.foreign(reference)
    if not share:
        return ()
    what = "codes" if samples.units is None else "tokens"
    return (f"{share:.2%} of the generated {what} are of states that the reference lacks",)
