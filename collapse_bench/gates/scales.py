"""Which spread of a line is compared, decided on the reference alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.statistics import mad
from collapse_bench.statistics.spread import HEAVY, kurtosis
from collapse_bench.statistics.winsorized import LEAST, influence, on_lattice

__all__ = [
    "LINE",
    "ROBUST",
    "SCALES",
    "SEVERAL",
    "Form",
    "Robust",
    "Scale",
    "form_of",
    "too_few",
]

Scale = Literal["auto", "variance", "winsorized", "mad", "logdet", "weakest_direction"]
LINE: tuple[Scale, ...] = ("auto", "variance", "winsorized", "mad")
SEVERAL: tuple[Scale, ...] = ("auto", "logdet", "weakest_direction")
SCALES: tuple[Scale, ...] = (*LINE, *SEVERAL[1:])

Spread = Literal["variance", "winsorized", "mad"]


@dataclass(frozen=True, slots=True)
class Robust:
    """A spread that is compared by its influence function.

    Attributes
    ----------
    quantity
        In words.
    influence
        From sorted values to the squared spread, and how far each of them moves it.
    on_lattice
        Whether sorted values are tied where that takes their density.
    least
        Values that it takes.
    place
        Where they may not be tied.
    """

    quantity: str
    influence: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]
    on_lattice: Callable[[NDArray[np.float64]], bool]
    least: int
    place: str


ROBUST: Mapping[Spread, Robust] = MappingProxyType(
    {
        "winsorized": Robust(
            "variance of the middle 98 %",
            influence,
            on_lattice,
            LEAST,
            "1 % quantiles",
        ),
        "mad": Robust(
            "squared median absolute deviation",
            mad.influence,
            mad.on_lattice,
            mad.LEAST,
            "median and quartiles",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Form:
    """Which spread is compared, and what is to be said of that."""

    spread: Spread
    withheld: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def robust(self) -> Robust | None:
        """How it is compared, None for the plain variance."""
        return ROBUST.get(self.spread)

    @property
    def quantity(self) -> str:
        """In words, what a loss is a loss of."""
        return self.robust.quantity if self.robust else "variance"


def form_of(line: NDArray[np.float64], scale: Scale, label: str) -> Form:
    """Return what to compare with a sorted reference, decided on it alone, shape (m,).

    Raises
    ------
    InvalidArgument
        If it has no such spread, or ties where its density is needed; ``label`` names it.
    """
    if scale in ("winsorized", "mad"):
        if scale == "mad" and not mad.deviation(line) > 0:
            raise InvalidArgument(
                f"scale must be positive on the reference; half of the values of {label} or more "
                "are equal, so that their median absolute deviation is 0; got scale='mad'"
            )
        robust = ROBUST[scale]
        if len(line) >= robust.least and robust.on_lattice(line):
            raise InvalidArgument(
                f"scale must be 'variance' or 'auto' for a reference whose values are tied near "
                f"its {robust.place}, where their density is infinite; got scale={scale!r}"
            )
        return Form(scale)
    tailed = f"the reference's kurtosis is {kurtosis(line):.3g}"
    if not kurtosis(line) > HEAVY:
        return Form("variance")
    if scale == "variance":
        other = "only scale='winsorized' can pass, or scale='mad'"
        return Form("variance", f"{tailed} > {HEAVY:g}: {other}")
    few = too_few(len(line), LEAST)
    if few or on_lattice(line):
        why = few or "its values are tied near the quantiles"
        return Form("variance", f"{tailed} > {HEAVY:g}, and it can't be winsorized: {why}")
    note = f"variance of the middle 98 %, since {tailed} > {HEAVY:g}"
    return Form("winsorized", notes=(note,))


def too_few(rows: int, least: int) -> str | None:
    """Return that ``rows`` are fewer than ``least``, or None."""
    return None if rows >= least else f"{rows:,} rows are fewer than the {least} that this takes"
