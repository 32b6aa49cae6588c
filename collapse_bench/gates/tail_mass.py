"""Does the model keep the tails of its reference? An exact test that needs no assumption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.evidence import Evidence, growth_note, growth_untold
from collapse_bench.gates.judge import judge
from collapse_bench.gates.levels import LEAST_ROWS, Levels, as_growth, check_effects
from collapse_bench.gates.rows import Rows, dropped, read_reference, read_samples
from collapse_bench.gates.verdict import Growth, Verdict
from collapse_bench.metrics.tails import as_scores
from collapse_bench.statistics import exceedance, power
from collapse_bench.statistics.whitening import whitening
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, check_count, check_real, one_of

__all__ = ["Score", "Tail", "TailMass", "assert_tail_mass", "check_tail_mass"]

Tail = Literal["upper", "lower", "both"]

# Takes samples of shape (n, d) to n numbers whose tails are judged.
Score = Callable[[NDArray[np.float64]], Any]


class TailMassSettings(TypedDict, total=False):
    """Keywords of :func:`check_tail_mass`."""

    tolerate: float
    detect: float
    mass: float
    tail: Tail
    score: Score | None
    growth: tuple[float, float] | None
    kind: Kind | None
    alpha: float
    beta: float
    permutations: int
    seed: int


@dataclass(frozen=True)
class TailMass:
    """The settings of one tail check; see :func:`check_tail_mass`."""

    metric: ClassVar[str] = "tail_mass"
    tolerate: float = 0.05
    detect: float = 0.25
    mass: float = 0.05
    tail: Tail = "both"
    score: Score | None = None
    growth: tuple[float, float] | None = None
    kind: Kind | None = None
    permutations: int = 9_999

    def __post_init__(self) -> None:
        check_effects(self.tolerate, self.detect, most=1)
        check_real("mass", self.mass, low=0, high=0.5, closed="right")
        one_of("tail", self.tail, ("upper", "lower", "both"))
        check_count("permutations", self.permutations)
        if self.score is not None and not callable(self.score):
            raise InvalidArgument(f"score must be callable or None; got score={self.score!r}")
        growth = as_growth(self.growth)
        if growth is not None and not (1 + growth[1]) * self.mass < 1:
            raise InvalidArgument(
                f"growth's detect must leave room beside the tail, (1 + detect) {self.mass:g} < 1; "
                f"got growth={self.growth!r}"
            )
        object.__setattr__(self, "growth", growth)

    def evidence(self, samples: Rows, reference: Rows, levels: Levels, *, seed: int) -> Evidence:
        """Return what the samples say; see :class:`~collapse_bench.gates.evidence.Setting`."""
        side, quantity = self._side(reference), self._quantity(reference)
        ours, theirs, notes = self._scores(samples, reference, seed)
        n, m = len(ours), len(theirs)
        k = exceedance.tail_rows(m, self.mass)
        if not _ends(side) <= k < m:
            few = f"the tail of mass {self.mass:g} holds {k} of the {m:,} reference rows counted on"
            untold = growth_untold("exceedance", quantity, self.growth)
            return Evidence("exceedance", quantity, withheld=few, notes=notes, growth=untold)
        lower = {"lower": k, "upper": 0, "both": k // 2}[side]
        rng = generator(seed, "check", self.metric, "jitter")
        count = exceedance.count_beyond(ours, theirs, lower=lower, upper=k - lower, rng=rng)
        at = levels.directed(self.growth)
        low, high = exceedance.loss_bounds(count, n, k, m, alpha=at.alpha, beta=at.beta)
        growth, grown = self._growth(count, n, k, m, levels, quantity)
        withheld = None
        if not self._decides(n, m, side, levels):
            what = "a loss" if self.growth is None else "a loss or a growth"
            withheld = f"n = {n:,} and {k:,} of {m:,} reference rows in the tail can't show {what}"
        return Evidence(
            "exceedance",
            quantity,
            estimate=1 - (count / n) / (k / m),
            low=low,
            high=high,
            pvalue_fail=exceedance.at_most(count, n, k, m, ratio=1 - self.tolerate),
            pvalue_pass=exceedance.at_least(count, n, k, m, ratio=1 - self.detect),
            withheld=withheld,
            notes=(*notes, *grown),
            growth=growth,
        )

    def _growth(
        self, count: int, n: int, k: int, m: int, levels: Levels, quantity: str
    ) -> tuple[Growth | None, tuple[str, ...]]:
        """Return what the count says of growth where that is judged; else a note if it is shown.

        The same exact law as for a loss, with shares of the tail above 1.
        """
        at = levels.directed(self.growth)
        estimate = (count / n) / (k / m) - 1
        if self.growth is None:
            if exceedance.at_least(count, n, k, m, ratio=1 + self.tolerate) > at.alpha:
                return None, ()
            shown = exceedance.loss_bounds(count, n, k, m, alpha=at.alpha, beta=at.alpha)[1]
            return None, growth_note(quantity, estimate, -shown)
        tolerate, detect = self.growth
        low, high = exceedance.loss_bounds(count, n, k, m, alpha=at.beta, beta=at.alpha)
        growth = Growth(
            statistic="exceedance",
            quantity=quantity,
            tolerate=tolerate,
            detect=detect,
            estimate=estimate,
            low=-high,
            high=None if low is None else -low,
            pvalue_fail=exceedance.at_least(count, n, k, m, ratio=1 + tolerate),
            pvalue_pass=exceedance.at_most(count, n, k, m, ratio=1 + detect),
        )
        return growth, ()

    def never_passes(self, reference: Rows) -> str | None:
        """Return None: with enough rows every tail can be shown to be kept."""
        del reference
        return None

    def size_to_pass(self, reference: Rows, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a tail without loss, or growth, passes; exact."""

        def passes(n: int, k: int, rows: int) -> float:
            kept = power.keeps_power(n, k, rows, detect=self.detect, beta=levels.beta)
            if self.growth is None or kept < 1 - levels.miss:
                return kept
            # A count too small to exclude the loss is never too large to exclude the growth.
            grown = -self.growth[1]
            return (
                kept
                + power.loses_power(n, k, rows, tolerate=grown, detect=0.0, alpha=levels.beta)
                - 1
            )

        return self._size(reference, levels, m, passes)

    def size_to_fail(self, reference: Rows, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a tail that lost, or grew by, its ``detect`` fails; exact."""
        alpha = levels.directed(self.growth).alpha

        def fails(n: int, k: int, rows: int) -> float:
            lost = power.loses_power(
                n, k, rows, tolerate=self.tolerate, detect=self.detect, alpha=alpha
            )
            if self.growth is None:
                return lost
            tolerate, detect = self.growth
            return min(
                lost, power.keeps_power(n, k, rows, detect=-tolerate, beta=alpha, loss=-detect)
            )

        return self._size(reference, levels, m, fails)

    def _size(
        self,
        reference: Rows,
        levels: Levels,
        m: int | None,
        probability: Callable[[int, int, int], float],
    ) -> int | None:
        side = self._side(reference)

        def enough(n: int) -> bool:
            rows = n if m is None else m
            rows -= rows // 2 if self._mahalanobis(reference) else 0
            if not self._decides(n, rows, side, levels):
                return False
            return probability(n, exceedance.tail_rows(rows, self.mass), rows) >= 1 - levels.miss

        return power.smallest_size(enough)

    def _decides(self, n: int, m: int, side: Tail, levels: Levels) -> bool:
        """Return whether n samples and m counted reference rows can both pass and fail."""
        k = exceedance.tail_rows(m, self.mass)
        if min(n, m) < LEAST_ROWS or not _ends(side) <= k < m:
            return False
        alpha = levels.directed(self.growth).alpha
        if exceedance.at_most(0, n, k, m, ratio=1 - self.tolerate) > alpha:
            return False
        if self.growth is None:
            return True
        return exceedance.at_least(n, n, k, m, ratio=1 + self.growth[0]) <= alpha

    def _mahalanobis(self, reference: Rows) -> bool:
        return self.score is None and reference.values.shape[1] > 1

    def _side(self, reference: Rows) -> Tail:
        """Return which end of the line of scores the tail is: a distance has only an upper one."""
        if not self._mahalanobis(reference):
            return self.tail
        if self.tail != "both":
            raise InvalidArgument(
                f"tail must be 'both' for more than one column; got tail={self.tail!r}: pass "
                "score= to give the samples an order"
            )
        return "upper"

    def _quantity(self, reference: Rows) -> str:
        end = "outer" if self.tail == "both" else self.tail
        by = ""
        if self._mahalanobis(reference):
            by = " by Mahalanobis distance"
        elif self.tail == "both":
            by = f" ({self.mass / 2:.3g} at each end)"
        return f"mass in the reference's {end} {self.mass:.3g}{by}{' of scores' * bool(self.score)}"

    def _scores(
        self, samples: Rows, reference: Rows, seed: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
        """Return scores of samples, (n,), and of the reference rows counted on; and notes."""
        if self.score is not None:
            ours, theirs = (as_scores(self.score, rows.values) for rows in (samples, reference))
            return ours, theirs, ()
        if not self._mahalanobis(reference):
            return samples.values[:, 0], reference.values[:, 0], ()
        rng = generator(seed, "check", self.metric, "half")
        half, rest = np.split(rng.permutation(len(reference)), [len(reference) // 2])
        fitted = whitening(reference.values[half]) if len(half) else None
        if fitted is None:
            return np.zeros(len(samples)), np.zeros(0), ()  # nothing to count on
        # Single precision ties rows again that are equal but for rounding in the projection.
        ours, theirs = (
            np.square(fitted(values)).sum(axis=1).astype(np.float32).astype(np.float64)
            for values in (samples.values, reference.values[rest])
        )
        return ours, theirs, dropped(reference, fitted.dependent)


def _ends(side: Tail) -> int:
    return 2 if side == "both" else 1


def check_tail_mass(
    samples: Any,
    reference: Any,
    *,
    tolerate: float = 0.05,
    detect: float = 0.25,
    mass: float = 0.05,
    tail: Tail = "both",
    score: Score | None = None,
    growth: tuple[float, float] | None = None,
    kind: Kind | None = None,
    alpha: float = 0.01,
    beta: float = 0.01,
    permutations: int = 9_999,
    seed: int = 0,
) -> Verdict:
    """Judge how much of the reference's tail the samples have lost.

    The k = round(mass m) outermost of m reference scores mark the tail, and the generated ones in
    it are counted; the count's law is known exactly whatever the data are distributed like, the
    reference's own sampling error included [1]_.

    The loss is thus one of the mass beyond the threshold that the reference's rows mark. Error
    rates are exact if the model keeps one share of the tail wherever near its quantile that
    threshold falls; docs/gate.md has the rates for tails that are cut right there.

    Parameters
    ----------
    samples, reference : shapes (n, d) and (m, d), or (n,) and (m,)
        Generated rows, and rows of the true distribution; independent draws. A reference that is
        a law, an object with ``sample(size, rng=)``, is drawn from 100,000 times.
    tolerate, detect
        Losses: the share of the tail's mass that may be gone, and the share that must be noticed;
        0 <= tolerate < detect < 1.
    mass
        Probability of the tail on the reference, in (0, 0.5].
    tail
        Which end of the line: "upper", "lower", or "both" with half of the mass at each end.
        Several columns have one outside only, by the Mahalanobis distance from the mean of a
        random half of the reference (the count is on the other half): "both".
    score
        Instead, a fixed function from (n, d) to n numbers, whose ends are the tails.
    growth
        None to judge losses only; growth that is shown is then a note. A pair
        (tolerate, detect) of growths, 0.05 for 5 % more mass, to judge both directions: either
        fails, at half of ``alpha`` each, and a pass takes both. (1 + detect) mass < 1.
    kind
        "numbers", or None to read it from the data.
    alpha, beta
        Levels of "fail" and of "pass", in (0, 0.5).
    permutations
        Not used by this check, which is exact.
    seed
        Root of the streams for ties and for the half.

    Raises
    ------
    InvalidArgument
        If a setting is out of its range, or the data aren't numbers.
    InvalidSamples
        If samples or reference are empty, not finite, of different widths, or don't vary.

    References
    ----------
    .. [1] B. Epstein, "Tables for the distribution of the number of exceedances", Annals of
       Mathematical Statistics 25 (1954), 762-768.
    """
    setting = TailMass(tolerate, detect, mass, tail, score, growth, kind, permutations)
    known = read_reference(reference, kind, seed=seed)
    rows = read_samples(samples, known, kind)
    return judge(setting, rows, known, Levels.of(alpha, beta), seed=seed)


def assert_tail_mass(samples: Any, reference: Any, **settings: Unpack[TailMassSettings]) -> None:
    """Raise, with the verdict in one sentence, unless :func:`check_tail_mass` passes.

    Raises
    ------
    CollapseError
        If a loss beyond ``tolerate`` is shown.
    Inconclusive
        If neither that nor the absence of a loss of ``detect`` is shown.
    """
    __tracebackhide__ = True
    check_tail_mass(samples, reference, **settings).raise_unless_passed()
