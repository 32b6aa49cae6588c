"""A Gaussian that has lost rank says so, whichever way it was fitted; one that has not, doesn't.

The rank of n samples of a law of rank r is min(n - 1, r) with probability 1, and merging adds
ranks and one for the means: that is the oracle, for every lineage at every generation.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.engine import recurse
from collapse_bench.errors import UndefinedMetric
from collapse_bench.models import Gaussian
from collapse_bench.regimes import Accumulate, FixedReal, FreshReal, Mixture, Replace
from collapse_bench.sources import Step
from collapse_bench.streams import generator

D, REPLICATES = 6, 300
FEW = [D] * 4
# The sizes, and the first generation of full rank; None: none is.
CASES = [
    (Replace(), [3, 20, 20], None),
    (Replace(), FEW, None),
    (Accumulate(), [3] * 4, None),
    (Accumulate(), [3, 30, 60], None),
    (FreshReal(0.5), FEW, None),
    (FreshReal(0.5), [3, 20, 20], 2),
    (FreshReal(0.5, "iid"), FEW, None),
    (FixedReal(0.5), FEW, None),
    (FixedReal(0.5), [6, 20, 20], 2),
    (Mixture(0.5, 0.2, 0.3), FEW, None),
    (Mixture(0.5, 0.5, 0.0), FEW, None),
    (Mixture(0.0, 0.0, 1.0), [6, 20, 6], 2),
    (FreshReal(0.5), [D + 1] * 6, 1),
    (Accumulate(), [D + 1] * 4, 1),
]


def lineage(regime, sizes, path, device, mean):
    """All generations of many lineages, by samples or by statistics."""
    process = regime.begin()
    turn = np.random.default_rng(0).normal(size=(D, D))
    founder = Gaussian(np.full(D, mean), turn @ turn.T)
    founder = founder if device is None else founder.to(device)
    models = [founder.replicate(REPLICATES)]
    for t, size in enumerate(sizes):
        rng = generator(0, path, t)
        if path == "statistics":
            found = process.summarize(Step(models, founder, t, size, rng))
        else:
            found = models[-1].summarize(process.compose(models, founder, t, size, rng))
        models.append(models[-1].fit_statistics(found))
    return [model.numpy() for model in models[1:]]


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
@pytest.mark.parametrize("path", ["samples", "statistics"])
@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize(("regime", "sizes", "full"), CASES, ids=repr)
def test_log_det_is_minus_infinity_exactly_where_rank_is_lost(
    regime, sizes, full, mean, path, device
):
    for t, model in enumerate(lineage(regime, sizes, path, device, mean), 1):
        lost = np.isneginf(model.log_det())
        if full is None or t < full:
            assert lost.all()
            with pytest.raises(UndefinedMetric, match="singular"):
                model.split()[0].log_prob(np.zeros((1, D)))
        elif sizes[t - 1] <= D:
            assert lost.all()
        else:
            assert not lost.any()
            np.testing.assert_allclose(  # a matrix knows its determinant to its condition number
                model.log_det(),
                np.linalg.slogdet(model.moments()[1]).logabsdet,
                rtol=1e-3,
                atol=0.1,
            )


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
@given(rank=st.integers(1, 5), rows=st.integers(8, 60), seed=st.integers(0, 2**32))
def test_as_many_diagonal_entries_vanish_as_rank_is_lost(device, rank, rows, seed):
    """Rank survives too: of what is left, every singular value is far above rounding."""
    rng = np.random.default_rng(seed)
    plane = np.linalg.qr(rng.normal(size=(D, D))).Q[:rank]
    samples = [rng.normal(size=(n, rank)) @ plane for n in (rows, rows + 3)]
    model = Gaussian(np.zeros(D)) if device is None else Gaussian(np.zeros(D)).to(device)
    one, two = (model.summarize(s) for s in samples)
    for found in (one, one.merge(two)):
        factor = model.fit_statistics(found).numpy().factor
        assert (np.diag(factor) == 0).sum() == D - rank
        assert (factor != 0).any(0).sum() == rank
        assert np.linalg.matrix_rank(factor, tol=1e-12) == rank


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
def test_what_is_left_of_a_singular_scatter_is_the_scatter(device):
    """Whichever coordinate repeats others: no variance is lost with it."""
    rng = np.random.default_rng(0)
    for copy, of in ((1, 0), (2, 0), (3, 1), (5, 4)):
        samples = rng.normal(size=(2, 40, D)) * 10.0 ** np.arange(-D, D, 2) + 3
        samples[0, :, copy] = -2 * samples[0, :, of]
        model = Gaussian(np.zeros(D)).replicate(2)
        model = model if device is None else model.to(device)
        whole = model.fit(samples, rng=rng).numpy()
        halves = [model.summarize(half) for half in (samples[:, :15], samples[:, 15:])]
        for fitted in (whole, model.fit_statistics(halves[0].merge(halves[1])).numpy()):
            assert np.isneginf(fitted.log_det()).tolist() == [True, False]
            for r in range(2):  # entries are rounded beside their own coordinates
                exact = np.cov(samples[r].T)
                unit = np.sqrt(np.diag(exact))
                found = fitted.moments()[1][r] / unit / unit[:, None]
                np.testing.assert_allclose(found, exact / unit / unit[:, None], atol=1e-9)


@given(st.floats(-8, 0), st.floats(-150, 150), st.floats(-150, 150), st.integers(0, 2**32))
def test_a_direction_that_samples_resolve_is_kept(thin, first, second, seed):
    """Two columns that agree to eight digits, in units up to 300 orders of magnitude apart."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(2, 50))
    own -= common * (own @ common) / (common @ common)
    parts = [common - common.mean(), own - own.mean()]
    samples = np.stack([parts[0] * 10**first, (parts[0] + parts[1] * 10**thin) * 10**second], 1)
    model = Gaussian([0, 0])
    scatter = np.linalg.slogdet(np.cov(np.stack(parts))).logabsdet
    expected = scatter + 2 * (thin + first + second) * np.log(10)
    # Digits that the columns share are lost: 1e-16 / 1e-8 of each entry are left.
    assert model.fit(samples, rng=rng).log_det() == pytest.approx(expected, rel=1e-9, abs=1e-6)
    halves = [model.summarize(half) for half in (samples[:25], samples[25:])]
    merged = model.fit_statistics(halves[0].merge(halves[1])).log_det()
    assert merged == pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
def test_the_rounding_of_means_is_no_rank(device):
    """Two samples of one plane have means in it, but for 1e-16 of how far away it is."""
    founder = Gaussian(np.full(3, 1e5))
    founder = founder if device is None else founder.to(device)
    plane = founder.replicate(REPLICATES).refit(3, rng=generator(0))
    parts = [plane.statistics(size, rng=generator(1, size)) for size in (20, 30)]

    assert np.isneginf(plane.fit_statistics(parts[0].merge(parts[1])).numpy().log_det()).all()


def test_a_recursion_measures_the_loss():
    settings = {"generations": 4, "size": 8, "metrics": ["log_det"], "replicates": 5}
    values = recurse(Gaussian(np.zeros(10)), regime=FreshReal(0.5), **settings).values["log_det"]

    assert values[:, 0] == pytest.approx(np.zeros(5), abs=1e-12)
    assert np.isneginf(values[:, 1:]).all()
