"""Growth judged beside loss: tail mass and variance, on the line and in the plane."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.errors import CollapseError, InvalidArgument
from collapse_bench.gates import (
    Check,
    Gate,
    Growth,
    assert_variance,
    check_tail_mass,
    check_variance,
    check_wasserstein,
    plan,
)
from collapse_bench.gates.judge import decide
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import Rows
from collapse_bench.reports.terminal import check_line
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=10)
seeds = st.integers(0, 2**32 - 1)
FEW = {"permutations": 999}
PAIR = (0.05, 0.20)
CHECKS = [(check_tail_mass, (0.05, 0.25)), (check_variance, PAIR)]

both = pytest.mark.parametrize(("check", "pair"), CHECKS, ids=["tail_mass", "variance"])


def rows(seed, factor=1.0, size=20_000):
    rng = generator(seed)
    return factor * rng.normal(size=size), rng.normal(size=size)


@both
def test_a_grown_model_fails_only_where_growth_is_judged(check, pair):
    ours, theirs = rows(1, factor=1.15)
    judged, alone = check(ours, theirs, growth=pair, **FEW), check(ours, theirs, **FEW)

    assert alone.outcome == "pass"
    assert alone.growth is None
    assert judged.outcome == "fail"
    assert judged.growth.low > pair[0]
    assert judged.growth.estimate == pytest.approx(-judged.estimate, rel=1e-12)
    assert "growth beyond its tolerate is shown" in judged.reason


@both
@pytest.mark.parametrize(("factor", "outcome"), [(1.0, "pass"), (0.85, "fail")])
def test_losses_are_judged_as_before_at_half_of_the_level(check, pair, factor, outcome):
    ours, theirs = rows(2, factor, size=40_000)
    judged, alone = check(ours, theirs, growth=pair, **FEW), check(ours, theirs, **FEW)

    assert judged.outcome == alone.outcome == outcome
    assert (judged.alpha, alone.alpha) == (0.005, 0.01)
    assert judged.beta == alone.beta == 0.01
    assert judged.estimate == alone.estimate
    assert judged.pvalue_fail == alone.pvalue_fail
    assert judged.pvalue_pass == alone.pvalue_pass
    assert judged.high == alone.high
    assert judged.low < alone.low  # the bound of a smaller level
    assert judged.growth.pvalue_fail > 0.01
    assert judged.growth.high < pair[1]


@both
def test_growth_that_is_not_judged_is_a_note_where_it_is_shown(check, pair):
    healthy = check(*rows(3), **FEW)
    grown = check(*rows(3, factor=1.15), **FEW)

    assert healthy.notes == ()
    assert "grown" not in str(healthy)
    assert len(grown.notes) == 1
    assert "has grown, by 0." in grown.notes[0]
    assert "which isn't judged: growth=" in str(grown)
    assert check(*rows(3, factor=1.15), growth=pair, **FEW).notes == ()


def test_the_note_is_shown_at_the_level_and_beyond_tolerate_only():
    ours, theirs = rows(4, factor=1.05)  # 10 % more variance
    estimate = -check_variance(ours, theirs, **FEW).estimate

    assert check_variance(ours, theirs, tolerate=0.05, **FEW).notes
    assert not check_variance(ours, theirs, tolerate=estimate, detect=0.3, **FEW).notes


def test_the_count_that_shows_growth_by_hand():
    # 36 of 200 beyond the twentieth largest of 400: binomial given B, and B ~ Beta(20, 381).
    reference = np.arange(400.0)
    samples = np.r_[np.linspace(0, 300, 164), np.full(36, 1e3)]
    growth = check_tail_mass(samples, reference, tail="upper", growth=(0.0, 3.0)).growth
    law = stats.betabinom(200, 20, 381)
    b = np.linspace(0, 0.25, 20_001)  # beyond, B has a probability of 1e-50
    fourfold = np.trapezoid(stats.beta(20, 381).pdf(b) * stats.binom.cdf(36, 200, 4 * b), b)

    assert growth.estimate == pytest.approx((36 / 200) / (20 / 400) - 1, rel=1e-12)
    assert growth.pvalue_fail == pytest.approx(law.sf(35), rel=1e-10)
    assert growth.pvalue_pass == pytest.approx(fourfold, rel=1e-6)  # by trapezoids


@relaxed
@given(seeds, st.integers(420, 600), st.integers(420, 600), st.floats(0.6, 1.6))
def test_growth_is_the_loss_of_the_exchanged_samples(seed, n, m, factor):
    """Winsorized, where nothing is drawn: a growth g is a loss g / (1 + g) of the other."""
    rng = generator(seed)
    ours, theirs = factor * rng.standard_t(3, n), rng.standard_t(3, m)
    growth = check_variance(ours, theirs, scale="winsorized", growth=(0.1, 0.6)).growth
    loss = check_variance(
        theirs, ours, scale="winsorized", tolerate=0.1 / 1.1, detect=0.6 / 1.6, alpha=0.005
    )

    assert growth.pvalue_fail == pytest.approx(loss.pvalue_fail, rel=1e-6, abs=1e-12)
    assert growth.pvalue_pass == pytest.approx(loss.pvalue_pass, rel=1e-6, abs=1e-12)
    assert growth.estimate == pytest.approx(loss.estimate / (1 - loss.estimate), rel=1e-9)
    assert growth.low == pytest.approx(loss.low / (1 - loss.low), rel=1e-9)


@relaxed
@given(seeds, st.integers(40, 200), st.integers(40, 200), st.floats(0.7, 1.5), st.integers(0, 2))
def test_it_fails_and_passes_where_its_two_intervals_say(seed, n, m, factor, which):
    rng = generator(seed)
    levels = {"alpha": 0.1, "beta": 0.1, "detect": 0.5, "growth": (0.1, 0.9)}
    if which == 0:
        ours, theirs = factor * rng.normal(size=n), rng.normal(size=m)
        verdict = check_tail_mass(ours, theirs, mass=0.3, **levels)
    else:
        shape = () if which == 1 else (2,)
        ours, theirs = factor * rng.normal(size=(n, *shape)), rng.normal(size=(m, *shape))
        verdict = check_variance(ours, theirs, permutations=199, **levels)
    growth = verdict.growth
    shown = verdict.low > verdict.tolerate or growth.low > growth.tolerate
    excluded = None not in (verdict.high, growth.high) and (
        verdict.high < verdict.detect and growth.high < growth.detect
    )

    assert verdict.low <= verdict.estimate
    assert growth.low <= growth.estimate
    assert (verdict.outcome == "fail") == shown
    assert (verdict.outcome == "pass") == (excluded and not shown)


def test_both_directions_together_keep_the_level():
    """Either may fail, at 5 % each, of rounded samples that have neither lost nor grown.

    120 samples: at 10 % at most 12 fail, standard deviation 3.3; 29 is 1 in 10^5.
    """
    effects = {"tolerate": 0.0, "growth": (0.0, 0.5), "permutations": 100}
    listed = [Check("tail_mass", mass=0.3, **effects), Check("variance", **effects)]
    rng, levels = generator(5), Levels.of(0.1, 0.1)
    failed = dict.fromkeys(listed, 0)
    for index in range(120):
        ours, theirs = (Rows(np.sort(rng.normal(size=(150, 1)).round(1), axis=0)) for _ in "ab")
        for check in listed:
            evidence = check.setting.evidence(ours, theirs, levels, seed=index)
            failed[check] += decide(evidence, levels) == "fail"

    assert all(1 < count < 29 for count in failed.values())


def test_one_direction_that_grows_fails_by_the_strongest():
    # 35 % more variance in one of eight: the volume has 1.35^(1/8) - 1 = 3.8 % more.
    rng = generator(6)
    ours = rng.normal(size=(6_000, 8)) * [math.sqrt(1.35), *[1.0] * 7]
    theirs = rng.normal(size=(6_000, 8))
    verdict = check_variance(ours, theirs, growth=PAIR, **FEW)

    assert verdict.outcome == "fail"
    assert verdict.growth.statistic == "strongest_direction"
    assert verdict.pvalue_fail > 0.01
    assert check_variance(ours, theirs, **FEW).outcome != "fail"
    assert "along the strongest direction has grown" in check_variance(ours, theirs, **FEW).reason
    assert check_variance(theirs, ours, growth=PAIR, **FEW).statistic == "weakest_direction"


def test_all_directions_that_grow_fail_and_equal_ones_pass():
    rng = generator(7)
    theirs = rng.normal(size=(6_000, 3)) @ rng.normal(size=(3, 3))
    ours = theirs[rng.permutation(6_000)]

    # The same rows: no direction has grown or lost anything.
    same = check_variance(ours, theirs, growth=PAIR, **FEW)
    assert same.outcome == "pass"
    assert same.growth.estimate == pytest.approx(0, abs=1e-9)
    grown = check_variance(1.1 * ours, theirs, growth=PAIR, **FEW)
    assert grown.outcome == "fail"
    assert grown.growth.estimate == pytest.approx(1.1**2 - 1, rel=1e-6)
    # Half as much again exceeds 0.4, though the reference has only a third less than that.
    half = check_variance(math.sqrt(1.5) * ours, theirs, growth=(0.4, 0.7), **FEW)
    assert 0.4 < half.growth.low < 0.5 < half.growth.high < 0.7


def test_growth_between_its_effect_sizes_is_inconclusive():
    # 15 % more: 0.1 isn't exceeded and 0.2 isn't excluded by 6,000 rows, whose error is 2.6 %.
    theirs = generator(8).normal(size=6_000)
    verdict = check_variance(math.sqrt(1.15) * theirs, theirs, growth=(0.1, 0.2), **FEW)

    assert verdict.outcome == "inconclusive"
    assert verdict.high < verdict.detect
    assert "the loss or the growth may lie between tolerate and detect" in verdict.reason


@pytest.mark.parametrize("columns", [1, 2])
def test_heavy_tails_of_samples_leave_no_growth_excluded(columns):
    rng = generator(9)
    ours = rng.standard_t(4, (8_000, columns))
    ours[:40] *= 6  # a kurtosis far beyond 6
    theirs = ours.std() * rng.normal(size=(8_000, columns))
    verdict = check_variance(ours / 2, theirs, tolerate=0.9, detect=0.95, growth=PAIR, **FEW)

    assert verdict.outcome == "inconclusive"
    assert "kurtosis" in verdict.reason
    assert verdict.growth.high is None
    assert verdict.growth.pvalue_pass is None
    assert check_variance(ours / 2, theirs, tolerate=0.9, detect=0.95, **FEW).outcome == "pass"


@pytest.mark.parametrize("columns", [1, 2])
def test_heavy_tails_of_the_reference_show_no_growth_by_the_plain_variance(columns):
    rng = generator(10)
    theirs = rng.standard_t(3, (3_000, columns))
    scale = {"scale": "variance"} if columns == 1 else {}
    judged = check_variance(
        3 * rng.normal(size=(3_000, columns)), theirs, growth=PAIR, **FEW, **scale
    )

    assert judged.outcome == "inconclusive"
    assert judged.growth.pvalue_fail is judged.growth.low is None
    alone = check_variance(3 * rng.normal(size=(3_000, columns)), theirs, **FEW, **scale)
    assert not any("grown" in note for note in alone.notes)


def test_by_the_middle_98_percent_heavy_references_show_growth():
    rng = generator(11)
    theirs, ours = rng.standard_t(3, 20_000), 1.2 * rng.standard_t(3, 20_000)

    assert check_variance(ours, theirs, growth=PAIR).outcome == "fail"
    assert check_variance(ours / 1.2, theirs, growth=PAIR).outcome == "pass"
    assert "middle 98 % has grown" in check_variance(ours, theirs).reason


@both
@pytest.mark.parametrize("columns", [1, 3])
def test_a_constant_has_not_grown(check, pair, columns):
    theirs = generator(12).normal(size=(1_000, columns))
    verdict = check(np.zeros((1_000, columns)), theirs, growth=pair, **FEW)

    assert verdict.outcome == "fail"
    assert verdict.estimate == 1
    assert verdict.growth.estimate == pytest.approx(-1, abs=1e-5)
    assert verdict.growth.high < pair[1]


@both
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("size", [1, 10])
def test_a_few_rows_say_nothing_of_growth(check, pair, columns, size):
    rng = generator(13)
    for theirs in (rng.normal(size=(300, columns)), rng.normal(size=(3, columns))):
        verdict = check(rng.normal(size=(size, columns)), theirs, growth=pair, **FEW)

        assert verdict.outcome == "inconclusive"
        assert (verdict.growth.tolerate, verdict.growth.detect) == pair
        assert verdict.growth.pvalue_pass is None
        assert verdict.alpha == 0.005
        json.dumps(verdict.to_dict(), allow_nan=False)


def test_the_report_holds_growth_or_null():
    ours, theirs = rows(14, factor=1.15, size=4_000)
    judged = check_variance(ours, theirs, growth=list(PAIR), **FEW)
    record = judged.to_dict()

    assert check_variance(ours, theirs, **FEW).to_dict()["growth"] is None
    assert list(record["growth"]) == [
        *("statistic", "quantity", "tolerate", "detect", "estimate"),
        *("low", "high", "pvalue_fail", "pvalue_pass"),
    ]
    assert Growth(**record["growth"]) == judged.growth
    assert "; growth 0.3" in str(judged)
    assert "; growth 0.3" in (line := check_line("t", record))
    assert line.count("tolerate 0.05, detect 0.2") == 2


def test_the_assertion_says_that_it_grew():
    with pytest.raises(CollapseError, match=r"loss -0\.3.*; growth 0\.3.*growth beyond its"):
        assert_variance(*rows(15, factor=1.15), growth=PAIR, **FEW)


@pytest.mark.parametrize("growth", [(0.05, 0.3), (0.0, 1.0)])
def test_the_size_that_lets_a_tail_pass_is_exact(growth):
    """Counts that pass run from where the loss is excluded to where the growth still is."""
    m, k, detect = 2_000, 800, 0.3
    check = Check("tail_mass", growth=growth, detect=detect, mass=0.4, tail="upper")
    planned = plan(np.arange(2_000.0), [check]).per_check[check.name]
    mass = stats.beta(k, m - k + 1).ppf((np.arange(150) + 0.5) / 150)  # midpoints
    reached = []
    for n in (planned.size_to_pass, planned.size_to_pass - 1):
        counts = np.arange(n + 1)[:, None]
        loss = stats.binom.sf(counts - 1, n, (1 - detect) * mass).mean(axis=1) <= 0.01
        grown = stats.binom.cdf(counts, n, (1 + growth[1]) * mass).mean(axis=1) <= 0.01
        reached.append(stats.binom.pmf(counts, n, mass).mean(axis=1)[loss & grown].sum())

    assert reached[0] >= 0.99 - 1e-3  # what 150 midpoints leave
    assert reached[1] < 0.99 + 1e-3


@pytest.mark.parametrize(
    ("metric", "columns"), [("tail_mass", 1), ("variance", 1), ("variance", 3)]
)
def test_sizes_to_fail_count_the_growth(metric, columns):
    data = generator(17).normal(size=(10_000, columns))
    alone = plan(data, [Check(metric)], reference_size=10**6).per_check[metric]
    wide, narrow = (
        next(iter(plan(data, [check], reference_size=10**6).per_check.values()))
        for check in (Check(metric, growth=(0.0, 9.0)), Check(metric, growth=(0.05, 0.10)))
    )

    # A growth so large costs the halved levels alone; a close one decides.
    assert alone.size_to_fail < wide.size_to_fail < 1.3 * alone.size_to_fail
    assert alone.size_to_pass <= wide.size_to_pass < 1.3 * alone.size_to_pass
    assert narrow.size_to_fail > 2 * wide.size_to_fail
    assert narrow.size_to_pass > 1.5 * wide.size_to_pass


@pytest.mark.parametrize("law", ["normal", "t3", "plane"])
def test_at_the_planned_sizes_both_directions_are_decided(law):
    """20 gates, each decided with 99 %; three that aren't come once in 1,000 on another seed."""
    rng = generator(19, law)
    draw = {
        "normal": lambda n: rng.normal(size=n),
        "t3": lambda n: rng.standard_t(3, size=n),
        "plane": lambda n: rng.normal(size=(n, 2)),
    }[law]
    check = Check("variance", detect=0.4, growth=(0.05, 0.6), permutations=299)
    planned = plan(draw(20_000), [check], reference_size=5_000).per_check[check.name]
    gates = [Gate(draw(5_000), [check]) for _ in range(20)]
    passed = sum(gate.judge(draw(planned.size_to_pass)).outcome == "pass" for gate in gates)
    failed = sum(
        gate.judge(math.sqrt(1.6) * draw(planned.size_to_fail)).outcome == "fail" for gate in gates
    )

    assert passed >= 18
    assert failed >= 18


