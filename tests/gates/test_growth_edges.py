"""Growth at its edges: bounds by hand, rows that can't tell, planned sizes, endless growth."""

import numpy as np
import pytest
from scipy import stats

from collapse_bench.gates import Check, check_tail_mass, check_variance, plan
from collapse_bench.streams import generator

FEW = {"permutations": 999}


def size_to_pass(reference, check, m):
    return plan(reference, [check], reference_size=m).per_check[check.name].size_to_pass


def test_the_bounds_of_a_tails_growth_by_hand():
    """Each bound is where its own test is at its own level: half of alpha below, beta above."""
    reference = np.arange(400.0)
    samples = np.r_[np.linspace(0, 300, 164), np.full(36, 1e3)]
    levels = {"alpha": 0.2, "beta": 0.01}
    growth = check_tail_mass(samples, reference, tail="upper", growth=(0.0, 3.0), **levels).growth
    b = np.linspace(0, 0.25, 20_001)  # the mass of the tail: Beta(20, 381), beyond it 1e-50
    density = stats.beta(20, 381).pdf(b)
    fewer, more = (1 + growth.low) * b, np.minimum((1 + growth.high) * b, 1)

    # By trapezoids.
    assert np.trapezoid(density * stats.binom.sf(35, 200, fewer), b) == pytest.approx(0.1, rel=1e-5)
    assert np.trapezoid(density * stats.binom.cdf(36, 200, more), b) == pytest.approx(
        0.01, rel=1e-5
    )


@pytest.mark.parametrize(("n", "outcome"), [(60, "inconclusive"), (300, "pass")])
def test_rows_that_could_never_show_a_growth_never_pass(n, outcome):
    """All of 60 rows in a tail of 0.95, the tolerated growth of a half: 0.95^60 = 4.6 %."""
    reference, samples = np.arange(10_000.0), np.arange(n) * (9_999 / (n - 1))
    effects = {"mass": 0.5, "tail": "upper", "tolerate": 0.8, "detect": 0.95}
    verdict = check_tail_mass(samples, reference, growth=(0.9, 0.95), **effects)

    assert verdict.outcome == outcome
    assert ("can't show a loss or a growth" in str(verdict.reason)) == (outcome != "pass")
    assert check_tail_mass(samples, reference, **effects).outcome == "pass"
    check = Check("tail_mass", growth=(0.9, 0.95), **effects)
    assert size_to_pass(reference, check, 10_000) > 60


def test_each_direction_of_a_pass_takes_half_of_the_misses():
    """Equal gaps, 0.8 = 1 / 1.25: sizes are as the squares of the quantiles that a gap spans."""
    data = generator(1).normal(size=4_000)
    alone, growth = (
        size_to_pass(data, check, 10**9)
        for check in (Check("variance"), Check("variance", growth=(0.05, 0.25)))
    )
    level, miss, half = stats.norm.isf([0.01, 0.01, 0.005])

    expected = ((level + half) / (level + miss)) ** 2  # 1.11
    assert growth / alone == pytest.approx(expected, abs=3 / alone)  # whole rows


@pytest.mark.parametrize(("n", "high"), [(20, None), (30, -1.0)])
def test_rows_of_one_value_exclude_growth_where_the_reference_seldom_has_so_many(n, high):
    """Four fifths of the reference are 0: 0.8^19 = 1.4 %, 0.8^29 = 0.15 %; beta is 1 %."""
    reference = np.r_[np.zeros(800), np.ones(200)]
    verdict = check_variance(np.zeros(n), reference, growth=(0.05, 0.2), **FEW)

    assert verdict.growth.high == high
    assert verdict.growth.pvalue_pass == pytest.approx(0.8 ** (n - 1), rel=1e-9)
    assert verdict.growth.estimate == verdict.growth.low == -1


def test_heavy_tails_between_the_columns_leave_no_growth_excluded():
    """Heavy along the strongest direction, which is no axis of the coordinates judged in."""
    rng = generator(2)
    # Whitened, equal columns of correlation 1/2 are judged along (1, 1) and (1, -1).
    values, vectors = np.linalg.eigh([[1, 0.5], [0.5, 1]])
    root = vectors * np.sqrt(values) @ vectors.T
    heavy = np.where(np.arange(20_000) < 1_000, 3.5, 1.0) * rng.normal(size=20_000)
    line, other = 1.05 * heavy / heavy.std(), rng.normal(size=20_000)
    verdict = check_variance(
        np.column_stack([line, other]) @ root,
        rng.normal(size=(20_000, 2)) @ root,
        growth=(0.3, 0.9),
        **FEW,
    )

    axes = [line, line + other, line - other]
    along, *across = (stats.kurtosis(axis, fisher=False) for axis in axes)
    assert max(across) < 6 < along
    assert verdict.outcome == "inconclusive"
    assert "kurtosis exceeds 6 along some direction: no growth" in verdict.reason


@pytest.mark.parametrize("growth", [None, (0.05, 0.2)])
def test_a_growth_without_end_is_shown_without_an_estimate(growth):
    """A million times the variance leaves the reference none, as far as its errors tell."""
    rng = generator(3)
    ours, theirs = 3_000 * rng.normal(size=(400, 2)), rng.normal(size=(400, 2))
    verdict = check_variance(ours, theirs, growth=growth, **FEW)

    if growth is None:
        assert "has grown, by" in verdict.reason
        assert "estimate" not in verdict.notes[0]
    else:
        assert verdict.outcome == "fail"
        assert verdict.growth.estimate is None
        assert verdict.growth.low > 1_000
