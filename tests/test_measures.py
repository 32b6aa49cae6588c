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


class Deep(Gaussian):
    """A plane whose volume is below the smallest float, and which says so itself."""

    def log_det(self):
        return -2_000.0


def test_a_model_that_knows_its_volume_is_asked_for_it():
    target = target_of(PLANE, PLANE.sample(10, rng=generator(4)), kind="numbers", tails=False)
    deep = Deep([0.0, 0.0])

    # det of the reference: 2 * 1 - 0.5 ** 2.
    assert METRICS["log_det"].law(deep, target) == pytest.approx(
        -2_000 - np.log(1.75),
        rel=1e-12,  # its correlation matrix has another rounding
    )
    for founder in (PLANE, Gaussian([1.0, 2.0], [[1e-9, 0.0], [0.0, 1e9]])):
        own = target_of(founder, founder.sample(9, rng=generator(5)), kind="numbers", tails=False)
        assert METRICS["log_det"].law(founder, own) == pytest.approx(0, abs=1e-9)


def test_a_reference_without_volume_has_no_loss_of_it():
    rows = np.outer(np.arange(9.0), [1.0, 2.0])
    target = target_of(None, rows, kind="numbers", tails=False)
    with pytest.raises(UndefinedMetric, match="the reference has no volume"):
        METRICS["log_det"].law(Deep([0.0, 0.0]), target)


def test_entropy_is_in_nats_and_no_ratio():
    target = target_of(ZIPF, ZIPF.sample(10, rng=generator(6)), kind="codes", tails=False)

    assert METRICS["entropy"].law(ZIPF, target) == pytest.approx(
        stats.entropy(ZIPF.probabilities), rel=1e-12
    )
    # Two draws that differ estimate 1; the law doesn't matter.
    assert METRICS["entropy"].sample(np.array([3, 5]), target) == pytest.approx(1, rel=1e-12)


def test_the_debiased_distance_starts_at_zero():
    """In units of the trace. 400 pairs of 100 draws; |z| <= 4.5 is wrong 7 times in a million."""
    rng, found, plain = generator(7), [], []
    for _ in range(400):
        target = target_of(None, PLANE.sample(100, rng=rng), kind="numbers", tails=False)
        drawn = PLANE.sample(100, rng=rng)
        found.append(METRICS["wasserstein_debiased"].sample(drawn, target))
        plain.append(METRICS["wasserstein"].sample(drawn, target))

    assert abs(np.mean(found)) <= 4.5 * np.std(found) / 20
    assert np.mean(plain) > 20 * np.std(plain) / 20
    # A shift by one standard deviation along each axis is the trace, once more.
    unit = Gaussian([0.0, 0.0])
    target = target_of(unit, unit.sample(5_000, rng=rng), kind="numbers", tails=False)
    shifted = METRICS["wasserstein_debiased"].sample(unit.sample(5_000, rng=rng) + 1, target)
    assert shifted == pytest.approx(1, rel=0.25)  # 64 directions
