"""Broken recursions: what a claim about the recursion must notice.

Each mutation takes ``recurse`` and returns a function with its signature that runs another
process and says nothing about it. ``python -m tests.mutations`` prints which claim notices which.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from collapse_bench.engine import Trajectory
from collapse_bench.regimes import (
    Accumulate,
    AccumulateSubsample,
    FixedReal,
    FreshReal,
    Mixture,
    Replace,
)

Recurse = Callable[..., Trajectory]


def no_recursion(recurse: Recurse) -> Recurse:
    """Every generation is fitted to the real law, never to a model."""

    def mutated(founder: Any, **settings: Any) -> Trajectory:
        return recurse(founder, **settings | {"regime": FreshReal(1.0, "iid")})

    return mutated


def other_ddof(recurse: Recurse) -> Recurse:
    """The variance is divided by M where M - 1 is meant, and the other way round."""

    def mutated(founder: Any, **settings: Any) -> Trajectory:
        if hasattr(founder, "ddof"):
            founder = copy.copy(founder)
            founder.ddof = 1 - founder.ddof
        return recurse(founder, **settings)

    return mutated


def one_draw_less(recurse: Recurse) -> Recurse:
    """A training set has M - 1 samples."""

    def mutated(founder: Any, *, size: Any, **settings: Any) -> Trajectory:
        return recurse(founder, size=_shifted(size, -1), **settings)

    return mutated


def one_generation_skipped(recurse: Recurse) -> Recurse:
    """Generation 1 is trained but not shown: 2 is reported in its place, and so on."""

    def mutated(founder: Any, *, generations: int, size: Any, **settings: Any) -> Trajectory:
        if callable(size):
            size = _late(size)
        true = recurse(founder, generations=generations + 1, size=size, **settings)
        shown = np.r_[0, 2 : generations + 2]
        values = {name: array[:, shown] for name, array in true.values.items()}
        return replace(true, values=values, steps=true.steps[:-1], sizes=true.sizes[1:])

    return mutated


def accumulate_for_replace(recurse: Recurse) -> Recurse:
    """Models are trained on the pool of all generations where only the newest is meant."""
    return _regime(recurse, lambda regime: Accumulate() if isinstance(regime, Replace) else regime)


def replace_for_the_rest(recurse: Recurse) -> Recurse:
    """Models are trained on the newest generation alone, whatever the regime."""
    return _regime(recurse, lambda regime: Replace())


def leak_of_real_data(recurse: Recurse) -> Recurse:
    """One sample in twenty is real where none should be."""
    leak = Mixture(0.95, 0.0, 0.05)
    return _regime(recurse, lambda regime: leak if isinstance(regime, Replace) else regime)


def shares_swapped(recurse: Recurse) -> Recurse:
    """The newest model and the previous law change places; real rows are counted, not drawn."""

    def other(regime: Any) -> Any:
        if isinstance(regime, Mixture):
            return Mixture(regime.beta, regime.alpha, regime.gamma)
        if isinstance(regime, FreshReal):
            return FreshReal(regime.share, "exact" if regime.split == "iid" else "iid")
        return regime

    return _regime(recurse, other)


def whole_pool_for_a_subsample(recurse: Recurse) -> Recurse:
    """Models are trained on all of the pool where a part of it is meant, and the other way."""

    def other(regime: Any) -> Any:
        if isinstance(regime, AccumulateSubsample):
            return Accumulate()
        return AccumulateSubsample() if isinstance(regime, Accumulate) else regime

    return _regime(recurse, other)


def new_real_rows_for_the_same(recurse: Recurse) -> Recurse:
    """Real rows are drawn anew in every generation where one set is meant, and the other way."""

    def other(regime: Any) -> Any:
        if isinstance(regime, FixedReal):
            return FreshReal(regime.share, regime.split)
        return FixedReal(regime.share, regime.split) if isinstance(regime, FreshReal) else regime

    return _regime(recurse, other)


def sizes_that_do_not_grow(recurse: Recurse) -> Recurse:
    """Every generation is drawn as many samples as the first."""

    def mutated(founder: Any, *, size: Any, **settings: Any) -> Trajectory:
        return recurse(founder, size=size(0) if callable(size) else size, **settings)

    return mutated


def double_precision(recurse: Recurse) -> Recurse:
    """Parameters are kept in float64 where float32 is meant."""

    def mutated(founder: Any, **settings: Any) -> Trajectory:
        if hasattr(founder, "dtype"):
            founder = copy.copy(founder)
            founder.dtype = "float64"
        return recurse(founder, **settings)

    return mutated


MUTATIONS: Mapping[str, Callable[[Recurse], Recurse]] = {
    function.__name__.replace("_", " "): function
    for function in (
        no_recursion,
        other_ddof,
        one_draw_less,
        one_generation_skipped,
        accumulate_for_replace,
        replace_for_the_rest,
        leak_of_real_data,
        shares_swapped,
        whole_pool_for_a_subsample,
        new_real_rows_for_the_same,
        sizes_that_do_not_grow,
        double_precision,
    )
}


def table(outcomes: Mapping[str, Mapping[str, str]]) -> str:
    """Return Markdown: a row for each claim, a column for each mutation, the cases it kills.

    ``outcomes`` maps a mutation to the outcome of each case, by node id.
    """
    cases = Counter(_claim(case) for case in next(iter(outcomes.values())))
    killed = {
        name: Counter(_claim(case) for case, outcome in results.items() if outcome == "failed")
        for name, results in outcomes.items()
    }
    lines = [
        "| claim | cases | " + " | ".join(outcomes) + " |",
        "| --- | --- " + "| --- " * len(outcomes) + "|",
    ]
    for claim, count in cases.items():
        cells = (str(killed[name][claim] or "") for name in outcomes)
        lines.append(f"| {claim} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _claim(case: str) -> str:
    """Return ``test_file::test_name`` of a node id."""
    return case.rpartition("/")[2].partition("[")[0].replace(".py", "")


def _regime(recurse: Recurse, change: Callable[[Any], Any]) -> Recurse:
    def mutated(founder: Any, *, regime: Any = None, **settings: Any) -> Trajectory:
        return recurse(founder, regime=change(regime or Replace()), **settings)

    return mutated


def _late(size: Callable[[int], int]) -> Callable[[int], int]:
    return lambda t: size(max(t - 1, 0))


def _shifted(size: Any, by: int) -> Any:
    return (lambda t: size(t) + by) if callable(size) else size + by


if __name__ == "__main__":
    import pytest

    sys.exit(pytest.main(["tests/test_suites.py", "-m", "slow", "-q"]))
