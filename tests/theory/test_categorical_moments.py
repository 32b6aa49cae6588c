"""Moments, entropy and vocabulary of the discrete loop against the whole Markov chain."""

from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory import categorical
from tests.theory.enumeration import EXACT, chain, worlds


def entropy(p):
    return -(p * np.log(np.where(p > 0, p, 1))).sum(-1)


# --- by hand -------------------------------------------------------------------------------


def test_moments_by_hand():
    # two draws of a fair coin: p is 0, 1/2, 1 with 1/4, 1/2, 1/4
    assert categorical.probability_variance(0.5, 2, [0, 1, 2]).tolist() == [0, 1 / 8, 3 / 16]
    assert categorical.probability_covariance(0.5, 0.5, 2, 1) == -1 / 8
    assert categorical.expected_distance(0.5, 2, 1) == 1 / 4
    assert categorical.expected_chi_squared(2, 2, 1) == 1 / 2
    assert categorical.expected_chi_squared(1, 2, 9) == 0
    assert categorical.effective_size(0.5, 1 / 4) == 2
    assert categorical.effective_size(0.5, 0.0) == np.inf


def test_entropy_by_hand():
    # half of the pairs are mixed, with entropy log 2; then a quarter
    assert categorical.expected_entropy([0.5, 0.5], 2, [0, 1, 2]) == pytest.approx(
        np.log(2) * np.array([1, 1 / 2, 1 / 4]), rel=1e-14
    )
    assert categorical.expected_entropy([1.0, 0.0], 2, [0, 1, 5]).tolist() == [0, 0, 0]
    assert categorical.entropy_loss(5, 10) == 0.2


def test_eigenvalues_by_hand():
    assert categorical.eigenvalue(4, [0, 1, 2, 3, 4, 5]) == pytest.approx(
        [1, 1, 3 / 4, 3 / 8, 3 / 32, 0], rel=1e-15
    )


def test_vocabulary_by_hand():
    # two draws of four even states: 7/4 of them, then 7/4 - 3/8 (a mixed pair halves)
    assert categorical.expected_vocabulary(np.full(4, 0.25), 2, [0, 1, 2]) == pytest.approx(
        [4, 7 / 4, 11 / 8], rel=1e-14
    )
    assert categorical.expected_vocabulary([0.5, 0.5, 0.0], 5, 0) == 2


def test_unseen_mass_by_hand():
    assert categorical.missing_mass([0.5, 0.5], [1, 2]) == pytest.approx([1 / 2, 1 / 4])
    assert categorical.expected_singletons([0.5, 0.5], 2) == pytest.approx(1)
    assert categorical.missing_mass(np.full(1000, 1e-3), 1000) == pytest.approx(0.999**1000)


# --- enumeration ---------------------------------------------------------------------------


@settings(deadline=None)
@given(worlds(), st.integers(1, 5))
def test_moments_are_the_chains(world, steps):
    law, size = world
    vectors, laws = chain(size, law, steps)
    now, p = laws[-1], vectors / size
    moved = p - law
    covariance = (moved * now[:, None]).T @ moved
    expected = categorical.probability_covariance(law[:, None], law, size, steps)
    np.fill_diagonal(expected, categorical.probability_variance(law, size, steps))
    assert covariance == pytest.approx(expected, abs=EXACT)

    gini = 1 - (law**2).sum()
    square = categorical.expected_distance(gini, size, steps)
    assert now @ (moved**2).sum(1) == pytest.approx(square, abs=EXACT)
    chi = categorical.expected_chi_squared(len(law), size, steps)
    assert now @ (moved**2 / law).sum(1) == pytest.approx(chi, abs=EXACT)
    product = law.prod() * categorical.eigenvalue(size, len(law)) ** steps
    assert now @ p.prod(1) == pytest.approx(product, abs=EXACT)


@settings(deadline=None)
@given(worlds(), st.integers(1, 4))
def test_entropy_and_vocabulary_are_the_chains(world, steps):
    law, size = world
    vectors, laws = chain(size, law, steps)
    now = laws[-1]
    shannon = categorical.expected_entropy(law, size, steps)
    assert now @ entropy(vectors / size) == pytest.approx(shannon, abs=EXACT)
    left = categorical.expected_vocabulary(law, size, steps)
    assert now @ (vectors > 0).sum(1) == pytest.approx(left, abs=EXACT)
    unseen = (vectors == 0) @ law
    assert laws[0] @ unseen == pytest.approx(categorical.missing_mass(law, size), abs=EXACT)
    once = categorical.expected_singletons(law, size)
    assert laws[0] @ (vectors == 1).sum(1) == pytest.approx(once, abs=EXACT)


@settings(deadline=None)
@given(worlds())
def test_eigenvalues_are_those_of_the_chain(world):
    _, size = world
    counts, _ = chain(size, np.array([0.5, 0.5]), 1)
    matrix = np.array([chain(size, c / size, 1)[1][0] for c in counts])
    spectrum = np.sort(np.linalg.eigvals(matrix).real)  # 1 twice: two absorbing states
    expected = np.sort(categorical.eigenvalue(size, np.arange(size + 1)))
    assert spectrum == pytest.approx(expected, abs=1e-8)  # defective pairs lose half the digits


