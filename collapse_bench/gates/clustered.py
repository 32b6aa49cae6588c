"""Tails, states and variances of rows in declared clusters: what each cluster adds to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from collapse_bench.gates import by_unit
from collapse_bench.gates.codes import Codes
from collapse_bench.gates.counting import (
    ENDS,
    Line,
    Score,
    Tail,
    distance_by,
    is_halved,
    line,
    scores_by,
)
from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.levels import LEAST_ROWS, Levels
from collapse_bench.gates.rows import Data, Rows, dropped
from collapse_bench.gates.scales import Form
from collapse_bench.statistics import exceedance
from collapse_bench.statistics.cluster_transport import ClusteredRows
from collapse_bench.statistics.whitening import whitening
from collapse_bench.streams import generator

__all__ = [
    "few_clusters",
    "foreign_note",
    "least_clusters",
    "of_numbers",
    "sizes_note",
    "tail_evidence",
    "tail_spread",
    "variance_units",
]

STATISTIC = "rate_by_cluster"

# Deviations farther out, in standard deviations of the reference, are moved here: the variance is
# beyond any bound all the same, and no fourth power overflows.
FARTHEST = 1e12


class TailSetting(by_unit.Judged, Protocol):
    """The settings of a tail check that matter here."""

    @property
    def mass(self) -> float: ...
    @property
    def score(self) -> Score | None: ...


class Region(NamedTuple):
    """A tail, marked by the outermost rows of a random half of the reference's clusters.

    Attributes
    ----------
    scores
        From samples, n rows, to n scores.
    ends
        At each end, -1 or 1: its threshold, and the share that a row right there counts.
    counted
        The other half of the clusters.
    notes
        On what the reference says nothing of.
    """

    scores: Callable[[Data], Line]
    ends: dict[int, tuple[float, float]]
    counted: Data
    notes: tuple[str, ...]

    def units(self, samples: Data) -> by_unit.Units:
        """Return how many rows of each cluster lie in the tail, and how many it has."""
        scores, inside = self.scores(samples), np.zeros(len(samples.values))
        for sign, (threshold, share) in self.ends.items():
            inside += sign * scores > threshold
            inside += share * (sign * scores == threshold)
        return _by_cluster(samples, inside)


def tail_of(check: TailSetting, reference: Data, side: Tail, seed: int) -> Region | None:
    """Return the tail, or None if half of the clusters can't mark one."""
    known, counted = _halves(reference, generator(seed, "check", check.metric, "half"))
    notes: tuple[str, ...] = ()
    scores = line if check.score is None else scores_by(check.score)
    if isinstance(known, Codes) or isinstance(reference, Codes):
        assert isinstance(known, Codes)
        scores = rarity_in(known)
    elif is_halved(reference, check.score):
        fitted = whitening(known.values)
        if fitted is None:
            return None
        scores, notes = distance_by(fitted), dropped(reference, fitted.dependent)
    theirs = scores(known)
    k = exceedance.tail_rows(len(theirs), check.mass)
    if not ENDS[side] <= k < len(theirs):
        return None
    lower = {"lower": k, "upper": 0, "both": k // 2}[side]
    ends = {}
    for sign, rows in ((-1, lower), (1, k - lower)):
        if rows:
            away = np.sort(sign * theirs)[::-1]
            threshold = float(away[rows - 1])
            tied = np.count_nonzero(away == threshold)
            share = float((rows - np.count_nonzero(away > threshold)) / tied)
            ends[sign] = (threshold, share)
    return Region(scores, ends, counted, notes)


def tail_evidence(
    check: TailSetting,
    samples: Data,
    reference: Data,
    levels: Levels,
    *,
    side: Tail,
    quantity: str,
    seed: int,
) -> Evidence:
    """Return what clusters say of the mass in a tail that half of the reference's mark."""
    region = tail_of(check, reference, side, seed)
    ours = theirs = (np.zeros(0), np.zeros(0))
    few: str | None = f"half of the reference's clusters can't mark a tail of {check.mass:g}"
    notes: tuple[str, ...] = ()
    if region is not None:
        ours, theirs = region.units(samples), region.units(region.counted)
        few, notes = (
            few_clusters(samples, region.counted, of=", half of the reference's,"),
            (region.notes),
        )
        if few is None and theirs[0].sum() < by_unit.LEAST_HITS:
            few = (
                f"the reference clusters counted on hold {theirs[0].sum():.0f} rows of the tail, "
                f"fewer than {by_unit.LEAST_HITS}"
            )
    return by_unit.evidence(
        check,
        ours,
        theirs,
        levels,
        statistic=STATISTIC,
        quantity=quantity,
        seed=seed,
        withheld=few,
        notes=(*notes, *foreign_note(samples, reference), sizes_note(samples, reference)),
    )


def tail_spread(check: TailSetting, reference: Data, side: Tail) -> tuple[float | None, int]:
    """Return the spread of the log-rate by cluster, and how many clusters are too few to tell."""
    region = tail_of(check, reference, side, seed=0)
    if region is None:
        return None, LEAST_ROWS
    x, w = region.units(region.counted)
    return by_unit.spread_of((x, w)), by_unit.least_units(x)


def variance_units(rows: Rows, values: NDArray[np.float64], form: Form) -> by_unit.Units:
    """Return what each cluster adds to the squared spread of a line, and how many rows it has.

    Parameters
    ----------
    values : shape (n,)
        The line in the order of ``rows``.
    form
        Which spread it is: the sum of squared deviations from the mean of all rows; or, of a
        robust one, that of its value and of the rows' influence on it. Rates of these are the
        spreads themselves.
    """
    if form.robust is None:
        away = np.clip(values - values.mean(), -FARTHEST, FARTHEST)
        x, w = _by_cluster(rows, away**2)
        # The mean is an estimate too: it takes its own variance, by cluster, from the squares.
        sums, clusters = _by_cluster(rows, away)[0], len(w)
        lost = clusters / (clusters - 1) * float(np.square(sums).sum()) / w.sum() ** 2
        mean_square = float(x.sum() / w.sum())
        return (x * (1 + lost / mean_square) if mean_square else x), w
    order = np.argsort(values, kind="stable")
    spread, influence = form.robust.influence(values[order])
    added = np.empty(len(values))
    added[order] = spread + influence
    return _by_cluster(rows, added)


def few_clusters(samples: Data, reference: Data, of: str = "") -> str | None:
    """Return that there are too few clusters to show anything, or None.

    Clusters of unequal lengths w count as (sum w)^2 / sum w^2 equal ones.
    """
    if min(len(samples), len(reference)) < LEAST_ROWS:
        return f"fewer than {LEAST_ROWS} clusters{of} show nothing"
    rows = [np.bincount(data.units).astype(np.float64) for data in (samples, reference)]  # type: ignore[arg-type]
    count = min(float(w.sum() ** 2 / np.square(w).sum()) for w in rows)
    if count >= LEAST_ROWS:
        return None
    return (
        f"a few clusters hold most of the rows, so that they count as {count:.3g} of one length, "
        f"and fewer than {LEAST_ROWS} show nothing"
    )


def foreign_note(samples: Data, reference: Data) -> tuple[str, ...]:
    """Return a note on codes that the reference lacks; none if there are none."""
    if not (isinstance(samples, Codes) and isinstance(reference, Codes)):
        return ()
    share = samples.foreign(reference)
    if not share:
        return ()
    return (f"{share:.2%} of the generated codes are of states that the reference lacks",)


def rarity_in(known: Codes) -> Callable[[Data], Line]:
    """Return what gives codes their scores: the rarer among known ones, the higher."""

    def rarity(samples: Data) -> Line:
        assert isinstance(samples, Codes)
        return -known.counts_of(samples.values).astype(np.float64)

    return rarity


def of_numbers(data: Data) -> ClusteredRows:
    """Return rows of numbers and their clusters as tests of them take them."""
    assert isinstance(data, Rows)
    assert data.units is not None
    return ClusteredRows(data.values, data.units)


def least_clusters(reference: Data, rows: int) -> int:
    """Return how many clusters hold so many rows, ``LEAST_ROWS`` at least."""
    return max(LEAST_ROWS, math.ceil(rows * len(reference) / len(reference.values)))


def sizes_note(samples: Data, reference: Data) -> str:
    """Return the note that sizes are counted in clusters."""
    return (
        f"n and m count clusters, which hold {len(samples.values):,} and "
        f"{len(reference.values):,} rows"
    )


def _halves(rows: Data, rng: np.random.Generator) -> tuple[Data, Data]:
    """Return two random halves of the clusters; the second has one more if they are odd."""
    if isinstance(rows, Codes):
        return rows.halves(rng)
    assert rows.units is not None
    first = np.zeros(len(rows), dtype=bool)
    first[rng.permutation(len(rows))[: len(rows) // 2]] = True
    parts = []
    for chosen in (first, ~first):
        held = chosen[rows.units]
        number = np.cumsum(chosen) - 1  # of a cluster among the chosen ones
        parts.append(Rows(rows.values[held], rows.columns, number[rows.units[held]]))
    return parts[0], parts[1]


def _by_cluster(rows: Data, values: NDArray[np.float64]) -> by_unit.Units:
    """Return sums of values by cluster, and their rows, shapes (N,) and (N,)."""
    assert rows.units is not None
    sums = np.bincount(rows.units, values, minlength=len(rows)).astype(np.float64)
    return sums, np.bincount(rows.units, minlength=len(rows)).astype(np.float64)
