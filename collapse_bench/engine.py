"""The recursion: draw from a generation, compose a training set, fit the next."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from collapse_bench.adapters import as_model, name_of
from collapse_bench.errors import InvalidArgument, ModelError, UndefinedMetric
from collapse_bench.generation import calling, draw
from collapse_bench.measures import DEFAULTS, METRICS, Target, target_of
from collapse_bench.models import Model, Samples
from collapse_bench.progress import track
from collapse_bench.regimes import Regime, Replace, Size
from collapse_bench.sources import Step
from collapse_bench.streams import generator
from collapse_bench.trajectory import Trajectory
from collapse_bench.validation import as_samples, check_count, one_of

__all__ = ["Trajectory", "recurse"]

REPLACE = Replace()

# Values held at once by a block of replicates: 2e7 float64 are 160 MB.
BLOCK_VALUES = 20_000_000
# Values of one metric in all lineages and generations: 2**28 float64 are 2 GiB.
MOST_MEASURED = 2**28
LEAST_EVALUATION = 1_000  # draws, for metrics in their sample form


def recurse(
    founder: Model,
    reference: Model | Samples | None = None,
    regime: Regime = REPLACE,
    generations: int = 10,
    size: Size = 1_000,
    replicates: int = 1,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
    measure: Literal["auto", "law", "samples"] = "auto",
    eval_size: int | None = None,
    founder_size: int | None = None,
    progress: bool | None = None,
) -> Trajectory:
    """Train each generation on samples of those before, and measure every one.

    Parameters
    ----------
    founder
        Generation 0: a fitted model. It is copied, never changed.
    reference
        The real distribution: a law (a model), or samples. None: the founder is the real law.
    regime
        What generation t + 1 is trained on; see :mod:`collapse_bench.regimes`.
    generations
        How many to train after the founder, T >= 1; R (T + 1) is at most 2**28.
    size
        Samples drawn from generation t for generation t + 1: an integer, a sequence of at least
        T, or a schedule t -> int, called with t = 0, ..., T - 1.
    replicates
        Independent lineages, R >= 1. The built-in families advance together in one step.
    seed
        Root seed; every draw has a stream of its own below it.
    metrics
        Names in :data:`collapse_bench.measures.METRICS`. None: variance, tail mass and
        Wasserstein distance for numbers; tail mass, tail coverage, Gini-Simpson and support for
        codes.
    measure
        ``"law"`` reads parameters, ``"samples"`` reads ``eval_size`` fresh draws of each
        generation, never the training draws; ``"auto"`` takes the law where there is one.
    eval_size
        Draws for the sample form; None: the first ``size``, and no fewer than 1,000.
    founder_size
        Reference rows that the founder was fitted to, 0 for an exact founder. None: all of them
        when the reference is given as samples, else 0.
    progress
        None shows runs of over five seconds, True every run, False none.

    Raises
    ------
    InvalidArgument
        If an argument is out of its range, or a metric is unknown or has no law form.
    ModelError
        If the founder's ``fit`` or ``sample`` raises or breaks the protocol.
    UndefinedMetric
        If a metric has no value in some generation.
    """
    founder = as_model(founder)
    if getattr(founder, "replicates", None) is not None:
        raise InvalidArgument(f"founder must be a single model; got founder={founder!r}")
    check_count("generations", generations, most=MOST_MEASURED - 1)
    check_count("replicates", replicates)
    if replicates * (generations + 1) > MOST_MEASURED:
        raise InvalidArgument(
            f"replicates must be at most {MOST_MEASURED // (generations + 1):,} with "
            f"{generations:,} generations; got replicates={replicates!r}"
        )
    sizes = _sizes(size, generations)
    one_of("measure", measure, ("auto", "law", "samples"))
    evaluated = max(sizes[0], LEAST_EVALUATION)
    if eval_size is not None:
        evaluated = check_count("eval_size", eval_size, least=2)
    kind, law, rows = _reference(founder, reference)
    if founder_size is None:
        founder_size = 0 if rows is None else len(rows)
    check_count("founder_size", founder_size, least=0)
    names = _chosen(metrics, kind)
    drawn = rows
    if drawn is None:
        drawn = draw(law, evaluated, rng=generator(seed, "reference"), kind=_codes(kind))
    known = law.numpy() if hasattr(law, "numpy") else law
    target = target_of(known, drawn, kind=kind, tails=any("tail" in name for name in names))
    forms = {name: _form(name, measure, founder, target) for name in names}

    process = _Process(
        founder, _beside(law, founder) if rows is None else rows, regime, sizes, seed
    )
    values = {name: np.empty((generations + 1, replicates)).T for name in names}
    last: list[Any] = []
    blocks = process.blocks(replicates)
    steps = ((b, t) for b in range(len(blocks)) for t in range(generations + 1))
    total = len(blocks) * (generations + 1)
    lineage: Iterator[Any] = iter(())
    label = f"{type(regime).__name__.lower()}, {replicates} lineages"
    ticks = track(range(total), total=total, label=label, show=progress)
    for _, (b, t) in zip(ticks, steps, strict=True):
        block = blocks[b]
        if t == 0:
            lineage = process.run(block)
        model = next(lineage)
        rng = generator(seed, "evaluate", block.start, t)
        measured = _measure(model, forms, target, evaluated, rng, kind)
        for name, value in measured.items():
            if np.isnan(value).any():
                raise UndefinedMetric(f"{name} is undefined in generation {t}: it came out as NaN")
            values[name][block, t] = value
        if t == generations:
            last.append(model)
    return Trajectory(
        values=values,
        measured=forms,
        steps=np.arange(generations + 1) + (1 if founder_size else 0),
        sizes=np.asarray(sizes),
        seed=seed,
        regime=repr(regime),
        family=name_of(founder),
        last=tuple(last),
        reference=law if rows is None else rows,
        founder_size=founder_size,
        eval_size=evaluated if "samples" in forms.values() else None,
    )


@dataclass(frozen=True, slots=True)
class _Process:
    """Everything that one lineage, or one block of them, needs to run."""

    founder: Any
    reference: Any  # the real law, or rows of it
    regime: Any
    sizes: list[int]
    seed: int

    @property
    def exact(self) -> bool:
        """Whether sufficient statistics can stand in for the samples."""
        if not (hasattr(self.regime, "summarizes") and self.regime.summarizes(self.founder)):
            return False
        return not self.regime.uses_reference or _same_space(self.founder, self.reference)

    @property
    def together(self) -> bool:
        """Whether lineages advance in one step: the family has the axis, and no rows run out."""
        if not (hasattr(self.founder, "replicate") and hasattr(self.regime, "summarize")):
            return False
        return hasattr(self.reference, "sample") or not self.regime.uses_reference

    def blocks(self, replicates: int) -> list[slice]:
        """Return the replicates that run together: as many as fit in memory, or one by one."""
        width = 1
        if self.together:
            if self.exact:
                states = getattr(self.founder, "states", None)
                values = _width(self) ** 2 if states is None else len(states)
            else:
                rows = 0 if hasattr(self.reference, "sample") else len(self.reference)
                values = self.regime.held(self.sizes, rows) * _width(self)
            width = max(1, BLOCK_VALUES // values)
        return [slice(a, min(a + width, replicates)) for a in range(0, replicates, width)]

    def run(self, block: slice) -> Iterator[Any]:
        """Yield generation 0, 1, ..., T of the replicates in ``block``."""
        regime = self.regime.begin() if hasattr(self.regime, "begin") else self.regime
        keep = getattr(regime, "history", True)
        newest = self.founder
        if self.together:
            newest = newest.replicate(block.stop - block.start)
        models: list[Any] = [newest]
        yield newest
        for t, size in enumerate(self.sizes):
            rng = generator(self.seed, "lineage", block.start, "generation", t + 1)
            newest = self._next(regime, models, t, size, rng)
            if not keep:
                models[-1] = None
            models.append(newest)
            yield newest

    def _next(self, regime: Any, models: list[Any], t: int, size: int, rng: Any) -> Any:
        if self.exact and self.together:
            step = Step(models, self.reference, t, size, rng)
            return models[-1].fit_statistics(regime.summarize(step))
        training = regime.compose(models, self.reference, t, size, rng)
        with calling(
            models[-1], f"fit(the {len(training)} samples of generation {t + 1}, rng=rng)"
        ):
            fitted = copy.deepcopy(models[-1]).fit(training, rng=rng)
        if not hasattr(fitted, "sample"):
            raise ModelError(
                f"fit must return a fitted model; got {fitted!r} from {type(models[-1]).__name__}"
                f" in generation {t + 1}"
            )
        return fitted


def _same_space(model: Any, other: Any) -> bool:
    """Say whether the sufficient statistics of two models add up."""
    if type(model) is not type(other):
        return False
    if hasattr(model, "states"):
        return np.array_equal(model.states, other.states)
    return bool(model.dimension == other.dimension)


def _beside(law: Any, founder: Any) -> Any:
    """Return a law of the founder's own family with its state where the founder's is."""
    if type(law) is not type(founder) or not hasattr(founder, "device"):
        return law
    return law.numpy() if founder.device is None else law.to(founder.device)


def _width(process: _Process) -> int:
    """Return the number of values in one sample."""
    return int(getattr(process.founder, "dimension", 1))


def _codes(kind: str) -> Literal["numbers", "codes"]:
    return "codes" if kind == "codes" else "numbers"


def _sizes(size: Size, generations: int) -> list[int]:
    """Return the draws of each generation as a list of T."""
    sizes: list[Any]
    if callable(size):
        sizes = [size(t) for t in range(generations)]
    elif isinstance(size, Sequence | np.ndarray) and not isinstance(size, str | bytes):
        if len(size) < generations:
            raise InvalidArgument(
                f"size must have an entry for each of {generations} generations; got {len(size)}"
            )
        sizes = [size[t] for t in range(generations)]
    else:
        sizes = [size] * generations
    return [check_count("size", value) for value in sizes]


def _reference(founder: Any, reference: Any) -> tuple[str, Any, Samples | None]:
    """Return the kind of samples, the real law if it is known, and its rows if it is not."""
    kind = getattr(founder, "kind", "numbers")
    if reference is None:
        return kind, founder, None
    # A table of pandas is rows, though it has a method called sample.
    if not isinstance(reference, list | tuple | str) and not (
        hasattr(reference, "__array__") or hasattr(reference, "values")
    ):
        return kind, as_model(reference, need=("sample",), name="reference"), None
    rows, found = as_samples("reference", getattr(reference, "values", reference), _codes(kind))
    return found, None, rows


def _chosen(metrics: Sequence[str] | None, kind: str) -> tuple[str, ...]:
    if metrics is None:
        return DEFAULTS[one_of("founder.kind", kind, tuple(DEFAULTS))]
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    if not names:
        raise InvalidArgument("metrics must name at least one metric; got metrics=()")
    fitting = [name for name, metric in METRICS.items() if metric.kind in (kind, "any")]
    for name in names:
        one_of("metrics", name, fitting)
    return names


def _form(name: str, measure: str, founder: Any, target: Target) -> Literal["law", "samples"]:
    model = founder.numpy() if hasattr(founder, "numpy") else founder
    has_law = measure != "samples" and METRICS[name].has_law(model, target)
    if measure == "law" and not has_law:
        raise InvalidArgument(
            f"measure must be 'auto' or 'samples' for the metric {name!r} of {founder!r}, which "
            f"has no law form here; got measure='law'"
        )
    return "law" if has_law else "samples"


def _measure(
    model: Any,
    forms: dict[str, Literal["law", "samples"]],
    target: Target,
    size: int,
    rng: np.random.Generator,
    kind: str,
) -> dict[str, Any]:
    """Return each metric of one generation: a number, or one for each replicate."""
    model = model.numpy() if hasattr(model, "numpy") else model
    values: dict[str, Any] = {
        name: METRICS[name].law(model, target) for name, form in forms.items() if form == "law"
    }
    rest = [name for name, form in forms.items() if form == "samples"]
    if not rest:
        return values
    singles = model.split() if hasattr(model, "split") else [model]
    drawn = []
    for single in singles:
        samples = draw(single, size, rng=rng, kind=_codes(kind))
        drawn.append([METRICS[name].sample(samples, target) for name in rest])
    return values | dict(zip(rest, np.array(drawn).T, strict=True))
