"""Measure the error rates of the checks at the edges of their claims.

Run as ``python -m benchmarks.calibration --group loss`` from the root of the checkout (half an
hour on two cores). Three laws lose exactly ``tolerate`` or exactly ``detect`` of what a check
judges, by a contraction about the mean or by a deletion from the tails of mass 0.05 (replaced by
draws from the body); the loss is exact in the population, by quadrature. A "thinning" deletes from
tails twice as wide, so that the tail mass is short by the same share wherever near its quantile the
reference puts the threshold. At ``tolerate`` a check must fail, and at ``detect`` pass, in at most
1 % of samples: the rate must be within the upper 99.9 % binomial limit of that. At planned sizes a
healthy model must pass, and one that lost twice ``detect`` fail, in 95 % or more. There is one
seed, and no second try. Permutation tests take 999 relabellings here, where the checks take 9 999.

``--group growth`` measures the same of growth, where that is judged too: a growth is a loss below
0, by an expansion, an "addition" to the tails of draws taken from the body, or a "thickening" of
tails twice as wide. Its cells take alpha = 2 %, which leaves 1 % to each direction, and count
what the growth side says alone; at planned sizes, the verdicts.
"""

import argparse
import itertools
import json
import math
import multiprocessing
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, optimize, stats

from collapse_bench.gates.checks import Check
from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.judge import decide
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import Rows
from collapse_bench.streams import generator

SEED = 20261122
DATE = "2026-11-22"
LAWS = {"normal": stats.norm(), "t3": stats.t(3), "lognormal": stats.lognorm(1)}
CHECKS = ("tail_mass", "variance", "wasserstein")
GROWTH = {"tail_mass": (0.05, 0.25), "variance": (0.05, 0.20)}  # tolerate and detect
MASS = 0.05  # deleted from: half of it at each end
SIZE, SIMULATIONS, PERMUTATIONS = 1_000, 2_000, 999
PLANNED_SIMULATIONS, PLANNED_RATE = 200, 0.95
NOMINAL, LIMIT_LEVEL = 0.01, 0.999
CELL_SECONDS = 600.0  # of one process; a cell that takes longer is stopped and listed as such
GATE = len(CHECKS)  # checks of the planned gate, which share its alpha

Draw = Callable[[int, np.random.Generator], NDArray[np.float64]]
Quantile = Callable[[Any], Any]  # of numbers or arrays of them


@dataclass
class Cell:
    """One rate: how often ``check`` comes to ``outcome`` when ``law`` loses ``loss``."""

    law: str
    check: str  # or "gate", all of the group
    change: str  # contraction, deletion, thinning, their opposites or none
    loss: float  # below 0 for growth
    outcome: str
    size: int
    simulations: int
    checks: int = 1  # that share alpha
    growth: bool = False  # is judged too
    seed: int = SEED
    count: int = 0
    done: int = 0
    rate: float = math.nan
    limit: float = math.nan  # at most, or at least for planned sizes
    verdict: str = ""
    seconds: float = 0.0

    @property
    def planned(self) -> bool:
        return self.checks > 1

    @property
    def name(self) -> str:
        return f"{self.law}/{self.check}/{self.change}/{self.loss:g}/{self.size}"


# ---- losses that are exact in the population


@cache
def edges(law: str, mass: float = MASS) -> tuple[float, float]:
    """Return the values below and above which ``mass`` / 2 lies."""
    return float(LAWS[law].ppf(mass / 2)), float(LAWS[law].isf(mass / 2))


def thinned_quantile(law: str, share: float) -> Quantile:
    """Return the quantile function after ``share`` of the tails has moved to the body.

    Below 0: after as much has moved from the body to the tails.
    """
    kept = (1 - share) * MASS / 2  # at each end
    stretch = (1 - MASS) / (1 - 2 * kept)

    def quantile(u):
        level = MASS / 2 + (u - kept) * stretch
        if share < 1:
            level = np.where(u < kept, u / (1 - share), level)
            level = np.where(u > 1 - kept, 1 - (1 - u) / (1 - share), level)
        return LAWS[law].ppf(level)

    return quantile


