"""The joint check of a table: all its columns as numbers, and how far two clouds of rows are apart.

A number is standardized by the reference; where it is missing it is 0, the mean, beside an
indicator. Codes, a missing cell being a state of its own, are one-hot. Each number, indicator and
block of codes is divided so that its total variance on the reference is 1: no column outweighs
another for its unit or for the number of its states.

Distances are taken along 64 random directions, as :func:`~collapse_bench.metrics.directions` takes
them of numbers. A direction's weight of a column or a state is drawn from a stream of its name, so
that no state needs to be known beforehand: samples and reference may be relabelled, and neither the
order of rows, of columns nor of states matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from collapse_bench.data import Column, Table
from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.levels import LEAST_ROWS, Levels, check_effects
from collapse_bench.gates.rows import Data, Rows, numeric
from collapse_bench.statistics import power
from collapse_bench.statistics.bridges import Bridges
from collapse_bench.statistics.transport import transport_test
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, check_count

__all__ = ["Embedding", "Joint"]

LINES = 64
# Values beyond so many standard deviations of the reference are moved here, as far as can be.
FARTHEST = 1e12


@dataclass(frozen=True, eq=False)
class Embedding:
    """How rows of a table become points on ``LINES`` lines; the reference decides it.

    Attributes
    ----------
    columns
        Those that vary in the reference, sorted.
    scales
        Of each: center and divisor of a number and of its indicator, or 0 and that of codes.
    """

    columns: tuple[str, ...]
    scales: tuple[tuple[float, float, float, float], ...]

    @classmethod
    def of(cls, reference: Table, columns: tuple[str, ...]) -> Self:
        """Return the embedding of ``columns``."""
        ordered = tuple(sorted(columns))
        return cls(ordered, tuple(_scales(reference[name]) for name in ordered))

    def __call__(self, table: Table) -> Rows:
        """Return the points of a table's rows, shape (n, LINES), in an order of their own."""
        points = np.zeros((len(table), LINES))
        for name, scales in zip(self.columns, self.scales, strict=True):
            _add(points, name, table[name], scales)
        # Different rows are apart on the first lines already.
        return Rows(points[np.lexsort(points.T[2::-1])])


def _scales(column: Column) -> tuple[float, float, float, float]:
    """Return center and divisor of a column's values, and of the indicator of a missing cell.

    A divisor is infinite where nothing varies.
    """
    if column.kind == "codes":
        share = np.unique(column.states(), return_counts=True)[1] / len(column.values)
        return 0.0, _divisor(1 - float(share @ share)), 0.0, np.inf
    gap = float(column.missing.mean())
    seen = np.sort(column.observed)  # sums don't depend on the order of rows
    center = float(seen.mean()) if len(seen) else 0.0
    spread = float(np.square(seen - center).mean()) if len(seen) else 0.0
    # a variance over all rows: those that are missing have none
    return center, _divisor(spread * (1 - gap)), gap, _divisor(gap * (1 - gap))


def _divisor(variance: float) -> float:
    return float(np.sqrt(variance)) if variance > 0 else np.inf


def _add(
    points: NDArray[np.float64],
    name: str,
    column: Column,
    scales: tuple[float, float, float, float],
) -> None:
    center, divisor, gap, gap_divisor = scales
    if column.kind == "codes":
        states, places = np.unique(column.states(), return_inverse=True)
        weights = np.stack([_weights(name, "state", str(state)) for state in states])
        points += (weights / divisor)[places]
        return
    standard = np.where(column.missing, 0.0, (column.values - center) / divisor)
    np.clip(standard, -FARTHEST, FARTHEST, out=standard)
    points += standard[:, None] * _weights(name, "value")
    if np.isfinite(gap_divisor):
        points += ((column.missing - gap) / gap_divisor)[:, None] * _weights(name, "missing")


@lru_cache(maxsize=1 << 16)
def _weights(*names: str) -> NDArray[np.float64]:
    """Return the components of all directions along one axis, shape (LINES,)."""
    return generator(0, "joint", *names).standard_normal(LINES)


@dataclass(frozen=True)
class Joint:
    """The settings of the check of all columns together: a Wasserstein check on given lines."""

    metric: ClassVar[str] = "wasserstein"
    kinds: ClassVar[tuple[Kind, ...]] = ("numbers",)
    kind: ClassVar[Kind | None] = None
    tolerate: float = 0.02
    detect: float = 0.10
    permutations: int = 9_999

    def __post_init__(self) -> None:
        check_effects(self.tolerate, self.detect, most=100)
        check_count("permutations", self.permutations)

    def evidence(self, samples: Data, reference: Data, levels: Levels, *, seed: int) -> Evidence:
        """Return what the points say; see :class:`~collapse_bench.gates.evidence.Setting`."""
        test = transport_test(
            numeric(samples).values,
            numeric(reference).values,
            np.eye(LINES),
            permutations=self.permutations,
            relabel_rng=generator(seed, "check", self.metric, "relabel"),
            resample_rng=generator(seed, "check", self.metric, "resample"),
        )
        low, high = test.bounds(alpha=levels.alpha, beta=levels.beta)
        withheld = None
        if min(len(samples), len(reference)) < LEAST_ROWS:
            withheld = f"fewer than {LEAST_ROWS} rows show nothing to be kept"
        return Evidence(
            "sliced_wasserstein_1",
            "shape of all columns together, as the mean W1 distance along 64 directions in mean "
            "deviations",
            estimate=test.loss,
            low=low,
            high=high,
            pvalue_fail=test.pvalue_fail(self.tolerate),
            pvalue_pass=test.pvalue_pass(self.detect),
            withheld=withheld,
        )

    def never_passes(self, reference: Data) -> str | None:
        """Return None: with enough rows every shape can be shown to be kept."""
        del reference
        return None

    def size_to_pass(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which an unchanged shape passes; simulated."""
        harmonic = _harmonic_to_pass(numeric(reference), self.detect, levels.beta, levels.miss)
        return power.size(harmonic, m, least=LEAST_ROWS)

    def size_to_fail(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a contraction by ``detect`` fails; simulated."""
        harmonic = _bridges(numeric(reference)).to_fail(
            tolerate=self.tolerate, detect=self.detect, alpha=levels.alpha, miss=levels.miss
        )
        return power.size(harmonic, m, least=LEAST_ROWS)


@lru_cache(maxsize=2)
def _bridges(reference: Rows) -> Bridges:
    return Bridges.of(reference.values, np.eye(LINES), rng=generator(0, "plan", "joint"))


@lru_cache(maxsize=128)  # one a group, asked for by all samples that are judged
def _harmonic_to_pass(reference: Rows, detect: float, beta: float, miss: float) -> float:
    """Return the n m / (n + m) at which an unchanged shape passes."""
    return _bridges(reference).to_pass(detect=detect, beta=beta, miss=miss)
