"""Counts of samples over many states, most of which may never be seen again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.models._arrays import is_tensor, namespace, to_device, to_numpy

__all__ = ["CountStatistics", "pack", "unpack"]

Array = Any  # a numpy array or a torch tensor
Places = NDArray[np.intp] | None  # of the columns held among all K; None: all of them

# Below this the columns of the dead cost less than to look for them.
PACK_FROM = 64
LARGEST_POOL = 10**9 - 1  # samples that numpy draws from without replacement


@dataclass(frozen=True, slots=True, eq=False)
class CountStatistics:
    """Sufficient statistics of a sample of codes: how often each state was seen."""

    counts: Array  # (L,) or (R, L)
    live: Places = None  # (L,) the states they are of; others were not seen

    def merge(self, other: CountStatistics) -> CountStatistics:
        """Return the statistics of both samples together."""
        if self.live is other.live:
            return CountStatistics(self.counts + other.counts, self.live)
        if self.live is None or other.live is None:
            live = None
            states = (self if self.live is None else other).counts.shape[-1]
        else:
            live = np.union1d(self.live, other.live)
            states = len(live)
        spread = []
        for part in (self, other):
            place = part.live if live is None or part.live is None else live.searchsorted(part.live)
            spread.append(unpack(part.counts, place, states))
        return CountStatistics(spread[0] + spread[1], live)

    def subsample(self, size: int, *, rng: np.random.Generator) -> CountStatistics:
        """Draw the counts of ``size`` of the samples, taken without replacement.

        A multivariate hypergeometric draw for each replicate, by ``rng`` itself on any device.

        Raises
        ------
        InvalidArgument
            If there are fewer samples than that, or 10^9 or more.
        """
        counts = np.rint(to_numpy(self.counts)).astype(np.int64)
        held = int(counts.sum(-1).min())
        if not size <= held <= LARGEST_POOL:
            raise InvalidArgument(
                f"size must be at most the {held} samples held, and these fewer than 10^9; "
                f"got size={size}"
            )
        drawn = np.atleast_2d(counts).copy()  # (R, L)
        if len(drawn) < drawn.shape[-1]:
            for row in drawn:
                row[:] = rng.multivariate_hypergeometric(row, size, method="marginals")
        else:  # the same law, a state at a time for all replicates
            left, beyond = np.full(len(drawn), size), drawn.sum(-1)
            for state in range(drawn.shape[-1]):
                seen = drawn[:, state].copy()
                beyond = beyond - seen
                drawn[:, state] = rng.hypergeometric(seen, beyond, left)
                left = left - drawn[:, state]
        drawn = drawn.reshape(counts.shape)
        if is_tensor(self.counts):
            return CountStatistics(to_device(drawn, self.counts.device).double(), self.live)
        return CountStatistics(drawn, self.live)


def pack(counts: Array, live: Places) -> tuple[Array, Places]:
    """Return the columns that are alive in some replicate, and their places; all if many are.

    The last column is kept dead or alive: numpy's multinomial gives it what is left without
    drawing, and with it in place a packed chain has the same draws as one that isn't.
    """
    width = counts.shape[-1]
    if width < PACK_FROM:
        return counts, live
    seen = to_numpy((counts > 0).reshape(-1, width).any(0)).copy()
    seen[-1] = True
    keep = np.flatnonzero(seen)
    if 2 * len(keep) > width:  # each copy then halves the columns: the work adds up to one more
        return counts, live
    return counts[..., keep], keep if live is None else live[keep]


def unpack(held: Array, live: Places, states: int) -> Array:
    """Return columns for all ``states``, 0 in those that aren't ``live``."""
    if live is None:
        return held
    xp = namespace(held)
    like = {"dtype": held.dtype} | ({"device": held.device} if is_tensor(held) else {})
    wide = xp.zeros((*held.shape[:-1], states), **like)
    wide[..., live] = held
    return wide
