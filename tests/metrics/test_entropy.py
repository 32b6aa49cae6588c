"""Shannon entropy of a law and of a sample."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.errors import InvalidArgument, InvalidSamples, UndefinedMetric
from collapse_bench.metrics import entropy, entropy_law, gini_simpson

relaxed = settings(deadline=None)
seeds = st.integers(0, 2**32 - 1)
weights = st.lists(st.floats(0, 1), min_size=1, max_size=8).filter(lambda w: sum(w) > 0.1)


def law_of(listed):
    law = np.array(listed)
    return law / law.sum()


def expectation(law, size):
    """Return the mean of the estimate over every sequence of ``size`` draws."""
    total = 0.0
    for draws in itertools.product(range(len(law)), repeat=size):
        total += math.prod(law[i] for i in draws) * entropy(list(draws))
    return total


def missed(law, size):
    """Return what is left out: 1/k of the chance that a draw is of a state that k others miss."""
    return -math.fsum(p * math.log(p) for p in law if p) - math.fsum(
        p * (1 - p) ** k / k for k in range(1, size) for p in law
    )


def test_laws_by_hand():
    assert entropy_law([1.0, 0.0]) == 0
    assert entropy_law([0.5, 0.5]) == pytest.approx(math.log(2), rel=1e-15)
    assert entropy_law(np.full(10, 0.1)) == pytest.approx(math.log(10), rel=1e-15)
    assert entropy_law([0.5, 0.25, 0.25]) == pytest.approx(1.5 * math.log(2), rel=1e-15)
    assert math.copysign(1, entropy_law([1.0])) == 1  # not minus zero


def test_samples_by_hand():
    # Two draws that differ: psi(2) - psi(1) = 1. Of three, two alike: 2/3 (1/2) + 1/3 (1 + 1/2).
    assert entropy(["a", "b"]) == pytest.approx(1, rel=1e-15)
    assert entropy([1, 1, 2]) == pytest.approx(2 / 3 * 1 / 2 + 1 / 3 * 3 / 2, rel=1e-15)
    assert entropy([7, 7, 7, 7]) == 0


@relaxed
@given(weights)
def test_a_law_has_scipys_entropy(listed):
    law = law_of(listed)

    assert entropy_law(law) == pytest.approx(stats.entropy(law), rel=1e-12, abs=1e-15)  # order
    assert 0 <= entropy_law(law) <= math.log(len(law)) + 1e-12


@relaxed
@given(weights, weights)
def test_entropies_of_independent_laws_add(one, other):
    law, second = law_of(one), law_of(other)
    joint = np.outer(law, second).ravel()

    # Sums of up to 64 terms are rounded.
    assert entropy_law(joint) == pytest.approx(entropy_law(law) + entropy_law(second), abs=1e-12)


@relaxed
@given(st.lists(st.floats(0.05, 1), min_size=2, max_size=3), st.integers(2, 6))
def test_the_mean_over_all_samples_is_the_entropy_less_what_no_draw_can_see(listed, size):
    law = law_of(listed)
    bias = entropy_law(law) - expectation(law, size)

    assert bias == pytest.approx(missed(law, size), abs=1e-12)  # sums of 3^6 terms
    assert -1e-12 <= bias <= ((1 - law) ** size).sum() / size + 1e-12  # unseen states over n


def test_the_estimate_is_nearer_than_the_plug_in_and_its_correction():
    law = law_of([4.0, 3, 2, 1])
    size, truth = 7, entropy_law(law)
    plain = corrected = ours = 0.0
    for draws in itertools.product(range(4), repeat=size):
        chance = math.prod(law[i] for i in draws)
        shares = np.unique(draws, return_counts=True)[1] / size
        plug_in = entropy_law(shares)
        plain += chance * plug_in
        corrected += chance * (plug_in + (len(shares) - 1) / (2 * size))  # Miller-Madow
        ours += chance * entropy(np.array(draws))

    assert abs(ours - truth) < abs(corrected - truth) < abs(plain - truth)


@relaxed
@given(seeds, st.integers(1, 4), st.integers(2, 30))
def test_replicates_are_measured_apart(seed, replicates, size):
    codes = np.random.default_rng(seed).integers(5, size=(replicates, size))

    np.testing.assert_allclose(entropy(codes), [entropy(row) for row in codes], rtol=1e-12)
    assert entropy(codes).shape == (replicates,)


@relaxed
@given(st.lists(st.integers(0, 4), min_size=2, max_size=20), st.randoms())
def test_neither_names_nor_order_matter_and_both_indices_agree_on_nothing(codes, random):
    value = entropy(codes)
    random.shuffle(codes)

    assert entropy([f"state {code}" for code in codes]) == pytest.approx(value, rel=1e-12, abs=0)
    assert (value == 0) == (gini_simpson(codes) == 0)
    assert 0 <= value <= sum(1 / k for k in range(1, len(codes))) + 1e-12


def test_laws_of_replicates_keep_their_axis():
    assert entropy_law([[0.5, 0.5], [1.0, 0.0]]) == pytest.approx([math.log(2), 0], abs=1e-15)


@pytest.mark.parametrize(
    ("law", "sentence"),
    [
        ([0.5, 0.6], "probabilities must sum to 1"),
        ([1.5, -0.5], "probabilities must be finite and non-negative"),
        ([np.nan, 1.0], "probabilities must be finite"),
        ([], r"probabilities must have shape \(..., K\)"),
    ],
)
def test_what_is_no_law_is_refused(law, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        entropy_law(law)


def test_samples_without_an_entropy_are_refused():
    with pytest.raises(UndefinedMetric, match="entropy must have two draws or more"):
        entropy(["a"])
    with pytest.raises(InvalidSamples):
        entropy([])
