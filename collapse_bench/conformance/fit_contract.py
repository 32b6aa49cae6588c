"""As a learner: what ``fit`` returns, what it leaves alone, and that it learns from its rows."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.frame import Stage, frame_of, learner_of
from collapse_bench.conformance.laws import decide_same_law, size_to_compare
from collapse_bench.conformance.outcomes import fail, skip, undecided
from collapse_bench.conformance.subject import Subject, fitted
from collapse_bench.errors import CollapseBenchError, ModelError
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
# samples of 1,000 draws of one law are so once in 10^27 (Massart's inequality). Where the rows
# themselves are little apart, this share of it.
FOLLOWS = 0.25
# Where the rows themselves move less than that, so many draws tell a move from chance: a model
# that ignores its rows shows one so rarely.
MANY, BY_CHANCE = 20_000, 1e-6


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

    Fitted to draws of the ready model's half that lies higher, on which a model would differ; if
    it refuses them in a sentence, to three parts of these and one of the lower, or to all. Exact;
    a model that doesn't repeat its draws on one stream can't be judged.
    """
    learner_of(subject)
    model = copy.deepcopy(subject.model)
    stage = frame_of(subject, subject.check)
    rows = subject.draw(2 * ROWS, "rows")
    halves = _parted(rows, stage.frame.scores(rows)[:, 0], apart=rows.ndim == 1)
    if halves is None:
        skip("the rows drawn are all equal: there are no two kinds to fit to")
    before, again = (subject.draw(FEW, "same", model=model) for _ in range(2))
    if not np.array_equal(before, again):
        undecided("the model doesn't repeat its draws on one stream: see check_seed_determinism")
    for given in (halves[1], _mixed(halves)[1], rows):
        try:
            fitted(model, given.copy(), rng=subject.rng("fit"))
            break
        except ModelError as error:
            if given is rows or refusal(error) is None:
                raise
    after = subject.draw(FEW, "same", model=model)
    if not np.array_equal(before, after):
        place = int(np.flatnonzero(_differ(before, after))[0])
        fail(
            "fit must return a new model and leave the one it is called on as it was; got draw "
            f"{place} of it on one stream = {_shown(before[place])} before and "
            f"{_shown(after[place])} after"
        )
    return f"the model draws the same {FEW} samples before and after a fit to {len(given)} rows"


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
    and rare ones), a model is fitted to each on one stream, and a quarter of the probability must
    have moved the way the rows did, or of what the rows themselves moved if that is less. Where it
    hasn't, the half near the center is held against the other, since a scale alone may be fitted,
    and then the halves of each column, which may be the only one.

    Draws that are the same after all of these fail, and so does a move against the rows. Draws
    that differ and don't follow are inconclusive. Halves that a model refuses in a sentence are
    mixed, three parts to one; if it refuses these too, what shows nothing else is skipped. A model
    that ignores its rows passes once in 10^27, and once in a million for each of these where the
    rows move less than a quarter.
    """
    stage = frame_of(subject, subject.check)
    stage.afford("fitting four times", fits=4, size=ROWS)
    rows = subject.draw(2 * ROWS, "rows")
    looked: list[str] = []
    refused, differ = "", ""
    for k, (what, measure, apart) in enumerate(_contrasts(stage)):
        if k == 2:
            stage.afford("fitting to halves of each column", fits=2 * subject.width, size=ROWS)
        halves = _parted(rows, measure(rows), apart=apart)
        if halves is None or not _crossed(measure, halves) > 0:
            continue
        try:
            found = _fit_to(subject, halves)
        except ModelError as error:
            refused = refusal(error) or ""
            if not refused:
                raise
            continue
        given, models, drawn = found
        moved, whole = (_crossed(measure, x) for x in (drawn, given))
        told = (
            f"between fits to {what} {moved:.3f} of the draws moved along, {whole:.3f} of the rows"
        )
        if moved <= -FOLLOWS:
            fail(f"fit must learn from its rows, and follow them; {told}: got {moved:.3f}")
        if moved >= FOLLOWS:
            return told
        looked.append(what)
        if same_draws(drawn[0], drawn[1], rows):
            continue
        repeats = partial(_repeats, subject, given[0], drawn[0], rows)
        if _moved_for_sure(subject, measure, given, models, FOLLOWS * whole) and repeats():
            return told
        differ = told
    if refused and (differ or not looked):
        skip(f"the model refuses rows of which most lie on one side: {refused}")
    if differ:
        undecided(f"{differ}: it neither follows its rows nor ignores them for sure")
    if not looked:
        skip("the rows drawn are all equal: there are no two kinds to fit to")
    fail(
        f"fit must learn from its rows; got the same {DRAWS:,} draws on one stream after fits to "
        f"{' and to '.join(looked)} of {len(rows):,} rows"
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


def refusal(error: ModelError) -> str | None:
    """Return the sentence by which rows were refused, or None: a bug raised it."""
    cause: BaseException = error
    while isinstance(cause, ModelError) and cause.__cause__ is not None:  # adapters wrap too
        cause = cause.__cause__
    if isinstance(cause, ValueError | CollapseBenchError) and is_sentence(cause):
        return " ".join(str(cause).split())[:100]
    return None


Measure = Callable[[Samples], NDArray[Any]]


def _contrasts(stage: Stage) -> Iterator[tuple[str, Measure, bool]]:
    """Yield what rows are parted by: its name, its value of rows, and whether ties stay together.

    The first says the most; later ones are for models that learn little of their rows.
    """
    scores = stage.frame.scores
    codes = len(stage.frame.states) > 0
    yield "the lower and the upper half", lambda rows: scores(rows)[:, 0], codes
    if codes:
        return
    yield (
        "the inner and the outer half",
        lambda rows: np.sqrt(np.square(scores(rows)).sum(axis=1)),
        False,
    )
    for k in range(stage.subject.width):
        yield f"the lower and the upper half by column {k}", partial(_column, k=k), True


def _column(rows: Samples, k: int) -> NDArray[Any]:
    return rows[:, k]


def _parted(rows: Samples, values: NDArray[Any], *, apart: bool) -> tuple[Samples, Samples] | None:
    """Return the rows with low and with high values, as many of each, repeated if they must be.

    ``apart``: a value lies on one side only. None: there is one value.
    """
    order = np.argsort(values, kind="stable")
    cut = len(rows) // 2
    if apart:
        edges = np.flatnonzero(np.diff(values[order])) + 1
        if not len(edges):
            return None
        cut = int(edges[np.abs(edges - cut).argmin()])
    low, high = (np.sort(np.resize(side, len(rows) // 2)) for side in (order[:cut], order[cut:]))
    return rows[low], rows[high]


def _mixed(halves: tuple[Samples, Samples]) -> tuple[Samples, Samples]:
    """Return three parts of each half with one of the other: rows of both kinds."""
    low, high = halves
    part = np.arange(len(low)) % 4 == 0
    swapped = part if low.ndim == 1 else part[:, None]
    return np.where(swapped, high, low), np.where(swapped, low, high)


def _fit_to(
    subject: Subject, halves: tuple[Samples, Samples]
) -> tuple[tuple[Samples, ...], list[Any], tuple[Samples, ...]]:
    """Return rows, mixed if the model refuses halves, what was fitted to each, and its draws."""
    try:
        given, models = halves, [subject.fit(x, "same") for x in halves]
    except ModelError as error:
        if refusal(error) is None:
            raise
        given = _mixed(halves)
        models = [subject.fit(x, "same") for x in given]
    return given, models, tuple(subject.draw(DRAWS, "same", model=model) for model in models)


def _repeats(subject: Subject, given: Samples, drawn: Samples, rows: Samples) -> bool:
    """Return whether another fit on the same stream draws the same: noise of its own wouldn't."""
    again = subject.draw(DRAWS, "same", model=subject.fit(given, "same"))
    return same_draws(drawn, again, rows)


