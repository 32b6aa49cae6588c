"""A model under test: made, made ready, drawn from and fitted, each time on a stream by name."""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench import adapters, data
from collapse_bench.conformance.outcomes import skip, undecided
from collapse_bench.errors import ModelError
from collapse_bench.gates.levels import Levels
from collapse_bench.generation import calling, draw
from collapse_bench.models import Samples
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, as_samples, check_real

__all__ = ["ALPHA", "BETA", "BUDGET", "Subject"]

# Chance that a sound model fails any of the checks, and that a check passes a defect it states.
ALPHA, BETA = 1e-3, 0.01
# How often a size that a check plans may leave a sound model undecided.
MISS = 1e-4
# Seconds that one check may plan to spend in the model's own code.
BUDGET = 10.0
# A model that keeps the processor busy for less of its time than this waits for something else.
WAITING = 1 / 8
# Rows a model is fitted to before it is looked at as a sampler, where it comes unfitted.
READY_ROWS = 2_000
DEFAULTS = {"numbers": "two-gaussians", "codes": "zipf"}  # references of data.load_reference
# Calls that a duration is measured by: the first one may import or compile something, and others
# may meet a busy machine. Short ones are repeated until they have taken so long together.
LEAST_TIMED, MOST_TIMED, TIMED_SECONDS = 2, 10, 0.1


