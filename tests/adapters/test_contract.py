"""The traps of other libraries' models, one check each, and adapters that fall into them."""

import copy
import functools
import pickle

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture

from collapse_bench.adapters import as_model, name_of
from collapse_bench.generation import draw
from collapse_bench.streams import generator
from tests.adapters import contract
from tests.adapters.zoo import ROWS, ZOO, ByNumber, Synthesizer, fitted

NAMES = tuple(ZOO)
FITTED = tuple(name for name, (_, _, fits) in ZOO.items() if fits)


@functools.cache
def made(name):
    make, keywords, fits = ZOO[name]
    need = ("sample", "fit") if fits else ("sample",)
    return as_model(make(), need=need, **keywords)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", contract.SAMPLER_CHECKS)
def test_an_adapted_model_samples_as_ours_do(check, name):
    check(made(name))


@pytest.mark.parametrize("name", FITTED)
def test_a_fit_makes_a_new_model_and_touches_nothing(name):
    rows = ROWS[:200] * [1, 2]

    contract.fit_makes_a_new_model(made(name), rows)
    contract.global_generators_stay(made(name), rows)


@pytest.mark.parametrize("name", FITTED)
def test_a_fitted_model_is_one_that_can_be_fitted_again(name):
    again = made(name).fit(ROWS, rng=generator(0)).fit(2 * ROWS, rng=generator(1))

    assert as_model(again) is again
    assert again.sample(3, rng=generator(0)).shape == (3, 2)


@pytest.mark.parametrize("name", sorted({*NAMES} - {*FITTED}))
def test_a_law_is_sampled_from_and_not_fitted(name):
    assert not hasattr(made(name), "fit")


@pytest.mark.parametrize("name", NAMES)
def test_copies_draw_the_same(name):
    model = made(name)
    drawn = model.sample(5, rng=generator(0))
    others = [copy.deepcopy(model)]
    if not name.endswith("-scipy"):
        others.append(pickle.loads(pickle.dumps(model)))

    for other in others:
        np.testing.assert_array_equal(other.sample(5, rng=generator(0)), drawn)


@pytest.mark.parametrize("name", NAMES)
def test_the_object_is_not_changed_by_drawing(name):
    make, keywords, _ = ZOO[name]
    obj = make()
    model = as_model(obj, need=("sample",), **keywords)
    before = pickle.dumps(obj)
    model.sample(10, rng=generator(0))

    # scipy's newer laws keep what they computed
    assert pickle.dumps(obj) == before or name.endswith("-scipy")
    assert model.wrapped is obj


@pytest.mark.parametrize("name", NAMES)
def test_samples_come_through_the_checked_draw(name):
    model = made(name)
    drawn = draw(model, 30, rng=generator(0), batch=20)

    assert len(drawn) == 30
    assert drawn.dtype == model.sample(1, rng=generator(0)).dtype


@pytest.mark.parametrize("name", NAMES)
def test_no_name_holds_an_address(name):
    assert name_of(made(name)) == name_of(ZOO[name][0]())
    assert repr(made(name)) == f"as_model({name_of(made(name))})"
    assert "0x" not in name_of(made(name))


class Naive:
    """An adapter as one would first write it."""

    def __init__(self, wrapped, draws):
        self.wrapped, self.draws = wrapped, draws

    def sample(self, size, *, rng):
        return self.draws(self.wrapped, size, rng)


def mixture():
    return GaussianMixture(2, random_state=0).fit(ROWS)


def seeded(model, size, rng):
    model.random_state = int(rng.integers(1 << 32))
    return model.sample(size)[0]


def seeding_torch(law, size, rng):
    torch.manual_seed(int(rng.integers(1 << 32)))
    return law.sample((size,)).double().numpy()


@pytest.mark.parametrize(
    ("check", "naive"),
    [
        (contract.draws_follow_the_stream, Naive(mixture(), lambda m, n, rng: m.sample(n)[0])),
        (contract.order_says_nothing, Naive(mixture(), seeded)),
        (
            contract.draws_are_laid_out,
            Naive(stats.gaussian_kde(ROWS.T), lambda m, n, rng: m.resample(n, seed=rng)),
        ),
        (
            contract.draws_are_laid_out,
            Naive(stats.gaussian_kde(ROWS.T), lambda m, n, rng: m.resample(n, seed=rng).T),
        ),
        (
            contract.draws_are_laid_out,
            Naive(stats.multivariate_normal([0, 0]), lambda m, n, rng: m.rvs(n, random_state=rng)),
        ),
        (
            contract.draws_follow_the_stream,
            Naive(torch.distributions.Normal(0.0, 1.0), lambda m, n, rng: m.sample((n,)).numpy()),
        ),
        (
            contract.global_generators_are_not_read,
            Naive(torch.distributions.Normal(0.0, 1.0), lambda m, n, rng: m.sample((n,)).numpy()),
        ),
        (
            contract.global_generators_stay,
            Naive(torch.distributions.Normal(0.0, 1.0), seeding_torch),
        ),
        (
            contract.draws_are_laid_out,
            Naive(ByNumber().eval(), lambda m, n, rng: m.sample(n).detach().numpy()),
        ),
        (
            contract.draws_follow_the_stream,
            Naive(fitted(Synthesizer()), lambda m, n, rng: m.sample(num_rows=n).to_numpy()),
        ),
    ],
)
def test_each_check_catches_an_adapter_that_falls_for_it(check, naive):
    with pytest.raises(AssertionError):
        check(naive)


class InPlace:
    """Fits the object it was given and returns itself."""

    def __init__(self, wrapped):
        self.wrapped = wrapped

    def sample(self, size, *, rng):
        return seeded(self.wrapped, size, rng)

    def fit(self, samples, *, rng):
        self.wrapped.random_state = int(rng.integers(1 << 32))
        self.wrapped.fit(samples)
        return self


class NewButUnseeded(InPlace):
    """Fits a new object from numpy's global generator."""

    def fit(self, samples, *, rng):
        return InPlace(GaussianMixture(8, init_params="random", max_iter=500).fit(samples))


def test_the_check_of_fits_catches_one_in_place_and_one_by_chance():
    with pytest.raises(AssertionError):
        contract.fit_makes_a_new_model(InPlace(mixture()), ROWS[:200].copy())
    with pytest.raises(AssertionError):
        contract.fit_makes_a_new_model(NewButUnseeded(mixture()), ROWS[:200].copy())
