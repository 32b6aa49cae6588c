"""Wasserstein distances of samples, on the line and sliced."""

import itertools
import math

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.errors import InvalidArgument, InvalidSamples, UndefinedMetric
from collapse_bench.metrics import (
    directions,
    sliced_wasserstein,
    wasserstein_1d,
    wasserstein_sorted,
)

relaxed = settings(deadline=None)  # the machines that run this are shared
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 40)
dimensions = st.integers(1, 5)
orders = st.sampled_from([1, 2, 3, 1.5])
ties = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)
lines = st.one_of(ties, st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
ROUNDING = 1e-9  # what two float64 ways to one number may differ by, in units of the data


def scale_of(*samples):
    return max(1e-50, *(float(np.abs(x).max()) for x in samples))


def agree(a, b, *samples, order=1):
    """Compare W_p^p: solvers add up to W_p^p, and near 0 the root magnifies its rounding.

    Below 1e-50 the powers of the solvers underflow, where ours don't.
    """
    scale = scale_of(*samples)
    return abs((a / scale) ** order - (b / scale) ** order) <= ROUNDING


def test_equal_sizes_by_hand():
    # Sorted: 0, 1, 3 against 1, 5, 9: gaps 1, 4, 6.
    assert wasserstein_1d([3, 0, 1], [9, 1, 5]) == 11 / 3
    assert wasserstein_1d([3, 0, 1], [9, 1, 5], order=2) == pytest.approx(
        math.sqrt(53 / 3),
        rel=1e-15,  # gaps are scaled by the largest: two roundings
    )


def test_unequal_sizes_by_hand():
    # Quantile functions on sixths: 0 0 0 6 6 6 against 0 0 3 3 6 6: gaps of 3 on two sixths.
    assert wasserstein_1d([0, 6], [0, 3, 6]) == pytest.approx(1, rel=1e-15)  # thirds are rounded
    assert wasserstein_1d([0, 6], [0, 3, 6], order=2) == pytest.approx(math.sqrt(3), rel=1e-15)


def test_a_point_mass_is_the_standard_deviation_away():
    x = np.random.default_rng(1).normal(size=100)

    assert wasserstein_1d(x, [x.mean()], order=2) == pytest.approx(x.std(), rel=1e-14)


@relaxed
@given(lines, lines, orders)
def test_the_line_agrees_with_pot(x, y, order):
    ours = wasserstein_1d(x, y, order=order)
    solver = float(ot.emd2_1d(np.array(x), np.array(y), metric="minkowski", p=order)) ** (1 / order)

    assert agree(ours, wasserstein_1d(x, y, order=order, backend="pot"), x, y, order=order)
    assert agree(ours, solver, x, y, order=order)


@relaxed
@given(lines, lines)
def test_the_line_agrees_with_scipy(x, y):
    assert agree(wasserstein_1d(x, y), stats.wasserstein_distance(x, y), x, y)


@relaxed
@given(seeds, st.integers(1, 6), orders)
def test_the_line_agrees_with_every_assignment(seed, size, order):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, size))

    cost = min(
        np.mean(np.abs(x - y[list(p)]) ** order) for p in itertools.permutations(range(size))
    )

    assert agree(wasserstein_1d(x, y, order=order), cost ** (1 / order), x, y, order=order)


