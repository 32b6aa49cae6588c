"""The embedding of a table: each column as large as any other, whatever its order and names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from collapse_bench.data import Table
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.joint import LINES, Embedding, Joint, _weights
from collapse_bench.gates.levels import Levels


@given(
    st.lists(st.floats(-100, 100), min_size=3, max_size=30),
    st.floats(0.1, 10),
    st.floats(-50, 50),
)
def test_numbers_are_standardized_by_the_reference(values, scale, shift):
    values = np.round(values, 3)
    if values.min() == values.max():
        values[0] += 1
    weights = _weights("x", "value")
    table = Table.of({"x": values})
    other = Table.of({"x": shift + scale * values})
    standard = np.sort((values - values.mean()) / values.std())
    direction = weights / np.linalg.norm(weights)

    for each in (table, other):
        points = Embedding.of(each, ("x",))(each).values
        assert points.shape == (len(values), LINES)
        found = np.sort(points @ direction) / np.linalg.norm(weights)
        np.testing.assert_allclose(found, standard, atol=1e-6)


def test_codes_are_one_hot_and_as_large_as_a_number():
    states = np.repeat(["a", "b", "c"], [60, 30, 10])
    share = np.array([0.6, 0.3, 0.1])
    table = Table.of({"s": states})
    points = Embedding.of(table, ("s",))(table).values
    one_hot = (states[:, None] == np.array(["a", "b", "c"])) / np.sqrt(1 - share @ share)
    weights = np.stack([_weights("s", "state", f"={state}") for state in "abc"])  # (3, LINES)

    assert np.var(one_hot, axis=0).sum() == pytest.approx(1.0)
    np.testing.assert_allclose(np.sort(points, axis=0), np.sort(one_hot @ weights, axis=0))


def test_a_missing_number_is_the_mean_beside_an_indicator():
    values = np.array([1.0, 3.0, np.nan, 2.0, np.nan])
    table = Table.of({"x": values})
    points = Embedding.of(table, ("x",))(table).values
    gap = np.isnan(values)
    filled = np.where(gap, 0.0, values - 2.0)
    dense = np.column_stack([filled / filled.std(), (gap - 0.4) / gap.std()])
    weights = np.stack([_weights("x", "value"), _weights("x", "missing")])

    np.testing.assert_allclose(np.var(dense, axis=0), 1.0)
    expected = np.sort(dense @ weights, axis=0)
    np.testing.assert_allclose(np.sort(points, axis=0), expected, atol=1e-12)


def test_a_direction_weighs_columns_and_states_by_their_names_alone():
    first = Table.of({"a": [1.0, 2.0, 4.0], "s": ["x", "y", "x"]})
    second = Table.of({"s": ["x", "y", "x", "z"], "a": [1.0, 2.0, 4.0, 0.0]})
    embedding = Embedding.of(first, ("s", "a"))

    assert embedding.columns == ("a", "s")
    rows = [tuple(row) for row in embedding(second).values]
    assert {tuple(row) for row in embedding(first).values} < set(rows)
    np.testing.assert_array_equal(
        embedding(second).values, embedding(second.take(np.array([3, 1, 0, 2]))).values
    )


def test_weights_are_those_of_random_directions():
    weights = np.stack([_weights("s", "state", f"={place}") for place in range(400)])

    assert abs(weights.mean()) < 0.02  # 25,600 normal numbers: 0.006
    assert abs(weights.var() - 1) < 0.04
    assert np.abs(np.corrcoef(weights[:40]) - np.eye(40)).max() < 0.6  # of 780: 0.125 each


def test_the_distance_is_the_mean_over_lines_in_mean_deviations():
    rng = np.random.default_rng(1)
    reference = Table.of({"x": rng.normal(size=400), "s": rng.choice(list("abc"), 400)})
    samples = Table.of({"x": 0.5 * rng.normal(size=300), "s": rng.choice(list("ab"), 300)})
    embedding = Embedding.of(reference, ("x", "s"))
    ours, theirs = embedding(samples).values, embedding(reference).values
    apart = np.mean([wasserstein_distance(x, y) for x, y in zip(ours.T, theirs.T, strict=True)])
    unit = np.abs(theirs - theirs.mean(axis=0)).mean()
    levels = Levels.of(0.1, 0.1)
    found = Joint(permutations=199).evidence(
        embedding(samples), embedding(reference), levels, seed=0
    )

    # the estimate is in excess of what two samples of one law are apart
    assert found.estimate == pytest.approx(apart / unit, abs=0.12)
    assert found.estimate < apart / unit
    assert found.low > 0.02


def test_effect_sizes_are_checked():
    with pytest.raises(InvalidArgument, match="tolerate must be below detect"):
        Joint(tolerate=0.2)
