"""What a user gives for a model: whether it makes one, and how it is written down."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from collapse_bench.generation import calling

__all__ = ["calling_factory", "makes", "written"]


def calling_factory(factory: Any) -> Any:
    """Turn what a class or function raises when a model is made into a ModelError."""
    return calling(factory, f"{getattr(factory, '__name__', type(factory).__name__)}()")


def makes(candidate: Any) -> bool:
    """Return whether a candidate makes models: a class, or a function that needs no argument."""
    if inspect.isclass(candidate):
        return True
    if hasattr(candidate, "sample") or not callable(candidate):
        return False
    try:
        inspect.signature(candidate).bind()
    except TypeError:
        return False
    except ValueError:  # written in C: only calling it can tell
        return True
    return True


def written(candidate: Any, name: str, arguments: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the lines that get the model, if there are any, and what stands for it in a call."""
    if isinstance(candidate, str):
        if not arguments:
            return "", repr(candidate)
        made = f"load_model({candidate!r}, {dict(arguments)!r}).model"
        return (
            f"from collapse_bench.adapters import load_model\n\nmodel = lambda: {made}\n",
            "model",
        )
    module, qualname = (getattr(candidate, key, None) for key in ("__module__", "__qualname__"))
    if makes(candidate) and module and qualname and "<" not in qualname:
        top = qualname.partition(".")[0]
        return f"from {module} import {top}\n\n", qualname
    text = " ".join(repr(candidate).split())
    return f"\nmodel = ...  # {name}: {text[:200]}\n", "model"
