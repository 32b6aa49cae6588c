"""Keyword arguments of models, as they are typed on a command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from collapse_bench.errors import InvalidArgument

__all__ = ["parse_arguments"]


def parse_arguments(
    texts: Sequence[str], models: Sequence[str], *, name: str = "model_arg"
) -> dict[str, dict[str, Any]]:
    """Return the keyword arguments of each model in ``models``.

    Parameters
    ----------
    texts
        Each ``[MODEL:]KEY=VALUE``, where MODEL is one of ``models`` and all of them if left out.
        VALUE is a JSON literal (``3``, ``0.5``, ``true``, ``null``, ``[1, 2]``) or else a string.
    models
        The specs that arguments can be meant for, with colons of their own or without.
    name
        What ``texts`` are called where the caller sees them.

    Raises
    ------
    InvalidArgument
        If a text has another form, names another model, or says a key again.
    """
    parsed: dict[str, dict[str, Any]] = {model: {} for model in models}
    for text in texts:
        left, equals, value = text.partition("=")
        model, _, key = left.rpartition(":")
        if not equals or not key.isidentifier():
            raise InvalidArgument(f"{name} must be [MODEL:]KEY=VALUE; got {name}={text!r}")
        if model and model not in parsed:
            near = get_close_matches(model, models, n=1)
            known = ", ".join(map(repr, models)) or "none"
            mend = f"did you mean {near[0]!r}?" if near else f"the models are {known}"
            raise InvalidArgument(f"{name} must name a model; got {name}={text!r}: {mend}")
        for target in [model] if model else parsed:
            if key in parsed[target]:
                raise InvalidArgument(
                    f"{name} must give each key once; got {key!r} again for {target!r}"
                )
            parsed[target][key] = _literal(value)
    return parsed


def _literal(text: str) -> Any:
    """Return the JSON value that ``text`` spells, or ``text`` itself where it spells none."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):  # not JSON, or beyond what the parser will do
        return text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")  # Python's parser takes NaN and Infinity for numbers
