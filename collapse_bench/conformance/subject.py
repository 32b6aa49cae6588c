"""A model under test: made, made ready, drawn from and fitted, each time on a stream by name."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench import adapters
from collapse_bench.conformance.candidates import calling_factory, makes, written
from collapse_bench.conformance.outcomes import NotApplicable, skip, undecided
from collapse_bench.conformance.reference import READY_ROWS, default_reference, read_reference
from collapse_bench.conformance.timeout import TooLong
from collapse_bench.errors import CollapseBenchError, InvalidArgument, InvalidSpec, ModelError
from collapse_bench.gates.levels import Levels
from collapse_bench.generation import calling, draw
from collapse_bench.models import Samples
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, as_codes, as_samples, check_real

__all__ = ["ALPHA", "BETA", "BUDGET", "READY_ROWS", "Subject"]

# Chance that a sound model fails any of the checks, and that a check passes a defect it states.
ALPHA, BETA = 1e-3, 0.01
# How often a size that a check plans may leave a sound model undecided.
MISS = 1e-4
# Seconds that one check may plan to spend in the model's own code.
BUDGET = 10.0
# A model that keeps the processor busy for less of its time than this waits for something else.
WAITING = 1 / 8
# Calls that a duration is measured by: the first one may import or compile something, and others
# may meet a busy machine. Short ones are repeated until they have taken so long together.
LEAST_TIMED, MOST_TIMED, TIMED_SECONDS = 2, 10, 0.1
MOST_TOLD = 300  # characters of an error's own words


@dataclass(frozen=True)
class Subject:
    """One model and everything that a check may ask about it.

    Parameters
    ----------
    candidate
        A model of any kind that :func:`collapse_bench.adapters.as_model` knows, a class or a
        zero-argument function that makes one, or a SPEC string.
    reference
        Rows, a ``SampleSet``, a law, or a file or built-in by its name, for models that come
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
        If ``alpha``, ``beta`` or ``budget`` is out of its range, the reference holds nothing to
        fit to, a SPEC can't be one, or an instance can't be copied.
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
        if "asked" in self._kept:  # what follows was asked before, see during()
            return
        if self.reference is not None:
            self._kept["reference"] = read_reference(self.reference, seed=self.seed)
        if isinstance(self.candidate, str):
            adapters.check_spec(self.candidate)
        else:
            self._refuse_uncopied()
        self._kept["asked"] = True

    def _refuse_uncopied(self) -> None:
        """Ask once whether an instance can be copied: each check starts from one of its own."""
        try:
            if makes(self.candidate):
                return
            model = adapters.as_model(self.candidate, need=("sample",), name=self.name)
        except Exception:  # no model: that is each check's failure
            return
        self._copied(model)

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

    @property
    def portable_reference(self) -> Any:
        """The reference as another process can read it: a name, or the rows themselves."""
        return self.reference if isinstance(self.reference, str) else self._kept.get("reference")

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
        if makes(self.candidate):
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
        with self._readying():
            if "model" not in self._kept:
                try:
                    self._kept["model"] = self._ready()
                except (ModelError, InvalidSpec, NotApplicable) as failure:
                    self._kept["failure"] = failure  # the same sentence for every check that asks
                    raise
        return self._kept["model"]

    def make_ready(self) -> None:
        """Make the model ready and draw a few rows of it, if no check has done so before.

        What is wrong with the rows is for the checks to say.

        Raises
        ------
        ModelError
            If it can't be made ready.
        NotApplicable
            If it makes what no check looks at.
        """
        _ = self.model
        with suppress(CollapseBenchError):
            _ = self._few

    @contextmanager
    def _readying(self) -> Iterator[None]:
        """Remember what a model that isn't ready in time would do in every other check too."""
        if "failure" in self._kept:
            raise self._kept["failure"]
        try:
            yield
        except TooLong:
            self._kept["failure"] = ModelError(
                "making the model ready, and 8 draws of it, must end within the timeout; they did "
                "not in a check before this one"
            )
            raise

    def _ready(self) -> Any:
        model = self.blueprint()
        if getattr(model, "kind", None) == "tokens":
            skip("the checks look at numbers and codes; a model of token sequences isn't checked")
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
        if "reference" in self._kept:
            rows = np.array(self._kept["reference"].values)
            if getattr(model, "kind", None) == "codes" and self._kept["reference"].kind != "codes":
                rows = as_codes("reference", rows)  # whole numbers, which a file doesn't call codes
            return rows
        reference = default_reference(getattr(model, "kind", "numbers"), few)
        return np.array(read_reference(reference, seed=self.seed).values)

    def _copied(self, model: Any) -> Any:
        try:
            return copy.deepcopy(model)
        except (Exception, SystemExit) as error:
            told = " ".join(str(error).split())[:MOST_TOLD]
            raise InvalidArgument(
                f"model must be a class or function that makes one, or copied by copy.deepcopy; "
                f"got {self.name}, whose copy raised {type(error).__name__}: {told}: give its "
                "class or a function, or write __deepcopy__"
            ) from error

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
        model = self.model
        with self._readying():
            if "few" not in self._kept:
                rng = generator(self.seed, "conformance", "few")
                self._kept["few"] = draw(model, 8, rng=rng)
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
        line, subject = written(self.candidate, self.name, self.arguments)
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
