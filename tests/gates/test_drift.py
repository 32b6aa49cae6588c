"""The drift check: what it fails, what it passes, and what it can't decide.

Controls run at fixed seeds and planned sizes, where each outcome has a probability of 0.99 or more.
"""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.engine import recurse
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import check_drift, plan_drift
from collapse_bench.gates.neutral import neutral_lineages
from collapse_bench.measures import METRICS, target_of
from collapse_bench.models import Gaussian
from collapse_bench.statistics.drift import DriftTest
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=15)
seeds = st.integers(0, 2**32 - 1)
SIZE, GENERATIONS = 100, 8
DRIFT = {"size": SIZE, "generations": GENERATIONS}
ROWS = {
    "normal": generator(1).normal(3.0, 2.0, 4_000),
    "t3": generator(2).standard_t(3, 4_000),
    "lognormal": np.exp(generator(3).standard_normal(4_000)),
}


class Resampler:
    """Keeps its training rows, and shrinks them about their mean by ``factor``**0.5."""

    def __init__(self, rows=None, factor=1.0):
        self.rows, self.factor = rows, factor

    def sample(self, size, *, rng):
        return rng.choice(self.rows, size)

    def fit(self, samples, *, rng):
        center = samples.mean(axis=0)
        return Resampler(center + (samples - center) * self.factor**0.5, self.factor)

    def moments(self):
        return self.rows.mean(axis=0), np.cov(self.rows.T, ddof=0).reshape(-1, self.rows.shape[1])


def gaussian_lineages(count, seed, *, factor=1.0, ddof=0, size=SIZE, generations=GENERATIONS):
    """Return log-variances of Gaussian models: sums of logs of chi-squares."""
    draws = generator(seed, "gaussian").chisquare(size - 1, (count, generations))
    steps = np.log(factor * draws / (size - ddof))
    return np.concatenate([np.zeros((count, 1)), np.cumsum(steps, axis=1)], axis=1)


def resampled_lineages(rows, count, seed, *, factor=1.0):
    """Return log-variances of resamplers, one lineage after the other."""
    founder = Resampler(rows[:, None], factor)
    return recurse(
        founder,
        rows,
        generations=GENERATIONS,
        size=SIZE,
        replicates=count,
        seed=seed,
        metrics=["log_variance"],
    )


def planned(reference, **settings):
    return plan_drift(reference, **DRIFT, **settings).replicates


# ---- controls


@pytest.mark.parametrize("law", ROWS)
def test_a_resampler_passes_at_the_planned_size(law):
    verdict = check_drift(resampled_lineages(ROWS[law], planned(ROWS[law]), 4))

    assert verdict.outcome == "pass", verdict
    assert verdict.metric == "drift"
    assert verdict.statistic == "log_variance"


@pytest.mark.parametrize("ddof", [0, 1])
def test_an_exact_refitter_passes_at_the_planned_size(ddof):
    trajectory = recurse(
        Gaussian(ddof=ddof),
        generations=GENERATIONS,
        size=SIZE,
        replicates=planned(Gaussian()),
        seed=5,
        metrics=["log_variance"],
    )

    assert check_drift(trajectory).outcome == "pass"


