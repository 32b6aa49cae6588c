"""Two events in many pairs: exact test, bound that holds, planned size."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from collapse_bench.conformance.dependence import dependence, pairs_needed
from collapse_bench.gates.levels import Levels
from collapse_bench.streams import generator

BETA = 0.01


def test_covariance_is_the_unbiased_one():
    first = np.array([True, True, False, False])
    second = np.array([True, False, False, False])

    found = dependence(first, second, beta=BETA)

    # Deviations (.5, .5, -.5, -.5) and (.75, -.25, -.25, -.25): sum of products .5, over 3.
    assert found.covariance == pytest.approx(0.5 / 3, abs=1e-12)
    assert found.high == pytest.approx(0.5 / 3 + np.sqrt(np.log(200) / 8), abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_it_agrees_with_numpy_and_fisher(pairs):
    first, second = np.array(pairs).T

    found = dependence(first, second, beta=BETA)

    assert found.covariance == pytest.approx(np.cov(first, second)[0, 1], abs=1e-9)  # rounding
    table = [[(first & second).sum(), (first & ~second).sum()]]
    table += [[(~first & second).sum(), (~first & ~second).sum()]]
    tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
    assert found.pvalue == pytest.approx(min(1, 2 * min(tails)), rel=1e-6)  # hypergeometric sums


def test_independence_is_rejected_at_its_level_exactly():
    """Over all 2**16 outcomes of 8 pairs of fair coins the level is never exceeded."""
    outcomes = np.array(list(itertools.product((False, True), repeat=8)))
    pvalues = {}
    for first in outcomes:
        for second in outcomes[::7]:
            key = (int(first.sum()), int(second.sum()), int((first & second).sum()))
            if key not in pvalues:
                pvalues[key] = dependence(first, second, beta=BETA).pvalue
    found = np.array(
        [
            pvalues[int(first.sum()), int(second.sum()), int((first & second).sum())]
            for first in outcomes
            for second in outcomes[::7]
        ]
    )
    for level in (0.01, 0.05, 0.2):
        assert (found <= level).mean() <= level


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_the_bound_holds_for_dependent_events(share):
    """300 samples of 300 pairs of one event with itself: its covariance is share (1 - share)."""
    rng = generator(1, "dependence", str(share))
    highs = []
    for _ in range(300):
        event = rng.random(300) < share
        highs.append(dependence(event, event, beta=BETA).high)

    assert np.mean(np.array(highs) < share * (1 - share)) <= BETA


def test_the_planned_size_decides():
    levels = Levels(1e-4, BETA, 0.01)
    size = pairs_needed(1, levels, 0.05)
    rng = generator(2, "dependence")

    undecided = sum(
        dependence(rng.random(size) < 0.5, rng.random(size) < 0.5, beta=BETA).high >= 0.05
        for _ in range(300)
    )

    assert undecided <= 3 + 4.5 * np.sqrt(3)  # of a share of 0.01, false alarm 7e-6
    assert pairs_needed(4, levels, 0.05) > size
    assert pairs_needed(1, levels, 0.1) == pytest.approx(size / 4, abs=1)
