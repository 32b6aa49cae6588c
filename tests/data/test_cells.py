"""Cells of a column: which are missing, and what no column holds without merging states."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.data import SampleSet, Table, match_columns
from collapse_bench.errors import InvalidArgument, InvalidSamples

NAN = float("nan")
HALF = "a\ud800"  # of a surrogate pair
FLOATS = st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-99)
CELLS = {
    "text": st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    "booleans": st.booleans(),
    "numbers": FLOATS | st.integers(-(2**53), 2**53),
}


@pytest.mark.parametrize("form", [list, tuple, pd.Series, lambda c: np.array(c, object)])
@pytest.mark.parametrize("gap", [None, NAN, np.float64("nan")], ids=str)
@pytest.mark.parametrize("known", ["a", 1.5, 3, True])
def test_none_and_nan_are_missing_cells_of_any_kind(form, gap, known):
    column = Table.of({"k": form([known, gap, known])})["k"]

    assert column.missing.tolist() == [False, True, False]
    assert column.observed.tolist() == [known, known]


@settings(deadline=None)  # the first frame of text imports pyarrow
@given(st.data())
def test_a_list_and_a_frame_of_it_are_one_table(data):
    cells = data.draw(st.sampled_from(sorted(CELLS)).map(CELLS.__getitem__))
    column = data.draw(st.lists(st.sampled_from([None, NAN]) | cells, min_size=1))

    frame = pd.DataFrame({"k": pd.Series(column, dtype=object)})
    assert Table.of({"k": column}).sha256 == Table.of(frame).sha256


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([1, "1", True], "bool, int, str"),
        ((1, True, 2.5), "bool, float, int"),
        ([True, 0], "bool, int"),
        (["a", 1.5, None], "float, str"),
        (["a", b"a"], "bytes, str"),
    ],
)
def test_mixtures_are_refused(cells, told):
    with pytest.raises(InvalidSamples, match=f"^column 'k' of t must hold .*; got {told}$"):
        Table.of({"k": cells}, name="t")


@pytest.mark.parametrize(
    ("values", "observed"),
    [
        (np.array([1.0, 2.0, 3.0]), [1.0, 3.0]),
        (np.array([1, 2, 3]), [1.0, 3.0]),
        (np.array(["a", "b", "c"]), ["a", "c"]),
        (np.array([True, True, False]), [True, False]),
    ],
    ids=str,
)
def test_masked_cells_are_missing(values, observed):
    column = Table.of({"k": np.ma.masked_array(values, [0, 1, 0])})["k"]

    assert column.missing.tolist() == [False, True, False]
    assert column.observed.tolist() == observed
    assert not Table.of({"k": np.ma.masked_array(values)})["k"].missing.any()


@pytest.mark.parametrize("dtype", ["u8", "f8", object])
def test_categories_beyond_64_bits_are_refused(dtype):
    codes = pd.Categorical(np.array([2**63, 2**63 + 2**12], dtype))

    with pytest.raises(
        InvalidSamples, match=r"column 'k' of t .* numbers up to 2\*\*(63 - 1|53), "
    ):
        Table.of(pd.DataFrame({"k": codes}), name="t")


@pytest.mark.parametrize("form", [pd.Series, pd.Categorical, pd.CategoricalIndex])
def test_categories_in_a_mapping_are_codes_as_in_a_frame(form):
    assert Table.of({"k": form(pd.Categorical([3, 5]))})["k"].holds == "integers"


@pytest.mark.parametrize("extra", [[], [None]])
def test_categories_of_63_bits_stay_apart(extra):
    codes = [2**62, 2**62 + 1, 2**63 - 1]
    frame = pd.DataFrame({"k": pd.Categorical([*codes, *extra])})

    assert Table.of(frame)["k"].observed.tolist() == codes


@pytest.mark.parametrize(
    "cells",
    [
        np.arange(2**60, 2**60 + 50),
        list(range(2**60, 2**60 + 50)),
        np.arange(-(2**60) - 50, -(2**60)),
        np.arange(2**63, 2**63 + 50, dtype=np.uint64),
        [2**53 + 1, 0.5],
        [2**53 + 1, None],
        [2**70, 1],
        pd.array([2**53 + 1, None], "Int64"),
    ],
    ids=str,
)
def test_whole_numbers_that_float64_rounds_are_refused(cells):
    for source in ({"k": cells}, pd.DataFrame({"k": pd.Series(cells, dtype=object)})):
        with pytest.raises(
            InvalidSamples,
            match=r"^column 'k' of t must hold whole numbers up to 2\*\*53, beyond .*; got -?[0-9]+"
            r" in row 0 \(rows count from 0\): give them as text if they are codes$",
        ):
            Table.of(source, name="t")


def test_whole_numbers_that_float64_holds_are_kept():
    most = 2**53

    assert Table.of({"k": [most, -most, most - 1]})["k"].values.tolist() == [most, -most, most - 1]


def test_numbers_beyond_53_bits_are_no_codes_of_a_reference():
    reference = Table.of(pd.DataFrame({"k": pd.Categorical([1, 2])}), name="real")

    with pytest.raises(InvalidSamples, match=r"codes \(integers\) in 'k', .*; got numbers"):
        match_columns(Table.of({"k": [1e100, 2e100]}), reference)


@pytest.mark.parametrize(
    "form", [list, lambda c: pd.Series(c, dtype=object), lambda c: np.array(c, object)]
)
@pytest.mark.parametrize(
    ("bad", "words"), [("a\0", "doesn't end in NUL"), (HALF, "surrogate pair")]
)
def test_text_that_numpy_or_files_cannot_hold_is_refused(form, bad, words):
    with pytest.raises(InvalidSamples, match=f"^column 'k' of t must hold text .*{words}; got 'a"):
        Table.of({"k": form(["a", bad])}, name="t")


def test_names_that_files_cannot_hold_are_refused():
    with pytest.raises(InvalidArgument, match=r"without half a surrogate pair; got 'a.ud800'$"):
        Table.of({HALF: [1.0, 2.0]})


@pytest.mark.parametrize("worst", [1e200, -1e200, 1.1e150])
def test_numbers_whose_squares_overflow_are_refused_by_name(worst):
    rows = [[1.0, 0.0], [2.0, worst]]
    for source in (dict(zip("ab", np.transpose(rows), strict=True)), [*rows]):
        if isinstance(source, list):
            source = SampleSet.of(source, columns=("a", "b"))
        with pytest.raises(
            InvalidSamples, match=r"^column 'b' of t must hold values up to 1e\+150; "
        ):
            Table.of(source, name="t")


@pytest.mark.parametrize("cells", [[1e-200, 2e-200], [0.0, 1e-160, None], [-5e-324, 0.0]])
def test_numbers_whose_spread_underflows_are_refused_by_name(cells):
    with pytest.raises(
        InvalidSamples,
        match=r"^column 'k' of t must be constant or vary by at least 1e-150; got values from .*: "
        "rescale it$",
    ):
        Table.of({"k": cells}, name="t")


@pytest.mark.parametrize("cells", [[1e-200, 1e-200], [0.0, 1e-149], [1e150, -1e150], [1e-200, 1.0]])
def test_numbers_with_a_variance_or_none_are_kept(cells):
    assert Table.of({"k": cells})["k"].values.tolist() == cells


def test_missing_cells_have_no_part_in_what_a_column_spreads():
    assert Table.of({"k": [1e-200, None]})["k"].observed.tolist() == [1e-200]
    with pytest.raises(InvalidSamples, match="must hold values up to"):
        Table.of({"k": np.array([1e200, NAN])})


def test_huge_whole_numbers_are_no_tokens_of_a_reference():
    reference = SampleSet.of([[1, 2], [3, 4]], kind="tokens", name="real")

    with pytest.raises(InvalidSamples, match=r"must hold tokens, as .*; got numbers"):
        match_columns(SampleSet.of([[1e100, 2e100]]), reference)
