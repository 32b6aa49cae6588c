"""The squared Wasserstein distance of Gaussian laws."""

import math

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument, UndefinedMetric
from collapse_bench.metrics import bures, wasserstein_1d

relaxed = settings(deadline=None)  # the machines that run this are shared
seeds = st.integers(0, 2**32 - 1)
dimensions = st.integers(1, 6)
ROUNDING = 1e-9  # in units of the traces


def gaussian(seed, dimension, rank=None):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(dimension, dimension if rank is None else rank))
    return rng.normal(size=dimension), root @ root.T


def moments(x):
    return x.mean(axis=0), np.cov(x, rowvar=False, ddof=0).reshape(x.shape[1], -1)


def scale_of(*laws):
    return sum(m @ m + np.trace(c) for m, c in laws)


def test_on_the_line_by_hand():
    # (3 - 1)^2 + (2 - 5)^2
    assert bures(3, 4, 1, 25) == 13
    assert bures([3], [[4]], [1], [[25]]) == 13


def test_commuting_covariances_by_hand():
    turn = np.array([[3, -4], [4, 3]]) / 5
    ours, theirs = (turn @ np.diag(v) @ turn.T for v in ([4, 1], [1, 9]))

    # (2 - 1)^2 + (1 - 3)^2, and |(1, 2)|^2 for the means; a rotation rounds.
    assert bures([1, 2], ours, [0, 0], theirs) == pytest.approx(10, rel=1e-14)
    assert bures([1, 2], np.diag([4, 1]), [0, 0], np.diag([1, 9])) == 10


def test_the_ceiling_of_collapse_is_the_trace():
    mean, covariance = gaussian(1, 4)

    point = bures(mean, np.zeros((4, 4)), mean, covariance)

    assert point == pytest.approx(np.trace(covariance), rel=1e-15)
    assert bures(mean, np.zeros((4, 4)), mean + 1, np.zeros((4, 4))) == pytest.approx(4, rel=1e-14)


@relaxed
@given(seeds, dimensions)
def test_a_law_of_rank_one_has_a_closed_form(seed, dimension):
    """The root of S'^1/2 v v^T S'^1/2 has the trace sqrt(v^T S' v)."""
    mean, covariance = gaussian(seed, dimension)
    v = np.random.default_rng(seed + 1).normal(size=dimension)
    expected = v @ v + np.trace(covariance) - 2 * math.sqrt(v @ covariance @ v)

    for pair in ((np.outer(v, v), covariance), (covariance, np.outer(v, v))):
        assert abs(bures(mean, pair[0], mean, pair[1]) - expected) <= ROUNDING * (
            v @ v + np.trace(covariance)
        )


def test_laws_on_orthogonal_lines_share_nothing():
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    ours, theirs = np.outer(turn[0], turn[0]), 4 * np.outer(turn[1], turn[1])

    # A root of the rounding of 0, 1e-17, would show here.
    assert bures(np.zeros(3), ours, np.zeros(3), theirs) == pytest.approx(5, rel=1e-14)


@relaxed
@given(seeds, dimensions)
def test_it_agrees_with_pot(seed, dimension):
    ours, theirs = gaussian(seed, dimension), gaussian(seed + 1, dimension)

    pot = ot.gaussian.bures_wasserstein_distance(ours[0], theirs[0], ours[1], theirs[1]) ** 2

    assert abs(bures(*ours, *theirs) - pot) <= ROUNDING * scale_of(ours, theirs)


@relaxed
@given(seeds, dimensions, st.integers(1, 6))
def test_it_is_symmetric_and_zero_for_a_law_and_itself(seed, dimension, rank):
    ours, theirs = gaussian(seed, dimension, rank), gaussian(seed + 1, dimension)
    slack = ROUNDING * scale_of(ours, theirs)

    assert bures(*ours, *theirs) >= 0
    assert abs(bures(*ours, *theirs) - bures(*theirs, *ours)) <= slack
    assert bures(*ours, *ours) <= slack


@relaxed
@given(seeds, dimensions)
def test_its_root_obeys_the_triangle(seed, dimension):
    a, b, c = (gaussian(seed + i, dimension) for i in range(3))
    ab, bc, ac = (math.sqrt(bures(*p, *q)) for p, q in ((a, b), (b, c), (a, c)))

    assert ac <= ab + bc + 1e-7 * math.sqrt(scale_of(a, b, c))  # the root of rounding near 0


@relaxed
@given(seeds, st.integers(1, 4), st.integers(2, 30))
def test_it_bounds_the_distance_of_samples_from_below(seed, dimension, size):
    """Gelbrich: whatever the laws, W2^2 is at least the distance of Gaussians of their moments."""
    rng = np.random.default_rng(seed)
    x, y = rng.exponential(size=(size, dimension)), rng.normal(size=(size, dimension)) ** 3
    weights = np.full(size, 1 / size)
    full = float(ot.emd2(weights, weights, ot.dist(x, y)))
    ours, theirs = moments(x), moments(y)

    assert bures(*ours, *theirs) <= full + 1e-7 * scale_of(ours, theirs)


