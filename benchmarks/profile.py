"""Measure how often a collapse profile tells a wrong fate, and how early or late its onset is.

Run as ``python -m benchmarks.profile`` from the root of the checkout (a minute of one core).
Each simulation is R lineages of 100 samples over 50 generations; the table of docs/drift.md is
printed.
"""

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.engine import recurse
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.profile import CollapseProfile, collapse_profile
from collapse_bench.regimes import Accumulate, FreshReal, Regime, Replace
from collapse_bench.streams import generator
from collapse_bench.theory import gaussian

SEED = 20261123
SIZE, GENERATIONS = 100, 50
SIMULATIONS = {10: 2_000, 32: 2_000, 100: 1_000}  # by lineages
NOISE = math.sqrt(2 / SIZE)  # of the log-variance of so many samples
WEIGHTS = np.arange(1.0, 61) ** -1.5
FATES = ("collapsing", "bounded", "stable", "expanding", "inconclusive")

Array = NDArray[np.float64]

LOOPS: dict[str, tuple[Regime, int]] = {  # regime and ddof of the Gaussian
    "replace, unbiased": (Replace(), 1),
    "replace, maximum likelihood": (Replace(), 0),
    "accumulate": (Accumulate(), 0),
    "fresh data, 10 %": (FreshReal(0.1), 0),
}


def values_of(process: str, count: int) -> dict[str, Array]:
    """Return the spread, and for words the coverage, of so many lineages."""
    design: dict[str, Any] = {
        "generations": GENERATIONS,
        "size": SIZE,
        "replicates": count,
        "seed": SEED,
    }
    if process in LOOPS:
        regime, ddof = LOOPS[process]
        model = Gaussian(ddof=ddof)
        return recurse(model, regime=regime, metrics=["log_variance"], **design).values
    if process == "words, replace":
        names = ["gini_simpson", "tail_coverage"]
        law = Categorical(WEIGHTS / WEIGHTS.sum())
        return recurse(law, metrics=names, **design).values
    draws = generator(SEED, process).normal(0, NOISE, (count, GENERATIONS + 1))
    if process == "AR(1), 0.8":
        for t in range(1, GENERATIONS + 1):
            draws[:, t] = 0.8 * draws[:, t - 1] + 0.6 * draws[:, t]
    return {"log_variance": draws}


def first_loss(process: str) -> int | None:
    """Return the first generation in which the mean logarithm has lost a fifth, if it is known."""
    if not process.startswith("replace"):
        return None
    return math.ceil(math.log(0.8) / gaussian.log_variance_drift(SIZE, LOOPS[process][1]))


def profiles_of(process: str, replicates: int) -> list[CollapseProfile]:
    """Return the profile of each simulation."""
    simulations = SIMULATIONS[replicates]
    values = values_of(process, simulations * replicates)
    return [
        collapse_profile(
            {name: found[a : a + replicates] for name, found in values.items()},
            [SIZE] * GENERATIONS,
        )
        for a in range(0, simulations * replicates, replicates)
    ]


def main() -> None:
    """Print a row for each process and number of lineages."""
    print(f"| process | lineages | {' | '.join(FATES)} | late | onset: true, median | too early |")
    print(f"| --- | --- |{' --- |' * (len(FATES) + 3)}")
    for process in ("noise", "AR(1), 0.8", *LOOPS, "words, replace"):
        for replicates in SIMULATIONS:
            told = profiles_of(process, replicates)
            count = Counter[str](one.fate for one in told)
            late = [one.onset for one in told if one.stage == "late" and one.onset is not None]
            true = first_loss(process)
            onsets, early = "", ""
            if true is not None and late:
                onsets = f"{true}, {np.median(late):g}"
                early = f"{sum(onset < true for onset in late) / len(told):.2%}"
            shares = " | ".join(f"{count[fate] / len(told):.1%}" for fate in FATES)
            print(
                f"| {process} | {replicates} | {shares} | {len(late) / len(told):.1%} | {onsets} "
                f"| {early} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
