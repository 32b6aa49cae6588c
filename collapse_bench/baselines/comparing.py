r"""Is the later of two measurements of a loss better, worse, or as good? From their bounds alone.

Both losses are compared from zero on, :math:`L^+ = \max(L, 0)`: a negative loss is growth, which
is neither better than no loss nor made worse by going back to none. Growth is compared in the same
way where both checks judged it.

*Bounds.* Each verdict has ``low``, below its loss L but for a probability alpha, and ``high``,
above it but for beta. K comparisons (checks, and directions of them) share the level A of a
comparison, and each is made of bounds that err with probability at most :math:`a = A / (2 K)`. A
bound of level :math:`a_0 \le a` is taken as it is. Another is moved away from the estimate: as a
function of its level a bound is a quantile of a confidence distribution, and if the tail S of that
has a log-concave survival function, then :math:`-\log S` is convex, the chord from the median (S =
1/2) bounds it, and

.. math:: \frac{x(a) - x(1/2)}{x(a_0) - x(1/2)} \le \frac{\log 2 a}{\log 2 a_0} .

So multiplying the distance to the estimate by the right-hand side is never too little for normal
bounds, for the exact ones of a Poisson count (gamma tails) or of a share (beta tails). Normal
bounds get 5 to 15 % more than they need at usual levels.

*Words.* Let the earlier loss be U and the later V, each with its two bounds. If
:math:`U^+ \le high_U` and :math:`V^+ \ge low_V`, then :math:`V^+ - U^+ \ge low_V - high_U`, and the
other way round for the upper bound of the difference; each of the two bounds fails with probability
at most 2 a = A / K, by the union bound, whether or not the two measurements depend on each other
(they share a reference). So:

* *worse*: the lower bound of the difference is above 0. P(any, though nothing got worse) <= A;
* *better*: its upper bound is below 0. P(any, though nothing got better) <= A;
* *equivalent*: neither, and both bounds are within detect - tolerate, the change that it takes
  from a loss that is fine to one that must be caught (two one-sided tests). P(any, though a loss
  changed by so much) <= A;
* *can't tell*: none of these.

*Pairs*. Where row i of the one belongs to row i of the other, what both have in common cancels. The
difference of the losses themselves then has bounds of level A / K each (`paired.py`), from which
the words follow in the same way. A release that keeps less than the earlier one, but not less than
the reference, isn't called worse, and one that keeps more isn't called better of an earlier one
that had lost nothing: both go by the estimates, and only take words away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

from collapse_bench.baselines.documents import Entry, Key, Report
from collapse_bench.reports.json import plain
from collapse_bench.reports.text import safe_text
from collapse_bench.validation import check_real

__all__ = [
    "Bounded",
    "Change",
    "Comparison",
    "Pairing",
    "Word",
    "change_of",
    "compare_entries",
    "compare_reports",
    "exit_status",
    "paired_change",
    "worst",
]

Word = Literal["better", "worse", "equivalent", "can't tell"]

# What must be the same for two numbers to measure the same thing, and what it is called.
SAME = {
    "reference_sha256": "reference digest",
    "m": "reference rows",
    "metric": "metric",
    "statistic": "statistic",
    "quantity": "quantity",
    "tolerate": "tolerate",
    "detect": "detect",
}
SHOWN = 12  # hex digits of a digest


@dataclass(frozen=True, slots=True)
class Change:
    """One direction of one check, then and now.

    Attributes
    ----------
    direction
        "loss" or "growth".
    word
        What is shown of it.
    was, now
        The two estimates; None where there is none.
    low, high
        Bounds of the difference, later minus earlier; None where there is none.
    margin
        detect - tolerate: the change that "equivalent" excludes.
    """

    direction: str
    word: Word
    was: float | None
    now: float | None
    low: float | None
    high: float | None
    margin: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of one check.

    Attributes
    ----------
    id
        The check.
    word
        The worst of its changes: worse, can't tell, better, equivalent, in this order. Where
        nothing could be compared it is "can't tell", and ``reason`` says why.
    was, now
        The two measurements; None for one that there isn't.
    changes
        Of the loss and, where both judged it, of the growth; empty where nothing could be compared.
    reason
        Why nothing could be compared, or what else there is to say; None for nothing.
    paired
        Whether rows were compared with rows, not bounds with bounds.
    """

    id: str
    word: Word
    was: Entry | None
    now: Entry | None
    changes: tuple[Change, ...] = ()
    reason: str | None = None
    paired: bool = False

    def __str__(self) -> str:
        """Return it in one line, safe to print."""
        parts = [
            f"{change.direction} {_number(change.was)} -> {_number(change.now)}, "
            f"by [{_number(change.low)}, {_number(change.high)}] (margin {change.margin:.3g})"
            for change in self.changes
        ]
        if self.changes:
            parts[0] += ", paired" if self.paired else ", unpaired"
        said = "; ".join([*parts, *([self.reason] if self.reason else [])])
        return safe_text(f"{self.word:<10}  {self.id}: {said}")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        found: dict[str, Any] = plain(asdict(self))
        return found


