"""Whole gates: how often a good model fails anywhere, and a bad one passes everywhere.

Four models lose no more than is tolerated of anything: the law itself; one thinned beyond its
outer 10 %, which loses ``tolerate`` of its tail mass; one shifted by ``tolerate`` of the
Wasserstein check; and a contraction that loses three things at once, judged by a gate whose three
``tolerate`` are exactly what it loses. Others lose exactly ``detect`` of one thing.
"""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
from scipy import integrate

from benchmarks.calibration.cells import GATES, Cell, Trial
from benchmarks.calibration.judged import Draw, all_pass, any_fail, check
from benchmarks.calibration.line import (
    CHECKS,
    LAWS,
    Quantile,
    changed,
    drawer,
    edges,
    mean_deviation,
    strength,
    variance,
)
from collapse_bench.gates.checks import Check

SIZE, PLANNED = 1_000, 22_070
FEWER = 300  # gates where all three checks are run at planned sizes
SHRUNK = 0.05  # of the variance, by the contraction that is judged by its own losses
BOUNDARIES = {
    "healthy": "healthy",
    "tail_mass": "tail thinned",
    "wasserstein": "shifted",
    "all": "contracted",
}


def losses_of(law: str, quantile: Quantile) -> dict[str, float]:
    """Return what a law with this quantile function has lost of each check's quantity; exact.

    Of the tail beyond the law's own quantiles; of the variance that the check compares.
    """
    frozen, winsorized = LAWS[law], law != "normal"
    low, high = edges(law)
    grid = [0.0, 1e-4, 0.01, 0.024, 0.026, 0.05, 0.5, 0.95, 0.974, 0.976, 0.99, 1 - 1e-4, 1.0]
    moved = sum(
        integrate.quad(lambda u: abs(float(quantile(u) - frozen.ppf(u))), a, b, limit=400)[0]
        for a, b in itertools.pairwise(grid)
    )
    kept = level_at(quantile, low) + 1 - level_at(quantile, high)
    return {
        "tail_mass": 1 - kept / 0.05,
        "variance": 1 - variance(quantile, winsorized) / variance(frozen.ppf, winsorized),
        "wasserstein": moved / mean_deviation(law),
    }


def level_at(quantile: Quantile, value: float) -> float:
    """Return the share of a law at or below a value, by bisection of its quantile function."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if float(quantile(middle)) <= value else (low, middle)
    return (low + high) / 2


@cache
def shift_of(law: str) -> float:
    """Return the shift by ``tolerate`` of the Wasserstein check, to the side that keeps tails."""
    size = Check("wasserstein").setting.tolerate * mean_deviation(law)
    low, high = edges(law)
    left = LAWS[law].cdf(low + size) + LAWS[law].sf(high + size)
    right = LAWS[law].cdf(low - size) + LAWS[law].sf(high - size)
    return float(-size if left > right else size)


def quantile_of(law: str, model: str) -> Quantile:
    """Return the quantile function of a model within tolerance."""
    frozen = LAWS[law]
    if model == "healthy":
        return lambda u: frozen.ppf(u)
    if model == "wasserstein":
        return lambda u: frozen.ppf(u) + shift_of(law)
    if model == "all":
        factor, center = math.sqrt(1 - SHRUNK), frozen.mean()
        return lambda u: center + factor * (frozen.ppf(u) - center)
    return _thinned(law, Check("tail_mass").setting.tolerate)


def _thinned(law: str, share: float) -> Quantile:
    """Return the quantile function after a share of the outer 10 % has moved to the body."""
    kept = 0.05 * (1 - share)  # at each end
    stretch = 0.9 / (1 - 2 * kept)

    def quantile(u: Any) -> Any:
        level = 0.05 + (u - kept) * stretch
        level = np.where(u < kept, u / (1 - share), level)
        return LAWS[law].ppf(np.where(u > 1 - kept, 1 - (1 - u) / (1 - share), level))

    return quantile


def model_of(law: str, model: str) -> Draw:
    """Return draws of a model within tolerance."""
    draw = drawer(law)
    if model == "healthy":
        return draw
    if model == "wasserstein":
        shift = shift_of(law)
        return lambda size, rng: draw(size, rng) + shift
    if model == "all":
        return changed(law, "contraction", math.sqrt(1 - SHRUNK))
    return changed(law, "thinning", Check("tail_mass").setting.tolerate)


@cache
def three(law: str, model: str) -> tuple[Check, ...]:
    """Return the default checks of numbers, with the contraction's own losses for that."""
    if model != "all":
        return tuple(check(name) for name in CHECKS)
    lost = losses_of(law, quantile_of(law, model))
    found = []
    for name in CHECKS:  # what is detected is of no matter there
        detect = max(Check(name).setting.detect, (1 + lost[name]) / 2)
        found.append(check(name, tolerate=lost[name], detect=detect))
    return tuple(found)


def bad(law: str, name: str) -> Draw:
    """Return draws that have lost exactly ``detect`` of one check's quantity."""
    change = "thinning" if name == "tail_mass" else "contraction"
    loss = Check(name).setting.detect
    return changed(law, change, strength(law, name, change, loss))


def first(name: str) -> tuple[Check, ...]:
    """Return the default checks, the one that must not pass first, then the cheap ones."""
    return tuple(check(one) for one in sorted(CHECKS, key=lambda one: (one != name, one)))


def cells() -> list[Cell]:
    """Return the cells of gates of numbers in one column, at 1,000 rows and at planned ones."""
    found = []
    for law in LAWS:
        for model, told in BOUNDARIES.items():
            found.append(_fails(law, model, told, SIZE))
        for name in CHECKS:
            found.append(_passes(law, name, SIZE))
    for name in CHECKS:
        found.append(_passes("normal", name, PLANNED))
    for model in ("tail_mass", "all"):
        found.append(_fails("normal", model, BOUNDARIES[model], PLANNED, FEWER))
    return found


def _fails(law: str, model: str, told: str, size: int, gates: int = GATES) -> Cell:
    def make() -> Trial:
        return any_fail(three(law, model), drawer(law), model_of(law, model), size)

    late = size != SIZE or (law != "normal" and model != "all")
    return Cell(
        "gate", "three checks", law, told, "fail", f"{size:,}", make, gates=gates, late=late
    )


def _passes(law: str, name: str, size: int) -> Cell:
    def make() -> Trial:
        return all_pass(first(name), drawer(law), bad(law, name), size)

    told = f"{name} at detect"
    late = size != SIZE or name == "wasserstein"
    return Cell("gate", "three checks", law, told, "pass", f"{size:,}", make, late=late)
