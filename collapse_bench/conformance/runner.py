"""All checks of one model: what each came to, as records, and nothing lost when one fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.child import Child
from collapse_bench.conformance.execution import Record, run_check
from collapse_bench.conformance.outcomes import ConformanceWarning
from collapse_bench.conformance.subject import ALPHA, BETA, BUDGET, Subject
from collapse_bench.errors import CollapseError, InvalidArgument
from collapse_bench.validation import check_real, one_of

__all__ = ["Expected", "against", "all_checks", "check_model", "expected_for"]

# Names of checks that are known to fail, each with the reason; or a function of the model.
Expected = Mapping[str, str] | Callable[[Any], Mapping[str, str]] | None


def all_checks(model: Any = None) -> list[str]:
    """Return the names of all checks, in the order they run: the same for every model.

    A check that asks for something a model hasn't got is skipped when it runs, and says so.
    """
    del model  # which checks apply is known only once they look at it
    return list(CATALOG)


def check_model(
    model: Any,
    on_fail: Literal["raise", "warn"] = "raise",
    callback: Callable[[Record], None] | None = None,
    *,
    checks: Iterable[str] | None = None,
    expected_failed_checks: Expected = None,
    reference: Any = None,
    seed: int = 0,
    alpha: float = ALPHA,
    beta: float = BETA,
    budget: float = BUDGET,
    timeout: float | None = None,
) -> list[Record]:
    """Run the checks on a model and return what came of each.

    Parameters
    ----------
    model
        A model of any kind that :func:`collapse_bench.adapters.as_model` knows, a class or a
        zero-argument function that makes one, or a SPEC string such as ``"my_pkg:MyFlow"``, which
        is imported and run in a process of its own.
    on_fail
        ``"raise"``: raise one error once every check has run. ``"warn"``: warn at each failure.
    callback
        Called with each record as soon as it is known.
    checks
        Names of those to run; None: all. The levels don't depend on it.
    expected_failed_checks
        Names of checks that are known to fail, each with the reason, or a function of the model
        that returns them. One that fails has the status ``"expected_failure"``.
    reference
        What an unfitted model is fitted to first: rows, a law, a file or a built-in name.
    seed, alpha, beta, budget
        As :class:`~collapse_bench.conformance.subject.Subject` takes them: the root of all
        streams, the chance that a sound model fails any check, the chance that a check passes what
        it must detect, and the seconds that one check may plan to spend in the model's code.
    timeout
        Seconds after which a check is ended as failed. Code written in C that never returns to
        Python can be stopped only in a model given as a SPEC.

    Returns
    -------
    list of dict
        Keys ``model``, ``check``, ``status`` (passed, failed, inconclusive, skipped or
        expected_failure), ``reason``, ``seconds`` and ``seed``.

    Raises
    ------
    CollapseError
        If a check failed and ``on_fail`` is ``"raise"``; its ``records`` hold all of them.
    InvalidArgument
        If an argument is out of its range, or there is no check of a name; if an instance can't be
        copied, a SPEC can't be one, the reference holds nothing to fit to, or there is a timeout
        for an object outside the main thread.

    Warns
    -----
    ConformanceWarning
        For each failure if ``on_fail`` is ``"warn"``, and once if any check is inconclusive.
    """
    one_of("on_fail", on_fail, ("raise", "warn"))
    names = _named("checks", all_checks() if checks is None else checks)
    expected = expected_for(expected_failed_checks, model)
    if timeout is not None:
        check_real("timeout", timeout, low=0)
    settings: dict[str, Any] = {"alpha": alpha, "beta": beta, "budget": budget}
    subject = Subject(model, reference, seed, **settings)
    if isinstance(model, str):
        with Child(subject, timeout=timeout) as child:
            return _all(subject, names, child.run, on_fail, callback, expected)

    def run(name: str) -> Record:
        return run_check(CATALOG[name], subject, timeout=timeout)

    return _all(subject, names, run, on_fail, callback, expected)


def _all(
    subject: Subject,
    names: Iterable[str],
    run: Callable[[str], Record],
    on_fail: str,
    callback: Callable[[Record], None] | None,
    expected: Mapping[str, str],
) -> list[Record]:
    records = []
    for name in names:
        record = against(run(name), expected.get(name))
        records.append(record)
        if callback is not None:
            callback(record)
    failed = [record for record in records if record["status"] == "failed"]
    undecided = [record for record in records if record["status"] == "inconclusive"]
    total = f"{len(records)} check{'s' if len(records) != 1 else ''}"
    if failed and on_fail == "raise":
        listed = "\n".join(f"{record['check']}: {record['reason']}" for record in failed)
        error = CollapseError(f"{subject.name} fails {len(failed)} of {total}\n{listed}")
        error.records = records  # type: ignore[attr-defined]
        raise error
    for record in failed:  # once all have run: a warning may be an error
        warnings.warn(f"{record['check']}: {record['reason']}", ConformanceWarning, stacklevel=3)
    if undecided:
        listed = ", ".join(record["check"] for record in undecided)
        warnings.warn(
            f"{subject.name}: {len(undecided)} of {total} inconclusive: {listed}",
            ConformanceWarning,
            stacklevel=3,
        )
    return records


def against(record: Record, expected: str | None) -> Record:
    """Return a record in the light of a failure that was expected, with its reason."""
    if expected is None:
        return record
    if record["status"] == "failed":
        return {**record, "status": "expected_failure", "reason": expected}
    remark = f"was expected to fail: {expected}"
    return {**record, "reason": "; ".join(filter(None, [record["reason"], remark]))}


def expected_for(expected: Expected, model: Any) -> dict[str, str]:
    """Return the failures expected of ``model``, by the name of the check.

    Raises
    ------
    InvalidArgument
        If there is no check of a name.
    """
    found = expected(model) if callable(expected) else expected
    listed = dict(found or {})
    _named("expected_failed_checks", listed)
    return listed


def _named(argument: str, names: Iterable[str]) -> list[str]:
    listed = [names] if isinstance(names, str) else list(names)
    if unknown := [name for name in listed if name not in CATALOG]:
        raise InvalidArgument(
            f"{argument} must hold names of checks, as all_checks() lists them; "
            f"got {', '.join(map(repr, unknown))}"
        )
    return listed