def _moved_for_sure(
    subject: Subject,
    measure: Measure,
    given: tuple[Samples, ...],
    models: list[Any],
    least: float,
) -> bool:
    """Return whether many draws moved by ``least`` across the point that parts the rows best.

    The point is the rows' own, and each side has a stream of its own: of draws of one law the
    counts beyond it are binomial given their sum.
    """
    low, high = (np.sort(measure(x)) for x in given)
    points = np.unique(np.concatenate([low, high]))
    gaps = np.searchsorted(low, points, side="right") / len(low)
    gaps -= np.searchsorted(high, points, side="right") / len(high)
    point = points[gaps.argmax()]
    below, above = (
        int((measure(subject.draw(MANY, "many", side, model=model)) > point).sum())
        for side, model in zip(("low", "high"), models, strict=True)
    )
    chance = float(binom.sf(above - 1, above + below, 0.5))
    return above - below >= least * MANY and chance <= BY_CHANCE


def _crossed(measure: Measure, pair: tuple[Samples, ...]) -> float:
    """Return how much of the probability lies higher in the second: the largest such difference."""
    low, high = (np.sort(measure(x)) for x in pair)
    points = np.unique(np.concatenate([low, high]))
    gaps = np.searchsorted(low, points, side="right") / len(low)
    gaps -= np.searchsorted(high, points, side="right") / len(high)
    return float(gaps[np.abs(gaps).argmax()])


def _differ(first: Samples, second: Samples) -> Any:
    """Return for each row whether it differs; a NaN that stays NaN doesn't."""
    equal = (first == second) | ((first != first) & (second != second))
    return ~(equal.all(axis=1) if first.ndim == 2 else equal)


def _shown(row: Any) -> str:
    return np.array2string(np.asarray(row), precision=6, threshold=6)
