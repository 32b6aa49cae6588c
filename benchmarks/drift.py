"""Measure the error rates of the drift check at the edges of its claims, and its power.

Run as ``python -m benchmarks.drift`` from the root of the checkout (about seven minutes of one
core, spread over two). Lineages come from pools of 10,000, simulated once for each law, family,
size and number of generations. Each simulation draws R lineages of a family and 2,000 neutral ones,
and shifts the former so that their mean over the pool loses exactly ``tolerate`` or exactly
``detect`` a generation more than the neutral pool: what a model does that shrinks its draws by a
constant factor. At ``tolerate`` the check must fail, and at ``detect`` pass, in at most 1 %: the
rate must lie within the upper 99.9 % binomial limit of that. With the planned number of lineages a
model without excess loss must pass, and one that loses ``detect`` fail, in 99 %: the rate must lie
above the lower 99.9 % limit. There is one seed, and no second try.

Gaussian models with ddof 0 and 1 differ by a constant a generation, which the shift takes away:
one family stands for both.
"""

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import stdtrit

from collapse_bench.gates import plan_drift
from collapse_bench.gates.neutral import LINEAGES, neutral_lineages
from collapse_bench.statistics.drift import DriftTest
from collapse_bench.streams import generator

SEED = 20261122
DATE = "2026-11-22"
TOLERATE, DETECT, NOMINAL, POWER, LIMIT_LEVEL = 0.05, 0.20, 0.01, 0.99, 0.999
POOL, SIMULATIONS = 10_000, 2_000
SHARED = 20  # simulations that are judged against the same neutral lineages, to save time
DESIGNS = ((50, 5), (50, 8), (100, 8), (200, 8))  # samples, generations
REPLICATES = (4, 16)

Draw = Callable[[np.random.Generator, Any], Any]  # of a shape


@dataclass(frozen=True)
class Law:
    """A law with its exact variance, as the check asks for it."""

    name: str
    draw: Draw
    variance: float

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        return np.asarray(self.draw(rng, (size, 1)))

    def moments(self):
        return np.zeros(1), np.array([[self.variance]])


LAWS = (
    Law("normal", lambda rng, shape: rng.standard_normal(shape), 1.0),
    Law("uniform", lambda rng, shape: rng.random(shape), 1 / 12),
    Law(
        "two modes",
        lambda rng, shape: rng.standard_normal(shape) + 4.0 * rng.integers(2, size=shape) - 2.0,
        5.0,
    ),
    Law("t3", lambda rng, shape: rng.standard_t(3, shape), 3.0),
    Law("lognormal", lambda rng, shape: np.exp(rng.standard_normal(shape)), math.e**2 - math.e),
)


@dataclass
class Cell:
    """One rate: how often lineages of ``family`` come to ``outcome`` when they lose ``loss``."""

    law: str
    family: str
    size: int
    generations: int
    replicates: int
    planned: bool
    loss: float
    outcome: str
    simulations: int
    count: int = 0
    rate: float = math.nan
    limit: float = math.nan  # at most, or at least where planned
    holds: bool = False


# ---- pools of lineages: changes of log-variance, shape (POOL,)


def resampler(law: Law, size: int, generations: int, name: str) -> NDArray[np.float64]:
    seed = int(generator(SEED, "drift", name, law.name, size, generations).integers(2**32))
    return neutral_lineages(law, (size,) * generations, lineages=POOL, seed=seed).changes


def gaussian(law: Law, size: int, generations: int, name: str) -> NDArray[np.float64]:
    rng = generator(SEED, "drift", name, law.name, size, generations)
    steps = np.log(rng.chisquare(size - 1, (POOL, generations)) / size)
    return np.asarray(steps.sum(axis=1))


def smoothed(law: Law, size: int, generations: int, name: str) -> NDArray[np.float64]:
    """A kernel density estimate by Silverman's rule: it expands."""
    rng = generator(SEED, "drift", name, law.name, size, generations)
    rows = law.draw(rng, (POOL, size))
    variance = np.zeros(POOL)
    for generation in range(generations):
        inner = rows.var(axis=1)
        width = 1.06 * np.sqrt(inner) * size**-0.2
        variance = inner + width**2
        if generation < generations - 1:
            chosen = rng.integers(0, size, (POOL, size)) + size * np.arange(POOL)[:, None]
            rows = rows.ravel()[chosen] + width[:, None] * rng.standard_normal((POOL, size))
    return np.log(variance / law.variance)


FAMILIES = {"resampler": resampler, "gaussian": gaussian, "kernel density": smoothed}


# ---- cells


