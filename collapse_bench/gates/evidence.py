"""What samples say of a loss, and the checks that ask them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import Data
from collapse_bench.gates.verdict import Growth
from collapse_bench.validation import Kind

__all__ = ["Evidence", "Setting", "check_kind", "growth_note", "growth_untold"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A loss and what two tests say of it; None where there is nothing to say.

    Attributes
    ----------
    statistic, quantity
        The name of what was computed, and in words what its loss is a loss of.
    estimate, low, high
        The loss, and the bounds that the two tests leave. ``low`` None: no bound.
    pvalue_fail, pvalue_pass
        Of "the loss is at most tolerate" and "the loss is at least detect".
    withheld
        Why this may not pass, whatever its p-value.
    notes
        What a reader must know of any outcome.
    growth
        What they say of the other direction; None unless it is judged. Both directions' fails
        are then at half of the level (:meth:`~collapse_bench.gates.levels.Levels.directed`).
    """

    statistic: str
    quantity: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    pvalue_fail: float | None = None
    pvalue_pass: float | None = None
    withheld: str | None = None
    notes: tuple[str, ...] = ()
    growth: Growth | None = None


def growth_note(quantity: str, estimate: float | None, low: float) -> tuple[str, ...]:
    """Return the note on growth that is shown where only losses are judged."""
    found = "" if estimate is None else f" (estimate {estimate:.3g})"
    return (
        f"the {quantity} has grown, by {low:.3g} or more{found}, which isn't judged: "
        "growth=(tolerate, detect) judges it",
    )


def growth_untold(
    statistic: str, quantity: str, growth: tuple[float, float] | None
) -> Growth | None:
    """Return a growth of which the samples say nothing; None if none is judged."""
    return None if growth is None else Growth(statistic, quantity, *growth)


class Setting(Protocol):
    """A check with its effect sizes, ready for any samples."""

    @property
    def metric(self) -> str:
        """Name of the check."""
        ...

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What samples it compares."""
        ...

    @property
    def tolerate(self) -> float:
        """The largest loss that is fine."""
        ...

    @property
    def detect(self) -> float:
        """The smallest loss that must never get through."""
        ...

    @property
    def permutations(self) -> int:
        """How many relabellings a permutation test takes."""
        ...

    @property
    def kind(self) -> Kind | None:
        """What samples hold, None to read it from them."""
        ...

    def evidence(self, samples: Data, reference: Data, levels: Levels, *, seed: int) -> Evidence:
        """Return what the samples say."""
        ...

    def never_passes(self, reference: Data) -> str | None:
        """Return why no sample of any size may pass against this reference, or None."""
        ...

    def size_to_pass(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a model without loss passes; see :meth:`size_to_fail`."""
        ...

    def size_to_fail(self, reference: Data, levels: Levels, m: int | None) -> int | None:
        """Return the n at which a model with a loss of ``detect`` fails.

        Except with probability ``levels.miss``, for a law of the shape of ``reference`` and a
        reference of m rows, m = n if None. None: no n will do with so few rows.
        """
        ...


def check_kind(setting: Setting, reference: Data) -> None:
    """Refuse a reference of a kind that a check doesn't compare.

    Raises
    ------
    InvalidArgument
        If it is one.
    """
    if reference.kind not in setting.kinds:
        listed = " or ".join(map(repr, setting.kinds))
        raise InvalidArgument(
            f"kind must be {listed} for the check {setting.metric!r}; got a reference of "
            f"kind={reference.kind!r}"
        )
