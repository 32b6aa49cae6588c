"""The exact Wasserstein distance in several columns."""

import itertools
import math

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from collapse_bench.errors import InvalidArgument, InvalidSamples, UndefinedMetric
from collapse_bench.metrics import bures, exact, sliced_wasserstein, wasserstein, wasserstein_1d

relaxed = settings(deadline=None, max_examples=50)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 25)
dimensions = st.integers(2, 5)
orders = st.sampled_from([1, 2])
ROUNDING = 1e-9  # what two float64 ways to W_p^p may differ by, for data of unit size


def test_by_hand():
    # Corners of a 3-4-5 triangle: (0, 0) stays, (3, 0) goes to (3, 4).
    assert wasserstein([[0, 0], [3, 0]], [[3, 4], [0, 0]]) == pytest.approx(2, rel=1e-15)
    # One row against two: half of it goes 3 to the right, half 4 up.
    assert wasserstein([[0, 0]], [[3, 0], [0, 4]]) == pytest.approx(3.5, rel=1e-15)
    assert wasserstein([[0, 0]], [[3, 0], [0, 4]], order=2) == pytest.approx(
        math.sqrt(12.5), rel=1e-15
    )


@relaxed
@given(seeds, sizes, dimensions, orders)
def test_equal_sizes_agree_with_scipys_assignment(seed, size, dimension, order):
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, size, dimension))
    cost = cdist(x, y) ** order
    rows, columns = linear_sum_assignment(cost)

    assert abs(wasserstein(x, y, order=order) ** order - cost[rows, columns].mean()) <= ROUNDING


@relaxed
@given(seeds, sizes, sizes, dimensions, orders)
def test_points_on_a_line_in_space_are_as_far_as_on_the_line(seed, n, m, dimension, order):
    rng = np.random.default_rng(seed)
    x, y = rng.random(n).round(1), rng.random(m).round(1)  # with ties
    direction = rng.normal(size=dimension)
    direction /= np.linalg.norm(direction)
    inside = wasserstein(np.outer(x, direction), np.outer(y, direction), order=order)

    assert abs(inside**order - wasserstein_1d(x, y, order=order) ** order) <= ROUNDING


@relaxed
@given(seeds, sizes, sizes, orders)
def test_one_column_is_the_line(seed, n, m, order):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(size=m)

    assert wasserstein(x, y, order=order) == wasserstein_1d(x, y, order=order)


@relaxed
@given(seeds, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_unequal_sizes_agree_with_repeating_to_a_common_one(seed, n, m, dimension):
    rng = np.random.default_rng(seed)
    x, y = rng.random((n, dimension + 1)), rng.random((m, dimension + 1))
    common = math.lcm(n, m)
    repeated = np.repeat(x, common // n, axis=0), np.repeat(y, common // m, axis=0)
    rows, columns = linear_sum_assignment(cdist(*repeated, "sqeuclidean"))
    expected = np.mean(np.square(repeated[0][rows] - repeated[1][columns]).sum(axis=1))

    assert abs(wasserstein(x, y, order=2) ** 2 - expected) <= ROUNDING


@relaxed
@given(seeds, sizes, sizes, sizes, dimensions, orders)
def test_it_is_a_metric_above_its_slices_and_the_shift(seed, n, m, k, dimension, order):
    rng = np.random.default_rng(seed)
    x, y, z = (rng.random((size, dimension)) for size in (n, m, k))
    xy, yz, xz = (wasserstein(*p, order=order) for p in ((x, y), (y, z), (x, z)))

    assert 0 <= xz <= xy + yz + ROUNDING
    assert xy == pytest.approx(wasserstein(y, x, order=order), rel=1e-9)
    assert wasserstein(x, x[::-1], order=order) <= ROUNDING ** (1 / order)  # a root of rounding
    assert np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)) <= xy + ROUNDING
    assert sliced_wasserstein(x, y, order=order) <= xy + ROUNDING