@settings(deadline=None)
@given(worlds(), st.integers(1, 4))
def test_no_convex_distance_from_the_truth_ever_falls(world, steps):
    law, size = world
    vectors, laws = chain(size, law, steps + 1)
    p = vectors / size
    places = np.abs(np.cumsum(p - law, axis=1))
    distances = {
        "total variation": np.abs(p - law).sum(1) / 2,
        "chi-squared": ((p - law) ** 2 / law).sum(1),
        "KL from the truth": (p * np.log(np.where(p > 0, p, 1) / law)).sum(1),
        "W1 of ordered states": places.sum(1),
    }
    for values in distances.values():
        means = [now @ values for now in laws]
        assert all(later >= now - EXACT for now, later in pairwise(means))


@settings(deadline=None)
@given(worlds())
def test_the_first_entropy_loss_lies_in_paninskis_bounds(world):
    law, size = world
    loss = entropy(law) - categorical.expected_entropy(law, size, 1)
    assert -EXACT <= loss <= np.log1p((len(law) - 1) / size) + EXACT
    assert abs(loss - categorical.entropy_loss(len(law), size)) <= (len(law) - 1) / (2 * size)


@settings(deadline=None)
@given(worlds(), st.integers(10, 60))
def test_millers_term_is_within_its_stated_share_where_all_states_are_common(world, least):
    law, _ = world
    size = int(np.ceil(least / law.min()))
    loss = entropy(law) - categorical.expected_entropy(law, size, 1)
    assert categorical.entropy_loss(len(law), size) == pytest.approx(loss, rel=0.04)


# --- bounds, exact arithmetic and properties ---------------------------------------------------


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(1, 200), st.lists(st.integers(1, 99), min_size=2))
def test_the_vocabulary_of_branching_is_too_small_by_less_than_one_state(size, steps, weights):
    law = np.array(weights) / sum(weights)
    branching = categorical.poisson_survival(size * law, steps).sum()
    exact = categorical.expected_vocabulary(law, size, steps)
    assert -EXACT <= exact - branching <= 1


@settings(deadline=None)
@given(worlds(), st.integers(0, 30))
def test_entropy_and_vocabulary_fall(world, steps):
    law, size = world
    now, later = categorical.expected_entropy(law, size, [steps, steps + 1])
    assert -EXACT <= later <= now + EXACT
    now, later = categorical.expected_vocabulary(law, size, [steps, steps + 1])
    assert 1 - EXACT <= later <= now + EXACT


def test_vocabulary_joins_its_forms():
    law = 1 / np.arange(1, 301) ** 1.5
    law /= law.sum()
    small, large = (categorical.expected_vocabulary(law, m, [1, 2, 9, 50]) for m in (2_000, 2_001))
    assert np.all(np.abs(large - small) < 0.5)
    assert small[0] == pytest.approx((1 - (1 - law) ** 2_000).sum(), rel=1e-13)
    assert categorical.expected_vocabulary(law, 10**9, 1) == pytest.approx(300)
    many = categorical.expected_vocabulary(law, 200, [10_000, 10_001])  # the chain stops here
    assert many == pytest.approx([1, 1], abs=1e-9)
    grid = categorical.expected_vocabulary(np.stack([law, law[::-1]]), 50, np.array([[1], [2]]))
    assert grid.shape == (2, 2)
    assert grid[:, 0] == pytest.approx(grid[:, 1])


@pytest.mark.parametrize("size", [2, 3, 10, 41, 100, 10**6, 10**9])
@pytest.mark.parametrize("order", [2, 3, 7, 30, 99, 10_000])
def test_eigenvalues_are_exact_up_to_a_billion(size, order):
    value = float(categorical.eigenvalue(size, order))
    with mpmath.workdps(60):
        exact = mpmath.ff(size, order) / mpmath.mpf(size) ** order
        if exact > mpmath.mpf(10) ** -290:
            # the relative error is that of the logarithm, times itself
            allowed = 1e-13 * (1 + abs(float(mpmath.log(exact))))
            assert abs(float(mpmath.mpf(value) / exact - 1)) < allowed
        else:
            assert value < 1e-280


@given(st.integers(2, 10**9), st.integers(0, 10**6), st.floats(0, 1))
def test_moments_are_exact_up_to_a_billion(size, steps, p):
    with mpmath.workdps(40):
        moved = 1 - (1 - mpmath.mpf(1) / size) ** steps
        exact = mpmath.mpf(p) * (1 - mpmath.mpf(p)) * moved
    assert categorical.probability_variance(p, size, steps) == pytest.approx(
        float(exact), rel=1e-12
    )


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.5, [0.5, 0.6], [[0.5, 0.4]], [1.5, -0.5], [np.nan, 1], ["a"]])
def test_refuses_laws(p):
    sentence = r"^p must be probabilities of shape \(\.\.\., K\) that sum to 1; got p="
    for function in (categorical.expected_vocabulary, categorical.expected_entropy):
        with pytest.raises(InvalidArgument, match=sentence):
            function(p, 10, 1)
    with pytest.raises(InvalidArgument, match=sentence):
        categorical.missing_mass(p, 10)


def test_refuses_other_ranges():
    with pytest.raises(InvalidArgument, match=r"^size must be one integer <= 2000 for the exact"):
        categorical.expected_entropy([0.5, 0.5], 2_001, 1)
    with pytest.raises(InvalidArgument, match=r"^size must be one integer"):
        categorical.expected_vocabulary([0.5, 0.5], [5, 6], 1)
    with pytest.raises(InvalidArgument, match=r"^distance must be a finite number >= 0; got dist"):
        categorical.effective_size(0.5, -1)
    with pytest.raises(InvalidArgument, match=r"^support must be an integer >= 1; got support=0$"):
        categorical.expected_chi_squared(0, 10, 1)
    with pytest.raises(InvalidArgument, match=r"^order must be an integer >= 0; got order=-1$"):
        categorical.eigenvalue(10, -1)
