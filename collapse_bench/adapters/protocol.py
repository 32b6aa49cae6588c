"""Any object as a model: as it is where it has the methods, else by the library it is of."""

from __future__ import annotations

import copy
import functools
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters import (
    functions,
    native,
    pool,
    scikit_learn,
    scipy_stats,
    synthesizer,
    torch_models,
)
from collapse_bench.adapters.adapted import Adapted, Library
from collapse_bench.adapters.origin import made_by
from collapse_bench.data import load_samples
from collapse_bench.errors import InvalidArgument, InvalidSpec
from collapse_bench.models import Model
from collapse_bench.validation import Kind, one_of

__all__ = ["as_model", "unfitted"]

# How each method is called, and how to write it down.
SIGNATURES = {"sample": "sample(size, *, rng)", "fit": "fit(samples, *, rng)"}

KINDS = ("numbers", "codes", "tokens")

KNOWN = (
    "known besides are scikit-learn's mixtures and KernelDensity, scipy.stats' gaussian_kde and "
    "frozen distributions, torch distributions, torch modules that sample or return a "
    "distribution, objects with sample(num_rows=), functions f(n, seed) and files of samples"
)
FIT = (
    "give as_model fit=, a function of (model, samples, rng) that returns the fitted one, or "
    "need=('sample',) if it is only to be drawn from"
)

RECOGNIZE = (
    scikit_learn.recognize,
    scipy_stats.recognize,
    torch_models.recognize,
    functions.recognize,
    pool.recognize,
)

Fit = Callable[[Any, NDArray[Any], np.random.Generator], Any]


def as_model(
    obj: Any,
    *,
    need: Sequence[str] = ("sample", "fit"),
    name: str = "model",
    kind: Kind | None = None,
    fit: Fit | None = None,
    columns: Sequence[str] | None = None,
) -> Model:
    """Return ``obj`` as a model: itself if it is one, else an adapter around it.

    Nothing is drawn, fitted or changed here, and no library is imported that ``obj`` isn't of.
    What the adapter draws or fits is a function of ``rng`` alone if torch, where it is used, is
    imported before the first call: one that imports it is warned about. Calls on several threads
    take turns, because the global generators are one for all: none may wait for another's.

    Parameters
    ----------
    obj
        A model (an object with ``sample(size, *, rng)`` and ``fit(samples, *, rng)``), or

        - scikit-learn's ``GaussianMixture``, ``BayesianGaussianMixture`` or ``KernelDensity``,
          fitted or not; each fit is of a clone, and rows come in random order. A warning that the
          fit didn't converge passes; where warnings are errors, that fit raises;
        - ``scipy.stats.gaussian_kde``: an instance, which is fitted anew by the same rule of
          bandwidth, or the class (or a ``functools.partial`` of it), which has to be fitted;
        - a frozen distribution of ``scipy.stats`` or an instance of its newer classes, or of
          ``torch.distributions``: a law that is sampled from. A discrete one in one column draws
          codes. None of them is fitted unless ``fit`` says how;
        - a ``torch.nn.Module`` with ``sample`` of a number or a shape, or one that returns a
          distribution when it is called without arguments, as zuko's flows do. It is put in
          evaluation mode for each draw; ``fit`` is its training loop. Of a pair of samples and
          n floats the second is taken for log-densities and left out;
        - an object with ``sample(num_rows=)`` and ``fit(frame)``, as SDV's synthesizers;
        - a function ``f(n, seed)``; ``rng`` in place of ``seed`` gets the generator itself;
        - a path of a file of samples, or a ``SampleSet``: the law of its rows, drawn with
          replacement, so of any size. To judge the rows themselves, give them as samples.
    need
        The methods that are asked for: ``("sample",)`` for a model that is only judged.
    name
        What the object is called where the caller sees it.
    kind
        What its samples are, where that isn't what its library would say.
    fit
        ``(obj, samples, rng)`` returns a fitted object of any kind named above. ``obj`` is a deep
        copy of the object as it was given, whichever generation is fitted, and may be trained in
        place; ``samples`` are (n, d) float64 numbers or (n,) codes. Goes before a fit that the
        object has.
    columns
        Names of the columns, for a synthesizer or a file. A synthesizer's columns come in this
        order; without names, as they come until its own fit, which numbers them from column_0 on.

    Raises
    ------
    InvalidSpec
        If a method is missing or can't be called as the protocol says, or ``kind`` is unknown;
        each such method is listed with the signature that is wanted. If a library's object can't
        be used: another kernel, a batch of distributions, parameters that are arrays, pairs.
    InvalidArgument
        If ``kind``, ``fit`` or ``columns`` don't fit the object.
    """
    if kind is not None:
        one_of("kind", kind, KINDS)
    if fit is not None and not callable(fit):
        raise InvalidArgument(f"fit must be a function of (model, samples, rng); got fit={fit!r}")
    if isinstance(columns, str):
        raise InvalidArgument(f"columns must be a sequence of names; got columns={columns!r}")
    return _as_model(obj, None, need, name, kind, fit, columns)


