"""Ratios of spread: trace, determinant and weakest direction."""

import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument, InvalidSamples, UndefinedMetric
from collapse_bench.metrics import (
    log_det,
    log_det_ratio,
    log_variance,
    trace_ratio,
    variance,
    weakest_direction,
    weakest_ratio,
)

relaxed = settings(deadline=None)  # the machines that run this are shared
seeds = st.integers(0, 2**32 - 1)
dimensions = st.integers(1, 6)
SAMPLE_METRICS = [variance, log_variance, log_det, weakest_direction]
MOMENT_METRICS = [trace_ratio, log_det_ratio, weakest_ratio]


def draw(seed, size, dimension):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(size, dimension)) @ rng.normal(size=(dimension, dimension))


def covariance(seed, dimension):
    root = np.random.default_rng(seed).normal(size=(dimension, 2 * dimension))
    return root @ root.T


def close(a, b, rel=1e-9):
    """Equal up to the condition of a covariance drawn here, seldom above 1e6 times 1e-16."""
    return math.isclose(a, b, rel_tol=rel, abs_tol=rel)


def test_variance_is_a_ratio_of_traces_by_hand():
    # Column variances 1 and 4 against 1 and 1: 5 over 2.
    assert variance([[1, 2], [-1, -2]], [[1, 1], [-1, -1]]) == 5 / 2
    assert log_variance([[1, 2], [-1, -2]], [[1, 1], [-1, -1]]) == math.log(5 / 2)
    assert variance([0, 2], [0, 4]) == 1 / 4


def test_weakest_direction_and_volume_by_hand():
    reference = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1.0]])
    samples = reference * [3, 0.5]

    assert close(weakest_direction(samples, reference), 1 / 4)
    assert close(log_det(samples, reference), math.log(9 / 4))


def test_moment_forms_by_hand():
    assert trace_ratio(np.diag([1, 3]), np.diag([4, 4])) == 1 / 2
    assert close(log_det_ratio(np.diag([1, 3]), np.diag([4, 4])), math.log(3 / 16))
    assert close(weakest_ratio(np.diag([1, 3]), np.diag([4, 2])), 1 / 4)
    assert (trace_ratio(2, 8), log_det_ratio(2, 8), weakest_ratio(2, 8)) == (
        1 / 4,
        math.log(1 / 4),
        1 / 4,
    )


@relaxed
@given(seeds, dimensions)
def test_sample_forms_are_moment_forms_of_population_covariances(seed, dimension):
    samples, reference = draw(seed, 40, dimension), draw(seed + 1, 60, dimension)
    moments = [np.cov(x, rowvar=False, ddof=0).reshape(dimension, -1) for x in (samples, reference)]

    assert close(variance(samples, reference), trace_ratio(*moments))
    assert close(log_det(samples, reference), log_det_ratio(*moments), rel=1e-6)
    assert close(weakest_direction(samples, reference), weakest_ratio(*moments), rel=1e-6)


@relaxed
@given(seeds, dimensions)
def test_moment_forms_agree_with_scipy(seed, dimension):
    ours, base = covariance(seed, dimension), covariance(seed + 1, dimension)
    eigenvalues = scipy.linalg.eigh(ours, base, eigvals_only=True)

    assert close(weakest_ratio(ours, base), eigenvalues[0])
    assert close(log_det_ratio(ours, base), np.log(eigenvalues).sum())
    assert close(log_det_ratio(ours, base), np.linalg.slogdet(ours)[1] - np.linalg.slogdet(base)[1])


@relaxed
@given(seeds, dimensions)
def test_the_reference_has_kept_all_of_its_spread(seed, dimension):
    reference = draw(seed, 50, dimension)

    assert variance(reference, reference) == 1
    assert close(log_det(reference, reference), 0, rel=1e-6)
    assert close(weakest_direction(reference, reference), 1, rel=1e-6)


