"""Two releases judged on common prompts or seeds: row i of the one belongs to row i of the other.

What both have in common cancels, so that far smaller changes can be told than by two verdicts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Any

from collapse_bench.baselines.comparing import Comparison, Pairing, paired_change
from collapse_bench.baselines.documents import Entry
from collapse_bench.baselines.pairs import MEASURES, Measured, Pairs, pairs_of
from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates import Check
from collapse_bench.gates.checks import as_checks, defaults_of, kind_of
from collapse_bench.validation import Kind, check_real

__all__ = ["compare_paired", "pairing_of"]

ENOUGH = 20  # sign vectors that must be more extreme than a bound, on average
MOST_CHECKS = 10  # of a report, for the number of sign vectors alone
# What a tail check says of the mass that it judges.
TAIL = re.compile(r"(outer|upper|lower|rarest) (0?\.[0-9]+)")


def compare_paired(
    earlier: Any,
    later: Any,
    reference: Any,
    checks: Iterable[Check | str] | None = None,
    *,
    kind: Kind | None = None,
    alpha: float = 0.01,
    permutations: int = 9_999,
    seed: int = 0,
) -> list[Comparison]:
    """Return what became of each check's loss between two releases whose rows correspond.

    P(any worse | no loss grew), P(any better | no loss shrank) and P(any equivalent | its loss
    changed by detect - tolerate or more) are each at most ``alpha``, given the reference: exactly
    for the tail mass of rows, asymptotically for all else. There nothing
    is equivalent that fewer than 25 pairs carry. Releases whose pairs are all equal are so from 90
    pairs on (at a level of 1 %), assumed that no change is one of less than 5 % of all pairs.

    Parameters
    ----------
    earlier, later : shapes (n, d), or (n,), or n sequences of tokens
        Draws on n common prompts or seeds: row i of the one belongs to row i of the other. Pairs
        are independent of one another. Nothing can check that they correspond; rows that don't
        are compared correctly too, and nothing is gained.
    reference : shape (m, d) or (m,), or m sequences
        Rows of the true distribution, or a law, which is drawn from 100,000 times.
    checks
        Names or :class:`~collapse_bench.gates.Check` objects, whose effect sizes say what is
        equivalent; None for those that a gate makes of such a reference.
    kind
        "numbers", "codes" or "tokens"; None to read it from the data.
    alpha
        Shared by all checks, in (0, 0.5).
    permutations
        Sign vectors; raised to what ``alpha`` takes.
    seed
        Root of their streams.

    Raises
    ------
    InvalidArgument
        If a setting is out of its range, or a check doesn't go with the data.
    InvalidSamples
        If samples or reference can't be judged, or the rows aren't 20 pairs or more.
    """
    check_real("alpha", alpha, low=0, high=0.5)
    listed = None if checks is None else as_checks(checks)
    kind = kind or (None if listed is None else kind_of(listed))
    pairs = pairs_of(earlier, later, reference, kind=kind, permutations=permutations, seed=seed)
    listed = defaults_of(pairs.reference) if listed is None else listed
    level = alpha / len(listed)
    pairs = replace(pairs, permutations=max(permutations, math.ceil(ENOUGH / level)))
    found = []
    for check in listed:
        loss = pairs.measure(check)
        margin = check.setting.detect - check.setting.tolerate
        change = paired_change(loss.was, loss.now, loss.bounds(level), margin)
        found.append(Comparison(check.name, change.word, None, None, (change,), paired=True))
    return found


def pairing_of(
    pairs: Pairs, samples: tuple[str, str], reference: Container[str], *, alpha: float
) -> Pairing:
    """Return what compares the checks of two reports that judged these very rows.

    Parameters
    ----------
    samples, reference
        Digests of the two samples, and those that the reference may have.
    alpha
        Of the whole comparison.
    """
    enough = max(pairs.permutations, math.ceil(ENOUGH * MOST_CHECKS / alpha))
    pairs = replace(pairs, permutations=enough)

    def found(was: Entry, now: Entry) -> Measured | str | None:
        if (was.samples_sha256, now.samples_sha256) != samples:
            return None
        if was.reference_sha256 not in reference:
            return None
        if was.metric not in MEASURES:
            return f"not paired: {was.metric} is no check of rows"
        settings: dict[str, Any] = {"tolerate": was.tolerate, "detect": was.detect}
        if was.metric == "tail_mass" and (mass := TAIL.search(was.quantity)):
            settings["mass"] = float(mass[2])
            if mass[1] in ("upper", "lower"):
                settings["tail"] = mass[1]
        try:
            loss = pairs.measure(Check(was.metric, **settings))
        except (InvalidArgument, InvalidSamples) as error:
            return f"not paired: {error}"
        if loss.quantity != was.quantity:
            return f"not paired: of rows only the {loss.quantity} is compared"
        return loss

    return found