def variance(quantile: Quantile, winsorized: bool) -> float:
    """Return the variance of a law, or that of its middle 98 %, from its quantile function."""
    share = 0.01 if winsorized else 0.0
    moments = []
    for power in (1, 2):
        ends = share * (quantile(share) ** power + quantile(1 - share) ** power) if share else 0.0
        parts = [share, 0.005, 0.02, 0.025, 0.05, 0.5, 0.95, 0.975, 0.98, 0.995, 1 - share]
        parts = sorted({part for part in parts if share <= part <= 1 - share})
        moments.append(
            ends
            + sum(
                integrate.quad(lambda u, p=power: quantile(u) ** p, a, b, limit=200)[0]
                for a, b in itertools.pairwise(parts)
            )
        )
    return float(moments[1] - moments[0] ** 2)


def mean_deviation(law: str) -> float:
    """Return E|X - mu| = 2 times the integral of the distribution function up to mu."""
    frozen = LAWS[law]
    return 2 * float(integrate.quad(frozen.cdf, -np.inf, frozen.mean())[0])


def moved_by_deletion(law: str) -> float:
    """Return the Wasserstein distance when all of the tails moves to the body; linear in less."""
    frozen, (low, high) = LAWS[law], edges(law)
    tails = integrate.quad(frozen.cdf, -np.inf, low)[0] + integrate.quad(frozen.sf, high, np.inf)[0]
    median = float(frozen.ppf(0.5))
    body = sum(
        integrate.quad(lambda x: abs(0.5 - frozen.cdf(x)) * MASS / (1 - MASS), a, b)[0]
        for a, b in ((low, median), (median, high))
    )
    return float(tails + body)


@cache
def strength(law: str, check: str, change: str, loss: float) -> float:
    """Return the factor of the contraction, or the share of the tails deleted (< 0: added)."""
    frozen, winsorized = LAWS[law], law != "normal"
    if change in ("contraction", "expansion"):
        if check == "variance":
            return math.sqrt(1 - loss)
        if check == "wasserstein":
            return 1 - loss
        low, high = edges(law)
        center = frozen.mean()

        def tail(factor: float) -> float:
            ends = (center + (edge - center) / factor for edge in (low, high))
            return float(frozen.cdf(next(ends)) + frozen.sf(next(ends)))

        bracket = (0.1, 1) if loss > 0 else (1, 10)
        return float(optimize.brentq(lambda s: tail(s) - (1 - loss) * MASS, *bracket, xtol=1e-12))
    if check == "tail_mass":
        return loss
    if check == "wasserstein":
        return loss * mean_deviation(law) / moved_by_deletion(law)
    whole = variance(thinned_quantile(law, 0.0), winsorized)
    return float(
        optimize.brentq(
            lambda s: 1 - variance(thinned_quantile(law, s), winsorized) / whole - loss,
            *((0, 1) if loss > 0 else (-8, 0)),
        )
    )


def drawer(law: str) -> Draw:
    return {
        "normal": lambda size, rng: rng.standard_normal(size),
        "t3": lambda size, rng: rng.standard_t(3, size),
        "lognormal": lambda size, rng: np.exp(rng.standard_normal(size)),
    }[law]


