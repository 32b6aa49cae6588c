"""Texts and sequences of tokens as references and samples: form, digest, files."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.data import (
    SampleSet,
    load_reference,
    load_samples,
    match_columns,
    save_samples,
)
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec
from collapse_bench.validation import as_tokens

texts = st.lists(st.text(max_size=12), min_size=1, max_size=6)


def tokens_of(values):
    found, units, size = as_tokens("samples", values)
    return found.tolist(), units.tolist(), size


def test_a_line_of_a_file_is_a_text(tmp_path):
    path = tmp_path / "real.txt"
    path.write_bytes("\ufeffOne  fish,\r\n\n \t\ntwo\u2028fish\u00e9\nred".encode())
    found = load_reference(path)

    assert found.values.tolist() == ["One fish,", "two fish\u00e9", "red"]
    assert (found.kind, len(found), found.columns, found.texts) == ("tokens", 3, None, True)


def test_lines_are_codes_where_that_is_said(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("b\na\nb\n")

    assert load_samples(path, kind="codes").sha256 == SampleSet.of(["b", "a", "b"]).sha256


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"good\n\xff\n", InvalidSpec, "UTF-8"),
        (b"x\n" * 3000 + b"\xff\n", InvalidSpec, "must be text in UTF-8.* line 3,001 isn't"),
        (b"x\n" * 3000 + b"\0\n", InvalidSpec, "zero byte in line 3,001"),
        (b" \n\n", InvalidSamples, "must have texts; got .* with none"),
        (b"", InvalidSpec, "the file is empty"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content, error, words):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)

    with pytest.raises(error, match=words):
        load_reference(path)


def test_lines_have_no_columns(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a\n")

    with pytest.raises(InvalidArgument, match="columns must be None"):
        load_reference(path, columns=("a",))


@given(texts)
def test_white_space_is_no_part_of_a_text_and_every_token_is(texts):
    if not any(text.split() for text in texts):
        return
    whole = SampleSet.of(texts, kind="tokens")
    padded = SampleSet.of([f" {text}\t\n" for text in texts], kind="tokens")

    assert tokens_of(whole.values) == tokens_of(texts)
    assert padded.sha256 == whole.sha256
    assert all("\n" not in text for text in whole.values)


@given(texts=texts)
def test_saved_texts_come_back_with_their_digest(texts, tmp_path_factory):
    if not any(text.split() for text in texts):
        return
    from collapse_bench.data.sampleset import suffix_of

    whole = SampleSet.of([text.replace("\0", "") + "x" for text in texts], kind="tokens")
    path = tmp_path_factory.mktemp("saved") / f"texts{suffix_of(whole)}"

    assert save_samples(whole, path) == match_columns(load_samples(path), whole).sha256


def test_texts_without_words_are_saved_as_an_array(tmp_path):
    from collapse_bench.data.sampleset import suffix_of

    whole = SampleSet.of(["a b", " "], kind="tokens")
    with pytest.raises(InvalidSpec, match=r"must end in \.npy \(\.txt can't hold"):
        save_samples(whole, tmp_path / "a.txt")
    save_samples(whole, tmp_path / "a.npy")
    found = match_columns(load_samples(tmp_path / "a.npy"), SampleSet.of(["c"], kind="tokens"))

    assert suffix_of(whole) == ".npy"
    assert found.sha256 == whole.sha256


def test_blocks_are_one_form_however_they_are_given():
    block = np.array([[3, 1, 2], [1, 1, 1]], dtype=np.int16)
    sets = [SampleSet.of(given, kind="tokens") for given in (block, block.tolist(), list(block))]

    assert {whole.sha256 for whole in sets} == {sets[0].sha256}
    assert sets[0].values.shape == (2, 3)
    assert len(sets[0]) == 2


def test_sequences_may_differ_in_length():
    whole = SampleSet.of([[1, 2], [3], []], kind="tokens")

    assert whole.values.tolist() == [(1, 2), (3,), ()]
    assert tokens_of(whole.values) == ([1, 2, 3], [0, 0, 1], 3)


@pytest.mark.parametrize("rows", [[[1, 2], [3], []], [["a b", "c"], ["\u00e9"]]])
def test_saved_sequences_come_back_with_their_digest(rows, tmp_path):
    whole = SampleSet.of(rows, kind="tokens")
    digest = save_samples(whole, tmp_path / "a.jsonl")
    found = load_samples(tmp_path / "a.jsonl")

    assert found.kind == "tokens"
    assert SampleSet.of(found.values, kind="tokens").sha256 == digest == whole.sha256
    with pytest.raises(InvalidSpec, match=r"must end in \.jsonl; got"):
        save_samples(whole, tmp_path / "a.npy")


def test_a_column_of_lists_holds_sequences(tmp_path):
    path = tmp_path / "ids.parquet"
    pd.DataFrame({"ids": [[1, 2], [3, 4]], "other": [0.5, 1.5]}).to_parquet(path)
    found = load_reference(path, columns=("ids",))

    assert (found.kind, found.values.tolist()) == ("tokens", [[1, 2], [3, 4]])
    with pytest.raises(InvalidSamples, match="of numbers or codes, or one of lists of tokens"):
        load_reference(path)


def test_columns_of_a_table_are_a_block_where_that_is_said(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    found = load_reference(path, kind="tokens")

    assert found.sha256 == SampleSet.of([[1, 2], [3, 4]], kind="tokens").sha256


def test_a_missing_token_is_told(tmp_path):
    path = tmp_path / "ids.jsonl"
    path.write_text('{"ids": [1, 2]}\n{"ids": [3, null]}\n')

    with pytest.raises(InvalidSamples, match=r"'ids'.* no missing tokens; row 1 has one"):
        load_samples(path)


def test_digest_tells_sequences_apart():
    given = (
        [[1, 2], [3, 4]],
        [[1, 2], [4, 3]],
        [[1, 2, 3], [4]],
        [[1], [2, 3, 4]],
        [["1", "2"], ["3", "4"]],
        ["1 2", "3 4"],
        ["1 2 3", "4"],
        ["1 2", "34"],
        ["1 23", "4"],
    )
    sets = [SampleSet.of(sequences, kind="tokens") for sequences in given]
    sets.append(SampleSet.of(["1 2", "3 4"]))  # codes

    assert len({whole.sha256 for whole in sets}) == len(sets)


def test_rows_are_taken_with_their_form():
    whole = SampleSet.of(["a b", "c", "d e"], kind="tokens", name="toy")
    taken = whole.take(np.array([2, 0]))

    assert taken.values.tolist() == ["d e", "a b"]
    assert (taken.kind, taken.name, taken.texts) == ("tokens", "toy", True)
    assert taken.sha256 == SampleSet.of(["d e", "a b"], kind="tokens").sha256
    with pytest.raises(ValueError, match="read-only"):
        taken.values[0] = "x"


@pytest.mark.parametrize(
    ("values", "kind", "reference", "got"),
    [
        (["a b", "c"], None, ["c d", "e"], ["a b", "c"]),  # text of a table, read as texts
        ([[1, 2], [0, 1]], None, [[5, 6], [7, 8]], [[1, 2], [0, 1]]),
    ],
)
def test_samples_are_read_as_the_reference_is(values, kind, reference, got):
    found = match_columns(
        SampleSet.of(values, kind=kind), SampleSet.of(reference, kind="tokens", name="real")
    )

    assert found.kind == "tokens"
    assert found.values.tolist() == got


@pytest.mark.parametrize(
    ("samples", "reference", "words"),
    [
        (([[1, 2]], "tokens"), (["a"], "tokens"), "strings as tokens.*got integers in 'mine'"),
        (([["a", "b"]], "tokens"), (["a"], "tokens"), "must be texts.*sequences of tokens in"),
        (([0.5], None), (["a"], "tokens"), "must hold tokens, as the reference 'real' does"),
        ((["a"], "tokens"), ([0.5], None), "must hold numbers, as the reference 'real' does"),
        (([1, 2], "codes"), (["a"], "codes"), "must hold strings as codes.*got integers in 'mine'"),
        (([True], "codes"), ([1, 2], "codes"), "must hold integers as codes.*got booleans"),
    ],
)
def test_other_types_are_named(samples, reference, words):
    mine = SampleSet.of(samples[0], kind=samples[1], name="mine")
    real = SampleSet.of(reference[0], kind=reference[1], name="real")

    with pytest.raises(InvalidSamples, match=words):
        match_columns(mine, real)


def test_columns_of_codes_match_by_name():
    mine = SampleSet.of(["a"], columns=("job",), name="mine")
    real = SampleSet.of(["a", "b"], columns=("work",), name="real")

    with pytest.raises(InvalidSamples, match="'work'; 'mine' has 'job': rename it"):
        match_columns(mine, real)
    assert match_columns(SampleSet.of(["a"]), real).columns is None


def test_pydoc_is_english_in_sentences():
    pydoc = load_reference("pydoc")
    words, _, size = as_tokens("samples", pydoc.values)

    assert (pydoc.kind, pydoc.texts, pydoc.name) == ("tokens", True, "pydoc")
    assert size == len(pydoc) > 2_000
    assert len(words) > 50_000
    assert len(set(pydoc.values)) == size  # each once
    assert pydoc.sha256 == load_reference("pydoc", seed=1).sha256  # nothing is drawn
    with pytest.raises(InvalidArgument, match="size must be None for 'pydoc'"):
        load_reference("pydoc", size=5)
