"""The list of checks, in the order they run, and what each asks for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from collapse_bench.conformance.subject import ALPHA, BETA, BUDGET, Subject

__all__ = ["CATALOG", "Body", "Entry", "Group", "Standalone", "conformance_check", "share"]

Group = Literal["sampler", "learner", "link"]

# What a check does: it returns a remark or None when it passes, and raises otherwise.
Body = Callable[[Subject], str | None]


class Standalone(Protocol):
    """A check as its users call it."""

    __name__: str

    def __call__(
        self,
        model: Any,
        *,
        reference: Any = None,
        seed: int = 0,
        alpha: float = ALPHA,
        beta: float = BETA,
        budget: float = BUDGET,
    ) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One check of the catalog.

    Attributes
    ----------
    name
        ``check_...``, unique.
    group
        What the model is looked at as: a sampler, a learner, or a link in a recursion.
    statistical
        Whether its outcome is a matter of chance: it then spends a share of alpha.
    body
        The check itself.
    """

    name: str
    group: Group
    statistical: bool
    body: Body


CATALOG: dict[str, Entry] = {}


def conformance_check(group: Group, *, statistical: bool = False) -> Callable[[Body], Standalone]:
    """Return a decorator that puts a check into the catalog and makes it callable by anyone.

    The decorated function takes a :class:`~collapse_bench.conformance.subject.Subject`. What takes
    its place takes any model, with the keywords of a subject, and does the same.
    """

    def register(body: Body) -> Standalone:
        name = body.__name__
        assert name not in CATALOG, f"two checks are called {name}"
        CATALOG[name] = Entry(name, group, statistical, body)

        @functools.wraps(body)
        def standalone(
            model: Any,
            *,
            reference: Any = None,
            seed: int = 0,
            alpha: float = ALPHA,
            beta: float = BETA,
            budget: float = BUDGET,
        ) -> str | None:
            __tracebackhide__ = True
            subject = Subject(
                model, reference=reference, seed=seed, alpha=alpha, beta=beta, budget=budget
            )
            return body(subject.during(name, share(alpha)))

        del standalone.__wrapped__  # its signature is not the body's
        return standalone

    return register


def share(alpha: float) -> float:
    """Return the level of one statistical check: alpha over their number in the whole catalog.

    It doesn't depend on which checks run, nor on which apply to a model.
    """
    return alpha / sum(entry.statistical for entry in CATALOG.values())
