"""Single scales: the median absolute deviation, the volume alone, the weakest direction alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.data import SampleSet
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import Check, check_variance, plan
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import read_reference, read_samples
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.gates.variance import Variance
from collapse_bench.statistics.covariance import pair_test
from collapse_bench.statistics.spread import spread_test
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=15)
seeds = st.integers(0, 2**32 - 1)
FEW = {"permutations": 199}


# --- the median absolute deviation


def test_the_loss_is_in_units_of_a_variance():
    line = generator(0).standard_t(3, 2_000)
    verdict = check_variance(0.5 * line, line, scale="mad")

    assert verdict.statistic == "mad"
    assert verdict.quantity == "squared median absolute deviation"
    assert verdict.estimate == pytest.approx(0.75, rel=1e-9)
    assert verdict.outcome == "fail"


def test_heavy_tails_pass_by_it():
    rng = generator(1)
    verdict = check_variance(rng.standard_t(2, 12_000), rng.standard_t(2, 12_000), scale="mad")

    assert verdict.outcome == "pass"
    assert verdict.reason is None


@relaxed
@given(seeds, st.floats(0.6, 1.2), st.integers(90, 800), st.booleans())
def test_it_fails_and_passes_where_its_interval_says(seed, factor, n, judged):
    rng = generator(seed)
    growth = (0.05, 0.5) if judged else None
    verdict = check_variance(
        factor * rng.laplace(size=n), rng.laplace(size=900), scale="mad", growth=growth, detect=0.5
    )
    if n < 100:
        assert verdict.outcome == "inconclusive"
        assert "fewer than the 100" in verdict.reason
        n = verdict.size_needed[0]
        assert n is None or n > 100  # None: 900 reference rows are too few for growth as well
        return
    sides = [verdict] + ([verdict.growth] if judged else [])
    fails = any(side.low > side.tolerate for side in sides)
    assert (verdict.outcome == "fail") == fails
    assert (verdict.outcome == "pass") == (
        not fails and all(side.high < side.detect for side in sides)
    )


@relaxed
@given(seeds)
def test_the_order_of_rows_does_not_matter(seed):
    rng = generator(seed)
    ours, theirs = rng.normal(size=150), rng.normal(size=200)
    again = check_variance(rng.permutation(ours), rng.permutation(theirs), scale="mad")

    assert again == check_variance(ours, theirs, scale="mad")


def test_a_reference_without_deviation_is_refused_by_name():
    mostly = np.r_[np.zeros(600), np.arange(400.0)]
    table = SampleSet.of(mostly[:, None], columns=("price",))
    with pytest.raises(
        InvalidArgument, match=r"values of 'price' or more are equal, .* is 0; got scale='mad'"
    ):
        check_variance(table, table, scale="mad")


def test_a_tied_reference_is_refused():
    counts = generator(2).poisson(3, 2_000)
    with pytest.raises(InvalidArgument, match="tied near its median and quartiles"):
        check_variance(counts, counts, scale="mad")


def test_tied_samples_are_neither_passed_nor_failed():
    rng = generator(3)
    verdict = check_variance(rng.normal(size=5_000).round(), rng.normal(size=5_000), scale="mad")

    assert verdict.outcome == "inconclusive"
    assert verdict.pvalue_fail is None
    assert "generated values are tied near their median and quartiles" in verdict.reason


def test_samples_of_which_most_are_equal_have_lost_it_all():
    rng = generator(4)
    samples = rng.normal(size=1_000)
    samples[:501] = 0.25
    verdict = check_variance(samples, rng.normal(size=1_000), scale="mad")

    assert verdict.outcome == "fail"
    assert verdict.estimate == 1
    # No reference value occurs twice: 501 of 1,000 equal ones have chance 0 to all digits.
    assert verdict.pvalue_fail < 1e-100


def test_equal_rows_that_the_reference_often_has_show_nothing():
    # A fifth of the reference is one value, far from its median and quartiles: 6 of 11 happen.
    rng = generator(5)
    reference = np.r_[rng.uniform(0, 1, 2_000), np.full(500, 9.0)]
    samples = np.r_[np.full(6, 9.0), rng.uniform(0, 1, 5)]
    verdict = check_variance(samples, reference, scale="mad")

    assert verdict.outcome == "inconclusive"
    assert verdict.pvalue_fail == pytest.approx(stats.binom.sf(5, 11, 0.2) / 0.2, rel=1e-9)


def test_planned_sizes_follow_the_delta_method():
    # IF of log s^2 for a normal law: (1 / (2 s phi(s)))^2 with s = .6745.
    s = stats.norm.ppf(0.75)
    spread = (1 / (2 * s * stats.norm.pdf(s))) ** 2
    reference = generator(6).normal(size=100_000)
    found = plan(reference, [Check("variance", scale="mad")], reference_size=10**9)
    one = found.per_check["variance(scale='mad')"]

    assert one.size_to_pass == pytest.approx(spread * (4.653 / 0.2231) ** 2, rel=0.06)
    assert one.size_to_fail == pytest.approx(spread * (4.653 / 0.1719) ** 2, rel=0.06)


# --- one statistic of several columns


def rows_of(rng, size, *scale):
    return np.array(scale) * rng.normal(size=(size, len(scale)))


@pytest.mark.parametrize(
    ("scale", "weak", "all_of_them"),
    [("logdet", "pass", "fail"), ("weakest_direction", "fail", "fail")],
)
def test_each_sees_what_it_is_for(scale, weak, all_of_them):
    # A third of one variance of eight: 4.9 % of the volume, a direction on average.
    rng = generator(7)
    reference = rows_of(rng, 8_000, *[1.0] * 8)
    one = rows_of(rng, 8_000, 0.67**0.5, *[1.0] * 7)
    every = rows_of(rng, 8_000, *[0.75**0.5] * 8)
    settings = {"scale": scale, "permutations": 999, "tolerate": 0.06}

    for samples, outcome in ((one, weak), (every, all_of_them)):
        verdict = check_variance(samples, reference, **settings)
        assert verdict.statistic == scale
        assert verdict.outcome == outcome


@pytest.mark.parametrize("scale", ["logdet", "weakest_direction"])
def test_its_p_value_is_its_own_at_the_whole_level(scale):
    rng = generator(8)
    ours, theirs = rows_of(rng, 400, 0.9, 1.0, 1.0), rows_of(rng, 500, 1.0, 1.0, 1.0)
    test = pair_test(ours, theirs, permutations=999, rng=rng)
    both, alone = test.pvalues_fail(0.05), test.pvalues_fail(0.05, (scale,))

    assert list(alone) == [scale]
    assert alone[scale] <= both[scale]  # min-P pays for the other one
    assert alone[scale] < 1
    low = test.low(scale, alpha=0.05, near=0.05, among=(scale,))
    assert low >= test.low(scale, alpha=0.05, near=0.05)
    assert test.pvalues_fail(low - 0.02, (scale,))[scale] <= 0.05
    assert test.pvalues_fail(low + 0.02, (scale,))[scale] > 0.05


def test_the_weakest_direction_passes_by_the_bound_on_the_line_alone():
    rng = generator(9)
    ours, theirs = rows_of(rng, 5_000, 1.0, 1.0), rows_of(rng, 5_000, 1.0, 1.0)
    verdict = check_variance(ours, theirs, scale="weakest_direction", **FEW)
    away = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
    covariances = [part.T @ part / len(part) for part in away]
    weakest = np.linalg.eigvals(np.linalg.solve(covariances[1], covariances[0])).real.min()
    # sqrt((3 - 1)(1/n + 1/m)) for normal rows; 5 % for kurtoses of 5,000 rows
    score = (np.log(weakest) - np.log(0.8)) / np.sqrt(4 / 5_000)

    assert verdict.estimate == pytest.approx(1 - weakest, abs=1e-4)
    assert stats.norm.isf(verdict.pvalue_pass) == pytest.approx(score, rel=0.05)


def test_one_direction_at_detect_seldom_passes_and_two_at_tolerate_seldom_fail():
    # 400 pairs at a level of .05: more than 37 occur once in 10,000 (binomial). A permutation
    # would pass half of the first ones.
    rng, passes, fails = generator(10), 0, 0
    setting = Variance(scale="weakest_direction", permutations=99)
    for index in range(400):
        reference = rows_of(rng, 600, 1.0, 1.0, 1.0)
        dead = rows_of(rng, 600, 0.8**0.5, 1.0, 1.0)
        fine = rows_of(rng, 600, 0.95**0.5, 0.95**0.5, 0.95**0.5)
        passes += pvalues(setting, dead, reference, index)[1] <= 0.05
        fails += pvalues(setting, fine, reference, index)[0] <= 0.05

    assert passes <= 37
    assert fails <= 37


def test_the_volume_keeps_its_levels_at_both_margins():
    # As above.
    rng, passes, fails = generator(11), 0, 0
    setting = Variance(scale="logdet", permutations=99)
    for index in range(400):
        reference = rows_of(rng, 500, 1.0, 1.0, 1.0)
        gone = rows_of(rng, 400, 0.8**1.5, 1.0, 1.0)  # 1 - (0.8^3)^(1/3)
        fine = rows_of(rng, 400, *[0.95**0.5] * 3)
        passes += pvalues(setting, gone, reference, index)[1] <= 0.05
        fails += pvalues(setting, fine, reference, index)[0] <= 0.05

    assert passes <= 37
    assert 6 < fails <= 37


def test_growth_of_a_single_statistic():
    rng = generator(12)
    reference = rows_of(rng, 6_000, 1.0, 1.0)
    settings = {"growth": (0.05, 0.3), "permutations": 299}
    wide = rows_of(rng, 6_000, 1.3, 1.0)
    strong = check_variance(wide, reference, scale="weakest_direction", **settings)

    assert strong.outcome == "fail"
    assert strong.growth.statistic == "strongest_direction"
    assert check_variance(wide, reference, scale="logdet", **settings).growth.statistic == "logdet"


def test_heavy_rows_show_no_loss_by_their_weakest_direction_and_it_is_said():
    rng = generator(13)
    reference = rows_of(rng, 2_000, 1.0, 1.0)
    heavy = rng.standard_t(2.5, (2_000, 2))
    verdict = check_variance(0.5 * heavy, reference, scale="weakest_direction", **FEW)

    assert verdict.outcome != "pass" or verdict.low is None
    assert verdict.pvalue_fail == 1
    assert "weakest direction can't show a loss" in verdict.reason


def test_the_volume_of_a_heavy_reference_never_passes():
    rng = generator(14)
    # Each column alone is fine; the direction between them isn't.
    base = rng.normal(size=(9_000, 2)) * np.array([1.0, 1.0])
    diagonal = rng.standard_t(2.5, 9_000) * 0.35
    reference = base @ np.array([[1.0, 0.98], [0.98, 1.0]]) + diagonal[:, None] * [1.0, -1.0]
    verdict = check_variance(reference[::2], reference[1::2], scale="logdet", **FEW)

    assert stats.kurtosis(reference[1::2], fisher=False).max() < 6
    assert verdict.outcome == "inconclusive"
    assert "kurtosis along some direction exceeds 6" in verdict.reason


def test_plans_are_those_of_the_statistic():
    reference = generator(15).normal(size=(50_000, 8))

    def needed(scale):
        settings = {} if scale == "auto" else {"scale": scale}
        found = plan(reference, [Check("variance", **settings)])
        (one,) = found.per_check.values()
        return one.size_to_pass, one.size_to_fail

    volume, weakest, both = map(needed, ("logdet", "weakest_direction", "auto"))
    assert both[0] == max(volume[0], weakest[0])
    assert volume[1] < weakest[1] < both[1]
    # spread 2 / d of a normal law, against 50,000 rows
    harmonic = 2 / 8 * (4.653 / 0.1719) ** 2
    assert volume[1] == pytest.approx(harmonic, rel=0.05)


# --- counts and other tied values


def pvalues(setting, samples, reference, seed):
    """Both p-values at levels of .05, without a verdict's search for the sizes needed."""
    known = read_reference(reference, None, seed=seed)
    rows = read_samples(samples, known, None)
    found = setting.evidence(rows, known, Levels.of(0.05, 0.05), seed=seed)
    return found.pvalue_fail, found.pvalue_pass


