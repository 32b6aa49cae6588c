"""Someone's features, found by name; what they return is checked before anything is judged."""

from __future__ import annotations

import copy
import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters import lookup
from collapse_bench.adapters.isolation import isolated
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec, ModelError
from collapse_bench.validation import as_numbers

__all__ = ["Features", "load_features"]

METHODS = ("transform", "__call__")  # what takes samples to features; the first one is used

MOST_TOLD = 300  # characters of someone else's message


class Features:
    """Someone's function from samples to rows of numbers, checked; see :func:`load_features`.

    What the features' own code raises is a ModelError that names them, and the code runs with the
    global generators of Python, numpy and torch seeded by a constant.

    Attributes
    ----------
    name
        The SPEC it was loaded by.
    fits
        Whether it has to be fitted before it is applied.
    """

    def __init__(self, name: str, found: Any, *, fits: bool) -> None:
        self.name, self.fits = name, fits
        self._found = found
        self._width: int | None = None  # of the first rows it returned

    def __repr__(self) -> str:
        return f"load_features({self.name!r})"

    def fit(self, samples: Any) -> Features:
        """Return new features, fitted to ``samples``; these stay as they were.

        Parameters
        ----------
        samples
            n samples of any kind that the features take. They get a copy that can't be written
            to: an array, or a list of texts or of sequences.

        Raises
        ------
        InvalidArgument
            If these aren't to be fitted.
        ModelError
            If the features' own code raises, or its ``fit`` returns what can't be applied.
        """
        if not self.fits:
            raise InvalidArgument(f"features must have to be fitted; got features={self.name!r}")
        given = _shown(samples)
        with self._calling(f"fit({_said(given)})"):
            started = copy.deepcopy(self._found)  # these stay as they were
            fitted = started.fit(given)
        fitted = started if fitted is None else fitted  # not every fit returns anything
        if _method(fitted) is None:
            raise ModelError(
                f"fit of features {self.name!r} must return what has transform(samples); got "
                f"{_described(fitted)}"
            )
        return Features(self.name, fitted, fits=False)

    def apply(self, samples: Any) -> NDArray[np.float64]:
        """Return the features of n samples: shape (n, d), finite.

        Parameters
        ----------
        samples
            As in :meth:`fit`.

        Raises
        ------
        InvalidArgument
            If these have to be fitted first.
        ModelError
            If the features' own code raises, or returns anything but n rows of finite numbers,
            shape (n, d) or (n,), which is read as (n, 1), as wide as those before.
        """
        if self.fits:
            raise InvalidArgument(f"features must be fitted first; got features={self.name!r}")
        given = _shown(samples)
        method = _method(self._found)
        assert method is not None  # else these had not been made
        with self._calling(f"{method[0]}({_said(given)})"):
            returned = method[1](given)
        told = f"features {self.name!r} of {_said(given)}"
        rows = self._rows(told, returned)
        if len(rows) != len(given):
            raise ModelError(f"{told} must be one row a sample, {len(given)}; got {len(rows)}")
        if self._width not in (None, rows.shape[1]):
            raise ModelError(
                f"{told} must be {self._width} numbers a row as before; got {rows.shape[1]}"
            )
        self._width = rows.shape[1]
        return rows

    @staticmethod
    def _rows(told: str, returned: Any) -> NDArray[np.float64]:
        """Return what was returned as rows of their own memory."""
        try:
            if hasattr(returned, "toarray"):  # scipy's sparse matrices
                returned = returned.toarray()
            return np.array(as_numbers(told, returned))
        except InvalidSamples as error:
            raise ModelError(str(error)) from error
        except (TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"{told} must be an array of numbers; {error}") from error

    @contextmanager
    def _calling(self, call: str) -> Iterator[None]:
        """Run the features' own code, and turn what it raises into an error that names them.

        The global generators are seeded by a constant meanwhile, so that features of the same
        samples are the same.
        """
        try:
            with isolated():
                yield
        except (InvalidArgument, ModelError) as error:  # a sentence already, of ours
            raise type(error)(f"{error}: features={self.name!r}") from error
        except (Exception, SystemExit) as error:
            told = " ".join(str(error).split())[:MOST_TOLD]
            last = traceback.extract_tb(error.__traceback__)[-1]
            raise ModelError(
                f"features {self.name!r} must return from {call}; it raised "
                f"{type(error).__name__}: {told} ({Path(last.filename).name}, line {last.lineno})"
            ) from error


