import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.decomposition import PCA as Theirs

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.features import PCA

ROWS = arrays.arrays(
    np.float64, st.tuples(st.integers(4, 9), st.integers(2, 6)), elements=st.integers(-50, 50)
)


def test_a_line_has_its_direction_and_distances():
    # The points 0, 1 and 5 along (3, 4) / 5: mean 2, so the coordinates are -2, -1 and 3.
    points = np.outer([0.0, 1.0, 5.0], [0.6, 0.8])

    fitted = PCA(1).fit(points)

    # eps times the size of the numbers
    np.testing.assert_allclose(fitted.axes, [[0.6, 0.8]], rtol=0, atol=1e-15)
    np.testing.assert_allclose(fitted.transform(points), [[-2], [-1], [3]], rtol=0, atol=1e-14)
    np.testing.assert_allclose(fitted.transform([[0.6, 0.8]]), [[-1]], rtol=0, atol=1e-14)


def test_signs_make_the_largest_entry_positive():
    rng = np.random.default_rng(1)
    for sign in (-1, 1):
        axes = PCA(3).fit(sign * rng.normal(size=(50, 5)) * [5, 4, 3, 2, 1]).axes
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        assert (largest > 0).all()


@pytest.mark.parametrize("n", [30, 8])  # more rows than numbers in each, and fewer
def test_the_space_is_that_of_scikit_learn(n):
    rows = np.random.default_rng(2).normal(size=(n, 12)) * np.arange(1, 13)

    ours, theirs = PCA(4).fit(rows), Theirs(4, svd_solver="full").fit(rows)

    # Both are a decomposition by LAPACK: about 1e-14 apart at this condition.
    np.testing.assert_allclose(
        ours.axes.T @ ours.axes, theirs.components_.T @ theirs.components_, rtol=0, atol=1e-10
    )
    np.testing.assert_allclose(
        np.abs(ours.transform(rows)), np.abs(theirs.transform(rows)), rtol=0, atol=1e-9
    )


@given(ROWS)
def test_all_components_keep_distances_and_the_first_spreads_most(rows):
    centered = rows - rows.mean(axis=0)
    rank = np.linalg.matrix_rank(centered)
    if rank == 0 or rank > len(rows) - 1:
        return
    found = PCA(int(rank)).fit(rows).transform(rows)

    spread = found.var(axis=0)
    scale = 1 + np.abs(rows).max() ** 2
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-11 * scale)
    np.testing.assert_allclose(spread.sum(), centered.var(axis=0).sum(), atol=1e-11 * scale)
    assert (np.diff(spread) <= 1e-11 * scale).all()
    np.testing.assert_allclose(found.T @ found, np.diag(len(rows) * spread), atol=1e-9 * scale)


@pytest.mark.parametrize("shape", [(40, 4, 6), (40, 4, 3, 2), (40, 24)])
def test_images_are_flattened(shape):
    images = np.random.default_rng(3).integers(0, 255, shape).astype(np.uint8)

    found = PCA(5).fit(images).transform(images)

    np.testing.assert_array_equal(
        found, PCA(5).fit(images.reshape(40, 24)).transform(images.reshape(40, 24))
    )


def test_a_fit_leaves_the_unfitted_one_alone():
    before = PCA(2)
    after = before.fit(np.random.default_rng(4).normal(size=(10, 3)))

    assert (before.fitted, after.fitted) == (False, True)
    with pytest.raises(InvalidArgument, match="PCA must be fitted before it is applied"):
        before.transform([[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("rows", "components", "message"),
    [
        (np.eye(4), 4, "components must be at most 3 for 4 rows of 4 numbers; got components=4"),
        (np.eye(40)[:, :3], 4, "at most 3 for 40 rows of 3 numbers"),
        (np.outer(np.arange(9), [1, 2, 3]), 2, "at most 1, the directions in which the 9 rows v"),
        (np.ones((9, 3)), 1, "at most 0, the directions in which the 9 rows vary"),
    ],
)
def test_more_components_than_there_are_are_refused(rows, components, message):
    with pytest.raises(InvalidArgument, match=message):
        PCA(components).fit(rows)


def test_bad_rows_are_refused():
    with pytest.raises(InvalidArgument, match="components must be an integer >= 1"):
        PCA(0)
    with pytest.raises(InvalidSamples, match="samples must be finite"):
        PCA(1).fit(np.full((5, 2, 2), np.nan))
    with pytest.raises(InvalidSamples, match="samples must be of one shape each"):
        PCA(1).fit([np.ones((2, 2)), np.ones((3, 3))])
    fitted = PCA(1).fit(np.arange(8.0).reshape(4, 2) ** 2)
    with pytest.raises(InvalidSamples, match=r"samples must have 2 numbers each, .* got 3"):
        fitted.transform(np.ones((4, 3)))
