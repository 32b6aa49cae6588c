"""A law, and rules by which a fit makes the next one: sound ones and careless ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from collapse_bench.models import Categorical, Samples
from collapse_bench.validation import Kind

__all__ = ["Learner", "Normal", "Rule", "Student", "TwoModes"]

Array = NDArray[np.float64]
Rule = Callable[["Learner", Samples, np.random.Generator], Any]

BATCH = 64  # the last rows, which a careless loop over batches is left with
STATES, EXPONENT = 200, 1.2  # of the Zipf law that codes start from
KEPT_STATES = 50
FREEDOM = 3.0  # of the t law that heavy tails start from
HEAVY_REACH = 6.0  # scales beyond which a tail is cut off; 0.9 % of the t law
MODES = (0.0, 12.0)
BETWEEN = 6.0  # the modes
REDRAWS = 100


@dataclass
class Learner:
    """A law and the rule by which ``fit`` makes the next one; not frozen, since one rule cheats.

    Attributes
    ----------
    law
        Anything with ``sample(size, *, rng)``.
    rule
        From this learner, the rows and a stream to the law of the fitted learner.
    kind
        What the samples are.
    fits
        How many fits lie behind it.
    affine_equivariant, nested_support
        What it claims.
    """

    law: Any
    rule: Rule
    kind: Kind = "numbers"
    fits: int = 0
    affine_equivariant: bool = False
    nested_support: bool = False

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        """Draw ``size`` samples of the law."""
        drawn: Samples = self.law.sample(size, rng=rng)
        return drawn

    def fit(self, samples: Samples, *, rng: np.random.Generator) -> Self:
        """Return a learner with the law that the rule makes of ``samples``."""
        law = self.rule(self, samples, rng)
        return replace(self, law=law, fits=self.fits + 1)


@dataclass(frozen=True)
class Normal:
    """A normal law on the line whose draws farther than ``reach`` scales are ``far``.

    ``far``: ``"clipped"`` to that distance, or ``"redrawn"``. It takes NaN, as careless code does.
    """

    mean: float = 0.0
    scale: float = 1.0
    reach: float = np.inf
    far: str = "clipped"

    def sample(self, size: int, *, rng: np.random.Generator) -> Array:
        """Draw ``size`` rows, shape (size, 1)."""
        z = rng.standard_normal((size, 1))
        z = (
            z.clip(-self.reach, self.reach)
            if self.far == "clipped"
            else _within(z, self.reach, rng)
        )
        return np.asarray(self.mean + self.scale * z)


@dataclass(frozen=True)
class Student:
    """Student's t law on the line, without the draws farther than ``reach`` scales."""

    center: float = 0.0
    scale: float = 1.0
    reach: float = np.inf

    def sample(self, size: int, *, rng: np.random.Generator) -> Array:
        t = rng.standard_t(FREEDOM, (size, 1))
        again = _within(t, self.reach, rng, lambda count: rng.standard_t(FREEDOM, count))
        return np.asarray(self.center + self.scale * again)


@dataclass(frozen=True)
class TwoModes:
    """Two normal laws far apart; ``share`` is the weight of the second."""

    means: tuple[float, float] = MODES
    scales: tuple[float, float] = (1.0, 1.0)
    share: float = 0.1

    def sample(self, size: int, *, rng: np.random.Generator) -> Array:
        which = (rng.random(size) < self.share).astype(int)
        z = rng.standard_normal(size)
        return np.asarray((np.array(self.means)[which] + np.array(self.scales)[which] * z)[:, None])


@dataclass(frozen=True)
class _Kernel:
    """Rows, each with a normal law of standard deviation ``width`` about it."""

    rows: Any
    width: float

    def sample(self, size: int, *, rng: np.random.Generator) -> Array:
        chosen = self.rows[rng.integers(len(self.rows), size=size)]
        return np.asarray(chosen + self.width * rng.standard_normal(chosen.shape))


@dataclass(frozen=True)
class _Widened:
    """A law whose draws come twice, side by side."""

    law: Normal

    def sample(self, size: int, *, rng: np.random.Generator) -> Array:
        return np.repeat(self.law.sample(size, rng=rng), 2, axis=1)


def _within(
    draws: Array,
    reach: float,
    rng: np.random.Generator,
    again: Callable[[int], Array] | None = None,
) -> Array:
    """Return draws with those beyond ``reach`` drawn again."""
    kept = draws.copy()
    for _ in range(REDRAWS):
        places = np.flatnonzero(np.abs(kept[:, 0]) > reach)
        if not len(places):
            break
        kept[places, 0] = (again or rng.standard_normal)(len(places))
    return kept


