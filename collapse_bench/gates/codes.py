"""Codes and sequences of codes as the checks see them: states, and the units that hold them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.statistics.richness import Incidence
from collapse_bench.validation import Kind

__all__ = ["MASS", "Codes", "default_mass", "foreign_note", "unresolved"]

MASS = 0.05  # of the tail, unless told otherwise

# Draws in half of the reference of a state at the edge of the rare ones. With fewer, states as rare
# as that and commoner ones can't be told apart, and a loss of the truly rarest is diluted.
EDGE = 10
MOST_MASS = 0.5


@dataclass(frozen=True, eq=False)  # equal if the same object: what is derived from it is kept
class Codes:
    """Draws of codes, sorted, so that no result depends on the order they came in.

    Sequences are numbered in the order of what they hold.

    Attributes
    ----------
    values : shape (n,)
        States, sorted.
    size
        Independent units, N: draws, or sequences.
    units : shape (n,), or None
        Number of the sequence that each draw belongs to; None if each draw is independent.
    places : shape (n,), or None
        Where in its sequence each draw stands, from 0.
    columns
        The name of the column, where it has one.
    """

    values: NDArray[Any]
    size: int
    units: NDArray[np.intp] | None = None
    places: NDArray[np.intp] | None = None
    columns: tuple[str, ...] | None = None

    @classmethod
    def of_draws(cls, values: NDArray[Any], columns: tuple[str, ...] | None = None) -> Codes:
        """Return independent draws in any order, shape (n,)."""
        return cls(np.sort(values), len(values), columns=columns)

    @classmethod
    def of_units(cls, values: NDArray[Any], units: NDArray[np.intp], size: int) -> Codes:
        """Return the draws of ``size`` units, one's after another's; a unit may hold none.

        Parameters
        ----------
        values, units : shape (n,)
            Draws as they came, and the number of the unit of each, ascending.
        """
        order = np.argsort(values, kind="stable")
        found = np.ones(len(values), dtype=np.int64)
        found[1:] = values[order][1:] != values[order][:-1]
        codes = np.empty(len(values), dtype=np.int64)  # the rank of the state of each draw
        codes[order] = np.cumsum(found)
        lengths = np.bincount(units, minlength=size)
        places = np.arange(len(values)) - (np.cumsum(lengths) - lengths)[units]
        numbers = _ranked(codes, lengths)[units]
        order = np.lexsort((places, numbers, codes))
        return cls(values[order], size, numbers[order], places[order])

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
            units = number[self.units[held]]
            places = None if self.places is None else self.places[held]
            parts.append(Codes(self.values[held], int(chosen.sum()), units, places))
        return parts[0], parts[1]

    def read(self) -> tuple[NDArray[Any], NDArray[np.intp], int]:
        """Return the draws of sequences in the order they are read, their units, and how many."""
        assert self.units is not None
        assert self.places is not None
        order = np.lexsort((self.places, self.units))
        return self.values[order], self.units[order], self.size

    def counts_of(self, states: NDArray[Any]) -> NDArray[np.int64]:
        """Return how many draws hold each of ``states``, in any order, shape (K,)."""
        first = np.searchsorted(self.values, states, side="left")
        return np.asarray(np.searchsorted(self.values, states, side="right") - first)

    @cached_property
    def own_counts(self) -> NDArray[np.int64]:
        """How many draws hold the state of each draw, ascending, shape (n,)."""
        first = np.flatnonzero(np.r_[True, self.values[1:] != self.values[:-1]])
        counts = np.sort(np.diff(np.r_[first, len(self.values)]))
        return np.repeat(counts, counts)

    def foreign(self, reference: Codes) -> float:
        """Return the share of draws whose state the reference lacks."""
        return float((reference.counts_of(self.values) == 0).mean())


def _ranked(codes: NDArray[np.int64], lengths: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rank of each sequence of codes among them, shape (N,), by what it holds."""
    # big-endian, whole numbers compare as their bytes do
    whole, ends = codes.astype(">u8").tobytes(), 8 * np.cumsum(lengths)
    held = [whole[end - 8 * length : end] for end, length in zip(ends, lengths, strict=True)]
    ranks = np.empty(len(lengths), dtype=np.intp)
    ranks[sorted(range(len(held)), key=held.__getitem__)] = np.arange(len(held))
    return ranks


def unresolved(reference: Codes, mass: float) -> str | None:
    """Return why half of the reference can't tell which states are its rarest; None if it can.

    It can if the state at the edge of the rarest, which together hold ``mass``, is drawn ``EDGE``
    times there, in expectation.
    """
    counts = reference.own_counts
    last = math.ceil(round(mass * len(counts), 6))  # the draw at the edge, counted from 1
    edge = counts[max(last, 1) - 1] / 2
    if edge >= EDGE:
        return None
    told = default_mass(reference)
    wider = f"judge a mass of {told:g} or more, or " if told > mass else ""
    return (
        f"half of the reference holds states at the edge of its rarest {mass:.3g} about {edge:.3g} "
        f"times, fewer than {EDGE}: which are the rarest can't be told; {wider}have more reference "
        "rows"
    )


def default_mass(reference: Codes) -> float:
    """Return the mass of the rarest states that are judged unless told otherwise.

    ``MASS``, or as many hundredths as the reference needs to tell which states are the rarest;
    ``MASS`` where half of it all isn't enough.
    """
    counts = reference.own_counts
    needed = (np.count_nonzero(counts < 2 * EDGE) + 1) / len(counts)
    wide = math.ceil(round(100 * needed, 6)) / 100
    return wide if MASS < wide <= MOST_MASS else MASS


def foreign_note(samples: Codes, reference: Codes) -> tuple[str, ...]:
    """Return a note on states that the reference lacks; none if there are none."""
    share = samples.foreign(reference)
    if not share:
        return ()
    what = "codes" if samples.units is None else "tokens"
    return (f"{share:.2%} of the generated {what} are of states that the reference lacks",)