@relaxed
@given(seeds, st.integers(2, 50), st.floats(-5, 5), st.floats(0, 3))
def test_an_affine_map_of_a_line_attains_the_bound(seed, size, shift, factor):
    x = np.random.default_rng(seed).normal(size=(size, 1))
    y = factor * x + shift

    squared = wasserstein_1d(x, y, order=2) ** 2

    assert abs(bures(*moments(x), *moments(y)) - squared) <= ROUNDING * (1 + squared)


def test_an_affine_map_of_several_columns_attains_the_bound():
    """x -> A x with A symmetric, positive semi-definite, is optimal: W2^2 = mean |x - A x|^2."""
    rng = np.random.default_rng(3)
    x, root = rng.normal(size=(30, 3)), rng.normal(size=(3, 2))
    y = x @ root @ root.T

    assert bures(*moments(x), *moments(y)) == pytest.approx(
        np.square(x - y).sum(axis=1).mean(),
        rel=1e-9,  # as ROUNDING
    )


@relaxed
@given(seeds, dimensions, st.integers(1, 5))
def test_leading_axes_broadcast(seed, dimension, replicates):
    laws = [gaussian(seed + r, dimension) for r in range(replicates)]
    means, covariances = (np.stack(part) for part in zip(*laws, strict=True))
    theirs = gaussian(seed - 1 if seed else 99, dimension)
    expected = [bures(*law, *theirs) for law in laws]

    values = bures(means, covariances, *theirs)

    assert values.shape == (replicates,)
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9)  # batches round apart
    np.testing.assert_allclose(bures(*theirs, means, covariances), expected, rtol=1e-9, atol=1e-9)
    assert bures(means[:, None], covariances[:, None], means, covariances).shape == (
        replicates,
        replicates,
    )


def test_lineages_on_the_line_are_one_expression():
    rng = np.random.default_rng(4)
    means, variances = rng.normal(size=(1_000, 1)), rng.exponential(size=(1_000, 1, 1))

    values = bures(means, variances, 0, 1)

    expected = means[:, 0] ** 2 + (np.sqrt(variances[:, 0, 0]) - 1) ** 2
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("spread", [1e-4, 1e-8, 1e-100, 0])
def test_nothing_is_lost_on_the_way_to_collapse(spread):
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(8, 8)))[0]
    theirs = turn @ np.diag(np.arange(1.0, 9)) @ turn.T
    expected = ((np.sqrt(np.arange(1, 9)) - np.sqrt(np.arange(1, 9)) * spread) ** 2).sum()

    value = bures(np.zeros(8), theirs * spread**2, np.zeros(8), theirs)

    assert value == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_no_unit_is_too_small_or_too_large(unit):
    (_, ours), (_, theirs) = gaussian(6, 3), gaussian(7, 3)
    zero = np.zeros(3)

    value = bures(zero, ours * unit, zero, theirs * unit) / unit

    assert value == pytest.approx(bures(zero, ours, zero, theirs), rel=1e-12)  # scaling rounds


def test_torch_parameters_are_read():
    torch = pytest.importorskip("torch")
    ours, theirs = gaussian(8, 3), gaussian(9, 3)

    assert bures(*map(torch.from_numpy, ours), *theirs) == bures(*ours, *theirs)


def test_out_of_range_is_undefined():
    with pytest.raises(UndefinedMetric, match="bures must be finite"):
        bures(1e200, 1, 0, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0, -1, 0, 1), "covariance must have no negative variance"),
        ((np.nan, 1, 0, 1), "mean must be finite"),
        ((0, 1, "a", 1), "other_mean must hold real numbers"),
        (([0, 0], 1, 0, 1), "one dimension"),
        (([0, 0], [1, 1], [0, 0], np.eye(2)), "covariance must have shape"),
        (([0, 0], [[1, 2], [0, 1]], [0, 0], np.eye(2)), "covariance must be symmetric"),
        (([0, 0], [[1, 2], [2, 1]], [0, 0], np.ones((2, 2))), "positive semi-definite"),
        (([0, 0], np.ones((2, 2)), [0, 0], [[1, 2], [2, 1]]), "positive semi-definite"),
        (
            (np.zeros(3), np.eye(3), np.zeros(3), [[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]]),
            "positive semi-definite",
        ),
        ((np.ones((2, 1)), 1, np.ones((3, 1)), 1), r"broadcast; got mean \(2,\)"),
    ],
)
def test_bad_arguments_are_refused_in_words(arguments, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        bures(*arguments)
