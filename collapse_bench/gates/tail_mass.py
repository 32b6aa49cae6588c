"""Does the model keep the tails of its reference? An exact test that needs no assumption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypedDict, Unpack

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import by_unit, clustered, counting, sequences
from collapse_bench.gates.clusters import as_pair
from collapse_bench.gates.codes import MASS, Codes, foreign_note, unresolved
from collapse_bench.gates.counting import ENDS, Counter, Score, Tail, counter_of, is_halved
from collapse_bench.gates.evidence import Evidence, growth_note, growth_untold
from collapse_bench.gates.judge import judge
from collapse_bench.gates.levels import LEAST_ROWS, Levels, as_growth, check_effects
from collapse_bench.gates.rows import Data, read_reference, read_samples
from collapse_bench.gates.verdict import Growth, Verdict
from collapse_bench.statistics import exceedance, power
from collapse_bench.statistics.tail_test import Guarantee, TailTest
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, check_count, check_real, one_of

__all__ = ["Score", "Tail", "TailMass", "assert_tail_mass", "check_tail_mass"]

# What decides, by guarantee.
STATISTIC: dict[Guarantee, str] = {
    "average": "exceedance",
    "reference": "exceedance_given_reference",
}


class TailMassSettings(TypedDict, total=False):
    """Keywords of :func:`check_tail_mass`."""

    tolerate: float
    detect: float
    mass: float
    tail: Tail
    score: Score | None
    growth: tuple[float, float] | None
    kind: Kind | None
    clusters: Any
    guarantee: Guarantee
    alpha: float
    beta: float
    permutations: int
    seed: int


@dataclass(frozen=True)
class TailMass:
    """The settings of one tail check; see :func:`check_tail_mass`."""

    metric: ClassVar[str] = "tail_mass"
    kinds: ClassVar[tuple[Kind, ...]] = ("numbers", "codes", "tokens")
    tolerate: float = 0.05
    detect: float = 0.25
    mass: float = MASS
    tail: Tail = "both"
    score: Score | None = None
    growth: tuple[float, float] | None = None
    kind: Kind | None = None
    permutations: int = 9_999
    guarantee: Guarantee = "average"

    def __post_init__(self) -> None:
        check_effects(self.tolerate, self.detect, most=1)
        check_real("mass", self.mass, low=0, high=0.5, closed="right")
        one_of("tail", self.tail, ("upper", "lower", "both"))
        check_count("permutations", self.permutations)
        one_of("guarantee", self.guarantee, ("average", "reference"))
        if not (self.score is None or counting.is_score(self.score)):
            known = "callable, 'surprisal' or None"
            raise InvalidArgument(f"score must be {known}; got score={self.score!r}")
        growth = as_growth(self.growth)
        if growth is not None and not (1 + growth[1]) * self.mass < 1:
            raise InvalidArgument(
                f"growth's detect must leave room beside the tail, (1 + detect) {self.mass:g} < 1; "
                f"got growth={self.growth!r}"
            )
        object.__setattr__(self, "growth", growth)

    def evidence(self, samples: Data, reference: Data, levels: Levels, *, seed: int) -> Evidence:
        """Return what the samples say; see :class:`~collapse_bench.gates.evidence.Setting`."""
        found = self._evidence(samples, reference, levels, seed=seed)
        return replace(found, withheld=found.withheld or self.never_passes(reference))

    def _evidence(self, samples: Data, reference: Data, levels: Levels, *, seed: int) -> Evidence:
        side, quantity = self._side(reference), self.quantity(reference)
        counting.check_guarantee(reference, self.score, self.guarantee)
        if counting.by_rate(reference, self.score):
            assert isinstance(samples, Codes)
            return sequences.evidence(self, samples, reference, levels, quantity, seed=seed)
        if _clustered(reference):
            return clustered.tail_evidence(
                self, samples, reference, levels, side=side, quantity=quantity, seed=seed
            )
        counter = self.counter(reference, seed=seed)
        n, k, m = len(samples), counter.k, counter.m
        notes = counter.notes
        if isinstance(samples, Codes) and isinstance(reference, Codes):
            notes = foreign_note(samples, reference)
        name = STATISTIC[self.guarantee]
        if counter.tail is None:
            few = f"the tail of mass {self.mass:g} holds {k} of the {m:,} reference rows counted on"
            untold = growth_untold(name, quantity, self.growth)
            return Evidence(name, quantity, withheld=few, notes=notes, growth=untold)
        rng = generator(seed, "check", self.metric, "ties")
        count = counter.tail.count(counter.scores(samples), rng=rng)
        at, test = levels.directed(self.growth), TailTest(n, k, m, self.guarantee)
        low, high = test.loss_bounds(count, alpha=at.alpha, beta=at.beta)
        growth, grown = self._growth(count, test, at, name, quantity)
        withheld = None
        if not self._decides(n, m, side, levels):
            what = "a loss" if self.growth is None else "a loss or a growth"
            withheld = f"n = {n:,} and {k:,} of {m:,} reference rows in the tail can't show {what}"
        return Evidence(
            name,
            quantity,
            estimate=1 - (count / n) / (k / m),
            low=low,
            high=high,
            pvalue_fail=test.pvalue_low(count, ratio=1 - self.tolerate, level=at.alpha),
            pvalue_pass=test.pvalue_high(count, ratio=1 - self.detect, level=at.beta),
            withheld=withheld,
            notes=(*notes, *grown),
            growth=growth,
        )

    def _growth(
        self, count: int, test: TailTest, at: Levels, name: str, quantity: str
    ) -> tuple[Growth | None, tuple[str, ...]]:
        """Return what the count says of growth where that is judged; else a note if it is shown.

        The same law as for a loss, with shares of the tail above 1.
        """
        estimate = (count / test.n) / (test.k / test.m) - 1
        if self.growth is None:
            shown = test.pvalue_high(count, ratio=1 + self.tolerate, level=at.alpha)
            if shown > at.alpha:
                return None, ()
            least = test.loss_bounds(count, alpha=at.alpha, beta=at.alpha)[1]
            return None, growth_note(quantity, estimate, -least)
        tolerate, detect = self.growth
        low, high = test.loss_bounds(count, alpha=at.beta, beta=at.alpha)
        growth = Growth(
            statistic=name,
            quantity=quantity,
            tolerate=tolerate,
            detect=detect,
            estimate=estimate,
            low=-high,
            high=None if low is None else -low,
            pvalue_fail=test.pvalue_high(count, ratio=1 + tolerate, level=at.alpha),
            pvalue_pass=test.pvalue_low(count, ratio=1 + detect, level=at.beta),
        )
        return growth, ()

    def never_passes(self, reference: Data) -> str | None:
        """Return why rare states can't be told; every other tail is, with enough rows."""
        if isinstance(reference, Codes) and self.score is None:
            return unresolved(reference, self.mass)
        return None

    def size_to_pass(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a tail without loss, or growth, passes; exact.

        Where the unit is a sequence or a cluster, by the delta method.
        """

        def passes(test: TailTest) -> float:
            kept = test.chance_high(ratio=1 - self.detect, level=levels.beta, kept=1.0)
            if self.growth is None or kept < 1 - levels.miss:
                return kept
            # A count too small to exclude the loss is never too large to exclude the growth.
            most = 1 + self.growth[1]
            return kept + test.chance_low(ratio=most, level=levels.beta, kept=1.0) - 1

        counting.check_guarantee(reference, self.score, self.guarantee)
        if counting.by_rate(reference, self.score):
            return sequences.size_to_pass(self, reference, levels, m)
        if _clustered(reference):
            spread, least = clustered.tail_spread(self, reference, self._side(reference))
            return by_unit.size_to_pass(self, spread, levels, m, least=least, halved=True)
        return self._size(reference, levels, m, passes)

    def size_to_fail(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a tail that lost, or grew by, its ``detect`` fails; exact.

        Where the unit is a sequence or a cluster, by the delta method.
        """
        alpha = levels.directed(self.growth).alpha

        def fails(test: TailTest) -> float:
            lost = test.chance_low(ratio=1 - self.tolerate, level=alpha, kept=1 - self.detect)
            if self.growth is None:
                return lost
            tolerate, detect = self.growth
            return min(lost, test.chance_high(ratio=1 + tolerate, level=alpha, kept=1 + detect))

        counting.check_guarantee(reference, self.score, self.guarantee)
        if counting.by_rate(reference, self.score):
            return sequences.size_to_fail(self, reference, levels, m)
        if _clustered(reference):
            spread, least = clustered.tail_spread(self, reference, self._side(reference))
            return by_unit.size_to_fail(self, spread, levels, m, least=least, halved=True)
        return self._size(reference, levels, m, fails)

    def _size(
        self,
        reference: Data,
        levels: Levels,
        m: int | None,
        probability: Callable[[TailTest], float],
    ) -> int | None:
        side = self._side(reference)

        def enough(n: int) -> bool:
            rows = n if m is None else m
            rows -= rows // 2 if is_halved(reference, self.score) else 0
            if not self._decides(n, rows, side, levels):
                return False
            k = exceedance.tail_rows(rows, self.mass)
            return probability(TailTest(n, k, rows, self.guarantee)) >= 1 - levels.miss

        return power.smallest_size(enough)

    def _decides(self, n: int, m: int, side: Tail, levels: Levels) -> bool:
        """Return whether n samples and m counted reference rows can both pass and fail."""
        k = exceedance.tail_rows(m, self.mass)
        if min(n, m) < LEAST_ROWS or not ENDS[side] <= k < m:
            return False
        alpha, test = levels.directed(self.growth).alpha, TailTest(n, k, m, self.guarantee)
        if test.pvalue_low(0, ratio=1 - self.tolerate, level=alpha) > alpha:
            return False
        if self.growth is None:
            return True
        return test.pvalue_high(n, ratio=1 + self.growth[0], level=alpha) <= alpha

    def counter(self, reference: Data, *, seed: int) -> Counter:
        """Return how samples are counted against a reference."""
        return counter_of(
            reference, mass=self.mass, side=self._side(reference), score=self.score, seed=seed
        )

    def _side(self, reference: Data) -> Tail:
        """Return which end of the line of scores the tail is: a distance has only an upper one."""
        counting.check_score(reference, self.score)
        if not is_halved(reference, self.score):
            return self.tail
        codes = isinstance(reference, Codes)
        if self.tail != "both":
            raise InvalidArgument(
                f"tail must be 'both' for {'codes' if codes else 'more than one column'}; "
                f"got tail={self.tail!r}"
                + ("" if codes else ": pass score= to give the samples an order")
            )
        return "upper"

    def quantity(self, reference: Data) -> str:
        if self.score == "surprisal":
            return f"mass of the reference's most surprising {self.mass:.3g} of sequences"
        if isinstance(reference, Codes):
            return f"mass of the reference's rarest {self.mass:.3g} of {reference.kind}"
        end = "outer" if self.tail == "both" else self.tail
        by = ""
        if is_halved(reference, self.score):
            by = " by Mahalanobis distance"
        elif self.tail == "both":
            by = f" ({self.mass / 2:.3g} at each end)"
        return f"mass in the reference's {end} {self.mass:.3g}{by}{' of scores' * bool(self.score)}"


def _clustered(reference: Data) -> bool:
    """Return whether rows are of declared clusters."""
    return reference.units is not None and reference.kind != "tokens"


def check_tail_mass(
    samples: Any,
    reference: Any,
    *,
    tolerate: float = 0.05,
    detect: float = 0.25,
    mass: float = MASS,
    tail: Tail = "both",
    score: Score | None = None,
    growth: tuple[float, float] | None = None,
    kind: Kind | None = None,
    clusters: Any = None,
    guarantee: Guarantee = "average",
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
        random half of the reference (the count is on the other half): "both". So do codes: the
        states that are rarest in a random half of the reference, those it lacks among them,
        counted on the other half.
    score
        Instead, a fixed function from (n, d) to n numbers, whose ends are the tails. For tokens
        "surprisal": the mean negative log-probability of a token under bigrams of a random half of
        the reference's sequences (:class:`~collapse_bench.features.Surprisal`). The tail are the
        most surprising sequences, counted on the other half, by the exact law.
    growth
        None to judge losses only; growth that is shown is then a note. A pair
        (tolerate, detect) of growths, 0.05 for 5 % more mass, to judge both directions: either
        fails, at half of ``alpha`` each, and a pass takes both. (1 + detect) mass < 1.
    kind
        "numbers", "codes" or "tokens"; None to read it from the data. Of tokens, blocks (N, L),
        lists of sequences or texts, each sequence is one unit: rates are compared by a
        studentised permutation of the sequences.
    clusters
        None if rows are independent. A pair (ids of the samples' rows, ids of the reference's)
        for numbers or codes that belong to documents, users or prompts: clusters are independent
        of one another, rows of one needn't be. The outermost rows of a random half of the
        reference's clusters mark the tail, and its rate in the other half is compared as that of
        tokens is. ``size`` and ``reference_size`` then count clusters.
    guarantee
        "average": the error rates hold over references drawn together with the samples, so a
        reference that is used again may be an unlucky one. "reference": for all references but a
        share of 0.2 ``alpha``, the rate of fails of *this* one is at most ``alpha``, and likewise
        the rate of passes for ``beta``; a fifth of each level is spent on a confidence bound of
        the reference's own tail mass [2]_. It takes more rows, most of all of the reference. Not
        for tokens and clusters.
    alpha, beta
        Levels of "fail" and of "pass", in (0, 0.5).
    permutations
        Relabellings of sequences or clusters; not used otherwise, where the test is exact.
    seed
        Root of the streams for ties and for the half.

    Raises
    ------
    InvalidArgument
        If a setting is out of its range or doesn't go with the data, or ``clusters`` aren't one
        id for each row.
    InvalidSamples
        If samples or reference are empty, not finite, of different widths, or don't vary.

    References
    ----------
    .. [1] B. Epstein, "Tables for the distribution of the number of exceedances", Annals of
       Mathematical Statistics 25 (1954), 762-768.
    .. [2] R. L. Berger and D. D. Boos, "P values maximized over a confidence set for the nuisance
       parameter", Journal of the American Statistical Association 89 (1994), 1012-1016.
    """
    setting = TailMass(tolerate, detect, mass, tail, score, growth, kind, permutations, guarantee)
    ours, theirs = as_pair(clusters)
    known = read_reference(reference, kind, seed=seed, clusters=theirs)
    rows = read_samples(samples, known, kind, clusters=ours)
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
