"""Lineages of a model under test, every fit a real one, and the neutral ones beside them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.conformance.frame import Frame, Stage, frame_of
from collapse_bench.conformance.outcomes import undecided
from collapse_bench.conformance.subject import MISS, Subject
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.lineages import planned
from collapse_bench.gates.neutral import Neutral
from collapse_bench.models import Samples

__all__ = [
    "EVALUATED",
    "GENERATIONS",
    "GROWTH",
    "LEAST",
    "LOSS",
    "POOLED",
    "SIZE",
    "Lineages",
    "lineages_of",
    "log_variance",
    "neutral_changes",
    "pooled_changes",
    "run_lineage",
]

Array = NDArray[np.float64]
Places = NDArray[np.int64]  # which rows of the pilot a lineage keeps
Compose = Callable[[Any, int], Samples]

# Generations, and rows of each: 200 rows leave a tenth of the variance uncertain in a generation,
# and five generations add up what each of them loses.
GENERATIONS, SIZE = 5, 200
# Draws that a generation is measured on, fresh ones.
EVALUATED = 1_000
# Loss and growth of the variance in a generation: what may be, and what must be noticed.
LOSS = GROWTH = (0.05, 0.20)
# The same over all generations that accumulate their rows.
POOLED = (0.05, 0.20)
# At least so many lineages, so that averages over them are near normal, and at most.
LEAST, MOST = 24, 400
NEUTRAL = 1_000
# A chain of counts is cheap: so many say what the tail does in neutral lineages.
NEUTRAL_TAILS = 50_000
# The part of the truth called its tail in a lineage: small enough to be lost first, large enough
# to be seen in 200 rows.
TAIL = 0.2


@dataclass(frozen=True, eq=False)
class Lineages:
    """What was measured of R lineages of the model and of N neutral ones.

    Attributes
    ----------
    changes, neutral_changes : shapes (R,) and (N,)
        Log-variance of the last generation less that of the founder, in nats.
    tails, neutral_tails : shapes (R,) and (N',)
        Square root of the tail's mass in the last generation: its chance error is then the same
        for every mass.
    """

    changes: Array
    neutral_changes: Array
    tails: Array
    neutral_tails: Array


def lineages_of(subject: Subject) -> Lineages:
    """Return lineages each generation of which is fitted to draws of the one before; made once.

    Raises
    ------
    Inconclusive
        If it takes more lineages than are run, or they are beyond the budget.
    """
    stage = frame_of(subject, "lineages")
    if "lineages" not in stage.kept:
        neutral = neutral_changes(stage.frame, stage.subject.rng("neutral"))
        count = _needed(neutral, subject, (SIZE,) * GENERATIONS, LOSS, GROWTH)
        _afford(stage, count, rows=SIZE)
        changes, tails = np.array([_measured(stage, r) for r in range(count)]).T
        region = _neutral_tails(stage.frame, stage.subject.rng("tails"))
        stage.kept["lineages"] = Lineages(changes, neutral, tails, region)
    kept: Lineages = stage.kept["lineages"]
    return kept


def pooled_changes(subject: Subject) -> tuple[Array, Array]:
    """Return changes of log-variance where every generation is fitted to all draws so far.

    Of as many lineages of the model as it takes, and of neutral ones.
    """
    stage = frame_of(subject, "accumulate")
    neutral = neutral_changes(stage.frame, stage.subject.rng("neutral"), pooled=True)
    grown = (1 / (1 - POOLED[0]) - 1, 1 / (1 - POOLED[1]) - 1)
    count = _needed(neutral, subject, (SIZE,), POOLED, grown)
    _afford(stage, count, rows=SIZE * (GENERATIONS + 1) // 2)
    return np.array([_measured(stage, r, pooled=True)[0] for r in range(count)]), neutral


def run_lineage(subject: Subject, r: int, compose: Compose) -> list[Any]:
    """Return the generations after the founder, each fitted by a copy of the newest model.

    ``compose`` takes the newest model and its generation and returns the rows of the next.
    """
    models: list[Any] = []
    newest = subject.model
    for step in range(GENERATIONS):
        rows = compose(newest, step)
        newest = subject.fit(rows, r, step, model=copy.deepcopy(newest))
        models.append(newest)
    return models


def neutral_changes(frame: Frame, rng: np.random.Generator, *, pooled: bool = False) -> Array:
    """Return changes of log-variance in neutral lineages, measured as the model's are, (N,).

    A neutral model keeps the rows that it is fitted to and draws them with replacement.
    ``pooled``: each generation is fitted to the rows of all before it too.
    """
    kept: Places = rng.integers(0, len(frame.pilot), (NEUTRAL, SIZE))
    for _ in range(GENERATIONS - 1):
        drawn = _resampled(kept, SIZE, rng)
        kept = np.concatenate([kept, drawn], axis=1) if pooled else drawn
    founder = rng.integers(0, len(frame.pilot), (NEUTRAL, EVALUATED))
    last, first = (
        np.array([log_variance(frame, frame.pilot[places]) for places in rows])
        for rows in (_resampled(kept, EVALUATED, rng), founder)
    )
    return np.asarray(last - first)


def log_variance(frame: Frame, scores: Array) -> float:
    """Return the log of the mean variance of scores, or of the chance that two codes differ.

    That chance, the Gini-Simpson index, is the variance of codes written as indicators, and a
    resampler takes the same share of it in every generation.
    """
    if len(frame.states):
        shares = np.unique(scores[:, 0], return_counts=True)[1] / len(scores)
        spread = 1 - float(np.square(shares).sum())
    else:
        spread = float(scores.var(axis=0).mean())
    return float(np.log(spread)) if spread > 0 else -np.inf


def tail_mass(frame: Frame, scores: Array) -> float:
    """Return the share of scores in the truth's tail: rare, or far from its center."""
    if len(frame.states):
        return float((scores[:, 0] >= 1 - TAIL).mean())
    edge = np.quantile(np.square(frame.pilot).sum(axis=1), 1 - TAIL)
    return float((np.square(scores).sum(axis=1) > edge).mean())


def _measured(stage: Stage, r: int, *, pooled: bool = False) -> tuple[float, float]:
    """Return what lineage ``r`` came to: its change of log-variance, its tail's root mass."""
    shared, frame = stage.subject, stage.frame
    pool: list[Samples] = []

    def compose(newest: Any, step: int) -> Samples:
        rows = frame.check(shared.draw(SIZE, r, "rows", step, model=newest))
        pool.append(rows)
        return np.concatenate(pool) if pooled else rows

    last = run_lineage(shared, r, compose)[-1]
    first, final = (
        frame.scores(shared.draw(EVALUATED, r, "evaluate", name, model=model))
        for name, model in (("founder", shared.model), ("last", last))
    )
    change = log_variance(frame, final) - log_variance(frame, first)
    return change, tail_mass(frame, final) ** 0.5


def _needed(
    neutral: Array,
    subject: Subject,
    sizes: tuple[int, ...],
    loss: tuple[float, float],
    growth: tuple[float, float],
) -> int:
    """Return how many lineages decide both loss and growth over ``sizes``."""
    levels = Levels(2 * subject.level, subject.beta / 2, MISS)  # halved for either direction
    lineages = Neutral(neutral, 1, len(neutral))
    plan = planned(lineages, sizes, EVALUATED, levels, *loss, growth)
    if plan.replicates is None or plan.replicates > MOST:
        told = "no number" if plan.replicates is None else f"{plan.replicates:,}"
        undecided(
            f"lineages of {SIZE} rows say too little of this truth's variance: it takes {told} of "
            f"them ({plan.reason}), and {MOST} are run at most"
        )
    return max(LEAST, plan.replicates)


def _afford(stage: Stage, count: int, *, rows: int) -> None:
    stage.afford(
        f"running {count} lineages of {GENERATIONS} generations",
        fits=count * GENERATIONS,
        size=rows,
        draws=count * (GENERATIONS * SIZE + 2 * EVALUATED),
    )


def _neutral_tails(frame: Frame, rng: np.random.Generator) -> Array:
    """Return roots of the tail's mass in neutral lineages: what they hold is a chain of counts."""
    mass = np.full(NEUTRAL_TAILS, tail_mass(frame, frame.pilot))
    for _ in range(GENERATIONS):
        mass = rng.binomial(SIZE, mass) / SIZE
    return np.asarray(np.sqrt(rng.binomial(EVALUATED, mass) / EVALUATED))


def _resampled(kept: Places, size: int, rng: np.random.Generator) -> Places:
    """Return ``size`` draws with replacement from each lineage's rows, (N, M) -> (N, size)."""
    return np.take_along_axis(kept, rng.integers(0, kept.shape[1], (len(kept), size)), axis=1)