def _as_model(
    obj: Any,
    start: Any,
    need: Sequence[str],
    name: str,
    kind: Kind | None,
    fit: Fit | None,
    columns: Sequence[str] | None,
) -> Model:
    """Return ``obj`` as a model whose training starts from ``start``; None: from ``obj``."""
    obj = _opened(obj, name, kind, columns)
    start = obj if start is None else start
    if fit is None and _satisfies(obj, need):
        return _itself(obj, name, kind)
    library = _library(obj, name, columns)
    if library is None and fit is not None and _trouble(obj, "sample") is None:
        library = native.recognize(obj)
    if library is None:
        raise InvalidSpec(_refusal(obj, need, name))
    if fit is not None:
        trained = functools.partial(_trained, start=start, fit=fit, copies=library.copies)
        library = replace(library, fit=trained, trains=True)
    if "fit" in need and library.fit is None:
        raise InvalidSpec(
            f"{name} must have {SIGNATURES['fit']}; got {_described(obj)}, which is only sampled "
            f"from: {FIT}"
        )
    again = functools.partial(
        _fitted, start=start, name=f"fit of {name}", kind=kind, fit=fit, columns=columns
    )
    return Adapted(obj, library, kind or library.kind, again)


def _fitted(
    obj: Any,
    samples: NDArray[Any],
    *,
    start: Any,
    name: str,
    kind: Kind | None,
    fit: Fit | None,
    columns: Sequence[str] | None,
) -> Model:
    """Return what a fit to ``samples`` made as a model like the one that was fitted."""
    if not synthesizer.is_one(obj):
        columns = None
    elif columns is None and fit is None:
        columns = synthesizer.numbered(samples)  # as the rows were named for it
    return _as_model(obj, start, ("sample",), name, kind, fit, columns)


def unfitted(obj: Any) -> bool:
    """Say whether ``obj`` is another library's model that waits to be fitted.

    Such a one can't be judged as given: like a class, it is fitted first.

    Raises
    ------
    InvalidSpec
        If it is no model at all.
    """
    model = as_model(obj, need=("sample",))
    return isinstance(model, Adapted) and model.unfitted


def _opened(obj: Any, name: str, kind: Kind | None, columns: Sequence[str] | None) -> Any:
    """Return the samples where ``obj`` is a file, else ``obj``, if it can be asked further."""
    if inspect.isclass(obj) and not scipy_stats.is_kernel_class(obj):
        raise InvalidSpec(f"{name} must be an instance; got the class {obj.__name__}: call it")
    if isinstance(obj, str | os.PathLike):
        return load_samples(obj, columns=columns, kind=kind)
    if columns is not None and not synthesizer.is_one(obj):
        raise InvalidArgument(
            f"columns must be None for {_described(obj)}; got columns={list(columns)!r}"
        )
    return obj


def _satisfies(obj: Any, need: Sequence[str]) -> bool:
    """Say whether ``obj`` can be used as it is."""
    # scipy's newer laws have sample(shape, rng=), but draw codes as floats.
    foreign = made_by(obj, "scipy", "_ProbabilityDistribution")
    return not foreign and all(_trouble(obj, method) is None for method in need)


def _itself(obj: Any, name: str, kind: Kind | None) -> Model:
    own = getattr(obj, "kind", "numbers")
    if own not in KINDS:
        raise InvalidSpec(
            f"{name} must have a kind of {', '.join(map(repr, KINDS))}; "
            f"got {_described(obj)} with kind={own!r}"
        )
    if kind not in (None, own):
        raise InvalidArgument(
            f"kind must be None or {own!r} for {_described(obj)}, which is a model already; got "
            f"kind={kind!r}: set its attribute kind"
        )
    model: Model = obj
    return model


def _library(obj: Any, name: str, columns: Sequence[str] | None) -> Library | None:
    """Return how the object is used, or None where no library knows it."""
    for recognize in RECOGNIZE:
        if (found := recognize(obj, name)) is not None:
            return found
    return synthesizer.recognize(obj, columns) if synthesizer.is_one(obj) else None


def _trained(
    obj: Any, samples: NDArray[Any], rng: np.random.Generator, *, start: Any, fit: Fit, copies: bool
) -> Any:
    del obj  # were training to start from the present parameters, to do nothing would look sound
    return fit(copy.deepcopy(start) if copies else start, samples, rng)


def _refusal(obj: Any, need: Sequence[str], name: str) -> str:
    troubles = {method: _trouble(obj, method) for method in need}
    wrong = [SIGNATURES[method] + tail for method, tail in troubles.items() if tail is not None]
    return (
        f"{name} must have {' and '.join(SIGNATURES[method] for method in need)}; "
        f"got {_described(obj)}, which has no {'; no '.join(wrong)}: "
        f"{FIT if troubles.get('sample') is None else KNOWN}"
    )


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
