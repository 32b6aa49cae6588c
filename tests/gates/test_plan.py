"""Plans, against the verdicts they plan."""

import numpy as np
import pytest

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import Check, Gate, check_tail_mass, plan
from collapse_bench.models import Gaussian
from collapse_bench.statistics.exceedance import at_least, smallest_rejected
from collapse_bench.streams import generator

REFERENCE = generator(0).normal(size=40_000)


def test_a_plan_is_the_largest_of_its_checks():
    found = plan(REFERENCE)
    sizes = [max(one.size_to_pass, one.size_to_fail) for one in found.per_check.values()]

    assert found.size == max(sizes)
    assert found.reference_size == 40_000
    assert list(found.per_check) == ["tail_mass", "variance", "wasserstein"]
    assert found == plan(REFERENCE)


def test_the_planned_tail_size_has_the_planned_power():
    n = plan(REFERENCE, ["tail_mass"]).per_check["tail_mass"].size_to_pass
    k, m = 2_000, 40_000
    power = {
        size: at_least(smallest_rejected(size, k, m, ratio=0.75, level=0.01), size, k, m)
        for size in (n - 1, n, round(0.95 * n))
    }

    assert power[n] >= 0.99 > power[n - 1]
    assert power[round(0.95 * n)] < 0.99


def test_sizes_of_a_normal_variance_follow_the_delta_method():
    # tau^2 = 2: n = m = 2 tau^2 ((z + z) / gap)^2; the kurtosis of 40,000 rows is 3 to 5 %.
    found = plan(Gaussian(), ["variance"]).per_check["variance"]

    assert found.size_to_pass == pytest.approx(4 * (4.653 / 0.2231) ** 2, rel=0.05)
    assert found.size_to_fail == pytest.approx(4 * (4.653 / 0.1719) ** 2, rel=0.05)


def test_a_law_is_planned_with_a_reference_as_large_as_the_samples():
    found = plan(Gaussian())

    assert found.size == found.reference_size
    assert plan(Gaussian(), reference_size=100_000).size < found.size


def test_more_checks_take_more_samples():
    assert plan(REFERENCE).per_check["tail_mass"].size_to_fail > (
        plan(REFERENCE, ["tail_mass"]).per_check["tail_mass"].size_to_fail
    )


def test_a_small_reference_is_the_limit_and_says_how_many_rows_it_takes():
    found = plan(REFERENCE[:1_000])

    assert found.size is None
    assert found.reference_size > 10_000
    assert "the reference is the limit: it takes" in found.reason


def test_what_never_passes_has_no_size():
    heavy = generator(1).standard_t(3, 5_000)
    found = plan(heavy, [Check("variance", scale="variance")], reference_size=10**7)

    assert found.size is None
    assert found.reference_size is None
    assert "only scale='winsorized' can pass" in found.reason
    assert found.per_check["variance(scale='variance')"].size_to_fail > 1_000


def test_heavy_tails_are_planned_winsorized():
    heavy = generator(2).standard_t(3, 50_000)

    assert 2_000 < plan(heavy, ["variance"]).per_check["variance"].size_to_pass < 10_000


@pytest.mark.parametrize("columns", [2, 5])
def test_several_columns_are_planned(columns):
    found = plan(generator(3).normal(size=(30_000, columns)))

    assert all(one.size_to_pass is not None for one in found.per_check.values())
    # Half of the reference marks the tail.
    assert found.per_check["tail_mass"].size_to_pass > (
        plan(REFERENCE[:30_000]).per_check["tail_mass"].size_to_pass
    )


def test_size_needed_is_the_size_to_pass():
    reference = REFERENCE[:20_000]
    verdict = check_tail_mass(generator(4).normal(size=300), reference)
    needed = plan(reference, ["tail_mass"]).per_check["tail_mass"].size_to_pass

    assert verdict.outcome == "inconclusive"
    assert verdict.size_needed == (needed, 20_000)


def test_at_planned_sizes_gates_decide():
    # A healthy model passes all three with 99 %, one at twice detect fails by far.
    size = plan(REFERENCE, alpha=0.01).size
    gate = Gate(REFERENCE)
    rng = generator(5)
    healthy = gate.judge(rng.normal(size=size))
    shrunk = gate.judge(0.8 * rng.normal(size=size))

    assert healthy.outcome == "pass"
    assert [verdict.outcome for verdict in shrunk.verdicts] == ["fail"] * 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"power": 1.0}, "power must be a number in"),
        ({"power": 0.3}, "power must be a number in"),
        ({"reference_size": 0}, "reference_size must be an integer >= 1"),
        ({"alpha": 0}, "alpha must be a number in"),
    ],
)
def test_arguments_out_of_range_are_refused(settings, message):
    with pytest.raises(InvalidArgument, match=message):
        plan(np.arange(100.0), **settings)
