"""The tail check of sequences: the rate of rare tokens, the sequence being the unit."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from collapse_bench.gates.codes import Codes, foreign_note
from collapse_bench.gates.evidence import Evidence, growth_note, growth_untold
from collapse_bench.gates.levels import LEAST_ROWS, Levels, check_permutations
from collapse_bench.gates.verdict import Growth
from collapse_bench.statistics import power
from collapse_bench.statistics.rates import RateTest, rate_test
from collapse_bench.streams import generator

__all__ = ["evidence", "size_to_fail", "size_to_pass"]

STATISTIC = "rate_by_sequence"
# Rare tokens that each side must hold: with fewer the rate is no longer near normal.
LEAST_HITS = 20


class Rarity(Protocol):
    """The settings of a tail check that matter here."""

    @property
    def metric(self) -> str: ...
    @property
    def tolerate(self) -> float: ...
    @property
    def detect(self) -> float: ...
    @property
    def mass(self) -> float: ...
    @property
    def growth(self) -> tuple[float, float] | None: ...
    @property
    def permutations(self) -> int: ...


def evidence(
    check: Rarity,
    samples: Codes,
    reference: Codes,
    levels: Levels,
    quantity: str,
    *,
    seed: int,
) -> Evidence:
    """Return what sequences say of the rate of tokens that are rare in half of the reference."""
    check_permutations(check.permutations, levels.directed(check.growth))
    known, counted = reference.halves(generator(seed, "check", check.metric, "half"))
    notes = foreign_note(samples, reference)
    ours, theirs = (_rare(known, sequences, check.mass) for sequences in (samples, counted))
    untold = growth_untold(STATISTIC, quantity, check.growth)
    few = _few(samples, counted, theirs[0])
    if min(len(samples), len(counted)) < 2 or theirs[0].sum() == 0:
        return Evidence(STATISTIC, quantity, withheld=few, notes=notes, growth=untold)
    rng = generator(seed, "check", check.metric, "relabel")
    test = rate_test(ours, theirs, permutations=check.permutations, rng=rng)
    at = levels.directed(check.growth)
    low, high = test.bounds(alpha=at.alpha, beta=at.beta)
    growth, grown = _growth(check, test, at, quantity)
    return Evidence(
        STATISTIC,
        quantity,
        estimate=test.loss,
        low=low,
        high=high,
        pvalue_fail=test.pvalue_fail(check.tolerate),
        pvalue_pass=test.pvalue_pass(check.detect),
        withheld=few,
        notes=(*notes, *grown),
        growth=growth,
    )


def size_to_pass(check: Rarity, reference: Codes, levels: Levels, m: int | None) -> int | None:
    """Return the sequences at which an unchanged rate passes, by the delta method."""
    gap, miss = -math.log1p(-check.detect), levels.miss
    if check.growth is not None:  # each direction takes half of the misses
        gap, miss = min(gap, math.log1p(check.growth[1])), miss / 2
    return _size(check, reference, gap / power.distance(levels.beta, miss), m)


def size_to_fail(check: Rarity, reference: Codes, levels: Levels, m: int | None) -> int | None:
    """Return the sequences at which a loss, or a growth, of its ``detect`` fails."""
    gap = math.log1p(-check.tolerate) - math.log1p(-check.detect)
    if check.growth is not None:
        gap = min(gap, math.log1p(check.growth[1]) - math.log1p(check.growth[0]))
    alpha = levels.directed(check.growth).alpha
    return _size(check, reference, gap / power.distance(alpha, levels.miss), m)


def _size(check: Rarity, reference: Codes, gap: float, m: int | None) -> int | None:
    """Return the n at which the log-ratio's standard error is at most ``gap``; m is halved."""
    rng = generator(0, "plan", check.metric, "half")
    known, counted = reference.halves(rng)
    x, w = _rare(known, counted, check.mass)
    if len(counted) < LEAST_ROWS or x.sum() == 0:
        return None
    rate = x.sum() / w.sum()
    spread = float(np.mean((x - rate * w) ** 2) / x.mean() ** 2)  # of log rate, times sequences
    least = max(LEAST_ROWS, math.ceil(LEAST_HITS / float(x.mean())))
    if m is not None:
        return power.size(spread / gap**2, m - m // 2, least=least)
    # n sequences against n / 2: 3 spread / n
    return max(2 * least, math.ceil(3 * spread / gap**2))


def _growth(
    check: Rarity, test: RateTest, levels: Levels, quantity: str
) -> tuple[Growth | None, tuple[str, ...]]:
    """Return what a test says of growth where that is judged; else a note if it is shown."""
    if check.growth is None:
        if test.pvalue_pass(-check.tolerate) > levels.alpha:
            return None, ()
        shown = test.bounds(alpha=levels.alpha, beta=levels.alpha)[1]
        return None, growth_note(quantity, -test.loss, -shown)
    tolerate, detect = check.growth
    low, high = test.bounds(alpha=levels.beta, beta=levels.alpha)
    return Growth(
        statistic=STATISTIC,
        quantity=quantity,
        tolerate=tolerate,
        detect=detect,
        estimate=-test.loss,
        low=-high,
        high=None if low is None else -low,
        pvalue_fail=test.pvalue_pass(-tolerate),
        pvalue_pass=test.pvalue_fail(-detect),
    ), ()


def _rare(
    known: Codes, sequences: Codes, mass: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how many tokens of each sequence are rare, and how many it has, (N,) and (N,).

    Rare are the tokens that ``known`` holds least often, as many counts as stay within ``mass``
    of its tokens together; those that it lacks always are.
    """
    assert sequences.units is not None
    counts = np.sort(np.unique(known.values, return_counts=True)[1])
    held = np.cumsum(counts)
    within = int(np.searchsorted(held, mass * len(known.values), side="right"))
    # all states of the last count that fits, or none of them
    bound = counts[within] - 1 if within < len(counts) else counts[-1]
    hits = known.counts_of(sequences.values) <= bound
    rare, tokens = (
        np.bincount(sequences.units, weights.astype(np.float64), minlength=len(sequences))
        for weights in (hits, np.ones(len(hits)))
    )
    return rare.astype(np.float64), tokens.astype(np.float64)


def _few(samples: Codes, counted: Codes, hits: NDArray[np.float64]) -> str | None:
    """Return why so few sequences, or rare tokens, show nothing; None if they do."""
    if min(len(samples), len(counted)) < LEAST_ROWS:
        return f"fewer than {LEAST_ROWS} sequences, half of the reference's, show nothing"
    if hits.sum() < LEAST_HITS:
        return f"the reference holds {hits.sum():.0f} rare tokens, fewer than {LEAST_HITS}"
    return None