@runtime_checkable
class Bounded(Protocol):
    """A change of a loss with bounds, each wrong with probability ``level`` at most."""

    def bounds(self, level: float) -> tuple[float, float]: ...


# Takes a check then and now to its change, row by row; to why there is none; or to None, if the
# rows are of other checks.
Pairing = Callable[[Entry, Entry], Bounded | str | None]


def compare_reports(
    earlier: Report, later: Report, *, alpha: float = 0.01, pairing: Pairing | None = None
) -> list[Comparison]:
    """Return what became of every check of two reports, in the order of their ids.

    Checks are matched by id and model; those that stand once in either report by id alone, so that
    two releases of a model may have different names. Those that ``pairing`` has rows of are
    compared row by row.

    Raises
    ------
    InvalidArgument
        If ``alpha`` isn't in (0, 0.5).
    """
    pairs = _matched(earlier, later)
    whole = [pair for pair in pairs if None not in pair]
    found = compare_entries(whole, alpha=alpha, pairing=pairing)
    for was, now in pairs:
        if now is None and was is not None:
            found.append(
                Comparison(was.id, "can't tell", was, None, (), _absent(was, later, earlier))
            )
        elif was is None and now is not None:
            found.append(
                Comparison(now.id, "can't tell", None, now, (), _absent(now, earlier, later))
            )
    told = {entry.key for one in found for entry in (one.was, one.now) if entry is not None}
    for key in sorted({*earlier.missing, *later.missing} - told):
        if not (_alone(key[0], earlier, later) and key[0] in {one.id for one in found}):
            reason = f"it did not run, of {key[1]}"
            found.append(Comparison(key[0], "can't tell", None, None, (), reason))
    return sorted(found, key=lambda one: (one.id, _who(one)))


def compare_entries(
    pairs: Iterable[tuple[Entry | None, Entry | None]],
    *,
    alpha: float = 0.01,
    pairing: Pairing | None = None,
) -> list[Comparison]:
    """Return what became of checks given as pairs, earlier and later, that share ``alpha``.

    Raises
    ------
    InvalidArgument
        If ``alpha`` isn't in (0, 0.5).
    """
    check_real("alpha", alpha, low=0, high=0.5)
    whole = [(was, now) for was, now in pairs if was is not None and now is not None]
    refused = [_difference(was, now) for was, now in whole]
    shares = sum(
        1 + _both_judge_growth(was, now)
        for (was, now), reason in zip(whole, refused, strict=True)
        if reason is None
    )
    found = []
    for (was, now), reason in zip(whole, refused, strict=True):
        if reason is not None:
            found.append(Comparison(now.id, "can't tell", was, now, (), reason))
            continue
        rows = None if pairing is None else pairing(was, now)
        note = rows if isinstance(rows, str) else None
        changes = [
            change_of(was, now, level=alpha / (2 * shares), direction=direction)
            for direction in (("loss", "growth") if _both_judge_growth(was, now) else ("loss",))
        ]
        paired = rows is not None and note is None
        if isinstance(rows, Bounded):
            margin = now.detect - now.tolerate
            bounds = rows.bounds(alpha / shares)
            changes[0] = paired_change(was.estimate, now.estimate, bounds, margin)
        if was.samples_sha256 is not None and was.samples_sha256 == now.samples_sha256:
            if was.estimate == now.estimate:
                # the same rows against the same rows: whatever was lost, it is the same
                changes = [
                    replace(change, word="equivalent", low=0.0, high=0.0) for change in changes
                ]
                note = "the same samples were judged"
            else:
                changes = [replace(change, word="can't tell") for change in changes]
                note = "of the same samples other numbers are on record: one of the two was edited"
        whole_word = worst(change.word for change in changes)
        found.append(Comparison(now.id, whole_word, was, now, tuple(changes), note, paired))
    return found


def change_of(was: Entry, now: Entry, *, level: float, direction: str = "loss") -> Change:
    """Return what is shown of one direction at bounds of ``level`` each; see the module's text."""
    before, after = _side(was, direction), _side(now, direction)
    was_low, was_high = _bounds(before, was.alpha, was.beta, level)
    now_low, now_high = _bounds(after, now.alpha, now.beta, level)
    bounds = now_low - was_high, now_high - was_low
    margin = after["detect"] - after["tolerate"]
    word = _word(*bounds, margin)
    low, high = _finite(bounds)
    return Change(direction, word, before["estimate"], after["estimate"], low, high, margin)


def paired_change(
    was: float | None, now: float | None, bounds: tuple[float, float], margin: float
) -> Change:
    """Return what bounds of the difference of two losses show; see the module's text."""
    word = _word(*bounds, margin)
    if (word == "worse" and (now is None or now <= 0)) or (
        word == "better" and (was is None or was <= 0)
    ):
        word = "equivalent" if -margin < bounds[0] and bounds[1] < margin else "can't tell"
    low, high = _finite(bounds)
    return Change("loss", word, was, now, low, high, margin)


