"""Does an object satisfy the protocol? Asked before anything is drawn or fitted."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from collapse_bench.errors import InvalidSpec
from collapse_bench.models import Model

__all__ = ["as_model"]

# How each method is called, and how to write it down.
SIGNATURES = {"sample": "sample(size, *, rng)", "fit": "fit(samples, *, rng)"}

KINDS = ("numbers", "codes", "tokens")


def as_model(obj: Any, *, need: Sequence[str] = ("sample", "fit"), name: str = "model") -> Model:
    """Return ``obj`` after checking that it can be used as a model.

    Parameters
    ----------
    obj
        Any object; nothing of it is called.
    need
        The methods that are asked for: ``("sample",)`` for a model that is only judged.
    name
        What the object is called where the caller sees it.

    Raises
    ------
    InvalidSpec
        If a method is missing or can't be called as the protocol says, or ``kind`` is unknown;
        each such method is listed with the signature that is wanted.
    """
    if inspect.isclass(obj):
        raise InvalidSpec(f"{name} must be an instance; got the class {obj.__name__}: call it")
    troubles = {method: _trouble(obj, method) for method in need}
    wrong = [SIGNATURES[method] + tail for method, tail in troubles.items() if tail is not None]
    if wrong:
        raise InvalidSpec(
            f"{name} must have {' and '.join(SIGNATURES[method] for method in need)}; "
            f"got {_described(obj)}, which has no {'; no '.join(wrong)}"
        )
    kind = getattr(obj, "kind", "numbers")
    if kind not in KINDS:
        raise InvalidSpec(
            f"{name} must have a kind of {', '.join(map(repr, KINDS))}; "
            f"got {_described(obj)} with kind={kind!r}"
        )
    model: Model = obj
    return model


def _trouble(obj: Any, method: str) -> str | None:
    """Return what stands in a method's place, as the tail of a clause; None if it will do."""
    attribute = getattr(obj, method, None)
    if attribute is None:
        return ""
    if not callable(attribute):
        return f" but a {type(attribute).__name__} of that name"
    try:
        signature = inspect.signature(attribute)
    except (TypeError, ValueError):  # written in C: only calling it can tell
        return None
    try:
        signature.bind(1, rng=None)
    except TypeError:
        return f" but {method}{signature}"
    return None


def _described(obj: Any) -> str:
    return f"an object of type {type(obj).__module__}.{type(obj).__qualname__}"
