"""Markdown: read back by a parser, and cut where GitHub would drop it."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from collapse_bench.errors import InvalidArgument
from collapse_bench.reports import markdown
from collapse_bench.reports.markdown import LIMIT, append_summary, escape, render, write
from collapse_bench.reports.text import safe_text
from tests.reports.documents import ATTACKS, DOCUMENT, FIRST, poisoned

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TABLE = ["table_open", "thead_open", "tr_open", "th_open", "tbody_open", "td_open"]
KINDS = {"heading_open", "paragraph_open", "inline", "text", "strong_open", *TABLE}


def kinds(source):
    """Return what a parser makes of Markdown: kinds of tokens, without those that only close."""
    tokens = PARSER.parse(source)
    inner = [child for token in tokens for child in token.children or ()]
    return {t.type for t in [*tokens, *inner] if not t.type.endswith("_close")}


def text_of(source):
    """Return the text that a reader sees."""
    shown = [
        "".join(child.content for child in token.children or ())
        for token in PARSER.parse(source)
        if token.type == "inline"
    ]
    return "\n".join(shown)


@pytest.mark.parametrize("document", [DOCUMENT, FIRST], ids=["all", "first"])
def test_it_has_the_form_that_was_meant(document):
    assert kinds(render(document)) <= KINDS


def test_it_says_what_was_judged():
    text = text_of(render(DOCUMENT))

    assert text.startswith(
        "Model collapse report\nFAIL: 1 of 4 checks failed; 1 claim did not hold"
    )
    for part in (
        *("test_a", "test_a, growth", "0.4 [0.3, 0.5] of the mass in the tail", "INCONCLUSIVE"),
        *("it was skipped", "ImportError", "check_failed", "P(any fail) <= alpha", "digits"),
        *("pytest suites/gate --collapse-seed=20261122", "1 held, 1 did not, 1 skipped"),
        *("0.05, p = 1e-09", "0.25, p = 1", "1,000, 2,000", "it takes m = 9,000 rows"),
        *("Against base.json, changing no outcome", "2 checks: 1 worse, 1 can't tell"),
        *("0.11, 0.44", "[0.017, -]", "unpaired", "this session doesn't have it"),
        *("other environment: numpy 2.0 then, 2.1 now", "zebra, quagga", "0.06 of the reference"),
        "late collapse: a typical lineage has lost variance; losing more with every generation; "
        "shown from generation 1 on (the fate takes more generations)",
    ):
        assert part in text, part


@pytest.mark.parametrize("name", ATTACKS)
def test_whatever_was_written_is_text(name):
    source = render(poisoned(ATTACKS[name]))

    assert kinds(source) <= KINDS
    assert safe_text(ATTACKS[name].splitlines()[0], longest=500) in text_of(source)
    assert len(source) < 100_000
    assert not re.search(r"(?<!\\)(://|(?<=www)\.)", source)  # would become links by themselves


@given(st.text(st.characters(codec=None), max_size=30))
@example(r"\*a\* \| \\")
@example("\x1b*a\x1b*")
@example("_a_ __b__ a_b")
@example("[a](b) ![c](d) <e@f.g>")
def test_a_reader_sees_the_safe_text(text):
    cell = PARSER.parse(f"| a |\n| - |\n| x{escape(text)}x |\n")
    found = [t for t in cell if t.type == "inline"]
    children = found[-1].children or []

    assert len(found) == 2
    assert {child.type for child in children} <= {"text"}
    assert "".join(c.content for c in children) == f"x{safe_text(text, longest=500)}x"


def test_a_table_keeps_its_width_whatever_stands_in_it():
    lines = render(poisoned(ATTACKS["table"])).splitlines()

    for line in lines:
        if line.startswith("| ") and "outcome" not in line:
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4, 5, 7, 8)


def test_it_is_written_whole(tmp_path):
    write(DOCUMENT, tmp_path / "r.md")
    with pytest.raises(InvalidArgument):
        write({"schema": 7}, tmp_path / "r.md")

    assert (tmp_path / "r.md").read_text() == render(DOCUMENT)


def test_a_summary_is_appended(tmp_path):
    path = tmp_path / "summary"
    append_summary(DOCUMENT, path)
    path.write_text("# Others' words\n")
    append_summary(DOCUMENT, path)

    assert path.read_text() == f"# Others' words\n\n{render(DOCUMENT)}"


def test_a_summary_that_is_too_large_is_cut_and_says_so(tmp_path):
    path = tmp_path / "summary"
    many = {**DOCUMENT, "not_run": DOCUMENT["not_run"] * 20_000}
    append_summary(many, path)

    assert 0.99 * LIMIT < path.stat().st_size <= LIMIT
    text = path.read_text()
    assert text.startswith("# Model collapse report\n\n**FAIL**: 1 of 4")
    assert text.splitlines()[-1].startswith("This summary is cut: GitHub takes no more than 1 MiB")


def test_a_summary_without_room_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "summary"
    path.write_text("x" * (LIMIT - 100))
    with pytest.raises(OSError, match="no room below GitHub's limit"):
        append_summary(DOCUMENT, path)

    assert path.stat().st_size == LIMIT - 100


@pytest.mark.parametrize("room", range(400, 3000, 97))
def test_a_cut_summary_fits_to_the_byte(tmp_path, monkeypatch, room):
    monkeypatch.setattr(markdown, "LIMIT", room)
    path = tmp_path / "summary"
    path.write_text("x\n")
    append_summary({**DOCUMENT, "notes": ["\u00fc" * 20]}, path)

    assert path.stat().st_size <= room
    assert kinds(path.read_text()) <= KINDS
