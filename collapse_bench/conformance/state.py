"""Checks of what a model touches beyond its own: global random state, and arrays it handed out."""

# ruff: noqa: NPY002  (the global state of numpy is what is watched)

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters import name_of
from collapse_bench.conformance.calls import as_plain, once, raw, told
from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.outcomes import fail
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import ModelError
from collapse_bench.generation import calling

__all__ = ["check_buffer", "check_global_state"]

ROWS = 64
FIT_ROWS = 500
# Calls of one method: two that must agree, and one for each generator seeded otherwise.
CALLS = 5
PLAIN, OTHER = 20_240_724, 7  # two seeds of the global generators

Action = Callable[[], Any]


@conformance_check("sampler")
def check_global_state(subject: Subject) -> str | None:
    """``sample``, ``fit`` and ``log_prob`` neither read nor write the global random state.

    That of numpy's old functions, of ``random``, and of torch if it was imported. Each is seeded
    otherwise in turn, and the same call on the same stream must give the same result; after a call
    each must be as it was before. What differs from call to call anyway is left to
    ``check_seed_determinism``. Never wrong about a sound model; the state is put back.
    """
    with _kept():
        return "; ".join(
            _watched(subject, call, action) for call, action in _actions(subject).items()
        )


@conformance_check("sampler")
def check_buffer(subject: Subject) -> str | None:
    """An array that was returned stays the caller's: no later call changes it, nor it the model.

    A draw is kept over two more calls; then a copy of the model draws, the draw is overwritten,
    and the same stream must give it again. Never wrong about a sound model.
    """
    model = subject.model
    call = told(model, ROWS)
    first = as_plain(call, raw(model, ROWS, subject.rng("first")))
    kept = first.copy()
    for number in range(2):
        raw(model, ROWS, subject.rng("later", number))
        if not _same(first, kept):
            fail(
                f"{call} must return an array of its own each time; a later call changed the one "
                "returned before: return a copy of the buffer"
            )
    try:
        twin = copy.deepcopy(model)
    except Exception as error:  # anything may refuse to be copied; its memory isn't overwritten
        return f"kept over two calls; not overwritten, for want of a copy: {type(error).__name__}"
    drawn = as_plain(call, raw(twin, ROWS, subject.rng("first")))
    if not _same(drawn, kept):  # left to check_seed_determinism
        return "kept over two calls; the same stream gives another draw, so it wasn't overwritten"
    if not drawn.flags.writeable:
        return "kept over two calls; read-only"
    drawn[...] = np.zeros(1, drawn.dtype)[0] if drawn.dtype.kind != "f" else np.nan
    if not _same(as_plain(call, raw(twin, ROWS, subject.rng("first"))), kept):
        fail(
            f"{call} must return an array that isn't the model's own memory; writing into it "
            "changed later draws: return a copy"
        )
    return "kept over two calls; overwritten without effect on the model"


def _actions(subject: Subject) -> dict[str, Action]:
    """Return the methods to watch, each by its call, with arguments that are always the same."""
    model = subject.model
    few = once(subject, ROWS, "few")
    actions: dict[str, Action] = {
        told(model, ROWS).partition(".")[2]: lambda: as_plain(
            told(model, ROWS), raw(model, ROWS, subject.rng("read"))
        )
    }
    if callable(getattr(model, "log_prob", None)):
        actions["log_prob(samples)"] = lambda: _log_prob(model, few)
    if callable(getattr(model, "fit", None)):
        rows = subject.draw(FIT_ROWS, "rows")
        actions["fit(samples, rng=rng)"] = lambda: _refitted(subject, rows)
    return actions


def _watched(subject: Subject, call: str, action: Action) -> str:
    """Run one method under different global states; return what was seen of it."""
    __tracebackhide__ = True
    name = name_of(subject.model)
    generators = list(_read())
    try:
        if (seconds := CALLS * subject.seconds(call, action)) > subject.budget:
            return f"{call} not looked at: it would take {seconds:.0f} s, beyond the budget"
        first, again = (_under(f"{name}.{call}", action, {}) for _ in range(2))
        if not _same(first, again):
            return f"{call} leaves them alone, but differs from call to call"
        for generator in generators:
            other = _under(f"{name}.{call}", action, {generator: OTHER})
            if not _same(first, other):
                fail(
                    f"{name}.{call} must draw from its rng alone; got another result with the "
                    f"same rng after the global state of {generator} was seeded otherwise"
                )
    except ModelError as error:
        if call.startswith(("fit", "log_prob")):  # what they return is other checks' business
            return f"{call} not looked at: {error}"
        raise
    return f"{call} leaves {', '.join(generators)} alone"


def _under(call: str, action: Action, seeds: dict[str, int]) -> NDArray[Any]:
    """Return what a method gives after all generators were seeded; fail if it moved one."""
    __tracebackhide__ = True
    _seed(seeds)
    before = _read()
    found = action()
    moved = [name for name, state in _read().items() if state != before.get(name, state)]
    if moved:
        fail(
            f"{call} must leave the global random state as it was; got a changed state of "
            f"{', '.join(moved)}: draw from rng, or from a generator made from it"
        )
    return np.asarray(found)


def _log_prob(model: Any, rows: NDArray[Any]) -> NDArray[Any]:
    with calling(model, "log_prob(samples)"):
        found = model.log_prob(rows.copy())
    return as_plain("log_prob(samples)", found)


def _refitted(subject: Subject, rows: NDArray[Any]) -> NDArray[Any]:
    """Return draws of a model fitted anew, always on the same streams."""
    fitted = subject.fit(rows, "global")
    return once(subject, ROWS, "fitted", model=fitted)


def _same(first: NDArray[Any], second: NDArray[Any]) -> bool:
    exact = first.dtype.kind in "fc"
    return first.shape == second.shape and np.array_equal(first, second, equal_nan=exact)


def _read() -> dict[str, Any]:
    """Return the state of each global generator, comparable by ``==``."""
    words = np.random.get_state(legacy=False)
    assert isinstance(words, dict)
    states: dict[str, Any] = {
        "numpy.random": (
            words["state"]["key"].tobytes(),
            words["state"]["pos"],
            words["has_gauss"],
            words["gauss"],
        ),
        "random": random.getstate(),
    }
    if (torch := sys.modules.get("torch")) is not None:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
        if torch.cuda.is_initialized():
            states["torch.cuda"] = [state.numpy().tobytes() for state in _cuda(torch)]
    return states


def _seed(seeds: dict[str, int]) -> None:
    """Seed every global generator; ``seeds`` holds those that differ from the plain seed."""
    np.random.seed(seeds.get("numpy.random", PLAIN))
    random.seed(seeds.get("random", PLAIN))
    if (torch := sys.modules.get("torch")) is not None:
        torch.default_generator.manual_seed(seeds.get("torch", PLAIN))
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seeds.get("torch.cuda", PLAIN))


@contextmanager
def _kept() -> Iterator[None]:
    """Put all global generators back when the block ends."""
    torch = sys.modules.get("torch")
    numbers, plain = np.random.get_state(), random.getstate()
    tensors = torch.get_rng_state() if torch is not None else None
    cuda = _cuda(torch) if torch is not None and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        np.random.set_state(numbers)
        random.setstate(plain)
        if torch is not None:
            torch.set_rng_state(tensors)
            if cuda is not None:
                torch.cuda.set_rng_state_all(cuda)


def _cuda(torch: Any) -> list[Any]:
    states: list[Any] = torch.cuda.get_rng_state_all()
    return states