@relaxed
@given(lines, lines, orders)
def test_unequal_sizes_agree_with_repeating_to_a_common_one(x, y, order):
    common = math.lcm(len(x), len(y))
    repeated = (np.repeat(x, common // len(x)), np.repeat(y, common // len(y)))

    ours = wasserstein_1d(x, y, order=order)

    # Both are sums over the same grid; only the order of summing differs.
    assert math.isclose(ours, wasserstein_1d(*repeated, order=order), rel_tol=1e-12)


@relaxed
@given(lines, st.integers(1, 5), orders)
def test_a_sample_is_no_distance_from_its_copies(x, copies, order):
    assert wasserstein_1d(x, x[::-1] * copies, order=order) == 0


@relaxed
@given(lines, lines, lines, orders)
def test_the_line_is_a_metric(x, y, z, order):
    xy, yz, xz = (wasserstein_1d(*p, order=order) for p in ((x, y), (y, z), (x, z)))

    assert 0 <= xz <= xy + yz + ROUNDING * scale_of(x, y, z)
    assert math.isclose(xy, wasserstein_1d(y, x, order=order), rel_tol=1e-12)  # sums are reordered


@relaxed
@given(lines, lines)
def test_the_distance_grows_with_the_order(x, y):
    shift = abs(np.mean(x) - np.mean(y))
    distances = [wasserstein_1d(x, y, order=p) for p in (1, 1.5, 2, 3)]
    widest = max(abs(max(x) - min(y)), abs(max(y) - min(x)))

    slack = ROUNDING * scale_of(x, y)
    ladder = [shift, *distances, widest]
    assert all(a <= b + slack for a, b in itertools.pairwise(ladder))


@relaxed
@given(seeds, sizes, sizes, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), orders)
def test_the_distance_scales_with_the_unit_and_ignores_the_origin(seed, n, m, unit, shift, order):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(size=m)
    moved = wasserstein_1d(unit * x + shift, unit * y + shift, order=order)

    assert abs(moved - unit * wasserstein_1d(x, y, order=order)) <= ROUNDING * (unit + abs(shift))


@relaxed
@given(seeds, sizes, st.floats(-10, 10), st.floats(0, 5))
def test_translation_and_contraction_have_closed_forms(seed, size, shift, factor):
    x = np.random.default_rng(seed).normal(size=size)

    assert abs(wasserstein_1d(x, x + shift, order=2) - abs(shift)) <= ROUNDING
    squared = (x.mean() * (1 - factor)) ** 2 + x.var() * (1 - factor) ** 2
    assert abs(wasserstein_1d(x, factor * x, order=2) - math.sqrt(squared)) <= ROUNDING


@relaxed
@given(lines, lines, orders, st.randoms())
def test_the_order_of_the_rows_does_not_matter(x, y, order, random):
    before = wasserstein_1d(x, y, order=order)
    random.shuffle(x)

    assert wasserstein_1d(x, y, order=order) == before


@relaxed
@given(lines, lines, st.integers(1, 4), st.integers(0, 4))
def test_mixing_in_the_reference_shrinks_w1_in_proportion(x, y, own, fresh):
    """W1((1-g) Q + g P, P) = (1-g) W1(Q, P), exactly, for every Q and P."""
    mixed = x * own * len(y) + y * fresh * len(x)
    share = fresh / (own + fresh)

    assert agree(wasserstein_1d(mixed, y), (1 - share) * wasserstein_1d(x, y), x, y)


@relaxed
@given(seeds, st.integers(1, 5), sizes, sizes, orders)
def test_replicates_are_measured_apart(seed, replicates, n, m, order):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(replicates, n, 1)), rng.normal(size=(replicates, m, 1))
    expected = [wasserstein_1d(a, b, order=order) for a, b in zip(x, y, strict=True)]
    against_one = [wasserstein_1d(a, y[0], order=order) for a in x]

    # Batched sums may be taken in another order.
    np.testing.assert_allclose(wasserstein_1d(x, y, order=order), expected, rtol=1e-12)
    np.testing.assert_allclose(wasserstein_1d(x, y[0], order=order), against_one, rtol=1e-12)
    np.testing.assert_allclose(wasserstein_1d(y[0], x, order=order), against_one, rtol=1e-12)
    assert wasserstein_1d(x, y, order=order).shape == (replicates,)


def test_replicates_agree_with_pot():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(3, 20)), rng.normal(size=7)

    for pair in ((x, y), (y, x), (x, np.tile(y, (3, 1)))):
        ours, pot = (wasserstein_1d(*pair, order=2, backend=b) for b in ("numpy", "pot"))
        np.testing.assert_allclose(ours, pot, rtol=ROUNDING)


def test_sorted_samples_need_no_second_sort():
    rng = np.random.default_rng(3)
    x, y = np.sort(rng.normal(size=(4, 30))), np.sort(rng.normal(size=50))
    kept = x.copy(), y.copy()

    np.testing.assert_array_equal(wasserstein_sorted(x, y, order=2), wasserstein_1d(x, y, order=2))
    np.testing.assert_array_equal((*x.ravel(), *y), (*kept[0].ravel(), *kept[1]))  # untouched


def test_float32_and_torch_are_read_exactly():
    torch = pytest.importorskip("torch")
    x, y = np.random.default_rng(4).normal(size=(2, 50)).astype(np.float32)

    ours = wasserstein_1d(x, y)

    assert ours == wasserstein_1d(x.astype(float), y.astype(float))
    assert ours == wasserstein_1d(torch.from_numpy(x), torch.from_numpy(y))


