"""Does the model keep the spread of its reference? Tests that don't assume a normal law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypedDict, Unpack

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import line, pair
from collapse_bench.gates.clusters import as_pair
from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.judge import judge
from collapse_bench.gates.levels import Levels, as_growth, check_effects, check_permutations
from collapse_bench.gates.rows import Data, Rows, numeric, read_reference, read_samples
from collapse_bench.gates.scales import LINE, SCALES, SEVERAL, Scale
from collapse_bench.gates.verdict import Verdict
from collapse_bench.validation import Kind, check_count, one_of

__all__ = ["Scale", "Variance", "assert_variance", "check_variance"]


class VarianceSettings(TypedDict, total=False):
    """Keywords of :func:`check_variance`."""

    tolerate: float
    detect: float
    scale: Scale
    growth: tuple[float, float] | None
    kind: Kind | None
    clusters: Any
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
        if not self._several(reference):
            return line.evidence(self, samples, reference, levels, seed=seed)
        return pair.evidence(self, samples, reference, levels, seed=seed)

    def never_passes(self, reference: Data) -> str | None:
        """Return that a reference has tails too heavy for what is compared, or None."""
        reference = numeric(reference)
        if not self._several(reference):
            return line.never_passes(self, reference)
        return pair.never_passes(reference)

    def size_to_pass(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which an unchanged variance passes, by the delta method."""
        reference = numeric(reference)
        if not self._several(reference):
            return line.size_to_pass(self, reference, levels, m)
        return pair.size_to_pass(self, reference, levels, m)

    def size_to_fail(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a loss, or a growth, of its ``detect`` fails; delta method."""
        reference = numeric(reference)
        if not self._several(reference):
            return line.size_to_fail(self, reference, levels, m)
        return pair.size_to_fail(self, reference, levels, m)

    def _several(self, reference: Rows) -> bool:
        """Return whether there are several directions to judge, to which ``scale`` must fit."""
        several = reference.white.dimension > 1
        if self.scale in (SEVERAL if several else LINE):
            return several
        listed = " or ".join(map(repr, SEVERAL if several else LINE))
        where = "more than one column" if several else "a single column that varies"
        raise InvalidArgument(f"scale must be {listed} for {where}; got scale={self.scale!r}")


def check_variance(
    samples: Any,
    reference: Any,
    *,
    tolerate: float = 0.05,
    detect: float = 0.20,
    scale: Scale = "auto",
    growth: tuple[float, float] | None = None,
    kind: Kind | None = None,
    clusters: Any = None,
    alpha: float = 0.01,
    beta: float = 0.01,
    permutations: int = 9_999,
    seed: int = 0,
) -> Verdict:
    """Judge how much of the reference's variance the samples have lost.

    On the line it is a permutation test of the log-variance ratio, studentised by the kurtosis of
    each group [1]_; for heavy tails a z-test of the winsorized variances. In several columns both
    the log-determinant (loss 1 - ratio^(1/d)) and the weakest direction (loss 1 - smallest ratio of
    variances along any direction) are judged: a loss by either fails, and a pass takes both. Rows
    of declared clusters are relabelled cluster by cluster.

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
        quantiles; "mad", the median absolute deviation, whose loss is 1 - ratio^2, that of a
        variance; or "auto", winsorized where the reference's kurtosis exceeds 6. The plain
        variance of such a reference can fail but never passes. The robust two ask other questions
        than the variance: the middle 98 %, and the middle half. In several columns "logdet" or
        "weakest_direction", one statistic at the whole level, or "auto", both: what has such a
        column or weakest direction never passes.
    growth
        None to judge losses only; growth that is shown is then a note. A pair
        (tolerate, detect) of growths, 0.05 for 5 % more variance, to judge both directions:
        either fails, at half of ``alpha`` each, and a pass takes both. In several columns the
        growth is that of the volume, ratio^(1/d) - 1, and that of the strongest direction, the
        largest ratio of variances less 1.
    kind
        "numbers", or None to read it from the data.
    clusters
        None if rows are independent. A pair (ids of the samples' rows, ids of the reference's)
        for rows that belong to documents, users or prompts: clusters are independent of one
        another, rows of one needn't be. ``size`` and ``reference_size`` then count clusters.
    alpha, beta
        Levels of "fail" and of "pass", in (0, 0.5).
    permutations
        Relabellings; at least 1 / alpha (2 / alpha where growth is judged) and 1 / beta.
    seed
        Root of their stream.

    Raises
    ------
    InvalidArgument
        If a setting is out of its range, the data aren't numbers, ``scale`` is 0 on the reference
        or takes values that aren't tied, or ``clusters`` aren't one id for each row.
    InvalidSamples
        If samples or reference are empty, not finite, of different widths, or don't vary.

    References
    ----------
    .. [1] E. Chung and J. P. Romano, "Exact and asymptotically robust permutation tests", Annals
       of Statistics 41 (2013), 484-507.
    """
    setting = Variance(tolerate, detect, scale, growth, kind, permutations)
    ours, theirs = as_pair(clusters)
    known = read_reference(reference, kind, seed=seed, clusters=theirs)
    rows = read_samples(samples, known, kind, clusters=ours)
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
