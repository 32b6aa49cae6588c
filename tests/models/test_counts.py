"""Counts drawn without replacement, and chains that forget the states that are gone."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Categorical, _counts
from collapse_bench.models._counts import CountStatistics, pack, unpack
from collapse_bench.regions import States
from collapse_bench.streams import generator

# |z| <= 4.5 raises a false alarm once in 150,000 comparisons of a correct build.
Z = 4.5
STATES = 300
LAW = np.arange(1.0, STATES + 1) ** -1.5
LAW /= LAW.sum()
NAMES = np.array([f"word {k}" for k in range(STATES)])[::-1]


@pytest.fixture
def unpacked(monkeypatch):
    """Run a function as if nothing were packed."""

    def run(function):
        with monkeypatch.context() as patch:
            patch.setattr(_counts, "PACK_FROM", 10**9)
            return function()

    return run


def lineage(model, size, generations, seed):
    models = [model]
    for t in range(generations):
        models.append(models[-1].refit(size, rng=generator(seed, t)))
    return models


@pytest.mark.parametrize("replicates", [None, 7])
@pytest.mark.parametrize("seed", range(3))
def test_a_packed_chain_has_the_values_of_one_that_is_not(replicates, seed, unpacked):
    """To the last bit: a dead state takes nothing from the stream, and the last one is kept."""

    def run():
        founder = Categorical(LAW, NAMES)
        return lineage(founder.replicate(replicates) if replicates else founder, 30, 12, seed)

    region = States(tuple(NAMES[100:]))
    for ours, theirs in zip(run(), unpacked(run), strict=True):
        assert np.array_equal(ours.probabilities, theirs.probabilities)
        assert ours.probabilities.shape[-1] == STATES
        assert ours.replicates == theirs.replicates
        # Sums of fewer zeros may be grouped otherwise: some last digits.
        np.testing.assert_allclose(ours.mass(region), theirs.mass(region), rtol=1e-14, atol=1e-15)
        draws = [model.sample(20, rng=generator(seed)) for model in (ours, theirs)]
        assert np.array_equal(*draws)
        for one, other in zip(ours.split(), theirs.split(), strict=True):
            assert np.array_equal(one.probabilities, other.probabilities)
            assert np.array_equal(one.log_prob(NAMES), other.log_prob(NAMES))


def test_a_packed_model_holds_little_and_says_all():
    end = lineage(Categorical(LAW).replicate(5), 20, 10, 0)[-1]
    law, states = end.live()

    assert law.shape == (5, len(states))
    assert len(states) < STATES / 4
    assert states[-1] == STATES - 1
    assert end.probabilities[:, states].tolist() == law.tolist()
    assert end.probabilities.sum() == pytest.approx(5, abs=1e-12)  # rounding of few terms
    assert set(np.flatnonzero((end.probabilities > 0).any(0))) <= set(states.tolist())


def test_torch_packs_too():
    models = lineage(Categorical(LAW).to("cpu").replicate(50), 20, 6, 1)

    assert isinstance(models[-1].probabilities, torch.Tensor)
    assert models[-1].probabilities.shape == (50, STATES)
    assert models[-1].live()[0].shape[1] < STATES / 2
    for parent, child in pairwise(models):
        assert not ((child.probabilities > 0) & (parent.probabilities == 0)).any()
    assert np.array_equal(models[-1].numpy().probabilities, models[-1].probabilities.numpy())


def test_a_model_that_is_fitted_anew_knows_all_states_again():
    end = lineage(Categorical(LAW, NAMES), 10, 8, 2)[-1]
    fitted = end.fit(NAMES[[0, 250, 250, 299]], rng=generator(0))

    assert fitted.probabilities[[0, 250, 299]].tolist() == [0.25, 0.5, 0.25]
    assert end.replicate(3).refit(5, rng=generator(0)).probabilities.shape == (3, STATES)


@given(st.data())
def test_statistics_merge_whatever_each_has_forgotten(data):
    counts = st.lists(st.integers(0, 3), min_size=80, max_size=80).map(np.array)
    dense = [data.draw(counts) * (np.arange(80) % k == 0) for k in (5, 7)]
    parts = [
        CountStatistics(*pack(d, None)) if data.draw(st.booleans()) else CountStatistics(d)
        for d in dense
    ]
    both = parts[0].merge(parts[1])

    assert unpack(both.counts, both.live, 80).tolist() == sum(dense).tolist()


def test_what_rounding_leaves_does_not_revive_the_dead():
    """After ten subtractions of 0.1 some 1e-16 is left, which numpy's multinomial gives away."""
    law, size = [0.1] * 10 + [0.0], 10**18
    assert generator(0).multinomial(size, law)[-1] > 0

    for model in (Categorical(law), Categorical(law).replicate(3)):
        end = model.refit(size, rng=generator(0)).probabilities
        assert not end[..., -1].any()
        np.testing.assert_allclose(end[..., :10], 0.1, rtol=1e-6)  # a thousand deviations


@pytest.mark.parametrize("replicates", [None, 20_000], ids=["rows", "states"])
def test_subsamples_are_hypergeometric_by_enumeration(replicates):
    """Every ordered choice of 3 of 6 samples is equally likely; a chi-square test at 1e-6."""
    counts, size, total = np.array([3, 1, 0, 2]), 3, 20_000
    pool = np.repeat(np.arange(4), counts)
    ways = Counter(
        tuple(np.bincount(pool[list(chosen)], minlength=4).tolist())
        for chosen in permutations(range(6), size)
    )
    if replicates:
        drawn = (
            CountStatistics(np.tile(counts, (total, 1))).subsample(size, rng=generator(3)).counts
        )
    else:
        rng = generator(3)
        drawn = np.array(
            [CountStatistics(counts).subsample(size, rng=rng).counts for _ in range(total)]
        )
    seen = Counter(map(tuple, drawn.tolist()))

    assert set(seen) == set(ways)
    expected = [total * ways[key] / sum(ways.values()) for key in ways]
    assert stats.chisquare([seen[key] for key in ways], expected).pvalue > 1e-6


def test_subsamples_stay_where_they_came_from():
    counts = np.random.default_rng(0).integers(0, 5, (40, 6))
    counts[:, 0] += 3
    drawn = CountStatistics(counts).subsample(3, rng=generator(4))
    tensor = CountStatistics(torch.as_tensor(counts).double()).subsample(3, rng=generator(4))

    assert (drawn.counts <= counts).all()
    assert (drawn.counts.sum(-1) == 3).all()
    assert isinstance(tensor.counts, torch.Tensor)
    assert tensor.counts.numpy().tolist() == drawn.counts.tolist()
    whole = CountStatistics(counts[:1]).subsample(int(counts[0].sum()), rng=generator(4))
    assert whole.counts.tolist() == counts[:1].tolist()


def test_more_than_there_are_is_refused():
    with pytest.raises(
        InvalidArgument, match=r"size must be at most the 2 samples held.*got size=3"
    ):
        CountStatistics(np.array([[1, 1], [2, 2]])).subsample(3, rng=generator(0))
    with pytest.raises(InvalidArgument, match=r"fewer than 10\^9; got size=3"):
        CountStatistics(np.array([10**9, 1])).subsample(3, rng=generator(0))