@pytest.mark.parametrize("sizes", [(60, 60), (40, 90)])
def test_the_null_of_uniform_samples(sizes):
    """E W2^2 = (1/n + 1/m) / 6 + O(1/nm), 1 / (3 (n + 1)) for n = m.

    Gaps of uniform order statistics: two samples of size n differ by twice the variance
    k (n + 1 - k) / ((n + 1)^2 (n + 2)), whose mean over k is 1 / (6 (n + 1)). For n != m the
    oracle is the mean of Brownian bridges, off by less than a standard error here.
    |z| <= 4.5 is wrong 7 times in a million.
    """
    n, m = sizes
    rng = np.random.default_rng(5)
    squared = wasserstein_1d(rng.random((4_000, n)), rng.random((4_000, m)), order=2) ** 2
    expected = 1 / (3 * (n + 1)) if n == m else (1 / (n + 1) + 1 / (m + 1)) / 6

    z = (squared.mean() - expected) / (squared.std() / math.sqrt(len(squared)))

    assert abs(z) <= 4.5


@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("order", [1, 2, 7])
def test_no_unit_is_too_small_or_too_large(unit, order):
    x, y = np.array([0.0, 1, 5]), np.array([2.0, 3])

    ratio = wasserstein_1d(x * unit, y * unit, order=order) / unit

    assert ratio == pytest.approx(wasserstein_1d(x, y, order=order), rel=1e-12)  # scaling rounds


@pytest.mark.parametrize("backend", ["numpy", "pot"])
@pytest.mark.parametrize("order", [1, 2])
def test_a_distance_out_of_range_is_undefined(backend, order):
    with pytest.raises(UndefinedMetric, match="wasserstein_1d must be finite"):
        wasserstein_1d([1.7e308], [-1.7e308], order=order, backend=backend)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_solver_that_fails_is_never_reported_as_a_number(monkeypatch, value):
    monkeypatch.setattr(ot, "wasserstein_1d", lambda *a, **k: value)
    monkeypatch.setattr(ot, "sliced_wasserstein_distance", lambda *a, **k: value)

    with pytest.raises(UndefinedMetric, match=r"ot\.wasserstein_1d must be finite"):
        wasserstein_1d([1.0], [2.0], backend="pot")
    with pytest.raises(UndefinedMetric, match="sliced_wasserstein must be finite"):
        sliced_wasserstein(np.eye(2), np.eye(2), backend="pot")


def test_levels_that_do_not_fit_are_refused_before_they_overflow():
    n, m = 2**32 - 1, 2**32  # no common divisor
    x, y = (np.broadcast_to(np.float64(0), size) for size in (n, m))

    with pytest.raises(InvalidArgument, match=r"common multiple below 2\*\*63"):
        wasserstein_sorted(x, y)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"x": [], "y": [1]}, InvalidSamples, "x must"),
        ({"x": [1, 2], "y": [np.nan, 1]}, InvalidSamples, "y must be finite"),
        ({"x": ["a"], "y": [1]}, InvalidSamples, "x must hold real numbers"),
        ({"x": np.ones((2, 3, 4)), "y": [1]}, InvalidArgument, r"x must have shape \(n,\)"),
        ({"x": np.ones((2, 3)), "y": np.ones((3, 3))}, InvalidArgument, "the 2 replicates of x"),
        ({"x": [1], "y": [1], "order": 0.5}, InvalidArgument, r"order must be a number in \[1,"),
        ({"x": [1], "y": [1], "order": math.inf}, InvalidArgument, "order must be a number"),
        ({"x": [1], "y": [1], "backend": "torch"}, InvalidArgument, "backend must be one of"),
    ],
)
def test_bad_arguments_are_refused_in_words(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        wasserstein_1d(**arguments)


def test_directions_are_fixed_unit_vectors():
    vectors = directions(5, 100, seed=3)

    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-15)
    np.testing.assert_array_equal(vectors[:64], directions(5, seed=3))
    assert not np.array_equal(vectors[:64], directions(5, seed=4))