@relaxed
@given(seeds, st.integers(4, 25), dimensions)
def test_the_moments_bound_it_from_below_and_an_optimal_map_meets_the_bound(seed, size, d):
    """Gelbrich's bound; a symmetric positive map is optimal, so there it is an equality."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, size, d))
    moments = [(s.mean(axis=0), np.cov(s.T, ddof=0)) for s in (x, y)]
    root = rng.normal(size=(d, d))
    mapped = x @ (root @ root.T) + rng.normal(size=d)
    image = (mapped.mean(axis=0), np.cov(mapped.T, ddof=0))

    assert bures(*moments[0], *moments[1]) <= wasserstein(x, y, order=2) ** 2 + ROUNDING
    # Two ways to one number, of singular covariances too where size <= d; relative to the traces.
    assert wasserstein(x, mapped, order=2) ** 2 == pytest.approx(
        bures(*moments[0], *image), rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("order", [1, 2])
def test_units_and_zero_points_do_not_matter(unit, order):
    rng = np.random.default_rng(1)
    x, y = rng.random((10, 3)), rng.random((15, 3))
    apart = wasserstein(x, y, order=order)

    assert wasserstein(unit * x, unit * y, order=order) == pytest.approx(unit * apart, rel=1e-9)
    assert wasserstein(x + 1e3, y + 1e3, order=order) == pytest.approx(apart, rel=1e-9)


def test_replicates_are_measured_apart():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(3, 8, 2)), rng.normal(size=(5, 2))
    each = [wasserstein(a, y) for a in x]

    assert wasserstein(x, y) == pytest.approx(each, rel=1e-12)
    assert wasserstein(y, x) == pytest.approx(each, rel=1e-12)
    assert wasserstein(x[..., :1], y[:, :1]).shape == (3,)


def test_equal_rows_are_no_distance_apart_and_overflow_is_no_distance():
    assert wasserstein(np.ones((3, 2)), np.ones((4, 2))) == 0
    with pytest.raises(UndefinedMetric, match="wasserstein must be finite"):
        wasserstein([[1.7e308, 0]], [[-1.7e308, 0]])


def test_a_solver_that_stops_early_is_never_reported_as_a_number(monkeypatch):
    rng = np.random.default_rng(3)
    x, y = rng.random((2, 60, 2))
    healthy = wasserstein(x, y)
    solver = ot.emd2
    monkeypatch.setattr(ot, "emd2", lambda *a, numItermax, **k: solver(*a, numItermax=5, **k))

    with pytest.raises(UndefinedMetric, match=r"POT stopped with result_code=3 .* pass fewer rows"):
        wasserstein(x, y)
    monkeypatch.setattr(ot, "emd2", lambda *a, **k: (healthy, {"result_code": 1, "warning": "w"}))
    with pytest.raises(UndefinedMetric, match=r"\(w\): pass fewer rows"):
        wasserstein(x, y)


def lines(unit, spread):
    """Two samples of 300 on a line in the plane, their clusters ``spread`` wide, ``unit`` apart."""
    x, y = np.random.default_rng(0).normal(size=(2, 300))
    apart = unit * (np.arange(300) % 2)
    return [np.outer(spread * sample + apart, [1.0, 0.0]) for sample in (x, y)]


@pytest.mark.parametrize(("unit", "spread"), [(1e6, 1), (1, 1e-7)])
def test_a_plan_that_the_solvers_tolerance_left_short_is_refused(unit, spread):
    """The oracle is the line: POT stops at 1.02 to 4 times the least cost and calls it optimal."""
    x, y = lines(unit, spread)
    with pytest.raises(UndefinedMetric, match=r"plan is shown to be within .* one cluster at"):
        wasserstein(x, y, order=2)
    # Apart they are measured, and so is order 1, whose costs are not squared.
    for one in range(2):
        near = [sample[one::2] for sample in (x, y)]
        assert wasserstein(*near, order=2) == pytest.approx(
            wasserstein_1d(*(s[:, :1] for s in near), order=2), rel=1e-6
        )
    assert wasserstein(x, y) == pytest.approx(wasserstein_1d(x[:, :1], y[:, :1]), rel=1e-6)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("noise", [1, 1e-2, 1e-5, 1e-8])
def test_good_plans_of_many_rows_are_shown_to_be_optimal(order, heavy, noise):
    """Also where every distance is small; scipy's assignment is the oracle."""
    rng = np.random.default_rng(7)
    x, z = rng.standard_cauchy((2, 300, 2)) if heavy else rng.normal(size=(2, 300, 3))
    y = x + noise * z
    low, unit = x.min(axis=0), np.ptp(x, axis=0).max()  # so that squares don't lose the digits
    cost = cdist((x - low) / unit, (y - low) / unit) ** order
    best = cost[linear_sum_assignment(cost)].mean() ** (1 / order)

    assert wasserstein(x, y, order=order) / unit == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("shift", [1e-5, -1e-5, 1])