def changed(law: str, change: str, amount: float) -> Draw:
    """Return draws of the changed law."""
    draw = drawer(law)
    if change in ("contraction", "expansion"):
        center = LAWS[law].mean()
        return lambda size, rng: center + amount * (draw(size, rng) - center)
    mass = 2 * MASS if change in ("thinning", "thickening") else MASS
    low, high = edges(law, mass)

    def thickened(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
        values = draw(size, rng)
        body = (values >= low) & (values <= high)
        gained = body & (rng.random(size) < -amount * mass / (1 - mass))
        level = rng.uniform(0, mass / 2, int(gained.sum()))
        above = rng.random(len(level)) < 0.5
        values[gained] = np.where(above, LAWS[law].isf(level), LAWS[law].ppf(level))
        return values

    def thinned(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
        values = draw(size, rng)
        lost = ((values < low) | (values > high)) & (rng.random(size) < amount)
        while lost.any():
            values[lost] = draw(int(lost.sum()), rng)
            lost[lost] = (values[lost] < low) | (values[lost] > high)
        return values

    return thinned if amount >= 0 else thickened


# ---- cells


def cells(sizes: dict[str, int]) -> list[Cell]:
    """Return all cells; ``sizes`` are the planned ones by law."""
    found = []
    for check in CHECKS:
        setting = Check(check).setting
        for law in LAWS:
            changes = ("contraction", "deletion", "thinning")
            for change in changes if check == "tail_mass" else changes[:2]:
                for loss, outcome in ((setting.tolerate, "fail"), (setting.detect, "pass")):
                    found.append(Cell(law, check, change, loss, outcome, SIZE, SIMULATIONS))
    for law, size in sizes.items():
        planned = [("gate", "none", 0.0, "pass")]
        for check in CHECKS:
            change = "deletion" if check == "tail_mass" else "contraction"
            planned.append((check, change, 2 * Check(check).setting.detect, "fail"))
        found += [Cell(law, *what, size, PLANNED_SIMULATIONS, GATE) for what in planned]
    return found


def growth_cells(sizes: dict[str, int]) -> list[Cell]:
    """Return the cells of growth, both directions judged."""
    found = []
    for check, (tolerate, detect) in GROWTH.items():
        changes = ("expansion", "addition", "thickening")
        for law in LAWS:
            for change in changes if check == "tail_mass" else changes[:2]:
                for gain, outcome in ((tolerate, "fail"), (detect, "pass")):
                    what = (law, check, change, -gain, outcome)
                    found.append(Cell(*what, SIZE, SIMULATIONS, growth=True))
    for law, size in sizes.items():
        planned = [("gate", "none", 0.0, "pass")]
        planned.append(("tail_mass", "addition", -2 * GROWTH["tail_mass"][1], "fail"))
        planned.append(("variance", "expansion", -2 * GROWTH["variance"][1], "fail"))
        gate = (size, PLANNED_SIMULATIONS, len(GROWTH))
        found += [Cell(law, *one, *gate, growth=True) for one in planned]
    return found


def listed(check: str, growth: bool) -> list[Check]:
    """Return a check, or those of the gate."""
    names = (tuple(GROWTH) if growth else CHECKS) if check == "gate" else (check,)
    extra = {name: {"growth": GROWTH[name]} if growth else {} for name in names}
    return [Check(name, permutations=PERMUTATIONS, **extra[name]) for name in names]


def growth_says(evidence: Evidence, levels: Levels, outcome: str) -> bool:
    """Return whether the growth side alone comes to an outcome."""
    side = evidence.growth
    if side is None or side.pvalue_fail is None or side.pvalue_pass is None:
        return False
    if outcome == "fail":
        return side.pvalue_fail <= levels.directed(side).alpha
    return evidence.withheld is None and side.pvalue_pass <= levels.beta


def simulate(cell: Cell) -> Cell:
    """Return the cell with its rate."""
    start = time.process_time()
    each = 2 if cell.growth and not cell.planned else 1
    levels = Levels.of(each * NOMINAL, NOMINAL, checks=cell.checks)
    settings = [check.setting for check in listed(cell.check, cell.growth)]
    draw = changed_or_not = drawer(cell.law)
    if cell.change != "none":
        amount = strength(cell.law, cell.check, cell.change, cell.loss)
        changed_or_not = changed(cell.law, cell.change, amount)
    for simulation in range(cell.simulations):
        if time.process_time() - start > CELL_SECONDS:
            break
        rng = generator(cell.seed, "calibration", cell.name, simulation)
        reference, samples = (
            Rows(np.sort(values)[:, None])
            for values in (draw(cell.size, rng), changed_or_not(cell.size, rng))
        )
        seed = int(rng.integers(2**32))
        found = [setting.evidence(samples, reference, levels, seed=seed) for setting in settings]
        if cell.growth and not cell.planned:
            cell.count += growth_says(found[0], levels, cell.outcome)
        else:
            cell.count += all(decide(evidence, levels) == cell.outcome for evidence in found)
        cell.done += 1
    cell.seconds = round(time.process_time() - start, 1)
    cell.rate = cell.count / cell.done
    if cell.planned:
        cell.limit = PLANNED_RATE
        held = cell.rate >= cell.limit
    else:
        cell.limit = float(stats.binom.ppf(LIMIT_LEVEL, cell.done, NOMINAL)) / cell.done
        held = cell.rate <= cell.limit
    stopped = "stopped after 600 s: " if cell.done < cell.simulations else ""
    cell.verdict = stopped + ("holds" if held else "misses")
    return cell


def planned_size(law: str, growth: bool) -> int:
    """Return the n = m of a gate of the default checks, or of those that judge growth."""
    rows = drawer(law)(100_000, generator(SEED, "calibration", "plan", law))
    gate = listed("gate", growth)
    levels = Levels.of(NOMINAL, NOMINAL, checks=len(gate))
    reference = Rows(np.sort(rows)[:, None])
    sizes = (
        size(reference, levels, None)
        for check in gate
        for setting in (check.setting,)
        for size in (setting.size_to_pass, setting.size_to_fail)
    )
    return max(found for found in sizes if found is not None)


def row(cell: Cell) -> str:
    bound = ">=" if cell.planned else "<="
    return (
        f"{cell.law:10} {cell.check:12} {cell.change:12} {cell.loss:5.2f} {cell.outcome:5} "
        f"n=m={cell.size:<6} {cell.count:4}/{cell.done:<5} {cell.rate:7.2%} "
        f"{bound} {cell.limit:6.2%}  {cell.verdict:8} {cell.seconds:6.1f} s"
    )


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--group", choices=("loss", "growth"), default="loss")
    parser.add_argument("--output", type=Path, help="a JSON file, by default in benchmarks/results")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--pilot", type=int, help="time so many simulations a cell, no result")
    parser.add_argument("--change", help="run the cells of this change and add them to the output")
    given = parser.parse_args(words)
    growth = given.group == "growth"
    name = "calibration_growth" if growth else "calibration"
    given.output = given.output or Path(f"benchmarks/results/{name}.json")
    start = time.perf_counter()
    sizes = {law: planned_size(law, growth) for law in ("normal", "t3")}
    every = growth_cells(sizes) if growth else cells(sizes)
    wanted = [cell for cell in every if given.change in (None, cell.change)]
    if given.pilot:
        wanted = [replace(cell, simulations=given.pilot, seed=SEED + 1) for cell in wanted]
    done = []
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for cell in pool.imap(simulate, wanted):
            print(row(cell), flush=True)
            done.append(cell)
    missed = [cell.name for cell in done if cell.verdict != "holds"]
    seconds = time.perf_counter() - start
    print(
        f"{len(done) - len(missed)} of {len(done)} cells hold; {seconds:.0f} s", *missed, sep="\n"
    )
    if given.pilot:
        return
    if given.change:
        result = json.loads(given.output.read_text(encoding="utf-8"))
        result["added"] = sorted({*result.get("added", ()), given.change})
        result["missed"] += missed
        result["cells"] += [asdict(cell) for cell in done]
        given.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        return
    result = {
        "benchmark": name,
        "date": DATE,
        "seed": SEED,
        "versions": {name: version(name) for name in ("numpy", "scipy")}
        | {"python": platform.python_version()},
        "device": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "processes": given.processes,
        "seconds": round(seconds),
        "permutations": PERMUTATIONS,
        "nominal": NOMINAL,
        "limit": f"upper {LIMIT_LEVEL:.1%} binomial limit of the nominal rate",
        "planned_sizes": sizes,
        "missed": missed,
        "cells": [asdict(cell) for cell in done],
    }
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
