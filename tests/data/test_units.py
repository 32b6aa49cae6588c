"""Ids of clusters that a set of samples carries, and those that a file's column names."""

from hashlib import sha256

import numpy as np
import pytest

from collapse_bench.data import SampleSet, load_reference, load_samples, match_columns, save_samples
from collapse_bench.errors import InvalidArgument, InvalidSamples

LINES = "user,x,y\na,1,4\na,2,5\nb,3,6\nc,4,9\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(LINES)
    return path


# --- sets


def test_a_set_without_units_has_the_digest_it_always_had():
    header = b'["numbers", "<f8", [2, 1], null]\n'
    plain = SampleSet.of([1.0, 2.0])

    assert plain.units is None
    assert plain.sha256 == sha256(header + np.array([1.0, 2.0], "<f8").tobytes()).hexdigest()


def test_units_are_part_of_the_digest():
    plain, first, second = (
        SampleSet.of([1.0, 2.0, 3.0], units=ids) for ids in (None, [1, 1, 2], [1, 2, 2])
    )

    assert len({plain.sha256, first.sha256, second.sha256}) == 3
    assert SampleSet.of([1.0, 2.0, 3.0], units=np.array([1, 1, 2], ">i4")).sha256 == first.sha256


def test_units_are_read_only_and_go_with_their_rows():
    whole = SampleSet.of([1.0, 2.0, 3.0], units=["a", "a", "b"])
    part = whole.take(np.array([2, 0]))

    assert part.units.tolist() == ["b", "a"]
    with pytest.raises(ValueError, match="read-only"):
        whole.units[0] = "c"


def test_units_of_codes_are_kept():
    assert SampleSet.of(["x", "y"], units=np.array(["a", "b"], object)).units.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([1, 2], r"one id for each of the 3 rows; got shape \(2,\)"),
        ([[1, 2, 3]], "one id for each of the 3 rows"),
        ([1.0, 2.0, np.nan], "units must be whole numbers or strings; got ids of type float64"),
        ([None, "a", "b"], "units must be whole numbers or strings; got ids of type object"),
    ],
)
def test_units_that_name_no_clusters_are_refused(units, message):
    with pytest.raises(InvalidArgument, match=message):
        SampleSet.of([1.0, 2.0, 3.0], units=units)


@pytest.mark.parametrize("form", [list, lambda ids: np.array(ids, object)])
def test_ids_that_end_in_nul_are_refused(form):
    with pytest.raises(
        InvalidSamples, match="units must hold text that doesn't end in NUL; got 'a"
    ):
        SampleSet.of([1.0, 2.0], units=form(["a", "a\0"]))


def test_ids_that_are_masked_or_of_several_types_are_refused():
    with pytest.raises(InvalidArgument, match="units must hold an id for each row; got masked"):
        SampleSet.of([1.0, 2.0], units=np.ma.masked_array([1, 2], [0, 1]))
    with pytest.raises(InvalidSamples, match="units must hold values of one type; got float, str"):
        SampleSet.of([1.0, 2.0], units=["a", np.nan])


def test_sequences_take_no_units():
    with pytest.raises(InvalidArgument, match="units must be None for tokens"):
        SampleSet.of([[1, 2], [3, 4]], kind="tokens", units=[1, 2])


def test_a_set_with_units_isnt_saved_where_they_would_be_lost(tmp_path):
    with pytest.raises(InvalidSamples, match="samples must have no clusters to be saved"):
        save_samples(SampleSet.of([1.0, 2.0], units=[1, 2]), tmp_path / "a.npy")
    assert not list(tmp_path.iterdir())


# --- files


def test_the_column_of_clusters_is_carried_and_not_judged(table):
    found = load_reference(table, clusters="user")

    assert found.columns == ("x", "y")
    assert found.units.tolist() == ["a", "a", "b", "c"]
    assert found.values.tolist() == [[1, 4], [2, 5], [3, 6], [4, 9]]
    assert load_samples(table, clusters="user", columns=["y"]).columns == ("y",)


def test_units_stay_with_rows_whose_columns_are_put_in_order(table, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("y,user,x\n1,7,2\n3,8,4\n")
    samples = load_samples(other, clusters="user")
    matched = match_columns(samples, load_reference(table, clusters="user"))

    assert matched.columns == ("x", "y")
    assert matched.units.tolist() == [7, 8]
    assert matched.values.tolist() == [[2, 1], [4, 3]]


def test_codes_and_numbers_read_as_codes_keep_their_units(tmp_path):
    reference, samples = tmp_path / "reference.csv", tmp_path / "samples.csv"
    reference.write_text("user,word\n1,a\n2,b\n")
    samples.write_text("user,word\n3,b\n3,a\n")
    found = match_columns(
        load_samples(samples, clusters="user"), load_reference(reference, clusters="user")
    )

    assert (found.kind, found.columns) == ("codes", ("word",))
    assert found.units.tolist() == [3, 3]
    known = SampleSet.of([1, 2, 2], kind="codes")
    assert match_columns(SampleSet.of([1, 2], units=[5, 6]), known).units.tolist() == [5, 6]


@pytest.mark.parametrize(
    ("columns", "clusters", "message"),
    [
        (None, "usr", "clusters must be a column of .*, 'user'; got 'usr'"),
        (["x", "user"], "user", "clusters must be none of the columns judged; got 'user'"),
    ],
)
def test_a_column_that_cant_name_clusters_is_refused(table, columns, clusters, message):
    with pytest.raises(InvalidArgument, match=message):
        load_reference(table, columns=columns, clusters=clusters)


def test_clusters_of_what_has_no_columns_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(4.0))
    (tmp_path / "texts.txt").write_text("one\ntwo\n")
    (tmp_path / "mixed.csv").write_text("user,word,x\n1,a,2\n2,b,3\n")
    for name in ("a.npy", "texts.txt"):
        with pytest.raises(InvalidArgument, match=r"clusters must be None for .* have no names"):
            load_samples(tmp_path / name, clusters="user")
    with pytest.raises(InvalidArgument, match="clusters must be None for 'two-gaussians'"):
        load_reference("two-gaussians", clusters="user")
    with pytest.raises(InvalidArgument, match="clusters must be None for a table of several kinds"):
        load_reference(tmp_path / "mixed.csv", clusters="user")


def test_a_missing_id_is_named_by_its_row(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("user,x\na,1\n,2\nb,3\n")
    with pytest.raises(
        InvalidSamples, match=r"column 'user' .* 1 of 3 are missing, the first in row 1"
    ):
        load_reference(path, clusters="user")
