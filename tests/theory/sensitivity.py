"""Wrong formulas that a simulation must reject, and those that its budget cannot tell apart.

Each module ``sensitivity_*.py`` beside this one has a list ``EXPERIMENTS``. An experiment is one
formula, one simulation with a fixed seed and plausible wrong variants of the formula (n + 1 for
n, M - 1 for M, the other ddof, iid for an exact split): the same simulation must accept the right
one and reject every wrong one that it could see, those at least ``VISIBLE`` standard errors away.
The rest are listed: too close, or no different at this budget.
``python -m tests.theory.sensitivity`` prints the table.

    @cache
    def lineages():  # shared by several experiments; seconds at most
        rng = generator(23, "sensitivity", "my subject")
        return rng.normal(size=(20_000, 3))  # (R, ...): one row a replicate

    EXPERIMENTS = [
        Experiment(
            "gaussian.expected_variance",  # the function's path below collapse_bench.theory
            "M = 8, n = 1..3, 20,000 lineages",  # the budget, in words
            lambda: lineages(),  # replicates, (R, ...)
            lambda: gaussian.expected_variance(8, [1, 2, 3]),  # what theory says of a row
            {  # plausible wrong values of the same shape
                "n + 1": lambda: gaussian.expected_variance(8, [2, 3, 4]),
                "M - 1": lambda: gaussian.expected_variance(7, [1, 2, 3]),
            },
        ),
    ]

A row's mean is compared with theory; with ``median=True`` its median, by the sign test. A formula
may have several experiments; their ``budget`` then differs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse_bench.statistics import agreement

# A variant this many standard errors away is rejected, by a score beyond agreement.CRITICAL, with
# chance 93 % or more; the seeds are fixed, so here it is or it isn't.
VISIBLE = 6.0


@dataclass(frozen=True)
class Experiment:
    """A formula, the simulation that measures it and wrong variants of it."""

    formula: str
    budget: str
    replicates: Callable[[], NDArray[Any]]
    theory: Callable[[], ArrayLike]
    variants: Mapping[str, Callable[[], ArrayLike]]
    median: bool = False

    @property
    def id(self) -> str:
        return f"{self.formula} [{self.budget}]"

    def scores(self, expected: ArrayLike) -> NDArray[np.float64]:
        """Return (measured - expected) in standard errors, one a quantity of a row."""
        score = agreement.median_score if self.median else agreement.mean_score
        return np.atleast_1d(score(self.replicates(), expected))

    def rows(self) -> Iterator[Row]:
        """Yield what came of each variant."""
        right = self.scores(self.theory())
        for name, wrong in self.variants.items():
            scores = self.scores(wrong())
            with np.errstate(invalid="ignore"):  # inf - inf where no replicate differs
                apart = np.nan_to_num(np.abs(scores - right), nan=0.0, posinf=np.inf)
            yield Row(self, name, float(apart.max()), float(np.abs(scores).max()))


@dataclass(frozen=True)
class Row:
    """A variant: how far it is from the formula, and how far the simulation is from it."""

    experiment: Experiment
    variant: str
    difference: float  # in standard errors, where it is largest
    score: float

    @property
    def visible(self) -> bool:
        return self.difference >= VISIBLE

    @property
    def rejected(self) -> bool:
        return self.score > agreement.CRITICAL


def experiments() -> list[Experiment]:
    """Return the experiments of every module ``sensitivity_*.py`` in this directory."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("sensitivity_*.py"))
    modules = [importlib.import_module(f"tests.theory.{name}") for name in names]
    return [experiment for module in modules for experiment in module.EXPERIMENTS]


def table(rows: list[Row]) -> str:
    """Return one line a variant, and a last one with the totals."""
    width = max(len(row.variant) for row in rows)
    lines, last = [], ""
    for row in rows:
        if row.experiment.id != last:
            last = row.experiment.id
            lines.append(last)
        said = "rejected" if row.rejected else "NOT REJECTED"
        said = said if row.visible else "too close" if row.difference else "no difference"
        lines.append(f"    {row.variant:<{width}}  {min(row.difference, 9_999):8.1f} s.e.  {said}")
    visible = [row for row in rows if row.visible]
    rejected = sum(row.rejected for row in visible)
    lines.append(
        f"{len({row.experiment.formula for row in rows})} formulas, {len(rows)} wrong variants: "
        f"{rejected} of {len(visible)} visible ones rejected, {len(rows) - len(visible)} too close"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table([row for experiment in experiments() for row in experiment.rows()]))
