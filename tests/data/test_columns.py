import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.data import SampleSet, load_reference, match_columns
from collapse_bench.errors import InvalidSamples


def table(*columns, kind=None, name="samples"):
    values = np.arange(2.0 * len(columns)).reshape(2, -1)
    return SampleSet.of(values, columns=columns, kind=kind, name=name)


def test_order_follows_the_reference():
    matched = match_columns(table("b", "a", name="gen.csv"), table("a", "b"))

    assert matched.columns == ("a", "b")
    assert matched.values.tolist() == [[1.0, 0.0], [3.0, 2.0]]
    assert matched.name == "gen.csv"


def test_equal_columns_are_left_alone():
    samples = table("a", "b")

    assert match_columns(samples, table("a", "b")) is samples


@given(st.permutations(["a", "b", "c", "d"]))
def test_any_order_gives_the_same_set(order):
    reference = table("a", "b", "c", "d")
    index = [reference.columns.index(name) for name in order]
    samples = SampleSet.of(reference.values[:, index], columns=tuple(order))

    assert match_columns(samples, reference).sha256 == reference.sha256


def test_a_missing_column_is_named():
    with pytest.raises(
        InvalidSamples,
        match=r"samples must have the columns of the reference 'real\.csv'; 'gen\.csv' lacks 'b' "
        r"and has 'a', 'c': rename them, or choose common ones with --collapse-columns",
    ):
        match_columns(table("a", "c", name="gen.csv"), table("a", "b", name="real.csv"))


def test_an_extra_column_is_refused_by_name():
    with pytest.raises(
        InvalidSamples,
        match=r"samples must have only columns of the reference 'samples'; 'gen\.csv' also has "
        r"'id': choose those to judge with --collapse-columns",
    ):
        match_columns(table("a", "id", name="gen.csv"), table("a"))


def test_many_names_are_shortened():
    with pytest.raises(InvalidSamples, match="'c7' and 12 more"):
        match_columns(table("a", *(f"c{index}" for index in range(20))), table("a"))


@pytest.mark.parametrize("named", [True, False])
def test_arrays_without_names_match_by_width(named):
    reference = table("a", "b")
    other = SampleSet.of([[5.0, 6.0]])
    samples, reference = (reference, other) if named else (other, reference)

    assert match_columns(samples, reference) is samples


def test_another_width_is_refused():
    with pytest.raises(
        InvalidSamples,
        match=r"samples must have 2 columns, as the reference 'samples' has; got 1 column in 'g'",
    ):
        match_columns(SampleSet.of([1.0], name="g"), table("a", "b"))


def test_whole_numbers_become_codes_for_a_reference_of_integers():
    reference = load_reference("zipf", size=10)
    matched = match_columns(SampleSet.of([3.0, 1.0]), reference)

    assert matched.kind == "codes"
    assert matched.sha256 == SampleSet.of([3, 1], kind="codes").sha256


@pytest.mark.parametrize("values", [[0.5, 1.0], [[1, 2]], ["a", "b"]])
def test_other_kinds_are_refused(values):
    integers = SampleSet.of([1, 2], kind="codes")
    numbers = SampleSet.of([1, 2])
    samples = SampleSet.of(values)
    reference = numbers if samples.kind == "codes" else integers

    with pytest.raises(
        InvalidSamples,
        match=f"samples must hold {reference.kind}, as the reference 'samples' does; "
        f"got {samples.kind} in 'samples'",
    ):
        match_columns(samples, reference)


def test_codes_match_codes():
    samples = SampleSet.of(["a", "b"])

    assert match_columns(samples, SampleSet.of(["b"])) is samples
