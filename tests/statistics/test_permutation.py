"""Random relabellings and their p-values."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.statistics.permutation import (
    label_chunks,
    layout,
    pvalue_high,
    pvalue_low,
    sums_by_origin,
)
from collapse_bench.streams import generator


def test_every_subset_is_equally_likely():
    # 15 subsets; each count within 4.5 standard errors: a false alarm of 15 * 7e-6.
    draws = 30_000
    seen = Counter(
        tuple(np.flatnonzero(row))
        for labels in label_chunks(2, 6, draws, rng=generator(0))
        for row in labels
    )
    spread = math.sqrt(draws / 15 * 14 / 15)

    assert len(seen) == 15
    assert all(abs(count - draws / 15) <= 4.5 * spread for count in seen.values())


@settings(deadline=None)
@given(st.integers(1, 400), st.data())
def test_every_relabelling_keeps_the_sizes(total, data):
    chosen = data.draw(st.integers(0, total))
    chunks = list(label_chunks(chosen, total, 7, rng=generator(1)))

    assert sum(map(len, chunks)) == 7
    assert all((labels.sum(axis=1) == chosen).all() for labels in chunks)


@pytest.mark.parametrize(
    ("n", "m"), [(30, 50), (9_000, 11_000), (15_000, 15_001), (1_000, 80_000), (80_000, 500)]
)
def test_a_layout_holds_every_row_once_in_equal_blocks(n, m):
    plan = layout(n, m, rng=generator(2))

    for blocks, rest, size in (
        (plan.generated, plan.generated_rest, n),
        (plan.reference, plan.reference_rest, m),
    ):
        assert sorted([*blocks.ravel(), *rest]) == list(range(size))
    assert plan.generated.shape[1] == plan.reference.shape[1]
    assert len(plan.generated) + len(plan.reference) <= 32_768
    assert min(len(plan.generated), len(plan.reference)) >= min(1_024, n, m)


def test_up_to_twenty_thousand_rows_each_moves_on_its_own():
    plan = layout(9_000, 11_000, rng=generator(2))

    assert plan.generated.shape == (9_000, 1)
    assert plan.reference.shape == (11_000, 1)
    assert not len(plan.generated_rest)


@pytest.mark.parametrize(("n", "m"), [(7, 5), (300, 25_000), (15_001, 15_000)])
def test_sums_are_those_of_the_labelled_rows(n, m):
    ours, theirs = np.ones((n, 1)), np.full((m, 1), 1.0)
    plan = layout(n, m, rng=generator(3))
    own, other = sums_by_origin(ours, theirs, plan, 50, rng=generator(4))

    assert (own + other == n).all()  # always n rows, of both origins
    assert own.shape == (50, 1)
    assert 0 < other.mean() < n


def test_pvalues_count_the_data_among_the_relabellings_by_hand():
    null = np.array([1.0, 2.0, 3.0, 4.0])

    assert pvalue_low(2.0, null) == 3 / 5
    assert pvalue_high(2.0, null) == 4 / 5
    assert pvalue_low(-np.inf, null) == 1 / 5
    assert pvalue_high(-np.inf, null) == 1


def test_values_that_differ_by_rounding_are_ties():
    assert pvalue_low(0.3, np.array([0.1 + 0.2])) == 1
    assert pvalue_high(0.1 + 0.2, np.array([0.3])) == 1
