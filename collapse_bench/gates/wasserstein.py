"""Has the shape of the distribution changed? The first Wasserstein distance, in a plain unit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import clustered
from collapse_bench.gates.clusters import as_pair
from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.judge import judge
from collapse_bench.gates.levels import LEAST_ROWS, Levels, check_effects
from collapse_bench.gates.rows import Data, Rows, dropped, numeric, read_reference, read_samples
from collapse_bench.gates.verdict import Verdict
from collapse_bench.metrics import directions
from collapse_bench.statistics import power
from collapse_bench.statistics.bridges import Bridges
from collapse_bench.statistics.cluster_transport import ClusteredRows, cluster_transport_test
from collapse_bench.statistics.transport import TransportTest, transport_test
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, check_count

__all__ = ["Wasserstein", "assert_wasserstein", "check_wasserstein"]

# Generated values beyond so many standard deviations of the reference are moved here: they are as
# far as can be, and sums in single precision stay finite.
FARTHEST = 1e12

# A loss is in units of the mean deviation and may exceed 1; beyond this it is a slip of the pen.
LARGEST_LOSS = 100.0


class WassersteinSettings(TypedDict, total=False):
    """Keywords of :func:`check_wasserstein`."""

    tolerate: float
    detect: float
    order: int
    kind: Kind | None
    clusters: Any
    alpha: float
    beta: float
    permutations: int
    seed: int


@dataclass(frozen=True)
class Wasserstein:
    """The settings of one Wasserstein check; see :func:`check_wasserstein`."""

    metric: ClassVar[str] = "wasserstein"
    kinds: ClassVar[tuple[Kind, ...]] = ("numbers",)
    tolerate: float = 0.02
    detect: float = 0.10
    order: int = 1
    kind: Kind | None = None
    permutations: int = 9_999

    def __post_init__(self) -> None:
        check_effects(self.tolerate, self.detect, most=LARGEST_LOSS)
        check_count("permutations", self.permutations)
        if self.order != 1:
            raise InvalidArgument(
                f"order must be 1, whose tests have measured error rates; got order={self.order!r}"
            )

    def evidence(self, samples: Data, reference: Data, levels: Levels, *, seed: int) -> Evidence:
        """Return what the samples say; see :class:`~collapse_bench.gates.evidence.Setting`."""
        samples, reference = numeric(samples), numeric(reference)
        columns, notes = reference.varying, dropped(reference)
        test = self._test(samples, reference, seed)
        low, high = test.bounds(alpha=levels.alpha, beta=levels.beta)
        withheld = None
        if reference.units is not None:
            notes = (*notes, clustered.sizes_note(samples, reference))
            withheld = clustered.few_clusters(samples, reference)
        elif min(len(samples), len(reference)) < LEAST_ROWS:
            withheld = f"fewer than {LEAST_ROWS} rows show nothing to be kept"
        by = "" if reference.units is None else "_by_cluster"
        statistic, quantity = f"wasserstein_1{by}", "shape, as the W1 distance in mean deviations"
        if len(columns) > 1:
            statistic = f"sliced_wasserstein_1{by}"
            quantity = "shape, as the mean W1 distance along 64 directions in mean deviations"
        return Evidence(
            statistic,
            quantity,
            estimate=test.loss,
            low=low,
            high=high,
            pvalue_fail=test.pvalue_fail(self.tolerate),
            pvalue_pass=test.pvalue_pass(self.detect),
            withheld=withheld,
            notes=notes,
        )

    def _test(self, samples: Rows, reference: Rows, seed: int) -> TransportTest:
        """Return the test along all directions, in standard deviations of the reference."""
        columns = reference.varying
        theirs = reference.values[:, columns]
        center, scale = theirs.mean(axis=0), theirs.std(axis=0)
        ours = np.clip((samples.values[:, columns] - center) / scale, -FARTHEST, FARTHEST)
        theirs = (theirs - center) / scale
        relabel, resample = (
            generator(seed, "check", self.metric, what) for what in ("relabel", "resample")
        )
        directions = _directions(len(columns))
        if samples.units is None or reference.units is None:
            return transport_test(
                ours,
                theirs,
                directions,
                permutations=self.permutations,
                relabel_rng=relabel,
                resample_rng=resample,
            )
        return cluster_transport_test(
            ClusteredRows(ours, samples.units),
            ClusteredRows(theirs, reference.units),
            directions,
            permutations=self.permutations,
            relabel_rng=relabel,
            resample_rng=resample,
        )

    def never_passes(self, reference: Data) -> str | None:
        """Return None: with enough rows every shape can be shown to be kept."""
        del reference
        return None

    def size_to_pass(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which an unchanged shape passes; simulated."""
        harmonic = _harmonic_to_pass(numeric(reference), self.detect, levels.beta, levels.miss)
        return power.size(harmonic, m, least=LEAST_ROWS)

    def size_to_fail(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a contraction by ``detect`` fails; simulated."""
        harmonic = _bridges(numeric(reference)).to_fail(
            tolerate=self.tolerate, detect=self.detect, alpha=levels.alpha, miss=levels.miss
        )
        return power.size(harmonic, m, least=LEAST_ROWS)


def _directions(columns: int) -> NDArray[np.float64]:
    """Return 64 unit vectors, always the same; one column has one direction."""
    return np.ones((1, 1)) if columns == 1 else directions(columns)


@lru_cache(maxsize=2)
def _bridges(reference: Rows) -> Bridges:
    values = reference.values[:, reference.varying]
    return Bridges.of(
        values / values.std(axis=0),
        _directions(values.shape[1]),
        rng=generator(0, "plan", "wasserstein"),
        units=reference.units,
    )


@lru_cache(maxsize=8)
def _harmonic_to_pass(reference: Rows, detect: float, beta: float, miss: float) -> float:
    """Return the n m / (n + m) at which an unchanged shape passes, of rows or of clusters."""
    return _bridges(reference).to_pass(detect=detect, beta=beta, miss=miss)


def check_wasserstein(
    samples: Any,
    reference: Any,
    *,
    tolerate: float = 0.02,
    detect: float = 0.10,
    order: int = 1,
    kind: Kind | None = None,
    clusters: Any = None,
    alpha: float = 0.01,
    beta: float = 0.01,
    permutations: int = 9_999,
    seed: int = 0,
) -> Verdict:
    """Judge how far the samples' distribution has moved from the reference's.

    The unit is the reference's mean deviation E|X - mu|: a contraction about the mean by a tenth
    is a loss of 0.1, and so is every change as far away. ``estimate`` is what exceeds the distance
    of samples of one law. Several columns are divided by the reference's standard deviations, and
    the distance is the mean along 64 fixed directions.

    Parameters
    ----------
    samples, reference : shapes (n, d) and (m, d), or (n,) and (m,)
        Generated rows, and rows of the true distribution; independent draws. A reference that is
        a law, an object with ``sample(size, rng=)``, is drawn from 100,000 times.
    tolerate, detect
        Distances that are fine, and that must be noticed; 0 <= tolerate < detect < 100.
    order
        1, the order of the distance.
    kind
        "numbers", or None to read it from the data.
    clusters
        None if rows are independent. A pair (ids of the samples' rows, ids of the reference's)
        for rows that belong to documents, users or prompts, as of
        :func:`~collapse_bench.gates.check_variance`. Whole clusters are relabelled and resampled,
        and a loss must exceed what either says that clusters of one law are apart.
    alpha, beta
        Levels of "fail", by relabelling under the null shifted by ``tolerate``, and of "pass", by
        the upper bootstrap percentile; in (0, 0.5).
    permutations
        Relabellings, and as many bootstrap samples; at least 1 / alpha and 1 / beta.
    seed
        Root of their streams.

    Raises
    ------
    InvalidArgument
        If a setting is out of its range, the data aren't numbers, or ``clusters`` aren't one id
        for each row.
    InvalidSamples
        If samples or reference are empty, not finite, of different widths, or don't vary.
    """
    setting = Wasserstein(tolerate, detect, order, kind, permutations)
    ours, theirs = as_pair(clusters)
    known = read_reference(reference, kind, seed=seed, clusters=theirs)
    rows = read_samples(samples, known, kind, clusters=ours)
    return judge(setting, rows, known, Levels.of(alpha, beta), seed=seed)


def assert_wasserstein(
    samples: Any, reference: Any, **settings: Unpack[WassersteinSettings]
) -> None:
    """Raise, with the verdict in one sentence, unless :func:`check_wasserstein` passes.

    Raises
    ------
    CollapseError
        If a distance beyond ``tolerate`` is shown.
    Inconclusive
        If neither that nor the absence of a distance of ``detect`` is shown.
    """
    __tracebackhide__ = True
    check_wasserstein(samples, reference, **settings).raise_unless_passed()
