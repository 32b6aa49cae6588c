"""Which variance a sample's is compared by, decided on the reference alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.statistics.spread import HEAVY, kurtosis
from collapse_bench.statistics.winsorized import LEAST, on_lattice

__all__ = ["SCALES", "Form", "Scale", "form_of", "too_few"]

Scale = Literal["auto", "variance", "winsorized"]
SCALES: tuple[Scale, ...] = ("auto", "variance", "winsorized")


@dataclass(frozen=True, slots=True)
class Form:
    """Which variance is compared, and what is to be said of that."""

    winsorized: bool
    withheld: str | None = None
    notes: tuple[str, ...] = ()


def form_of(line: NDArray[np.float64], scale: Scale) -> Form:
    """Return what to compare with a sorted reference, decided on it alone, shape (m,)."""
    tailed = f"the reference's kurtosis is {kurtosis(line):.3g}"
    heavy = kurtosis(line) > HEAVY
    few = too_few(len(line), LEAST)
    lattice = not few and on_lattice(line)
    if scale == "winsorized":
        if lattice:
            raise InvalidArgument(
                "scale must be 'variance' or 'auto' for a reference whose values are tied near its "
                "1 % quantiles, where their density is infinite; got scale='winsorized'"
            )
        return Form(winsorized=True)
    if not heavy:
        return Form(winsorized=False)
    if scale == "variance":
        return Form(False, f"{tailed} > {HEAVY:g}: only scale='winsorized' can pass")
    if few or lattice:
        why = few or "its values are tied near the quantiles"
        return Form(False, f"{tailed} > {HEAVY:g}, and it can't be winsorized: {why}")
    return Form(True, notes=(f"variance of the middle 98 %, since {tailed} > {HEAVY:g}",))


def too_few(rows: int, least: int) -> str | None:
    """Return that ``rows`` are fewer than ``least``, or None."""
    return None if rows >= least else f"{rows:,} rows are fewer than the {least} that this takes"
