"""What the checks of a gate say of two samples; they come to what ``Gate.judge`` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.calibration.cells import NOMINAL, Trial
from collapse_bench.gates.checks import Check
from collapse_bench.gates.judge import decide
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import read_reference, read_samples

PERMUTATIONS = 999

# Draws so many rows, or sequences, of a law.
Draw = Callable[[int, np.random.Generator], Any]


def check(metric: str, **settings: Any) -> Check:
    """Return a check with as many relabellings as are taken here."""
    return Check(metric, permutations=PERMUTATIONS, **settings)


def levels_of(checks: Sequence[Check]) -> Levels:
    return Levels.of(NOMINAL, NOMINAL, checks=len(checks))


def outcomes(
    checks: Sequence[Check],
    samples: Any,
    reference: Any,
    rng: np.random.Generator,
    until: str | None = None,
) -> list[str]:
    """Return the outcome of each check, no further than the first that isn't ``until``.

    Sizes that an inconclusive verdict names are left out: they take longer than the test.
    """
    kind = next((one.setting.kind for one in checks if one.setting.kind), None)
    known = read_reference(reference, kind, seed=0)
    rows = read_samples(samples, known, kind)
    seed, levels = int(rng.integers(2**32)), levels_of(checks)
    found: list[str] = []
    for one in checks:
        found.append(decide(one.setting.evidence(rows, known, levels, seed=seed), levels))
        if until is not None and found[-1] != until:
            break
    return found


def any_fail(
    checks: Sequence[Check], draw: Draw, changed: Draw, n: int, m: int | None = None
) -> Trial:
    """Return a trial that is "fail" if any check fails, "pass" if all pass."""

    def trial(rng: np.random.Generator) -> str:
        reference, samples = draw(m or n, rng), changed(n, rng)
        found = set(outcomes(checks, samples, reference, rng))
        return "fail" if "fail" in found else "pass" if found == {"pass"} else "inconclusive"

    return trial


def all_pass(
    checks: Sequence[Check], draw: Draw, changed: Draw, n: int, m: int | None = None
) -> Trial:
    """Return a trial that is "pass" if all pass, "alone" if the first does and another doesn't.

    Checks after one that doesn't pass are left out.
    """

    def trial(rng: np.random.Generator) -> str:
        reference, samples = draw(m or n, rng), changed(n, rng)
        found = outcomes(checks, samples, reference, rng, until="pass")
        if found[-1] == "pass":
            return "pass"
        return "alone" if found[0] == "pass" else found[0]

    return trial
