import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from collapse_bench.data import SampleSet, load_samples, save_samples
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec

ROOT = Path(__file__).parents[2]

tables = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(-1e9, 1e9, allow_nan=False),
)
words = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))


def test_holds_what_it_is_given():
    samples = SampleSet.of([[1, 2], [3, 4], [5, 6]], columns=("a", "b"), name="toy")

    assert samples.values.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    assert (samples.kind, samples.columns, samples.name, len(samples)) == (
        "numbers",
        ("a", "b"),
        "toy",
        3,
    )


@pytest.mark.parametrize("codes", [["b", "a"], [True, False], np.array([b"x", b"yz"])])
def test_strings_and_booleans_are_codes(codes):
    assert SampleSet.of(codes).kind == "codes"


def test_integers_are_codes_only_when_said():
    assert SampleSet.of([1, 2]).values.shape == (2, 1)
    assert SampleSet.of([1, 2], kind="codes").values.tolist() == [1, 2]


def test_values_are_a_copy_that_nobody_can_change():
    source = np.zeros((2, 1))
    samples = SampleSet.of(source)
    source[:] = 1

    assert samples.values.tolist() == [[0.0], [0.0]]
    with pytest.raises(ValueError, match="read-only"):
        samples.values[0] = 1


@given(tables)
def test_digest_ignores_how_values_are_stored(table):
    plain = SampleSet.of(table)
    stored = (np.asfortranarray(table), table.astype(">f8"), table.tolist(), table[::-1][::-1])

    assert {SampleSet.of(other).sha256 for other in stored} == {plain.sha256}


@given(tables, st.data())
def test_digest_tells_every_value_apart(table, data):
    row, column = (data.draw(st.integers(0, side - 1)) for side in table.shape)
    other = table.copy()
    other[row, column] += 1 + abs(other[row, column])

    assert SampleSet.of(other).sha256 != SampleSet.of(table).sha256


def test_digest_tells_kind_shape_and_names_apart():
    sets = [
        SampleSet.of([1, 2]),
        SampleSet.of([1, 2], kind="codes"),
        SampleSet.of([[1, 2]]),
        SampleSet.of([1, 2], columns=("a",)),
        SampleSet.of([1, 2], columns=("b",)),
        SampleSet.of(["1", "2"]),
        SampleSet.of([True, False]),
        SampleSet.of([1, 0], kind="codes"),
    ]

    assert len({samples.sha256 for samples in sets}) == len(sets)


def test_digest_is_the_same_in_another_process():
    code = (
        "from collapse_bench.data import SampleSet;"
        "print(SampleSet.of(['a', 'bc']).sha256, SampleSet.of([[1, 2.5]]).sha256)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert printed == [SampleSet.of(["a", "bc"]).sha256, SampleSet.of([[1, 2.5]]).sha256]


def test_text_codes_are_as_wide_as_the_longest():
    wide = np.array(["a", "bc"], dtype="<U50")

    assert SampleSet.of(wide).values.dtype == "<U2"
    assert SampleSet.of(wide).sha256 == SampleSet.of(["a", "bc"]).sha256


def test_codes_beyond_63_bits_stay_whole():
    samples = SampleSet.of(np.array([2**64 - 1, 0], dtype=np.uint64), kind="codes")

    assert samples.values.tolist() == [2**64 - 1, 0]


@pytest.mark.parametrize("columns", [("a",), ("a", "a"), ("a", "b", "c")])
def test_names_are_one_a_column(columns):
    with pytest.raises(InvalidArgument, match="columns must be 2 different names, one a column"):
        SampleSet.of([[1, 2]], columns=columns)


def test_bad_values_are_told_under_the_name_of_the_set():
    with pytest.raises(InvalidSamples, match=r"gen\.npy must be finite; 1 of 2 values are not"):
        SampleSet.of([0, np.nan], name="gen.npy")


@given(tables)
def test_saved_numbers_come_back_the_same(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("saved") / "draws.npy"
    sha256 = save_samples(table, path)

    assert load_samples(path).sha256 == sha256 == SampleSet.of(table).sha256
    assert [file.name for file in path.parent.iterdir()] == ["draws.npy"]


@given(words.filter(bool))
def test_saved_codes_come_back_the_same(tmp_path_factory, codes):
    path = tmp_path_factory.mktemp("saved") / "draws.npy"

    sha256 = save_samples(codes, path)

    assert load_samples(path).sha256 == sha256 == SampleSet.of(codes).sha256


def test_saving_again_replaces_the_file(tmp_path):
    path = tmp_path / "draws.npy"
    save_samples([1.0, 2.0], path)
    save_samples(SampleSet.of([3, 4, 5], kind="codes"), path)

    assert load_samples(path, kind="codes").values.tolist() == [3, 4, 5]


def test_a_set_travels_between_processes():
    samples = SampleSet.of(["a", "b"], columns=("word",), name="toy")
    arrived = pickle.loads(pickle.dumps(samples))

    assert (arrived.sha256, arrived.columns, arrived.name) == (samples.sha256, ("word",), "toy")
    assert SampleSet.of(arrived.values, columns=arrived.columns).sha256 == samples.sha256


def test_only_numpy_files_are_written(tmp_path):
    with pytest.raises(InvalidSpec, match=r"path must end in \.npy; got path="):
        save_samples([1.0], tmp_path / "draws.csv")


def test_a_path_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(InvalidSpec, match=r"path must be writable; .*No such file or directory"):
        save_samples([1.0], tmp_path / "missing" / "draws.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", [list, lambda c: np.array(c, object), lambda c: [[x] for x in c]])
def test_codes_that_end_in_nul_are_refused(form):
    with pytest.raises(
        InvalidSamples, match=r"s must hold text that doesn't end in NUL; got 'a.x00'"
    ):
        SampleSet.of(form(["a", "a\0"]), name="s")
    assert SampleSet.of(form(["a", "\0a"])).values.tolist() == ["a", "\0a"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a", np.nan], "s must hold values of one type; got float, str"),
        ([1, "1", True], "s must hold values of one type; got bool, int, str"),
        ([b"a", b"a\0"], "s must hold text that doesn't end in NUL; got b'a"),
        (
            np.ma.masked_array([1.0, 2.0], [False, True]),
            "s must have a value in each cell; got 1 masked",
        ),
        (
            np.arange(2**60, 2**60 + 9),
            r"s must hold whole numbers up to 2\*\*53, .*pass kind='codes'",
        ),
    ],
    ids=str,
)
def test_values_that_numpy_would_merge_are_refused(values, words):
    with pytest.raises(InvalidSamples, match=words):
        SampleSet.of(values, name="s")


@pytest.mark.parametrize("codes", [[2.0**63, 2.0**64], [2.0**54, 0.0], [2**63, -1]])
def test_floats_that_are_rounded_are_no_codes(codes):
    with pytest.raises(InvalidSamples, match=r"codes up to 2\*\*53 where they are floats"):
        SampleSet.of(codes, kind="codes")


def test_tokens_of_a_list_that_end_in_nul_are_refused_and_those_of_a_text_are_not():
    with pytest.raises(InvalidSamples, match="doesn't end in NUL; got 'a"):
        SampleSet.of([["a", "a\0"], ["a"]], kind="tokens")
    assert SampleSet.of(["a \0 b"], kind="tokens").values.tolist() == ["a \0 b"]


def test_strings_of_a_class_of_their_own_are_codes():
    own = type("Own", (str,), {})

    assert SampleSet.of([own("a"), "b"]).values.tolist() == ["a", "b"]
