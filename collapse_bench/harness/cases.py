"""Who is judged, against which rows, on how many draws."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from collapse_bench import adapters, data, gates
from collapse_bench.errors import InvalidArgument, InvalidSamples, ModelError
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import read_reference
from collapse_bench.gates.sequential import GRID, course_of
from collapse_bench.gates.tables import TableGate
from collapse_bench.generation import calling
from collapse_bench.harness.drawing import refuse_arrays
from collapse_bench.harness.options import CONFORMANCE_MODELS, EFFECTS
from collapse_bench.harness.overlap import MOST, OVERLAP, overlap
from collapse_bench.harness.streaming import Stream
from collapse_bench.models import Samples
from collapse_bench.reports.text import counted
from collapse_bench.streams import generator

if TYPE_CHECKING:
    from collapse_bench.harness.options import Settings

__all__ = ["Case", "Inputs", "OnlySamples"]

DEFAULT_REFERENCE = "two-gaussians"
DEFAULT_POWER = 0.999  # of the case that runs when nothing is given: it must be able to pass
POWER = 0.99
AS_GIVEN = "judged as given"
UNTIL_DECIDED = ", until decided"  # what is drawn in sequential mode


PERMUTATIONS = 9_999  # of a gate of parts, raised to what its levels take


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
    samples: data.SampleSet | data.Table | None
    reference: data.SampleSet | data.Table
    how: str = AS_GIVEN
    learned: bool = False
    draws: dict[tuple[str, int], Samples | data.Table] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)


@dataclass
class Inputs:
    """What the options name, read once a session: the reference, the samples, the models."""

    settings: Settings
    models: dict[str, adapters.LoadedModel] = field(default_factory=dict)
    _reference: data.SampleSet | data.Table | None = None
    _samples: data.SampleSet | data.Table | None = None
    _shared: str = ""  # what samples and reference have in common, in words
    _most: dict[tuple[str, int], int] = field(default_factory=dict)
    _halves: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    _gates: dict[tuple[str, int], TableGate] = field(default_factory=dict)
    _plans: dict[tuple[str, int], gates.Plan] = field(default_factory=dict)
    _given: dict[int, Case] = field(default_factory=dict)

    @property
    def reference(self) -> Any:
        """The reference as it was given, or 100,000 draws of two-gaussians: a set, or a table."""
        if self._reference is None:
            spec = self.settings.reference or DEFAULT_REFERENCE
            found: data.SampleSet | data.Table = data.load_reference(
                spec,
                columns=self.settings.columns,
                seed=self.settings.seed,
                clusters=self.settings.clusters,
            )
            if self.settings.by is not None and isinstance(found, data.SampleSet):
                found = data.Table.of(found, name=found.name, where=f"reference={spec!r}")
            self._reference = found
        return self._reference

    @property
    def parted(self) -> bool:
        """Whether the reference is judged part by part: a table, groups of one, or features."""
        return self.settings.features is not None or isinstance(self.reference, data.Table)

    def gate(self, reference: Any, permutations: int = PERMUTATIONS) -> TableGate:
        """Return the gate of the reference's parts, against all of its rows or these.

        Raises
        ------
        InvalidArgument
            If groups or features aren't what the reference has.
        ModelError
            If the features' own code raises.
        """
        key = (reference.sha256, permutations)
        if key not in self._gates:
            if reference.sha256 != self.reference.sha256:
                self._gates[key] = self.gate(self.reference, permutations).against(reference)
                return self._gates[key]
            settings = self.settings
            features = None
            if settings.features is not None:
                from collapse_bench.features import load_features

                features = load_features(settings.features)
            self._gates[key] = TableGate(
                reference,
                alpha=settings.alpha,
                beta=settings.beta,
                seed=settings.seed,
                by=settings.by,
                features=features,
                effects={name: settings.effects(name) for name in EFFECTS if name != "drift"},
                permutations=permutations,
            )
        return self._gates[key]

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

    def samples(self, reference: Any) -> data.SampleSet | data.Table:
        """Return the given samples with the columns of ``reference``.

        Raises
        ------
        InvalidSamples
            If they don't fit it, or are its own rows.
        """
        if self._samples is None:
            if self.settings.samples is None:
                raise InvalidArgument("samples must be given by --collapse-samples; got None")
            found = data.load_samples(
                self.settings.samples,
                columns=self.settings.columns,
                clusters=self.settings.clusters,
            )
            matched = data.match_columns(found, reference)
            share = overlap(matched, reference)
            if share >= MOST:
                raise InvalidSamples(
                    f"--collapse-samples must be drawn from a model; {share:.1%} of {found.name!r} "
                    f"are copied rows of the reference, {reference.name!r}, which pass any gate"
                )
            if share > OVERLAP:
                self._shared = (
                    f"; {share:.1%} of the samples are copied rows of the reference, which say "
                    "nothing of the model: the error rates don't hold"
                )
            self._samples = matched
        return self._samples

    def halves(self, reference: Any) -> tuple[Any, Any]:
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

    def case(self, candidate: Any, reference: Any) -> Case:
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
            samples = self.samples(reference)  # says what it shares with the reference
            return Case(OnlySamples(), samples, reference, f"{AS_GIVEN}{self._shared}")
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
        rows = learned.to_frame() if isinstance(learned, data.Table) else learned.values
        with calling(model, f"fit(samples of shape {rows.shape}, rng=rng)"):
            model = model.fit(rows, rng=generator(self.settings.seed, "fit"))
        if model is None:
            raise ModelError(
                f"{adapters.name_of(candidate)}.fit must return the fitted model; got None: "
                "end it with `return self`, or return a new model"
            )
        adapters.as_model(model, need=("sample",), name=f"{adapters.name_of(candidate)}.fit()")
        return Case(model, None, judged, _fitted(learned, reference), learned=True)

    def given(self, founder: Any, reference: Any) -> Case:
        """Return the case of a ``collapse_founder`` of the user's own: it is judged as given."""
        case = self._given.get(id(founder))
        if case is None or case.model is not founder:
            case = Case(adapters.as_model(founder, need=("sample",)), None, reference)
            self._given[id(founder)] = case
        return case

    def plan(self, reference: Any, declared: int) -> gates.Plan:
        """Return the sizes at which the default checks decide in a ledger of ``declared``."""
        settings = self.settings
        key = (reference.sha256, declared)
        if key not in self._plans and self.parted:
            self._plans[key] = self.gate(reference).plan(self._power)
        elif key not in self._plans:
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

    def size(self, reference: Any, declared: int) -> int:
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
        reference, parts = self.reference, ""
        if self.parted:
            parts = self._parts_told()
        elif self.settings.samples is not None:
            gates.default_checks(reference)
        if self.settings.samples is not None:
            found = self.samples(reference)
            return [
                f"{found.name}, {AS_GIVEN}: {len(found):,} samples against {len(reference):,} "
                f"rows of {reference.name}{_columns(reference)}{parts}{self._shared}"
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
                f"{len(judged):,} rows of {reference.name}{_columns(reference)}{parts}"
            )
            planned = self.plan(judged, declared)
            if planned.size is None:
                sentence += f"; not sure to decide: {planned.reason}"
            sentences.append(sentence)
        return sentences

    def _parts_told(self) -> str:
        """Return of how many parts the gate is made, and what isn't judged; refuse what can't be.

        Raises
        ------
        InvalidArgument
            If a model of a table can only be drawn from as arrays, or it is judged while drawing.
        """
        settings, gate = self.settings, self.gate(self.reference)
        if settings.mode == "sequential":
            raise InvalidArgument(
                f"--collapse-mode sequential must not judge a table, {self.reference.name!r}: its "
                "parts are judged at one size"
            )
        if isinstance(self.reference, data.Table):
            for spec in settings.models:
                refuse_arrays(spec, self.model(spec).model)
        made = f"{counted(len(gate.names), 'check')} of {counted(len(gate.parts), 'part')}"
        together = [part.take(self.reference) for part in gate.parts if part.name == "numbers"]
        listed = [f"numbers: {', '.join(map(str, one.columns or ()))}" for one in together if one]
        return "".join(f"; {told}" for told in (made, *listed, *gate.notes))


def _columns(reference: data.SampleSet | data.Table) -> str:
    """Return which columns are judged, where they have names."""
    return f", columns {', '.join(reference.columns)}" if reference.columns else ""


def _fitted(learned: Any, reference: Any) -> str:
    return f"fitted to {len(learned):,} random rows of {len(reference):,}, judged against the rest"
