"""Tables in memory: what their columns hold, what identifies them, and which samples fit them."""

import datasets
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.data import SampleSet, Table, load_samples, match_columns
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec

MIXED = {
    "age": [31.5, None, 40.0],
    "sex": ["F", "M", None],
    "old": [True, False, True],
}

FLOATS = st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-99)  # no tiny spreads
CELLS = {
    "numbers": st.one_of(st.none(), FLOATS),
    "strings": st.one_of(st.none(), st.text(st.characters(codec="ascii", exclude_characters="\0"))),
    "booleans": st.one_of(st.none(), st.booleans()),
}


@st.composite
def columns(draw):
    """Columns of any kinds, of one length, in each of which a cell is known at least."""
    size = draw(st.integers(2, 6))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
    known = {"numbers": 0.5, "strings": "x", "booleans": True}
    return {
        f"c{place}": [known[kind], *draw(st.lists(CELLS[kind], min_size=size, max_size=size))]
        for place, kind in enumerate(kinds)
    }


def test_a_mapping_holds_numbers_strings_and_booleans():
    table = Table.of(MIXED, name="people")

    assert (table.name, len(table), table.columns) == ("people", 3, ("age", "sex", "old"))
    assert [column.kind for column in table.cells] == ["numbers", "codes", "codes"]
    assert [column.count_missing for column in table.cells] == [1, 1, 0]
    assert np.isnan(table["age"].values[1])
    assert table["sex"].states().tolist() == ["=F", "=M", ""]


@given(columns())
def test_a_mapping_a_frame_and_a_dataset_are_one_table(cells):
    table = Table.of(cells)

    assert Table.of(pd.DataFrame(cells)).sha256 == table.sha256
    assert Table.of(datasets.Dataset.from_dict(cells)).sha256 == table.sha256
    assert Table.of(table.to_frame()).sha256 == table.sha256


@settings(max_examples=20)  # each writes and parses a file
@given(columns())
def test_a_saved_table_is_read_as_it_was(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("table") / "t.parquet"
    table = Table.of(cells)
    table.save(path)
    found = load_samples(path)

    assert Table.of(found).sha256 == table.sha256


def test_whole_numbers_that_are_codes_are_read_as_such(tmp_path):
    features = datasets.Features(
        {"y": datasets.ClassLabel(names=["a", "b"]), "x": datasets.Value("float64")}
    )
    rows = datasets.Dataset.from_dict({"y": [0, None, 1], "x": [0.5, 1.5, 2.5]}, features)
    table = Table.of(rows)
    table.save(tmp_path / "t.parquet")

    assert (table["y"].holds, table["y"].count_missing) == ("integers", 1)
    assert load_samples(tmp_path / "t.parquet").sha256 == table.sha256
    assert Table.of(pd.DataFrame({"y": pd.Categorical([3, 5])}))["y"].holds == "integers"


@given(columns(), st.randoms())
def test_what_is_in_a_table_decides_its_digest(cells, random):
    table = Table.of(cells)
    turned = dict(random.sample(sorted(cells.items()), len(cells)))
    other = {name: [None, *column[1:]] for name, column in cells.items()}

    assert (Table.of(turned).sha256 == table.sha256) == (list(turned) == list(cells))
    assert Table.of(other).sha256 != table.sha256
    assert table.take(np.arange(len(table))).sha256 == table.sha256
    assert Table.joined([table, table]).take(np.arange(len(table))).sha256 == table.sha256


def test_a_table_is_a_copy_that_does_not_change():
    ages = np.array([1.0, 2.0])
    table = Table.of({"age": ages})
    ages[0] = 9

    assert table["age"].values.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        table["age"].values[0] = 9
    with pytest.raises(AttributeError):
        table.name = "other"


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ({}, InvalidSamples, "must have rows and columns; got 0 rows of 0 columns"),
        ({"a": []}, InvalidSamples, "must have rows and columns; got 0 rows of 1 columns"),
        ({"a": [1], "b": [1, 2]}, InvalidSamples, "must be of one length; got 'a' 1, 'b' 2"),
        ({"a": [[1], [2]]}, InvalidSamples, r"column 'a' of t must have shape \(n,\)"),
        ({"a": [1.0, np.inf]}, InvalidSamples, "must be finite; 1 of 2 .* in row 1 .*: inf"),
        ({"a": [True, 1, None]}, InvalidSamples, "column 'a' of t must hold .*; got bool, int"),
        ({"a": [{}, {}]}, InvalidSamples, "must hold numbers or codes; got dict"),
        ({"a": [1, "x", None]}, InvalidSamples, "must hold numbers or codes; got int, str"),
        ({"a": np.array(["2020-01-01"], "M8[D]")}, InvalidSamples, "got dtype datetime64"),
        ({3: [1.0]}, InvalidArgument, "columns of t must be different names; got 3"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), InvalidArgument, "got 'a' again"),
        (pd.DataFrame({"t": pd.to_datetime(["2020-01-01"])}), InvalidSamples, "got datetime64"),
        ([[1.0]], InvalidArgument, "must be a mapping of names to columns, .*; got list"),
        (SampleSet.of([1.0]), InvalidArgument, "must have named columns .*; got numbers without"),
    ],
    ids=str,
)
def test_what_is_no_table_is_refused(source, error, words):
    with pytest.raises(error, match=words):
        Table.of(source, name="t")