def load_features(spec: str) -> Features:
    """Return the features that ``spec`` names.

    This imports and runs the code of their author with the rights of the caller, by the rules of
    :func:`~collapse_bench.adapters.load_model`: the current directory is first on ``sys.path``.

    Parameters
    ----------
    spec
        ``MODULE:ATTR``, where ATTR is a function of n samples that returns (n, d) numbers; an
        object with ``transform(samples)``, or one that can be called, and, where it has to be
        fitted, ``fit(samples)``; or a class, which is called without arguments, such as
        ``collapse_bench.features:PCA`` or ``sklearn.preprocessing:StandardScaler``. An object that
        is fitted already, one of scikit-learn's or with an attribute ``fitted`` that is true, is
        applied as it is.

    Raises
    ------
    InvalidSpec
        If there is no such module or attribute, its code raises, or what it is isn't one of these.
    """
    if not isinstance(spec, str):
        raise InvalidSpec(f"features must be MODULE:ATTR, a string; got features={spec!r}")
    sentence = f"features must be MODULE:ATTR; got features={spec!r}"
    if (own := BUILT_IN.get(spec.lower())) is not None:
        sentence += f": did you mean {own!r}?"
    found = lookup.find("features", spec, *lookup.split("features", spec, sentence))
    if inspect.isclass(found):
        found = lookup.called("features", spec, found, {})
    if _method(found) is None:
        raise InvalidSpec(
            "features must be a function of samples, a class, or an object with "
            f"transform(samples); got features={spec!r}, {_described(found)}"
        )
    return Features(spec, found, fits=callable(getattr(found, "fit", None)) and not _fitted(found))


BUILT_IN = {
    "pca": "collapse_bench.features:PCA",
    "surprisal": "collapse_bench.features:Surprisal",
}


def _fitted(found: Any) -> bool:
    """Return whether an object says that it was fitted before it was named."""
    own = getattr(found, "fitted", None)
    if own is not None or not callable(getattr(found, "get_params", None)):
        return own is True
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(found)
    except (NotFittedError, TypeError):  # TypeError: it has the method, but is no estimator
        return False
    # Those that learn nothing say that they are fitted: to fit them does no harm.
    return any(name.endswith("_") and not name.startswith("_") for name in vars(found))


def _method(found: Any) -> tuple[str, Any] | None:
    """Return the name of what takes samples to features, and itself; None if there is none."""
    for name in METHODS:
        if callable(method := getattr(found, name, None)) and not inspect.isclass(found):
            return name, method
    return None


def _shown(samples: Any) -> Any:
    """Return a copy of samples that someone else's code may see.

    Arrays can't be written to; texts are a list of str, sequences of other lengths a list of
    tuples.
    """
    values = samples.values if hasattr(samples, "kind") and hasattr(samples, "values") else samples
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = (values.double() if values.dtype.is_floating_point else values).numpy()
    listed = isinstance(values, list | tuple)
    if not listed and not hasattr(values, "__array__"):
        raise InvalidSamples(
            f"samples must be an array or a list of samples; got {type(samples).__name__}"
        )
    if not listed:
        values = np.asarray(values)
    if (len(values) if listed else values.ndim and len(values)) == 0:
        raise InvalidSamples("samples must hold one sample at least; got none")
    if listed or (values.ndim == 1 and values.dtype.kind in "OUT"):
        return [_sample(row) for row in values]
    return _fixed(values)


def _sample(row: Any) -> Any:
    """Return one of a list of samples so that it can't be changed."""
    if isinstance(row, str):
        return str(row)  # not numpy's own kind of it
    if isinstance(row, list | tuple):
        return tuple(row)
    return _fixed(row) if isinstance(row, np.ndarray) else row


def _fixed(values: NDArray[Any]) -> NDArray[Any]:
    own = values.copy()
    own.setflags(write=False)
    return own


def _said(given: Any) -> str:
    shape = getattr(given, "shape", None)
    return f"{len(given):,} samples" if shape is None else f"samples of shape {shape}"


def _described(obj: Any) -> str:
    return f"an object of type {type(obj).__module__}.{type(obj).__qualname__}"
