"""The models of the benchmark have lost exactly what they are said to have lost."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.calibration import clusters, codes, columns, gate, states, ties
from benchmarks.calibration.line import LAWS
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=30)


def test_richness_by_enumeration():
    law, depth = np.array([0.5, 0.3, 0.2]), 4
    mean = sum(
        math.prod(law[list(draw)]) * len(set(draw)) for draw in product(range(3), repeat=depth)
    )

    assert states.richness(law, depth) == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("change", codes.CHANGES)
@pytest.mark.parametrize("name", states.LAWS)
def test_generators_of_codes_have_lost_exactly_so_much(name, change):
    law, loss = states.law_of(name), 0.2
    left = states.lossy(name, change, loss, 1_000)

    assert left.sum() == pytest.approx(1, rel=1e-12)
    assert (left >= 0).all()
    kept = (1 - (1 - left) ** 1_000).sum() / (1 - (1 - law) ** 1_000).sum()
    assert 1 - kept == pytest.approx(loss, abs=1e-9)


@relaxed
@given(st.floats(0, 0.9), st.integers(1, 1_999))
def test_any_states_but_the_commonest_lose_the_share_that_is_thinned(share, first):
    law = states.law_of("zipf 1.2")
    left = states.thinned(law, share)

    assert left[first:].sum() == pytest.approx((1 - share) * law[first:].sum(), rel=1e-12)
    assert left.sum() == pytest.approx(1, rel=1e-12)


def test_the_rarest_states_lose_their_share_and_no_other_shape_changes():
    law = states.law_of("words")
    left = states.without_rarest(law, 0.05, 0.25)
    rare = law[::-1].cumsum()[::-1] <= 0.05

    assert left[rare].sum() == pytest.approx(0.75 * law[rare].sum(), rel=1e-12)
    assert np.ptp(left[~rare] / law[~rare]) < 1e-12


def test_draws_follow_their_law():
    law = states.law_of("zipf 2")
    drawn = states.draws(law)(20_000, generator(1))
    counts = np.bincount(drawn, minlength=len(law))[:5]
    errors = np.sqrt(20_000 * law[:5] * (1 - law[:5]))

    # five counts within 4 standard errors: false alarm 3e-4
    assert (np.abs(counts - 20_000 * law[:5]) < 4 * errors).all()


def test_texts_have_the_richness_that_is_computed_and_lose_exactly_so_much():
    whole, depth = states.texts(), 20
    found = [len(np.unique(whole.draw(depth, generator(2, run)))) for run in range(300)]
    error = np.std(found) / math.sqrt(len(found))

    assert abs(np.mean(found) - whole.richness(depth)) < 4 * error  # false alarm 6e-5
    left = states.shorter_texts(0.2, 200)
    assert 1 - left.richness(200) / whole.richness(200) == pytest.approx(0.2, abs=1e-9)
    thin = states.thinner_texts(0.25).topics
    assert np.allclose(thin[:, 1:], 0.75 * whole.topics[:, 1:], rtol=1e-12)


@pytest.mark.parametrize("name", ["tail_mass", "variance", "wasserstein"])
def test_counts_lose_exactly_so_much_on_the_lattice(name):
    law = ties.lossy(name, 0.1)
    assert law.sum() == pytest.approx(ties.LAW.sum(), rel=1e-12)
    assert ties.losses(law)[name] == pytest.approx(0.1, abs=1e-9)
    assert ties.losses(ties.LAW) == pytest.approx(dict.fromkeys(ties.losses(law), 0.0), abs=1e-12)


def test_the_losses_of_counts_by_scipy():
    law = ties.thinned(0.3)
    rare = stats.poisson(3).pmf(0) + stats.poisson(3).sf(5)

    assert law[0] + law[6:].sum() == pytest.approx(0.7 * rare, rel=1e-9)
    distance = stats.wasserstein_distance(ties.VALUES, ties.VALUES, law, ties.LAW)
    deviation = stats.poisson(3).expect(lambda x: abs(x - 3))
    found = ties.losses(law)
    assert found["wasserstein"] == pytest.approx(distance / deviation, rel=1e-9)
    assert found["tail_mass"] == pytest.approx(0.3, rel=1e-9)


def test_the_losses_of_a_contracted_normal_law_have_closed_forms():
    found = gate.losses_of("normal", gate.quantile_of("normal", "all"))
    factor, edge = math.sqrt(0.95), stats.norm.isf(0.025)

    assert found["variance"] == pytest.approx(0.05, abs=1e-8)
    assert found["wasserstein"] == pytest.approx(1 - factor, abs=1e-6)
    assert found["tail_mass"] == pytest.approx(1 - stats.norm.sf(edge / factor) / 0.025, abs=1e-9)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("model", ["healthy", "tail_mass", "wasserstein"])
def test_models_within_tolerance_lose_no_more_of_anything(law, model):
    found = gate.losses_of(law, gate.quantile_of(law, model))
    tolerates = {one.metric: one.setting.tolerate for one in gate.three(law, model)}

    assert all(found[name] <= tolerates[name] + 1e-6 for name in found)
    if model != "healthy":
        assert found[model] == pytest.approx(tolerates[model], abs=1e-6)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("model", ["tail_mass", "wasserstein", "all"])
def test_draws_of_models_have_the_quantiles_that_losses_are_computed_from(law, model):
    drawn = np.sort(gate.model_of(law, model)(40_000, generator(3)))
    quantile = gate.quantile_of(law, model)
    for level in (0.01, 0.03, 0.2, 0.5, 0.8, 0.97, 0.99):
        share = np.searchsorted(drawn, float(quantile(level))) / len(drawn)
        # 63 shares within 4.5 standard errors: false alarm 4e-4
        assert abs(share - level) < 4.5 * math.sqrt(level * (1 - level) / len(drawn))


@pytest.mark.parametrize("law", LAWS)
def test_the_gate_of_the_contraction_tolerates_exactly_what_it_loses(law):
    found = gate.losses_of(law, gate.quantile_of(law, "all"))
    assert {one.metric: one.setting.tolerate for one in gate.three(law, "all")} == found


def test_several_columns_lose_exactly_so_much_of_their_outside():
    edge = stats.chi2(8).isf(0.05)
    rows = columns.thinned(0.25)(60_000, generator(4))
    share = np.mean(np.square(rows).sum(axis=1) > edge)

    # within 4 standard errors: false alarm 6e-5
    assert abs(share - 0.75 * 0.05) < 4 * math.sqrt(0.0375 / 60_000)
    assert columns.wide_tail_loss(1.0) == pytest.approx(0, abs=1e-12)
    left = 0.05 * (1 - columns.wide_tail_loss(0.9))
    assert left == pytest.approx(stats.chi2(8).sf(edge / 0.81), rel=1e-12)


def test_rows_in_clusters_have_their_marginal_law_and_correlation():
    line, ids = clusters.clustered(4_000, generator(5))
    first = line[:: clusters.ROWS]  # one a cluster: independent
    assert stats.kstest(first, stats.t(11).cdf).pvalue > 1e-4  # false alarm 1e-4
    assert np.array_equal(np.bincount(ids), np.full(4_000, clusters.ROWS))
    # shared variance s = 11 / chi2(11): E s = 11/9, E s^2 = 121/63
    mean, square = 11 / 9, 121 / 63
    assert (square - mean**2) / (3 * square - mean**2) == pytest.approx(0.1, rel=1e-12)
    thin = clusters.thinned(line, 0.25, generator(6))
    outside = np.abs(line) > stats.t(11).isf(0.025)
    kept = np.sum(np.abs(thin) > stats.t(11).isf(0.025)) / outside.sum()
    assert kept == pytest.approx(0.75, abs=4 * math.sqrt(0.25 * 0.75 / outside.sum()))  # 6e-5
