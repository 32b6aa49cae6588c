"""Samples and reference in a few numbers: exact on samples small enough to count by hand."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from collapse_bench.reports import shapes as module
from collapse_bench.reports.shapes import shapes


def test_shares_are_counted():
    reference = np.linspace(-1, 1, 2001)[:, None]  # median 0, uniform
    [found] = shapes(np.array([[-0.5], [0.0], [0.25], [9.0]]), reference, ["age"])

    assert found["column"] == "age"
    assert sum(found["samples"]) == pytest.approx(0.75)  # 9 lies beyond the bins
    assert sum(found["reference"]) == pytest.approx(
        1997 / 2001, abs=1e-5
    )  # two at each end lie outside
    edges = np.array(found["edges"])
    assert [edges[i] <= 0.25 < edges[i + 1] for i in np.flatnonzero(found["samples"])][-1]
    assert found["samples_beyond"][-1] == found["reference_beyond"][-1] == 0  # beyond the farthest
    scale = reference.std()
    for distance, share in zip(found["distance"][1:-1], found["samples_beyond"][1:-1], strict=True):
        assert share == np.mean(np.abs([-0.5, 0.0, 0.25, 9.0]) > distance * scale)


def test_a_tail_is_that_of_the_law():
    rng = np.random.default_rng(0)
    [found] = shapes(*rng.normal(size=(2, 100_000, 1)))
    exact = 2 * stats.norm.sf(found["distance"])

    # 40 points; five standard errors, each way: all but certain
    error = 5 * np.sqrt(exact * (1 - exact) / 1e5) + 1e-3
    assert np.all(np.abs(np.array(found["samples_beyond"]) - exact) < error)
    assert np.all(np.abs(np.array(found["reference_beyond"]) - exact) < error)


def test_columns_that_do_not_vary_are_left_out_and_the_first_kept():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(50, 7))
    reference[:, 1] = 3.0
    names = list("abcdefg")

    assert [s["column"] for s in shapes(reference, reference, names)] == ["a", "c", "d", "e"]
    assert [s["column"] for s in shapes(reference, reference)] == [None] * module.COLUMNS


rows = st.integers(1, 20).flatmap(
    lambda n: arrays(np.float64, (n, 1), elements=st.floats(-1e9, 1e9, width=32))
)


@given(rows, rows)
def test_whatever_the_rows_shares_are_shares(samples, reference):
    for found in shapes(samples, reference):
        json.dumps(found, allow_nan=False)
        for name in ("samples", "reference", "samples_beyond", "reference_beyond"):
            assert all(0 <= share <= 1 for share in found[name])
        for name in ("samples_beyond", "reference_beyond"):
            assert found[name] == sorted(found[name], reverse=True)
        assert found["distance"] == sorted(found["distance"])
        assert len(found["edges"]) == len(found["samples"]) + 1 == len(found["reference"]) + 1