@relaxed
@given(seeds, dimensions, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_contraction_by_a_factor_loses_its_square(seed, dimension, factor, shift):
    reference = draw(seed, 50, dimension)
    samples = reference * factor + shift

    # The shift leaves 1e6 * 1e-16 of the contracted deviations, the covariance its condition.
    assert close(variance(samples, reference), factor**2, rel=1e-6)
    assert close(log_det(samples, reference), 2 * dimension * math.log(factor), rel=1e-3)


@relaxed
@given(seeds, dimensions)
def test_volume_and_weakest_direction_do_not_depend_on_coordinates(seed, dimension):
    samples, reference = draw(seed, 40, dimension), draw(seed + 1, 60, dimension)
    mixing = np.linalg.qr(np.random.default_rng(seed).normal(size=(dimension, dimension)))[0]
    mixing = mixing * np.geomspace(1, 100, dimension)

    assert close(log_det(samples @ mixing, reference @ mixing), log_det(samples, reference), 1e-6)
    assert close(
        weakest_direction(samples @ mixing, reference @ mixing),
        weakest_direction(samples, reference),
        rel=1e-6,
    )


@relaxed
@given(seeds, dimensions)
def test_the_weakest_direction_bounds_every_ratio(seed, dimension):
    ours, base = covariance(seed, dimension), covariance(seed + 1, dimension)
    weakest = weakest_ratio(ours, base)

    along = np.random.default_rng(seed).normal(size=dimension)

    assert 0 <= weakest <= along @ ours @ along / (along @ base @ along) * (1 + 1e-9)  # rounding
    assert weakest <= trace_ratio(ours, base) * (1 + 1e-9)
    assert dimension * math.log(weakest) <= log_det_ratio(ours, base) + 1e-9


@pytest.mark.parametrize("metric", SAMPLE_METRICS)
@pytest.mark.parametrize("dimension", [1, 3])
def test_replicates_are_measured_apart(metric, dimension):
    samples = np.random.default_rng(1).normal(size=(4, 30, dimension))
    reference = draw(2, 50, dimension)

    values = metric(samples, reference)

    # The batched product may sum in another order.
    np.testing.assert_allclose(values, [metric(x, reference) for x in samples], rtol=1e-12)


@pytest.mark.parametrize("metric", MOMENT_METRICS)
@pytest.mark.parametrize("dimension", [1, 3])
def test_moment_forms_broadcast(metric, dimension):
    ours = np.stack([[covariance(10 * i + j, dimension) for j in range(3)] for i in range(2)])
    base = covariance(99, dimension)

    values = metric(ours, base)

    assert values.shape == (2, 3)
    expected = [[metric(c, base) for c in row] for row in ours]
    np.testing.assert_allclose(values, expected, rtol=1e-12)  # batched products sum differently


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9, -7.3])
def test_total_collapse_is_a_state_and_not_an_error(value):
    reference, collapsed = draw(3, 50, 2), np.full((1_000, 2), value)

    assert variance(collapsed, reference) == 0
    assert log_variance(collapsed, reference) == -math.inf
    assert log_det(collapsed, reference) == -math.inf
    assert weakest_direction(collapsed, reference) == 0


def test_a_lost_direction_is_a_lost_volume():
    reference = draw(4, 50, 3)
    flat = reference @ np.outer([1, 2, 3], [1, -1, 0.5])

    assert log_det(flat, reference) == -math.inf
    assert weakest_direction(flat, reference) == 0
    assert log_det(reference[:3], reference) == -math.inf  # three points have no volume
    assert variance(flat, reference) > 0


@pytest.mark.parametrize("metric", [variance, log_variance, log_det, weakest_direction])
@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200])
def test_no_unit_is_too_small_or_too_large(metric, scale):
    samples, reference = draw(5, 40, 2), draw(6, 40, 2)

    # Scaling by no power of 2 rounds every value.
    assert close(metric(samples * scale, reference * scale), metric(samples, reference))


