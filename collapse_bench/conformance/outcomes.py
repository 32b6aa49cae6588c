"""How a conformance check ends, other than by passing."""

from __future__ import annotations

from typing import NoReturn
from unittest import SkipTest

from collapse_bench.errors import CollapseBenchError, CollapseError, Inconclusive

__all__ = ["ConformanceWarning", "NotApplicable", "fail", "skip", "undecided"]


class NotApplicable(CollapseBenchError, SkipTest):
    """The check asks for something that the model doesn't have or claim; pytest skips the test."""


class ConformanceWarning(UserWarning):
    """A check failed or came to no decision, and :func:`check_model` was told not to raise."""


def fail(sentence: str) -> NoReturn:
    """End a check as failed: the model was shown to break a rule."""
    __tracebackhide__ = True
    raise CollapseError(sentence)


def undecided(sentence: str) -> NoReturn:
    """End a check as inconclusive: neither a defect nor its absence was shown."""
    __tracebackhide__ = True
    raise Inconclusive(sentence)


def skip(sentence: str) -> NoReturn:
    """End a check as not applicable to this model."""
    __tracebackhide__ = True
    raise NotApplicable(sentence)
