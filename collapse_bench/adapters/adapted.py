"""Another library's model as ours: what is the same whichever library it comes from."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters.isolation import isolated
from collapse_bench.adapters.names import name_of
from collapse_bench.errors import InvalidArgument, ModelError
from collapse_bench.generation import calling
from collapse_bench.validation import Kind, as_codes, as_numbers, check_count

__all__ = ["Adapted", "Library"]

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]


def _never(wrapped: Any) -> bool:
    return False


def _no_moments(wrapped: Any) -> Moments | None:
    return None


@dataclass(frozen=True, slots=True)
class Library:
    """How an object of another library is used; each function takes the object first.

    Attributes
    ----------
    kind
        What its samples are.
    draw
        ``(wrapped, size, rng)``: ``size`` samples, as the library returns them.
    fit
        ``(wrapped, samples, rng)``: another object, fitted; None where the library has no such.
    log_prob
        ``(wrapped, samples)``: shape (n,); None where the library has no density.
    moments
        ``(wrapped,)``: mean (d,) and covariance (d, d), or None where they aren't known.
    unfitted
        ``(wrapped,)``: whether it has to be fitted before it can be drawn from.
    move
        ``(wrapped, device)``: the same object on another device, the given one left where it is.
    trains
        Whether ``fit`` is a training loop that the caller gave.
    copies
        Whether a copy of the object, or a pickled one, is the same law.
    """

    kind: Kind
    draw: Callable[[Any, int, np.random.Generator], Any]
    fit: Callable[[Any, NDArray[Any], np.random.Generator], Any] | None = None
    log_prob: Callable[[Any, NDArray[Any]], Any] | None = None
    moments: Callable[[Any], Moments | None] = _no_moments
    unfitted: Callable[[Any], bool] = _never
    move: Callable[[Any, Any], Any] | None = None
    trains: bool = False
    copies: bool = True


class _Offered:
    """A method that is there only if ``offers`` says so of the object, for ``hasattr``."""

    def __init__(self, method: Callable[..., Any], offers: Callable[[Adapted], bool]) -> None:
        self.method, self.offers = method, offers
        self.__doc__ = method.__doc__

    def __set_name__(self, of: type, name: str) -> None:
        self.name = name

    def __get__(self, owner: Adapted | None, of: type) -> Any:
        if owner is None:
            return self
        if not self.offers(owner):
            raise AttributeError(f"{owner!r} has no {self.name}")
        return MethodType(self.method, owner)


class Adapted:
    """An object of another library with the methods of a :class:`~collapse_bench.models.Model`.

    Made by :func:`~collapse_bench.adapters.as_model`. Each call of the library runs with Python's,
    numpy's and torch's global generators seeded from ``rng`` and restored afterwards, and what it
    raises is a :class:`ModelError` that names the call. Warnings pass as they are.

    Attributes
    ----------
    wrapped
        The object itself; nothing here changes it.
    kind
        ``"numbers"``, ``"codes"`` or ``"tokens"``: what its samples are.

    Notes
    -----
    ``fit``, ``log_prob(samples)``, ``moments()`` and ``to(device)`` are there where the library
    has them for this object.
    """

    def __init__(
        self, wrapped: Any, library: Library, kind: Kind, again: Callable[[Any, NDArray[Any]], Any]
    ) -> None:
        self.wrapped, self.kind = wrapped, kind
        self._library, self._again = library, again

    def __repr__(self) -> str:
        return f"as_model({name_of(self)})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Adapted:
        library = self._library
        wrapped = copy.deepcopy(self.wrapped, memo) if library.copies else self.wrapped
        return Adapted(wrapped, library, self.kind, copy.deepcopy(self._again, memo))

    def __getstate__(self) -> dict[str, Any]:
        if not self._library.copies:
            raise TypeError(f"{name_of(self)} can't be pickled: what comes back is another law")
        return vars(self)

    @property
    def unfitted(self) -> bool:
        """Whether it has to be fitted before it can be drawn from."""
        return self._library.unfitted(self.wrapped)

    @property
    def trains(self) -> bool:
        """Whether ``fit`` is a training loop that the caller gave: it starts over each time."""
        return self._library.trains

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[Any]:
        """Draw ``size`` samples: (size, d) float64 or (size,) codes, in no particular order.

        Raises
        ------
        ModelError
            If it is not fitted yet, the library raises, or returns anything else.
        """
        check_count("size", size)
        self._demand_fitted(f"sample({size}) is called")
        with calling(self.wrapped, f"sample({size})"), isolated(rng):
            drawn = self._library.draw(self.wrapped, size, rng)
        return _rows(f"{name_of(self)}.sample({size})", drawn, size, self.kind)

    def _fit(self, samples: Any, *, rng: np.random.Generator) -> Any:
        """Return a new model, fitted to ``samples``; this one and they stay as they were.

        Raises
        ------
        InvalidSamples
            If ``samples`` are no finite numbers, or no codes.
        ModelError
            If the library raises, as most do on samples that are all alike.
        """
        assert self._library.fit is not None
        rows = self._read(samples).copy()  # a library may write into what it is given
        with calling(self.wrapped, f"fit(samples of shape {rows.shape})"), isolated(rng):
            fitted = self._library.fit(self.wrapped, rows, rng)
        if fitted is None:
            raise ModelError(
                f"fit of {name_of(self)} must return the fitted model; got None: end it with "
                "`return`"
            )
        return self._again(fitted, rows)

    def _log_prob(self, samples: Any) -> NDArray[np.float64]:
        """Return the log-density, or log-probability of a code, of each sample: shape (n,)."""
        assert self._library.log_prob is not None
        self._demand_fitted("log_prob is called")
        rows = self._read(samples)
        with calling(self.wrapped, f"log_prob(samples of shape {rows.shape})"), isolated():
            found = _array(self._library.log_prob(self.wrapped, rows.copy()))
        if found.shape != (len(rows),):
            raise ModelError(
                f"{name_of(self)}.log_prob must return shape ({len(rows)},); got {found.shape}"
            )
        return found.astype(np.float64)

    def _moments(self) -> Moments:
        """Return mean and covariance of the law itself, shapes (d,) and (d, d)."""
        found = self._library.moments(self.wrapped)
        assert found is not None
        return found

    def _to(self, device: Any) -> Adapted:
        """Return the same model on ``device``; this one stays where it is."""
        assert self._library.move is not None
        moved = self._library.move(self.wrapped, device)
        return (
            self if moved is self.wrapped else Adapted(moved, self._library, self.kind, self._again)
        )

    def _has_moments(self) -> bool:
        return (
            self.kind == "numbers"
            and not self.unfitted
            and (self._library.moments(self.wrapped) is not None)
        )

    fit = _Offered(_fit, lambda model: model._library.fit is not None)
    log_prob = _Offered(_log_prob, lambda model: model._library.log_prob is not None)
    moments = _Offered(_moments, _has_moments)
    to = _Offered(_to, lambda model: model._library.move is not None)

    def _demand_fitted(self, before: str) -> None:
        if self.unfitted:
            raise ModelError(f"{name_of(self)} must be fitted first, before {before}")

    def _read(self, samples: Any) -> NDArray[Any]:
        if self.kind == "codes":
            return as_codes("samples", samples)
        return as_numbers("samples", samples) if self.kind == "numbers" else np.asarray(samples)


def _array(drawn: Any) -> NDArray[Any]:
    """Return an array or a tensor, on whatever device, as a numpy array."""
    if hasattr(drawn, "detach"):
        drawn = drawn.detach().cpu()
        if drawn.dtype.is_floating_point:
            drawn = drawn.double()  # numpy has no bfloat16
        drawn = drawn.numpy()
    return np.asarray(drawn)


def _rows(told: str, drawn: Any, size: int, kind: Kind) -> NDArray[Any]:
    """Return what a library drew, laid out as a model's samples and in memory of their own.

    Values are not looked at: whether they are finite is asked of every model, by its caller.
    """
    try:
        array = _array(drawn)
        if kind == "codes":
            array = as_codes(told, array)
        elif kind == "numbers" and array.dtype.kind not in "iuf":
            raise InvalidArgument(
                f"{told} must hold real numbers; got dtype {array.dtype}"
                + (": pass kind='codes' for categories" if array.dtype.kind in "USTb" else "")
            )
    except InvalidArgument as error:
        raise ModelError(str(error)) from error
    except (ValueError, TypeError) as error:  # numpy's word for a ragged list, and others
        raise ModelError(f"{told} must return an array; {error}") from error
    if array.ndim == 1 and kind == "numbers":
        array = array[:, None]
    if array.ndim != (1 if kind == "codes" else 2):
        raise ModelError(
            f"{told} must have shape (n, d) or (n,); got shape {array.shape}: flatten a sample to "
            "one row"
        )
    if len(array) != size:
        raise ModelError(f"{told} must return {size} samples; got {len(array)}")
    return np.array(array, dtype=np.float64 if kind == "numbers" else None, order="C")