@pytest.mark.parametrize("metric", [log_det, weakest_direction])
def test_columns_of_far_units_are_not_degenerate(metric):
    samples, reference, units = draw(7, 40, 2), draw(8, 40, 2), np.array([1e-12, 1e12])

    assert close(metric(samples * units, reference * units), metric(samples, reference))


@pytest.mark.parametrize("metric", SAMPLE_METRICS)
def test_a_reference_without_spread_is_named(metric):
    with pytest.raises(UndefinedMetric, match=r"reference must vary in (some|every) column"):
        metric([1.0, 2.0], [0.1] * 7)


@pytest.mark.parametrize("metric", [log_det, weakest_direction])
def test_a_degenerate_reference_is_named(metric):
    reference = draw(9, 50, 2)

    with pytest.raises(UndefinedMetric, match="column 1 is constant at 5"):
        metric(reference, np.column_stack([reference[:, 0], np.full(50, 5.0)]))
    with pytest.raises(UndefinedMetric, match="reference must vary in every direction"):
        metric(reference, reference[:, :1] * [1, 2])


@pytest.mark.parametrize("metric", MOMENT_METRICS)
def test_a_reference_law_without_spread_is_refused(metric):
    with pytest.raises(UndefinedMetric, match="reference_covariance must"):
        metric(1.0, 0.0)


@pytest.mark.parametrize("metric", [log_det_ratio, weakest_ratio])
def test_a_singular_reference_law_is_refused(metric):
    with pytest.raises(UndefinedMetric, match="reference_covariance must vary in every direction"):
        metric(np.eye(2), np.ones((2, 2)))


@pytest.mark.parametrize("metric", SAMPLE_METRICS)
@pytest.mark.parametrize("samples", [[], [1.0, np.nan], [[1.0, 2.0]], ["a"], np.ones((1, 2, 3, 4))])
def test_samples_that_cannot_be_measured_are_refused(metric, samples):
    with pytest.raises(InvalidSamples, match="samples must"):
        metric(samples, [1.0, 2.0, 4.0])


def test_values_beyond_floating_point_are_refused():
    with pytest.raises(UndefinedMetric, match="must be finite"):
        variance([1e300, -1e300], [0.0, 1.0])
    with pytest.raises(UndefinedMetric, match="must be finite"):
        variance([1.0, 2.0], [1.7e308, -1.7e308])


@pytest.mark.parametrize("metric", MOMENT_METRICS)
@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ([1.0, 2.0], "shape"),
        (np.ones((2, 3)), "shape"),
        ([[1.0, 2.0], [0.0, 1.0]], "symmetric"),
        ([[1.0, 0.0], [0.0, -1.0]], "negative variance"),
        ([[np.nan, 0.0], [0.0, 1.0]], "finite"),
        ("a", "real numbers"),
        (np.eye(3), "columns"),
        (np.ones((2, 2, 2)), "broadcast"),
    ],
)
def test_what_is_no_covariance_is_refused(metric, bad, sentence):
    base = np.stack([np.eye(2)] * 3)

    with pytest.raises(InvalidArgument, match=sentence):
        metric(bad, base)


@pytest.mark.parametrize("metric", [log_det_ratio, weakest_ratio])
@pytest.mark.parametrize(
    "indefinite", [[[1, 2], [2, 1]], [[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]]]
)
def test_an_indefinite_matrix_is_refused(metric, indefinite):
    with pytest.raises(InvalidArgument, match="positive semi-definite"):
        metric(indefinite, np.eye(len(indefinite)))


def test_a_reference_has_no_replicates():
    with pytest.raises(InvalidArgument, match=r"reference must have shape \(m, d\)"):
        variance([1.0], np.ones((2, 3, 1)))


def test_ragged_rows_are_refused():
    with pytest.raises(InvalidSamples, match="samples must be rectangular"):
        variance([[1.0, 2.0], [3.0]], [[1.0, 2.0], [3.0, 4.0]])
