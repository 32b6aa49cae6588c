import numpy as np
import pytest
from scipy import stats

from collapse_bench.engine import recurse
from collapse_bench.errors import UndefinedMetric
from collapse_bench.measures import DEFAULTS, METRICS, target_of
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.streams import generator

PLANE = Gaussian([0.0, 1.0], [[2.0, 0.5], [0.5, 1.0]])
ZIPF = Categorical(np.arange(1, 41.0)[::-1] / 820)


def test_the_tails_of_a_law_hold_the_mass_they_should():
    law = Gaussian(3.0, 4.0)
    target = target_of(law, law.sample(10, rng=generator(0)), kind="numbers", tails=True)

    assert target.region.lower == pytest.approx(stats.norm(3, 2).ppf(0.025), rel=1e-8)  # brentq
    assert target.region.upper == pytest.approx(stats.norm(3, 2).isf(0.025), rel=1e-8)
    assert target.region_mass == pytest.approx(0.05, rel=1e-8)


def test_the_tails_of_codes_are_the_rarest_states():
    target = target_of(ZIPF, ZIPF.sample(10, rng=generator(0)), kind="codes", tails=True)

    # 1 + ... + 8 = 36 of 820 lie below 5 %, and 9 more would not.
    assert sorted(target.region.codes) == list(range(32, 40))
    assert target.region_mass == pytest.approx(36 / 820, rel=1e-12)  # a sum of eight terms


@pytest.mark.parametrize(
    "founder", [Gaussian(1.0, 3.0), PLANE, ZIPF], ids=["line", "plane", "codes"]
)
def test_every_law_form_is_the_limit_of_its_sample_form(founder):
    """200,000 draws of a law and of itself: some per cent of noise at the most."""
    rng = generator(1)
    drawn = founder.sample(200_000, rng=rng)
    target = target_of(founder, drawn, kind=founder.kind, tails=True)
    other = founder.sample(200_000, rng=rng)
    for name, metric in METRICS.items():
        if metric.kind in (founder.kind, "any") and metric.has_law(founder, target):
            law, sample = float(metric.law(founder, target)), metric.sample(other, target)
            assert sample == pytest.approx(law, rel=0.03, abs=0.03), name


def test_a_bigger_wasserstein_distance_is_in_units_of_the_trace():
    # A shift by one standard deviation in each of two directions: W2^2 = 2 = the trace.
    unit, shifted = Gaussian([0.0, 0.0]), Gaussian([1.0, 1.0])
    target = target_of(unit, unit.sample(50_000, rng=generator(2)), kind="numbers", tails=False)

    assert METRICS["wasserstein"].law(shifted, target) == pytest.approx(1.0, rel=1e-12)
    drawn = shifted.sample(50_000, rng=generator(3))
    # 64 directions and 50,000 draws; a sum over directions differs from the trace by some per cent.
    assert METRICS["wasserstein"].sample(drawn, target) == pytest.approx(1.0, rel=0.1)


def test_defaults_are_metrics_of_their_kind():
    for kind, names in DEFAULTS.items():
        assert all(METRICS[name].kind in (kind, "any") for name in names)


def test_a_reference_without_variance_is_refused():
    with pytest.raises(UndefinedMetric, match="the reference has no variance"):
        recurse(Gaussian(0.0, 0.0), generations=1)


def test_few_values_have_a_variance_but_no_tails():
    rows = np.repeat([[0.0], [1.0]], 50, axis=0)

    assert recurse(Gaussian(), rows, generations=1, metrics=["variance"]).measured
    with pytest.raises(UndefinedMetric, match="beyond its tail quantiles"):
        recurse(Gaussian(), rows, generations=1)
