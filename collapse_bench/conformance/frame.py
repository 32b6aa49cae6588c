"""The truth's own coordinates: what draws are measured in, and how long a fit of them takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.conformance.outcomes import skip
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import ModelError
from collapse_bench.models import Samples

__all__ = ["Frame", "Stage", "frame_of", "learner_of"]

Array = NDArray[np.float64]

# Draws of the truth that its axes, quantiles and kurtosis are read from. They take no part in any
# comparison, so that what is compared was chosen without looking at it.
PILOT_ROWS = 20_000
# Directions with less of the widest one's variance than this don't vary.
FLAT = 1e-10
# Columns whose standard deviations differ by more than this are taken in units of their own.
DISPARATE = 1e3
# Location and spread look at scores within so many standard deviations: their averages are then
# near normal for every law.
REACH = 3.0
# Sizes of the two fits that a duration is foretold from.
SHORT_ROWS, LONG_ROWS = 200, 2_000
TIMED_DRAWS = 8_192


@dataclass(frozen=True, eq=False)
class Frame:
    """Scores of a row: numbers along the truth's principal axes, or the rarity of a code.

    Numbers are centered and scaled, so each score has variance 1 under the truth. A code's rarity
    is the mass of the states that are more frequent than it, in [0, 1].

    Attributes
    ----------
    center, axes : shapes (d,) and (d, q)
        Of numbers; q <= d directions vary.
    states, rarities : shape (K,)
        Of codes, the states in their own order.
    shares : shape (K,)
        Of codes, how frequent each state is.
    pilot : shape (n, q)
        Scores of the draws that this was made from.
    """

    center: Array
    axes: Array
    states: NDArray[Any]
    rarities: Array
    shares: Array
    pilot: Array

    @classmethod
    def of(cls, rows: Samples) -> Frame:
        """Return the frame of many draws, (n, d) numbers or (n,) codes."""
        none = np.empty(0)
        if rows.ndim == 1:
            states, counts = np.unique(rows, return_counts=True)
            order = np.argsort(-counts, kind="stable")
            rarities = np.empty(len(states))
            rarities[order] = np.cumsum(counts[order]) - counts[order]
            shares = counts / len(rows)
            made = cls(none, none, states, rarities / len(rows), shares, none)
        else:
            states, center = none, rows.mean(axis=0)
            spread = rows.std(axis=0)
            varying = spread[spread > 0]
            unit = np.ones(len(spread))
            if len(varying) and varying.max() > DISPARATE * varying.min():
                unit = np.where(spread > 0, spread, 1.0)  # a rate beside an income isn't flat
            white = (rows - center) / unit
            values, vectors = np.linalg.eigh(white.T @ white / len(white))
            varies = values > FLAT * max(values[-1], np.finfo(float).tiny)
            axes = vectors[:, varies] / np.sqrt(values[varies]) / unit[:, None]
            made = cls(center, axes[:, ::-1], none, none, none, none)  # the widest first
        return cls(
            made.center, made.axes, made.states, made.rarities, made.shares, made.scores(rows)
        )

    def scores(self, rows: Samples) -> Array:
        """Return the scores of rows, shape (n, q); a state never seen has rarity 1.

        Raises
        ------
        ModelError
            If rows aren't what the truth draws: of another width, or codes for numbers.
        """
        self.check(rows)
        if rows.ndim == 2:
            return np.asarray((rows - self.center) @ self.axes)
        place = np.searchsorted(self.states, rows).clip(max=len(self.states) - 1)
        known = self.states[place] == rows
        return np.where(known, self.rarities[place], 1.0)[:, None]

    def check(self, rows: Samples) -> Samples:
        """Return rows if they are as wide as the truth's and of its kind."""
        width = (len(self.center),) if not len(self.states) else ()
        if rows.shape[1:] != width:
            raise ModelError(
                f"a fitted model must draw samples of shape {_shape(width)}, as it was fitted to; "
                f"got {_shape(rows.shape[1:])}"
            )
        return rows

    @property
    def left_out(self) -> str:
        """The directions without any spread, which have no score: the end of a sentence."""
        if not len(self.center) or self.axes.shape[1] == len(self.center):
            return ""
        idle = len(self.center) - self.axes.shape[1]
        return f"; {idle} of {len(self.center)} directions don't vary and were left out"

    @property
    def varies(self) -> bool:
        """Whether the truth is more than one point."""
        return self.axes.shape[1] > 0 if self.axes.ndim == 2 else len(self.states) > 1

    def location(self, rows: Samples) -> float:
        """Return where rows lie along the first axis: the mean score, far ones moved in."""
        return float(_held(self.scores(rows)[:, :1]).mean())

    def spread(self, rows: Samples) -> float:
        """Return the logarithm of the mean distance of the scores from their center."""
        scores = _held(self.scores(rows))
        wide = float(np.abs(scores - scores.mean(axis=0)).mean())
        return float(np.log(max(wide, np.finfo(float).tiny)))


def _shape(width: tuple[int, ...]) -> str:
    return f"(n, {width[0]})" if width else "(n,)"


def _held(scores: Array) -> Array:
    return scores.clip(-REACH, REACH)


@dataclass(frozen=True)
class Stage:
    """A subject whose streams and costs are shared by several checks, whichever asks first."""

    subject: Subject
    frame: Frame

    @property
    def kept(self) -> dict[str, Any]:
        """What checks of the same subject hand on to each other."""
        return self.subject._kept

    def fit_seconds(self, size: int) -> float:
        """Return about how long one fit of ``size`` rows takes, by two fits of fewer rows."""
        subject = self.subject
        short = self._timed(SHORT_ROWS)
        if size <= SHORT_ROWS or short > subject.budget:
            return short
        slope = max(0.0, self._timed(LONG_ROWS) - short) / (LONG_ROWS - SHORT_ROWS)
        return short + slope * (size - SHORT_ROWS)

    def draw_seconds(self, size: int) -> float:
        """Return about how long ``size`` draws take."""
        once = self.subject.seconds("draws", lambda: self.subject.draw(TIMED_DRAWS, "timed"))
        return once * size / TIMED_DRAWS

    def _timed(self, size: int) -> float:
        rows = self.subject.draw(size, "timed", size)
        return self.subject.seconds(f"fit {size}", lambda: self.subject.fit(rows, "timed"))

    def afford(self, what: str, *, fits: int, size: int, draws: int = 0) -> None:
        """End the check as inconclusive if so many fits and draws are beyond the budget."""
        seconds = fits * self.fit_seconds(size) + self.draw_seconds(draws)
        self.subject.afford(what, seconds)


def learner_of(subject: Subject) -> None:
    """End the check as not applicable if the model can't be fitted."""
    if not callable(getattr(subject.model, "fit", None)):
        skip("the model has no fit: it is looked at as a sampler only")
    if subject.kind == "tokens":
        skip("the check is of numbers and codes; the model makes tokens")


def frame_of(subject: Subject, streams: str) -> Stage:
    """Return the truth's coordinates, and the subject with the streams called ``streams``.

    Raises
    ------
    NotApplicable
        If the model can't be fitted, or its truth is a single point.
    """
    learner_of(subject)
    shared = subject.during(streams, subject.level)
    if "frame" not in shared._kept:
        pilot = subject.during("frame", subject.level).draw(PILOT_ROWS, "pilot")
        shared._kept["frame"] = Frame.of(pilot)
    frame: Frame = shared._kept["frame"]
    if not frame.varies:
        skip("the model's draws are all equal: there is no spread or tail to lose")
    return Stage(shared, frame)
