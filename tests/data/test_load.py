import errno
import os
import re
from pathlib import Path

import datasets
import numpy as np
import pytest

from collapse_bench.data import load_reference, load_samples
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec

SENTENCE = re.escape(
    "reference must be a built-in (digits, pydoc, two-gaussians, zipf), a .csv, .jsonl, .npy, "
    ".npz, .parquet or .txt file or a directory saved by datasets; got reference="
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "ending"),
    [
        ("absent.npy", "'absent.npy': there is no such file$"),
        ("nowhere/x.npy", "'nowhere/x.npy': there is no such file, and no directory 'nowhere'$"),
        ("reel.csv", "'reel.csv': there is no such file, did you mean 'real.csv'\\?$"),
        ("zipff", "'zipff': did you mean 'zipf'\\?$"),
        ("digit", "'digit': did you mean 'digits'\\?$"),
        ("wikipedia/en", "'wikipedia/en': nothing is there, and no directory 'wikipedia'$"),
        ("hf:ag_news", "'hf:ag_news': nothing is there$"),
        ("model.pkl", "'model.pkl': pickles are not loaded, because loading one runs code stored"),
        ("model.pt", "'model.pt': pickles are not loaded"),
        ("rows.joblib", "'rows.joblib': pickles are not loaded"),
        ("notes.md", "'notes.md': .md files are not read$"),
        ("rows.xlsx", "'rows.xlsx': .xlsx files are not read$"),
        ("rows.csv.gz", "'rows.csv.gz': .gz files are not read$"),
        ("plain", "'plain': its name has no suffix$"),
        ("empty.csv", "'empty.csv': the file is empty$"),
        ("folder", "'folder': the directory wasn't made by Dataset.save_to_disk$"),
        ("", "'': the directory wasn't made by Dataset.save_to_disk$"),
        ("/dev/null", "'/dev/null': it is neither a file nor a directory$"),
        ("packed.csv", "'packed.csv': the file isn't text in UTF-8, or is compressed$"),
        ("latin.csv", "'latin.csv': the file isn't text in UTF-8, or is compressed$"),
        ("nul.jsonl", "'nul.jsonl': the file isn't text, or is compressed$"),
        ("n" * 300 + ".csv", "File name too long$"),
    ],
)
def test_what_is_not_read_is_told_in_one_sentence(here, spec, ending):
    (here / "real.csv").write_text("x\n1\n")
    (here / "folder").mkdir()
    for name in ("plain", "notes.md", "model.pkl"):
        (here / name).write_text("1")
    (here / "empty.csv").touch()
    (here / "packed.csv").write_bytes(b"\x1f\x8b\x08\x00 and so on")
    (here / "latin.csv").write_bytes("é\n1\n".encode("latin-1"))
    (here / "nul.jsonl").write_bytes(b'{"x": 1}\0')

    with pytest.raises(InvalidSpec, match=f"^{SENTENCE}.*{ending}") as caught:
        load_reference(spec)
    assert "\n" not in str(caught.value)


def test_samples_have_no_built_ins(here):
    with pytest.raises(
        InvalidSpec, match=r"^samples must be a \.csv, .* got samples='digits': nothing is there$"
    ):
        load_samples("digits")


def test_a_file_that_is_called_like_a_built_in_is_found_by_its_path(here):
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict({"x": [1.0]}).save_to_disk("digits")

    assert len(load_reference("digits")) == 1797
    assert load_reference("./digits").values.tolist() == [[1.0]]


def test_several_splits_have_to_be_told_apart(here):
    datasets.disable_progress_bars()
    part = datasets.Dataset.from_dict({"x": [1.0]})
    datasets.DatasetDict(train=part, test=part).save_to_disk("both")

    with pytest.raises(
        InvalidSpec, match="got reference='both', which holds 2 splits: name one, 'both/test' or"
    ):
        load_reference("both")
    assert len(load_reference("both/train")) == 1


def test_suffixes_are_read_in_either_case(here):
    (here / "T.CSV").write_text("x\n1\n")

    assert load_samples("T.CSV").values.tolist() == [[1.0]]


def test_the_home_directory_is_meant_by_a_tilde(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    np.save(here / "a.npy", [1.0])

    assert load_samples("~/a.npy").name == "~/a.npy"


def test_a_file_that_may_not_be_read_is_told(here, monkeypatch):
    def refuse(*arguments, **settings):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (here / "a.csv").write_text("x\n1\n")
    monkeypatch.setattr(Path, "open", refuse)  # file modes don't stop an administrator

    with pytest.raises(InvalidSpec, match=r"got reference='a\.csv': Permission denied"):
        load_reference("a.csv")


def test_a_finite_reference_has_its_size(here):
    np.save(here / "a.npy", [1.0])

    with pytest.raises(
        InvalidArgument, match="size must be None for a reference that isn't a buil"
    ):
        load_reference("a.npy", size=5)


def test_the_same_rows_are_the_same_set_in_every_format(here):
    import pandas as pd

    frame = pd.DataFrame({"x": [0.1, 2.0], "y": [3.5, -1.0]})
    frame.to_csv("a.csv", index=False)
    frame.to_parquet("a.parquet")
    frame.to_json("a.jsonl", orient="records", lines=True, double_precision=15)

    assert len({load_reference(f"a.{form}").sha256 for form in ("csv", "parquet", "jsonl")}) == 1


def test_other_kinds_are_refused(here):
    np.save(here / "a.npy", [1.0])

    with pytest.raises(InvalidArgument, match="got kind='words'"):
        load_reference("a.npy", kind="words")
    with pytest.raises(InvalidSamples, match=r"a\.npy must be token blocks of shape"):
        load_reference("a.npy", kind="tokens")


def test_numbers_asked_of_text_are_refused(here):
    (here / "a.csv").write_text("name\nx\n")

    with pytest.raises(InvalidSamples, match=r"a\.csv must hold real numbers; got dtype <U1"):
        load_reference("a.csv", kind="numbers")
