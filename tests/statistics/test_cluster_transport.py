"""The Wasserstein test of whole clusters, against brute force, and its error rates."""

from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.metrics import directions
from collapse_bench.statistics.cluster_transport import ClusteredRows, cluster_transport_test
from collapse_bench.statistics.transport import TransportTest, transport_test
from collapse_bench.streams import generator

ONE_LINE = np.ones((1, 1))
MEAN_DEVIATION = np.sqrt(2 / np.pi)  # of a standard normal law
relaxed = settings(deadline=None, max_examples=15)
seeds = st.integers(0, 2**32 - 1)


def documents(rng, sizes, *, alike=0.1, columns=1):
    """Standard normal rows, whose values correlate by ``alike`` inside a cluster."""
    ids = np.repeat(np.arange(len(sizes)), sizes)
    own = np.sqrt(alike) * rng.normal(size=(len(sizes), columns))
    return ClusteredRows(own[ids] + np.sqrt(1 - alike) * rng.normal(size=(len(ids), columns)), ids)


def judged(ours, theirs, lines=ONE_LINE, *, permutations=199, seed=0):
    return cluster_transport_test(
        ours,
        theirs,
        lines,
        permutations=permutations,
        relabel_rng=generator(seed, "relabel"),
        resample_rng=generator(seed, "resample"),
    )


# --- values


def unit_of(rows):
    return np.abs(rows.values - rows.values.mean()).mean()


@relaxed
@given(seed=seeds)
def test_the_distance_is_that_of_all_rows(seed):
    rng = generator(seed)
    ours, theirs = (documents(rng, rng.integers(1, 6, count)) for count in (12, 17))
    found = judged(ours, theirs, permutations=19).distance
    exact = scipy.stats.wasserstein_distance(ours.values[:, 0], theirs.values[:, 0])

    # single precision; up to 512 values each have a cell of their own
    assert found * unit_of(theirs) == pytest.approx(exact, rel=2e-5)


def test_relabellings_are_those_of_whole_clusters_of_any_size():
    rng = generator(1)
    ours, theirs = documents(rng, [3, 1]), documents(rng, [2, 5])
    parts = [rows.values[rows.units == i, 0] for rows in (ours, theirs) for i in (0, 1)]
    every = [
        scipy.stats.wasserstein_distance(
            np.concatenate([parts[i] for i in chosen]),
            np.concatenate([parts[i] for i in range(4) if i not in chosen]),
        )
        for chosen in combinations(range(4), 2)
    ]
    null = judged(ours, theirs).null * unit_of(theirs)

    # six splits, all of them met among 199 but for a chance of 6 (5/6)^199
    assert np.unique(null.round(4)).tolist() == pytest.approx(np.unique(np.round(every, 4)), 1e-3)


def test_bootstrap_samples_are_of_whole_clusters():
    # Two clusters of one value each: a sample of them is of one or of both, so that its law is at
    # 0, at 1 or half at each, 1/2 away from its own law or 0.
    ours = ClusteredRows(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0, 0, 1, 1]))
    theirs = documents(generator(2), [1] * 60)
    fixed = ClusteredRows(np.zeros((60, 1)), np.arange(60))
    alone = judged(fixed, ClusteredRows(ours.values, ours.units)).centered

    assert set(np.unique((alone * 0.5).round(6))) == {0.0, round(0.5 * np.sqrt(2), 6)}
    assert len(judged(ours, theirs).centered) == 199


def test_a_loss_must_exceed_both_nulls():
    rng = generator(3)
    found = judged(documents(rng, [5] * 30), documents(rng, [5] * 40))
    larger = max(found.null[-2], found.centered[-2])

    assert found.pvalue_fail(0.0) == max(
        (1 + np.count_nonzero(null >= found.distance * (1 - 1e-9))) / 200
        for null in (found.null, found.centered)
    )
    low, high = found.bounds(alpha=0.01, beta=0.01)
    assert low == max(0.0, found.distance - larger)
    assert high == found.resampled[-2]


