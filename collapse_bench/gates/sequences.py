"""The tail check of sequences: the rate of rare tokens, the sequence being the unit."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from collapse_bench.gates import by_unit
from collapse_bench.gates.codes import Codes, foreign_note
from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.levels import LEAST_ROWS, Levels
from collapse_bench.streams import generator

__all__ = ["evidence", "size_to_fail", "size_to_pass"]

STATISTIC = "rate_by_sequence"


class Rarity(by_unit.Judged, Protocol):
    """The settings of a tail check that matter here."""

    @property
    def mass(self) -> float: ...


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
    known, counted = reference.halves(generator(seed, "check", check.metric, "half"))
    ours, theirs = (_rare(known, sequences, check.mass) for sequences in (samples, counted))
    return by_unit.evidence(
        check,
        ours,
        theirs,
        levels,
        statistic=STATISTIC,
        quantity=quantity,
        seed=seed,
        withheld=_few(samples, counted, theirs[0]),
        notes=foreign_note(samples, reference),
    )


def size_to_pass(check: Rarity, reference: Codes, levels: Levels, m: int | None) -> int | None:
    """Return the sequences at which an unchanged rate passes, by the delta method."""
    spread, least = _spread(check, reference)
    return by_unit.size_to_pass(check, spread, levels, m, least=least, halved=True)


def size_to_fail(check: Rarity, reference: Codes, levels: Levels, m: int | None) -> int | None:
    """Return the sequences at which a loss, or a growth, of its ``detect`` fails."""
    spread, least = _spread(check, reference)
    return by_unit.size_to_fail(check, spread, levels, m, least=least, halved=True)


def _spread(check: Rarity, reference: Codes) -> tuple[float | None, int]:
    """Return the spread of the log-rate by sequence, and how many sequences are too few to tell."""
    known, counted = reference.halves(generator(0, "plan", check.metric, "half"))
    x, w = _rare(known, counted, check.mass)
    return by_unit.spread_of((x, w)), by_unit.least_units(x)


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
    if hits.sum() < by_unit.LEAST_HITS:
        return f"the reference holds {hits.sum():.0f} rare tokens, fewer than {by_unit.LEAST_HITS}"
    return None