def test_the_bound_is_of_the_potentials_and_wrong_ones_show_nothing(monkeypatch, shift):
    rng = np.random.default_rng(8)
    x, y = rng.random((40, 2)), rng.random((60, 2))
    solver = ot.emd2

    def spoiled(*args, **options):
        total, log = solver(*args, **options)
        log["u"] = log["u"] + np.where(np.arange(40) == 3, shift * 60, 0.0)
        return total, log

    wasserstein(x, y)
    monkeypatch.setattr(ot, "emd2", spoiled)
    with pytest.raises(UndefinedMetric, match="POT's plan is shown to be within"):
        wasserstein(x, y)
    assert wasserstein(x, x[::-1]) == 0  # no cost is below none


def test_iterations_grow_with_the_number_of_pairs(monkeypatch):
    asked = []
    solver = ot.emd2
    monkeypatch.setattr(exact, "LEAST_PIVOTS", 10)
    monkeypatch.setattr(
        ot, "emd2", lambda *a, **k: asked.append(k["numItermax"]) or solver(*a, **k)
    )
    rng = np.random.default_rng(4)
    for n, m in ((30, 40), (2, 3)):
        wasserstein(rng.random((n, 2)), rng.random((m, 2)))

    assert asked == [1_200, 10]


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "sentence"),
    [
        (np.eye(2), np.eye(3), {}, InvalidSamples, "y must have 2 columns"),
        (np.ones((2, 3, 4)), np.ones((3, 3, 4)), {}, InvalidArgument, "the 2 replicates of x"),
        (
            np.eye(2),
            np.eye(2),
            {"order": 0.5},
            InvalidArgument,
            "order must be 1 or 2; got order=0.5",
        ),
        (np.eye(2), np.eye(2), {"order": 3}, InvalidArgument, "order must be 1 or 2; got order=3"),
        (
            np.ones(2),
            np.ones(2),
            {"order": 1e5},
            InvalidArgument,
            "order must be 1 or 2; got order=1",
        ),
        (np.eye(2), np.eye(2), {"order": True}, InvalidArgument, "order must be a number"),
        (np.eye(2), np.eye(2), {"order": np.nan}, InvalidArgument, "order must be a number"),
        (np.eye(2), np.full((2, 2), np.nan), {}, InvalidSamples, "y must be finite"),
        (
            np.zeros((8_193, 2)),
            np.zeros((8_192, 2)),
            {},
            InvalidArgument,
            "must have 67,108,864 pairs of rows or fewer, .* 8,193 times 8,192 rows: pass fewer",
        ),
    ],
)
def test_bad_arguments_are_refused_in_words(x, y, options, error, sentence):
    with pytest.raises(error, match=sentence):
        wasserstein(x, y, **options)


@pytest.mark.parametrize(("d", "exponent"), [(3, -1 / 3), (6, -1 / 6)])
def test_the_null_level_falls_as_slowly_as_the_dimension_says(d, exponent):
    """E W1 of two uniform samples ~ n^(-1/d); slope between n = 50 and 200.

    30 pairs a size: the slope's standard error is below 0.01, and its bias at these sizes about
    0.03 (a cube's boundary); 0.08 is far from -1/2, the exponent on the line.
    """
    rng = np.random.default_rng(5)
    means = [np.mean([wasserstein(*rng.random((2, n, d))) for _ in range(30)]) for n in (50, 200)]

    assert abs(math.log(means[1] / means[0]) / math.log(4) - exponent) <= 0.08


def test_every_assignment_of_a_few_rows_agrees():
    rng = np.random.default_rng(6)
    x, y = rng.random((2, 5, 3))
    best = min(
        np.mean(np.linalg.norm(x - y[list(p)], axis=1)) for p in itertools.permutations(range(5))
    )

    assert wasserstein(x, y) == pytest.approx(best, rel=1e-12)
