"""Where an object comes from, asked without importing the library that made it."""

from __future__ import annotations

from typing import Any

__all__ = ["made_by"]


def made_by(obj: Any, library: str, *classes: str) -> bool:
    """Say whether ``obj`` is an instance of a class of ``library`` with one of these names.

    Subclasses made elsewhere count. An object of a library exists only where the library is
    loaded, so its classes are known by name and nothing has to be imported to ask.
    """
    return any(
        cls.__name__ in classes and cls.__module__.split(".")[0] == library
        for cls in type(obj).__mro__
    )
