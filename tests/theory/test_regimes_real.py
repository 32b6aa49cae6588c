"""Real data in the loop: one fixed set, limits, and the best weight."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from collapse_bench.errors import InvalidArgument
from collapse_bench.statistics import agreement
from collapse_bench.streams import generator
from collapse_bench.theory import regimes
from tests.theory.enumeration import EXACT, empirical, gini, small_worlds, walk


@st.composite
def splits(draw):
    """Return a size up to a billion and a share of it that is whole."""
    size = draw(st.integers(2, 10**9))
    return size, draw(st.integers(0, size)) / size


# --- by hand -------------------------------------------------------------------------------


def test_fixed_rows_by_hand():
    # M = 2, g = 1/2, one real row: V = 1/2, then C = 1/2 + 1/4, V = 1/2 + 0 + 1/2 * C_1
    assert regimes.fixed_real_ratio(2, [0, 1, 2], 0.5) == pytest.approx([1, 1 / 2, 1 / 4])
    assert regimes.fixed_real_ratio(10, 10**6, 1.0) == pytest.approx(0.9)
    # g = 1/5, m = 8: (4/5)^2 / 8
    assert regimes.fixed_real_distance(10, [0, 1], 0.2) == pytest.approx([0, 0.08])
    limit = 0.08 / (1 - 0.64 * 7 / 8)
    assert regimes.fixed_real_distance(10, 10**6, 0.2) == pytest.approx(limit)


def test_weights_by_hand():
    golden = (np.sqrt(5) - 1) / 2
    assert regimes.optimal_real_weight(1) == pytest.approx(golden)
    assert regimes.optimal_real_weight(2) == pytest.approx(np.sqrt(3) - 1)
    assert regimes.weighted_mean_square(golden, 1) == pytest.approx(golden)
    assert regimes.weighted_mean_square(1.0, 7) == 1
    assert regimes.weighted_mean_square(0.5, 2) == pytest.approx((0.25 + 0.5) / 0.75)


# --- every path ----------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(small_worlds(), st.integers(1, 3), st.data())
def test_fixed_rows_are_every_path(world, steps, data):
    truth, size = world
    real = data.draw(st.integers(0, size))

    def fits(n, memory):
        starts = empirical(real, truth) if memory is None else [(1.0, memory[0])]
        for one, rows in starts:
            law = truth if memory is None else memory[1]
            for two, drawn in empirical(size - real, law):
                fit = (real * rows + (size - real) * drawn) / size
                yield one * two, fit, fit, (rows, fit)

    ratio, distance = walk(steps, truth, fits)
    expected = regimes.fixed_real_ratio(size, steps, real / size)
    assert ratio == pytest.approx(expected, abs=EXACT)
    assert distance == pytest.approx(1 - expected, abs=EXACT)


@settings(deadline=None, max_examples=25)
@given(small_worlds(), st.integers(1, 3), st.data())
def test_the_distance_from_fixed_rows_is_every_path(world, steps, data):
    law, size = world  # here the law of the rows themselves
    real = data.draw(st.integers(0, size))

    def fits(n, now):
        now = law if now is None else now
        for chance, drawn in empirical(size - real, now):
            fit = (real * law + (size - real) * drawn) / size
            yield chance, fit, fit, fit

    _, distance = walk(steps, law, fits)
    expected = regimes.fixed_real_distance(size, steps, real / size)
    assert distance == pytest.approx(expected, abs=EXACT)


def test_a_founder_that_is_the_truth_forgets_it():
    # the limit does not depend on where the loop about its rows began
    truth, rows, size, real = np.array([0.5, 0.3, 0.2]), np.array([0.5, 0.5, 0.0]), 3, 1
    vectors = [fit for _, fit in empirical(size - real, truth)]
    states = [(real * rows + (size - real) * v) / size for v in vectors]
    matrix = np.array([[chance for chance, _ in empirical(size - real, s)] for s in states])
    now = np.linalg.matrix_power(matrix, 200)[0]
    distance = now @ [((s - rows) ** 2).sum() for s in states] / gini(rows)
    assert distance == pytest.approx(regimes.fixed_real_distance(3, 10**6, 1 / 3), abs=EXACT)


# --- exact arithmetic and properties -----------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(splits(), st.integers(0, 150))
def test_fixed_rows_are_their_recursion_up_to_a_billion(split, steps):
    size, share = split
    with mpmath.workdps(40):
        m, real = mpmath.mpf(size), mpmath.mpf(round(share * size))
        g = real / m
        v = c = w = mpmath.mpf(0)
        for _ in range(steps):
            v = (1 - g) * (1 - g - 1 / m) * v + 1 / m + 2 * g * (1 - g) * c
            c = (1 - g) * c + 1 / m
            w = (1 - g) * (1 - g - 1 / m) * w + (1 - g) / m
    assert regimes.fixed_real_ratio(size, steps, share) == pytest.approx(float(1 - v), abs=1e-13)
    assert regimes.fixed_real_distance(size, steps, share) == pytest.approx(
        float(w), rel=1e-9, abs=1e-300
    )


@given(splits(), st.integers(0, 10**6))
def test_fresh_rows_keep_more_than_fixed_ones(split, steps):
    size, share = split
    fresh = regimes.fresh_real_ratio(size, steps, share, "exact")
    assert regimes.fixed_real_ratio(size, steps, share) <= fresh + 1e-9
    assert regimes.fresh_real_limit(size, share, "exact") <= fresh + 1e-12
    iid = regimes.fresh_real_ratio(size, steps, share)
    assert iid <= fresh + 1e-12  # a random number of real rows is worse


@given(splits())
def test_the_exact_limit_is_reached(split):
    size, share = split
    late = regimes.fresh_real_ratio(size, 10**15, share, "exact")
    assert late == pytest.approx(regimes.fresh_real_limit(size, share, "exact"), abs=1e-6)


@given(st.floats(1e-9, 1e9))
def test_the_best_weight_is_the_minimum_and_its_own_value(ratio):
    weight = regimes.optimal_real_weight(ratio)
    assert 0 < weight <= 1
    assert regimes.weighted_mean_square(weight, ratio) == pytest.approx(weight, rel=1e-9)
    with mpmath.workdps(40):
        k = mpmath.mpf(ratio)
        exact = (mpmath.sqrt(k * k + 4 * k) - k) / 2
    assert weight == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize("ratio", [0.1, 1.0, 2.0, 30.0])
def test_a_search_finds_the_best_weight(ratio):
    found = minimize_scalar(
        lambda w: regimes.weighted_mean_square(w, ratio),
        bounds=(1e-6, 1),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found.x == pytest.approx(regimes.optimal_real_weight(ratio), abs=1e-6)


# --- the same law for a Gaussian fitted by maximum likelihood ------------------------------------


def test_the_variance_of_a_gaussian_obeys_the_same_law():
    size, real, last, lineages = 8, 2, 6, 50_000
    rng = generator(30, "theory", "fixed real")
    rows = rng.standard_normal((lineages, real))
    mean, scale, values = np.zeros((lineages, 1)), np.ones((lineages, 1)), []
    for _ in range(last):
        drawn = mean + scale * rng.standard_normal((lineages, size - real))
        samples = np.hstack([rows, drawn])
        mean, scale = samples.mean(1, keepdims=True), samples.std(1, keepdims=True)
        values.append(scale[:, 0] ** 2)
    n, measured = np.arange(1, last + 1), np.stack(values, 1)
    law = regimes.fixed_real_ratio(size, n, real / size)
    assert np.abs(agreement.mean_score(measured, law)).max() <= agreement.CRITICAL
    for wrong in (
        regimes.fixed_real_ratio(size, n + 1, real / size),
        regimes.fresh_real_ratio(size, n, real / size, "exact"),
    ):
        assert np.abs(agreement.mean_score(measured, wrong)).max() > agreement.CRITICAL


# --- bad input --------------------------------------------------------------------------------


def test_refuses_other_ranges():
    for function in (regimes.fixed_real_ratio, regimes.fixed_real_distance):
        with pytest.raises(InvalidArgument, match=r"^share times size must be whole for an exact"):
            function(10, 1, 0.25)
    with pytest.raises(InvalidArgument, match=r"^ratio must be a finite number > 0; got ratio=0$"):
        regimes.optimal_real_weight(0)
    with pytest.raises(
        InvalidArgument, match=r"^weight must be a number in \(0, 1\]; got weight=0"
    ):
        regimes.weighted_mean_square(0, 1)
    with pytest.raises(InvalidArgument, match=r"^split must be 'iid' or 'exact'; got split='half'"):
        regimes.fresh_real_limit(10, 0.5, "half")
