"""The collapse profile: hand values, rules and what is inconclusive."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench import recurse
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.profile import collapse_profile
from collapse_bench.regimes import Accumulate
from collapse_bench.streams import generator

SIZE = 100
LEVEL = 0.025
QUICK = settings(max_examples=25, deadline=None)  # a profile takes a millisecond
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


# Stages.


@pytest.mark.parametrize(
    ("kept", "tails", "stage"),
    [
        (geometric(0.9), FLAT, "late"),  # .35 left
        (geometric(0.9), 0 * FLAT, "late"),  # whatever the tails
        (geometric(0.985), geometric(0.9), "early"),  # .86 of the variance, .35 of the tails
        (geometric(1.02), FLAT, "expanding"),  # 1.22
        (geometric(1.02), geometric(0.9), "early"),
        (geometric(1.004), FLAT, "none"),  # 1.04: within tolerate
        (FLAT, FLAT, "none"),
        (geometric(0.985), geometric(0.98), "none"),  # .86, .82: both within detect
        (FLAT, None, "inconclusive"),  # tails not measured
    ],
)
def test_the_stage_goes_by_what_is_shown_of_the_last_generation(kept, tails, stage):
    assert of(kept, tails).stage == stage


def test_a_loss_that_is_neither_shown_nor_excluded_is_inconclusive():
    kept = np.linspace(0, math.log(0.8), 11)  # at detect, give or take
    values = {"log_variance": lineages(kept, noise=0.1), "tail_mass": np.ones((8, 11))}
    profile = collapse_profile(values, [SIZE] * 10)

    assert profile.stage == "inconclusive"
    assert "no loss is shown, and none is excluded" in profile.reason
    assert profile.onset is None


def test_tails_that_may_have_gone_leave_the_stage_open():
    tails = np.c_[np.ones(10), np.r_[np.full(8, 1.0), 0.5, 0.5]]  # the second lowest is a bound
    values = {"variance": np.ones((10, 2)), "tail_mass": tails}

    assert collapse_profile(values, [SIZE]).stage == "inconclusive"
    tails[-1, 1] = 1
    assert collapse_profile(values, [SIZE]).stage == "none"


def test_the_tails_are_judged_by_the_median_not_by_the_mean():
    tails = np.zeros((9, 2))
    tails[:, 0] = tails[:2, 1] = 1
    tails[0, 1] = 50  # the mean has risen to 5.7
    values = {"log_variance": lineages(np.zeros(2), replicates=9), "tail_mass": tails}

    profile = collapse_profile(values, [SIZE])
    assert profile.stage == "inconclusive"  # of nine lineages the second largest is a bound: 1
    tails[1, 1] = 0
    profile = collapse_profile(values, [SIZE])
    assert profile.stage == "early"
    assert profile.evidence[-1].estimate == 1
    assert profile.onset == 1


@pytest.mark.parametrize(
    ("held", "read"),
    [
        (("tail_mass",), "tail_mass"),
        (("tail_mass", "centered_tail_mass"), "centered_tail_mass"),
        (("tail_mass", "tail_coverage", "centered_tail_mass"), "tail_coverage"),
    ],
)
def test_coverage_goes_before_centered_tails_and_those_before_fixed_ones(held, read):
    values = {name: np.ones((8, 2)) for name in ("variance", *held)}

    assert collapse_profile(values, [SIZE]).evidence[-1].metric == read


def test_the_variance_and_its_logarithm_come_to_the_same():
    logs = lineages(np.linspace(0, -0.5, 9), noise=0.2)
    one = collapse_profile({"log_variance": logs}, [SIZE] * 8)
    other = collapse_profile({"variance": np.exp(logs)}, [SIZE] * 8)

    for a, b in zip(one.evidence, other.evidence, strict=True):
        assert (a.estimate, a.low, a.high) == pytest.approx((b.estimate, b.low, b.high))
    assert one.effective_size_ratio == pytest.approx(other.effective_size_ratio)


def test_the_level_and_the_drift_by_hand():
    last = np.array([0.5, 0.4, 0.8, 0.1, 0.6, 0.9, 0.3])
    middle = np.array([0.5, 0.8, 0.8, 0.8, 0.8, 1.0, 0.9])
    level, drift = collapse_profile({"variance": np.c_[np.ones(7), middle, last]}, [9, 9]).evidence

    for finding, kept in ((level, last), (drift, last / middle)):
        logs = np.log(kept)
        reach = stats.t.ppf(1 - LEVEL, 6) * logs.std(ddof=1) / math.sqrt(7)
        assert finding.estimate == pytest.approx(1 - kept.prod() ** (1 / 7))
        assert finding.low == pytest.approx(1 - math.exp(logs.mean() + reach))
        # P(Bin(7, 1/2) = 0) = 0.008, P(<= 1) = 0.06: the least is a bound of the median
        assert finding.high == pytest.approx(1 - min(math.exp(logs.mean() - reach), kept.min()))
    assert level.high == pytest.approx(0.9)  # the order statistic
    assert drift.high == pytest.approx(7 / 8)


def test_to_exclude_a_loss_takes_the_median_lineage_too():
    kept = np.r_[np.full(5, 1.0), np.full(5, 0.75)]  # t would have it within 0.81 to 0.93
    values = {"variance": np.c_[np.ones(10), kept], "tail_mass": np.ones((10, 2))}

    assert collapse_profile(values, [SIZE]).evidence[0].high == pytest.approx(0.25)
    assert collapse_profile(values, [SIZE]).stage == "inconclusive"


def test_gini_simpson_is_compared_with_the_reference_where_it_is_known():
    values = {"gini_simpson": np.full((6, 3), 0.6) + np.arange(6)[:, None] * 1e-6}

    assert collapse_profile(values, [9, 9]).evidence[0].estimate == pytest.approx(0, abs=1e-5)
    known = collapse_profile(values, [9, 9], diversity=0.8).evidence[0]
    assert known.estimate == pytest.approx(0.25, abs=1e-4)
    law = Categorical(ZIPF)
    trajectory = recurse(law, generations=2, size=50, replicates=8, founder_size=0)
    gini = 1 - (ZIPF**2).sum()
    kept = np.log(trajectory.values["gini_simpson"][:, -1] / gini).mean()
    assert trajectory.profile().evidence[0].estimate == pytest.approx(-math.expm1(kept))
    rows = law.sample(400, rng=generator(2))
    found = recurse(law, rows, generations=1, size=50, replicates=8)
    unbiased = (1 - ((np.unique(rows, return_counts=True)[1] / 400) ** 2).sum()) * 400 / 399
    kept = np.log(found.values["gini_simpson"][:, -1] / unbiased).mean()
    assert found.profile().evidence[0].estimate == pytest.approx(-math.expm1(kept))


# Fates.


@pytest.mark.parametrize(
    ("curve", "fate"),
    [
        (geometric(0.95), "collapsing"),
        (geometric(0.99), "collapsing"),  # small, but it doesn't slow down
        (np.r_[1, np.full(10, 0.99)], "stable"),
        (np.r_[1, np.full(10, 0.9)], "bounded"),  # off by more than tolerate, and still
        (np.r_[1, np.full(10, 0.5)], "bounded"),
        (np.r_[1, np.full(10, 1.5)], "bounded"),
        (geometric(1.05), "expanding"),
        (0.3 * geometric(1.05), "inconclusive"),  # on its way back from a loss
        (1 - 0.2 * (1 - 0.3 ** np.arange(11.0)), "bounded"),  # still falls, by a thousandth
        (0.999 ** np.arange(11.0) ** 0.8, "collapsing"),  # slows down, but not by half
    ],
)
def test_the_fate_goes_by_level_and_drift(curve, fate):
    quiet = {"log_variance": lineages(np.log(curve), noise=1e-6)}

    assert collapse_profile(quiet, [SIZE] * 10).fate == fate


def test_no_drift_is_shown_and_not_assumed():
    noisy = {"log_variance": lineages(np.zeros(11), noise=0.5)}

    profile = collapse_profile(noisy, [SIZE] * 10)
    assert profile.fate == "inconclusive"
    assert "no drift is shown" in profile.reason


def test_the_drift_is_that_of_the_last_half():
    curve = np.r_[np.linspace(0, -0.5, 6), np.linspace(-0.52, -0.6, 5)]  # h = 5, T = 10
    level, drift, *_ = collapse_profile({"log_variance": lineages(curve)}, [SIZE] * 10).evidence

    assert level.estimate == pytest.approx(1 - math.exp(-0.6))
    assert drift.estimate == pytest.approx(1 - math.exp(-0.1 / 5))


def test_a_single_generation_has_a_drift():
    assert of(np.array([1, 0.5])).fate == "collapsing"


# Onset.


def test_the_onset_is_the_first_of_an_unbroken_run_to_the_end():
    kept = np.array([1, 0.7, 0.9, 0.85, 0.7, 0.6, 0.5])
    early = np.array([1, 0.9, 0.7, 0.6, 0.8, 0.7, 0.6])

    assert of(kept).onset == 4
    assert of(np.ones(7), early).onset == 5
    assert of(np.array([1, 0.7, 0.7, 0.95])).onset is None  # over
    assert of(np.array([1, 1.2, 1.0, 1.1, 1.2])).onset == 3  # of the growth
    assert of(kept, early).evidence[-1].onset == 5  # of the tails, though the stage is late


def test_a_founder_that_has_lost_already_is_the_onset():
    assert of(np.full(4, 0.5)).onset == 0


@QUICK
@given(st.integers(0, 10**6))
def test_the_onset_is_where_the_same_rule_holds_of_a_shorter_run(seed):
    logs = generator(seed, "walk").normal(-0.05, 0.1, (6, 9)).cumsum(axis=1)
    profile = collapse_profile({"log_variance": logs}, [SIZE] * 8)
    shown = [
        collapse_profile({"log_variance": logs[:, : t + 1]}, [SIZE] * t).stage == "late"
        for t in range(1, 9)
    ]
    if profile.stage == "late":
        first = max((t for t in range(1, 9) if not shown[t - 1]), default=0) + 1
        assert profile.onset in (first, 0) if first == 1 else profile.onset == first
    else:
        assert not shown[-1]


# What is inconclusive.


@pytest.mark.parametrize(("count", "who"), [(1, "1 lineage is"), (3, "3 lineages are")])
def test_few_lineages_say_nothing(count, who):
    values = {"variance": np.full((count, 4), 0.01), "tail_mass": np.zeros((count, 4))}
    profile = collapse_profile(values, [SIZE] * 3)

    assert (profile.stage, profile.fate, profile.onset) == ("inconclusive", "inconclusive", None)
    assert profile.reason == f"{who} fewer than the 6 that a median takes"
    for estimate in (profile.effective_size_ratio, profile.half_life, profile.fresh_equivalent):
        assert estimate.value is None
        assert estimate.reason


def test_fewer_than_four_lineages_are_refused_at_any_level():
    values = {"variance": np.full((3, 2), 0.01)}

    assert "fewer than the 4" in collapse_profile(values, [SIZE], alpha=0.4).reason


def test_without_spread_there_is_no_stage():
    profile = collapse_profile({"support": np.ones((8, 3)), "tail_mass": np.zeros((8, 3))}, [9, 9])

    assert (profile.stage, profile.fate) == ("inconclusive", "inconclusive")
    assert "no variance and no diversity was measured" in profile.reason
    assert collapse_profile({}, [9]).stage == "inconclusive"


def test_points_that_fresh_data_bring_back_are_no_end():
    # each lineage is a point in every third generation, another third of them each time
    turn = (np.arange(30)[:, None] + np.arange(11)) % 3
    variance = np.where(turn == 0, 0.0, 0.5) * np.exp(generator(5).normal(0, 0.1, (30, 11)))
    profile = collapse_profile({"variance": variance}, [SIZE] * 10)

    assert (profile.stage, profile.fate) == ("late", "inconclusive")
    fresh = np.where(np.arange(40)[:, None] % 40 == np.arange(11) * 4 - 20, 0.0, 0.9)  # at 5, one
    assert collapse_profile({"variance": fresh}, [SIZE] * 10).fate == "bounded"


@pytest.mark.parametrize(
    "values", [{"gini_simpson": np.zeros((8, 3))}, {"log_variance": np.full((8, 3), -np.inf)}]
)
def test_a_founder_that_is_a_point_has_nothing_to_lose(values):
    assert collapse_profile(values, [9, 9]).stage == "inconclusive"


def test_growth_beyond_every_float_is_growth():
    values = {"variance": np.c_[np.ones(8), np.full(8, 1e300), np.full(8, np.inf)]}
    profile = collapse_profile(values, [9, 9])

    assert (profile.stage, profile.fate, profile.onset) == ("expanding", "expanding", 1)
    json.dumps(profile.to_dict(), allow_nan=False)


def test_points_are_a_loss_of_all():
    logs = lineages(np.zeros(5), replicates=10)
    logs[:, 3:] = -np.inf
    profile = collapse_profile({"log_variance": logs}, [SIZE] * 4)
    assert (profile.stage, profile.fate, profile.onset) == ("late", "collapsing", 3)
    assert profile.evidence[0].estimate == 1
    assert profile.half_life.value == 0

    some = lineages(np.zeros(5), replicates=10)
    some[0, 2:] = -np.inf  # one among ten
    profile = collapse_profile({"log_variance": some, "tail_mass": np.ones((10, 5))}, [SIZE] * 4)
    assert (profile.stage, profile.fate) == ("inconclusive", "inconclusive")
    assert profile.evidence[0].high == 1
    assert collapse_profile({"variance": np.exp(some)}, [SIZE] * 4).evidence[0].high == 1
    assert "can't be known" in profile.effective_size_ratio.reason
    json.dumps(profile.to_dict(), allow_nan=False)


# As a whole.


def test_a_profile_is_plain_json_and_a_sentence():
    trajectory = recurse(Categorical(ZIPF), generations=6, size=100, replicates=40, seed=1)
    profile = trajectory.profile()
    record = profile.to_dict()

    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["text"] == str(profile)
    assert (profile.stage, profile.onset) == ("early", 1)
    assert str(profile).startswith("stage early, shown from generation 1 on; fate ")
    assert "of the states of the tail (detect 0.25)" in str(profile)
    assert "40 lineages, each bound at 0.025" in str(profile)
    tests = {found["form"]: found["test"] for found in record["evidence"][:-1]}
    assert all(test.startswith("t of the mean logarithm") for test in tests.values())
    assert record["evidence"][-1]["test"] == "order statistics of the median lineage"
    assert {found["level"] for found in record["evidence"]} == {0.025}


@QUICK
@given(st.permutations(range(8)), st.integers(0, 99))
def test_the_order_of_lineages_is_of_no_matter(order, seed):
    values = {
        "log_variance": generator(seed, "v").normal(-0.2, 0.3, (8, 6)),
        "tail_mass": generator(seed, "t").uniform(0, 1.2, (8, 6)),
    }
    mixed = {name: array[list(order)] for name, array in values.items()}
    one, other = (collapse_profile(found, [SIZE] * 5) for found in (values, mixed))

    assert (one.stage, one.fate, one.onset) == (other.stage, other.fate, other.onset)


@QUICK
@given(st.floats(0.1, 1), st.integers(0, 99))
def test_to_lose_more_never_lessens_the_loss_that_is_shown(factor, seed):
    logs = generator(seed, "v").normal(-0.2, 0.2, (8, 6))
    one, other = (
        collapse_profile({"log_variance": found}, [SIZE] * 5)
        for found in (logs, logs + math.log(factor))
    )

    assert other.evidence[0].low >= one.evidence[0].low - 1e-12
    assert other.stage == "late" or one.stage != "late"


def test_the_regime_settles_the_fate():
    fates = {}
    for name, regime in (("accumulate", Accumulate()), ("replace", None)):
        keywords = {} if regime is None else {"regime": regime}
        trajectory = recurse(
            Gaussian(ddof=0), generations=30, size=50, replicates=20_000, seed=8,
            metrics=["log_variance"], **keywords,
        )  # fmt: skip
        fates[name] = trajectory.profile()
    assert fates["replace"].fate == "collapsing"
    # so many lineages show that it still falls, and that this comes to an end
    assert fates["accumulate"].fate == "bounded"
    assert [found.form for found in fates["accumulate"].evidence] == ["level", "drift", "slowing"]
