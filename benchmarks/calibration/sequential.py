"""Gates that draw until they are decided: rates over all looks together, and draws.

The tail check counts, so its paths are drawn from the law of counts itself: the reference's own
tail mass from Beta(k, m - k + 1), then 200 draws at a time from the binomial law. They are judged
by the check's own test martingales, or at its own looks where it has none. All else is run as it
is, with a small budget.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration import states
from benchmarks.calibration.cells import NOMINAL, SEED, Cell, Trial
from benchmarks.calibration.gate import bad, model_of, three
from benchmarks.calibration.judged import Draw, check
from benchmarks.calibration.line import changed, drawer
from collapse_bench.gates import Gate
from collapse_bench.gates.checks import Check
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import read_reference
from collapse_bench.gates.sequential import GRID, Looks, TailCourse, course_of, follow
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.statistics.tail_test import TailTest
from collapse_bench.streams import generator

PATHS = 2_000
FEWER, FEWEST = 500, 200  # gates that take a sixth of a second, and a whole one
LEVELS = Levels.of(NOMINAL, NOMINAL)
LOSSES = {"tolerate": 0.05, "detect": 0.25, "healthy": 0.0, "half lost": 0.5, "all lost": 1.0}


def tail_course(m: int, guarantee: str) -> Any:
    """Return the way of the default tail check against any m rows."""
    setting = TailMass(guarantee=guarantee)  # type: ignore[arg-type]
    rows = read_reference(np.arange(float(m)), "numbers", seed=0)
    return course_of(setting, rows, LEVELS, budget=None, seed=0)


def walked(
    course: Any, loss: float, paths: int, rng: np.random.Generator
) -> tuple[list[str], NDArray[np.int64]]:
    """Return what each of so many paths comes to, and its draws.

    Parameters
    ----------
    course
        Of a tail check, not begun.
    loss
        The share of the tail's mass that the model lacks, wherever the reference marks the tail.
    """
    m, mass = len(course.reference), course.setting.mass
    k = course.counter.k if isinstance(course, TailCourse) else math.floor(mass * m + 0.5)
    chance = np.minimum((1 - loss) * rng.beta(k, m - k + 1, paths), 1)
    told = np.full(paths, "inconclusive", dtype="U12")
    draws = np.full(paths, course.planned)
    counts = np.zeros(paths, dtype=np.int64)
    alive = np.arange(paths)
    for size in range(GRID, course.planned + 1, GRID):
        counts[alive] += rng.binomial(GRID, chance[alive])
        if isinstance(course, TailCourse):
            shown = _by_evidence(course, counts[alive], size)
        else:
            shown = _at_look(course, counts[alive], size, k, m)
        for name in ("pass", "fail"):  # a path that shows both fails
            told[alive[shown[name]]] = name
        ended = shown["fail"] | shown["pass"]
        draws[alive[ended]] = size
        alive = alive[~ended]
        if not len(alive):
            break
    return told.tolist(), draws


def _by_evidence(
    course: TailCourse, counts: NDArray[np.int64], size: int
) -> dict[str, NDArray[np.bool_]]:
    """Return which paths the evidence decides now; those that go on were never decided before."""
    values, place = np.unique(counts, return_inverse=True)
    sizes = np.full(len(values), float(size))
    shown = {}
    for name, level in (("fail", LEVELS.alpha), ("pass", LEVELS.beta)):
        found = course.tests[name].log_evidence(values.astype(np.float64), sizes)
        shown[name] = (np.exp(-found) <= level)[place]
    return shown


def _at_look(
    course: Looks, counts: NDArray[np.int64], size: int, k: int, m: int
) -> dict[str, NDArray[np.bool_]]:
    share = course.shares.get(size)
    if share is None:
        return dict.fromkeys(("fail", "pass"), np.zeros(len(counts), dtype=bool))
    setting = course.setting
    assert isinstance(setting, TailMass)
    test = TailTest(size, k, m, setting.guarantee)
    values, place = np.unique(counts, return_inverse=True)
    alpha, beta = share * LEVELS.alpha, share * LEVELS.beta
    low = [test.pvalue_low(int(c), ratio=1 - setting.tolerate, level=alpha) for c in values]
    high = [test.pvalue_high(int(c), ratio=1 - setting.detect, level=beta) for c in values]
    return {
        "fail": (np.array(low) <= alpha)[place],
        "pass": (np.array(high) <= beta)[place],
    }


def cells() -> list[Cell]:
    """Return the cells of tails, then of a variance and of whole gates."""
    found = []
    for guarantee, sizes in (("average", (1_000, 10_000, 100_000)), ("reference", (100_000,))):
        for m in sizes:
            found += [
                _tail(guarantee, m, "tolerate", "fail"),
                _tail(guarantee, m, "detect", "pass"),
            ]
    found += [_tail("average", 100_000, told, "") for told in ("healthy", "half lost", "all lost")]
    found += [_variance(event) for event in ("fail", "pass")]
    return found


def _tail(guarantee: str, m: int, told: str, event: str) -> Cell:
    def make() -> dict[str, Any]:
        course = tail_course(m, guarantee)
        rng = generator(SEED, "calibration", "paths", guarantee, m, told)
        outcomes, draws = walked(course, LOSSES[told], PATHS, rng)
        return {
            "gates": PATHS,
            "outcomes": dict(sorted(Counter(outcomes).items())),
            "draws_mean": float(draws.mean()),
            "draws_90": float(np.quantile(draws, 0.9)),
            "draws_most": course.planned,
        }

    name = "tail mass" if guarantee == "average" else "tail mass, guarantee=reference"
    return Cell(
        "sequential", name, "any law", told, event, f"m = {m:,}", make, gates=PATHS, exact=True
    )


def _variance(event: str) -> Cell:
    one, m, budget = check("variance"), 1_000, 1_600
    loss = one.setting.tolerate if event == "fail" else one.setting.detect
    model = changed("normal", "contraction", math.sqrt(1 - loss))

    def trial(rng: np.random.Generator) -> str:
        known = read_reference(rng.standard_normal(m), "numbers", seed=0)
        seed = int(rng.integers(2**32))

        def draw(size: int) -> NDArray[np.float64]:
            return model(size, rng)

        return follow(one.setting, known, LEVELS, draw, budget=budget, seed=seed).outcome

    told = "tolerate" if event == "fail" else "detect"
    size = f"m = {m:,}, {budget:,} draws"
    return Cell("sequential", "variance", "normal", told, event, size, lambda: trial, gates=FEWER)


# ---- whole gates


def gates() -> list[Cell]:
    """Return the cells of whole gates, the dearest last."""
    pair, trio = ("tail_mass", "variance"), ("tail_mass", "variance", "wasserstein")
    return [
        _codes("truncated", "fail"),
        _codes("support at detect", "pass"),
        _numbers(pair, "contracted", "fail", 1_600, FEWER),
        _numbers(pair, "tail thinned", "fail", 1_600, FEWER),
        _numbers(pair, "tail_mass at detect", "pass", 1_600, FEWER),
        _numbers(trio, "contracted", "fail", 800, FEWEST),
    ]


def _run(checks: tuple[Check, ...], draw: Draw, model: Draw, m: int, budget: int) -> Trial:
    def trial(rng: np.random.Generator) -> str:
        reference, seed = draw(m, rng), int(rng.integers(2**32))
        kind = checks[0].setting.kind
        rows = read_reference(reference, kind, seed=0)
        gate = Gate(rows, checks, seed=seed, mode="sequential")
        return gate.run(lambda size: model(size, rng), budget=budget).outcome

    return trial


def _numbers(names: tuple[str, ...], told: str, event: str, budget: int, gates: int) -> Cell:
    m = 2_000

    def make() -> Trial:
        model = {"contracted": "all", "tail thinned": "tail_mass"}.get(told)
        checks = three("normal", model or "healthy")
        draws = model_of("normal", model) if model else bad("normal", "tail_mass")
        wanted = tuple(one for one in checks if one.metric in names)
        return _run(wanted, drawer("normal"), draws, m, budget)

    name = f"gate of {' and '.join(names)}" if len(names) == 2 else "gate of all three"
    size = f"m = {m:,}, {budget:,} draws"
    return Cell(
        "sequential", name, "normal", told, event, size, make, gates=gates, late=len(names) > 2
    )


def _codes(told: str, event: str) -> Cell:
    m, budget = 2_000, 2_000

    def make() -> Trial:
        checks = (check("tail_mass", kind="codes"), check("support", kind="codes"))
        setting = checks[1].setting
        loss = setting.tolerate if event == "fail" else setting.detect
        draw = states.draws(states.law_of("zipf 1.2"))
        model = states.draws(states.lossy("zipf 1.2", "truncation", loss, 1_000))
        return _run(checks, draw, model, m, budget)

    size = f"m = {m:,}, {budget:,} draws"
    return Cell("sequential", "gate of codes", "zipf 1.2", told, event, size, make)
