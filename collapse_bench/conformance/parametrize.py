"""The checks as parameters of a test in anybody's test file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.child import Child
from collapse_bench.conformance.execution import Record, run_check
from collapse_bench.conformance.outcomes import undecided
from collapse_bench.conformance.runner import Expected, against, all_checks, expected_for
from collapse_bench.conformance.subject import ALPHA, BETA, Subject
from collapse_bench.errors import CollapseError, InvalidArgument
from collapse_bench.validation import check_real

__all__ = ["BoundCheck", "Session", "during", "parametrize_with_checks", "unique_names"]


@dataclass(frozen=True, slots=True)
class Session:
    """What a run of pytest says of the checks in it.

    Attributes
    ----------
    defaults
        ``seed``, ``budget`` and ``timeout`` of checks that weren't given any.
    report
        Called with the record of each check.
    """

    defaults: Mapping[str, Any]
    report: Callable[[Record], None]


Run = Callable[[str], Record]  # of a check's name

_SESSION: ContextVar[Session | None] = ContextVar("session", default=None)


@contextmanager
def during(session: Session) -> Iterator[None]:
    """Have the checks in the block follow ``session``."""
    token = _SESSION.set(session)
    try:
        yield
    finally:
        _SESSION.reset(token)


@dataclass(frozen=True, eq=False)
class BoundCheck:
    """One check with its settings; call it with the model it was made for."""

    name: str
    label: str  # what the model is called in ids
    model: Any
    settings: Mapping[str, Any]  # those that were given
    expected: str | None
    ready: dict[tuple[Any, ...], Run]  # shared by the checks of one model

    def __call__(self, model: Any) -> str | None:
        """Run the check: raise what it found, return its remark.

        Raises
        ------
        CollapseError
            If the check failed.
        Inconclusive
            If it was inconclusive.
        """
        import pytest

        __tracebackhide__ = True
        if model is not self.model:
            raise InvalidArgument(
                f"model must be the one that {self.name} was made for, {self.label}; "
                f"got {type(model).__name__}"
            )
        session = _SESSION.get()
        settings = {**(session.defaults if session else {}), **self.settings}
        timeout = settings.pop("timeout", None)
        key = (timeout, *(settings.get(name) for name in ("seed", "alpha", "beta", "budget")))
        if key not in self.ready:
            self.ready[key] = _runner(Subject(model, **settings), timeout)
        record = self.ready[key](self.name)
        record["model"] = self.label
        if session is not None:
            session.report(against(record, self.expected))
        told = f"{self.name} of {self.label}: {record['reason']}"
        match record["status"]:
            case "skipped":
                pytest.skip(told)
            case "inconclusive":
                undecided(told)
            case "failed":
                raise CollapseError(told)
        return record["reason"]

    def __repr__(self) -> str:
        return self.name


def parametrize_with_checks(
    models: Iterable[Any],
    *,
    expected_failed_checks: Expected = None,
    xfail_strict: bool | None = None,
    reference: Any = None,
    seed: int | None = None,
    alpha: float = ALPHA,
    beta: float = BETA,
    budget: float | None = None,
    timeout: float | None = None,
) -> Any:
    """Return a decorator that runs a test once for each model and check.

    The test takes ``model`` and ``check`` and calls ``check(model)``; its ids read
    ``MyFlow-check_seed_determinism``. A check that doesn't apply is skipped with its reason; an
    inconclusive one fails, its message saying so. The other keywords are those of
    :func:`check_model`; where they aren't given, ``--collapse-seed``, ``--collapse-budget`` and
    ``--collapse-timeout`` say.

    Parameters
    ----------
    models
        Models, classes, functions that make one, or SPEC strings, each of which runs in a
        process of its own; at least one.
    expected_failed_checks
        Names of checks that are known to fail, each with the reason, or a function of the model
        that returns them: they are marked ``xfail``.
    xfail_strict
        Whether such a check fails the run when it passes; None leaves it to pytest.

    Raises
    ------
    InvalidArgument
        If there is no model, or no check of a name, or another argument is out of its range.

    Examples
    --------
    >>> from collapse_bench.conformance import parametrize_with_checks
    >>> from collapse_bench.models import Gaussian
    >>> @parametrize_with_checks([Gaussian()])
    ... def test_conformance(model, check):
    ...     check(model)
    """
    import pytest

    listed = [models] if isinstance(models, str) else list(models)
    if not listed:
        raise InvalidArgument("models must hold at least one model; got models=[]")
    given = {"seed": seed, "budget": budget, "timeout": timeout}
    settings: dict[str, Any] = {name: x for name, x in given.items() if x is not None}
    settings |= {"reference": reference, "alpha": alpha, "beta": beta}
    Subject(None, **{name: value for name, value in settings.items() if name != "timeout"})
    if timeout is not None:
        check_real("timeout", timeout, low=0)
    parameters = []
    for name, model in zip(unique_names(listed), listed, strict=True):
        ready: dict[tuple[Any, ...], Run] = {}
        expected = expected_for(expected_failed_checks, model)
        for check in all_checks(model):
            marks = []
            if check in expected:
                strict: dict[str, Any] = {} if xfail_strict is None else {"strict": xfail_strict}
                marks.append(pytest.mark.xfail(reason=expected[check], **strict))
            bound = BoundCheck(check, name, model, settings, expected.get(check), ready)
            parameters.append(pytest.param(model, bound, id=f"{name}-{check}", marks=marks))
    return pytest.mark.parametrize(("model", "check"), parameters)


def _runner(subject: Subject, timeout: float | None) -> Run:
    """Return what runs a check by its name: a SPEC's in a process that ends with this one."""
    if isinstance(subject.candidate, str):
        return Child(subject, timeout=timeout).run
    return lambda name: run_check(CATALOG[name], subject, timeout=timeout)


def unique_names(models: Iterable[Any]) -> list[str]:
    """Return a name for each model; the second of one class is ``Name#2``."""
    from collapse_bench.adapters import name_of

    seen: dict[str, int] = {}
    names = []
    for model in models:
        name = name_of(model)
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names