@dataclass(frozen=True)
class Subject:
    """One model and everything that a check may ask about it.

    Parameters
    ----------
    candidate
        A model of any kind that :func:`collapse_bench.adapters.as_model` knows, a class or a
        zero-argument function that makes one, or a SPEC string.
    reference
        Rows, a ``SampleSet``, a law or the name of a built-in reference, for models that come
        unfitted. None: ``two-gaussians`` for numbers and ``zipf`` for codes.
    seed
        Root of every stream.
    alpha, beta
        Chance that a sound model fails any check, and that a check passes what it must detect.
    budget
        Seconds that one check may plan to spend in the model's own code.

    Raises
    ------
    InvalidArgument
        If ``alpha``, ``beta`` or ``budget`` is out of its range.
    """

    candidate: Any
    reference: Any = None
    seed: int = 0
    alpha: float = ALPHA
    beta: float = BETA
    budget: float = BUDGET
    arguments: Mapping[str, Any] | None = None  # keywords for what a SPEC names
    check: str = ""  # the check that asks; part of the name of its streams
    level: float = ALPHA  # the share of alpha that belongs to that check
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_real("alpha", self.alpha, low=0, high=0.5)
        check_real("beta", self.beta, low=0, high=0.5)
        check_real("budget", self.budget, low=0)
        generator(self.seed)  # refuses what isn't a seed

    def during(self, check: str, level: float) -> Subject:
        """Return the same subject as ``check`` sees it, with what was already made."""
        return Subject(
            self.candidate,
            self.reference,
            self.seed,
            self.alpha,
            self.beta,
            self.budget,
            self.arguments,
            check,
            level,
            self._kept,
        )

    # --- what it is called, made and made ready -------------------------------------------------

    @property
    def name(self) -> str:
        """What the model is called in ids and reports: never a memory address."""
        return adapters.name_of(self.candidate)

    @property
    def levels(self) -> Levels:
        """The levels of the check that asks; its planned sizes miss a pass as rarely as MISS."""
        return Levels(self.level, self.beta, MISS)

    def blueprint(self) -> Any:
        """Return the model as given, or newly made: a copy of its own, never fitted here.

        Raises
        ------
        ModelError
            If its class or function raises, or it can't be copied.
        InvalidSpec
            If it is no model, or its SPEC can't be loaded.
        """
        if isinstance(self.candidate, str):
            if "loaded" not in self._kept:
                self._kept["loaded"] = adapters.load_model(
                    self.candidate, self.arguments, need=("sample",)
                )
                self._kept["made"] = self._kept["loaded"].how != "instance"
            return self._copied(self._kept["loaded"].model)
        if _makes(self.candidate):
            self._kept["made"] = True
            with calling_factory(self.candidate):
                made = self.candidate()
            return adapters.as_model(made, need=("sample",), name=self.name)
        self._kept.setdefault("made", False)
        return self._copied(adapters.as_model(self.candidate, need=("sample",), name=self.name))

    @property
    def model(self) -> Any:
        """The model ready to be drawn from; the checks' truth. Fit :meth:`blueprint`, never this.

        A class, function or SPEC of one is fitted to ``READY_ROWS`` rows of the reference. An
        instance is taken as given if it can be drawn from; else it is fitted too, and so is one
        that learns by a training loop (``as_model(flow, fit=train)``).

        Raises
        ------
        ModelError
            If the model raises, or breaks the protocol.
        """
        if "failure" in self._kept:
            raise self._kept["failure"]
        if "model" not in self._kept:
            try:
                self._kept["model"] = self._ready()
            except ModelError as failure:  # the same sentence for every check that asks
                self._kept["failure"] = failure
                raise
        return self._kept["model"]

    def _ready(self) -> Any:
        model = self.blueprint()
        if not hasattr(model, "fit"):  # looked at as a sampler only
            return model
        if self._kept["made"]:
            return self._fitted(model, self._learned(model, None))
        try:
            few = draw(self._copied(model), 2, rng=generator(self.seed, "conformance", "ready"))
        except ModelError as unfit:
            try:
                return self._fitted(model, self._learned(model, None))
            except ModelError as second:
                raise ModelError(f"{unfit}; and fitted, {second}") from second
        if getattr(model, "trains", False):
            # Its fits all start from the object as given. Were that the truth as well, a training
            # loop that does nothing would be perfect.
            return self._fitted(model, self._learned(model, few))
        return model

    def _fitted(self, model: Any, rows: Samples) -> Any:
        return fitted(model, rows, rng=generator(self.seed, "conformance", "founder"))

    def _learned(self, model: Any, few: Samples | None) -> Samples:
        """Return the reference rows that a model is made ready with; ``few`` are draws of it."""
        rng = generator(self.seed, "conformance", "reference")
        reference = self.reference
        if reference is None and few is not None and few.ndim == 2 and few.shape[1] > 1:
            centers = 2.0 * np.outer([-1.0, 1.0], np.ones(few.shape[1]))
            reference = data.NormalMixture([0.5, 0.5], centers, [1.0, 1.0])
        if reference is None:
            reference = DEFAULTS.get(getattr(model, "kind", "numbers"), DEFAULTS["numbers"])
        if isinstance(reference, str):
            reference = data.load_reference(reference, seed=self.seed)
        if callable(getattr(reference, "sample", None)) and not hasattr(reference, "__array__"):
            return draw(reference, READY_ROWS, rng=rng)
        values = getattr(reference, "values", reference)
        rows, _ = as_samples("reference", values, getattr(reference, "kind", None))
        if len(rows) <= READY_ROWS:
            return rows.copy()
        return np.asarray(rows[rng.choice(len(rows), READY_ROWS, replace=False)])

    def _copied(self, model: Any) -> Any:
        with calling(model, "__deepcopy__()"):
            return copy.deepcopy(model)

    # --- what a check does with it --------------------------------------------------------------

    def rng(self, *names: str | int) -> np.random.Generator:
        """Return the stream called ``names`` of the check that asks."""
        return generator(self.seed, "conformance", self.check, *names)

    def draw(self, size: int, *names: str | int, model: Any = None) -> Samples:
        """Return ``size`` checked draws, (size, d) or (size,), of ``model`` or of the ready model.

        Raises
        ------
        ModelError
            If the model raises or returns anything but as many finite samples.
        """
        return draw(self.model if model is None else model, size, rng=self.rng("draw", *names))

    def fit(self, rows: Samples, *names: str | int, model: Any = None) -> Any:
        """Return a model fitted to a copy of ``rows``: ``model``, or a new blueprint.

        Raises
        ------
        ModelError
            If ``fit`` raises or returns no model.
        NotApplicable
            If there is no ``fit``.
        """
        subject = self.blueprint() if model is None else model
        return fitted(subject, rows.copy(), rng=self.rng("fit", *names))

    @cached_property
    def kind(self) -> Kind:
        """What the samples are: what the model says, else what they look like."""
        said: Kind | None = getattr(self.model, "kind", None)
        return said or as_samples("samples", self._few)[1]

    @cached_property
    def width(self) -> int:
        """Number of columns, d; 1 for codes."""
        return self._few.shape[1] if self._few.ndim == 2 else 1

    @property
    def _few(self) -> NDArray[Any]:
        if "few" not in self._kept:
            rng = generator(self.seed, "conformance", "few")
            self._kept["few"] = draw(self.model, 8, rng=rng)
        return np.asarray(self._kept["few"])

    def declares(self, claim: str) -> bool:
        """Return whether the model claims a property by an attribute of that name that is true."""
        return bool(getattr(self.model, claim, False))

    def seconds(self, what: str, work: Callable[[], object]) -> float:
        """Return the seconds that ``work`` takes, the least of some; measured once for ``what``."""
        key = f"seconds {what}"
        if key not in self._kept:
            seconds: list[float] = []
            while len(seconds) < LEAST_TIMED or (
                len(seconds) < MOST_TIMED and sum(seconds) < TIMED_SECONDS
            ):
                seconds.append(_spent(work))
            self._kept[key] = min(seconds)
        return float(self._kept[key])

    def afford(self, what: str, seconds: float) -> None:
        """End the check as inconclusive if ``what`` would take longer than the budget allows."""
        if seconds > self.budget:
            undecided(
                f"{what} would take about {seconds:.0f} s of this model's time, beyond the budget "
                f"of {self.budget:g} s: raise budget, or --collapse-budget"
            )

    def snippet(self) -> str:
        """Return the lines of code that repeat the check that asks."""
        arguments = [f"seed={self.seed}"]
        given = ""
        if isinstance(self.reference, str):
            arguments.append(f"reference={self.reference!r}")
        elif self.reference is not None:
            arguments.append("reference=reference")
            source = getattr(self.reference, "name", None)
            loaded = f"load_reference({source!r})" if source else "...  # as it was given"
            lead = "from collapse_bench.data import load_reference\n" if source else ""
            given = f"{lead}reference = {loaded}\n"
        for name, default in (("alpha", ALPHA), ("beta", BETA), ("budget", BUDGET)):
            if (value := getattr(self, name)) != default:
                arguments.append(f"{name}={value!r}")
        line, subject = _written(self.candidate, self.name, self.arguments)
        return (
            f"from collapse_bench.conformance import {self.check}\n"
            f"{given}{line}{self.check}({subject}, {', '.join(arguments)})"
        )


