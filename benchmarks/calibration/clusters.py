"""Rows in clusters: 60 of the model's against 120 of the reference's, 40 rows in each.

A cluster's rows are normal with a variance of their own, 11 / chi2(11), so that all rows together
have a t law with 11 degrees of freedom, whose tails and variance are known exactly, and the squares
of two rows of one cluster a correlation of (9/7 - 1) / (3 9/7 - 1) = 0.1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.calibration.cells import NOMINAL, Cell, Trial
from benchmarks.calibration.judged import check
from collapse_bench.gates.checks import Check
from collapse_bench.gates.judge import decide
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import read_reference, read_samples

OURS, THEIRS, ROWS = 60, 120, 40
FREEDOM = 11
CENTRAL, EDGE = 0.9, float(stats.t(FREEDOM).isf(0.05))  # the body, and where it ends
GATES = 1_000

Line = NDArray[np.float64]


def clustered(count: int, rng: np.random.Generator) -> tuple[Line, NDArray[np.intp]]:
    """Return rows of ``count`` clusters and their numbers, shapes (count * ROWS,) each."""
    ids = np.repeat(np.arange(count), ROWS)
    scale = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, count))[ids]
    return scale * rng.standard_normal(count * ROWS), ids


def thinned(line: Line, share: float, rng: np.random.Generator) -> Line:
    """Return rows of which ``share`` beyond the outer 10 % are drawn again from the body."""
    lost = (np.abs(line) > EDGE) & (rng.random(len(line)) < share)
    level = (1 - CENTRAL) / 2 + CENTRAL * rng.random(int(lost.sum()))
    line = line.copy()
    line[lost] = stats.t(FREEDOM).ppf(level)
    return line


def cells() -> list[Cell]:
    """Return the cells of both checks at both margins, then row by row as the contrast."""
    found = [
        _cell(metric, event, rows=False)
        for metric in ("tail_mass", "variance")
        for event in ("fail", "pass")
    ]
    return found + [_cell(metric, "fail", rows=True) for metric in ("tail_mass", "variance")]


def _cell(metric: str, event: str, *, rows: bool) -> Cell:
    judged: Check = check(metric)
    levels = Levels.of(NOMINAL, NOMINAL)
    loss = judged.setting.tolerate if event == "fail" else judged.setting.detect

    def trial(rng: np.random.Generator) -> str:
        line, ids = clustered(THEIRS, rng)
        ours, own = clustered(OURS, rng)
        ours = thinned(ours, loss, rng) if metric == "tail_mass" else math.sqrt(1 - loss) * ours
        known = read_reference(line, "numbers", seed=0, clusters=None if rows else ids)
        samples = read_samples(ours, known, "numbers", clusters=None if rows else own)
        seed = int(rng.integers(2**32))
        return decide(judged.setting.evidence(samples, known, levels, seed=seed), levels)

    def make() -> Trial:
        return trial

    told = f"{metric}, {'row by row' if rows else 'by cluster'}"
    change = "thinned" if metric == "tail_mass" else "contraction"
    size = f"{OURS} / {THEIRS} clusters"
    return Cell("clusters", told, "t11, r = .1", change, event, size, make, gates=GATES)
