"""What every adapted model must do, and adapters that don't."""

# ruff: noqa: NPY002  (the global generator's state is what is watched)

import copy
import pickle
import random

import numpy as np
import torch

from collapse_bench.streams import generator

SIZE = 2_000
Z = 4.5  # a sound model is flagged once in 150,000 looks; the seeds are fixed besides


def global_states():
    """Return the states of every global generator, as bytes."""
    return [
        pickle.dumps(state)
        for state in (
            random.getstate(),
            np.random.get_state(legacy=False),
            torch.get_rng_state().numpy(),
        )
    ]


def draws_follow_the_stream(model):
    first, again, other = (model.sample(SIZE, rng=generator(seed)) for seed in (1, 1, 2))
    rng = generator(3)
    one, two = model.sample(SIZE, rng=rng), model.sample(SIZE, rng=rng)

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (one != two).any()


def draws_are_laid_out(model):
    kind = getattr(model, "kind", "numbers")
    for size in (1, 2, 7):
        drawn = model.sample(size, rng=generator(size))
        assert type(drawn) is np.ndarray
        assert len(drawn) == size
        assert drawn.ndim == (1 if kind == "codes" else 2)
        assert drawn.dtype.kind in ("iU" if kind == "codes" else "f")
        if kind == "numbers":
            assert drawn.dtype == np.float64
        assert drawn.flags.c_contiguous
        assert drawn.flags.owndata
        assert drawn.flags.writeable


def order_says_nothing(model):
    """The correlation of a sample with the next one, of every column."""
    drawn = np.asarray(model.sample(SIZE, rng=generator(4)))
    columns = drawn.reshape(SIZE, -1).astype(float).T
    for column in columns:
        assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < Z / np.sqrt(SIZE)


def global_generators_stay(model, rows=None):
    for state in global_states_to_start_from():
        state()
        before = global_states()
        model.sample(10, rng=generator(0))
        if hasattr(model, "log_prob"):
            model.log_prob(model.sample(3, rng=generator(0)))
        if rows is not None:
            model.fit(rows, rng=generator(0))
        assert global_states() == before


def global_generators_are_not_read(model):
    draws = []
    for state in global_states_to_start_from():
        state()
        draws.append(model.sample(20, rng=generator(0)))
    np.testing.assert_array_equal(draws[0], draws[1])


def global_states_to_start_from():
    def fresh():
        random.seed(5)
        np.random.seed(5)
        torch.manual_seed(5)

    def half_used():  # with a spare normal kept back
        random.seed(6)
        np.random.seed(6)
        torch.manual_seed(6)
        random.gauss(0, 1), np.random.normal(), torch.randn(3)

    return fresh, half_used


def fit_makes_a_new_model(model, rows):
    given, before = rows.copy(), frozen_draws(model)
    rows.setflags(write=False)
    fitted, again, other = (
        model.fit(rows if seed else given, rng=generator(seed)) for seed in (1, 1, 0)
    )
    assert fitted is not model
    assert frozen_draws(model) == before
    np.testing.assert_array_equal(given, rows)
    assert frozen_draws(fitted) == frozen_draws(again)
    assert frozen_draws(fitted) != before
    assert len(frozen_draws(other)) == len(frozen_draws(fitted))


def frozen_draws(model):
    """Return the bytes of some draws; of a model that isn't fitted yet, nothing."""
    if getattr(model, "unfitted", False):
        return b""
    return copy.deepcopy(model).sample(50, rng=generator(9)).tobytes()


SAMPLER_CHECKS = (
    draws_follow_the_stream,
    draws_are_laid_out,
    order_says_nothing,
    global_generators_stay,
    global_generators_are_not_read,
)
