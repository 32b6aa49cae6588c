"""The squared Wasserstein distance without its null bias.

Statistical tests fix the seed and take |z| <= 4.5, which is wrong 7 times in a million.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.metrics import (
    directions,
    wasserstein_1d,
    wasserstein_debiased,
)

relaxed = settings(deadline=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)
methods = st.sampled_from(["exact", "sliced"])


def z_of(values, expected):
    return (np.mean(values) - expected) / (np.std(values) / math.sqrt(len(values)))


def halvings(rows):
    for pair in ([0, 1], [0, 2], [0, 3]):
        yield rows[pair], np.delete(rows, pair, axis=0)


def test_two_rows_each_by_hand():
    # Halves of one row: (1 + 9 + 1 + 1) / 4 - (4 + 4) / 2 for rows 0, 2 against 1, 3.
    assert wasserstein_debiased([0, 2], [1, 3]) == pytest.approx(12 / 4 - (4 + 4) / 2, rel=1e-15)


@settings(deadline=None, max_examples=12)
@given(st.lists(st.floats(-5, 5), min_size=8, max_size=8), methods)
def test_over_all_ways_to_deal_the_same_rows_the_mean_is_zero(values, method):
    """Exchangeable rows: every labelling of four rows in the plane is as likely as any other."""
    rows = np.array(values).reshape(4, 2)
    every = [
        wasserstein_debiased(rows[list(order[:2])], rows[list(order[2:])], method=method)
        for order in itertools.permutations(range(4))
    ]

    assert abs(np.mean(every)) <= 1e-9  # sums of squares up to 200 are rounded


@relaxed
@given(seeds, st.integers(1, 3))
def test_it_is_six_distances_of_some_halves(seed, dimension):
    """Of four rows each there are three ways to halve either sample; distances by scipy."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 4, dimension))

    def squared(a, b):
        cost = cdist(a, b, "sqeuclidean")
        return cost[linear_sum_assignment(cost)].mean()

    every = [
        np.mean([squared(a, b) for a in (x1, x2) for b in (y1, y2)])
        - (squared(x1, x2) + squared(y1, y2)) / 2
        for x1, x2 in halvings(x)
        for y1, y2 in halvings(y)
    ]

    assert np.abs(np.array(every) - wasserstein_debiased(x, y, seed=seed)).min() <= 1e-9


