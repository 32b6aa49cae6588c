"""Counts: Poisson(3), whose values are tied. Losses on the lattice, exact by enumeration.

A share of the zeros and of all values from 6 on is drawn again from the values between, 1 to 5.
The reference marks its tails at 0 and at 6 or more whatever its draw, with ties broken at random,
so that their mass is short by that share.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from benchmarks.calibration.cells import GATES, Cell, Trial
from benchmarks.calibration.judged import Draw, all_pass, any_fail, check
from benchmarks.calibration.line import CHECKS

MEAN, FIRST, LAST = 3.0, 1, 5  # values between the tails
VALUES = np.arange(60)
SIZE = 1_000
CHEAP = 4_000
LAW = np.asarray(stats.poisson(MEAN).pmf(VALUES))

Law = NDArray[np.float64]


def thinned(share: float) -> Law:
    """Return the law whose tails have lost ``share`` of their mass, shape (60,)."""
    body = (VALUES >= FIRST) & (VALUES <= LAST)
    kept = np.where(body, LAW, (1 - share) * LAW)
    kept[body] *= 1 + share * LAW[~body].sum() / LAW[body].sum()
    return kept


def losses(law: Law) -> dict[str, float]:
    """Return what a law on the lattice has lost of the tails, the variance and the shape."""
    variances = [float(p @ VALUES**2 - (p @ VALUES) ** 2) for p in (law, LAW)]
    tails = [float(p[(VALUES < FIRST) | (VALUES > LAST)].sum()) for p in (law, LAW)]
    moved = np.abs(np.cumsum(law) - np.cumsum(LAW)).sum()
    return {
        "tail_mass": 1 - tails[0] / tails[1],
        "variance": 1 - variances[0] / variances[1],
        "wasserstein": float(moved / (LAW @ np.abs(VALUES - MEAN))),
    }


def lossy(name: str, loss: float) -> Law:
    """Return the law that has lost exactly ``loss`` of what a check judges."""
    return thinned(float(optimize.brentq(lambda x: losses(thinned(x))[name] - loss, 0, 1)))


def draws(law: Law) -> Draw:
    ends = np.cumsum(law) / law.sum()
    return lambda size, rng: np.searchsorted(ends, rng.random(size), side="right") * 1.0


def cells() -> list[Cell]:
    """Return the cells of the three checks at both margins."""
    return [_cell(name, event) for name in CHECKS for event in ("fail", "pass")]


def _cell(name: str, event: str) -> Cell:
    judged = check(name, **({} if name == "wasserstein" else {"kind": "numbers"}))

    def make() -> Trial:
        loss = judged.setting.tolerate if event == "fail" else judged.setting.detect
        build = any_fail if event == "fail" else all_pass
        return build((judged,), draws(LAW), draws(lossy(name, loss)), SIZE)

    gates, late = CHEAP if name == "tail_mass" else GATES, name == "wasserstein"
    return Cell(
        "ties", name, "Poisson(3)", "thinned", event, f"{SIZE:,}", make, gates=gates, late=late
    )
