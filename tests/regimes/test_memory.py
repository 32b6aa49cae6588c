"""Pools and fixed sets: what is kept, what is handed out, and to whom."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.engine import recurse
from collapse_bench.errors import InvalidArgument, ModelError
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.regimes import (
    Accumulate,
    AccumulateSubsample,
    Curate,
    FixedReal,
    FreshReal,
    Mixture,
    Replace,
)
from collapse_bench.sources import Step
from collapse_bench.streams import generator

# Each model of a lineage draws its own index, so that a training set tells where it came from.
LINEAGE = [Gaussian(float(t), 0.0) for t in range(4)]
ROWS = np.arange(-30.0, 0.0)[:, None]
WRONG: dict[str, Any] = {"size": 2.5, "split": "half", "score": None}

# |z| <= 4.5 raises a false alarm once in 150,000 comparisons of a correct build.
Z = 4.5


def origins(training):
    return Counter(training.ravel().tolist())


def composed(regime, t, size, reference=None, seed=0):
    return regime.compose(LINEAGE[: t + 1], reference, t, size, generator(seed, t))


@given(st.integers(1, 8), st.lists(st.integers(8, 12), min_size=1, max_size=4), st.booleans())
def test_a_subsample_is_of_the_pool_and_takes_no_row_twice(size, sizes, with_rows):
    regime = AccumulateSubsample(size).begin()
    pool = origins(ROWS) if with_rows else Counter()
    for t, new in enumerate(sizes):
        pool[float(t)] += new
        training = composed(regime, t, new, ROWS if with_rows else None)
        assert training.shape == (size, 1)
        assert not origins(training) - pool


def test_a_subsample_of_everything_is_everything():
    regime = AccumulateSubsample(40).begin()

    assert origins(composed(regime, 0, 10, ROWS)) == origins(ROWS) + Counter({0.0: 10})


def test_each_lineage_has_a_pool_and_a_choice_of_its_own():
    regime, founder = AccumulateSubsample().begin(), Gaussian().replicate(3)
    for t in range(2):
        training = regime.compose([founder] * (t + 1), None, t, 6, generator(t))
    first = [set(row.ravel()) for row in training]

    assert training.shape == (3, 6, 1)
    assert not first[0] & first[1]
    assert not first[0] & first[2]
    assert all(len(values) == 6 for values in first)


@pytest.mark.parametrize(
    "regime", [Accumulate(), AccumulateSubsample(), FixedReal(0.5), FixedReal(1.0)], ids=repr
)
@pytest.mark.parametrize("replicates", [None, 4])
def test_a_model_cannot_reach_what_is_kept(regime, replicates):
    """Whatever a model does to its training set, the next one is as if it had done nothing."""

    def ends(spoil):
        process = regime.begin()
        founder = Gaussian() if replicates is None else Gaussian().replicate(replicates)
        for t in range(3):
            training = process.compose([founder] * (t + 1), Gaussian(9.0), t, 6, generator(t))
            last = training.copy()
            if spoil:
                training[...] = np.nan
        return last

    assert np.array_equal(ends(spoil=True), ends(spoil=False))


@pytest.mark.parametrize("regime", [Replace(), AccumulateSubsample(), FixedReal(0.5)], ids=repr)
def test_training_sets_are_numpys_whatever_the_model_computes_on(regime):
    founder = Gaussian().to("cpu").replicate(4)
    training = regime.begin().compose([founder], Gaussian(), 0, 6, generator(0))

    assert type(training) is np.ndarray
    assert training.shape == (4, 6, 1)
    assert not isinstance(founder.fit(training, rng=generator(1)).mean, np.ndarray)


def test_reference_rows_are_never_written_to():
    rows = ROWS.copy()
    for regime in (AccumulateSubsample(), FixedReal(0.5), FixedReal(0.5, "iid"), FreshReal(0.5)):
        process = regime.begin()
        for t in range(2):
            composed(process, t, 10, rows)[...] = 7.0
    assert np.array_equal(rows, ROWS)


def test_a_fixed_set_is_the_same_in_every_generation_and_another_in_another_lineage():
    def sets(seed):
        process = FixedReal(0.5).begin()
        drawn = [origins(composed(process, t, 20, ROWS, seed)) for t in range(3)]
        return [Counter({row: n for row, n in each.items() if row < 0}) for each in drawn]

    one, other = sets(0), sets(1)
    assert one[0] == one[1] == one[2]
    assert one[0].total() == len(one[0]) == 10
    assert one[0] != other[0]


def test_a_fixed_set_grows_with_the_sizes_and_keeps_its_rows():
    process = FixedReal(0.5).begin()
    sets = [
        {row for row in origins(composed(process, t, size, ROWS)) if row < 0}
        for t, size in enumerate((4, 8, 8, 20))
    ]
    assert [len(rows) for rows in sets] == [2, 4, 4, 10]
    assert sets[0] < sets[1] == sets[2] < sets[3]


def test_a_fixed_set_grows_by_statistics_as_by_samples():
    founder = Categorical([0.5, 0.5]).replicate(5)
    process, held = FixedReal(0.5).begin(), []
    for t, size in enumerate((4, 8, 20)):
        found = process.summarize(Step([founder], founder, t, size, generator(t)))
        held.append(process._memory["statistics"].counts.copy())
        assert (found.counts.sum(-1) == size).all()
        assert (found.counts >= held[-1]).all()
    assert [counts.sum(-1).tolist() for counts in held] == [[2] * 5, [4] * 5, [10] * 5]
    assert (held[2] >= held[1]).all()
    assert (held[1] >= held[0]).all()


def test_a_fixed_set_may_take_all_reference_rows():
    training = composed(FixedReal(0.5).begin(), 0, 60, ROWS)

    assert origins(training) == origins(ROWS) + Counter({0.0: 30})


def test_an_iid_share_is_drawn_from_the_fixed_set_with_replacement():
    size, share = 10, 0.3
    found, kinds = [], set()
    process = FixedReal(share, "iid").begin()
    for seed in range(3_000):
        drawn = origins(process.compose(LINEAGE[:1], ROWS, 0, size, generator(seed)))
        real = Counter({row: n for row, n in drawn.items() if row < 0})
        kinds |= set(real)
        found.append(real.total())
        assert drawn.total() == size

    assert len(kinds) == 3  # the set itself has round(share * size) rows
    variance = size * share * (1 - share)
    assert abs(np.mean(found) - size * share) <= Z * (variance / len(found)) ** 0.5
    assert abs(np.var(found) / variance - 1) <= Z * (2.2 / len(found)) ** 0.5


@given(st.integers(0, 2**32), st.sampled_from(["samples", "statistics"]))
def test_a_state_of_the_fixed_set_is_never_lost(seed, path):
    founder = Categorical(np.full(20, 0.05))
    process, models = FixedReal(0.25).begin(), [founder.replicate(3)]
    for t in range(5):
        rng = generator(seed, t)
        if path == "samples":
            training = process.compose(models, founder, t, 12, rng)
            models.append(models[-1].fit(training, rng=rng))
        else:
            found = process.summarize(Step(models, founder, t, 12, rng))
            models.append(models[-1].fit_statistics(found))
    alive = [model.probabilities > 0 for model in models[1:]]
    # Of 3 real rows of 20 states; the rest dies out while these stay.
    common = np.logical_and.reduce(alive)
    assert (common.sum(-1) >= 1).all()
    if path == "samples":
        rows = process._memory["rows"]
        assert all(common[r, rows[r]].all() for r in range(3))
    else:
        real = process._memory["statistics"].counts
        assert (real.sum(-1) == 3).all()
        assert common[real > 0].all()


@given(st.integers(1, 30), st.integers(1, 99), st.integers(0, 2**32))
def test_the_best_are_kept(size, percent, seed):
    """Whatever the draw: all that is kept scores at least as well as all that is not."""
    seen = []

    def score(samples):
        seen.append(samples.copy())
        return np.round(samples[:, 0], 1)  # with ties

    regime = Curate(score, percent / 100)
    training = regime.compose([Gaussian()], None, 0, size, generator(seed))
    (candidates,) = seen
    rest = origins(candidates) - origins(training)

    assert len(candidates) == -(-size * 100 // percent)
    assert training.shape == (size, 1)
    assert not origins(training) - origins(candidates)
    if rest:
        assert np.round(training.min(), 1) >= np.round(max(rest), 1)


@pytest.mark.parametrize(("size", "keep", "count"), [(57, 0.57, 100), (3, 0.7, 5), (5, 1.0, 5)])
def test_candidates_are_as_many_as_meant(size, keep, count):
    """57 / 0.57 is 100.00000000000001 in floats."""
    seen = []
    regime = Curate(lambda samples: seen.append(len(samples)) or samples[:, 0], keep)
    regime.compose([Gaussian()], None, 0, size, generator(0))

    assert seen == [count]


def test_ties_are_broken_at_random():
    """Of equal scores each candidate is kept as often: 4 counts, one false alarm in 37,000."""
    regime, draws, kept = Curate(lambda samples: np.zeros(len(samples)), 0.25), 4_000, Counter()

    class Numbers:
        def sample(self, size, *, rng):
            return np.arange(float(size))[:, None]

    for seed in range(draws):
        kept += origins(regime.compose([Numbers()], None, 0, 1, generator(seed)))
    assert sorted(kept) == [0.0, 1.0, 2.0, 3.0]
    assert all(abs(n - draws / 4) <= Z * (draws * 3 / 16) ** 0.5 for n in kept.values())


def test_infinite_scores_are_ranks_like_others():
    regime = Curate(lambda x: np.where(x[:, 0] > 0, np.inf, -np.inf), 0.1)

    assert (regime.compose([Gaussian()], None, 0, 20, generator(0)) > 0).all()


def test_scores_see_one_lineage_at_a_time_and_cannot_change_it():
    shapes = []

    def score(samples):
        shapes.append(samples.shape)
        best = -np.abs(samples[:, 0] - samples[:, 0].mean())  # depends on the others
        samples[:] = np.nan
        return best

    regime = Curate(score, 0.5)
    training = regime.compose([Gaussian().replicate(3)], None, 0, 5, generator(0))

    assert shapes == [(10, 1)] * 3
    assert np.isfinite(training).all()


def test_keeping_all_is_replacement():
    """The same law: the variance of 20,000 lineages, within 4.5 standard errors."""
    founder = Gaussian().replicate(20_000)
    all_kept = Curate(lambda samples: samples[:, 0], 1.0)
    ends = [
        founder.fit(r.compose([founder], None, 0, 5, generator(3, n)), rng=generator(4))
        for n, r in enumerate((all_kept, Replace()))
    ]
    a, b = (end.moments()[1].ravel() for end in ends)
    assert abs(a.mean() - b.mean()) <= Z * np.sqrt((a.var() + b.var()) / len(a))


def test_recursions_run_under_each_with_rows_and_with_laws():
    rows = Gaussian().sample(300, rng=generator(0))
    founder = Gaussian().fit(rows, rng=generator(0))
    for regime in (
        AccumulateSubsample(),
        AccumulateSubsample(30),
        FixedReal(0.2),
        FixedReal(0.2, "iid"),
        Curate(lambda samples: samples[:, 0], 0.5),
    ):
        for reference in (rows, None, Gaussian(1.0)):
            settings = {"generations": 3, "size": 40, "replicates": 3, "metrics": ["variance"]}
            one = recurse(founder, reference, regime, **settings)
            two = recurse(founder, reference, regime, **settings)
            assert np.isfinite(one.values["variance"]).all()
            assert np.array_equal(one.values["variance"], two.values["variance"])
            assert one.regime == repr(regime)


def test_lineages_run_alone_do_not_share_what_they_remember(monkeypatch):
    """In blocks of one lineage each: the founder's moments come out in every one of them."""
    monkeypatch.setattr("collapse_bench.engine.BLOCK_VALUES", 60)
    settings = {"generations": 3, "size": 20, "replicates": 400, "metrics": ["variance"]}
    trajectory = recurse(Gaussian(ddof=0), regime=AccumulateSubsample(), **settings)
    last = trajectory.values["variance"][:, -1]
    v = 40 / (20 * 59)
    pool = 0.95 * (1 - (20 / (20 * 39) * 0.95 + 0.05) / 4)
    expected = pool * (1 - (v + (1 - v) / 20) / 9) * (1 - v)

    assert len(np.unique(last)) == 400
    assert abs(last.mean() - expected) <= Z * last.std() / 20


