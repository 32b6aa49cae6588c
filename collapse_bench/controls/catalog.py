"""What is known of each control: which checks must fail on it, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Control", "Expectation"]

# Of a group of checks: all pass or don't apply; at least one fails; nothing is promised.
Expectation = Literal["pass", "fail", "any"]


@dataclass(frozen=True, slots=True)
class Control:
    """A model whose behavior under the conformance checks is known.

    Attributes
    ----------
    name
        Unique; words joined by hyphens.
    make
        Makes the model, ready to be drawn from.
    defect
        What is wrong with it, in words; None for a healthy one.
    caught_by
        The check that must fail on it; None for one that fails none.
    sampler, learner, link
        What is expected of each group of checks.
    """

    name: str
    make: Callable[[], Any]
    defect: str | None = None
    caught_by: str | None = None
    sampler: Expectation = "pass"
    learner: Expectation = "pass"
    link: Expectation = "pass"