def tied(law, rng, size):
    return {
        "poisson": lambda: rng.poisson(3, size).astype(float),
        "rounded": lambda: rng.normal(size=size).round(1),
    }[law]()


@pytest.mark.parametrize("law", ["poisson", "rounded"])
def test_ties_keep_the_levels_of_the_plain_variance(law):
    # A value is moved to the mean with probability L, which takes L of the variance and leaves a
    # lattice. 400 pairs at a level of .05: more than 37 occur once in 10,000 (binomial).
    rng, center = generator(16, law), {"poisson": 3.0, "rounded": 0.0}[law]
    passes = fails = 0
    for index in range(400):
        reference = tied(law, rng, 500)
        for loss in (0.05, 0.2):
            samples = np.where(rng.random(400) < loss, center, tied(law, rng, 400))
            test = spread_test(samples, reference, permutations=199, rng=generator(index))
            fails += loss == 0.05 and test.pvalue_fail(loss) <= 0.05
            passes += loss == 0.2 and test.pvalue_pass(loss) <= 0.05

    assert 6 < fails <= 37
    assert 6 < passes <= 37


@pytest.mark.parametrize("law", ["poisson", "rounded"])
@pytest.mark.parametrize("tail", ["upper", "both"])
def test_ties_keep_the_levels_of_the_tail(law, tail):
    # A row in the outer half goes to the body with probability L, wherever near its quantile the
    # reference marks the tail: exact. 400 pairs at a level of .05 as above.
    rng, center = generator(17, law, tail), {"poisson": 3.0, "rounded": 0.0}[law]
    body = {"poisson": (2, 3), "rounded": (-0.6, 0.6)}[law]
    passes = fails = 0
    for index in range(400):
        reference = tied(law, rng, 500)
        for loss in (0.05, 0.25):
            rows = tied(law, rng, 400)
            outer = (rows < body[0]) | (rows > body[1])
            samples = np.where(outer & (rng.random(400) < loss), center, rows)
            fail, keep = pvalues(TailMass(tail=tail, mass=0.2), samples, reference, index)
            fails += loss == 0.05 and fail <= 0.05
            passes += loss == 0.25 and keep <= 0.05

    assert 6 < fails <= 37
    assert 6 < passes <= 37