def _spent(work: Callable[[], object]) -> float:
    """Return the seconds that ``work`` takes, as if nothing else ran on the machine.

    Processor time doesn't grow with what others do. Where there is little of it the model waits,
    for a device or another process, and the clock counts.
    """
    begun, busy = time.perf_counter(), time.process_time()
    work()
    clock, used = time.perf_counter() - begun, time.process_time() - busy
    return min(clock, used) if used > WAITING * clock else clock


def fitted(model: Any, rows: Samples, *, rng: np.random.Generator) -> Any:
    """Return ``model`` fitted to ``rows``, which it may keep or change.

    Raises
    ------
    NotApplicable
        If it has no ``fit``.
    ModelError
        If ``fit`` raises or returns something that can't be drawn from.
    """
    if not callable(getattr(model, "fit", None)):
        skip("the model has no fit: it is looked at as a sampler only")
    with calling(model, f"fit(samples of shape {rows.shape}, rng=rng)"):
        found = model.fit(rows, rng=rng)
    if found is None:
        raise ModelError(
            f"{adapters.name_of(model)}.fit must return the fitted model; got None: end it with "
            "`return self`, or return a new model"
        )
    if not callable(getattr(found, "sample", None)):
        raise ModelError(
            f"{adapters.name_of(model)}.fit must return a model with sample(size, *, rng); "
            f"got an object of type {type(found).__name__}"
        )
    return found


def calling_factory(factory: Any) -> Any:
    """Turn what a class or function raises when a model is made into a ModelError."""
    return calling(factory, f"{getattr(factory, '__name__', type(factory).__name__)}()")


def _makes(candidate: Any) -> bool:
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


def _written(candidate: Any, name: str, arguments: Mapping[str, Any] | None) -> tuple[str, str]:
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
    if _makes(candidate) and module and qualname and "<" not in qualname:
        top = qualname.partition(".")[0]
        return f"from {module} import {top}\n\n", qualname
    text = " ".join(repr(candidate).split())
    return f"\nmodel = ...  # {name}: {text[:200]}\n", "model"
