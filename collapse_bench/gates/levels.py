"""The error rates of one check: its share of a gate's."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

from collapse_bench.errors import InvalidArgument
from collapse_bench.validation import check_count, check_real

__all__ = [
    "LEAST_ROWS",
    "MOST_PERMUTATIONS",
    "POWER",
    "Levels",
    "as_growth",
    "check_effects",
    "check_permutations",
]

# With fewer rows on either side nothing passes, whatever their values: moments and resampling say
# too little about so few.
LEAST_ROWS = 20

# Relabellings of one check: more take hours, and no gate of up to 100 checks needs them.
MOST_PERMUTATIONS = 10_000_000

# With this probability a model without loss passes a gate that is as large as ``size_needed``.
POWER = 0.99

# Growth is a share of what the reference has, and has no natural end; more than this is a slip of
# the pen.
LARGEST_GROWTH = 100.0


@dataclass(frozen=True, slots=True)
class Levels:
    """At which levels a check tests, and how surely its sizes must decide.

    Attributes
    ----------
    alpha
        Level of "fail": the gate's alpha divided by its number of checks.
    beta
        Level of "pass": the gate's, undivided, since a gate passes only if every check does.
    miss
        How often a check of the planned size may miss: the gate's divided by its checks.
    """

    alpha: float
    beta: float
    miss: float

    @classmethod
    def of(cls, alpha: float, beta: float, *, checks: int = 1, power: float = POWER) -> Self:
        """Return the levels of each of ``checks`` checks of one gate.

        Raises
        ------
        InvalidArgument
            If ``alpha`` or ``beta`` isn't inside (0, 0.5), or ``power`` isn't inside (0.5, 1).
        """
        check_real("alpha", alpha, low=0, high=0.5)
        check_real("beta", beta, low=0, high=0.5)
        check_real("power", power, low=0.5, high=1)
        return cls(float(alpha) / checks, float(beta), (1 - float(power)) / checks)

    def directed(self, growth: Any) -> Self:
        """Return the levels of each direction: half of alpha each if ``growth`` isn't None.

        A pass takes both directions at the full beta, as it takes all checks of a gate.
        """
        return self if growth is None else replace(self, alpha=self.alpha / 2)


def check_permutations(permutations: int, levels: Levels) -> int:
    """Return ``permutations`` if so many can reach both levels and can be run.

    Raises
    ------
    InvalidArgument
        If the smallest p-value of so many relabellings is above the check's alpha or its beta,
        they are more than 10,000,000, or a level is so small that it takes more.
    """
    # 300 for alpha = 0.01 and three checks: 1 / (0.01 / 3) rounds to 299.99999999999994 or 300.
    least = math.ceil(1 / min(levels.alpha, levels.beta) - 1e-6)
    if least > MOST_PERMUTATIONS:
        name = "alpha" if levels.alpha <= levels.beta else "beta"
        level = min(levels.alpha, levels.beta)
        raise InvalidArgument(
            f"{name} must be at least {1 / MOST_PERMUTATIONS:g} in each check, which "
            f"{MOST_PERMUTATIONS:,} permutations can show; got {level:g} in each"
        )
    return check_count("permutations", permutations, least=least, most=MOST_PERMUTATIONS)


def check_effects(tolerate: float, detect: float, *, most: float) -> None:
    """Refuse effect sizes other than 0 <= tolerate < detect < most."""
    check_real("tolerate", tolerate, low=0, high=most, closed="left")
    check_real("detect", detect, low=0, high=most)
    if not tolerate < detect:
        raise InvalidArgument(
            f"tolerate must be below detect; got tolerate={tolerate!r}, detect={detect!r}"
        )


def as_growth(growth: Any) -> tuple[float, float] | None:
    """Return a pair (tolerate, detect) of growths, 0 <= tolerate < detect, or None as it is."""
    if growth is None:
        return None
    if not isinstance(growth, tuple | list) or len(growth) != 2:
        raise InvalidArgument(
            f"growth must be None or a pair (tolerate, detect); got growth={growth!r}"
        )
    tolerate, detect = growth
    check_real("growth's tolerate", tolerate, low=0, high=LARGEST_GROWTH, closed="left")
    check_real("growth's detect", detect, low=0, high=LARGEST_GROWTH)
    if not tolerate < detect:
        raise InvalidArgument(
            f"growth must be a pair (tolerate, detect), the first smaller; got growth={growth!r}"
        )
    return float(tolerate), float(detect)
