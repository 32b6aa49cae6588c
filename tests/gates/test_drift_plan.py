"""How many lineages a check of drift needs, against tabled and simulated sizes."""

import math

import numpy as np
import pytest
from scipy import stats

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import check_drift, plan_drift
from collapse_bench.models import Gaussian
from collapse_bench.statistics.drift import lineages_to_reject
from collapse_bench.streams import generator


class Law:
    """Draws of a named law; t3 and lognormal have no moments() here."""

    def __init__(self, draw):
        self.draw = draw

    def sample(self, size, *, rng):
        return self.draw(rng, (size, 1))


T3 = Law(lambda rng, shape: rng.standard_t(3, shape))
LOGNORMAL = Law(lambda rng, shape: np.exp(rng.standard_normal(shape)))
FINE, COARSE = {"tolerate": 0.02, "detect": 0.10}, {"tolerate": 0.05, "detect": 0.20}


@pytest.mark.parametrize(
    ("law", "size", "generations", "fine", "coarse"),
    [
        # R0 of an independent simulation; the spread of heavy tails varies with the rows drawn
        (Gaussian(), 50, 5, 28, 9),
        (Gaussian(), 50, 8, 19, 7),
        (Gaussian(), 100, 8, 11, 5),
        (Gaussian(), 200, 8, 7, 4),
        (T3, 50, 5, 70, 20),
        (T3, 100, 8, 23, 8),
        (LOGNORMAL, 50, 5, 140, 37),
        (LOGNORMAL, 200, 8, 37, 12),
    ],
)
def test_planned_lineages_are_the_tabled_ones(law, size, generations, fine, coarse):
    for effects, tabled in ((FINE, fine), (COARSE, coarse)):
        plan = plan_drift(law, size=size, generations=generations, **effects)
        gap = math.log1p(-effects["tolerate"]) - math.log1p(-effects["detect"])
        least = lineages_to_reject(generations * gap, plan.spread, level=0.01, power=0.99)

        # 2,000 lineages leave 2 % of a normal spread open and 4 % of a lognormal one, and its
        # square enters, on both sides; the variance of 200,000 draws of t3 is itself a wide guess
        loose = {id(T3): 0.25, id(LOGNORMAL): 0.12}.get(id(law), 0.06)
        assert least == pytest.approx(tabled, rel=loose, abs=1)
        assert plan.to_fail == max(4, math.ceil(1.3 * least))


def test_the_spread_is_the_larger_of_neutral_and_gaussian():
    # Two far modes: a neutral lineage hardly varies, a Gaussian one as ever.
    rows = generator(1).normal(0, 0.1, 2_000) + np.repeat([-1.0, 1.0], 1_000)
    plan = plan_drift(rows, size=100, generations=8)
    chi = np.log(generator(2).chisquare(99, (50_000, 8)) / 100).sum(axis=1)

    assert plan.spread == pytest.approx(chi.std(), rel=0.02)  # 6 standard errors of 50,000
    assert plan_drift(T3, size=100, generations=8).spread > 1.3 * plan.spread


def test_evaluation_noise_is_planned_for():
    plain, noisy = (
        plan_drift(Gaussian(), size=100, generations=5, eval_size=size) for size in (None, 50)
    )

    assert noisy.spread**2 - plain.spread**2 == pytest.approx(4 / 49, rel=0.25)  # 2 psi'(49 / 2)
    assert noisy.replicates > plain.replicates


def test_several_directions_are_surer_than_one():
    cube = Gaussian(np.zeros(4))

    assert plan_drift(cube, size=100, generations=5).spread == pytest.approx(
        plan_drift(Gaussian(), size=100, generations=5).spread / 2, rel=0.1
    )


def test_the_larger_of_both_sides_is_planned():
    plan = plan_drift(Gaussian(), size=50, generations=5, alpha=1e-4)

    assert plan.replicates == max(plan.to_pass, plan.to_fail) == plan.to_fail
    assert plan.reason == "it takes so many to fail at detect"
    strict = plan_drift(Gaussian(), size=50, generations=5, beta=1e-6)
    assert strict.replicates == strict.to_pass > strict.to_fail
    assert strict.reason == "it takes so many to pass without loss"
    assert plan_drift(Gaussian(), size=50, generations=5, power=0.9).replicates < plan.replicates


