"""As a learner: what ``fit`` returns, what it leaves alone, and that it learns from its rows."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np

from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.frame import Stage, frame_of, learner_of
from collapse_bench.conformance.laws import decide_same_law, size_to_compare
from collapse_bench.conformance.outcomes import fail, skip, undecided
from collapse_bench.conformance.subject import Subject, fitted
from collapse_bench.errors import ModelError
from collapse_bench.models import Samples
from collapse_bench.validation import as_samples

__all__ = [
    "check_affine_equivariance",
    "check_fit_leaves_model",
    "check_fit_leaves_samples",
    "check_fit_returns_new",
    "check_fit_uses_data",
    "check_refit_determinism",
]

# Rows of a fit, and draws of what was fitted, where nothing is estimated.
ROWS, DRAWS = 500, 1_000
# Draws that are compared one by one; on equal streams each must be the same.
FEW = 100
# Largest difference of draws that count as the same, in standard deviations: sums in another
# order, or on several threads, differ by rounding alone.
ROUNDING = 1e-6
# Laws that follow their rows are this far apart or more, as a difference of probabilities. Two
# samples of 1,000 draws of one law are so once in 10^27 (Massart's inequality).
FOLLOWS = 0.25


@conformance_check("learner")
def check_fit_returns_new(subject: Subject) -> str | None:
    """``fit`` returns a model: it can be drawn from, and its draws are as wide and of the kind.

    Fitted to 500 draws of the ready model. The same object may come back, since a copy of it was
    fitted; :func:`check_fit_leaves_model` asks whether the caller's object was changed.
    """
    learner_of(subject)
    rows = subject.draw(ROWS, "rows")
    found = subject.fit(rows)
    drawn = subject.draw(FEW, "fitted", model=found)
    kinds = [
        as_samples("samples", x, getattr(m, "kind", None))[1]
        for x, m in ((rows, subject.model), (drawn, found))
    ]
    if drawn.shape[1:] != rows.shape[1:] or kinds[0] != kinds[1]:
        fail(
            "the fitted model must draw what it was fitted to, "
            f"{kinds[0]} of shape {('n', *rows.shape[1:])}; "
            f"got {kinds[1]} of shape {('n', *drawn.shape[1:])}".replace("'n'", "n")
        )
    return f"fitted to {ROWS} rows it draws {kinds[1]} of the same width"


@conformance_check("learner")
def check_fit_leaves_model(subject: Subject) -> str | None:
    """``fit`` leaves the object it is called on as it was: it draws the same before and after.

    Fitted to draws of the ready model's half that lies higher, on which a model would differ.
    Exact; a model that doesn't repeat its draws on one stream can't be judged.
    """
    learner_of(subject)
    model = copy.deepcopy(subject.model)
    rows = _halves(frame_of(subject, subject.check), subject.draw(2 * ROWS, "rows"))[1]
    before, again = (subject.draw(FEW, "same", model=model) for _ in range(2))
    if not np.array_equal(before, again):
        undecided("the model doesn't repeat its draws on one stream: see check_seed_determinism")
    fitted(model, rows.copy(), rng=subject.rng("fit"))
    after = subject.draw(FEW, "same", model=model)
    if not np.array_equal(before, after):
        place = int(np.flatnonzero(_differ(before, after))[0])
        fail(
            "fit must return a new model and leave the one it is called on as it was; got draw "
            f"{place} of it on one stream = {_shown(before[place])} before and "
            f"{_shown(after[place])} after"
        )
    return f"the model draws the same {FEW} samples before and after a fit to {len(rows)} rows"


@conformance_check("learner")
def check_fit_leaves_samples(subject: Subject) -> str | None:
    """``fit`` leaves its rows as they were, to the byte, and takes or refuses read-only ones.

    Rows that can't be written to, such as those of a memory-mapped file, may be refused in a
    sentence. Exact.
    """
    learner_of(subject)
    rows = subject.draw(ROWS, "rows")
    given = rows.copy()
    fitted(subject.blueprint(), given, rng=subject.rng("fit"))
    if given.tobytes() != rows.tobytes():
        place = int(np.flatnonzero(_differ(given, rows))[0])
        fail(
            f"fit must leave its samples as they were; got row {place} = {_shown(rows[place])} "
            f"before and {_shown(given[place])} after"
        )
    locked = rows.copy()
    locked.flags.writeable = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of arrays that can't be written to
            fitted(subject.blueprint(), locked, rng=subject.rng("fit"))
    except ModelError as error:
        if not is_sentence(error.__cause__):
            fail(f"fit must take rows that can't be written to, or refuse them in words; {error}")
        return f"{ROWS} rows were left as they were; read-only ones are refused: {error}"
    return f"{ROWS} rows were left as they were; read-only ones are taken"


@conformance_check("learner")
def check_fit_uses_data(subject: Subject) -> str | None:
    """``fit`` learns: fitted to clearly different rows, the draws differ and follow.

    Draws of the ready model are cut in two halves along their widest axis (codes: frequent states
    and rare ones), a model is fitted to each, and a quarter of the probability must have moved the
    way the rows did. Where it hasn't (a scale alone may be fitted), the half nearest to the center
    is held against the other. A model that ignores its rows passes once in 10^27.
    """
    stage = frame_of(subject, subject.check)
    stage.afford("fitting four times", fits=4, size=ROWS)
    rows = subject.draw(2 * ROWS, "rows")
    moved = _moved(stage, *_halves(stage, rows), "side")
    if moved >= FOLLOWS:
        return f"between fits to the lower and the upper half {moved:.2f} of the draws moved along"
    if moved > -FOLLOWS:
        apart = _moved(stage, *_halves(stage, rows, inner=True), "depth", inner=True)
        if apart >= FOLLOWS:
            return f"between fits to the inner and the outer half {apart:.2f} of the draws moved"
    fail(
        "fit must learn from its rows: fitted to the lower and to the upper half of 1,000 rows, "
        f"at least {FOLLOWS:g} of the draws must move along; got {moved:.3f}"
    )


@conformance_check("learner")
def check_refit_determinism(subject: Subject) -> str | None:
    """Two fits to the same rows on the same stream give models that draw the same.

    Draws may differ by a millionth of a standard deviation: sums on several threads do.
    """
    learner_of(subject)
    rows = subject.draw(ROWS, "rows")
    first, second = (subject.draw(FEW, "same", model=subject.fit(rows, "same")) for _ in range(2))
    if not same_draws(first, second, rows):
        fail(
            "two fits to the same rows on the same stream must draw the same; "
            f"got {_shown(first[0])} and {_shown(second[0])} first: take all randomness from rng"
        )
    return f"{FEW} draws are the same after two fits to {ROWS} rows"


@conformance_check("learner", statistical=True)
def check_affine_equivariance(subject: Subject) -> str | None:
    """A fit to moved, stretched and turned rows draws what is moved, stretched and turned alike.

    Asked of models with ``affine_equivariant = True``. Draws on one stream that agree prove it;
    otherwise the laws are compared column by column, by Kolmogorov distances with Massart's
    bound: level alpha over the number of statistical checks, a distance of .05 is excluded at
    beta.
    """
    learner_of(subject)
    if not subject.declares("affine_equivariant"):
        skip("the model doesn't claim it: there is no affine_equivariant = True")
    if subject.kind == "codes":
        skip("the model makes codes, which have no affine maps")
    rows, d = subject.draw(ROWS, "rows"), subject.width
    rng = subject.rng("map")
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0] * rng.uniform(0.5, 2.0, d)
    shift = rng.choice([-1.0, 1.0], d) * rng.uniform(5.0, 10.0, d) * rows.std(axis=0)
    models = [subject.fit(x, "same") for x in (rows, rows @ turn.T + shift)]
    size = size_to_compare(d, subject.levels)
    plain, other = (subject.draw(size, "same", model=model) for model in models)
    wanted = plain @ turn.T + shift
    if same_draws(other, wanted, wanted):
        return f"{size:,} draws on one stream are mapped as the rows are"
    moved = subject.draw(size, "other", model=models[1])
    return decide_same_law(subject, wanted, moved, "mapped draws and draws of the mapped fit")


def same_draws(first: Samples, second: Samples, rows: Samples) -> bool:
    """Return whether draws are the same but for rounding, on the scale of ``rows``."""
    if first.shape != second.shape or first.dtype.kind != second.dtype.kind:
        return False
    if first.ndim == 1:
        return bool(np.array_equal(first, second))
    largest = np.abs(rows).max(axis=0)  # rounding of a column far from 0 is larger than its spread
    scale = np.maximum(rows.std(axis=0), np.finfo(float).eps * largest / ROUNDING)
    return bool((np.abs(first - second) <= ROUNDING * scale).all())


def is_sentence(error: BaseException | None) -> bool:
    """Return whether an error says in words what it didn't like."""
    return error is not None and " " in str(error).strip()


