"""The Wasserstein distance beside its relabellings and its bootstrap."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.metrics import directions, sliced_wasserstein
from collapse_bench.statistics.cells import Cells
from collapse_bench.statistics.transport import transport_test
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**32 - 1)
LINE = np.ones((1, 1))


def line_test(ours, theirs, permutations=99, seed=0):
    return transport_test(
        np.asarray(ours, dtype=float)[:, None],
        np.asarray(theirs, dtype=float)[:, None],
        LINE,
        permutations=permutations,
        relabel_rng=generator(seed, "relabel"),
        resample_rng=generator(seed, "resample"),
    )


def mean_deviation(values):
    return np.abs(values - np.mean(values)).mean()


def test_by_hand():
    # Mean deviation 1; the mass 1/2 at 0 moves by 1, that at 2 stays: distance 1/2.
    assert line_test([1, 2], [0, 2]).distance == pytest.approx(1 / 2, rel=1e-12)


@relaxed
@given(seeds, st.integers(1, 30), st.integers(2, 30), st.booleans())
def test_the_distance_is_scipys(seed, n, m, rounded):
    rng = generator(seed)
    ours, theirs = rng.normal(size=n), rng.normal(size=m)
    theirs[0] = 9.0
    if rounded:
        ours, theirs = ours.round(), theirs.round()
    distance = stats.wasserstein_distance(ours, theirs) / mean_deviation(theirs)

    assert line_test(ours, theirs).distance == pytest.approx(distance, rel=1e-9)


def test_relabellings_have_the_values_of_all_orders():
    rng = generator(1)
    ours, theirs = rng.normal(size=3), rng.normal(size=4)
    pool, unit = np.concatenate([ours, theirs]), mean_deviation(theirs)
    every = {
        round(stats.wasserstein_distance(pool[list(p)], np.delete(pool, p)) / unit, 9)
        for p in itertools.combinations(range(7), 3)
    }
    found = np.unique(line_test(ours, theirs, permutations=2_000).null.round(9))

    assert found == pytest.approx(sorted(every), rel=1e-7)


def test_the_pvalue_agrees_with_scipys_permutation_test():
    rng = generator(2)
    ours, theirs = rng.normal(1, 1, size=6), rng.normal(size=7)
    peer = stats.permutation_test(
        (ours, theirs),
        stats.wasserstein_distance,
        alternative="greater",
        n_resamples=np.inf,
        vectorized=False,
    )
    draws = 20_000
    found = line_test(ours, theirs, permutations=draws).pvalue_fail(0.0)

    # |z| <= 4.5 has a false alarm of 7e-6.
    assert abs(found - peer.pvalue) <= 4.5 * math.sqrt(peer.pvalue * (1 - peer.pvalue) / draws)


@pytest.mark.parametrize("law", ["normal", "t3", "lognormal", "poisson"])
def test_cells_are_close_to_the_exact_distance(law):
    rng = generator(3, law)
    draw = {
        "normal": lambda n: rng.normal(size=n),
        "t3": lambda n: rng.standard_t(3, n),
        "lognormal": lambda n: np.exp(rng.normal(size=n)),
        "poisson": lambda n: rng.poisson(3, n).astype(float),
    }[law]
    ours, theirs = 0.9 * draw(15_000), draw(15_000)
    exact = stats.wasserstein_distance(ours, theirs) / mean_deviation(theirs)

    assert line_test(ours, theirs).distance == pytest.approx(exact, rel=0.01)  # 512 cells


def test_the_null_on_cells_has_the_quantiles_of_the_exact_one():
    # Pooled rows just below and just above the switch; quantiles of 1000 relabellings are known
    # to a few percent.
    rng = generator(4)
    ours, theirs = rng.normal(size=10_001), rng.normal(size=10_001)
    exact = line_test(ours[1:], theirs[1:], permutations=1_000).null
    cells = line_test(ours, theirs, permutations=1_000).null

    for level in (0.1, 0.5, 0.9):
        assert np.quantile(cells, level) == pytest.approx(np.quantile(exact, level), rel=0.1)


@relaxed
@given(seeds, st.floats(0.01, 100), st.floats(-50, 50))
def test_units_and_zero_points_do_not_matter(seed, scale, shift):
    rng = generator(seed)
    ours, theirs = rng.normal(size=40), rng.normal(size=50)
    first, second = line_test(ours, theirs), line_test(shift + scale * ours, shift + scale * theirs)

    assert second.loss == pytest.approx(first.loss, abs=1e-9)
    assert second.pvalue_fail(0.02) == first.pvalue_fail(0.02)
    # Bootstrap sums are in single precision.
    assert second.resampled == pytest.approx(first.resampled, rel=1e-4)


@relaxed
@given(seeds, st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_bounds_are_where_the_pvalues_cross_the_levels(seed, a, b):
    rng = generator(seed)
    test = line_test(0.7 * rng.normal(size=60), rng.normal(size=60), permutations=399)
    low, high = test.bounds(alpha=0.01, beta=0.02)
    small, large = sorted((a, b))

    assert test.pvalue_fail(low) > 0.01 or low == 0
    assert low < 1e-6 or test.pvalue_fail(low - 1e-6) <= 0.01
    assert test.pvalue_pass(high) > 0.02 >= test.pvalue_pass(high + 1e-6)
    assert test.pvalue_fail(small) <= test.pvalue_fail(large)
    assert test.pvalue_pass(small) >= test.pvalue_pass(large)


@pytest.mark.parametrize(("n", "m"), [(150, 200), (2_000, 60), (60, 2_000)])
def test_the_bootstrap_is_that_of_rows(n, m):
    # 1000 resamples of rows, drawn and measured one by one, against 1000 of ours: means within
    # 4.5 standard errors (7e-6) and 1 % for the cells, spreads within 15 % (4.7 of theirs).
    rng = generator(5)
    ours, theirs = 0.8 * rng.normal(size=n), np.exp(rng.normal(size=m) / 2)
    test = line_test(ours, theirs, permutations=1_000)
    peer = []
    for _ in range(1_000):
        again = rng.choice(theirs, len(theirs))
        distance = stats.wasserstein_distance(rng.choice(ours, len(ours)), again)
        peer.append(distance / mean_deviation(again))
    gap = abs(test.resampled.mean() - np.mean(peer))

    assert gap <= 4.5 * np.std(peer) * math.sqrt(2 / 1000) + 0.01 * np.mean(peer)
    assert test.resampled.std() == pytest.approx(np.std(peer), rel=0.15)


@pytest.mark.parametrize("size", [500, 4_000])
def test_sliced_distances_are_the_metrics(size):
    rng = generator(6, size)
    ours, theirs = 0.9 * rng.normal(size=(size, 3)), rng.normal(size=(size, 3))
    test = transport_test(
        ours,
        theirs,
        directions(3),
        permutations=99,
        relabel_rng=generator(0),
        resample_rng=generator(1),
    )
    unit = np.mean([mean_deviation(theirs @ theta) for theta in directions(3)])

    # 64 cells a line
    assert test.distance == pytest.approx(sliced_wasserstein(ours, theirs) / unit, rel=0.02)
    assert test.null.mean() < test.distance


def test_the_sliced_test_keeps_its_level():
    # 200 samples of 50 and 60 of one law: 10 rejections at 5 %, standard deviation 3.1; 25 or
    # more is a false alarm of 1 in 10^5.
    rng, rejections = generator(7), 0
    for index in range(200):
        test = transport_test(
            rng.normal(size=(50, 2)),
            rng.normal(size=(60, 2)),
            directions(2, 8),
            permutations=99,
            relabel_rng=generator(8, index),
            resample_rng=generator(9, index),
        )
        rejections += test.pvalue_fail(0.0) <= 0.05

    assert rejections < 25


@relaxed
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=60), st.integers(2, 12))
def test_cells_partition_the_pool(values, count):
    pool = np.array(values, dtype=float)
    cells = Cells.of(pool, count)
    below = cells.below(pool[None])[0]

    assert len(cells.steps) == len(cells.edges) < count
    assert (np.diff(cells.edges) > 0).all()
    assert (cells.steps > 0).all()
    assert below.tolist() == [(pool <= edge).sum() for edge in cells.edges]
