"""Does the model keep the spread of its reference? Tests that don't assume a normal law."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import pair
from collapse_bench.gates.evidence import Evidence, growth_note, growth_untold
from collapse_bench.gates.judge import judge
from collapse_bench.gates.levels import (
    LEAST_ROWS,
    Levels,
    as_growth,
    check_effects,
    check_permutations,
)
from collapse_bench.gates.rows import Data, Rows, dropped, numeric, read_reference, read_samples
from collapse_bench.gates.scales import SCALES, Scale, form_of, too_few
from collapse_bench.gates.verdict import Growth, Verdict
from collapse_bench.statistics import power
from collapse_bench.statistics.spread import HEAVY, SpreadTest, kurtosis, spread_test
from collapse_bench.statistics.winsorized import (
    LEAST,
    SHARE,
    WinsorizedTest,
    on_lattice,
    winsorized,
)
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, check_count, one_of

__all__ = ["Scale", "Variance", "assert_variance", "check_variance"]


class VarianceSettings(TypedDict, total=False):
    """Keywords of :func:`check_variance`."""

    tolerate: float
    detect: float
    scale: Scale
    growth: tuple[float, float] | None
    kind: Kind | None
    alpha: float
    beta: float
    permutations: int
    seed: int


@dataclass(frozen=True)
class Variance:
    """The settings of one variance check; see :func:`check_variance`."""

    metric: ClassVar[str] = "variance"
    kinds: ClassVar[tuple[Kind, ...]] = ("numbers",)
    tolerate: float = 0.05
    detect: float = 0.20
    scale: Scale = "auto"
    growth: tuple[float, float] | None = None
    kind: Kind | None = None
    permutations: int = 9_999

    def __post_init__(self) -> None:
        check_effects(self.tolerate, self.detect, most=1)
        one_of("scale", self.scale, SCALES)
        check_count("permutations", self.permutations)
        object.__setattr__(self, "growth", as_growth(self.growth))

    def evidence(self, samples: Data, reference: Data, levels: Levels, *, seed: int) -> Evidence:
        """Return what the samples say; see :class:`~collapse_bench.gates.evidence.Setting`."""
        samples, reference = numeric(samples), numeric(reference)
        check_permutations(self.permutations, levels.directed(self.growth))
        rng = generator(seed, "check", self.metric, "relabel")
        if self._several(reference):
            return pair.evidence(
                samples,
                reference,
                levels,
                tolerate=self.tolerate,
                detect=self.detect,
                growth=self.growth,
                permutations=self.permutations,
                rng=rng,
            )
        ours, theirs = (
            np.sort(reference.white(rows.values)[:, 0]) for rows in (samples, reference)
        )
        form = form_of(theirs, self.scale)
        if form.winsorized:
            found = self._winsorized(ours, theirs, levels)
        else:
            found = self._plain(ours, theirs, levels, rng)
        growth, grown = found.growth, found.notes
        if form.withheld:  # by the plain variance of a heavy-tailed reference no growth is shown
            growth, grown = growth and replace(growth, low=None, pvalue_fail=None), ()
        return replace(
            found,
            withheld=form.withheld or found.withheld,
            notes=(*form.notes, *dropped(reference, reference.white.dependent), *grown),
            growth=growth,
        )

    def never_passes(self, reference: Data) -> str | None:
        """Return that a reference has tails too heavy for what is compared, or None."""
        reference = numeric(reference)
        if self._several(reference):
            return pair.never_passes(reference)
        return form_of(np.sort(reference.white(reference.values)[:, 0]), self.scale).withheld

    def size_to_pass(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which an unchanged variance passes, by the delta method."""
        reference = numeric(reference)
        if self._several(reference):
            return pair.size_to_pass(reference, levels, m, detect=self.detect, growth=self.growth)
        gap, miss = -math.log1p(-self.detect), levels.miss
        if self.growth is not None:  # each direction takes half of the misses
            gap, miss = min(gap, math.log1p(self.growth[1])), miss / 2
        return self._size(reference, gap / power.distance(levels.beta, miss), m)

    def size_to_fail(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a loss, or a growth, of its ``detect`` fails; delta method."""
        reference = numeric(reference)
        if self._several(reference):
            return pair.size_to_fail(
                reference,
                levels,
                m,
                tolerate=self.tolerate,
                detect=self.detect,
                growth=self.growth,
            )
        gap = math.log1p(-self.tolerate) - math.log1p(-self.detect)
        if self.growth is not None:
            gap = min(gap, math.log1p(self.growth[1]) - math.log1p(self.growth[0]))
        alpha = levels.directed(self.growth).alpha
        return self._size(reference, gap / power.distance(alpha, levels.miss), m)

    def _size(self, reference: Rows, gap: float, m: int | None) -> int | None:
        """Return the n at which the log-ratio's standard error is at most ``gap``."""
        line = np.sort(reference.white(reference.values)[:, 0])
        if form_of(line, self.scale).winsorized:
            return power.size(winsorized(line).spread / gap**2, m, least=LEAST)
        return power.size((kurtosis(line) - 1) / gap**2, m, least=LEAST_ROWS)

    def _several(self, reference: Rows) -> bool:
        """Return whether there are several directions to judge, for which ``scale`` is fixed."""
        several = reference.white.dimension > 1
        if several and self.scale != "auto":
            raise InvalidArgument(
                "scale must be 'auto' for more than one column, where the volume of the spread "
                f"and its weakest direction are judged; got scale={self.scale!r}"
            )
        return several

    def _plain(
        self,
        ours: NDArray[np.float64],
        theirs: NDArray[np.float64],
        levels: Levels,
        rng: np.random.Generator,
    ) -> Evidence:
        few = too_few(min(len(ours), len(theirs)), LEAST_ROWS)
        if len(ours) < 2:
            untold = growth_untold("variance", "variance", self.growth)
            single = "a single row has no variance"
            return Evidence("variance", "variance", withheld=single, growth=untold)
        if ours[0] == ours[-1]:
            return self._constant("variance", "variance", ours, theirs, levels, few)
        test = spread_test(ours, theirs, permutations=self.permutations, rng=rng)
        at = levels.directed(self.growth)
        low, high = test.bounds(alpha=at.alpha, beta=at.beta)
        growth, grown = self._growth("variance", "variance", test, at)
        if growth is not None and few is None and kurtosis(ours) > HEAVY:
            few = (
                f"the samples' kurtosis is {kurtosis(ours):.3g} > {HEAVY:g}: by their plain "
                "variance no growth can be excluded"
            )
        return Evidence(
            "variance",
            "variance",
            estimate=test.loss,
            low=low,
            high=high,
            pvalue_fail=test.pvalue_fail(self.tolerate),
            pvalue_pass=test.pvalue_pass(self.detect),
            withheld=few,
            notes=grown,
            growth=growth,
        )

    def _winsorized(
        self, ours: NDArray[np.float64], theirs: NDArray[np.float64], levels: Levels
    ) -> Evidence:
        quantity = "variance of the middle 98 %"
        few = too_few(min(len(ours), len(theirs)), LEAST)
        middle = ours if few else ours[_inner(len(ours))]
        if len(ours) > 1 and middle[0] == middle[-1]:
            return self._constant("winsorized", quantity, middle, theirs, levels, few)
        if few:
            untold = growth_untold("winsorized", quantity, self.growth)
            return Evidence("winsorized", quantity, withheld=few, growth=untold)
        test = WinsorizedTest(winsorized(ours), winsorized(theirs))
        at = levels.directed(self.growth)
        low, high = test.bounds(alpha=at.alpha, beta=at.beta)
        growth, grown = self._growth("winsorized", quantity, test, at)
        return Evidence(
            "winsorized",
            quantity,
            estimate=test.loss,
            low=low,
            high=high,
            pvalue_fail=test.pvalue_fail(self.tolerate),
            pvalue_pass=test.pvalue_pass(self.detect),
            withheld="generated values are tied near their quantiles" if on_lattice(ours) else None,
            notes=grown,
            growth=growth,
        )

    def _growth(
        self, statistic: str, quantity: str, test: SpreadTest | WinsorizedTest, levels: Levels
    ) -> tuple[Growth | None, tuple[str, ...]]:
        """Return what a test says of growth where that is judged; else a note if it is shown.

        A growth is a loss below 0, so each of its tests is the other one of the loss.
        """
        estimate = -test.loss
        if self.growth is None:
            if test.pvalue_pass(-self.tolerate) > levels.alpha:
                return None, ()
            shown = test.bounds(alpha=levels.alpha, beta=levels.alpha)[1]
            return None, growth_note(quantity, estimate, -shown)
        tolerate, detect = self.growth
        low, high = test.bounds(alpha=levels.beta, beta=levels.alpha)
        growth = Growth(
            statistic=statistic,
            quantity=quantity,
            tolerate=tolerate,
            detect=detect,
            estimate=estimate,
            low=-high,
            high=None if low is None else -low,
            pvalue_fail=test.pvalue_pass(-tolerate),
            pvalue_pass=test.pvalue_fail(-detect),
        )
        return growth, ()

    def _constant(
        self,
        statistic: str,
        quantity: str,
        ours: NDArray[np.float64],
        theirs: NDArray[np.float64],
        levels: Levels,
        withheld: str | None,
    ) -> Evidence:
        """Return what rows of one value say: how often the reference's law gives as many of one."""
        _, ties = np.unique(theirs, return_counts=True)
        chance = float(ties.max() / len(theirs)) ** (len(ours) - 1)
        growth = None
        if self.growth is not None:
            growth = Growth(
                statistic,
                quantity,
                *self.growth,
                estimate=-1.0,
                low=-1.0,
                high=-1.0 if chance <= levels.beta else None,
                pvalue_fail=1.0,
                pvalue_pass=chance,
            )
        return Evidence(
            statistic,
            quantity,
            estimate=1.0,
            low=1.0 if chance <= levels.directed(self.growth).alpha else None,
            high=1.0,
            pvalue_fail=chance,
            pvalue_pass=1.0,
            withheld=withheld,
            growth=growth,
        )


def _inner(size: int) -> slice:
    """Return the order statistics inside both quantiles."""
    return slice(math.floor(SHARE * (size - 1)), math.ceil((1 - SHARE) * (size - 1)) + 1)


def check_variance(
    samples: Any,
    reference: Any,
    *,
    tolerate: float = 0.05,
    detect: float = 0.20,
    scale: Scale = "auto",
    growth: tuple[float, float] | None = None,
    kind: Kind | None = None,
    alpha: float = 0.01,
    beta: float = 0.01,
    permutations: int = 9_999,
    seed: int = 0,
) -> Verdict:
    """Judge how much of the reference's variance the samples have lost.

    On the line it is a permutation test of the log-variance ratio, studentised by the kurtosis of
    each group [1]_; for heavy tails a z-test of the winsorized variances. In several columns both
    the log-determinant (loss 1 - ratio^(1/d)) and the weakest direction (loss 1 - smallest ratio of
    variances along any direction) are judged: a loss by either fails, and a pass takes both.

    Parameters
    ----------
    samples, reference : shapes (n, d) and (m, d), or (n,) and (m,)
        Generated rows, and rows of the true distribution; independent draws. A reference that is
        a law, an object with ``sample(size, rng=)``, is drawn from 100,000 times.
    tolerate, detect
        Losses: the share of the variance that may be gone, and the share that must be noticed;
        0 <= tolerate < detect < 1.
    scale
        On the line: "variance"; "winsorized", each sample's values moved to its own 1 % and 99 %
        quantiles; or "auto", the second where the reference's kurtosis exceeds 6. The plain
        variance of such a reference can fail but never passes. In several columns "auto": what
        has such a column or weakest direction never passes.
    growth
        None to judge losses only; growth that is shown is then a note. A pair
        (tolerate, detect) of growths, 0.05 for 5 % more variance, to judge both directions:
        either fails, at half of ``alpha`` each, and a pass takes both. In several columns the
        growth is that of the volume, ratio^(1/d) - 1, and that of the strongest direction, the
        largest ratio of variances less 1.
    kind
        "numbers", or None to read it from the data.
    alpha, beta
        Levels of "fail" and of "pass", in (0, 0.5).
    permutations
        Relabellings; at least 1 / alpha (2 / alpha where growth is judged) and 1 / beta.
    seed
        Root of their stream.

    Raises
    ------
    InvalidArgument
        If a setting is out of its range, the data aren't numbers, or they can't be winsorized.
    InvalidSamples
        If samples or reference are empty, not finite, of different widths, or don't vary.

    References
    ----------
    .. [1] E. Chung and J. P. Romano, "Exact and asymptotically robust permutation tests", Annals
       of Statistics 41 (2013), 484-507.
    """
    setting = Variance(tolerate, detect, scale, growth, kind, permutations)
    known = read_reference(reference, kind, seed=seed)
    rows = read_samples(samples, known, kind)
    return judge(setting, rows, known, Levels.of(alpha, beta), seed=seed)


def assert_variance(samples: Any, reference: Any, **settings: Unpack[VarianceSettings]) -> None:
    """Raise, with the verdict in one sentence, unless :func:`check_variance` passes.

    Raises
    ------
    CollapseError
        If a loss beyond ``tolerate`` is shown.
    Inconclusive
        If neither that nor the absence of a loss of ``detect`` is shown.
    """
    __tracebackhide__ = True
    check_variance(samples, reference, **settings).raise_unless_passed()
