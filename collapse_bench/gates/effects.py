"""Which effect sizes a table is judged by, and the checks that have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.codes import Codes, default_mass
from collapse_bench.gates.evidence import Setting
from collapse_bench.gates.support import Support
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.gates.variance import Variance
from collapse_bench.gates.wasserstein import Wasserstein
from collapse_bench.validation import one_of

__all__ = ["Effects", "check_effects_of", "settings_of", "settings_of_codes", "two_sided"]

# Keywords of the checks by metric: {"variance": {"detect": 0.3}}.
Effects = Mapping[str, Mapping[str, Any]]

# Those keywords that every part of a table can be judged by.
KEYWORDS: Mapping[str, tuple[str, ...]] = {
    "tail_mass": ("tolerate", "detect", "mass", "growth", "guarantee"),
    "variance": ("tolerate", "detect", "growth", "scale"),
    "wasserstein": ("tolerate", "detect"),
    "support": ("tolerate", "detect"),
}

WITHIN = 0.9  # of the rarer of two states are its tail

SETTINGS: Mapping[str, Callable[..., Setting]] = {
    "tail_mass": TailMass,
    "variance": Variance,
    "wasserstein": Wasserstein,
    "support": Support,
}


def settings_of(
    metrics: tuple[str, ...], effects: Effects, permutations: int, **more: Any
) -> tuple[Setting, ...]:
    """Return checks with the effect sizes that were asked for."""
    return tuple(
        SETTINGS[metric](permutations=permutations, **{**effects.get(metric, {}), **more})
        for metric in metrics
    )


def check_effects_of(effects: Any) -> Effects:
    """Return effect sizes by metric, once each is found to be one.

    Raises
    ------
    InvalidArgument
        If they aren't keywords by metric, a metric or a keyword is none, or a value is out of its
        range.
    """
    if effects is None:
        return {}
    if not isinstance(effects, Mapping):
        raise InvalidArgument(
            f"effects must be None or keywords by metric; got effects={effects!r}"
        )
    for metric, given in effects.items():
        one_of("effects' metric", metric, tuple(KEYWORDS))
        if not isinstance(given, Mapping):
            raise InvalidArgument(
                f"effects[{metric!r}] must be a mapping of keywords, such as {{'detect': 0.3}}; "
                f"got effects[{metric!r}]={given!r}"
            )
        for name, value in given.items():
            if name not in KEYWORDS[metric]:
                raise InvalidArgument(
                    f"effects[{metric!r}] must be among {', '.join(KEYWORDS[metric])}; "
                    f"got {name}={value!r}"
                )
        if metric in SETTINGS:
            SETTINGS[metric](**given)
    return effects


def settings_of_codes(reference: Codes, effects: Effects, permutations: int) -> tuple[Setting, ...]:
    """Return the checks of codes or tokens: of the rarest states that the reference can tell.

    Of two codes each is judged: see :func:`two_sided`.
    """
    support = settings_of(("support",), effects, permutations)
    if reference.kind == "codes" and len(reference.states) == 2:
        return two_sided(reference, effects, permutations), *support
    rarest = {"mass": default_mass(reference)}
    return *settings_of(("tail_mass",), effects, permutations, **rarest), *support


def two_sided(reference: Codes, effects: Effects, permutations: int) -> TailMass:
    """Return the check of codes of two states, of which neither may lose its mass.

    The rarer one, of share g, is the tail: a random nine tenths of its draws are, so that the edge
    of the tail lies within that state whatever half of the reference marks it. At the state's own
    edge the commoner one would get into some tails and dilute a loss. If the commoner state loses a
    share x of its mass, the rarer one's is g + x (1 - g): a growth by x (1 - g) / g.
    """
    counts = np.unique(reference.values, return_counts=True)[1]
    share = float(counts.min() / counts.sum())
    given = dict(effects.get("tail_mass", {}))
    asked = given.pop("growth", None)
    check = TailMass(**{**given, "mass": WITHIN * share, "permutations": permutations})
    growth = (check.tolerate * (1 - share) / share, check.detect * (1 - share) / share)
    if asked is not None:  # of the rarer state
        growth = (min(growth[0], asked[0]), min(growth[1], asked[1]))
    # Set here, as a growth above 100 is refused as a slip of the pen; that of a rare state isn't.
    object.__setattr__(check, "growth", growth)
    return check
