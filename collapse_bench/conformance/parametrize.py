"""The checks as parameters of a test in anybody's test file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.execution import run_check
from collapse_bench.conformance.outcomes import skip, undecided
from collapse_bench.conformance.runner import Expected, all_checks, expected_for
from collapse_bench.conformance.subject import ALPHA, BETA, BUDGET, Subject
from collapse_bench.errors import CollapseError, InvalidArgument

__all__ = ["BoundCheck", "parametrize_with_checks", "unique_names"]


@dataclass(frozen=True, eq=False)
class BoundCheck:
    """One check with its settings; call it with the model it was made for."""

    name: str
    subject: Subject
    timeout: float | None = None

    def __call__(self, model: Any) -> str | None:
        """Run the check: raise what it found, return its remark.

        Raises
        ------
        CollapseError
            If the check failed.
        Inconclusive
            If it was inconclusive.
        NotApplicable
            If it doesn't apply; pytest skips the test.
        """
        __tracebackhide__ = True
        if model is not self.subject.candidate:
            raise InvalidArgument(
                f"model must be the one that {self.name} was made for, {self.subject.name}; "
                f"got {type(model).__name__}"
            )
        record = run_check(CATALOG[self.name], self.subject, timeout=self.timeout)
        match record["status"]:
            case "skipped":
                skip(str(record["reason"]))
            case "inconclusive":
                undecided(f"{self.name}: {record['reason']}")
            case "failed":
                raise CollapseError(f"{self.name}: {record['reason']}")
        return record["reason"]

    def __repr__(self) -> str:
        return self.name


def parametrize_with_checks(
    models: Iterable[Any],
    *,
    expected_failed_checks: Expected = None,
    xfail_strict: bool | None = None,
    reference: Any = None,
    seed: int = 0,
    alpha: float = ALPHA,
    beta: float = BETA,
    budget: float = BUDGET,
    timeout: float | None = None,
) -> Any:
    """Return a decorator that runs a test once for each model and check.

    The test takes ``model`` and ``check`` and calls ``check(model)``; its ids read
    ``MyFlow-check_seed_determinism``. A check that doesn't apply is skipped with its reason; an
    inconclusive one fails, its message saying so. The other keywords are those of
    :func:`check_model`.

    Parameters
    ----------
    models
        Models, classes, functions that make one, or SPEC strings; at least one.
    expected_failed_checks
        Names of checks that are known to fail, each with the reason, or a function of the model
        that returns them: they are marked ``xfail``.
    xfail_strict
        Whether such a check fails the run when it passes; None leaves it to pytest.

    Raises
    ------
    InvalidArgument
        If there is no model, or no check of a name.

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
    parameters = []
    for name, model in zip(unique_names(listed), listed, strict=True):
        subject = Subject(model, reference, seed, alpha, beta, budget)
        expected = expected_for(expected_failed_checks, model)
        for check in all_checks(model):
            marks = []
            if check in expected:
                strict: dict[str, Any] = {} if xfail_strict is None else {"strict": xfail_strict}
                marks.append(pytest.mark.xfail(reason=expected[check], **strict))
            bound = BoundCheck(check, subject, timeout)
            parameters.append(pytest.param(model, bound, id=f"{name}-{check}", marks=marks))
    return pytest.mark.parametrize(("model", "check"), parameters)


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
