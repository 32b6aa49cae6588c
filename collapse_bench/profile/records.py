"""What a collapse profile says: stage, fate, onset, and the findings that they rest on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["LOGS", "SPREADS", "TAILS", "CollapseProfile", "Estimate", "Fate", "Finding", "Stage"]

Stage = Literal["late", "early", "expanding", "none", "inconclusive"]
Fate = Literal["collapsing", "bounded", "stable", "expanding", "inconclusive"]

# Metrics by preference, with what they are called; those of LOGS are logarithms of a ratio.
SPREADS = {
    "log_whitened_variance": "variance over all directions",
    "log_variance": "variance",
    "variance": "variance",
    "gini_simpson": "Gini-Simpson diversity",
}
LOGS = ("log_whitened_variance", "log_variance")
TAILS = {
    "tail_coverage": "states of the tail",
    "centered_tail_mass": "mass of the tails about its own mean",
    "tail_mass": "mass of the tails",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its bounds, each one-sided at alpha/2.

    ``value`` is None where it has none, and ``reason`` says why; beside a value, ``high`` None
    means without limit.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One loss with its interval.

    Attributes
    ----------
    metric
        Name of the metric.
    form
        ``"level"``: the loss of the last generation against the reference. ``"drift"``: the loss
        a generation over the last half. ``"slowing"``: that loss beyond half of the one of the
        first half.
    test
        Name of the test that the interval inverts.
    estimate, low, high
        A loss: 0.25 is a quarter gone, negative is growth. No bounds: ``reason`` says why.
    tolerate, detect
        Effect sizes; for a drift over as many generations as were run. ``tolerate`` is None where
        no rule uses it.
    level
        Of each bound, one-sided.
    replicates
        Lineages, R.
    onset
        First generation from which a loss of ``detect`` is shown, up to the last; None: never.
    """

    metric: str
    form: Literal["level", "drift", "slowing"]
    test: str
    detect: float
    level: float
    replicates: int
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    tolerate: float | None = None
    onset: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CollapseProfile:
    """What lineages have come to; the rules are those of :mod:`collapse_bench.profile`.

    Attributes
    ----------
    stage, fate
        How far it went, and where it goes.
    onset
        First generation from which the loss, or growth, that names the stage is shown; None for
        the stages none and inconclusive.
    evidence
        The findings that stage and fate rest on.
    effective_size_ratio
        N_e/M: the c for which ideal resampling of c M_t draws a generation keeps as much of the
        mean variance or diversity, prod(1 - 1/(c M_t)) = mean D_T / mean D_0. 1 for a resampler
        or a Gaussian fitted by maximum likelihood, less for a model that loses more.
    half_life
        Generations in which the spread of the typical lineage halves, log 2 / -drift.
    fresh_equivalent
        Rows of fresh data among the M of each generation with which a sound loop settles at the
        mean level q = mean D_T / D measured, from the fixed point of
        D' = (1-1/M)[(1-g)^2 D + (1-(1-g)^2) D_0]: (1-g)^2 = (a-q)/(a(1-q)) with a = 1 - 1/M, and
        g M rows. About q/(2(1-q)), whatever M is.
    alpha
        Twice the level of each bound: a claim is wrong with a chance of alpha/2 at most.
    horizon
        Generations over which "no drift" was judged, T.
    reason
        Why the stage or the fate is inconclusive.
    """

    stage: Stage
    fate: Fate
    onset: int | None
    evidence: tuple[Finding, ...]
    effective_size_ratio: Estimate
    half_life: Estimate
    fresh_equivalent: Estimate
    alpha: float
    horizon: int
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the profile in plain types of JSON, with ``text`` for its sentences."""
        record = asdict(self)
        record["evidence"] = [asdict(finding) for finding in self.evidence]
        return {**record, "text": str(self)}

    def __str__(self) -> str:
        since = "" if self.onset is None else f", shown from generation {self.onset} on"
        parts = [f"stage {self.stage}{since}; fate {self.fate}"]
        parts += [_told(finding, self.horizon) for finding in self.evidence]
        for estimate, before, after in (
            (self.half_life, "half-life ", " generations"),
            (self.effective_size_ratio, "effective size ", " of the samples drawn"),
            (self.fresh_equivalent, "the level of a sound loop with ", " fresh rows each"),
        ):
            if estimate.value is not None:
                high = "inf" if estimate.high is None else f"{estimate.high:.3g}"
                span = f"{estimate.value:.3g} [{estimate.low:.3g}, {high}]"
                parts.append(f"{before}{span}{after}")
        if self.evidence:
            lineages = self.evidence[0].replicates
            parts.append(f"{lineages:,} lineages, each bound at {self.alpha / 2:g}")
        if self.reason:
            parts.append(self.reason)
        return "; ".join(parts)


def _told(finding: Finding, horizon: int) -> str:
    """Return one finding in words."""
    words = {**SPREADS, **TAILS}[finding.metric]
    span = "" if finding.low is None else f" [{finding.low:.3g}, {finding.high:.3g}]"
    if finding.form == "slowing":
        return f"{finding.estimate:.3g}{span} beyond half of the first half's"
    if finding.form == "drift":
        return f"{finding.estimate:.3g}{span} a generation over the last {horizon - horizon // 2}"
    return f"loss {finding.estimate:.3g}{span} of the {words} (detect {finding.detect:g})"
