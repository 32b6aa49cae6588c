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
