"""Short names of models, for ids of tests and for reports."""

from __future__ import annotations

import functools
import os
import re
from pathlib import PurePath
from typing import Any

__all__ = ["name_of"]

LONGEST = 100  # characters, as everywhere that a name becomes part of a path


def name_of(model: Any) -> str:
    """Return a short name of ``model`` that is the same in every process.

    Parameters
    ----------
    model
        A model, an object that :func:`~collapse_bench.adapters.as_model` takes, a class or
        function that makes one, or what a user types for one.

    Returns
    -------
    str
        The name of its class or function; ``norm`` for ``scipy.stats.norm(0, 1)``, ``Flow`` for
        ``my_module:Flow``, a file's name without its ending. Letters, digits, ``.``, ``_`` and
        ``-``, from a letter or digit on. Two models can have the same name.
    """
    try:
        spoken = _spoken(model)
    except Exception:  # a model whose own __getattr__ raises
        spoken = type(model).__name__
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", spoken).strip("._-")
    return name[:LONGEST] or "model"


def _spoken(model: Any) -> str:
    if isinstance(model, functools.partial):
        return _spoken(model.func)
    if isinstance(model, str | os.PathLike):
        _, colon, attribute = str(model).partition(":")
        return attribute if colon and attribute else PurePath(model).stem
    if isinstance(getattr(model, "__name__", None), str):  # a class or a function
        return str(model.__name__)
    family = type(model)
    module = family.__module__
    if module == "collapse_bench.adapters.adapted":
        return _spoken(model.wrapped)
    if module == "collapse_bench.data.sampleset":
        return PurePath(model.name).stem
    if module == "scipy.stats._distn_infrastructure" and hasattr(model, "dist"):
        return str(model.dist.name)
    return family.__name__.removesuffix("_frozen")
