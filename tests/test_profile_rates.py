"""Intervals and sizes of the collapse profile, and how often a stage or fate is wrong."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collapse_bench import recurse
from collapse_bench.measures import METRICS, target_of
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.profile import collapse_profile
from collapse_bench.profile.sizes import effective_size_ratio, fresh_equivalent
from collapse_bench.regimes import Accumulate, FreshReal, Replace
from collapse_bench.statistics.intervals import least_for_median, mean_interval, median_interval
from collapse_bench.streams import generator
from collapse_bench.theory import gaussian, regimes

SIZE = 100
LEVEL = 0.025
ZIPF = np.arange(1.0, 61) ** -1.5 / (np.arange(1.0, 61) ** -1.5).sum()


def lineages(curve, noise=1e-3, replicates=8, seed=0):
    """Return logarithms around a curve of T + 1 values, shape (R, T + 1)."""
    around = generator(seed, "noise").normal(0, noise, (replicates, len(curve)))
    return np.asarray(curve) + around - around.mean(axis=0)


def of(curve, tails=None):
    """Return the profile of lineages close to a curve of kept shares."""
    values = {"log_variance": lineages(np.log(curve))}
    if tails is not None:
        values["tail_mass"] = np.tile(tails, (8, 1)).astype(float)
    return collapse_profile(values, [SIZE] * (len(curve) - 1))


def geometric(factor, generations=10):
    return factor ** np.arange(generations + 1.0)


FLAT = np.ones(11)


# Intervals.


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.floats(1e-4, 0.4))
def test_the_interval_of_a_mean_is_students(values, level):
    values = np.array(values)
    found = mean_interval(values, level)
    if values.std() > 1e-9:
        oracle = stats.ttest_1samp(values, 0).confidence_interval(1 - 2 * level)
        assert found == pytest.approx((oracle.low, oracle.high), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("count", "rank"), [(5, None), (6, 1), (8, 1), (9, 2), (10, 2), (20, 6), (100, 40)]
)
def test_the_interval_of_a_median_takes_the_tabulated_ranks(count, rank):
    # Ranks of the sign test at 2.5 % a side, as tables have them: R = 20: 6, R = 100: 40.
    found = median_interval(generator(1).permutation(count).astype(float), LEVEL)

    assert found == (None if rank is None else (rank - 1, count - rank))
    assert least_for_median(LEVEL) == 6
    assert median_interval(np.arange(6.0), 2**-6) == (0, 5)  # met exactly


@given(st.integers(1, 300), st.floats(1e-6, 0.49))
def test_the_bounds_of_a_median_err_as_rarely_as_they_say_and_no_rarer_than_they_must(n, level):
    found = median_interval(np.arange(n, dtype=float), level)
    rank = 0 if found is None else int(found[0]) + 1

    assert rank == 0 or stats.binom.cdf(rank - 1, n, 0.5) <= level
    assert stats.binom.cdf(rank, n, 0.5) > level
    assert (found is None) == (n < least_for_median(level))


# What a loss amounts to.


@given(st.floats(0.05, 20), st.lists(st.integers(30, 500), min_size=1, max_size=12))
def test_the_effective_size_inverts_the_decay_of_ideal_resampling(ratio, sizes):
    kept = math.prod(1 - 1 / (ratio * size) for size in sizes)

    assert effective_size_ratio(kept, sizes) == pytest.approx(ratio, rel=1e-6)


def test_nothing_left_is_an_effective_size_of_one_row():
    assert effective_size_ratio(0.0, [50, 80]) == 1 / 50


@given(st.floats(0, 1), st.integers(2, 5_000))
def test_the_fresh_equivalent_inverts_the_limit_of_fresh_rows(share, size):
    limit = float(regimes.fresh_real_limit(size, share))

    assert fresh_equivalent(limit, size) == pytest.approx(share * size, abs=1e-5 * size)


def test_a_resampler_has_an_effective_size_of_one_and_a_shrinker_less():
    law = Categorical(ZIPF)
    trajectory = recurse(law, generations=8, size=50, replicates=4_000, seed=3)
    ratio = trajectory.profile().effective_size_ratio

    assert ratio.low < 1 < ratio.high
    assert ratio.high - ratio.low < 0.2
    lineages = recurse(Gaussian(ddof=0), generations=8, size=50, replicates=4_000, seed=4)
    one = lineages.profile().effective_size_ratio
    assert one.low < 1 < one.high
    values = {"variance": lineages.values["variance"] * geometric(0.9, 8)}
    shrunk = collapse_profile(values, [50] * 8).effective_size_ratio
    assert shrunk.value == pytest.approx(1 / (50 * (1 - 0.9 * 0.98)), rel=0.03)


def test_the_unbiased_variance_keeps_its_mean_while_lineages_die_out():
    trajectory = recurse(Gaussian(), generations=20, size=50, replicates=4_000, seed=5)
    profile = trajectory.profile()

    assert profile.fate == "collapsing"
    assert profile.effective_size_ratio.value is None
    assert "no loss of the mean" in profile.effective_size_ratio.reason
    half = math.log(2) / -gaussian.log_variance_drift(50)
    assert profile.half_life.low < half < profile.half_life.high


def test_a_half_life_is_that_of_the_drift():
    assert of(geometric(0.5)).half_life.value == pytest.approx(1)
    half = math.log(0.5) / math.log(0.9)
    assert of(geometric(0.9)).half_life.value == pytest.approx(half)
    none = of(FLAT).half_life
    assert (none.value, none.reason) == (None, "no loss is shown over the last half")


def test_a_loop_with_fresh_rows_is_found_to_have_them():
    share, size = 0.05, 100
    trajectory = recurse(
        Gaussian(ddof=0),
        regime=FreshReal(share, split="iid"),
        generations=60,
        size=size,
        replicates=20_000,
        seed=7,  # another one fails with a chance of 0.05
        metrics=["variance"],
    )
    fresh = trajectory.profile().fresh_equivalent

    assert fresh.low < share * size < fresh.high
    assert fresh.high - fresh.low < 1


def test_a_mean_that_rests_on_unseen_lineages_is_not_told():
    wild = {"log_variance": lineages(np.linspace(0, -3, 5), noise=1.5, replicates=50)}
    ratio = collapse_profile(wild, [SIZE] * 4).effective_size_ratio

    assert ratio.value is None
    assert ratio.reason.startswith("the mean of variances that differ so much takes ")


# The metric that sees an early stage of numbers.


def test_the_tails_about_the_own_mean_by_hand():
    reference = Gaussian(1.0, 4.0)
    target = target_of(reference, reference.sample(9, rng=generator(1)), kind="numbers", tails=True)
    metric = METRICS["centered_tail_mass"]
    end = stats.norm.ppf(0.975)

    kept = metric.law(Gaussian(50.0, 1.0), target)  # half the scale, far away
    assert kept == pytest.approx(2 * stats.norm.sf(2 * end) / 0.05, rel=1e-6)
    pair = Gaussian(0.0, 1.0).replicate(2)
    assert metric.law(pair, target) == pytest.approx([float(kept)] * 2, rel=1e-6)
    rows = np.array([[1.0], [2.0], [3.0], [10.0]])  # mean 4: moved by -3, ends at 1 +- 3.92
    assert metric.sample(rows, target) == pytest.approx(0.25 / 0.05)


def test_the_tails_about_the_own_mean_fall_before_the_variance_and_fixed_ones_do_not():
    trajectory = recurse(
        Gaussian(), generations=12, size=SIZE, replicates=10_000, seed=9,
        metrics=["log_variance", "tail_mass", "centered_tail_mass"],
    )  # fmt: skip
    medians = {name: np.median(found[:, -1]) for name, found in trajectory.values.items()}
    variance = math.exp(gaussian.median_log_variance(SIZE, 12))
    centered = 2 * stats.norm.sf(stats.norm.ppf(0.975) / math.sqrt(variance)) / 0.05

    assert medians["centered_tail_mass"] == pytest.approx(centered, abs=0.03)
    assert centered < 0.77 < variance < medians["tail_mass"]
    values = trajectory.values
    fixed = {name: values[name] for name in ("log_variance", "tail_mass")}
    profiles = [
        collapse_profile(found, trajectory.sizes, tail_detect=0.2) for found in (values, fixed)
    ]
    assert [profile.stage for profile in profiles] == ["early", "none"]


# Error rates.


def rates(process, simulations, replicates, seed):
    """Return how often each fate is told of a process, and how often an onset too early."""
    generations = 50
    count = simulations * replicates
    if process == "noise":
        values = generator(seed, "noise").normal(0, math.sqrt(2 / SIZE), (count, generations + 1))
    else:
        values = recurse(
            Gaussian(ddof=1 if process == "replace" else 0),
            regime={"accumulate": Accumulate(), "fresh": FreshReal(0.1)}.get(process) or Replace(),
            generations=generations, size=SIZE, replicates=count, seed=seed,
            metrics=["log_variance"],
        ).values["log_variance"]  # fmt: skip
    found = [
        collapse_profile({"log_variance": one}, [SIZE] * generations)
        for one in values.reshape(simulations, replicates, -1)
    ]
    # first generation in which the typical lineage has lost detect
    drift = gaussian.log_variance_drift(SIZE, 1 if process == "replace" else 0)
    onset = math.ceil(math.log(0.8) / drift)
    early = sum(one.onset is not None and one.onset < onset for one in found)
    return [one.fate for one in found], early


ALLOWED = 0.999  # binomial limit: a rate at its nominal value fails here once in a thousand runs


def assert_rare(process, replicates, simulations):
    told, early = rates(process, simulations, replicates, seed=20261123)
    wrong = {"collapsing", "expanding"}
    if process in ("replace", "mle"):
        wrong = {"stable", "bounded", "expanding"}
        # half of alpha: the fixed sequence tests each generation at the level of one bound
        assert early <= stats.binom.ppf(ALLOWED, simulations, 0.025)
    assert sum(fate in wrong for fate in told) <= stats.binom.ppf(ALLOWED, simulations, 0.05)


PROCESSES = pytest.mark.parametrize("process", ["noise", "accumulate", "fresh", "replace", "mle"])


@PROCESSES
@pytest.mark.parametrize("replicates", [10, 32])
def test_a_wrong_fate_or_an_early_onset_is_as_rare_as_alpha_says(process, replicates):
    assert_rare(process, replicates, 150)


@pytest.mark.slow
@PROCESSES
@pytest.mark.parametrize("replicates", [10, 32, 100])
def test_wrong_fates_and_early_onsets_in_two_thousand_profiles(process, replicates):
    assert_rare(process, replicates, 2_000)


@pytest.mark.parametrize("replicates", [10, 40])
def test_a_stage_at_the_edge_of_detect_is_told_as_rarely_as_it_should(replicates):
    # Diversity of words, skew to the left; moved so that the typical lineage has lost detect, by
    # the mean logarithm for what must seldom be late, by the median for what must seldom be none.
    simulations = 400
    lost = recurse(
        Categorical(ZIPF), generations=12, size=SIZE, replicates=simulations * replicates, seed=10
    ).values["gini_simpson"][:, -1:]
    for center, stage in ((stats.gmean(lost, axis=None), "late"), (np.median(lost), "none")):
        values = np.concatenate([np.ones_like(lost), lost * 0.8 / center], axis=1)
        told = [
            collapse_profile({"variance": one, "tail_mass": np.ones_like(one)}, [SIZE]).stage
            for one in values.reshape(simulations, replicates, 2)
        ]
        assert told.count(stage) <= stats.binom.ppf(ALLOWED, simulations, 0.025)


def test_nested_settings_ask_for_more():
    values = {"log_variance": lineages(np.linspace(0, -0.3, 9), noise=0.1, replicates=12)}
    lows = [
        collapse_profile(values, [SIZE] * 8, alpha=a).evidence[0].low for a in (0.2, 0.05, 0.001)
    ]

    assert all(a > b for a, b in pairwise(lows))
