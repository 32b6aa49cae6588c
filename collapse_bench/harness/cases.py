"""Who is judged, against which rows, on how many draws."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench import adapters, data, gates
from collapse_bench.errors import InvalidArgument, InvalidSamples, ModelError
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import read_reference
from collapse_bench.gates.sequential import GRID, course_of
from collapse_bench.generation import calling
from collapse_bench.harness.options import CONFORMANCE_MODELS
from collapse_bench.harness.streaming import Stream
from collapse_bench.models import Samples
from collapse_bench.streams import generator

if TYPE_CHECKING:
    from collapse_bench.harness.options import Settings

__all__ = ["Case", "Inputs", "OnlySamples"]

DEFAULT_REFERENCE = "two-gaussians"
DEFAULT_POWER = 0.999  # of the case that runs when nothing is given: it must be able to pass
POWER = 0.99
AS_GIVEN = "judged as given"
UNTIL_DECIDED = ", until decided"  # what is drawn in sequential mode

# More of the samples than this that stand in the reference too, though there are hardly two equal
# rows in it, are no coincidence.
OVERLAP = 0.01


class OnlySamples:
    """Stands where a model would: only samples were given, there is nothing to draw from."""

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        raise ModelError("sample needs a model; only samples were given, by --collapse-samples")

    def fit(self, samples: Samples, *, rng: np.random.Generator) -> OnlySamples:
        raise ModelError("fit needs a model; only samples were given, by --collapse-samples")


@dataclass(slots=True)
class Case:
    """One candidate, ready to be judged.

    Attributes
    ----------
    model
        What is drawn from: the candidate as given, or fitted to one half of the reference.
    samples
        What is judged, where only samples were given.
    reference
        The rows it is judged against: all of them, or the other half.
    how
        In words: as given, or fitted to how many rows.
    learned
        Whether it was fitted here, to the rows that are not in ``reference``.
    draws
        What was drawn so far, by module and size.
    streams
        What is drawn in sequential mode, by module.
    """

    model: Any
    samples: data.SampleSet | None
    reference: data.SampleSet
    how: str = AS_GIVEN
    learned: bool = False
    draws: dict[tuple[str, int], Samples] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)


@dataclass
class Inputs:
    """What the options name, read once a session: the reference, the samples, the models."""

    settings: Settings
    models: dict[str, adapters.LoadedModel] = field(default_factory=dict)
    _reference: data.SampleSet | None = None
    _samples: data.SampleSet | None = None
    _shared: str | None = None  # what samples and reference have in common, in words
    _most: dict[tuple[str, int], int] = field(default_factory=dict)
    _halves: dict[str, tuple[data.SampleSet, data.SampleSet]] = field(default_factory=dict)
    _plans: dict[tuple[str, int], gates.Plan] = field(default_factory=dict)
    _given: dict[int, Case] = field(default_factory=dict)

    @property
    def reference(self) -> data.SampleSet:
        """The reference as it was given, or 100,000 draws of two-gaussians."""
        if self._reference is None:
            spec = self.settings.reference or DEFAULT_REFERENCE
            self._reference = data.load_reference(
                spec, columns=self.settings.columns, seed=self.settings.seed
            )
        return self._reference

    def model(
        self, spec: str, *, need: tuple[str, ...] = ("sample", "fit")
    ) -> adapters.LoadedModel:
        """Return the model that ``spec`` names; imported at most once a session.

        What is made, by a class or a function, must have the methods of ``need``.
        """
        if spec not in self.models:
            arguments = self.settings.arguments.get(spec, CONFORMANCE_MODELS.get(spec, {}))
            self.models[spec] = adapters.load_model(spec, arguments, need=need)
        return self.models[spec]

    def samples(self, reference: data.SampleSet) -> data.SampleSet:
        """Return the given samples with the columns of ``reference``.

        Raises
        ------
        InvalidSamples
            If they don't fit it, or are its own rows.
        """
        if self._samples is None:
            if self.settings.samples is None:
                raise InvalidArgument("samples must be given by --collapse-samples; got None")
            found = data.load_samples(self.settings.samples, columns=self.settings.columns)
            matched = data.match_columns(found, reference)
            share = _overlap(matched, reference)
            if share == 1:
                raise InvalidSamples(
                    f"--collapse-samples must be drawn from a model; {found.name!r} holds only "
                    f"rows of the reference, {reference.name!r}, which would pass any gate"
                )
            if share > OVERLAP:
                self._shared = (
                    f"{share:.1%} of the samples are rows of the reference too: what was copied "
                    "says nothing of the model, and the error rates don't hold"
                )
            self._samples = matched
        return self._samples

    def halves(self, reference: data.SampleSet) -> tuple[data.SampleSet, data.SampleSet]:
        """Return two random halves of a reference: to learn from, and to be judged against."""
        if reference.sha256 not in self._halves:
            if len(reference) < 2:
                raise InvalidArgument(f"reference must have two rows or more; got {len(reference)}")
            order = generator(self.settings.seed, "split").permutation(len(reference))
            middle = len(reference) // 2
            learned, judged = (
                reference.take(np.sort(rows)) for rows in (order[:middle], order[middle:])
            )
            self._halves[reference.sha256] = learned, judged
        return self._halves[reference.sha256]

    def case(self, candidate: Any, reference: data.SampleSet) -> Case:
        """Return ``candidate`` made ready.

        Parameters
        ----------
        candidate
            A model, or a class or function that makes one; None where samples were given.
        reference
            What the session judges against.

        Raises
        ------
        InvalidArgument
            If the candidate isn't a model, or the reference can't be split.
        ModelError
            If its ``fit`` raises.
        """
        if candidate is None:
            return Case(OnlySamples(), self.samples(reference), reference)
        made = any(
            loaded.model is candidate and loaded.how != "instance"
            for loaded in self.models.values()
        )
        if inspect.isclass(candidate) or inspect.isroutine(candidate):
            made, candidate = True, candidate()
        made = made or adapters.unfitted(candidate)  # an estimator of another library
        if not made:
            return Case(adapters.as_model(candidate, need=("sample",)), None, reference)
        learned, judged = self.halves(reference)
        model = copy.deepcopy(adapters.as_model(candidate))
        with calling(model, f"fit(samples of shape {learned.values.shape}, rng=rng)"):
            model = model.fit(learned.values, rng=generator(self.settings.seed, "fit"))
        if model is None:
            raise ModelError(
                f"{adapters.name_of(candidate)}.fit must return the fitted model; got None: "
                "end it with `return self`, or return a new model"
            )
        adapters.as_model(model, need=("sample",), name=f"{adapters.name_of(candidate)}.fit()")
        return Case(model, None, judged, _fitted(learned, reference), learned=True)

    def given(self, founder: Any, reference: data.SampleSet) -> Case:
        """Return the case of a ``collapse_founder`` of the user's own: it is judged as given."""
        case = self._given.get(id(founder))
        if case is None or case.model is not founder:
            case = Case(adapters.as_model(founder, need=("sample",)), None, reference)
            self._given[id(founder)] = case
        return case

    def plan(self, reference: data.SampleSet, declared: int) -> gates.Plan:
        """Return the sizes at which the default checks decide in a ledger of ``declared``."""
        settings = self.settings
        key = (reference.sha256, declared)
        if key not in self._plans:
            checks = self._checks(reference)
            self._plans[key] = gates.plan(
                reference,
                checks,
                # a check's share is alpha / declared, however many checks are planned for
                alpha=settings.alpha * len(checks) / max(declared, len(checks)),
                beta=settings.beta,
                power=self._power,
            )
        return self._plans[key]

    def _checks(self, reference: data.SampleSet) -> list[gates.Check]:
        """Return the default checks with the effect sizes that were asked for."""
        return [
            gates.Check(check.metric, **{**check.settings, **self.settings.effects(check.metric)})
            for check in gates.default_checks(reference)
        ]

    @property
    def _power(self) -> float:
        given = self.settings.models or self.settings.reference or self.settings.samples
        return POWER if given else DEFAULT_POWER

    def levels(self, declared: int) -> Levels:
        """Return the levels of each check of a ledger of ``declared``."""
        settings = self.settings
        return Levels.of(settings.alpha, settings.beta, checks=declared, power=self._power)

    @property
    def cap(self) -> int | None:
        """The most that may be drawn in sequential mode, in whole blocks; None: as planned."""
        most = self.settings.max_samples
        return None if most is None else most // GRID * GRID

    def most(self, reference: data.SampleSet, declared: int) -> int:
        """Return the most draws that a default check takes in sequential mode."""
        key = (reference.sha256, declared)
        if key not in self._most:
            rows = read_reference(reference, None, seed=self.settings.seed)
            levels = self.levels(max(declared, len(self._checks(reference))))
            self._most[key] = max(
                course_of(
                    check.setting, rows, levels, budget=self.cap, seed=self.settings.seed
                ).planned
                for check in self._checks(reference)
            )
        return self._most[key]

    def size(self, reference: data.SampleSet, declared: int) -> int:
        """Return how many samples are drawn: as planned, or as capped.

        Where no number would decide, because the reference is too small, it is that of its rows.
        """
        planned = self.plan(reference, declared).size or len(reference)
        return min(planned, self.settings.max_samples or planned)

    def describe(self, declared: int) -> list[str]:
        """Return a sentence for each that will be judged, before anything is drawn.

        Raises
        ------
        InvalidArgument
            If no check is known for this reference.
        """
        reference = self.reference
        if self.settings.samples is not None:
            found = self.samples(reference)
            gates.default_checks(reference)
            shared = "" if self._shared is None else f"; {self._shared}"
            return [
                f"{found.name}, {AS_GIVEN}: {len(found):,} samples against "
                f"{len(reference):,} rows of {reference.name}{_columns(reference)}{shared}"
            ]
        sentences = []
        for spec in self.settings.models or (None,):
            how, judged = AS_GIVEN, reference
            if spec is not None and self.model(spec).how != "instance":
                learned, judged = self.halves(reference)
                how = _fitted(learned, reference)
            if self.settings.mode == "sequential":
                draws = f"{self.most(judged, declared):,} draws at most{UNTIL_DECIDED}, "
            else:
                draws = f"{self.size(judged, declared):,} draws "
            sentence = (
                f"{spec or 'the exact law of ' + reference.name}, {how}: {draws}against "
                f"{len(judged):,} rows of {reference.name}{_columns(reference)}"
            )
            planned = self.plan(judged, declared)
            if planned.size is None:
                sentence += f"; not sure to decide: {planned.reason}"
            sentences.append(sentence)
        return sentences