def test_checks_are_named_with_the_pair():
    check = Check("variance", growth=[0.05, 0.2])
    assert check.name == "variance(growth=(0.05, 0.2))"
    assert hash(check) == hash(Check("variance", growth=(0.05, 0.2)))


@both
@pytest.mark.parametrize(
    ("growth", "message"),
    [
        (0.2, r"growth must be None or a pair \(tolerate, detect\); got growth=0.2"),
        ("up", "growth must be None or a pair"),
        ((0.1,), "growth must be None or a pair"),
        ((0.2, 0.1), r"growth must be a pair .*, the first smaller; got growth=\(0.2, 0.1\)"),
        ((0.1, 0.1), "growth must be a pair"),
        ((-0.1, 0.1), "growth's tolerate must be a number in"),
        ((0.1, math.nan), "growth's detect must be a number in"),
        ((0.1, math.inf), "growth's detect must be a number in"),
        ((None, 0.1), "growth's tolerate must be a number in"),
    ],
)
def test_pairs_that_are_none_are_refused(check, pair, growth, message):
    del pair
    with pytest.raises(InvalidArgument, match=message):
        check(*rows(20, size=50), growth=growth)


def test_a_tail_can_not_outgrow_everything():
    with pytest.raises(
        InvalidArgument, match=r"leave room beside the tail, \(1 \+ detect\) 0.5 < 1"
    ):
        check_tail_mass(*rows(21, size=50), mass=0.5, growth=(0.1, 1.0))


def test_relabellings_must_reach_half_of_the_level():
    ours, theirs = rows(22, size=100)
    with pytest.raises(InvalidArgument, match="permutations must be an integer >= 200; got"):
        check_variance(ours, theirs, growth=PAIR, permutations=199)
    with pytest.raises(InvalidArgument, match="permutations must be an integer >= 200; got"):
        Gate(theirs, [Check("variance", growth=PAIR, permutations=199)])


def test_shapes_have_no_growth():
    with pytest.raises(TypeError, match="growth"):
        check_wasserstein(*rows(23, size=50), growth=PAIR)
    with pytest.raises(InvalidArgument, match="settings of the check 'wasserstein' must be among"):
        Check("wasserstein", growth=PAIR)
