import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.reports.text import counted, safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with \u00fcml\u00e4uts", "plain, with \u00fcml\u00e4uts"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("two\nlines\r", r"two\nlines\r"),
        ("c1 \x9b2J", r"c1 \x9b2J"),
        ("abc\u202edcba", r"abc\u202edcba"),
        ("\u2066isolate\u2069", r"\u2066isolate\u2069"),
        ("lone \ud800", r"lone \ud800"),
        ("\x00\x7f", r"\x00\x7f"),
        ("\u2028", r"\u2028"),
    ],
)
def test_what_could_steer_a_terminal_is_shown(text, shown):
    assert safe_text(text) == shown


@given(st.text(st.characters(codec=None)))
def test_nothing_unsafe_is_left(text):
    safe = safe_text(text)

    assert not {unicodedata.category(c) for c in safe} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    safe.encode("utf-8")


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=100))
def test_harmless_text_stays_as_it_is(text):
    assert safe_text(text) == text


def test_long_text_is_cut():
    assert safe_text("x" * 100_000, longest=10) == "xxxxxxxxxx\N{HORIZONTAL ELLIPSIS}"


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 checks"), (1, "1 check"), (2, "2 checks"), (1_000, "1,000 checks")]
)
def test_one_is_one(number, shown):
    assert counted(number, "check") == shown