def _overlap(samples: data.SampleSet, reference: data.SampleSet) -> float:
    """Return the share of samples that are rows of the reference, in [0, 1].

    0 where equal rows mean nothing: codes, and numbers or texts that repeat in the reference
    itself. 1 for the reference's very values, whatever they are.
    """
    if samples.kind == reference.kind and np.array_equal(samples.values, reference.values):
        return 1.0
    if reference.kind == "codes":
        return 0.0
    ours, theirs = _rows(samples.values), _rows(reference.values)
    known = set(theirs)
    if len(known) < (1 - OVERLAP) * len(theirs):
        return 0.0
    return sum(row in known for row in ours) / len(ours)


def _rows(values: NDArray[Any]) -> list[Any]:
    """Return rows that can be told equal: the bytes of numbers and tokens, or texts."""
    if values.dtype.kind == "O":
        return list(values)
    # 0 and -0 are one number
    whole = np.ascontiguousarray(values + 0 if values.dtype.kind == "f" else values)
    return [row.tobytes() for row in whole]


def _columns(reference: data.SampleSet) -> str:
    """Return which columns are judged, where they have names."""
    return f", columns {', '.join(reference.columns)}" if reference.columns else ""


def _fitted(learned: data.SampleSet, reference: data.SampleSet) -> str:
    return f"fitted to {len(learned):,} random rows of {len(reference):,}, judged against the rest"
