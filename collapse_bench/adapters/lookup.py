"""What MODULE:ATTR names: someone's own code, imported with one sentence for all that goes wrong.

Each function takes ``argument``, which is what the caller calls the thing: "model", "features".
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

from collapse_bench.errors import InvalidSpec

__all__ = ["called", "find", "split"]

# Files that hold an object rather than the code of one.
STORED = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".bin", ".dill", ".safetensors")


def split(argument: str, spec: str, sentence: str) -> tuple[str, str]:
    """Return module and attribute, or say why ``spec`` can't be both; nothing is imported.

    Parameters
    ----------
    sentence
        What is said of one that isn't of that form.

    Raises
    ------
    InvalidSpec
        If it isn't of the form MODULE:ATTR, or names a file.
    """
    module, colon, attribute = spec.partition(":")
    path = PurePosixPath(module)
    stored = path.suffix.lower() in STORED
    if stored and (not colon or Path(module).is_file()):  # a module may be called mine.bin
        raise InvalidSpec(
            f"{sentence}, a stored {argument.removesuffix('s')}: pickles are not loaded, because "
            "loading one runs code stored in it; write a function that loads it and name that"
        )
    if path.suffix == ".py" or "/" in module or os.sep in module:
        stem = path.stem if path.suffix == ".py" else PurePosixPath(module).name
        raise InvalidSpec(
            f"{sentence}, a path: write {stem + ':' + (attribute or 'ATTR')!r} and run in the "
            "directory of the module, or install it"
        )
    parts = [*module.split("."), *attribute.split(".")]
    if module == "hf" or not all(part.isidentifier() for part in parts):
        raise InvalidSpec(sentence)
    return module, attribute


def find(argument: str, spec: str, module: str, attribute: str) -> Any:
    """Return what ``attribute`` of ``module`` is; attributes of attributes are joined by dots.

    This runs the code of its author. The current directory is put first on ``sys.path`` and stays
    there, because what is found may import more of its author's code when it is used.

    Raises
    ------
    InvalidSpec
        If there is no such module or attribute, or its code raises.
    """
    found = _imported(argument, spec, module)
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            near = get_close_matches(name, dir(found), n=3)
            mend = f": did you mean {' or '.join(map(repr, near))}?" if near else ""
            owner = getattr(found, "__name__", type(found).__name__)
            raise InvalidSpec(
                f"{argument} must name an attribute of its module; got {argument}={spec!r} but "
                f"{owner!r} has no {name!r}{mend}"
            ) from error
    return found


def called(
    argument: str, spec: str, factory: Callable[..., Any], keywords: Mapping[str, Any]
) -> Any:
    """Return what a class or function makes of ``keywords``.

    Raises
    ------
    InvalidSpec
        If it takes other arguments, or raises.
    """
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # written in C: only calling it can tell
        pass
    else:
        try:
            signature.bind(**keywords)
        except TypeError as error:
            raise InvalidSpec(
                f"{argument} must take the arguments it is given; got {argument}={spec!r} of "
                f"{_written(signature)}: {error}"
            ) from error
    try:
        return factory(**keywords)
    except (Exception, SystemExit) as error:
        shown = ", ".join(f"{key}={value!r}" for key, value in keywords.items())
        raise _failed(argument, f"calling it with ({shown})", spec, error) from error


def _imported(argument: str, spec: str, module: str) -> Any:
    here = os.getcwd()
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)
    importlib.invalidate_caches()  # the module may have been written a moment ago
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module + ".").startswith(error.name + "."):
            raise _failed(argument, f"importing {module!r}", spec, error) from error
        raise InvalidSpec(
            f"{argument} must be importable; got {argument}={spec!r} and no module "
            f"{error.name!r}: put it in the current directory or install it"
        ) from error
    except (Exception, SystemExit) as error:
        raise _failed(argument, f"importing {module!r}", spec, error) from error


def _written(signature: inspect.Signature) -> str:
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(inspect.Signature(bare))


def _failed(argument: str, what: str, spec: str, error: BaseException) -> InvalidSpec:
    """Return an error that ends in the last line of the traceback, and where that line arose."""
    line = traceback.format_exception_only(error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f" ({Path(error.filename).name}, line {error.lineno})"
    return InvalidSpec(
        f"{argument} must load; got {argument}={spec!r} but {what} failed: {line}{where}"
    )