def _word(low: float, high: float, margin: float) -> Word:
    if low > 0:
        return "worse"
    if high < 0:
        return "better"
    return "equivalent" if -margin < low and high < margin else "can't tell"


def _finite(bounds: tuple[float, float]) -> tuple[float | None, ...]:
    return tuple(value if math.isfinite(value) else None for value in bounds)


def exit_status(found: Iterable[Comparison]) -> int:
    """Return 1 if any check is worse; else 6 if any can't be told, or there is none; else 0."""
    words = {one.word for one in found}
    if "worse" in words:
        return 1
    return 6 if not words or "can't tell" in words else 0


def _bounds(
    side: Mapping[str, Any], alpha: float, beta: float, level: float
) -> tuple[float, float]:
    """Return bounds of a loss from zero on, each wrong with probability ``level`` at most."""
    estimate = side["estimate"]
    low = -math.inf if side["low"] is None else side["low"]
    high = math.inf if side["high"] is None else side["high"]
    if level < alpha:
        below = None if estimate is None else estimate - low
        low = -math.inf if below is None or below < 0 else estimate - below * _wider(alpha, level)
    if level < beta:
        above = None if estimate is None else high - estimate
        high = math.inf if above is None or above < 0 else estimate + above * _wider(beta, level)
    return max(low, 0.0), max(high, 0.0)


def _wider(given: float, wanted: float) -> float:
    return math.log(2 * wanted) / math.log(2 * given)


def _side(entry: Entry, direction: str) -> Mapping[str, Any]:
    if direction == "growth" and entry.growth is not None:
        return entry.growth
    names = ("estimate", "low", "high", "tolerate", "detect")
    return {name: getattr(entry, name) for name in names}


def _both_judge_growth(was: Entry, now: Entry) -> bool:
    return was.growth is not None and now.growth is not None


def worst(words: Iterable[Word]) -> Word:
    """Return the worst of some words, at least one."""
    order: tuple[Word, ...] = ("worse", "can't tell", "better", "equivalent")
    return min(words, key=order.index)


def _difference(was: Entry, now: Entry) -> str | None:
    """Return why two measurements aren't of the same thing, or None if they are."""
    if was.reference_sha256 is None or now.reference_sha256 is None:
        return "not compared: no digest of the reference is on record"
    told = [
        f"{label} {_told(name, getattr(was, name))} then, {_told(name, getattr(now, name))} now"
        for name, label in SAME.items()
        if getattr(was, name) != getattr(now, name)
    ]
    if (was.growth is None) != (now.growth is None):
        told.append(f"growth judged only {'now' if was.growth is None else 'then'}")
    elif was.growth is not None and now.growth is not None:
        pairs = [(side["tolerate"], side["detect"]) for side in (was.growth, now.growth)]
        if pairs[0] != pairs[1]:
            told.append(f"growth's tolerate and detect {pairs[0]} then, {pairs[1]} now")
    return f"not compared: {'; '.join(told)}" if told else None


def _told(name: str, value: Any) -> str:
    return f"{value[:SHOWN]}..." if name == "reference_sha256" else repr(value)


def _matched(earlier: Report, later: Report) -> list[tuple[Entry | None, Entry | None]]:
    """Return entries in pairs, None for one that has no counterpart."""
    pairs: list[tuple[Entry | None, Entry | None]] = []
    was, now = dict(earlier.entries), dict(later.entries)
    for key in [*was]:
        if key in now:
            pairs.append((was.pop(key), now.pop(key)))
    for found in [*was.values()]:
        after = [entry for entry in now.values() if entry.id == found.id]
        if _alone(found.id, earlier, later) and after:
            pairs.append((was.pop(found.key), now.pop(after[0].key)))
    pairs += [(entry, None) for entry in was.values()]
    pairs += [(None, entry) for entry in now.values()]
    return pairs


def _alone(check: str, *reports: Report) -> bool:
    """Return whether each report declares a check of one model only, whatever its name."""
    return all(
        sum(key[0] == check for key in (*report.entries, *report.missing)) == 1
        for report in reports
    )


def _absent(entry: Entry, other: Report, own: Report) -> str:
    """Return why an entry of its own report has no counterpart in the other one."""
    gone = [key for key in other.missing if key[0] == entry.id]
    if entry.key in gone or (gone and _alone(entry.id, own, other)):
        return f"it did not run in {other.name}"
    models = sorted(key[1] for key in (*other.entries, *other.missing) if key[0] == entry.id)
    if models:
        return f"{other.name} has it of {', '.join(models)}, not of {entry.model}"
    return f"{other.name} doesn't have it"


def _who(found: Comparison) -> Key:
    entry = found.now or found.was
    return ("", "") if entry is None else entry.key


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"