def test_many_clusters_move_in_blocks():
    rng = generator(4)
    ours, theirs = (documents(rng, [2] * count, alike=0.8) for count in (3_000, 5_000))
    found = judged(ours, theirs, permutations=999)
    alone = transport_test(
        ours.values,
        theirs.values,
        ONE_LINE,
        permutations=999,
        relabel_rng=generator(0),
        resample_rng=generator(1),
    )

    assert found.distance == pytest.approx(alone.distance, rel=0.02)
    # Pairs that correlate by .8, their ranks by .59 at the median: a mean of them varies 1.26 to
    # 1.34 times as much as one of single rows. Known to 2 % from so many, and blocks add 2 %.
    assert 1.2 < found.null.std() / alone.null.std() < 1.45
    assert 1.2 < found.centered.std() / alone.null.std() < 1.45


# --- error rates


def errors(ours, theirs, *, lines=ONE_LINE, count=200, loss=0.0, detect=False, naive=False):
    """Count wrong verdicts at .05 on samples that lie exactly ``loss`` from the reference."""
    rng, wrong = generator(5, ours[0], theirs[0], loss), 0
    columns = lines.shape[1]
    step = np.ones(columns) / np.sqrt(columns)  # a shift is as far along each line as it projects
    step *= loss * MEAN_DEVIATION / np.abs(lines @ step).mean()
    for index in range(count):
        x, y = (
            documents(rng, sizes(rng), alike=alike, columns=columns)
            for sizes, alike in (ours[1:], theirs[1:])
        )
        x = ClusteredRows(x.values + step, x.units)
        if naive:
            test = transport_test(
                x.values, y.values, lines, permutations=99,
                relabel_rng=generator(index, 0), resample_rng=generator(index, 1),
            )  # fmt: skip
        else:
            test = judged(x, y, lines, permutations=99, seed=index)
        wrong += (test.pvalue_pass(loss) if detect else test.pvalue_fail(loss)) <= 0.05
    return wrong


def equal(count, rows):
    return lambda rng: np.full(count, rows)


def unequal(count, rows):
    return lambda rng: rng.integers(1, 2 * rows, count)


# More than 21 errors of 200 at .05 occur once in 1,000 (binomial).
CASES = {
    "alike": (("60 of 40", equal(60, 40), 0.1), ("120 of 40", equal(120, 40), 0.1)),
    "unequal": (("60 of 1 to 39", unequal(60, 20), 0.1), ("120", unequal(120, 20), 0.1)),
    "longer": (("60 of 60", equal(60, 60), 0.1), ("120 of 10", equal(120, 10), 0.1)),
    "more alike": (("60 of 20", equal(60, 20), 0.4), ("120 of 20", equal(120, 20), 0.02)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_level_of_fail_holds_for_clusters(case):
    assert errors(*CASES[case]) <= 21


@pytest.mark.parametrize("case", ["alike", "unequal"])
def test_the_level_of_pass_holds_for_clusters(case):
    assert errors(*CASES[case], loss=0.5, detect=True) <= 21


def test_the_level_holds_along_several_directions():
    few = directions(3, 8)
    assert errors(*CASES["alike"], lines=few, count=100) <= 14  # once in 1,000
    assert errors(*CASES["alike"], lines=few, count=100, loss=0.5, detect=True) <= 14


def test_that_of_independent_rows_breaks():
    # The control: about 40 % and 20 %. More than 9 of 60 at .05 occur once in 1,000.
    assert errors(*CASES["alike"], naive=True, count=60) > 9
    assert errors(*CASES["alike"], naive=True, count=60, loss=0.5, detect=True) > 9


def test_the_larger_null_decides():
    low, high = np.arange(99.0), np.arange(99.0) + 10
    for nulls in ((low, high), (high, low)):
        found = TransportTest(100.0, nulls[0], low, nulls[1])

        assert found.pvalue_fail(0.0) == (1 + 9) / 100  # nine of them from 100 up
        assert found.bounds(alpha=0.02, beta=0.02)[0] == 0.0  # beyond 107
        assert found.bounds(alpha=0.12, beta=0.02)[0] == 100 - 97
    assert TransportTest(100.0, low, low).pvalue_fail(0.0) == 1 / 100