def simulate(
    ours: NDArray[np.float64],
    neutral: NDArray[np.float64],
    cells: tuple[Cell, Cell],
    rng: np.random.Generator,
) -> None:
    """Fill in two cells, "fail" and "pass", that share their simulations."""
    generations, replicates = cells[0].generations, cells[0].replicates
    centered = ours - ours.mean() + neutral.mean()
    for _ in range(0, cells[0].simulations, SHARED):
        null = neutral[rng.integers(0, POOL, LINEAGES)]
        drawn = centered[rng.integers(0, POOL, (SHARED, replicates))]
        # tests see only the difference of a shift and a hypothesis, so no loss is put in: it is
        # taken out of the hypothesis
        tests = [DriftTest.of(lineages, null, generations, detect=DETECT) for lineages in drawn]
        low, high = bounds(tests, null, generations)
        for cell in cells:
            shown = low > relative(TOLERATE, cell.loss)
            excluded = high < relative(DETECT, cell.loss)
            if cell.outcome == "fail":
                cell.count += int(shown.sum())
            else:  # at detect "fail" mostly comes first, and would hide what the other test does
                cell.count += int((excluded & ~shown if cell.planned else excluded).sum())
    for cell in cells:
        cell.rate = cell.count / cell.simulations
        level = 1 - LIMIT_LEVEL if cell.planned else LIMIT_LEVEL
        rate = POWER if cell.planned else NOMINAL
        cell.limit = float(stats.binom.ppf(level, cell.simulations, rate)) / cell.simulations
        cell.holds = cell.rate >= cell.limit if cell.planned else cell.rate <= cell.limit


def bounds(
    tests: list[DriftTest], null: NDArray[np.float64], generations: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the intervals of tests with the same neutral lineages, the first by the check's code.

    The others are worked out together, which takes a tenth of the time, and checked against it.
    """
    changes = np.stack([test.changes for test in tests])
    count = changes.shape[1]
    means = tests[0]._means
    parts = changes.var(axis=1, ddof=1) / count, null.var(ddof=1) / len(null)
    total = parts[0] + parts[1]
    freedom = total**2 / (parts[0] ** 2 / (count - 1) + parts[1] ** 2 / (len(null) - 1))
    reach = -stdtrit(freedom, NOMINAL) * np.sqrt(total)
    excess = changes.mean(axis=1) - null.mean()
    low = -np.expm1((excess + np.maximum(reach, -means.low(NOMINAL))) / generations)
    high = -np.expm1((excess - np.maximum(reach, means.high(NOMINAL))) / generations)
    own = tests[0].low(NOMINAL), tests[0].high(NOMINAL)
    np.testing.assert_allclose((low[0], high[0]), own, rtol=1e-9, atol=1e-12)
    return low, high


def relative(hypothesis: float, loss: float) -> float:
    """Return the hypothesis about lineages without loss that ``hypothesis`` is about those with."""
    return 1 - (1 - hypothesis) / (1 - loss)


def measure(law: Law, size: int, generations: int, simulations: int) -> list[Cell]:
    """Return the cells of one law and design."""
    done: list[Cell] = []
    neutral = resampler(law, size, generations, "neutral")
    plan = plan_drift(law, size=size, generations=generations)
    assert plan.replicates is not None
    for family, make in FAMILIES.items():
        ours = make(law, size, generations, family)
        for replicates, planned in (*((one, False) for one in REPLICATES), (plan.replicates, True)):
            if planned and family == "kernel density":
                continue
            losses = ((TOLERATE, "fail"), (DETECT, "pass"))
            if planned:
                losses = ((DETECT, "fail"), (0.0, "pass"))
            common = (law.name, family, size, generations, replicates, planned)
            first, second = (Cell(*common, loss, outcome, simulations) for loss, outcome in losses)
            name = f"{family} {replicates} {planned}"
            rng = generator(SEED, "drift", "cell", law.name, size, generations, name)
            simulate(ours, neutral, (first, second), rng)
            done += [first, second]
    return done


def row(cell: Cell) -> str:
    return (
        f"{cell.law:10} {cell.family:15} M={cell.size:<4} n={cell.generations} "
        f"R={cell.replicates:<3} {cell.outcome} at {cell.loss:4.2f} {cell.rate:7.2%} "
        f"{'>=' if cell.planned else '<='} {cell.limit:6.2%} {'' if cell.holds else 'MISSES'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/drift.json"))
    parser.add_argument("--simulations", type=int, default=SIMULATIONS)
    given = parser.parse_args()
    start = time.process_time()
    done: list[Cell] = []
    for law in LAWS:
        for size, generations in DESIGNS:
            cells = measure(law, size, generations, given.simulations)
            print(*map(row, cells), sep="\n", flush=True)
            done += cells
    missed = [row(cell) for cell in done if not cell.holds]
    seconds = time.process_time() - start
    print(
        f"{len(done) - len(missed)} of {len(done)} cells hold; {seconds:.0f} s", *missed, sep="\n"
    )
    result = {
        "benchmark": "drift",
        "date": DATE,
        "seed": SEED,
        "versions": {name: version(name) for name in ("numpy", "scipy")}
        | {"python": platform.python_version()},
        "device": "cpu",
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "seconds": round(seconds),
        "nominal": NOMINAL,
        "limit": f"{LIMIT_LEVEL:.1%} binomial limit of the nominal rate",
        "tolerate": TOLERATE,
        "detect": DETECT,
        "pool": POOL,
        "neutral": LINEAGES,
        "missed": missed,
        "cells": [asdict(cell) for cell in done],
    }
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
