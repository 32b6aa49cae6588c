"""Does the model still reach the states of its reference? Rarefied richness, at one depth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypedDict, Unpack

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import clustered
from collapse_bench.gates.clusters import as_pair
from collapse_bench.gates.codes import Codes, foreign_note
from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.judge import judge
from collapse_bench.gates.levels import LEAST_ROWS, Levels, check_effects
from collapse_bench.gates.rows import Data, read_reference, read_samples
from collapse_bench.gates.verdict import Verdict
from collapse_bench.statistics import power
from collapse_bench.statistics.richness import Richness, RichnessTest
from collapse_bench.validation import Kind, check_count

__all__ = ["DEPTH", "Support", "assert_support", "check_support"]

# Depth where none is given: the loss must not change its meaning with the number of draws, and
# laws with many states that are seen once could never be told at full depth.
DEPTH = 1_000


class SupportSettings(TypedDict, total=False):
    """Keywords of :func:`check_support`."""

    tolerate: float
    detect: float
    depth: int | None
    kind: Kind | None
    clusters: Any
    alpha: float
    beta: float
    permutations: int
    seed: int


@dataclass(frozen=True)
class Support:
    """The settings of one support check; see :func:`check_support`."""

    metric: ClassVar[str] = "support"
    kinds: ClassVar[tuple[Kind, ...]] = ("codes", "tokens")
    tolerate: float = 0.05
    detect: float = 0.20
    depth: int | None = None
    kind: Kind | None = None
    permutations: int = 9_999

    def __post_init__(self) -> None:
        check_effects(self.tolerate, self.detect, most=1)
        check_count("permutations", self.permutations)
        if self.depth is not None:
            check_count("depth", self.depth)

    def evidence(self, samples: Data, reference: Data, levels: Levels, *, seed: int) -> Evidence:
        """Return what the samples say; see :class:`~collapse_bench.gates.evidence.Setting`."""
        del seed  # nothing is random here
        assert isinstance(samples, Codes)
        assert isinstance(reference, Codes)
        n, m = len(samples), len(reference)
        depth = self._depth(n, m)
        if depth > min(n, m):
            raise InvalidArgument(
                f"depth must be at most the {min(n, m):,} {_units(reference)} of the smaller "
                f"sample; got depth={depth}"
            )
        test = RichnessTest(
            samples.incidence.richness(depth),
            reference.incidence.richness(depth),
            depth / min(n, m),
        )
        fails, passes, notes = test, test, foreign_note(samples, reference)
        if _clustered(reference):
            fails, passes = _of_one_length(test, samples, reference)
            notes = (
                *clustered.foreign_note(samples, reference),
                clustered.sizes_note(samples, reference),
            )
        low = fails.bounds(alpha=levels.alpha, beta=levels.beta)[0]
        high = passes.bounds(alpha=levels.alpha, beta=levels.beta)[1]
        withheld = None
        if min(n, m) < LEAST_ROWS:
            withheld = f"fewer than {LEAST_ROWS} {_units(reference)} show nothing to be kept"
        elif _clustered(reference):
            withheld = clustered.few_clusters(samples, reference)
        return Evidence(
            "rarefied_richness" + ("_by_cluster" if _clustered(reference) else ""),
            f"states in {depth:,} {_units(reference)}",
            estimate=test.loss,
            low=low,
            high=high,
            pvalue_fail=fails.pvalue_fail(self.tolerate),
            pvalue_pass=passes.pvalue_pass(self.detect),
            withheld=withheld,
            notes=notes,
        )

    def never_passes(self, reference: Data) -> str | None:
        """Return None: at a fixed depth enough draws show that all states are kept."""
        del reference
        return None

    def size_to_pass(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which an unchanged law passes, by the variance it would have."""
        gap = -math.log1p(-self.detect)
        return self._size(reference, gap / power.distance(levels.beta, levels.miss), m)

    def size_to_fail(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a loss of ``detect`` fails, by the variance it would have."""
        gap = math.log1p(-self.tolerate) - math.log1p(-self.detect)
        return self._size(reference, gap / power.distance(levels.alpha, levels.miss), m)

    def _size(self, reference: Data, error: float, m: int | None) -> int | None:
        """Return the n at which the standard error of the log-ratio is at most ``error``."""
        assert isinstance(reference, Codes)

        def enough(n: int) -> bool:
            rows = n if m is None else m
            if min(n, rows) < LEAST_ROWS or (self.depth or 1) > min(n, rows):
                return False
            depth = self._depth(n, rows)
            if depth > len(reference):  # no reference of these says what so many hold
                return False
            shown = reference.incidence.richness(depth).value
            step = depth / min(n, rows)
            variance = sum(reference.incidence.variance_at(depth, size) for size in (n, rows))
            return math.sqrt(variance + step**2) / shown <= error

        return power.smallest_size(enough)

    def _depth(self, n: int, m: int) -> int:
        return min(n, m, DEPTH) if self.depth is None else self.depth


def _clustered(codes: Codes) -> bool:
    """Return whether draws are of declared clusters."""
    return codes.kind == "codes" and codes.units is not None


def _units(codes: Codes) -> str:
    if _clustered(codes):
        return "clusters"
    return "draws" if codes.units is None else "sequences"


def _of_one_length(
    test: RichnessTest, samples: Codes, reference: Codes
) -> tuple[RichnessTest, RichnessTest]:
    """Return the tests that fail and that pass whatever longer or shorter clusters would hold.

    How many rows a cluster has is a matter of sampling, and longer ones hold more states: with a
    times the rows, a <= 1, between a and 1 times as many, since what a further row adds never
    grows. Either test takes the end that is worse for it.
    """
    longer = (len(samples.values) / len(samples)) / (len(reference.values) / len(reference))

    def times(factor: float) -> RichnessTest:
        ours = test.generated
        return replace(test, generated=Richness(factor * ours.value, factor**2 * ours.variance))

    return times(max(1.0, 1 / longer)), times(min(1.0, 1 / longer))


def check_support(
    samples: Any,
    reference: Any,
    *,
    tolerate: float = 0.05,
    detect: float = 0.20,
    depth: int | None = None,
    kind: Kind | None = None,
    clusters: Any = None,
    alpha: float = 0.01,
    beta: float = 0.01,
    permutations: int = 9_999,
    seed: int = 0,
) -> Verdict:
    """Judge how many of the reference's states the samples have lost.

    States are counted in as many units of each, drawn without replacement: the richness at one
    depth [1]_. The loss is 1 less the ratio of the two, so a generator that draws each state as
    often as the reference has none at any size. States that the reference lacks count too; their
    share stands beside the loss.

    Parameters
    ----------
    samples, reference : shapes (n,) and (m,), or sequences of tokens
        Independent draws of codes; or, of kind "tokens", blocks (N, L), lists of sequences or
        texts, of which each sequence is one unit. A reference that is a law, an object with
        ``sample(size, rng=)``, is drawn from 100,000 times.
    tolerate, detect
        Losses: the share of the states that may be gone, and the share that must be noticed;
        0 <= tolerate < detect < 1.
    depth
        Units that the states are counted in; None: 1,000, or those of the smaller sample.
    kind
        "codes" or "tokens"; None to read it from the data.
    clusters
        None if draws are independent. A pair (ids of the samples' rows, ids of the reference's)
        for codes that belong to documents, users or prompts: clusters are independent of one
        another, rows of one needn't be, and ``depth`` counts clusters. Where those of one side are
        longer, a loss and its absence must be shown whatever as long ones would hold.
    alpha, beta
        Levels of "fail" and of "pass", in (0, 0.5), of a normal test. Its variance is that of
        rarefied richness; that of sequences or clusters is a jackknife over them.
    permutations, seed
        Not used by this check, in which nothing is random.

    Raises
    ------
    InvalidArgument
        If a setting is out of its range, the data aren't codes, or ``clusters`` aren't one id for
        each row.
    InvalidSamples
        If samples or reference are empty or can't be codes, or the reference has one state.

    References
    ----------
    .. [1] S. H. Hurlbert, "The nonconcept of species diversity", Ecology 52 (1971), 577-586.
    """
    setting = Support(tolerate, detect, depth, kind, permutations)
    ours, theirs = as_pair(clusters)
    known = read_reference(reference, kind, seed=seed, clusters=theirs)
    rows = read_samples(samples, known, kind, clusters=ours)
    return judge(setting, rows, known, Levels.of(alpha, beta), seed=seed)


def assert_support(samples: Any, reference: Any, **settings: Unpack[SupportSettings]) -> None:
    """Raise, with the verdict in one sentence, unless :func:`check_support` passes.

    Raises
    ------
    CollapseError
        If a loss beyond ``tolerate`` is shown.
    Inconclusive
        If neither that nor the absence of a loss of ``detect`` is shown.
    """
    __tracebackhide__ = True
    check_support(samples, reference, **settings).raise_unless_passed()
