"""Models that learn badly, each for one reason: sick as learners or as links in a recursion.

All are a law and a rule that makes the next law from rows (:mod:`collapse_bench.controls.rules`).
The first law is sound, so that what the checks see is the rule's doing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collapse_bench.controls import rules
from collapse_bench.controls.catalog import Control, Expectation
from collapse_bench.controls.rules import Learner, Normal

__all__ = ["LEARNERS"]

CENTRAL = 1.96  # standard deviations within which 95 % of a normal law lie
FARTHEST = 3.0  # standard deviations at which tails are clipped


def _numbers(rule: rules.Rule, **claims: Any) -> Callable[[], Learner]:
    return lambda: Learner(Normal(), rule, **claims)


def _of_codes(change: Callable[[Any], Any]) -> Callable[[], Learner]:
    return lambda: Learner(rules.zipf(), rules.codes(change), "codes")


def _sick(
    name: str,
    make: Callable[[], Learner],
    defect: str,
    caught_by: str,
    *,
    learner: Expectation = "fail",
    link: Expectation = "any",
) -> Control:
    return Control(name, make, defect, caught_by, learner=learner, link=link)


_FIDELITY, _DRIFT = "check_one_step_fidelity", "check_neutral_drift"

LEARNERS: tuple[Control, ...] = (
    _sick(
        "temperature-0.9",
        _numbers(rules.scaled(0.9)),
        "draws at temperature 0.9: the variance times 0.9",
        _FIDELITY,
    ),
    _sick(
        "temperature-1.1",
        _numbers(rules.scaled(1.1)),
        "draws at temperature 1.1: the variance times 1.1",
        _FIDELITY,
    ),
    _sick(
        "temperature-0.9-codes",
        _of_codes(lambda law: law ** (1 / 0.9)),
        "draws codes at temperature 0.9",
        _FIDELITY,
    ),
    _sick(
        "top-p-0.95",
        _numbers(rules.cut(CENTRAL, "redrawn")),
        "draws the most likely 95 % only",
        _FIDELITY,
        link="fail",
    ),
    _sick(
        "top-p-0.95-codes",
        _of_codes(rules.top_p),
        "draws the most frequent states that hold 0.95 only",
        _FIDELITY,
    ),
    _sick(
        "top-k-codes",
        _of_codes(rules.top_k),
        f"draws the {rules.KEPT_STATES} most frequent of {rules.STATES} states only",
        _FIDELITY,
    ),
    _sick(
        "tail-clip-3",
        _numbers(rules.cut(FARTHEST, "clipped")),
        "clips its draws at 3 standard deviations",
        _FIDELITY,
    ),
    _sick(
        "tail-cut-3",
        _numbers(rules.cut(FARTHEST, "redrawn")),
        "draws nothing beyond 3 standard deviations",
        _FIDELITY,
    ),
    _sick(
        "heavy-tail-cut",
        lambda: Learner(rules.Student(), rules.heavy_cut),
        "draws nothing of a t law beyond 6 scales",
        _FIDELITY,
    ),
    _sick(
        "mode-dropped",
        lambda: Learner(rules.TwoModes(), rules.one_mode),
        "learns the larger of two modes only",
        _FIDELITY,
        link="fail",
    ),
    _sick(
        "labels-shifted",
        _of_codes(rules.rolled),
        "gives every state the frequency of the one before",
        _FIDELITY,
    ),
    _sick(
        "variance-0.97",
        _numbers(rules.scaled(0.97)),
        "keeps 0.97 of the variance in a fit",
        _FIDELITY,
    ),
    _sick(
        "variance-0.8",
        _numbers(rules.scaled(0.8)),
        "keeps 0.8 of the variance in a fit",
        _DRIFT,
        link="fail",
    ),
    _sick(
        "variance-1.25",
        _numbers(rules.scaled(1.25)),
        "makes 1.25 of the variance in a fit",
        "check_no_expansion",
        link="fail",
    ),
    _sick(
        "mean-drift",
        _numbers(rules.mean_drift),
        "moves by a tenth of a standard deviation in a fit",
        "check_consistency",
    ),
    _sick(
        "stale",
        _numbers(rules.stale),
        "ignores the rows of a fit",
        "check_fit_uses_data",
        link="pass",
    ),
    _sick(
        "last-batch-only",
        _numbers(rules.last_batch),
        f"learns from the last {rules.BATCH} rows alone",
        "check_row_order",
    ),
    _sick(
        "samples-sorted-in-place",
        _numbers(rules.sorting),
        "sorts the rows that it is fitted to in their place",
        "check_fit_leaves_samples",
        link="pass",
    ),
    _sick(
        "model-changed-by-fit",
        _numbers(rules.keeping),
        "changes the model that fit is called on",
        "check_fit_leaves_model",
        link="pass",
    ),
    _sick(
        "unseeded-fit",
        _numbers(rules.unseeded),
        "takes randomness from elsewhere than rng in a fit",
        "check_refit_determinism",
        link="pass",
    ),
    _sick(
        "nan-if-degenerate",
        _numbers(rules.standardizing),
        "divides by the spread of the rows",
        "check_degenerate",
        link="pass",
    ),
    _sick(
        "crash-at-ties",
        _numbers(rules.by_gaps),
        "divides by the smallest gap between rows",
        "check_duplicates",
        link="pass",
    ),
    _sick(
        "narrow-kernel",
        _numbers(rules.narrow),
        "keeps its rows, each under a kernel far narrower than the gaps between them",
        "check_memorisation",
        link="pass",
    ),
    _sick(
        "wider-after-fit",
        _numbers(rules.widening),
        "draws two columns after a fit to one",
        "check_fit_returns_new",
        link="fail",
    ),
    _sick(
        "carried-between-fits",
        _numbers(rules.carrying),
        "spreads by a tenth more for each fit behind it, whatever its rows",
        "check_real_only_fixed_point",
        learner="pass",
        link="fail",
    ),
    _sick(
        "false-equivariance",
        _numbers(rules.to_zero, affine_equivariant=True),
        "claims to be affine equivariant and shrinks its mean towards 0",
        "check_affine_equivariance",
        link="pass",
    ),
    _sick(
        "false-nesting",
        _numbers(lambda learner, rows, rng: rules.moments(rows), nested_support=True),
        "claims that its draws are among its rows, and smooths",
        "check_support_nesting",
        learner="pass",
        link="fail",
    ),
)
