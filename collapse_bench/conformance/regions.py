"""Parts of sample space that the rows of a fit and draws of what was fitted are counted in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.conformance.projections import View
from collapse_bench.models import Samples

__all__ = ["Region", "regions"]

Array = NDArray[np.float64]

# Tails, both ends together: their mass, and the same of it. Counts of fewer rows say less.
TAILS = ((0.05, (0.05, 0.25)), (0.005, (0.15, 0.5)), (0.0005, (0.3, 0.75)))
# Each end by itself, half of that mass: what is lost of both may all be lost at one of them. Five
# rows of the pilot give no sure edge: the last may fail but needn't be excluded.
ENDS = ((0.025, (0.1, 0.4)), (0.0025, (0.3, 0.75)), (0.00025, (0.5, 1.0)))
RARE = TAILS[-1][1]
# States as frequent as this are compared one by one, so that swapped labels are seen.
FREQUENT, STATE = 0.05, (0.02, 0.1)
# Values so many times as far out as any of the pilot's are counted as a region of their own.
AFAR = 2.0


@dataclass(frozen=True)
class Region:
    """A part of sample space that rows and draws are counted in.

    Attributes
    ----------
    what
        In words.
    holds
        From rows and their columns in the view to which of them it holds.
    share
        Of the pilot's rows.
    effects
        The loss that may be and the one that must be noticed.
    excludes
        Whether that loss must be excluded; else the region is too rare for it.
    """

    what: str
    holds: Callable[[Samples, Array], NDArray[np.bool_]]
    share: float
    effects: tuple[float, float]
    excludes: bool = True


def regions(view: View) -> Iterator[Region]:
    """Yield the tails and, of codes, the frequent states; those that are empty left out."""
    if len(view.frame.states):
        yield from _regions_of_codes(view)
        return
    for k, where in enumerate(view.names):
        values = view.pilot[:, k]
        if k >= view.axes:
            if k + 1 == len(view.names):  # of what is joint, the distance: it is everybody's
                for mass, effects in TAILS:
                    yield from _end(values, k, 1, mass, where, effects)
            continue
        for mass, effects in TAILS:
            low, high = np.quantile(values, [mass / 2, 1 - mass / 2])
            outer = partial(_outer, k=k, low=low, high=high)
            yield Region(f"the outermost {mass:g} {where}".rstrip(), outer, mass, effects)
        for mass, effects in ENDS:
            for sign in (-1, 1):
                yield from _end(values, k, sign, mass, where, effects, effects[1] < 1)
    reach = AFAR * np.abs(view.pilot[:, : view.axes]).max(axis=0)
    afar = partial(_afar, reach=reach)
    yield Region(f"what is {AFAR:g} times as far as the truth", afar, 0.0, RARE, False)


def _end(
    pilot: Array,
    k: int,
    sign: int,
    mass: float,
    where: str,
    effects: tuple[float, float],
    excludes: bool = True,
) -> Iterator[Region]:
    """Yield one end of column k, and what lies beyond its edge if most of the end lies at it."""
    values = sign * pilot
    edge = float(np.quantile(values, 1 - mass))
    what = f"the {'highest' if sign > 0 else 'lowest'} {mass:g} {where}".rstrip()
    beyond = partial(_beyond, k=k, sign=sign, edge=edge)
    yield Region(what, beyond, mass, effects, excludes)
    outside = float((values > edge).mean())
    if 0 < outside < float((values >= edge).mean()) / 2:
        beyond = partial(beyond, strictly=True)
        yield Region(f"{what}, its edge left out", beyond, outside, RARE, False)


def _regions_of_codes(view: View) -> Iterator[Region]:
    for mass, effects in TAILS:
        share = float((view.pilot >= 1 - mass).mean())
        if share > 0:  # else the rarest state is more frequent
            rare = partial(_beyond, k=0, sign=1, edge=1 - mass)
            yield Region(f"the rarest {mass:g}", rare, min(share, mass), effects)
    for state, share in zip(view.frame.states, view.frame.shares, strict=True):
        if share >= FREQUENT:
            among = partial(_equal, state=state)
            yield Region(f"the state {state.item()!r}", among, float(share), STATE)


def _beyond(
    rows: Samples, columns: Array, k: int, sign: int, edge: float, strictly: bool = False
) -> NDArray[np.bool_]:
    """Return which values lie at the edge or beyond: clipped values lie at it."""
    values = sign * columns[:, k]
    return np.asarray(values > edge if strictly else values >= edge)


def _outer(rows: Samples, columns: Array, k: int, low: float, high: float) -> NDArray[np.bool_]:
    return np.asarray((columns[:, k] <= low) | (columns[:, k] >= high))


def _afar(rows: Samples, columns: Array, reach: Array) -> NDArray[np.bool_]:
    return np.asarray((np.abs(columns[:, : len(reach)]) > reach).any(axis=1))


def _equal(rows: Samples, scores: Array, state: Any) -> NDArray[np.bool_]:
    return np.asarray(rows == state)
