"""Hypothesis strategies for models, references, regimes and whole recursions.

They compose like Hypothesis' own and share the names of their arguments. They draw parameters and
seeds, never arrays of samples: examples are small, print in a line and shrink to the fewest states,
the smallest dimension and the plainest regime. Importing this module registers the public types
with Hypothesis, so that ``st.from_type(Gaussian)`` and ``st.builds`` find them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from collapse_bench.data import NormalMixture, SampleSet
from collapse_bench.generation import draw as draw_rows
from collapse_bench.models import Categorical, Gaussian, Model
from collapse_bench.regimes import (
    Accumulate,
    AccumulateSubsample,
    Curate,
    FixedReal,
    FreshReal,
    Mixture,
    Regime,
    Replace,
    constant,
    linear,
    superlinear,
)
from collapse_bench.regions import States, Tails
from collapse_bench.streams import generator
from collapse_bench.validation import check_count

__all__ = [
    "Scenario",
    "SizeSchedule",
    "categoricals",
    "gaussians",
    "mixtures",
    "models",
    "references",
    "regimes",
    "scenarios",
    "seeds",
    "size_schedules",
]

# Weights are drawn as whole numbers up to this, so that they shrink to even ones.
LARGEST_WEIGHT = 100


def seeds() -> SearchStrategy[int]:
    """Return a strategy for root seeds, non-negative integers below 2**32."""
    return st.integers(0, 2**32 - 1)


@st.composite
def categoricals(
    draw: st.DrawFn, *, min_states: int = 1, max_states: int = 12, positive: bool = True
) -> Categorical:
    """Return a strategy for :class:`~collapse_bench.models.Categorical` laws.

    Parameters
    ----------
    min_states, max_states
        Bounds of the number of states, K.
    positive
        Whether every state has a positive probability.

    Raises
    ------
    InvalidArgument
        If the bounds are no counts, or out of order.

    Examples
    --------
    >>> from hypothesis import given
    >>> from collapse_bench import strategies as cst
    >>> @given(cst.categoricals(max_states=5))
    ... def test_diversity_is_below_one(law): ...
    """
    _bounds("states", min_states, max_states)
    count = draw(st.integers(min_states, max_states))
    least = 1 if positive else 0
    weights = draw(
        st.lists(st.integers(least, LARGEST_WEIGHT), min_size=count, max_size=count).filter(any)
    )
    return Categorical(np.array(weights) / sum(weights))


@st.composite
def gaussians(
    draw: st.DrawFn,
    *,
    min_dimension: int = 1,
    max_dimension: int = 3,
    largest_mean: float = 10.0,
    max_condition: float = 1e3,
    ddof: int | None = None,
) -> Gaussian:
    """Return a strategy for :class:`~collapse_bench.models.Gaussian` laws.

    Parameters
    ----------
    min_dimension, max_dimension
        Bounds of the dimension, d.
    largest_mean
        Bound of each coordinate of the mean.
    max_condition
        Bound of the covariance's condition number: the variances along its axes lie in
        [1 / sqrt(max_condition), sqrt(max_condition)].
    ddof
        That of ``fit``; None: either.

    Raises
    ------
    InvalidArgument
        If the bounds are no counts, or out of order.
    """
    _bounds("dimension", min_dimension, max_dimension)
    d = draw(st.integers(min_dimension, max_dimension))
    reach = np.log(max_condition) / 2
    mean = draw(_vector(d, st.floats(-largest_mean, largest_mean)))
    logs = draw(_vector(d, st.floats(-reach, reach)))
    divisor = draw(st.sampled_from([1, 0])) if ddof is None else ddof
    if d == 1:
        return Gaussian(mean, np.exp(logs)[None], ddof=divisor)
    # An orthogonal matrix from a seed: axes are of no interest to a reader of the example.
    axes = np.linalg.qr(generator(draw(seeds()), "axes").standard_normal((d, d)))[0]
    covariance = (axes * np.exp(logs)) @ axes.T
    return Gaussian(mean, (covariance + covariance.T) / 2, ddof=divisor)


@st.composite
def mixtures(
    draw: st.DrawFn,
    *,
    min_components: int = 1,
    max_components: int = 4,
    min_dimension: int = 1,
    max_dimension: int = 3,
    largest_mean: float = 10.0,
) -> NormalMixture:
    """Return a strategy for :class:`~collapse_bench.data.NormalMixture` laws.

    They have no ``fit``: use them as references.

    Parameters
    ----------
    min_components, max_components, min_dimension, max_dimension
        Bounds of their numbers.
    largest_mean
        Bound of each coordinate of a component's center.

    Raises
    ------
    InvalidArgument
        If the bounds are no counts, or out of order.
    """
    _bounds("components", min_components, max_components)
    _bounds("dimension", min_dimension, max_dimension)
    k = draw(st.integers(min_components, max_components))
    d = draw(st.integers(min_dimension, max_dimension))
    weights = draw(_vector(k, st.integers(1, LARGEST_WEIGHT)))
    means = draw(_vector(k * d, st.floats(-largest_mean, largest_mean))).reshape(k, d)
    scales = draw(_vector(k, st.floats(0.1, 3.0)))
    return NormalMixture(weights / weights.sum(), means, scales)


def models(
    *,
    max_states: int = 12,
    max_dimension: int = 3,
    kind: str | None = None,
) -> SearchStrategy[Model]:
    """Return a strategy for the built-in models, fitted: laws that can be fitted anew.

    Parameters
    ----------
    max_states, max_dimension
        As :func:`categoricals` and :func:`gaussians` take them.
    kind
        ``"numbers"``, ``"codes"``, or None for both.
    """
    families: dict[str, SearchStrategy[Any]] = {
        "codes": categoricals(max_states=max_states),
        "numbers": gaussians(max_dimension=max_dimension),
    }
    return st.one_of(*([families[kind]] if kind else families.values()))


@st.composite
def references(
    draw: st.DrawFn,
    laws: SearchStrategy[Any] | None = None,
    *,
    min_size: int = 2,
    max_size: int = 200,
) -> SampleSet:
    """Return a strategy for finite references: rows of a law, whose seed is drawn.

    Parameters
    ----------
    laws
        Laws to draw the rows from; None: :func:`models` and :func:`mixtures`.
    min_size, max_size
        Bounds of the number of rows.

    Returns
    -------
    SampleSet
        Its ``law`` is the one that the rows were drawn from.
    """
    _bounds("size", min_size, max_size)
    law = draw(st.one_of(models(), mixtures()) if laws is None else laws)
    size, seed = draw(st.integers(min_size, max_size)), draw(seeds())
    rows = draw_rows(law, size, rng=generator(seed, "reference"))
    return SampleSet.of(rows, kind=law.kind, name=f"{size} rows of {law!r}, seed {seed}", law=law)


def regimes(*, kind: str | None = None, real: bool | None = None) -> SearchStrategy[Any]:
    """Return a strategy for regimes with all of their parameters, the plainest first.

    Parameters
    ----------
    kind
        What the models' samples are; :class:`~collapse_bench.regimes.Curate` needs numbers, of
        which it keeps those with the largest first coordinate.
    real
        True: only regimes in which every generation sees a positive share of real data; False:
        only those that never see any; None: all.
    """
    shares = st.integers(1, 10).map(lambda tenth: tenth / 10)
    splits = st.sampled_from(["exact", "iid"])
    without = [st.just(Replace()), _mixtures_of(gamma=False)]
    if kind == "numbers":
        without.append(
            st.builds(Curate, st.just(first_coordinate), shares)  # score, keep
        )
    with_real = [
        st.builds(FreshReal, shares, splits),
        st.builds(FixedReal, shares, splits),
        _mixtures_of(gamma=True),
    ]
    pools = [st.builds(Accumulate), st.builds(AccumulateSubsample)]
    chosen = {True: with_real, False: without, None: [*without, *pools, *with_real]}[real]
    return st.one_of(*chosen)


def first_coordinate(samples: Any) -> Any:
    """Return the first coordinate of each sample, shape (n,): a score for ``Curate``."""
    return samples[:, 0]


_regimes = regimes  # scenarios() has an argument of that name


@dataclass(frozen=True)
class SizeSchedule:
    """A schedule of sizes that prints what it is; call it with a generation t."""

    name: str  # the code that makes it, such as linear(20)
    schedule: Callable[[int], int]  # t -> size

    def __call__(self, t: int) -> int:
        return self.schedule(t)

    def __repr__(self) -> str:
        return self.name


def size_schedules(*, min_size: int = 2, max_size: int = 30) -> SearchStrategy[Any]:
    """Return a strategy for what ``size`` of a recursion may be: a number or a schedule.

    Parameters
    ----------
    min_size, max_size
        Bounds of the size of generation 0; schedules grow from there.
    """
    _bounds("size", min_size, max_size)
    sizes = st.integers(min_size, max_size)
    return st.one_of(
        sizes,
        sizes.map(lambda size: SizeSchedule(f"constant({size})", constant(size))),
        sizes.map(lambda size: SizeSchedule(f"linear({size})", linear(size))),
        sizes.map(lambda size: SizeSchedule(f"superlinear({size})", superlinear(size))),
    )


@dataclass(frozen=True)
class Scenario:
    """Everything that :func:`~collapse_bench.engine.recurse` needs; ``recurse(**vars(scenario))``.

    The attributes are its arguments of the same names.
    """

    founder: Any
    regime: Any
    generations: int
    size: Any
    replicates: int
    seed: int


@st.composite
def scenarios(
    draw: st.DrawFn,
    founders: SearchStrategy[Any] | None = None,
    regimes: SearchStrategy[Any] | None = None,
    *,
    max_generations: int = 5,
    max_replicates: int = 4,
    min_size: int = 2,
    max_size: int = 30,
) -> Scenario:
    """Return a strategy for recursions of a known founder under any regime.

    Parameters
    ----------
    founders
        Laws that can be fitted anew; None: :func:`models`.
    regimes
        Regimes; None: those that suit the founder.
    max_generations, max_replicates, min_size, max_size
        Bounds of their numbers.

    Examples
    --------
    >>> from hypothesis import given
    >>> from collapse_bench import recurse
    >>> from collapse_bench import strategies as cst
    >>> @given(cst.scenarios(max_generations=3))
    ... def test_a_recursion_never_gives_nan(scenario):
    ...     values = recurse(**vars(scenario)).values
    """
    _bounds("generations", 1, max_generations)
    _bounds("replicates", 1, max_replicates)
    founder = draw(models() if founders is None else founders)
    regime = draw(_regimes(kind=founder.kind) if regimes is None else regimes)
    # a sample of d + 2 rows or more has a covariance of full rank
    least = max(min_size, getattr(founder, "dimension", 1) + 2)
    if isinstance(regime, FixedReal):  # its real set has a row at the least
        least = max(least, math.ceil(1 / regime.share))
    return Scenario(
        founder=founder,
        regime=regime,
        generations=draw(st.integers(1, max_generations)),
        size=draw(size_schedules(min_size=least, max_size=max(max_size, least))),
        replicates=draw(st.integers(1, max_replicates)),
        seed=draw(seeds()),
    )


def _mixtures_of(*, gamma: bool) -> SearchStrategy[Mixture]:
    """Return the paper's mixtures in tenths, with or without a share of the real law."""

    def shares(alpha: int) -> SearchStrategy[Mixture]:
        rest = 10 - alpha
        betas = st.integers(0, rest - 1) if gamma else st.just(rest)
        return betas.map(lambda beta: Mixture(alpha / 10, beta / 10, (rest - beta) / 10))

    return st.integers(0 if gamma else 1, 9 if gamma else 10).flatmap(shares)


def _vector(length: int, elements: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.lists(elements, min_size=length, max_size=length).map(np.array)


def _bounds(name: str, least: int, most: int) -> None:
    check_count(f"min_{name}", least, least=1)
    check_count(f"max_{name}", most, least=least)


def _register() -> None:
    """Tell Hypothesis how to make each public type."""
    known: Sequence[tuple[Any, SearchStrategy[Any]]] = (
        (Categorical, categoricals()),
        (Gaussian, gaussians()),
        (NormalMixture, mixtures()),
        (SampleSet, references()),
        (Scenario, scenarios()),
        (Replace, st.just(Replace())),
        (Mixture, st.one_of(_mixtures_of(gamma=False), _mixtures_of(gamma=True))),
        (Model, models()),
        (Regime, regimes()),
        (Tails, st.tuples(st.floats(-9, 0), st.floats(0, 9)).map(lambda ends: Tails(*ends))),
        (States, st.lists(st.integers(0, 11), unique=True).map(lambda c: States(tuple(c)))),
    )
    for kind, strategy in known:
        st.register_type_strategy(kind, strategy)


_register()
