"""CSV files whose rows or integers the parser would bend in silence."""

import csv

import pytest

from collapse_bench.data import load_samples
from collapse_bench.errors import InvalidSamples, InvalidSpec


@pytest.fixture
def load(tmp_path):
    def read(text, **given):
        (tmp_path / "t.csv").write_text(text, newline="")
        return load_samples(tmp_path / "t.csv", **given)

    return read


@pytest.mark.parametrize(
    ("text", "cells", "line"),
    [
        ("x,y\n1,2\n3\n", 1, 3),
        ("x,y\r\n1,2\r\n3,4,5\r\n6,7\r\n", 3, 3),
        ("x,y\n\n1,2\n\n3\n", 1, 5),  # empty lines count
        ('x,y\n"a\nb",2\nc\n', 1, 4),  # and so do those within a cell
        ('x,y\n1,2\n"3\n4"\n', 1, 3),  # where the row begins
        ("x,y\n1,2\n" + "3,4\n" * 2_000 + "5", 1, 2_003),
    ],
)
def test_a_row_of_another_length_is_refused_with_its_line(load, text, cells, line):
    with pytest.raises(
        InvalidSpec,
        match=rf"samples must have a cell for each of its 2 columns in every row; got samples=.* "
        rf"with {cells} in line {line:,}$",
    ):
        load(text)


@pytest.mark.parametrize("text", ["x,y\n1,2\n\n3,4\n", "x,y\n1,2\n  \n3,4\n\n", "x,y\n1,2\n3,4"])
def test_blank_lines_are_no_rows(load, text):
    assert load(text).values.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_an_empty_cell_is_a_missing_one(load):
    assert load("x,y\n1,\n2,3\n")["y"].missing.tolist() == [True, False]


def test_long_texts_are_read_and_the_limit_of_cells_is_put_back(load):
    limit = csv.field_size_limit()

    assert load(f"x,y\n{'word ' * 50_000},1\nb,2\n").columns == ("x", "y")
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("more", [{}, {"kind": "numbers"}, {"columns": ("x",)}])
def test_integers_too_long_for_numbers_are_refused_and_not_read_as_codes(load, more):
    text = f"x,y\n1,a\n,b\n{'9' * 5_000},c\n"
    if "kind" in more:
        text = f"x\n1\n-{'9' * 4_999}\n"

    with pytest.raises(
        InvalidSamples,
        match=r"column 'x' of samples=.* must hold integers of at most 64 bits where they are "
        r"numbers; got one of 5,000 characters",
    ):
        load(text, **more)


def test_integers_that_are_said_to_be_codes_may_be_of_any_length(load):
    assert load(f"x\n1\n{'9' * 5_000}\n", kind="codes").kind == "codes"
    assert load(f"x\na1\n{'9' * 5_000}\n").kind == "codes"  # and those among other texts are
