"""Closed forms: what an ideal model's recursion does, from sizes and steps to numbers.

Nothing here draws a sample or knows a model, so each formula is an oracle for the others' code.
``steps`` is the number of rounds of finite sampling between the truth and a generation: t for
generation t of a founder that *is* the truth, t + 1 of a founder fitted to a sample of it.
``docs/theory.md`` lists every function with its formula, assumptions, source and test.
"""

from collapse_bench.theory import (
    categorical,
    curation,
    design,
    families,
    gaussian,
    regimes,
    regression,
    tails,
    wasserstein,
)

__all__ = [
    "categorical",
    "curation",
    "design",
    "families",
    "gaussian",
    "regimes",
    "regression",
    "tails",
    "wasserstein",
]
