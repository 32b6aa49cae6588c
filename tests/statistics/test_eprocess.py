"""The e-process of the exceedance law: a martingale, bounded, and told by its bounds."""

import math
from itertools import accumulate, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln

from collapse_bench.statistics.eprocess import EProcess
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=40)
K, M = 5, 60
LOSS = EProcess(K, M, 0.95, (0.75, 0.5, 0.3))
KEPT = EProcess(K, M, 0.75, (0.95, 1.0))
GROWN = EProcess(K, M, 1.05, (1.25, 2.0))


def chance(test, count, size):
    return math.exp(test._chance(test.ratio, np.array(count), np.array(size)))


def evidence(test, count, size):
    return math.exp(test.log_evidence(np.array(count), np.array(size)))


@pytest.mark.parametrize(("count", "size"), [(0, 1), (1, 1), (3, 40), (40, 200), (0, 3_000)])
def test_at_an_equal_share_the_chance_has_a_closed_form(count, size):
    # With all of the tail kept the integral is that of the beta-binomial law.
    test = EProcess(K, M, 1.0, (0.5,))
    exact = betaln(K + count, M - K + 1 + size - count) - betaln(K, M - K + 1)
    assert math.log(chance(test, count, size)) == pytest.approx(exact, rel=1e-10)


def test_one_draw_by_hand():
    # The mean of Beta(5, 56) is 5/61: a draw is in a tail that keeps half with half of it.
    assert chance(EProcess(5, 60, 0.5, (0.2,)), 1, 1) == pytest.approx(0.5 * 5 / 61, rel=1e-10)


@relaxed
@given(st.integers(0, 30), st.integers(0, 300), st.sampled_from([LOSS, KEPT, GROWN]))
def test_one_more_draw_leaves_the_evidence_where_it_was_on_average(count, more, test):
    size = count + more
    step = chance(test, count + 1, size + 1) / chance(test, count, size)
    mean = step * evidence(test, count + 1, size + 1) + (1 - step) * evidence(test, count, size + 1)

    assert mean == pytest.approx(evidence(test, count, size), rel=1e-9)


def test_it_begins_at_one():
    assert evidence(LOSS, 0, 0) == pytest.approx(1, rel=1e-12)


@relaxed
@given(st.integers(0, 49))
def test_more_in_the_tail_is_less_evidence_of_a_loss_and_more_of_none(count):
    assert evidence(LOSS, count + 1, 50) < evidence(LOSS, count, 50)
    assert evidence(KEPT, count + 1, 50) > evidence(KEPT, count, 50)
    assert evidence(GROWN, count + 1, 50) > evidence(GROWN, count, 50)


def test_it_passes_a_bound_as_rarely_as_it_says_over_every_path():
    # All 2^14 paths of a tail that keeps .95, each by its chance: P(sup E >= 5) <= 1/5.
    test = EProcess(6, 10, 0.95, (0.4, 0.1))
    steps = 14
    reaches = [
        [evidence(test, count, size) >= 5 for count in range(size + 1)] for size in range(steps + 1)
    ]
    ends = [chance(test, count, steps) for count in range(steps + 1)]
    reached = 0.0
    for path in product((0, 1), repeat=steps):
        counts = [0, *accumulate(path)]
        if any(reaches[size][count] for size, count in enumerate(counts)):
            reached += ends[counts[-1]]
    assert 0.05 < reached <= 1 / 5


@relaxed
@given(st.integers(1, 200), st.integers(400, 2_000), st.sampled_from([LOSS, KEPT]))
def test_bounds_are_where_the_evidence_reaches_the_level(count, size, test):
    bound = test.bound(count, size, level=0.01)
    if bound is None:
        return
    at = EProcess(K, M, bound, test.others)
    assert evidence(at, count, size) == pytest.approx(100, rel=1e-6)
    seen = count / size / (K / M)
    assert bound > seen if test is LOSS else bound < seen


def test_an_empty_tail_excludes_large_shares_and_no_small_one():
    many = EProcess(50, 600, 0.95, LOSS.others)

    assert many.bound(0, 2_000, level=0.01) < 0.5
    assert KEPT.bound(0, 2_000, level=0.01) is None
    assert LOSS.bound(50, 50, level=0.01) is None


def test_mean_draws_until_a_healthy_tail_and_a_cut_one_are_told():
    # 2,737 draws on average when nothing is lost, 989 at half and 200 at all of it; the standard
    # errors of these 20 are 250 and 80 draws.
    rng = generator(5)
    k, m, grid = 5_000, 100_000, np.arange(200, 9_001, 200)
    fail = EProcess(k, m, 0.95, (0.75, 0.5625, 0.3))
    keep = EProcess(k, m, 0.75, (0.95, 0.975, 1.0))
    for share, draws, slack in ((1.0, 2_737, 1_000), (0.5, 989, 320), (0.0, 200, 0)):
        mass = share * rng.beta(k, m - k + 1, size=(20, 1))
        counts = np.cumsum(rng.binomial(200, mass, (20, len(grid))), axis=1)
        shown = fail.log_evidence(counts, grid) >= math.log(100)
        kept = keep.log_evidence(counts, grid) >= math.log(100)
        assert not (shown if share == 1 else kept).any()
        assert abs(grid[np.argmax(shown | kept, axis=1)].mean() - draws) <= slack