def test_memory_is_no_part_of_a_regimes_name_or_equality():
    used = AccumulateSubsample(5).begin()
    composed(used, 0, 6)

    assert used == AccumulateSubsample(5)
    assert repr(used) == "AccumulateSubsample(size=5)"
    assert repr(FixedReal(0.5)) == "FixedReal(share=0.5, split='exact')"
    assert used.begin()._memory == {}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: AccumulateSubsample(0), "size must be an integer >= 1; got size=0"),
        (lambda: AccumulateSubsample(WRONG["size"]), "got size=2.5"),
        (lambda: FixedReal(1.2), r"share must be a number in \[0, 1\]; got share=1.2"),
        (
            lambda: FixedReal(0.5, WRONG["split"]),
            "split must be one of 'exact', 'iid'; got split='half'",
        ),
        (
            lambda: Curate(WRONG["score"], 0.5),
            "score must be a function of samples; got score=None",
        ),
        (lambda: Curate(len, 0.0), r"keep must be a number in \(0, 1\]; got keep=0.0"),
        (lambda: Curate(len, float("nan")), "keep must be a number"),
    ],
)
def test_bad_settings_are_refused(make, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        make()


def raising(samples):
    raise KeyError("no reward")


@pytest.mark.parametrize(
    ("regime", "sizes", "sentence"),
    [
        (
            AccumulateSubsample(40),
            (5,),
            "the pool, which holds 35 samples in generation 1; got size=40",
        ),
        (FixedReal(0.5), (70,), "reference must hold the 35 rows of the real set; got 30"),
        (
            FixedReal(0.5),
            (20, 10),
            "size must not fall under FixedReal.*got size=10 in generation 2",
        ),
        (FixedReal(0.01, "iid"), (10,), r"share must give the real set a row.*got share=0.01"),
        (
            Curate(len, 0.5),
            (10,),
            r"one number for each of 20 samples; got dtype int64, shape \(\)",
        ),
        (Curate(lambda x: x, 0.5), (10,), r"got dtype float64, shape \(20, 1\)"),
        (Curate(lambda x: ["a"] * len(x), 0.5), (10,), "got dtype <U1"),
        (Curate(lambda x: x[:, 0] * np.nan, 0.5), (10,), "got NaN for 20 of 20 samples"),
        (
            Curate(raising, 0.5),
            (10,),
            "Curate.score.* must return; it raised KeyError: 'no reward'",
        ),
    ],
)
def test_what_cannot_be_composed_is_said_in_a_sentence(regime, sizes, sentence):
    process = regime.begin()
    for t, size in enumerate(sizes[:-1]):
        composed(process, t, size, ROWS)
    with pytest.raises((InvalidArgument, ModelError), match=sentence):
        composed(process, len(sizes) - 1, sizes[-1], ROWS)


def test_statistics_refuse_what_samples_refuse():
    founder = Gaussian()
    with pytest.raises(InvalidArgument, match="size must not fall"):
        recurse(founder, regime=FixedReal(0.5), generations=2, size=[20, 10])
    with pytest.raises(InvalidArgument, match="share must give the real set a row"):
        recurse(Categorical([0.5, 0.5]), regime=FixedReal(0.01, "iid"), size=10)
    with pytest.raises(InvalidArgument, match="must not exceed the pool"):
        recurse(Categorical([0.5, 0.5]), regime=AccumulateSubsample(20), size=10)


def test_which_families_run_on_statistics():
    line, codes = Gaussian(), Categorical([0.5, 0.5])
    assert all(r.summarizes(line) for r in (Replace(), Accumulate(), FixedReal(0.5)))
    assert not any(r.summarizes(line) for r in (AccumulateSubsample(), FixedReal(0.5, "iid")))
    assert all(
        r.summarizes(codes)
        for r in (AccumulateSubsample(), FixedReal(0.5, "iid"), Mixture(0.5, 0.2, 0.3))
    )
    assert not Curate(len, 0.5).summarizes(codes)
