"""With stand-ins that have SDV's signatures and habits."""

import copy
import functools
import pickle

import numpy as np
import pandas
import pytest

from collapse_bench.adapters import as_model, unfitted
from collapse_bench.errors import InvalidArgument, InvalidSpec, ModelError
from collapse_bench.generation import draw
from collapse_bench.streams import generator
from tests.adapters.zoo import ROWS, GlobalSynthesizer, Synthesizer, fitted

COLUMNS = ["age", "income"]
RNG = functools.partial(generator, 0)


@pytest.mark.parametrize("make", [Synthesizer, GlobalSynthesizer])
def test_it_is_fitted_by_a_copy_to_a_frame_with_the_columns_names(make):
    synthesizer = make()
    model = as_model(synthesizer, columns=COLUMNS)

    assert unfitted(synthesizer)
    with pytest.raises(ModelError, match="Synthesizer must be fitted first, before sample"):
        model.sample(3, rng=generator(0))
    one = model.fit(ROWS, rng=generator(0))
    assert unfitted(synthesizer)
    assert (synthesizer.processor, one.wrapped.processor) == ({}, {"rows": len(ROWS)})
    # The columns come back in the order of the rows, though the stand-in reverses them.
    np.testing.assert_allclose(one.wrapped.mean, ROWS.mean(0))
    rows = one.sample(4_000, rng=generator(0))
    np.testing.assert_allclose(rows.mean(0), ROWS.mean(0), atol=4.5 * 3.6 / np.sqrt(4_000))
    two = one.fit(ROWS + 1, rng=generator(0))
    np.testing.assert_allclose(two.wrapped.mean, ROWS.mean(0) + 1)


def test_without_names_columns_stay_as_they_come_and_are_numbered_for_a_fit():
    numbered = as_model(Synthesizer(("column_0", "column_1"))).fit(ROWS, rng=generator(0))

    assert numbered.sample(3, rng=generator(0)).shape == (3, 2)
    plain = as_model(fitted(Synthesizer())).sample(3, rng=generator(0))
    named = as_model(fitted(Synthesizer()), columns=COLUMNS).sample(3, rng=generator(0))
    np.testing.assert_array_equal(plain, named[:, ::-1])


def test_without_names_a_fitted_one_gives_columns_as_it_got_them():
    """The stand-in reverses them."""
    model = as_model(Synthesizer(("column_0", "column_1"))).fit(ROWS * [1, 0] + [0, 900], rng=RNG())
    again = model.fit(model.sample(50, rng=RNG()), rng=RNG())

    for fitted_once in (model, again, copy.deepcopy(again), pickle.loads(pickle.dumps(again))):
        assert (fitted_once.sample(9, rng=RNG())[:, 1] == 900).all()
    model.wrapped.columns = ["a", "b"]
    with pytest.raises(
        ModelError, match=r"must return the column 'column_0'; got b \(float64\), a"
    ):
        model.sample(2, rng=RNG())


def test_a_fit_of_ones_own_names_the_columns_itself():
    def named(synthesizer, samples, rng):
        synthesizer.fit(pandas.DataFrame(samples, columns=COLUMNS))
        return synthesizer

    model = as_model(Synthesizer(), fit=named).fit(ROWS * [1, 0] + [0, 900], rng=RNG())

    assert (model.sample(9, rng=RNG())[:, 0] == 900).all()  # as they come


def test_its_own_generator_stays_where_it_was():
    synthesizer = fitted(Synthesizer())
    twin = copy.deepcopy(synthesizer)
    as_model(synthesizer).sample(3, rng=generator(0))

    assert synthesizer.sample(2).equals(twin.sample(2))


class Table:
    """Returns the frame that it was made with."""

    def __init__(self, **columns):
        self.frame = pandas.DataFrame(columns)

    def sample(self, num_rows, batch_size=None):
        return self.frame


def test_a_column_of_text_is_codes_if_one_says_so():
    model = as_model(Table(word=["b", "a"], n=[1, 2]), need=("sample",), columns=["word"])
    with pytest.raises(ModelError, match="pass kind='codes' for categories"):
        model.sample(2, rng=generator(0))

    codes = as_model(
        Table(word=["b", "a"], n=[1, 2]), need=("sample",), columns=["word"], kind="codes"
    )
    assert codes.sample(2, rng=generator(0)).tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("table", "columns", "sentence"),
    [
        (Table(a=[1, 2]), ["b"], r"sample must return the column 'b'; got a \(int64\)"),
        (Table(a=[1, 2], b=["x", "y"]), None, r"numbers, or one of codes; got a \(int64\), b \("),
        (Table(a=[1, 2, 3]), None, r"Table\.sample\(2\) must return 2 samples; got 3"),
    ],
)
def test_tables_that_are_no_samples(table, columns, sentence):
    model = as_model(table, need=("sample",), columns=columns)

    with pytest.raises(ModelError, match=sentence):
        model.sample(2, rng=generator(0))


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ({"a": pandas.array([1, 2], dtype="Int64"), "b": [0.5, 1.5]}, [[1, 0.5], [2, 1.5]]),
        ({"a": [True, False], "b": [0.5, 1.5]}, [[1, 0.5], [0, 1.5]]),
        ({"a": [True, False], "b": [True, True]}, [[1, 1], [0, 1]]),
        ({"a": pandas.array([True, False], dtype="boolean"), "b": [1, 2]}, [[1, 1], [0, 2]]),
    ],
)
def test_nullable_columns_and_flags_beside_others_are_numbers(columns, rows):
    drawn = as_model(Table(**columns), need=("sample",)).sample(2, rng=RNG())

    assert (drawn.dtype, drawn.tolist()) == (np.float64, rows)


def test_what_is_missing_in_a_nullable_column_is_no_finite_number():
    table = Table(a=pandas.array([1, None], dtype="Int64"), b=[0.5, 1.5])
    with pytest.raises(ModelError, match="must be finite; 1 of 4 values are not"):
        draw(as_model(table, need=("sample",)), 2, rng=RNG())


def test_a_flag_alone_is_a_code():
    model = as_model(Table(a=[True, False]), need=("sample",), kind="codes")

    assert model.sample(2, rng=RNG()).dtype == bool


def test_a_name_is_no_sequence_of_names():
    with pytest.raises(
        InvalidArgument, match=r"^columns must be a sequence of names; got .*='ab'$"
    ):
        as_model(Synthesizer(), columns="ab")


def test_names_must_be_as_many_as_columns():
    with pytest.raises(ModelError, match=r"columns must name 2 columns; got columns=\['age'\]"):
        as_model(Synthesizer(), columns=["age"]).fit(ROWS, rng=generator(0))


def test_one_without_a_fit_is_sampled_from():
    with pytest.raises(InvalidSpec, match="Table, which is only sampled from"):
        as_model(Table(a=[1]))
    with pytest.raises(InvalidArgument, match=r"^fit must be a function of .*; got fit=3$"):
        as_model(Table(a=[1]), fit=3)
