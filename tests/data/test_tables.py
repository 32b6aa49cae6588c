import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.data import load_reference, load_samples
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec

ROOT = Path(__file__).parents[2]

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, -1.25, 1e300], "name": ["x", "yz", "x"]})


def save_dataset(frame, path):
    datasets.disable_progress_bars()
    datasets.Dataset.from_pandas(frame, preserve_index=False).save_to_disk(path)


WRITERS = {
    "t.csv": lambda frame, path: frame.to_csv(path, index=False),
    "t.jsonl": lambda frame, path: path.write_text(
        "".join(json.dumps(row) + "\n" for row in frame.to_dict("records"))
    ),
    "t.parquet": lambda frame, path: frame.to_parquet(path),
    "saved": save_dataset,
}
FORMS = pytest.mark.parametrize("form", WRITERS)


@pytest.fixture
def write(tmp_path):
    def write(form, frame):
        WRITERS[form](frame, tmp_path / form)
        return tmp_path / form

    return write


@FORMS
def test_numeric_columns_are_numbers(write, form):
    samples = load_samples(write(form, FRAME[["a", "b"]]))

    assert (samples.kind, samples.columns) == ("numbers", ("a", "b"))
    assert samples.values.tolist() == [[1.0, 0.5], [2.0, -1.25], [3.0, 1e300]]


@FORMS
def test_columns_are_chosen_by_name_in_the_order_asked_for(write, form):
    path = write(form, FRAME)

    assert load_samples(path, columns=("b", "a")).values[0].tolist() == [0.5, 1.0]
    assert load_samples(path, columns=["a"]).values.tolist() == [[1.0], [2.0], [3.0]]


@FORMS
def test_one_column_of_text_is_codes(write, form):
    samples = load_samples(write(form, FRAME), columns=("name",))

    assert (samples.kind, samples.columns) == ("codes", ("name",))
    assert samples.values.tolist() == ["x", "yz", "x"]


@FORMS
def test_integers_are_codes_when_said(write, form):
    samples = load_samples(write(form, FRAME), columns=("a",), kind="codes")

    assert samples.kind == "codes"
    assert samples.values.tolist() == [1, 2, 3]


@FORMS
def test_text_among_numbers_makes_a_table(write, form):
    table = load_reference(write(form, FRAME.assign(b=[0.5, -1.25, 1e150])))

    assert (table.kind, table.columns, len(table)) == ("table", ("a", "b", "name"), 3)
    assert [table[name].holds for name in table.columns] == ["numbers", "numbers", "strings"]
    assert table["a"].values.tolist() == [1.0, 2.0, 3.0]
    assert table["name"].values.tolist() == ["x", "yz", "x"]
    assert table.name.endswith(form)


@FORMS
def test_booleans_are_codes_and_no_numbers(write, form):
    frame = pd.DataFrame({"a": [1, 2], "yes": [True, False]})
    path = write(form, frame)

    assert load_samples(path, columns=("yes",)).values.tolist() == [True, False]
    assert load_samples(path)["yes"].holds == "booleans"


@FORMS
def test_missing_cells_make_a_table(write, form):
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, None, 3, None]})
    table = load_samples(write(form, frame))

    assert table["b"].missing.tolist() == [False, True, False, True]
    assert table["b"].observed.tolist() == [1.0, 3.0]
    assert not table["a"].missing.any()


@pytest.mark.parametrize("form", ["t.csv", "t.parquet", "saved"])
def test_missing_cells_are_counted_and_placed_where_all_are_said_to_be_numbers(write, form):
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, None, 3, None]})

    with pytest.raises(
        InvalidSamples,
        match=r"column 'b' of samples=.* must have a value in each row; 2 of 4 are missing, "
        r"the first in row 1 \(rows count from 0\)",
    ):
        load_samples(write(form, frame), kind="numbers")


def test_a_key_that_a_line_lacks_is_missing(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"a": 1, "b": 2}\n{"a": 3}\n')

    assert load_samples(tmp_path / "t.jsonl")["b"].missing.tolist() == [False, True]


def test_missing_text_makes_a_table_of_one_column(write):
    path = write("t.parquet", pd.DataFrame({"name": ["x", None, "y"]}))

    assert load_samples(path)["name"].states().tolist() == ["=x", "", "=y"]
    with pytest.raises(InvalidSamples, match=r"column 'name' .* 1 of 3 are missing"):
        load_samples(path, kind="codes")