@pytest.mark.parametrize("law", ROWS)
def test_a_resampler_that_loses_a_quarter_a_generation_fails(law):
    # detect is 0.20; at a loss of exactly that much one in a hundred may get through
    trajectory = resampled_lineages(ROWS[law], planned(ROWS[law]), 6, factor=0.75)
    verdict = check_drift(trajectory)

    assert verdict.outcome == "fail", verdict
    assert verdict.estimate == pytest.approx(0.25, abs=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_losing_a_fifth_a_generation_fails_at_the_planned_size(seed):
    verdict = check_drift(
        gaussian_lineages(planned(Gaussian()), seed, factor=0.8), reference=Gaussian(), size=SIZE
    )

    assert verdict.outcome == "fail", verdict


@pytest.mark.parametrize("seed", range(5))
def test_losing_a_tenth_a_generation_fails_where_that_must_be_noticed(seed):
    effects = {"tolerate": 0.02, "detect": 0.10}
    lineages = gaussian_lineages(planned(Gaussian(), **effects), seed, factor=0.9)
    verdict = check_drift(lineages, reference=Gaussian(), size=SIZE, **effects)

    assert verdict.outcome == "fail", verdict


@pytest.mark.parametrize("law", ["t3", "lognormal"])
def test_healthy_models_of_heavy_tails_are_not_flagged_where_a_gaussian_formula_would(law):
    count = 40
    flagged = formula = 0
    drift, error = Gaussian(ddof=0).neutral_drift(SIZE), math.sqrt(GENERATIONS * 2 / SIZE / count)
    for seed in range(20):
        found = neutral_lineages(ROWS[law], (SIZE,) * GENERATIONS, lineages=count, seed=100 + seed)
        values = np.column_stack([np.zeros(count), *[found.changes] * GENERATIONS])
        verdict = check_drift(values, reference=ROWS[law], size=SIZE)
        flagged += verdict.outcome == "fail"
        formula += (found.changes.mean() - GENERATIONS * drift) / error < -2.33  # the same level

    assert flagged == 0
    assert formula >= 10


def test_a_gaussian_fitted_to_heavy_tails_is_not_flagged():
    # It keeps more than a resampler does: its lineage is a normal one from the start.
    for law in ("t3", "lognormal"):
        verdict = check_drift(gaussian_lineages(20, 7), reference=ROWS[law], size=SIZE)

        assert verdict.outcome == "pass", verdict
        assert verdict.estimate < 0


# ---- what the verdict says


def test_the_loss_by_hand():
    # Every lineage keeps a quarter of the variance in two generations: a half in each.
    values = np.log([[4.0, 2.0, 1.0]] * 5)
    drift = neutral_lineages(ROWS["normal"], (50, 50)).changes.mean()
    verdict = check_drift(values, reference=ROWS["normal"], size=50)

    assert verdict.estimate == pytest.approx(1 - 0.5 / math.exp(drift / 2), rel=1e-12)
    assert "the absolute loss is 0.5 a generation" in verdict.reason
    assert f"of which neutral drift is {1 - math.exp(drift / 2):.3g}" in verdict.reason
    assert (verdict.size, verdict.reference_size) == (5, 2_000)
    assert verdict.outcome == "fail"


@relaxed
@given(seeds, st.floats(0.6, 1.1), st.sampled_from([5, 12, 40]), st.booleans())
def test_it_fails_and_passes_where_its_intervals_say(seed, factor, count, growing):
    verdict = check_drift(
        gaussian_lineages(count, seed, factor=factor),
        reference=Gaussian(),
        size=SIZE,
        growth=(0.05, 0.2) if growing else None,
    )
    sides = [verdict, verdict.growth] if growing else [verdict]

    assert all(side.low <= side.estimate <= side.high for side in sides)
    shown = any(side.low > side.tolerate for side in sides)
    excluded = all(side.high < side.detect for side in sides)
    expected = "fail" if shown else "pass" if excluded else "inconclusive"
    assert verdict.outcome == expected
    for side in sides:
        assert (side.low > side.tolerate) == (side.pvalue_fail <= verdict.alpha)
        assert (side.high < side.detect) == (side.pvalue_pass <= verdict.beta)


def test_each_bound_is_at_its_own_level():
    values = gaussian_lineages(12, 24)
    levels = {"alpha": 0.02, "beta": 0.03}
    neutral = neutral_lineages(Gaussian(), (SIZE,) * GENERATIONS).changes
    test = DriftTest.of(values[:, -1], neutral, GENERATIONS, detect=0.2)
    arguments = {"reference": Gaussian(), "size": SIZE, **levels}
    alone = check_drift(values, **arguments)
    both = check_drift(values, **arguments, growth=(0.05, 0.2))

    # both sides of all effects are far from the bounds, which are those of the test
    assert (alone.low, alone.high) == (test.low(0.02), test.high(0.03))
    assert (both.low, both.high) == (test.low(0.01), test.high(0.03))
    assert (both.growth.low, both.growth.high) == (-test.high(0.01), -test.low(0.03))
    assert both.growth.pvalue_fail == test.pvalue_at_least(-0.05)
    assert both.growth.pvalue_pass == test.pvalue_at_most(-0.2)


@settings(deadline=None, max_examples=5)
@given(seeds, st.floats(-1e3, 1e3))
def test_the_unit_of_the_variance_does_not_matter(seed, unit):
    values = gaussian_lineages(8, seed)
    first = check_drift(values, reference=Gaussian(), size=SIZE)
    second = check_drift(values + unit, reference=Gaussian(), size=SIZE)

    assert second.estimate == pytest.approx(first.estimate, abs=1e-9)


def test_a_trajectory_says_what_the_arguments_would():
    trajectory = resampled_lineages(ROWS["t3"], 6, 8)
    plain = check_drift(
        trajectory.values["log_variance"], reference=ROWS["t3"], size=[SIZE] * GENERATIONS
    )

    assert check_drift(trajectory) == plain
    assert check_drift(trajectory, reference=ROWS["normal"]) != plain
    assert json.dumps(plain.to_dict())


def test_a_trajectory_measured_by_draws_knows_how_many():
    trajectory = recurse(
        Gaussian(),
        generations=4,
        size=SIZE,
        replicates=8,
        metrics=["log_variance"],
        measure="samples",
        eval_size=40,
    )
    values = trajectory.values["log_variance"]
    noisy = check_drift(values, reference=Gaussian(), size=SIZE, eval_size=40)

    assert check_drift(trajectory) == noisy
    assert noisy != check_drift(values, reference=Gaussian(), size=SIZE)


def test_a_trajectory_knows_how_many_rows_its_founder_saw():
    trajectory = recurse(
        Gaussian(),
        Gaussian(),
        generations=4,
        size=SIZE,
        replicates=8,
        metrics=["log_variance"],
        founder_size=30,
    )
    values = trajectory.values["log_variance"]

    assert check_drift(trajectory) == check_drift(
        values, reference=Gaussian(), size=SIZE, founder_size=30
    )
    assert check_drift(trajectory) != check_drift(values, reference=Gaussian(), size=SIZE)


def test_several_columns_are_judged_in_the_units_of_the_reference():
    plane = Gaussian([0.0, 5.0], [[1.0, 0.0], [0.0, 1e6]])
    recursion = {"generations": 5, "size": SIZE, "replicates": 12, "seed": 9}
    names = ["log_whitened_variance", "log_variance"]
    verdict = check_drift(recurse(plane, **recursion, metrics=names))

    assert verdict.outcome == "pass"
    assert verdict.statistic == "log_whitened_variance"
    with pytest.raises(InvalidArgument, match="add 'log_whitened_variance' to metrics="):
        check_drift(recurse(plane, **recursion, metrics=["log_variance"]))
    # half of the small column a generation: nothing of the trace, a quarter of the whitened one
    shrink = np.log((1 + 0.5 ** np.arange(6)) / 2)
    lost = recurse(plane, **recursion, metrics=names).values["log_whitened_variance"] + shrink
    assert check_drift(lost, reference=plane, size=SIZE).estimate == pytest.approx(0.12, abs=0.05)


def test_the_whitened_variance_by_hand():
    # Covariance diag(1, 4) becomes diag(4, 1): ratios 4 and 1/4, whose mean is 17/8.
    reference = Gaussian([0.0, 0.0], [[1.0, 0.0], [0.0, 4.0]])
    rows = reference.sample(10, rng=generator(23))
    target = target_of(reference, rows, kind="numbers", tails=False)
    metric = METRICS["log_whitened_variance"]

    found = metric.law(Gaussian([1.0, 2.0], [[4.0, 0.0], [0.0, 1.0]]), target)
    assert found == pytest.approx(math.log(17 / 8), rel=1e-12)
    assert metric.sample(np.ones((5, 2)), target) == -np.inf
    flat = target_of(None, np.ones((5, 2)) * [[0], [1], [2], [3], [4]], kind="numbers", tails=False)
    # the columns are one: the mean of their ratios in the single direction in which both vary
    assert metric.sample(rows @ [[1, 1], [0, 0]], flat) == pytest.approx(
        np.log(rows[:, 0].var() / 2), rel=1e-9
    )


def test_the_same_seed_gives_the_same_verdict():
    values = gaussian_lineages(7, 10)
    first, again, other = (
        check_drift(values, reference=ROWS["t3"], size=SIZE, seed=seed) for seed in (1, 1, 2)
    )

    assert first == again
    assert first.estimate != other.estimate


def test_growth_fails_only_where_it_is_judged():
    values = gaussian_lineages(20, 11, factor=1.25)
    arguments = {"reference": Gaussian(), "size": SIZE}
    verdict = check_drift(values, **arguments, growth=(0.05, 0.20))

    assert check_drift(values, **arguments).outcome == "pass"
    assert verdict.outcome == "fail"
    assert verdict.growth.low > 0.05
    assert verdict.alpha == 0.005
    assert verdict.growth.estimate == pytest.approx(-verdict.estimate)
    healthy = check_drift(gaussian_lineages(20, 12), **arguments, growth=(0.05, 0.20))
    assert healthy.outcome == "pass"
    assert check_drift(gaussian_lineages(5, 12), **arguments, growth=(0.05, 0.1)).outcome == (
        "inconclusive"
    )


def test_a_declared_drift_takes_the_place_of_the_simulated_mean():
    # A Gaussian loses less than a resampler of lognormal rows does, so a defect hides behind that.
    values = gaussian_lineages(300, 13, factor=0.92)
    arguments = {"reference": ROWS["lognormal"], "size": SIZE}
    own = Gaussian(ddof=0).neutral_drift
    declared = check_drift(values, **arguments, neutral_drift=own)

    assert check_drift(values, **arguments).outcome == "pass"
    assert declared.outcome == "fail"
    excess = (values[:, -1].mean() - GENERATIONS * own(SIZE)) / GENERATIONS
    assert declared.estimate == pytest.approx(1 - math.exp(excess), rel=1e-9)


def test_a_very_small_alpha_can_be_reached():
    levels = {"alpha": 5e-5, "growth": (0.05, 0.2)}
    arguments = {"reference": Gaussian(), "size": SIZE}
    count = planned(Gaussian(), **levels)
    lost = check_drift(gaussian_lineages(count, 14, factor=0.8), **arguments, **levels)
    healthy = check_drift(gaussian_lineages(count, 15), **arguments, **levels)

    assert lost.outcome == "fail"
    assert lost.pvalue_fail <= 2.5e-5
    assert healthy.outcome == "pass"


# ---- what became a point


def test_lineages_that_all_became_points_fail():
    values = gaussian_lineages(8, 16)
    values[:, -2:] = -np.inf
    verdict = check_drift(values, reference=Gaussian(), size=SIZE)

    assert verdict.outcome == "fail"
    assert (verdict.estimate, verdict.high) == (1.0, 1.0)
    assert "8 of 8 lineages became a point, a loss of all" in verdict.reason
    assert "NaN" not in json.dumps(verdict.to_dict())


def test_one_point_is_never_passed_over():
    values = gaussian_lineages(30, 17)
    assert check_drift(values, reference=Gaussian(), size=SIZE).outcome == "pass"
    values[3, -1] = -np.inf
    verdict = check_drift(values, reference=Gaussian(), size=SIZE)

    assert verdict.outcome == "inconclusive"
    assert verdict.pvalue_pass == 1.0
    assert "1 of 30 lineages became a point" in verdict.reason
