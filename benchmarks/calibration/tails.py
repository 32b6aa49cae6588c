"""The tail check's rates without simulation: its critical count under the exact law of counts.

The law is integrated here over the reference's own tail mass, which is Beta(k, m - k + 1), with
scipy's binomial law: no code of the package but the critical count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize, special, stats

from benchmarks.calibration.cells import NOMINAL, Cell, Trial
from benchmarks.calibration.judged import all_pass, any_fail, check
from benchmarks.calibration.line import changed, drawer
from collapse_bench.statistics.exceedance import tail_rows
from collapse_bench.statistics.tail_test import Guarantee, TailTest

SIZES = ((1_000, 1_000), (1_000, 10_000), (10_000, 1_000), (10_000, 100_000), (22_070, 22_070))
MASSES = (0.05, 0.2)
TOLERATE, DETECT = 0.05, 0.25
NODES = 20_001
CROSS = 200  # gates that are simulated beside it


def critical(test: TailTest, event: str) -> int:
    """Return the largest count that fails, or the smallest that passes; by bisection."""

    def beyond(count: int) -> bool:
        if event == "fail":
            return test.pvalue_low(count, ratio=1 - TOLERATE, level=NOMINAL) > NOMINAL
        return test.pvalue_high(count, ratio=1 - DETECT, level=NOMINAL) <= NOMINAL

    low, high = -1, test.n + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return low if event == "fail" else high


def own_rate(test: TailTest, event: str, kept: float) -> Callable[[Any], Any]:
    """Return the rate of an event as a function of the reference's own tail mass."""
    count = critical(test, event)
    if event == "fail":
        return lambda mass: special.bdtr(count, test.n, np.minimum(kept * mass, 1))
    return lambda mass: special.bdtrc(count - 1, test.n, np.minimum(kept * mass, 1))


def average(test: TailTest, rate: Callable[[Any], Any]) -> float:
    """Return a rate's mean over references."""
    law = stats.beta(test.k, test.m - test.k + 1)
    low, high = float(law.ppf(1e-15)), float(law.isf(1e-15))
    masses = np.linspace(low, high, NODES)  # nothing is left at either end: trapezoids suffice
    return float(np.trapezoid(law.pdf(masses) * rate(masses), masses))


def unlucky(test: TailTest, event: str, rate: Callable[[Any], Any]) -> float:
    """Return the share of references whose own rate is above the nominal one."""
    law = stats.beta(test.k, test.m - test.k + 1)
    low, high = float(law.ppf(1e-15)), float(law.isf(1e-15))
    ends = float(rate(low)) - NOMINAL, float(rate(high)) - NOMINAL
    if ends[0] * ends[1] > 0:
        return float(ends[0] > 0)
    at = optimize.brentq(lambda mass: float(rate(mass)) - NOMINAL, low, high)
    return float(law.cdf(at) if event == "fail" else law.sf(at))


def cells() -> list[Cell]:
    """Return the exact cells, and a few simulated ones beside them."""
    guarantees: tuple[Guarantee, ...] = ("average", "reference")
    found = [
        _exact(guarantee, mass, event, n, m)
        for guarantee in guarantees
        for mass in MASSES
        for event in ("fail", "pass")
        for n, m in SIZES
    ]
    return found + [_simulated(event, m) for event in ("fail", "pass") for m in (1_000, 10_000)]


def _exact(guarantee: Guarantee, mass: float, event: str, n: int, m: int) -> Cell:
    def make() -> dict[str, float]:
        test = TailTest(n, tail_rows(m, mass), m, guarantee)
        rate = own_rate(test, event, 1 - (TOLERATE if event == "fail" else DETECT))
        return {"rate": average(test, rate), "unlucky_references": unlucky(test, event, rate)}

    told = f"mass {mass:g}"
    return Cell(
        "tail", guarantee, "any law, exact", told, event, f"{n:,} / {m:,}", make, exact=True
    )


def _simulated(event: str, m: int) -> Cell:
    def make() -> Trial:
        build = any_fail if event == "fail" else all_pass
        model = changed("normal", "thinning", TOLERATE if event == "fail" else DETECT)
        return build((check("tail_mass"),), drawer("normal"), model, 1_000, m)

    law = f"normal, {CROSS} gates"
    return Cell("tail", "average", law, "mass 0.05", event, f"1,000 / {m:,}", make, gates=CROSS)
