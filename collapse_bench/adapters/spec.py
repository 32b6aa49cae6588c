"""A model from what a user types: a built-in name, or MODULE:ATTR of their own code."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any, Literal

from collapse_bench.adapters import lookup
from collapse_bench.adapters.builtin import BUILT_IN
from collapse_bench.adapters.functions import is_sampler
from collapse_bench.adapters.protocol import as_model, unfitted
from collapse_bench.adapters.scipy_stats import is_kernel_class
from collapse_bench.errors import InvalidSpec
from collapse_bench.models import Model

__all__ = ["LoadedModel", "check_spec", "load_model"]

How = Literal["instance", "factory", "built-in"]

# Files that hold samples.
SAMPLES = (".csv", ".jsonl", ".npy", ".npz", ".parquet")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model and how it came to be.

    Attributes
    ----------
    model
        The object that was found or made, adapted where it is another library's.
    how
        ``"instance"``: found as it is, to be judged as given. ``"factory"`` (a class or a
        function, or another library's model that isn't fitted yet) or ``"built-in"``: made here,
        to be fitted before it is judged.
    name
        The spec it was loaded by.
    """

    model: Model
    how: How
    name: str


def load_model(
    spec: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    need: Sequence[str] = ("sample", "fit"),
) -> LoadedModel:
    """Return the model that ``spec`` names, made with ``arguments`` if it has to be made.

    This imports and runs the code of the model's author with the rights of the caller. The
    current directory is put first on ``sys.path`` and stays there, because a model may import
    more of its author's code when it is used.

    Parameters
    ----------
    spec
        ``gaussian``, ``categorical``, or ``MODULE:ATTR`` where ATTR is a class, a function that
        returns a model, or a model; of any kind that :func:`as_model` knows, so
        ``sklearn.mixture:GaussianMixture`` will do. A function whose two parameters are named
        like a count and a seed, as in ``f(n, seed)``, is a model itself. An attribute of an
        attribute is written with dots.
    arguments
        Keywords for the class or function.
    need
        The methods that what is made here must have. A model that is found needs ``sample``.

    Raises
    ------
    InvalidSpec
        If there is no such module or attribute, its code raises, or what comes out isn't a model.
    """
    keywords = dict(arguments or {})
    if spec in BUILT_IN:
        how: How = "built-in"
        found: Any = BUILT_IN[spec]
    else:
        module, attribute = _split(spec)
        found = lookup.find("model", spec, module, attribute)
        how = "factory" if _makes_models(found) else "instance"
    if how == "instance":
        if keywords:
            raise InvalidSpec(
                f"model must be a class or a function to take arguments; got model={spec!r}, "
                f"an instance of {type(found).__name__}, with {', '.join(sorted(keywords))}"
            )
        model = as_model(found, need=("sample",), name=f"model {spec!r}")
        return LoadedModel(model, "factory" if unfitted(model) else how, spec)
    made = _made(spec, found, keywords)
    return LoadedModel(as_model(made, need=need, name=f"model {spec!r}"), how, spec)


def check_spec(spec: str) -> None:
    """Refuse what can't name a model; nothing is imported.

    Raises
    ------
    InvalidSpec
        If ``spec`` is neither a built-in name nor of the form ``MODULE:ATTR``.
    """
    if spec not in BUILT_IN:
        _split(spec)


def _split(spec: str) -> tuple[str, str]:
    """Return module and attribute, or say why ``spec`` can't be both."""
    names = ", ".join(BUILT_IN)
    sentence = f"model must be a built-in ({names}) or MODULE:ATTR; got model={spec!r}"
    ending = PurePosixPath(spec).suffix.lower()
    if ending in SAMPLES and ":" not in spec:
        raise InvalidSpec(
            f"{sentence}, a file of samples: give pathlib.Path({spec!r}) where a model is wanted, "
            "or --collapse-samples to have the gate judge them"
        )
    bare = not ending and ":" not in spec and "/" not in spec
    if bare and (near := get_close_matches(spec, BUILT_IN, n=1)):
        sentence += f": did you mean {near[0]!r}?"
    return lookup.split("model", spec, sentence)


def _makes_models(found: Any) -> bool:
    if is_sampler(found):
        return False
    return (
        inspect.isclass(found) or inspect.isroutine(found) or isinstance(found, functools.partial)
    )


def _made(spec: str, factory: Callable[..., Any], keywords: dict[str, Any]) -> Any:
    if is_kernel_class(factory):  # it is made from rows, and so by its fit
        return functools.partial(factory, **keywords)
    return lookup.called("model", spec, factory, keywords)
