"""The tail check's promise for the reference at hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import Check, check_tail_mass, plan
from collapse_bench.statistics.tail_test import TailTest
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=15)
seeds = st.integers(0, 2**32 - 1)


def test_a_count_is_judged_under_the_bound_of_its_reference():
    # The 5 largest of 100 are 95 to 99; 2 of 50 lie beyond 94.
    reference = np.arange(100.0)
    samples = np.r_[np.linspace(0, 90, 48), 96.5, 200]
    verdict = check_tail_mass(samples, reference, tail="upper", tolerate=0, guarantee="reference")
    law = stats.beta(5, 96)

    assert verdict.statistic == "exceedance_given_reference"
    assert verdict.estimate == pytest.approx(1 - (2 / 50) / (5 / 100), rel=1e-12)
    assert verdict.pvalue_fail == pytest.approx(
        0.002 + stats.binom.cdf(2, 50, law.ppf(0.002)), rel=1e-9
    )


@relaxed
@given(seeds, st.integers(30, 400), st.integers(100, 4_000), st.floats(0.2, 1.0))
def test_it_fails_and_passes_where_its_interval_says(seed, n, m, factor):
    rng = generator(seed)
    settings = {"mass": 0.2, "detect": 0.6, "alpha": 0.1, "beta": 0.1, "guarantee": "reference"}
    verdict = check_tail_mass(factor * rng.normal(size=n), rng.normal(size=m), **settings)

    assert verdict.low <= verdict.estimate
    assert (verdict.outcome == "fail") == (verdict.low > verdict.tolerate)
    if verdict.high is not None:
        assert verdict.estimate <= verdict.high
        passed = verdict.high < verdict.detect and verdict.outcome != "fail"
        assert (verdict.outcome == "pass") == passed


def test_one_reference_used_a_thousand_times_keeps_its_level():
    # At n = m = 1,000 the seed's reference marks a tail of 3.9 % instead of 5. On average alone a
    # model that tolerates nothing fails by it 5 times as often as promised. Of 1,000 at a level of
    # .01, more than 24 occur once in 10,000 (binomial).
    reference = np.sort(generator(0, "unlucky").normal(size=(40, 1_000)), axis=1)
    unlucky = reference[stats.norm.sf(reference[:, -50]).argmin()]
    rng, rejected = generator(1), {"average": 0, "reference": 0}
    assert stats.norm.sf(unlucky[-50]) < 0.04
    tests = {name: TailTest(1_000, 50, 1_000, name) for name in rejected}
    for _ in range(1_000):
        count = int(np.count_nonzero(rng.normal(size=1_000) >= unlucky[-50]))
        for name, test in tests.items():
            rejected[name] += test.pvalue_low(count, ratio=1.0, level=0.01) <= 0.01

    assert rejected["average"] > 30
    assert rejected["reference"] <= 24


def test_planned_sizes_have_the_planned_power():
    reference = generator(2).normal(size=100_000)
    check = Check("tail_mass", guarantee="reference")
    found = plan(reference, [check]).per_check["tail_mass(guarantee='reference')"]
    usual = plan(reference, ["tail_mass"]).per_check["tail_mass"]

    for n, exact in ((found.size_to_pass, True), (found.size_to_pass - 1, False)):
        test = TailTest(n, 5_000, 100_000, "reference")
        assert (test.chance_high(ratio=0.75, level=0.01, kept=1.0) >= 0.99) == exact
    for n, exact in ((found.size_to_fail, True), (found.size_to_fail - 1, False)):
        test = TailTest(n, 5_000, 100_000, "reference")
        assert (test.chance_low(ratio=0.95, level=0.01, kept=0.75) >= 0.99) == exact
    assert usual.size_to_pass < found.size_to_pass < 2 * usual.size_to_pass


def test_growth_is_judged_under_the_other_bound():
    rng = generator(3)
    reference = rng.normal(size=50_000)
    settings = {"growth": (0.05, 0.25), "guarantee": "reference"}
    healthy = check_tail_mass(rng.normal(size=30_000), reference, **settings)
    wider = check_tail_mass(1.2 * rng.normal(size=30_000), reference, **settings)
    law = stats.beta(2_500, 47_501)
    count = round((1 + wider.growth.estimate) * 0.05 * 30_000)

    assert healthy.outcome == "pass"
    assert wider.outcome == "fail"
    # Half of alpha a direction, a fifth of it for the upper bound.
    assert wider.growth.low == pytest.approx(
        stats.beta(count, 30_001 - count).ppf(0.004) / law.isf(0.001) - 1, rel=1e-6
    )


def test_codes_have_it_too():
    rng = generator(4)
    law = np.arange(1, 201) ** -1.2
    codes = [rng.choice(200, size, p=law / law.sum()) for size in (4_000, 40_000)]
    verdicts = [
        check_tail_mass(*codes, kind="codes", guarantee=name) for name in ("average", "reference")
    ]

    assert verdicts[1].statistic == "exceedance_given_reference"
    assert verdicts[1].estimate == verdicts[0].estimate
    assert verdicts[1].low < verdicts[0].low
    assert verdicts[1].high > verdicts[0].high


@pytest.mark.parametrize("kind", ["tokens", "numbers"])
def test_what_has_no_exact_law_has_no_such_promise(kind):
    rng = generator(5)
    block, ids = rng.integers(0, 50, (60, 20)), np.repeat(np.arange(30), 2)
    settings = {"kind": kind, "guarantee": "reference"}
    if kind == "numbers":
        block, settings["clusters"] = block[:, 0], (ids, ids)
    with pytest.raises(InvalidArgument, match=r"guarantee must be 'average' for .* is asymptotic"):
        check_tail_mass(block, block, **settings)
