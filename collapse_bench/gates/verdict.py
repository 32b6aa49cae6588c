"""What came of a check: pass, fail or inconclusive, and the numbers behind it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from collapse_bench.errors import CollapseError, Inconclusive

__all__ = ["Growth", "Outcome", "Verdict"]

Outcome = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Growth:
    """The other direction of a loss: 0.05 means that there is 5 % more.

    Attributes
    ----------
    statistic, quantity
        The name of what decided it, and in words what has grown.
    tolerate, detect
        The largest growth that is fine, and the smallest that must never get through.
    estimate, low, high
        The growth, and the interval that inverts its two tests: ``low`` at level alpha of the
        verdict, ``high`` at its beta. None where there is no such number.
    pvalue_fail, pvalue_pass
        Of the hypotheses "the growth is at most ``tolerate``" and "at least ``detect``".
    """

    statistic: str
    quantity: str
    tolerate: float
    detect: float
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    pvalue_fail: float | None = None
    pvalue_pass: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check.

    Attributes
    ----------
    outcome
        "fail": a loss beyond ``tolerate`` was shown. "pass": a loss of ``detect`` or more was
        excluded, and "fail" wasn't shown. "inconclusive": neither. Where growth is judged too,
        either may fail and both must pass.
    metric, statistic
        Names of the check and of what decided it.
    estimate, low, high
        The loss, 0.25 for a quarter gone and negative for growth, and the interval that inverts
        the two tests: ``low`` at level ``alpha``, ``high`` at ``beta``. It fails if and only if
        low > tolerate, and passes if and only if high < detect and it doesn't fail. None where
        there is no such number.
    tolerate, detect, alpha, beta
        The effect sizes, and the levels of the tests: ``alpha`` is the check's share of a gate's,
        or half of that where growth is judged too, which is tested at the other half.
    pvalue_fail, pvalue_pass
        Of the hypotheses "the loss is at most ``tolerate``" and "at least ``detect``".
    size, reference_size
        Rows judged, and of the reference, n and m.
    size_needed
        The (n, m) at which a model without loss would pass; n None if no number of samples would
        do with this reference. Only for inconclusive ones.
    reason
        Why it is inconclusive or a number is missing, and notes; None if there is nothing to say.
    quantity
        In words, what the loss is a loss of.
    notes
        The part of ``reason`` that would hold whatever the outcome.
    growth
        What the samples say of growth; None unless it was judged.
    """

    outcome: Outcome
    metric: str
    statistic: str
    estimate: float | None
    low: float | None
    high: float | None
    tolerate: float
    detect: float
    alpha: float
    beta: float
    pvalue_fail: float | None
    pvalue_pass: float | None
    size: int
    reference_size: int
    size_needed: tuple[int | None, int | None] | None
    reason: str | None
    quantity: str
    notes: tuple[str, ...]
    growth: Growth | None = None

    def __str__(self) -> str:
        """Return the verdict in one sentence, the outcome first."""
        parts = [
            f"{self.outcome.upper()} {self.metric}: loss {_measured(self)} of the {self.quantity}",
            self._tested(self),
        ]
        if self.growth is not None:
            what = (
                "" if self.growth.quantity == self.quantity else f" of the {self.growth.quantity}"
            )
            parts += [f"growth {_measured(self.growth)}{what}", self._tested(self.growth)]
        parts.append(f"n = {self.size:,}, m = {self.reference_size:,}")
        return "; ".join([*parts, *([self.reason] if self.reason else [])])

    def _tested(self, side: Verdict | Growth) -> str:
        return (
            f"tolerate {side.tolerate:g} (p = {_pvalue(side.pvalue_fail)}, "
            f"alpha {self.alpha:.2g}), detect {side.detect:g} "
            f"(p = {_pvalue(side.pvalue_pass)}, beta {self.beta:.2g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types; no number is NaN or infinite."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    def raise_unless_passed(self) -> None:
        """Raise the verdict as an error unless it is "pass".

        Raises
        ------
        CollapseError
            If the check failed.
        Inconclusive
            If it was inconclusive.
        """
        __tracebackhide__ = True
        if self.outcome == "fail":
            raise CollapseError(str(self))
        if self.outcome == "inconclusive":
            raise Inconclusive(str(self))


def _measured(side: Verdict | Growth) -> str:
    interval = f"[{_number(side.low)}, {_number(side.high)}]"
    return f"{_number(side.estimate)} {interval}"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"


def _pvalue(value: float | None) -> str:
    if value == 0:  # too small for a float, not nothing
        return "< 1e-300"
    return "?" if value is None else f"{value:.2g}"


def _plain(value: Any) -> Any:
    """Return a JSON type: tuples as lists, and None for NaN and infinity."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
