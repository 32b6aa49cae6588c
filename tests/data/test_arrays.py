import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from collapse_bench.data import load_reference, load_samples
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec


@given(
    hnp.arrays(
        st.sampled_from(["<f4", ">f8", "<f2", ">i2", "<u4"]),
        hnp.array_shapes(min_dims=1, max_dims=2, max_side=5),
        elements={"allow_nan": False, "allow_infinity": False},
    )
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_files_hold_what_numpy_wrote(tmp_path_factory, suffix, array):
    path = tmp_path_factory.mktemp("array") / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    else:
        np.savez_compressed(path, array)

    expected = array.astype(float).reshape(len(array), -1)
    np.testing.assert_array_equal(load_samples(path).values, expected)


def test_text_is_codes(tmp_path):
    np.save(tmp_path / "a.npy", np.array(["x", "yz"]))

    assert load_samples(tmp_path / "a.npy").kind == "codes"


def header(shape, descr="<f8", version=(1, 0)):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text


def npz(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


HUGE = header((10**9, 10**6))

BAD_FILES = {  # contents, and what the sentence says after its beginning
    "bomb.npy": (HUGE, "4,294,967,296 bytes; got .* with 8,000,000,000,000,000"),
    "bomb.npz": (npz(a=HUGE + bytes(10**6)), r"at most .* shape \(1000000000, 1000000\)"),
    "wide.npz": (npz(a=header((40,), "<U99999999")), "at most"),
    "short.npy": (header((100,)) + bytes(8), "header claims 800 bytes but .* are there"),
    "short.npz": (npz(a=header((100,)) + bytes(8)), "header claims 800 bytes but .* are there"),
    "cut.npy": (header((9,)) + bytes(64), "a whole numpy file.*could only read 8 elements"),
    "junk.npy": (b"not an array at all", "a whole numpy file.*magic string"),
    "junk.npz": (b"not an archive", "a whole numpy file.*File is not a zip file"),
    "odd.npy": (header("oops"), "a whole numpy file"),
    "negative.npy": (header((-1,)), "a whole numpy file"),
    "third.npy": (header((1,), version=(3, 0)), r"format version \(3, 0\) holds records"),
    "empty.npy": (b"", "the file is empty"),
    "none.npz": (npz(), r"exactly one array; got .* with 0: none"),
    "two.npz": (npz(a=b"", b=b""), r"exactly one array; got .* with 2: 'a', 'b'"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_damaged_and_oversized_files_are_refused(tmp_path, name):
    content, sentence = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidSpec, match=f"^reference must (be|hold) .*{sentence}"):
        load_reference(tmp_path / name)


def test_flipped_bits_in_an_archive_are_seen(tmp_path):
    np.savez(tmp_path / "a.npz", np.arange(100.0))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[400] ^= 1
    (tmp_path / "a.npz").write_bytes(content)

    with pytest.raises(InvalidSpec, match=r"must be a whole numpy file.*Bad CRC-32"):
        load_samples(tmp_path / "a.npz")


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_pickled_objects_are_refused_and_never_run(tmp_path, suffix):
    canary = tmp_path / "canary"
    array = np.array([Canary(canary)], dtype=object)
    save = np.save if suffix == ".npy" else np.savez
    save(tmp_path / f"a{suffix}", array, allow_pickle=True)

    with pytest.raises(
        InvalidSpec, match="with Python objects, which are not loaded because unpickling runs code"
    ):
        load_samples(tmp_path / f"a{suffix}")
    assert not canary.exists()


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.array([1.0, np.inf, np.nan]), "must be finite; 2 of 3 values are not, .* row 1"),
        (np.zeros((0, 2)), r"must have shape \(n, d\) or \(n,\) .* got shape \(0, 2\)"),
        (np.zeros((2, 2, 2)), r"must have shape \(n, d\) or \(n,\) .* got shape \(2, 2, 2\)"),
        (np.array(1.0), r"must have shape .* got shape \(\)"),
        (np.zeros(2, complex), "must hold real numbers; got dtype complex128"),
        (
            np.array(["2020-01-01"], "datetime64[D]"),
            r"must hold real numbers; got dtype datetime64\[D\]",
        ),
        (np.zeros(2, [("a", float)]), "must hold real numbers; got dtype"),
    ],
)
def test_arrays_that_are_no_samples_are_refused(tmp_path, array, sentence):
    np.save(tmp_path / "a.npy", array)

    with pytest.raises(InvalidSamples, match=rf"a\.npy {sentence}"):
        load_samples(tmp_path / "a.npy")


def test_an_array_has_no_columns_to_choose(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))

    with pytest.raises(
        InvalidArgument, match=r"columns must be None for .*a\.npy', whose columns have no names"
    ):
        load_samples(tmp_path / "a.npy", columns=("x",))