@relaxed
@given(seeds, st.integers(1, 3), methods, st.integers(1, 3))
def test_a_shift_adds_its_square_and_what_the_means_say(seed, dimension, method, splits):
    """W2^2 of shifted samples is a polynomial in the shift; of even sizes no row is left out."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(8, dimension)), rng.normal(size=(8, dimension))
    shift = rng.normal(size=dimension)
    how = {"method": method, "splits": splits, "seed": seed}
    difference = wasserstein_debiased(x + shift, y, **how) - wasserstein_debiased(x, y, **how)
    gap = x.mean(axis=0) - y.mean(axis=0)
    if method == "sliced":  # every direction sees its own part of both
        theta = directions(dimension, 64, seed)
        expected = np.mean((theta @ shift) ** 2 + 2 * (theta @ shift) * (theta @ gap))
    else:
        expected = shift @ shift + 2 * shift @ gap

    assert difference == pytest.approx(expected, abs=1e-9)


@relaxed
@given(seeds, st.floats(0.1, 10), methods)
def test_it_has_the_squared_unit_of_the_samples(seed, unit, method):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(11, 2)), rng.normal(size=(14, 2))
    scaled = wasserstein_debiased(unit * x, unit * y, method=method)

    assert scaled == pytest.approx(unit**2 * wasserstein_debiased(x, y, method=method), abs=1e-7)


def test_on_the_line_both_methods_are_one():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=30), rng.normal(size=41)

    assert wasserstein_debiased(x, y) == pytest.approx(
        wasserstein_debiased(x, y, method="sliced"), rel=1e-9
    )


@pytest.mark.parametrize("law", ["uniform", "normal", "cauchy cut at 50"])
@pytest.mark.parametrize(("n", "m"), [(10, 10), (10, 31)])
def test_samples_of_one_law_are_nothing_apart_on_average(law, n, m):
    rng = np.random.default_rng(2)
    draw = {
        "uniform": rng.random,
        "normal": rng.standard_normal,
        "cauchy cut at 50": lambda shape: np.clip(rng.standard_cauchy(shape), -50, 50),
    }[law]
    x, y = draw((3_000, n, 1)), draw((3_000, m, 1))

    assert abs(z_of(wasserstein_debiased(x, y), 0)) <= 4.5
    assert z_of(wasserstein_1d(x[..., 0], y[..., 0], order=2) ** 2, 0) > 20  # and the plain isn't


@pytest.mark.parametrize("method", ["exact", "sliced"])
def test_in_space_too_samples_of_one_law_are_nothing_apart(method):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(300, 12, 4)), rng.normal(size=(300, 12, 4))

    assert abs(z_of(wasserstein_debiased(x, y, method=method), 0)) <= 4.5


@pytest.mark.parametrize(("factor", "shift"), [(0.5, 0.0), (0.8, 0.1), (1.5, -0.2)])
def test_contracted_uniform_samples_have_the_mean_that_is_derived(factor, shift):
    """(shift + (a - 1)/2)^2 + (1 - a)^2 (1/12 - b/2), with the null level b = 1 / (3 (k + 1))."""
    rng, half = np.random.default_rng(4), 6
    x, y = rng.random((20_000, 2 * half, 1)), rng.random((20_000, 2 * half, 1))
    found = wasserstein_debiased(shift + factor * x, y)
    moved = (shift + (factor - 1) / 2) ** 2
    expected = moved + (1 - factor) ** 2 * (1 / 12 - 1 / (6 * (half + 1)))

    assert abs(z_of(found, expected)) <= 4.5
    assert abs(z_of(found, moved + (1 - factor) ** 2 / 12)) > 6 or factor == 0.8  # W2^2 itself


def test_of_normal_laws_it_nears_the_distance_of_bures():
    # N(1, 4) against N(0, 1): 1 + (2 - 1)^2 = 2; low by (1 - 2)^2 b / 2 with b below 1e-2 here.
    rng = np.random.default_rng(5)
    x, y = 1 + 2 * rng.normal(size=(200, 2_000, 1)), rng.normal(size=(200, 2_000, 1))
    found = wasserstein_debiased(x, y)

    assert abs(found.mean() - 2) <= 4.5 * found.std() / math.sqrt(200) + 5e-3


def test_more_cuts_are_steadier():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(400, 20, 1)), rng.normal(size=(400, 20, 1))
    once, often = (wasserstein_debiased(x, y, splits=splits).std() for splits in (1, 8))

    assert often < 0.95 * once


def test_every_row_beyond_the_halves_is_left_out_at_random():
    """Of 2 against 50 rows 2 of the 50 count, others in each cut: not the first ones."""
    x, y = np.zeros(2), np.arange(50.0)
    found = {wasserstein_debiased(x, y, seed=seed) for seed in range(40)}

    assert len(found) > 20


def test_replicates_are_measured_apart():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(3, 9, 2)), rng.normal(size=(12, 2))
    for method in ("exact", "sliced"):
        each = [wasserstein_debiased(a, y, method=method) for a in x]
        assert wasserstein_debiased(x, y, method=method) == pytest.approx(each, rel=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "sentence"),
    [
        ([1.0], [1.0, 2.0], {}, InvalidArgument, "x and y must have 2 rows or more; got 1 and 2"),
        ([1.0, 2.0], [1.0, 2.0], {"method": "both"}, InvalidArgument, "method must be one of"),
        ([1.0, 2.0], [1.0, 2.0], {"splits": 0}, InvalidArgument, "splits must be an integer >= 1"),
        ([1.0, 2.0], [1.0, 2.0], {"projections": 0}, InvalidArgument, "count must be an integer"),
        ([1.0, 2.0], [1.0, 2.0], {"seed": -1}, InvalidArgument, "seed must be"),
        (np.eye(2), np.eye(3), {}, InvalidSamples, "y must have 2 columns"),
        (np.zeros((16_386, 2)), np.zeros((16_386, 2)), {}, InvalidArgument, "method='sliced'"),
    ],
)
def test_bad_arguments_are_refused_in_words(x, y, options, error, sentence):
    with pytest.raises(error, match=sentence):
        wasserstein_debiased(x, y, **options)
