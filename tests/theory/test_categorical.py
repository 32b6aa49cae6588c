"""Closed forms of the discrete loop against the whole Markov chain of count vectors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument
from collapse_bench.statistics import agreement
from collapse_bench.streams import generator
from collapse_bench.theory import categorical
from tests.theory.enumeration import EXACT, chain, worlds

# --- by hand -------------------------------------------------------------------------------


def test_loss_by_hand():
    assert categorical.loss_probability(0.5, 3) == pytest.approx(0.125, rel=1e-15)
    assert categorical.loss_probability(0.01, 100) == pytest.approx(0.99**100, rel=1e-13)
    assert categorical.loss_probability([0.0, 1.0], 5).tolist() == [1.0, 0.0]
    assert categorical.loss_probability(1e-9, 10**9) == pytest.approx(np.exp(-1), rel=1e-8)


def test_diversity_by_hand():
    assert categorical.diversity_ratio(4, [0, 1, 2]).tolist() == [1.0, 0.75, 0.5625]
    assert categorical.diversity_ratio(10**9, 10**9) == pytest.approx(np.exp(-1), rel=1e-8)


def test_fixation_by_hand():
    assert categorical.fixation_probability(0.25) == 0.25


def test_extinction_by_hand():
    # two draws at p = 1/2: counts 0, 1, 2 with 1/4, 1/2, 1/4; from 1 the chance is 1/4 a step
    assert categorical.extinction_probability(0.5, 2, [0, 1, 2]) == pytest.approx(
        [0.0, 0.25, 0.375], abs=1e-14
    )


def test_bounds_by_hand():
    low, high = categorical.absorption_bounds(0.5, 2, 2, 1)
    assert (low, high) == (0.5, 0.5)  # both ends meet: two states, two draws


# --- enumeration ---------------------------------------------------------------------------


@settings(deadline=None)
@given(worlds(), st.integers(1, 5))
def test_closed_forms_are_the_chains(world, steps):
    law, size = world
    vectors, laws = chain(size, law, steps)
    now, probabilities = laws[-1], vectors / size
    gini = 1 - (law**2).sum()

    assert now @ probabilities == pytest.approx(law, abs=EXACT)  # the martingale
    expected = gini * categorical.diversity_ratio(size, steps)
    assert now @ (1 - (probabilities**2).sum(1)) == pytest.approx(expected, abs=EXACT)
    gone = [now[vectors[:, state] == 0].sum() for state in range(len(law))]
    assert categorical.extinction_probability(law, size, steps) == pytest.approx(gone, abs=EXACT)
    first = [laws[0][vectors[:, state] == 0].sum() for state in range(len(law))]
    assert categorical.loss_probability(law, size) == pytest.approx(first, abs=EXACT)
    tail = now[vectors[:, 1:].sum(1) == 0].sum()
    assert categorical.extinction_probability(law[1:].sum(), size, steps) == pytest.approx(
        tail, abs=EXACT
    )
    alive = now[(vectors > 0).sum(1) > 1].sum()
    low, high = categorical.absorption_bounds(gini, len(law), size, steps)
    assert low - EXACT <= alive <= high + EXACT


@settings(deadline=None)
@given(worlds())
def test_the_chain_ends_in_a_state_as_often_as_the_truth_says(world):
    law, size = world
    vectors, laws = chain(size, law, 400)  # (5/6)^400 is below 1e-31
    ends = [laws[-1][vectors[:, state] == size].sum() for state in range(len(law))]

    assert categorical.fixation_probability(law) == pytest.approx(ends, abs=EXACT)
    gone = categorical.extinction_probability(law, size, 400)
    assert 1 - categorical.fixation_probability(law) == pytest.approx(gone, abs=EXACT)


# --- properties ----------------------------------------------------------------------------


@given(st.floats(0, 1), st.integers(2, 60), st.integers(0, 30))
def test_extinction_rises_from_the_one_step_loss_to_one_less_the_share(p, size, steps):
    now, later = categorical.extinction_probability(p, size, [steps, steps + 1])
    assert now <= later + EXACT
    assert later <= 1 - p + EXACT
    assert later >= categorical.loss_probability(p, size) - EXACT


@given(st.integers(2, 10**9), st.integers(0, 10**6), st.floats(0.01, 1), st.integers(2, 99))
def test_bounds_are_a_pair_of_probabilities(size, steps, share, support):
    low, high = categorical.absorption_bounds(share * (1 - 1 / support), support, size, steps)
    assert 0 <= low <= high + EXACT
    assert high <= 1


# --- a plain loop, and the slips it must notice -----------------------------------------------

SIZE, STEPS, LINEAGES = 10, 8, 40_000
LAW = np.array([0.4, 0.3, 0.1, 0.1, 0.1])


@pytest.fixture(scope="module")
def lineages():
    """Probabilities (R, T+1, K) of a loop that draws its samples."""
    rng = generator(21, "theory", "categorical")
    laws = np.empty((LINEAGES, STEPS + 1, len(LAW)))
    laws[:, 0] = LAW
    for n in range(STEPS):
        edges = laws[:, n].cumsum(-1)
        codes = (rng.random((LINEAGES, SIZE, 1)) * edges[:, -1:, None] > edges[:, None, :]).sum(-1)
        laws[:, n + 1] = (codes[..., None] == np.arange(len(LAW))).mean(1)
    return laws


def _scores(laws, size=SIZE, shift=0):
    n = np.arange(STEPS + 1) + shift
    gini = 1 - (laws**2).sum(-1)
    rare, tail = laws[..., 2] == 0, laws[..., 2:].sum(-1) == 0
    loss = (laws[:, 1, 0] == 0).astype(float)
    scores = {
        "gini": (gini, (1 - (LAW**2).sum()) * categorical.diversity_ratio(size, n)),
        "rare state": (rare, categorical.extinction_probability(LAW[2], size, n)),
        "tail": (tail, categorical.extinction_probability(LAW[2:].sum(), size, n)),
        "loss": (loss, categorical.loss_probability(LAW[0], size)),
    }
    return {
        name: float(np.abs(np.ravel(agreement.mean_score(*pair))[-STEPS:]).max())
        for name, pair in scores.items()
    }


def test_simulation_agrees(lineages):
    # 25 comparisons under a correct theory: 2e-4 that a seed is unlucky
    assert all(score <= agreement.CRITICAL for score in _scores(lineages).values())


@pytest.mark.parametrize(
    "slip",
    [{"size": SIZE - 1}, {"size": SIZE + 1}, {"shift": 1}],
    ids=["one draw less", "one draw more", "one step more"],
)
def test_simulation_notices_a_slip(lineages, slip):
    scores = _scores(lineages, **slip)
    if "shift" in slip:
        del scores["loss"]  # one step by its name

    assert all(score > agreement.CRITICAL for score in scores.values())


@pytest.mark.parametrize(
    "wrong", [lambda n: np.exp(-n / SIZE), lambda n: (1 - 1 / SIZE**2) ** n, lambda n: 1 - n / SIZE]
)
def test_simulation_rejects_other_diversity_laws(lineages, wrong):
    ratio = (1 - (lineages**2).sum(-1)) / (1 - (LAW**2).sum())
    scores = agreement.mean_score(ratio, wrong(np.arange(STEPS + 1)))

    assert np.abs(scores[1:]).max() > agreement.CRITICAL


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, True, "0.5", [0.5, 2]])
def test_refuses_probabilities(p):
    for function in (categorical.loss_probability, categorical.extinction_probability):
        with pytest.raises(InvalidArgument, match=r"^p must be a number in \[0, 1\]; got p="):
            function(p, 10, *([1] if function is categorical.extinction_probability else []))
    with pytest.raises(InvalidArgument, match=r"^p must be a number in \[0, 1\]; got p="):
        categorical.fixation_probability(p)


def test_refuses_chains_that_are_too_large():
    with pytest.raises(InvalidArgument, match=r"^size must be one integer <= 2000 .*got size=2001"):
        categorical.extinction_probability(0.1, 2_001, 1)
    with pytest.raises(InvalidArgument, match=r"^size must be one integer"):
        categorical.extinction_probability(0.1, np.array([10, 20]), 1)


def test_refuses_more_diversity_than_states_allow():
    with pytest.raises(InvalidArgument, match=r"^diversity must be at most 1 - 1/support; got"):
        categorical.absorption_bounds(0.6, 2, 10, 1)
    with pytest.raises(InvalidArgument, match=r"^support must be an integer >= 2; got support=1$"):
        categorical.absorption_bounds(0.0, 1, 10, 1)
