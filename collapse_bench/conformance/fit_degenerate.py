"""As a learner: rows that repeat, don't vary, or are too few."""

from __future__ import annotations

import warnings

import numpy as np

from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.fit_contract import refusal
from collapse_bench.conformance.frame import learner_of
from collapse_bench.conformance.outcomes import fail
from collapse_bench.conformance.subject import Subject, fitted
from collapse_bench.errors import ModelError
from collapse_bench.generation import calling
from collapse_bench.models import Samples
from collapse_bench.validation import as_samples

__all__ = ["check_degenerate", "check_duplicates"]

ROWS, DRAWS = 200, 64
DISTINCT = 10  # different rows among repeated ones


@conformance_check("learner")
def check_duplicates(subject: Subject) -> str | None:
    """Rows that occur many times, and columns that are copies, are survived with a clear outcome.

    Fitted to 200 rows of which 10 are different, and to rows whose columns are all copies of the
    first: a model with finite draws, or a ValueError with a sentence.
    """
    learner_of(subject)
    rows = subject.draw(ROWS, "rows")
    cases = {"rows that occur 20 times each": np.repeat(rows[:DISTINCT], ROWS // DISTINCT, axis=0)}
    if subject.width > 1:
        cases["columns that are copies of the first"] = np.repeat(rows[:, :1], subject.width, 1)
    return _survived(subject, cases)


@conformance_check("learner")
def check_degenerate(subject: Subject) -> str | None:
    """Rows that are all equal, a constant column, one row and two: never NaN, never a bare crash.

    Each must give a model with finite draws or a ValueError with a sentence, so that a lineage
    that has collapsed, and a table with an idle column, are told from a bug.
    """
    learner_of(subject)
    rows = subject.draw(ROWS, "rows")
    cases = {
        "rows that are all equal": np.repeat(rows[:1], ROWS, axis=0),
        "one row": rows[:1],
        "two rows": rows[:2],
    }
    if subject.width > 1:
        constant = rows.copy()
        constant[:, -1] = rows[0, -1]
        cases["a constant column"] = constant
    return _survived(subject, cases)


def _survived(subject: Subject, cases: dict[str, Samples]) -> str:
    told = []
    for what, rows in cases.items():
        refused = _outcome(subject, what, rows)
        told.append(f"{what}: {'a model' if refused is None else f'refused ({refused})'}")
    return "; ".join(told)


def _outcome(subject: Subject, what: str, rows: Samples) -> str | None:
    """Return None if a fit to ``rows`` can be drawn from, or the sentence that refuses them."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # a warning is one way to say it
            model = fitted(subject.blueprint(), rows.copy(), rng=subject.rng("fit", what))
            with calling(model, f"sample({DRAWS}, rng=rng)"):
                drawn = model.sample(DRAWS, rng=subject.rng("draw", what))
    except ModelError as error:
        if (sentence := refusal(error)) is not None:
            return sentence
        fail(
            f"a fit to {what} must give a model with finite draws, or a ValueError that says in a "
            f"sentence what is wrong with them; {error}"
        )
    try:
        as_samples("draws", drawn, getattr(model, "kind", None))
    except ValueError as error:
        fail(f"a fit to {what} must give a model with finite draws, or raise a ValueError; {error}")
    return None
