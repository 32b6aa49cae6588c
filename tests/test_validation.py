import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from collapse_bench import validation
from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.validation import (
    as_codes,
    as_numbers,
    as_samples,
    check_count,
    check_real,
    one_of,
)

finite = st.floats(-1e300, 1e300)


@given(st.integers(1, 2**80))
def test_a_count_comes_back(value):
    assert check_count("size", value) == value


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True, np.float64(2)])
def test_anything_else_is_no_count(value):
    with pytest.raises(InvalidArgument) as caught:
        check_count("size", value)
    assert str(caught.value) == f"size must be an integer >= 1; got size={value!r}"


def test_counts_may_start_elsewhere():
    assert check_count("size", np.int32(0), least=0) == 0
    with pytest.raises(InvalidArgument, match="size must be an integer >= 2; got size=1"):
        check_count("size", 1, least=2)


@given(finite, finite, finite)
def test_a_real_comes_back_if_and_only_if_it_is_inside(value, a, b):
    low, high = sorted((a, b))
    inside = {
        "both": low <= value <= high,
        "left": low <= value < high,
        "right": low < value <= high,
        "neither": low < value < high,
    }
    for closed, expected in inside.items():
        try:
            found = check_real("x", value, low=low, high=high, closed=closed)
        except InvalidArgument:
            assert not expected
        else:
            assert expected
            assert found == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "0.1", None, True, 1j])
def test_anything_else_is_no_real(value):
    with pytest.raises(InvalidArgument) as caught:
        check_real("alpha", value, low=0, high=1)
    assert str(caught.value) == f"alpha must be a number in (0, 1); got alpha={value!r}"


def test_one_of_lists_the_options():
    assert one_of("tail", "both", ["both", "upper"]) == "both"
    with pytest.raises(
        InvalidArgument, match="tail must be one of 'both', 'upper'; got tail='lower'"
    ):
        one_of("tail", "lower", ["both", "upper"])


@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, max_side=5), elements=finite))
def test_numbers_are_a_table_of_doubles(array):
    for given_array in (array, array.tolist(), torch.from_numpy(array), np.asfortranarray(array)):
        numbers = as_numbers("samples", given_array)

        assert numbers.dtype == np.float64
        np.testing.assert_array_equal(numbers, array.reshape(len(array), -1))


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        ([], r"x must have shape \(n, d\) or \(n,\) with n, d >= 1; got shape \(0,\)"),
        (1.0, r"got shape \(\)"),
        (np.zeros((2, 2, 2)), r"got shape \(2, 2, 2\)"),
        ([[1.0], [1.0, 2.0]], "x must be rectangular; numpy says: "),
        (["a"], "x must hold real numbers; got dtype <U1: pass kind='codes' for categories"),
        ([True], "x must hold real numbers; got dtype bool: pass kind='codes' for categories"),
        ([1j], "x must hold real numbers; got dtype complex128$"),
        ([None, 1.0], "x must hold real numbers; got dtype object$"),
        (
            [[0.0, 1.0], [math.inf, math.nan]],
            "x must be finite; 2 of 4 values are not, the first at row 1, column 0: inf",
        ),
        (torch.zeros(2, device="meta"), "x must be a dense tensor with data; .* device meta"),
        (torch.zeros(2, 2).to_sparse(), "x must be a dense tensor with data; .*sparse_coo"),
    ],
)
def test_what_is_no_numbers_is_told(samples, sentence):
    with pytest.raises(InvalidSamples, match=sentence):
        as_numbers("x", samples)


def test_the_width_may_be_asked_for():
    assert as_numbers("x", [[1, 2]], columns=2).shape == (1, 2)
    with pytest.raises(InvalidSamples, match=r"x must have 1 columns; got shape \(1, 2\)"):
        as_numbers("x", [[1, 2]], columns=1)


def test_size_is_weighed_before_anything_is_copied():
    for huge in (np.broadcast_to(0.0, 2**40), torch.zeros(1).expand(2**40)):
        with pytest.raises(
            InvalidSamples, match="x must hold at most 2,147,483,648 values; got 1,099,511,627,776"
        ):
            as_numbers("x", huge)
    assert validation.MOST_VALUES == 2**31


@given(st.lists(st.integers(-(2**60), 2**60) | st.booleans(), min_size=1, max_size=9))
def test_codes_come_back_in_a_row(codes):
    array = np.asarray(codes)

    np.testing.assert_array_equal(as_codes("x", array[:, None]), as_codes("x", codes))
    np.testing.assert_array_equal(as_codes("x", codes), array)


def test_whole_floats_are_codes():
    assert as_codes("x", [1.0, 3.0]).dtype == np.int64


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        ([], r"x must have shape \(n,\) with n >= 1; got shape \(0,\)"),
        ([[1, 2]], r"x must have shape \(n,\) with n >= 1; got shape \(1, 2\)"),
        ([0.5], r"x must hold codes \(integers, strings or booleans\); got dtype float64"),
        ([math.nan], "got dtype float64"),
        ([None], "got dtype object"),
    ],
)
def test_what_is_no_codes_is_told(samples, sentence):
    with pytest.raises(InvalidSamples, match=sentence):
        as_codes("x", samples)


@pytest.mark.parametrize(
    ("samples", "kind", "expected"),
    [
        (["a"], None, "codes"),
        (np.array(["a"], dtype=object), None, "codes"),
        ([b"a"], None, "codes"),
        ([True], None, "codes"),
        ([1], None, "numbers"),
        ([1.0], None, "numbers"),
        ([1], "codes", "codes"),
        ([1], "numbers", "numbers"),
    ],
)
def test_kind_is_what_the_values_look_like_unless_said(samples, kind, expected):
    assert as_samples("x", samples, kind)[1] == expected


def test_other_kinds_are_refused():
    with pytest.raises(
        InvalidArgument, match="kind must be 'numbers' or 'codes' for x; got kind='t"
    ):
        as_samples("x", [1], "tokens")
    with pytest.raises(
        InvalidArgument, match="kind must be one of 'numbers', 'codes'; got kind='z'"
    ):
        as_samples("x", [1], "z")