# --- rules: what is made of rows ---------------------------------------------------------------


def moments(rows: Samples) -> Normal:
    """Return the normal law of the rows' mean and variance: what a sound rule does."""
    return Normal(float(rows.mean()), float(rows.std()))


def scaled(factor: float) -> Rule:
    """Return the rule of a normal law with ``factor`` of the rows' variance."""

    def rule(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
        law = moments(rows)
        return replace(law, scale=law.scale * factor**0.5)

    return rule


def cut(reach: float, far: str) -> Rule:
    """Return the rule of a normal law whose far draws are clipped or redrawn."""
    return lambda learner, rows, rng: replace(moments(rows), reach=reach, far=far)


def mean_drift(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the rows' normal law, a tenth of its standard deviation further on."""
    law = moments(rows)
    return replace(law, mean=law.mean + 0.1 * law.scale)


def stale(learner: Learner, rows: Samples, rng: np.random.Generator) -> Any:
    """Return the law there was before."""
    return learner.law


def last_batch(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the normal law of the last rows alone."""
    return moments(rows[-BATCH:])


def heavy_cut(learner: Learner, rows: Samples, rng: np.random.Generator) -> Student:
    """Return the t law of the rows' quartiles, cut off."""
    from scipy.stats import t

    low, center, high = np.quantile(rows, [0.25, 0.5, 0.75])
    scale = (high - low) / (2 * t.ppf(0.75, FREEDOM))
    return Student(float(center), float(scale), reach=HEAVY_REACH)


def one_mode(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the normal law of the rows in the first mode."""
    first = rows[rows < BETWEEN]
    return moments(first if len(first) else rows)


def sorting(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the rows' normal law, and sort them."""
    rows.sort(axis=0)
    return moments(rows)


def keeping(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the rows' normal law, and change the learner itself."""
    law = moments(rows)
    learner.law = law
    return law


def unseeded(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the rows' normal law with a jitter that no seed decides."""
    law = moments(rows)
    jitter = float(np.random.default_rng().standard_normal())
    return replace(law, mean=law.mean + 1e-3 * law.scale * jitter)


def standardizing(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the rows' normal law, by way of a division by their spread."""
    law = moments(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = (rows - law.mean) / law.scale
    return replace(law, mean=law.mean + law.scale * float(scores.mean()))


def by_gaps(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the rows' normal law, by way of a division by their smallest gap."""
    gaps = np.diff(np.sort(rows[:, 0]))
    if len(gaps):
        _ = 1.0 / float(gaps.min())  # raises ZeroDivisionError at ties
    return moments(rows)


def narrow(learner: Learner, rows: Samples, rng: np.random.Generator) -> _Kernel:
    """Return the rows, each under a kernel that is narrower than the gaps."""
    return _Kernel(rows.copy(), 1e-2 * float(rows.std()) / len(rows))


def carrying(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the rows' normal law, wider for each fit behind the learner."""
    law = moments(rows)
    return replace(law, scale=law.scale * (1 + 0.1 * learner.fits))


def widening(learner: Learner, rows: Samples, rng: np.random.Generator) -> _Widened:
    """Return a law of two columns."""
    return _Widened(moments(rows[:, :1]))


def to_zero(learner: Learner, rows: Samples, rng: np.random.Generator) -> Normal:
    """Return the rows' normal law with its mean moved towards 0."""
    law = moments(rows)
    return replace(law, mean=0.9 * law.mean)


def zipf() -> Categorical:
    """Return a Zipf law on the codes 0, 1, ..."""
    law = np.arange(1.0, STATES + 1) ** -EXPONENT
    return Categorical(law / law.sum())


def codes(change: Callable[[Array], Array]) -> Rule:
    """Return the rule of frequencies that ``change`` has changed."""

    def rule(learner: Learner, rows: Samples, rng: np.random.Generator) -> Categorical:
        law = change(np.bincount(rows, minlength=STATES) / len(rows))
        return Categorical(law / law.sum())

    return rule


def top_p(law: Array) -> Array:
    """Return the law on the most frequent states that hold 0.95, as decoders do."""
    order = np.argsort(-law, kind="stable")
    before = np.cumsum(law[order]) - law[order]
    kept = np.zeros_like(law)
    kept[order[before < 0.95]] = law[order[before < 0.95]]
    return kept


def top_k(law: Array) -> Array:
    """Return the law on the most frequent states."""
    kept = np.zeros_like(law)
    order = np.argsort(-law, kind="stable")[:KEPT_STATES]
    kept[order] = law[order]
    return kept


def rolled(law: Array) -> Array:
    """Return the law that gives every state the frequency of the one before."""
    return np.roll(law, 1)