def test_a_table_is_no_array():
    with pytest.raises(InvalidSamples, match="of one kind here; got 'people', a table of columns"):
        np.asarray(Table.of(MIXED, name="people"))
    with pytest.raises(
        InvalidArgument, match=r"column must be one of 'people', 'age', .*; got 'x'"
    ):
        Table.of(MIXED, name="people")["x"]


def test_a_table_is_saved_as_parquet_only(tmp_path):
    with pytest.raises(InvalidSpec, match=r"path must end in \.parquet; got"):
        Table.of(MIXED).save(tmp_path / "t.csv")
    with pytest.raises(InvalidSpec, match="path must be writable; got"):
        Table.of(MIXED).save(tmp_path / "none" / "t.parquet")


REFERENCE = Table.of(MIXED, name="real")


def test_samples_take_the_order_of_the_reference():
    samples = Table.of(dict(reversed(MIXED.items())))

    assert match_columns(samples, REFERENCE).sha256 == REFERENCE.sha256
    assert match_columns(REFERENCE, REFERENCE) is REFERENCE


def test_numbers_without_gaps_fit_a_reference_with_gaps():
    samples = SampleSet.of([[1.0], [2.0]], columns=("a",))
    reference = Table.of({"a": [1.0, None]})

    assert match_columns(samples, reference)["a"].values.tolist() == [1.0, 2.0]


def test_a_column_of_which_nothing_is_known_takes_the_kind_of_the_reference():
    samples = Table.of({**MIXED, "sex": [None, None, None]})

    assert match_columns(samples, REFERENCE)["sex"].states().tolist() == ["", "", ""]


def test_whole_numbers_are_codes_where_the_reference_holds_such():
    reference = Table.of(pd.DataFrame({"y": pd.Categorical([0, 1]), "x": [0.5, 1.5]}))

    assert match_columns(Table.of({"y": [1, 1], "x": [1, 2]}), reference)["y"].kind == "codes"
    with pytest.raises(
        InvalidSamples, match=r"must hold codes \(integers\) in 'y', .* got numbers"
    ):
        match_columns(Table.of({"y": [0.5, 1], "x": [1, 2]}), reference)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"old": [None, True, False]},
            "value in each row of 'old', .* 1 of 3 are missing in 'new'",
        ),
        ({"age": ["31", "32", "33"]}, r"must hold numbers in 'age', .*; got codes \(strings\)"),
        ({"sex": [1, 2, 3]}, r"must hold codes \(strings\) in 'sex', .*; got numbers"),
        (
            {"old": ["yes", "no", "no"]},
            r"must hold codes \(booleans\) in 'old'.*got codes \(strings",
        ),
        ({"more": [1, 2, 3]}, "must have only columns of the reference 'real'; 'new' also has 'mo"),
    ],
)
def test_columns_that_differ_are_named(change, words):
    with pytest.raises(InvalidSamples, match=words):
        match_columns(Table.of({**MIXED, **change}, name="new"), REFERENCE)


def test_columns_that_lack_are_named():
    with pytest.raises(InvalidSamples, match="'new' lacks 'sex', 'old' and has 'age'"):
        match_columns(Table.of({"age": [1.0]}, name="new"), REFERENCE)
    with pytest.raises(
        InvalidSamples, match=r"got numbers in 'n\.npy', whose columns have no names"
    ):
        match_columns(SampleSet.of([1.0], name="n.npy"), REFERENCE)


def test_gaps_in_samples_of_a_complete_reference_are_counted():
    reference = SampleSet.of([[1.0, 2.0], [3.0, 4.0]], columns=("a", "b"), name="real")
    samples = Table.of({"a": [1.0, None], "b": [1.0, 2.0]}, name="new")

    with pytest.raises(InvalidSamples, match=r"each row of 'a', .* 1 of 2 are missing in 'new'"):
        match_columns(samples, reference)
    with pytest.raises(InvalidSamples, match=r"must hold tokens, .*; got a table with 'a', 'b'"):
        match_columns(samples, SampleSet.of(["a b"], kind="tokens"))
