"""Does the model keep the spread of its reference? Tests that don't assume a normal law."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import pair
from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.judge import judge
from collapse_bench.gates.levels import LEAST_ROWS, Levels, check_effects
from collapse_bench.gates.rows import Rows, dropped, read_reference, read_samples
from collapse_bench.gates.verdict import Verdict
from collapse_bench.statistics import power
from collapse_bench.statistics.spread import HEAVY, kurtosis, spread_test
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

Scale = Literal["auto", "variance", "winsorized"]
SCALES: tuple[Scale, ...] = ("auto", "variance", "winsorized")


class VarianceSettings(TypedDict, total=False):
    """Keywords of :func:`check_variance`."""

    tolerate: float
    detect: float
    scale: Scale
    kind: Kind | None
    alpha: float
    beta: float
    permutations: int
    seed: int


@dataclass(frozen=True)
class Variance:
    """The settings of one variance check; see :func:`check_variance`."""

    metric: ClassVar[str] = "variance"
    tolerate: float = 0.05
    detect: float = 0.20
    scale: Scale = "auto"
    kind: Kind | None = None
    permutations: int = 9_999

    def __post_init__(self) -> None:
        check_effects(self.tolerate, self.detect, most=1)
        one_of("scale", self.scale, SCALES)
        check_count("permutations", self.permutations)

    def evidence(self, samples: Rows, reference: Rows, levels: Levels, *, seed: int) -> Evidence:
        """Return what the samples say; see :class:`~collapse_bench.gates.evidence.Setting`."""
        rng = generator(seed, "check", self.metric, "relabel")
        if self._several(reference):
            return pair.evidence(
                samples,
                reference,
                levels,
                tolerate=self.tolerate,
                detect=self.detect,
                permutations=self.permutations,
                rng=rng,
            )
        ours, theirs = (
            np.sort(reference.white(rows.values)[:, 0]) for rows in (samples, reference)
        )
        form = _form(theirs, self.scale)
        if form.winsorized:
            found = self._winsorized(ours, theirs, levels)
        else:
            found = self._plain(ours, theirs, levels, rng)
        return replace(
            found,
            withheld=form.withheld or found.withheld,
            notes=(*form.notes, *dropped(reference, reference.white.dependent)),
        )

    def never_passes(self, reference: Rows) -> str | None:
        """Return that a reference has tails too heavy for what is compared, or None."""
        if self._several(reference):
            return pair.never_passes(reference)
        return _form(np.sort(reference.white(reference.values)[:, 0]), self.scale).withheld

    def size_to_pass(self, reference: Rows, levels: Levels, m: int | None) -> int | None:
        """Return the n at which an unchanged variance passes, by the delta method."""
        if self._several(reference):
            return pair.size_to_pass(reference, levels, m, detect=self.detect)
        gap = -math.log1p(-self.detect) / power.distance(levels.beta, levels.miss)
        return self._size(reference, gap, m)

    def size_to_fail(self, reference: Rows, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a variance loss of ``detect`` fails, by the delta method."""
        if self._several(reference):
            return pair.size_to_fail(
                reference, levels, m, tolerate=self.tolerate, detect=self.detect
            )
        gap = math.log1p(-self.tolerate) - math.log1p(-self.detect)
        return self._size(reference, gap / power.distance(levels.alpha, levels.miss), m)

    def _size(self, reference: Rows, gap: float, m: int | None) -> int | None:
        """Return the n at which the log-ratio's standard error is at most ``gap``."""
        line = np.sort(reference.white(reference.values)[:, 0])
        if _form(line, self.scale).winsorized:
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
        few = _too_few(min(len(ours), len(theirs)), LEAST_ROWS)
        if len(ours) < 2:
            return Evidence("variance", "variance", withheld="a single row has no variance")
        if ours[0] == ours[-1]:
            return _constant("variance", "variance", ours, theirs, levels, few)
        test = spread_test(ours, theirs, permutations=self.permutations, rng=rng)
        low, high = test.bounds(alpha=levels.alpha, beta=levels.beta)
        return Evidence(
            "variance",
            "variance",
            estimate=test.loss,
            low=low,
            high=high,
            pvalue_fail=test.pvalue_fail(self.tolerate),
            pvalue_pass=test.pvalue_pass(self.detect),
            withheld=few,
        )

    def _winsorized(
        self, ours: NDArray[np.float64], theirs: NDArray[np.float64], levels: Levels
    ) -> Evidence:
        quantity = "variance of the middle 98 %"
        few = _too_few(min(len(ours), len(theirs)), LEAST)
        middle = ours if few else ours[_inner(len(ours))]
        if len(ours) > 1 and middle[0] == middle[-1]:
            return _constant("winsorized", quantity, middle, theirs, levels, few)
        if few:
            return Evidence("winsorized", quantity, withheld=few)
        test = WinsorizedTest(winsorized(ours), winsorized(theirs))
        low, high = test.bounds(alpha=levels.alpha, beta=levels.beta)
        return Evidence(
            "winsorized",
            quantity,
            estimate=test.loss,
            low=low,
            high=high,
            pvalue_fail=test.pvalue_fail(self.tolerate),
            pvalue_pass=test.pvalue_pass(self.detect),
            withheld="generated values are tied near their quantiles" if on_lattice(ours) else None,
        )


def _constant(
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
    return Evidence(
        statistic,
        quantity,
        estimate=1.0,
        low=1.0 if chance <= levels.alpha else None,
        high=1.0,
        pvalue_fail=chance,
        pvalue_pass=1.0,
        withheld=withheld,
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """Which variance is compared, and what is to be said of that."""

    winsorized: bool
    withheld: str | None = None
    notes: tuple[str, ...] = ()


def _form(line: NDArray[np.float64], scale: Scale) -> _Form:
    """Return what to compare with a sorted reference, decided on it alone, shape (m,)."""
    tailed = f"the reference's kurtosis is {kurtosis(line):.3g}"
    heavy = kurtosis(line) > HEAVY
    few = _too_few(len(line), LEAST)
    lattice = not few and on_lattice(line)
    if scale == "winsorized":
        if lattice:
            raise InvalidArgument(
                "scale must be 'variance' or 'auto' for a reference whose values are tied near its "
                "1 % quantiles, where their density is infinite; got scale='winsorized'"
            )
        return _Form(winsorized=True)
    if not heavy:
        return _Form(winsorized=False)
    if scale == "variance":
        return _Form(False, f"{tailed} > {HEAVY:g}: only scale='winsorized' can pass")
    if few or lattice:
        why = few or "its values are tied near the quantiles"
        return _Form(False, f"{tailed} > {HEAVY:g}, and it can't be winsorized: {why}")
    return _Form(True, notes=(f"variance of the middle 98 %, since {tailed} > {HEAVY:g}",))


def _too_few(rows: int, least: int) -> str | None:
    return None if rows >= least else f"{rows:,} rows are fewer than the {least} that this takes"


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
    kind
        "numbers", or None to read it from the data.
    alpha, beta
        Levels of "fail" and of "pass", in (0, 0.5).
    permutations
        Relabellings; at least 1 / alpha and 1 / beta.
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
    setting = Variance(tolerate, detect, scale, kind, permutations)
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
