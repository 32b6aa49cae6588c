"""Support and the Gini-Simpson index, of samples and of laws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from collapse_bench.errors import InvalidArgument, InvalidSamples, UndefinedMetric
from collapse_bench.metrics import gini_simpson, gini_simpson_law, support, support_size

relaxed = settings(deadline=None)  # the machines that run this are shared
samples = st.lists(st.integers(0, 5), min_size=2, max_size=40)
weights = hnp.arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 1)).filter(
    lambda w: w.sum() > 0.1
)


def test_support_counts_distinct_states():
    assert support(["a", "b", "a", "c"]) == 3
    assert support([True]) == 1
    np.testing.assert_array_equal(support([[1, 1, 1], [1, 2, 3]]), [1, 3])


@relaxed
@given(samples)
def test_support_agrees_with_a_set(codes):
    assert support(codes) == len(set(codes))


@relaxed
@given(samples, st.data())
def test_resampling_never_gains_support(codes, data):
    """The support of descendants is nested: a state that is lost stays lost."""
    child = data.draw(st.lists(st.sampled_from(codes), min_size=1, max_size=60))

    assert 1 <= support(child) <= support(codes) <= len(codes)


def test_gini_simpson_of_four_draws():
    # 6 pairs of draws, one of them (a, a): 5/6 differ.
    assert gini_simpson(["a", "a", "b", "c"]) == pytest.approx(5 / 6, rel=1e-15)  # one rounding
    np.testing.assert_array_equal(gini_simpson([[7, 7, 7], [1, 2, 3]]), [0, 1])


@relaxed
@given(samples)
def test_gini_simpson_is_the_share_of_pairs_that_differ(codes):
    pairs = list(itertools.combinations(codes, 2))

    value = gini_simpson(codes)

    assert 0 <= value <= 1
    assert math.isclose(value, sum(a != b for a, b in pairs) / len(pairs), rel_tol=1e-12)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_gini_simpson_is_unbiased(size):
    """Over all samples of a law, weighted by their probability, the mean is the law's index."""
    law = np.array([0.5, 0.3, 0.2])

    mean = sum(
        law[list(draw)].prod() * gini_simpson(list(draw))
        for draw in itertools.product(range(3), repeat=size)
    )

    assert math.isclose(mean, gini_simpson_law(law), rel_tol=1e-12)  # 243 terms are summed


@relaxed
@given(samples)
def test_sample_and_law_forms_agree_on_the_empirical_law(codes):
    n = len(codes)
    law = np.unique(codes, return_counts=True)[1] / n

    assert math.isclose(
        gini_simpson(codes) * (n - 1) / n, gini_simpson_law(law), rel_tol=1e-12, abs_tol=1e-15
    )
    assert support(codes) == support_size(law)


def test_law_forms_by_hand():
    assert support_size([0.5, 0.0, 0.5]) == 2
    assert gini_simpson_law([0.5, 0.0, 0.5]) == 0.5
    assert gini_simpson_law([0.0, 1.0]) == 0
    laws = np.array([[[1.0, 0.0]], [[0.25, 0.75]]])
    np.testing.assert_array_equal(gini_simpson_law(laws), [[0.0], [0.375]])
    np.testing.assert_array_equal(support_size(laws), [[1], [2]])


@relaxed
@given(weights)
def test_the_uniform_law_is_the_most_diverse(raw):
    law = raw / raw.sum()

    value = gini_simpson_law(law)

    assert 0 <= value <= 1 - 1 / len(law) + 1e-15
    assert math.isclose(value, 1 - np.square(law).sum(), rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("dtype", [np.int8, "U3", bool])
def test_every_type_of_code_counts(dtype):
    codes = np.array([0, 1, 1], dtype=dtype)

    assert support(codes) == 2
    assert math.isclose(gini_simpson(codes), 2 / 3, rel_tol=1e-15)  # one rounding


@pytest.mark.parametrize("bad", [[], [0.5, 1.0], [[[1]]], [np.nan, 1.0]])
@pytest.mark.parametrize("metric", [support, gini_simpson])
def test_what_cannot_be_codes_is_refused(metric, bad):
    with pytest.raises(InvalidSamples, match="samples must"):
        metric(bad)


def test_one_draw_has_no_pairs():
    with pytest.raises(UndefinedMetric, match="two draws or more"):
        gini_simpson([1])


@pytest.mark.parametrize(
    "bad", [[0.5, 0.6], [-0.1, 1.1], [np.nan, 1.0], [], 1.0, ["a"], [[0.5, 0.5], [0.5, 0.4]]]
)
@pytest.mark.parametrize("metric", [support_size, gini_simpson_law])
def test_what_is_no_law_is_refused(metric, bad):
    with pytest.raises(InvalidArgument, match="probabilities must"):
        metric(bad)
