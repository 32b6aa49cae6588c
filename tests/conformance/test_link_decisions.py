"""What p-values make of a link in a recursion: each given by hand, so nothing here is chance."""

import numpy as np
import pytest

from collapse_bench import conformance
from collapse_bench.conformance import lineages, link
from collapse_bench.errors import CollapseError, Inconclusive
from collapse_bench.models import Gaussian


class Known:
    """A test of drift with p-values by hand, each by its direction and the effect it is of."""

    loss, collapsed, changes = 0.01, 0, np.zeros(30)

    def __init__(self, **pvalues):
        self.pvalues = {name: {round(k, 4): v for k, v in p.items()} for name, p in pvalues.items()}

    def of(self, *arrays, **settings):
        return self

    def pvalue_at_most(self, effect):
        return self.pvalues["most"][round(effect, 4)]

    def pvalue_at_least(self, effect):
        return self.pvalues["least"][round(effect, 4)]


SHARE = 1e-3 / sum(entry.statistical for entry in conformance.CATALOG.values())


@pytest.mark.parametrize(
    ("lost", "gained", "loss_left", "growth_left", "ends"),
    [
        (0.6, 1e6, 1e-3, 1e-3, None),  # of the level: halved for either direction, it is none
        (1e6, 0.6, 1e-3, 1e-3, None),
        (0.4, 1e6, 1e-3, 1e-3, CollapseError),
        (1e6, 0.4, 1e-3, 1e-3, CollapseError),
        (1e6, 1e6, 1e-3, 0.5, Inconclusive),
        (1e6, 1e6, 0.5, 1e-3, Inconclusive),
    ],
)
def test_accumulated_rows_are_held_against_loss_and_growth(
    monkeypatch, lost, gained, loss_left, growth_left, ends
):
    test = Known(
        most={0.05: lost * SHARE, -0.25: growth_left},
        least={0.2: loss_left, 1 - 1 / 0.95: gained * SHARE},
    )
    monkeypatch.setattr(link, "DriftTest", test)
    monkeypatch.setattr(link, "pooled_changes", lambda subject: (np.zeros(24), np.zeros(9)))
    if ends is None:
        assert conformance.check_accumulate_stable(Gaussian())
    else:
        with pytest.raises(ends):
            conformance.check_accumulate_stable(Gaussian())


@pytest.mark.parametrize(("left", "collapsed"), [(0.5, 0), (1e-3, 30)])
def test_growth_that_is_not_excluded_does_not_pass(monkeypatch, left, collapsed):
    test = Known(most={-0.2: left}, least={-0.05: 1.0})
    test.collapsed = collapsed
    found = lineages.Lineages(np.zeros(30), np.zeros(9), np.zeros(30), np.zeros(9))
    monkeypatch.setattr(link, "DriftTest", test)
    monkeypatch.setattr(link, "lineages_of", lambda subject: found)

    with pytest.raises(Inconclusive, match=r"a growth of 0\.2 a generation isn't excluded"):
        conformance.check_no_expansion(Gaussian())


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("which", [0, 1])
def test_a_trend_that_is_not_excluded_does_not_pass_whichever_way_it_goes(monkeypatch, sign, which):
    moves = iter(sign * (0.3 + np.linspace(-0.85, 0.85, link.REAL_LINEAGES)))
    monkeypatch.setattr(
        link, "_trend", lambda stage, r: tuple(np.where(np.arange(2) == which, next(moves), 0.0))
    )

    with pytest.raises(Inconclusive, match=r"0\.3 must be"):
        conformance.check_real_only_fixed_point(Gaussian())


class Both:
    """The excess over neutral lineages and the growth by itself, each with its own p-values."""

    def __init__(self, excess, alone):
        self.excess, self.alone = excess, alone

    def of(self, changes, neutral, *arguments, **settings):
        return self.alone if not neutral.any() else self.excess


@pytest.mark.parametrize(
    ("excess", "alone", "ends"),
    [
        ((0.4 * SHARE, 1.0), (0.4 * SHARE, 1.0), CollapseError),
        ((0.4 * SHARE, 1.0), (0.5, 1e-3), None),  # neutral lineages lose more: no growth
        ((0.5, 1e-3), (0.4 * SHARE, 1.0), None),
        ((0.5, 0.006), (0.5, 0.006), Inconclusive),  # .006 is below beta, and not below half of it
    ],
)
def test_a_lineage_expands_if_it_grows_beyond_neutral_ones_and_by_itself(
    monkeypatch, excess, alone, ends
):
    tests = [Known(most={-0.2: p[1]}, least={-0.05: p[0]}) for p in (excess, alone)]
    found = lineages.Lineages(np.zeros(30), np.ones(9), np.zeros(30), np.zeros(9))
    monkeypatch.setattr(link, "DriftTest", Both(*tests))
    monkeypatch.setattr(link, "lineages_of", lambda subject: found)
    if ends is None:
        assert conformance.check_no_expansion(Gaussian())
    else:
        with pytest.raises(ends):
            conformance.check_no_expansion(Gaussian())


class Lognormal:
    """Fitted exactly; of so heavy a tail that neutral lineages lose a seventh a generation."""

    def __init__(self, mean=0.0, spread=1.5):
        self.mean, self.spread = mean, spread

    def fit(self, samples, *, rng):
        logs = np.log(samples)
        return Lognormal(logs.mean(), logs.std())

    def sample(self, size, *, rng):
        return rng.lognormal(self.mean, self.spread, (size, 1))


@pytest.mark.parametrize("seed", range(3))
def test_a_heavy_tailed_model_that_keeps_its_variance_does_not_expand(seed):
    assert conformance.check_no_expansion(Lognormal(), seed=seed)


def test_as_many_accumulating_lineages_are_run_as_it_takes():
    found = conformance.check_accumulate_stable(Lognormal(spread=0.7))
    assert int(found.split()[-2]) > lineages.LEAST
