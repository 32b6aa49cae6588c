"""Strategies make valid objects only, print what they are, and shrink to the simplest."""

import inspect

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import find as find_any
from hypothesis import strategies as st

from collapse_bench import strategies as cst
from collapse_bench.data import NormalMixture, SampleSet
from collapse_bench.engine import recurse
from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Categorical, Gaussian, Model
from collapse_bench.regimes import Accumulate, FixedReal, FreshReal, Mixture, Regime, Replace
from collapse_bench.regions import States, Tails

# Without the phase that explains an example by varying it: the last one tried is what is returned.
SHRUNKEN = settings(phases=(Phase.generate, Phase.shrink), database=None)
FEW = settings(max_examples=30, deadline=None)


def find(strategy, condition):
    return find_any(strategy, condition, settings=SHRUNKEN)


@FEW
@given(cst.categoricals(min_states=2, max_states=5))
def test_categoricals_are_laws_within_the_bounds(law):
    assert 2 <= len(law.probabilities) <= 5
    assert (law.probabilities > 0).all()
    assert law.probabilities.sum() == pytest.approx(1, abs=1e-12)  # the rounding of five terms


@FEW
@given(cst.gaussians(min_dimension=2, max_dimension=4, max_condition=100.0, ddof=0))
def test_gaussians_have_the_dimension_and_the_condition_asked_for(law):
    values = np.linalg.eigvalsh(law.moments()[1])

    assert 2 <= law.dimension <= 4
    assert values[-1] / values[0] <= 100 * (1 + 1e-9)  # rounding of the eigenvalues
    assert law.ddof == 0


@FEW
@given(
    cst.gaussians(max_dimension=2, largest_mean=0.5),
    cst.mixtures(max_dimension=2, largest_mean=0.5),
)
def test_means_are_no_larger_than_asked_for(law, mixture):
    assert np.abs(law.mean).max() <= 0.5
    assert np.abs(mixture.means).max() <= 0.5


def test_either_divisor_of_the_variance_is_found():
    for ddof in (0, 1):
        assert find(cst.gaussians(), lambda law, ddof=ddof: law.ddof == ddof).ddof == ddof


@FEW
@given(
    cst.scenarios(founders=cst.gaussians(min_dimension=3), regimes=st.just(Replace()), max_size=2)
)
def test_a_scenario_has_rows_for_a_covariance_of_full_rank(scenario):
    size = scenario.size
    assert (size(0) if callable(size) else size) == 5  # d + 2, the least there is


@FEW
@given(cst.mixtures(min_components=2, max_components=3, max_dimension=2))
def test_mixtures_are_laws(law):
    assert 2 <= len(law.weights) <= 3
    assert law.moments()[1].shape == 2 * (law.means.shape[1],)


@FEW
@given(cst.references(min_size=3, max_size=9))
def test_references_are_rows_of_the_law_they_carry(reference):
    assert 3 <= len(reference) <= 9
    assert reference.kind == reference.law.kind
    assert str(len(reference)) in reference.name


@FEW
@given(cst.scenarios(max_generations=3, max_replicates=2))
def test_any_scenario_runs_and_never_gives_nan(scenario):
    trajectory = recurse(**vars(scenario))

    assert trajectory.generations == scenario.generations
    assert trajectory.replicates == scenario.replicates
    assert not any(np.isnan(values).any() for values in trajectory.values.values())


@FEW
@given(cst.scenarios(founders=cst.gaussians(max_dimension=1), regimes=st.just(Replace())))
def test_a_scenario_takes_its_parts(scenario):
    assert isinstance(scenario.founder, Gaussian)
    assert isinstance(scenario.regime, Replace)


@FEW
@given(cst.regimes(real=True))
def test_regimes_with_real_data_have_a_share_of_it(regime):
    share = regime.gamma if isinstance(regime, Mixture) else regime.share

    assert isinstance(regime, Mixture | FreshReal | FixedReal)
    assert share > 0


@FEW
@given(cst.regimes(real=False, kind="codes"))
def test_regimes_without_real_data_have_none(regime):
    assert isinstance(regime, Replace | Mixture)
    assert getattr(regime, "gamma", 0) == 0


@FEW
@given(cst.size_schedules(min_size=4, max_size=6), st.integers(0, 20))
def test_schedules_start_within_the_bounds_and_never_shrink(size, t):
    at = size if callable(size) else lambda t: size

    assert 4 <= at(0) <= 6
    assert at(t) >= at(0)


def test_examples_shrink_to_the_plainest():
    def simplest(strategy):
        return find(strategy, lambda example: True)

    assert len(simplest(cst.categoricals()).probabilities) == 1
    assert repr(simplest(cst.gaussians())) == "Gaussian(0, 1, ddof=1)"
    assert isinstance(simplest(cst.regimes()), Replace)
    assert simplest(cst.size_schedules()) == 2
    scenario = simplest(cst.scenarios())
    assert (scenario.generations, scenario.replicates, scenario.seed) == (1, 1, 0)


def test_a_failing_example_is_as_small_as_it_can_be():
    law = find(cst.categoricals(max_states=12), lambda law: len(law.probabilities) > 3)

    assert law.probabilities.tolist() == [0.25] * 4
    assert find(cst.gaussians(), lambda law: law.dimension == 3).mean.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "kind",
    [
        *(Categorical, Gaussian, NormalMixture, SampleSet, Model, Regime, Mixture, Tails, States),
        *(Replace, Accumulate, cst.Scenario),
    ],
)
def test_hypothesis_knows_the_public_types(kind):
    find(st.from_type(kind), lambda example: True)


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        (cst.categoricals(min_states=0), "min_states must be an integer >= 1"),
        (cst.categoricals(min_states=5, max_states=4), "max_states must be an integer >= 5"),
        (cst.gaussians(max_dimension=0), "max_dimension must be an integer >= 1"),
        (cst.references(max_size=1), "max_size must be an integer >= 2"),
    ],
)
def test_bad_bounds_are_refused_in_a_sentence(strategy, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        find(strategy, lambda example: True)


def test_argument_names_are_shared():
    names = {
        name
        for function in map(vars(cst).get, cst.__all__)
        if inspect.isfunction(function)
        for name in inspect.signature(function).parameters
        if name.startswith(("min_", "max_"))
    }

    assert {name.partition("_")[2] for name in names} == {
        *("components", "condition", "dimension", "generations", "replicates", "size", "states"),
    }
