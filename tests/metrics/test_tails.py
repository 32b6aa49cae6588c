"""Tail regions, tail mass and tail coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.errors import InvalidArgument, InvalidSamples, UndefinedMetric
from collapse_bench.metrics import Scored, rare_states, tail_coverage, tail_mass, tail_region
from collapse_bench.regions import Ellipsoid, States, Tails

relaxed = settings(deadline=None)  # the machines that run this are shared
seeds = st.integers(0, 2**32 - 1)
masses = st.floats(0.05, 0.45)  # 40 rows have one in each tail
codes = st.lists(st.integers(0, 9), min_size=1, max_size=60)


def test_one_column_gives_the_two_order_statistics():
    # 40 rows, mass .2: k = 4 at each end, so the thresholds are the 5th from either end.
    region = tail_region(np.arange(40.0), mass=0.2)

    assert region == Tails(lower=4.0, upper=35.0)
    assert tail_mass(np.arange(40.0), region) == 8 / 40


@pytest.mark.parametrize(
    ("tail", "region"), [("upper", Tails(upper=15.0)), ("lower", Tails(lower=4.0))]
)
def test_one_tail_takes_the_whole_mass(tail, region):
    assert tail_region(np.arange(20.0), mass=0.2, tail=tail) == region


def test_halves_are_rounded_up():
    # .05 * 10 / 1 = .5 rows: one row lies beyond.
    assert tail_region(np.arange(10.0), tail="upper") == Tails(upper=8.0)


def test_values_tied_with_a_threshold_belong_to_the_body():
    reference = [0, 1, 1, 1, 1, 1, 1, 1, 2, 2]  # k = 1: the second largest is 2 as well

    region = tail_region(reference, mass=0.2)

    assert region == Tails(lower=1.0, upper=2.0)
    assert tail_mass(reference, region) == 1 / 10


@relaxed
@given(seeds, st.integers(40, 300), masses, st.sampled_from(["both", "upper", "lower"]))
def test_without_ties_exactly_k_rows_lie_beyond_each_threshold(seed, size, mass, tail):
    reference = np.random.default_rng(seed).normal(size=size)
    ends = 2 if tail == "both" else 1

    region = tail_region(reference, mass=mass, tail=tail)

    assert region.contains(reference[:, None]).sum() == ends * math.floor(mass * size / ends + 0.5)


@relaxed
@given(st.lists(st.integers(-3, 3), min_size=40, max_size=80), masses)
def test_with_ties_at_most_k_rows_lie_beyond_each_threshold(reference, mass):
    try:
        region = tail_region(reference, mass=mass)
    except UndefinedMetric:
        return

    k = math.floor(mass * len(reference) / 2 + 0.5)
    assert sum(x < region.lower for x in reference) <= k
    assert sum(x > region.upper for x in reference) <= k


@relaxed
@given(seeds, st.floats(-4, 4), st.floats(-4, 4))
def test_tail_mass_is_a_fraction_that_falls_with_the_threshold(seed, a, b):
    samples = np.random.default_rng(seed).normal(size=100)
    low, high = sorted((a, b))

    assert 0 <= tail_mass(samples, Tails(upper=high)) <= tail_mass(samples, Tails(upper=low)) <= 1


@relaxed
@given(seeds, masses, st.floats(1e-6, 1e6), st.floats(-10, 10))
def test_regions_move_with_the_unit_of_the_data(seed, mass, scale, shift):
    rng = np.random.default_rng(seed)
    reference, samples = rng.normal(size=(100, 2)), rng.normal(size=(50, 2))

    mine = tail_mass(samples, tail_region(reference, mass=mass))
    moved = tail_mass(
        (samples + shift) * scale, tail_region((reference + shift) * scale, mass=mass)
    )

    # A sample may sit within rounding of the radius, with a chance of about 1e-13.
    assert mine == moved


def test_the_mass_beyond_a_threshold_has_wilks_law():
    """For k rows beyond, P(beyond) is Beta(k + 1, m - k); |z| <= 4.5 is wrong 7 times in 1e6."""
    size, k, replicates = 40, 4, 4_000
    rng = np.random.default_rng(1)
    upper = [
        tail_region(rng.random(size), mass=k / size, tail="upper").upper for _ in range(replicates)
    ]
    law = stats.beta(k + 1, size - k)

    z = (np.mean(1 - np.array(upper)) - law.mean()) / (law.std() / math.sqrt(replicates))

    assert abs(z) <= 4.5


def test_several_columns_give_a_mahalanobis_ellipsoid():
    reference = np.random.default_rng(2).multivariate_normal([1, -2], [[4, 1.9], [1.9, 1]], 1_000)

    region = tail_region(reference, mass=0.05)

    # The oracle: distances by the inverse of the covariance, their largest 50 rows.
    centered = reference - reference.mean(axis=0)
    precision = np.linalg.inv(np.cov(reference.T, ddof=0))
    distance = np.einsum("ni,ij,nj->n", centered, precision, centered)
    assert isinstance(region, Ellipsoid)
    assert set(np.flatnonzero(region.contains(reference))) == set(np.argsort(distance)[-50:])


@relaxed
@given(seeds, st.integers(40, 200), masses, st.integers(2, 5))
def test_an_ellipsoid_holds_exactly_k_rows(seed, size, mass, dimension):
    reference = np.random.default_rng(seed).normal(size=(size, dimension))

    inside = tail_region(reference, mass=mass).contains(reference)

    assert inside.sum() == math.floor(mass * size + 0.5)


def test_rows_at_tied_distances_belong_to_the_body():
    square = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1.0]])
    reference = np.concatenate([np.tile(square, (5, 1)), [[3, 3], [-3, -3]]])

    assert tail_mass(reference, tail_region(reference, mass=0.2)) == 2 / 22  # k = 4, two are tied


def test_a_constant_column_and_a_repeated_one_are_left_out():
    x = np.random.default_rng(3).normal(size=(200, 2))
    wide = np.column_stack([x, np.full(200, 0.1), x.sum(axis=1), 1e9 * x[:, 0]])

    region = tail_region(wide)

    assert region.whitening.shape == (5, 2)
    np.testing.assert_array_equal(region.contains(wide), tail_region(x).contains(x))


def test_codes_give_the_rarest_states_within_the_mass():
    reference = ["a"] * 10 + ["b"] * 6 + ["c"] * 2 + ["d"] + ["e"]

    assert tail_region(reference, mass=0.1) == States(("d", "e"))
    assert tail_region(reference, mass=0.2) == States(("d", "e", "c"))


def test_equally_rare_codes_are_taken_in_their_order():
    assert tail_region([3, 1, 2, 0] * 5, mass=0.5, kind="codes") == States((0, 1))


def test_one_state_is_taken_even_if_it_is_common():
    assert tail_region([True, False, True], mass=0.05) == States((False,))


@relaxed
@given(codes, masses)
def test_rare_states_are_the_largest_light_set(reference, mass):
    states, counts = np.unique(reference, return_counts=True)

    rare = rare_states(states, counts, mass=mass).codes

    share = {s: int(c) / len(reference) for s, c in zip(states.tolist(), counts, strict=True)}
    others = [share[s] for s in share if s not in rare]
    assert len(rare) == 1 or sum(share[s] for s in rare) <= mass + 1e-12  # sums are rounded
    assert all(share[s] <= other for s in rare for other in others)
    assert not others or sum(share[s] for s in rare) + min(others) > mass - 1e-12


def test_rare_states_of_a_law_leave_out_those_without_probability():
    assert rare_states(list("abcd"), [0.0, 0.96, 0.03, 0.01], mass=0.04) == States(("d", "c"))


def test_a_score_orders_what_has_no_order():
    words = np.array(["a", "bb", "ccc", "dddd", "eeeee"] * 4)

    region = tail_region(words, mass=0.2, tail="upper", score=np.strings.str_len)

    assert isinstance(region, Scored)
    assert region.tails == Tails(upper=4.0)
    assert tail_mass(["aaaaa", "b", "cc"], region) == 1 / 3


def test_a_score_of_replicates_is_the_score_of_each():
    rng = np.random.default_rng(4)
    reference, samples = rng.normal(size=(100, 3)), rng.normal(size=(5, 40, 3))
    region = tail_region(reference, score=lambda x: x[:, 0] * x[:, 1], tail="upper")

    np.testing.assert_array_equal(
        tail_mass(samples, region), [tail_mass(s, region) for s in samples]
    )


@pytest.mark.parametrize("dimension", [1, 3])
def test_replicates_are_counted_apart(dimension):
    rng = np.random.default_rng(5)
    region = tail_region(rng.normal(size=(200, dimension)))
    samples = rng.normal(size=(6, 50, dimension))

    masses = tail_mass(samples, region)

    assert masses.shape == (6,)
    np.testing.assert_array_equal(masses, [tail_mass(s, region) for s in samples])


def test_coverage_counts_the_states_that_occur():
    region = States((1, 2, 3, 4))

    assert tail_coverage([0, 0, 2, 2, 9], region) == 1 / 4
    np.testing.assert_array_equal(tail_coverage([[0, 0, 0], [4, 3, 2]], region), [0, 3 / 4])


@relaxed
@given(codes, st.sets(st.integers(0, 9), min_size=1))
def test_coverage_and_mass_agree_with_sets(samples, states):
    region = States(tuple(states))

    assert tail_coverage(samples, region) == len(states & set(samples)) / len(states)
    assert tail_mass(samples, region) == sum(s in states for s in samples) / len(samples)


@relaxed
@given(codes, codes, st.sets(st.integers(0, 9), min_size=1))
def test_coverage_grows_with_the_sample(samples, more, states):
    region = States(tuple(states))

    assert tail_coverage(samples, region) <= tail_coverage(samples + more, region) <= 1


def test_a_text_is_no_number():
    with pytest.raises(InvalidSamples, match="samples must hold codes of the region's type"):
        tail_mass(["1", "2"], States((1, 2)))


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"reference": np.arange(19.0)}, InvalidArgument, "at least 20 rows"),
        ({"reference": np.arange(9.0), "tail": "upper"}, InvalidArgument, "at least 10 rows"),
        ({"reference": np.eye(9)}, InvalidArgument, "at least 10 rows"),
        ({"reference": np.arange(4.0), "mass": 0.9}, InvalidArgument, "mass must leave rows"),
        ({"reference": [1.0], "mass": 1}, InvalidArgument, r"mass must be a number in \(0, 1\)"),
        ({"reference": np.arange(40.0), "tail": "left"}, InvalidArgument, "tail must be one of"),
        ({"reference": np.eye(40), "tail": "upper"}, InvalidArgument, "tail must be 'both'"),
        ({"reference": ["a", "b"], "tail": "lower"}, InvalidArgument, "tail must be 'both'"),
        ({"reference": [0.0, np.nan]}, InvalidSamples, "reference must be finite"),
        ({"reference": np.ones(40)}, UndefinedMetric, "values beyond its tail quantiles"),
        ({"reference": np.ones((40, 2))}, UndefinedMetric, "must vary in some column"),
        ({"reference": ["a"] * 40}, UndefinedMetric, "two states or more; got .*'a'"),
        ({"reference": np.arange(40.0), "score": np.sum}, InvalidArgument, "one number a row"),
        (
            {"reference": np.arange(40.0), "score": lambda x: x[:, 0] + np.inf},
            InvalidArgument,
            "score must return finite numbers; 40 of 40",
        ),
    ],
)
def test_a_region_that_cannot_be_drawn_is_refused_in_words(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        tail_region(**arguments)


def test_three_corners_have_no_outermost_row():
    corners = np.tile(np.array([[0, 0], [0, 1], [1, 0.0]]), (10, 1))

    with pytest.raises(UndefinedMetric, match="rows beyond its tail quantile"):
        tail_region(corners)


@pytest.mark.parametrize(
    ("samples", "region"),
    [(np.ones((3, 2)), Tails(upper=0.0)), ([], Tails(upper=0.0)), ([np.inf], Tails(upper=0.0))],
)
def test_samples_that_do_not_fit_the_region_are_refused(samples, region):
    with pytest.raises(InvalidSamples, match="samples must"):
        tail_mass(samples, region)


def test_coverage_needs_states():
    with pytest.raises(InvalidArgument, match="region must be a non-empty set of states"):
        tail_coverage([1, 2], Tails(upper=0.0))


@pytest.mark.parametrize("weights", [[1, -1], [0, 0], [np.nan, 1], [1]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(InvalidArgument, match="weights must"):
        rare_states(["a", "b"], weights, mass=0.5)
