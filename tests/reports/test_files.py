"""Files are written whole or not at all, and a place that can't be written to is known early."""

import os

import pytest

from collapse_bench.errors import InvalidArgument
from collapse_bench.harness import values
from collapse_bench.reports import html, json, markdown, writers
from collapse_bench.reports.files import probe, write_text
from tests.reports.documents import DOCUMENT


def test_a_text_is_written_as_it_is(tmp_path):
    write_text("a\r\nb\u00fc\n", tmp_path / "x")

    assert (tmp_path / "x").read_bytes() == b"a\r\nb\xc3\xbc\n"


def test_what_cannot_be_written_leaves_the_older_file(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text("new \ud800", path)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_probing_leaves_nothing_behind(tmp_path):
    probe(tmp_path / "x.html")
    assert list(tmp_path.iterdir()) == []

    (tmp_path / "x.html").write_text("old")
    probe(tmp_path / "x.html")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_place_that_cannot_be_written_to_is_found(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is no regular file"):
        probe(tmp_path / "pipe")
    with pytest.raises(OSError, match="too long"):
        probe(tmp_path / ("x" * 300))
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "nowhere" / "x")
    monkeypatch.setattr("pathlib.Path.touch", denied)
    with pytest.raises(PermissionError):
        probe(tmp_path / "x")


def denied(*_, **__):  # a stand-in: nothing is denied to root, which many containers run as
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(("form", "suffix"), [(json, ".json"), (html, ".html"), (markdown, ".md")])
def test_the_suffix_says_which_report(tmp_path, form, suffix):
    writers.write(DOCUMENT, tmp_path / f"a{suffix}")
    form.write(DOCUMENT, tmp_path / "b")

    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(
        InvalidArgument, match=r"^path must end in \.json or \.html or \.md; got path="
    ):
        writers.write(DOCUMENT, tmp_path / "a.pdf")


def test_the_option_takes_what_can_be_written():
    assert values.REPORTS == writers.SUFFIXES