@FORMS
def test_infinite_values_are_counted_and_placed(write, form):
    frame = pd.DataFrame({"a": [1.0, 2.0, np.inf], "b": [0.0, 1.0, 2.0]})

    with pytest.raises(
        InvalidSamples,
        match=r"column 'a' of reference=.* must be finite; 1 of 3 values are not, the first in "
        r"row 2 \(rows count from 0\): inf",
    ):
        load_reference(write(form, frame))


@FORMS
def test_unknown_and_repeated_columns_are_told(write, form):
    path = write(form, FRAME)

    with pytest.raises(
        InvalidArgument, match=r"columns must be columns of .*; got 'nam': did you "
    ):
        load_samples(path, columns=("nam",))
    with pytest.raises(InvalidArgument, match=r"got 'zzz': it has 'a', 'b', 'name'"):
        load_samples(path, columns=("a", "zzz"))
    with pytest.raises(InvalidArgument, match=r"columns must be different names; got 'a' 2 times"):
        load_samples(path, columns=("a", "b", "a"))
    with pytest.raises(InvalidArgument, match=r"columns must be a sequence of names; got columns="):
        load_samples(path, columns="ab")
    with pytest.raises(InvalidArgument, match=r"columns must name at least one column"):
        load_samples(path, columns=())


@settings(max_examples=20)  # each writes and parses a file
@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53)),
        min_size=1,
        max_size=5,
    )
)
def test_csv_numbers_are_read_to_the_last_bit(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("x", "y"), *rows])
    with path.open(newline="") as file:
        oracle = [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]

    np.testing.assert_array_equal(load_samples(path).values, oracle)


def test_types_may_widen_late_in_a_long_file(tmp_path):
    rows = [*range(30_000), 0.5]
    (tmp_path / "t.csv").write_text("x\n" + "\n".join(map(str, rows)))
    (tmp_path / "t.jsonl").write_text("".join(f'{{"x": {row}}}\n' for row in rows))

    for name in ("t.csv", "t.jsonl"):
        np.testing.assert_array_equal(load_samples(tmp_path / name).values[:, 0], rows)


def test_categories_and_class_labels_are_codes(tmp_path):
    frame = pd.DataFrame({"x": pd.Categorical(["a", "b", "a"])})
    frame.to_parquet(tmp_path / "t.parquet")
    features = datasets.Features({"y": datasets.ClassLabel(names=["no", "yes"])})
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict({"y": [0, 1, 1]}, features).save_to_disk(tmp_path / "saved")

    assert load_samples(tmp_path / "t.parquet").values.tolist() == ["a", "b", "a"]
    assert load_samples(tmp_path / "saved").kind == "codes"
    assert load_samples(tmp_path / "saved").values.tolist() == [0, 1, 1]


@pytest.mark.parametrize("cell", [[1.5, 2], {"a": 1}, "2020-01-01"])
def test_lists_records_and_times_are_refused_by_type(tmp_path, cell):
    (tmp_path / "t.jsonl").write_text(json.dumps({"x": cell}) + "\n")

    with pytest.raises(InvalidSamples, match=r"with 'x \((list|struct|timestamp).*\)'"):
        load_samples(tmp_path / "t.jsonl")


def test_a_selection_that_was_saved_keeps_its_order(tmp_path):
    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_dict({"x": [1.0, 2.0, 3.0]}).select([2, 0])
    rows.save_to_disk(tmp_path / "saved")

    assert load_samples(tmp_path / "saved").values.tolist() == [[3.0], [1.0]]


BAD_CSV = {
    "a,b\n": (InvalidSamples, "reference must have rows; got .* with 0"),
    "0.5,1.5\n2,3\n": (
        InvalidSpec,
        "names of its columns in the first line; .* begins '0.5', '1.5'",
    ),
    "7\n8\n": (InvalidSpec, "names of its columns in the first line; .* begins '7'"),
    "a;b\n1;2\n": (InvalidSpec, "must be separated by commas; .* which begins 'a;b'"),
    "a\tb\n1\t2\n": (InvalidSpec, r"must be separated by commas; .* which begins 'a\\tb'"),
    "a,a\n1,2\n": (InvalidSpec, "must have different column names; got .* with 'a' more than once"),
    ",a\n0,2\n": (InvalidSpec, "a name for each column; got .* an index that was written"),
    "a,b\n1,2,3\n": (InvalidSpec, "got .* with 2 names and 3 cells in its first row"),
    "a,b\n1,2\n1,2,3\n": (InvalidSpec, "a cell for each of its 2 columns in every row"),
}


@pytest.mark.parametrize("text", BAD_CSV)
def test_bad_csv_is_refused(tmp_path, text):
    error, sentence = BAD_CSV[text]
    (tmp_path / "t.csv").write_text(text)

    with pytest.raises(error, match=sentence):
        load_reference(tmp_path / "t.csv")