def test_growth_takes_more_lineages():
    design = {"size": 50, "generations": 5}
    plain = plan_drift(Gaussian(), **design)
    both = plan_drift(Gaussian(), **design, growth=(0.05, 0.2))

    assert both.to_fail > plain.to_fail  # log(1.2 / 1.05) is less than log(0.95 / 0.8)
    gap = 5 * math.log(1.2 / 1.05)
    least = lineages_to_reject(gap, both.spread, level=0.005, power=0.99)
    assert both.to_fail == math.ceil(1.3 * least)
    assert both.to_pass > plain.to_pass


def test_the_neutral_loss_is_that_of_the_mean_logarithm():
    plan = plan_drift(Gaussian(), size=100, generations=8)

    assert plan.neutral_loss == pytest.approx(0.0193, abs=0.0045)  # 4 sd / sqrt(2,000) / 8


def test_designs_that_can_not_be_decided_have_no_plan():
    few = plan_drift(Gaussian(), size=19, generations=5)
    points = plan_drift(np.repeat([0.0, 1.0], [497, 3]), size=50, generations=2)
    close = plan_drift(Gaussian(), size=50, generations=5, tolerate=0.05, detect=0.0501)

    assert few.replicates is few.to_pass is few.to_fail is None
    assert few.reason.startswith("samples of 19 are too few for 5 generations")
    assert points.replicates is None
    assert "neutral lineages become a point" in points.reason
    assert close.replicates is close.to_fail is None
    assert close.to_pass is not None
    assert close.reason.startswith("the effect sizes are so close")
    assert plan_drift(Gaussian(), size=20, generations=5).replicates is not None


def test_planned_lineages_decide_both_ways():
    # Each outcome has a probability of 0.99 or more: 2 misses of 60 have one of 0.12 at 0.99.
    plan = plan_drift(Gaussian(), size=50, generations=8)
    outcomes = {"pass": 0, "fail": 0}
    for seed in range(60):
        draws = generator(seed, "power").chisquare(49, (plan.replicates, 8))
        for outcome, factor in (("pass", 1.0), ("fail", 0.8)):
            values = np.cumsum(np.log(factor * draws / 50), axis=1)
            values = np.column_stack([np.zeros(plan.replicates), values])
            verdict = check_drift(values, reference=Gaussian(), size=50)
            outcomes[outcome] += verdict.outcome == outcome

    assert min(outcomes.values()) >= stats.binom.ppf(1e-4, 60, 0.99)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"size": 1}, "size must be an integer >= 2"),
        ({"generations": 0}, "generations must be an integer >= 1"),
        ({"power": 1.0}, r"power must be a number in \(0.5, 1\)"),
        ({"alpha": 0.7}, r"alpha must be a number in \(0, 0.5\)"),
        ({"tolerate": 0.5}, "tolerate must be below detect"),
        ({"growth": (0.2, 0.1)}, "growth must be a pair"),
        ({"eval_size": 0}, "eval_size must be an integer >= 2"),
        ({"founder_size": -1}, "founder_size must be an integer >= 0"),
    ],
)
def test_bad_designs_are_refused(changed, words):
    with pytest.raises(InvalidArgument, match=words):
        plan_drift(Gaussian(), **{"size": 50, "generations": 5, **changed})


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"size": 10**9}, "size must be at most 20,000,000; got size=1000000000"),
        ({"generations": 10**9}, "generations must be at most 400,000 of size 50; got generations"),
        ({"size": 10**7, "generations": 3}, "generations must be at most 2 of size 10,000,000"),
        ({"founder_size": 10**9}, "founder_size must be at most 20,000,000; got founder_size"),
        ({"eval_size": 10**9}, "eval_size must be at most 20,000,000; got eval_size=1000000000"),
    ],
)
def test_lineages_too_long_to_simulate_are_refused(changed, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        plan_drift(Gaussian(), **{"size": 50, "generations": 5, **changed})
