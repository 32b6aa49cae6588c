"""A model from what a user types: a built-in name, or MODULE:ATTR of their own code."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any, Literal

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
# Files that hold a model rather than the code of one.
STORED = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".bin", ".dill", ".safetensors")


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
        found = _attribute(spec, _imported(spec, module), attribute)
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
    module, colon, attribute = spec.partition(":")
    path = PurePosixPath(module)
    stored = path.suffix.lower() in STORED
    if stored and (not colon or Path(module).is_file()):  # a module may be called mine.bin
        raise InvalidSpec(
            f"{sentence}, a stored model: pickles are not loaded, because loading one runs code "
            "stored in it; write a function that loads it and name that"
        )
    if path.suffix.lower() in SAMPLES and not colon:
        raise InvalidSpec(
            f"{sentence}, a file of samples: give pathlib.Path({spec!r}) where a model is wanted, "
            "or --collapse-samples to have the gate judge them"
        )
    if path.suffix == ".py" or "/" in module or os.sep in module:
        stem = path.stem if path.suffix == ".py" else PurePosixPath(module).name
        raise InvalidSpec(
            f"{sentence}, a path: write {stem + ':' + (attribute or 'ATTR')!r} and run in the "
            "directory of the module, or install it"
        )
    if not colon:
        near = get_close_matches(spec, BUILT_IN, n=1)
        raise InvalidSpec(sentence + (f": did you mean {near[0]!r}?" if near else ""))
    parts = [*module.split("."), *attribute.split(".")]
    if module == "hf" or not all(part.isidentifier() for part in parts):
        raise InvalidSpec(sentence)
    return module, attribute


def _imported(spec: str, module: str) -> Any:
    here = os.getcwd()
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)
    importlib.invalidate_caches()  # the module may have been written a moment ago
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module + ".").startswith(error.name + "."):
            raise _failed(f"importing {module!r}", spec, error) from error
        raise InvalidSpec(
            f"model must be importable; got model={spec!r} and no module {error.name!r}: "
            "put it in the current directory or install it"
        ) from error
    except (Exception, SystemExit) as error:
        raise _failed(f"importing {module!r}", spec, error) from error


def _attribute(spec: str, module: Any, path: str) -> Any:
    found = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            near = get_close_matches(name, dir(found), n=3)
            mend = f": did you mean {' or '.join(map(repr, near))}?" if near else ""
            owner = getattr(found, "__name__", type(found).__name__)
            raise InvalidSpec(
                f"model must name an attribute of its module; got model={spec!r} but {owner!r} "
                f"has no {name!r}{mend}"
            ) from error
    return found


def _makes_models(found: Any) -> bool:
    if is_sampler(found):
        return False
    return (
        inspect.isclass(found) or inspect.isroutine(found) or isinstance(found, functools.partial)
    )


def _made(spec: str, factory: Callable[..., Any], keywords: dict[str, Any]) -> Any:
    if is_kernel_class(factory):  # it is made from rows, and so by its fit
        return functools.partial(factory, **keywords)
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # written in C: only calling it can tell
        pass
    else:
        try:
            signature.bind(**keywords)
        except TypeError as error:
            raise InvalidSpec(
                f"model must take the arguments it is given; got model={spec!r} of "
                f"{_written(signature)}: {error}"
            ) from error
    try:
        return factory(**keywords)
    except (Exception, SystemExit) as error:
        shown = ", ".join(f"{key}={value!r}" for key, value in keywords.items())
        raise _failed(f"calling it with ({shown})", spec, error) from error


def _written(signature: inspect.Signature) -> str:
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(inspect.Signature(bare))


def _failed(what: str, spec: str, error: BaseException) -> InvalidSpec:
    """Return an error that ends in the last line of the traceback, and where that line arose."""
    line = traceback.format_exception_only(error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f" ({Path(error.filename).name}, line {error.lineno})"
    return InvalidSpec(f"model must load; got model={spec!r} but {what} failed: {line}{where}")
