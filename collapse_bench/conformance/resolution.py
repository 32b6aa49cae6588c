"""The check that output isn't coarser than what the model learned from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from collapse_bench.conformance.calls import affordable, once
from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.outcomes import fail, skip
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import ModelError

__all__ = ["check_resolution"]

ROWS = 20_000
FIT_ROWS = 500
# Below this share of distinct values a column repeats itself; single precision keeps 0.999 of so
# many draws of a smooth law.
DISTINCT = 0.95
# Half precision has 11 bits of significand; with 12 or fewer a value is called rough.
ROUGH_BITS = 12
# The most steps that a lattice is looked for in, how far a value may lie off it, in steps, and what
# counts as nothing, for the width of the data: rounding of numbers that aren't far from 0.
MOST_STEPS, OFF_LATTICE, ROUNDING = 1e6, 1e-2, 1e-9
# A coincidence this rare counts as a defect: the check has no level.
SURE = 1e-9


@conformance_check("sampler")
def check_resolution(subject: Subject) -> str | None:
    """Numbers are as fine as what the model learned from: not rounded, quantised or repeated.

    Two defects are told from a law that repeats its values by right, as a resampler of finitely
    many rows or a count does. *Rough*: values repeat and lie on a lattice, or have 12 bits at
    most, though the model was fitted to rows that don't: jittered draws, in a new copy. Whole
    numbers pass, as counts are; a model without ``fit`` may keep the lattice of the reference.
    *Repeated*: equal rows lie in the same of two draws more often than in different ones, where a
    resampler's lie in either; a false alarm has probability 1e-9. Codes are skipped.
    """
    if subject.kind != "numbers":
        skip("codes have no resolution")
    size = affordable(subject, ROWS, times=4)
    rng = subject.rng("draw")
    first, second = (once(subject, size, rng=rng) for _ in range(2))
    _refuse_repeats(subject, first, second)
    rough = [column for column in range(first.shape[1]) if _roughness(first[:, column])]
    distinct = min(len(np.unique(column)) for column in first.T)
    told = f"{distinct:,} distinct values or more among {size:,} in a column"
    if not rough:
        return told
    where = f"column {rough[0]} is {_roughness(first[:, rough[0]])}"
    if all(_counts(first[:, column]) for column in rough):
        return f"{told}; {where}, as counts are"
    finer, learned = _finer(subject, first, size)
    if finer is None:
        given = subject.reference
        if given is not None and all(_roughness(column) for column in _rows_of(given)[:, rough].T):
            return f"{told}; {where}, as the reference is"
        fail(f"draws must not be rounded; {where}, with {told}: {learned}")
    still = [column for column in rough if _roughness(finer[:, column])]
    if still:
        fail(
            f"draws must be as fine as the rows the model is fitted to; {where}, with {told}, and "
            "stays so when the model is fitted to rows that aren't"
        )
    return f"{told}; {where}, as the rows are that it learned from"


def _counts(values: NDArray[np.float64]) -> bool:
    """Return whether a column holds whole numbers, as counts and yes or no do."""
    return bool((values == np.rint(values)).all())


def _finer(
    subject: Subject, rows: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64] | None, str]:
    """Return draws of a copy fitted to jittered rows; None, and why, if there are none."""
    if not callable(getattr(subject.model, "fit", None)):
        return None, "it has no fit that could tell what it learned from"
    rng = subject.rng("jitter")
    few = rows[: min(FIT_ROWS, len(rows))]
    width = [_step(column) or np.ptp(column) / FIT_ROWS for column in rows.T]
    try:
        fitted = subject.fit(few + rng.uniform(-0.5, 0.5, few.shape) * width, "jittered")
        return once(subject, size, "jittered", model=fitted), ""
    except ModelError as error:
        return None, f"it refuses rows that aren't ({error})"


def _refuse_repeats(
    subject: Subject, first: NDArray[np.float64], second: NDArray[np.float64]
) -> None:
    """Fail if equal rows are in one draw rather than in either, by one random pair of each kind.

    Given which rows are equal, every assignment of places to the two draws is equally likely, so
    a pair lies in one draw with probability just below 1/2.
    """
    __tracebackhide__ = True
    rows = np.concatenate([first, second])
    mixed = subject.rng("pairs").permutation(len(rows))
    kinds = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)[mixed]
    order = np.argsort(kinds, kind="stable")
    starts = np.flatnonzero(np.diff(kinds[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    starts = starts[counts > 1]
    places = mixed[order]
    alike = int(((places[starts] < len(first)) == (places[starts + 1] < len(first))).sum())
    if len(starts) and binom.sf(alike - 1, len(starts), 0.5) < SURE:
        fail(
            f"rows must not be repeated within a draw; of {len(starts):,} pairs of equal rows in "
            f"two draws of {len(first):,}, {alike:,} lie in the same draw, where half would"
        )


def _roughness(values: NDArray[np.float64]) -> str | None:
    """Return in which way a column that repeats itself is rough; None if it isn't."""
    distinct = np.unique(values)
    if len(distinct) >= DISTINCT * len(values) or len(distinct) == 1:
        return None
    step = _step(values)
    if step is not None:
        return f"on a lattice of step {step:.6g}"
    significands = np.frexp(distinct)[0] * 2.0**ROUGH_BITS
    if (significands == np.rint(significands)).all():
        return f"of {ROUGH_BITS} bits or fewer"
    return None


def _step(values: NDArray[np.float64]) -> float | None:
    """Return the step of the lattice that a column lies on; None if there is none.

    The step is the greatest common divisor of the gaps, by Euclid's algorithm on floats.
    """
    distinct = np.unique(values)
    if len(distinct) < 3:  # any two points lie on a lattice
        return None
    width = float(np.ptp(distinct))
    nothing, least = ROUNDING * width, width / MOST_STEPS
    gaps = np.diff(distinct)
    step = float(gaps[0])
    for gap in np.unique(gaps):
        larger, smaller = float(gap), step
        while smaller > nothing:
            if smaller < least:
                return None
            larger, smaller = smaller, abs(math.remainder(larger, smaller))
        step = larger
    steps = (distinct - distinct[0]) / step
    return step if np.abs(steps - np.rint(steps)).max() < OFF_LATTICE else None


def _rows_of(reference: Any) -> NDArray[np.float64]:
    """Return a reference's rows, (n, d); nothing rough if it holds none."""
    values = np.asarray(getattr(reference, "values", reference))
    return values.reshape(len(values), -1).astype(np.float64)