def test_an_index_column_is_left_out_by_choosing_the_others(tmp_path):
    pd.DataFrame({"a": [1.5, 2.5]}).to_csv(tmp_path / "t.csv")
    pd.DataFrame({"a": [1.5, 2.5]}, index=[5, 7]).to_parquet(tmp_path / "t.parquet")

    for name in ("t.csv", "t.parquet"):
        with pytest.raises(InvalidSpec, match="choose those to judge with --collapse-columns"):
            load_samples(tmp_path / name)
        assert load_samples(tmp_path / name, columns=("a",)).values.tolist() == [[1.5], [2.5]]


def test_names_that_pandas_counts_are_names(tmp_path):
    pd.DataFrame([[1.5, 2.5]]).to_csv(tmp_path / "t.csv", index=False)

    assert load_samples(tmp_path / "t.csv").columns == ("0", "1")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n", encoding="utf-8-sig")

    assert load_samples(tmp_path / "t.csv").columns == ("a", "b")


BAD_FILES = {
    "t.jsonl": (b'{"x": 1}\n{"x": "a"}\n', "must be readable as JSON lines; .* number to string"),
    "u.jsonl": (b"{oops", "must be readable as JSON lines; got .* JSON parse error"),
    "v.jsonl": (b"1\n2\n", "must be readable as JSON lines"),
    "t.parquet": (b"PAR1 and nothing", "must be readable as Parquet"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused(tmp_path, name):
    content, sentence = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidSpec, match=sentence):
        load_reference(tmp_path / name)


def test_a_damaged_directory_is_refused(tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text("{")

    with pytest.raises(InvalidSpec, match="reference must be readable as a saved directory"):
        load_reference(tmp_path / "saved")


def test_a_table_that_claims_too_much_is_refused(tmp_path, monkeypatch):
    import collapse_bench.data.tables

    FRAME.to_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(collapse_bench.data.tables, "MOST_BYTES", 8 * 8)

    with pytest.raises(InvalidSpec, match=r"must hold at most 8 cells; got .* with 9"):
        load_samples(tmp_path / "t.parquet")


def test_names_that_look_like_patterns_are_names(tmp_path):
    path = tmp_path / "a[1]*.csv"
    path.write_text("x\n1\n")
    (tmp_path / "a1b.csv").write_text("x\n2\n")

    assert load_samples(path).values.tolist() == [[1.0]]


QUIET = """
import socket, sys
def refuse(*arguments, **settings): raise AssertionError("the network was asked")
socket.getaddrinfo = socket.create_connection = refuse
from collapse_bench.data import load_samples
for path in sys.argv[1:]:
    load_samples(path)
"""


def test_reading_is_silent_offline_and_leaves_nothing_behind(tmp_path, write):
    paths = [str(write(form, FRAME[["a", "b"]])) for form in WRITERS]
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))
    }
    # As in a user's shell: nothing tells the hub's libraries that there is no network.
    environment |= {"HOME": str(home), "TMPDIR": str(temporary)}
    run = subprocess.run(
        [sys.executable, "-c", QUIET, *paths],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert list(home.rglob("*")) == []
    assert list(temporary.rglob("*")) == []


def test_settings_of_datasets_are_put_back(tmp_path):
    (tmp_path / "t.csv").write_text("x\n1\n")
    datasets.enable_progress_bars()
    datasets.logging.set_verbosity_info()
    try:
        load_samples(tmp_path / "t.csv")
        assert not datasets.are_progress_bars_disabled()
        assert datasets.logging.get_verbosity() == datasets.logging.INFO
    finally:
        datasets.logging.set_verbosity_warning()
        datasets.disable_progress_bars()


@pytest.mark.parametrize("options", [{}, {"columns": ("name",), "kind": "codes"}], ids=str)
def test_text_that_ends_in_nul_is_refused_before_it_loses_it(tmp_path, options):
    path = tmp_path / "t.parquet"
    FRAME.assign(b=[0.5, 1, 2], name=["x", "x\0", "y"]).to_parquet(path)

    with pytest.raises(InvalidSamples, match=r"'name' of .* end in NUL; got 'x\\x00'"):
        load_samples(path, **options)


def test_files_of_whole_numbers_that_float64_rounds_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id\n" + "".join(f"{2**60 + row}\n" for row in range(50)))

    with pytest.raises(InvalidSamples, match=r"whole numbers up to 2\*\*53, .*; got 1152921504606"):
        load_samples(path)
    assert len(set(load_samples(path, kind="codes").values.tolist())) == 50