def _halves(stage: Stage, rows: Samples, *, inner: bool = False) -> tuple[Samples, Samples]:
    """Return the rows with low and with high scores; ``inner``: near the center and far off."""
    scores = stage.frame.scores(rows)[:, 0]
    if inner:
        scores = np.abs(scores - np.median(scores))
    order = np.argsort(scores, kind="stable")
    cut = len(rows) // 2
    if rows.ndim == 1:  # a state lies on one side only
        edges = np.flatnonzero(np.diff(scores[order])) + 1
        if not len(edges):
            skip("the rows drawn are all equal: there are no two kinds to fit to")
        cut = int(edges[np.abs(edges - cut).argmin()])
    return rows[np.sort(order[:cut])], rows[np.sort(order[cut:])]


def _moved(stage: Stage, low: Samples, high: Samples, name: str, *, inner: bool = False) -> float:
    """Return how much of the draws crosses from low to high scores between the two fits."""
    drawn = []
    for side, rows in (("low", low), ("high", high)):
        model = stage.subject.fit(rows, name, side)
        scores = stage.frame.scores(stage.subject.draw(DRAWS, name, side, model=model))[:, 0]
        drawn.append(np.abs(scores - np.median(scores)) if inner else scores)
    points = np.unique(np.concatenate(drawn))
    below = [np.searchsorted(np.sort(x), points, side="right") / DRAWS for x in drawn]
    gaps = below[0] - below[1]
    return float(gaps[np.abs(gaps).argmax()])


def _differ(first: Samples, second: Samples) -> Any:
    """Return for each row whether it differs; a NaN that stays NaN doesn't."""
    equal = (first == second) | ((first != first) & (second != second))
    return ~(equal.all(axis=1) if first.ndim == 2 else equal)


def _shown(row: Any) -> str:
    return np.array2string(np.asarray(row), precision=6, threshold=6)