def test_directions_are_uniform_on_the_sphere():
    """E theta theta^T = I / d, and theta_i theta_j has a variance below 2 / d^2.

    Ten entries with |z| <= 4.5: wrong less than 7 times in 1e5.
    """
    d, count = 4, 20_000
    vectors = directions(d, count)

    off = np.abs(vectors.T @ vectors / count - np.eye(d) / d).max()

    assert off <= 4.5 * math.sqrt(2 / d**2 / count)


@pytest.mark.parametrize("arguments", [(0,), (2, 0), (2, 1.5), (2, 3, -1)])
def test_directions_that_do_not_exist_are_refused(arguments):
    with pytest.raises(InvalidArgument, match="must be a"):
        directions(*arguments)


def test_a_translation_is_sliced_to_its_mean_projection():
    x, shift = np.random.default_rng(6).normal(size=(50, 3)), np.array([1.0, 2, -1])
    projected = directions(3) @ shift

    assert sliced_wasserstein(x, x + shift) == pytest.approx(np.abs(projected).mean(), rel=1e-12)
    assert sliced_wasserstein(x, x + shift, order=2) == pytest.approx(
        np.sqrt(np.square(projected).mean()),
        rel=1e-12,  # 50 sums are rounded
    )


@relaxed
@given(seeds, sizes, sizes, dimensions, orders, st.integers(1, 20))
def test_slices_agree_with_pot(seed, n, m, dimension, order, count):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, dimension)), rng.normal(size=(m, dimension))

    ours, pot = (
        sliced_wasserstein(x, y, order=order, projections=count, seed=seed, backend=b)
        for b in ("numpy", "pot")
    )
    oracle = ot.sliced_wasserstein_distance(
        x, y, projections=directions(dimension, count, seed).T, p=order
    )

    assert agree(ours, pot, x, y, order=order)
    assert agree(ours, oracle, x, y, order=order)


@relaxed
@given(seeds, sizes, sizes, dimensions, st.sampled_from([1, 2]))
def test_slices_stay_below_the_full_distance(seed, n, m, dimension, order):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, dimension)), rng.normal(size=(m, dimension))
    cost = ot.dist(x, y, metric="euclidean") ** order
    full = float(ot.emd2(np.full(n, 1 / n), np.full(m, 1 / m), cost)) ** (1 / order)

    assert sliced_wasserstein(x, y, order=order) <= full + 1e-7  # the root of emd's own rounding


@relaxed
@given(seeds, sizes, dimensions, orders)
def test_slices_of_a_sample_and_itself(seed, size, dimension, order):
    x = np.random.default_rng(seed).normal(size=(size, dimension))
    shuffled = np.random.default_rng(seed).permutation(x)

    # A product of matrices may round a row differently in another place.
    assert sliced_wasserstein(x, shuffled, order=order) <= 1e-14 * scale_of(x)


@relaxed
@given(seeds, st.integers(1, 4), sizes, sizes, dimensions)
def test_sliced_replicates_are_measured_apart(seed, replicates, n, m, dimension):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(replicates, n, dimension)), rng.normal(size=(m, dimension))
    each = [sliced_wasserstein(a, y) for a in x]

    np.testing.assert_allclose(sliced_wasserstein(x, y), each, rtol=1e-12)  # as above
    np.testing.assert_allclose(sliced_wasserstein(y, x), each, rtol=1e-12)
    assert sliced_wasserstein(x, y).shape == (replicates,)


def test_blocks_of_directions_change_nothing(monkeypatch):
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(40, 3))
    whole = sliced_wasserstein(x, y)

    monkeypatch.setattr("collapse_bench.metrics.transport.BLOCK_VALUES", 5 * 40)

    assert sliced_wasserstein(x, y) == pytest.approx(whole, rel=1e-14)  # products round apart


@pytest.mark.parametrize(
    ("x", "y", "options", "sentence"),
    [
        (np.eye(2), np.eye(3), {}, "y must have 2 columns"),
        (np.ones((2, 3, 4)), np.ones((3, 3, 4)), {}, "the 2 replicates of x"),
        (np.eye(2), np.eye(2), {"projections": 0}, "count must be an integer"),
        (np.eye(2), np.eye(2), {"order": 0}, "order must be"),
        (np.eye(2), np.eye(2), {"seed": -1}, "seed must be"),
        (np.eye(2), np.full((2, 2), np.inf), {}, "y must be finite"),
    ],
)
def test_slices_of_what_does_not_fit_are_refused(x, y, options, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        sliced_wasserstein(x, y, **options)
