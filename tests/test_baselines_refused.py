"""Baselines and reports that aren't whole: each is refused in a sentence."""

import pytest

from collapse_bench.baselines import Entry, read_baseline, read_report
from collapse_bench.baselines.documents import report_of
from collapse_bench.errors import InvalidSpec
from collapse_bench.reports.json import write
from tests.test_baselines import accepted, session


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "Expecting value"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ("{'é': 1}".encode("latin-1"), "codec can't decode"),
        (b'{"a": NaN}', "NaN is no number of JSON"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": 1, "a": 1}', "the name 'a' stands twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
        (b"{", "Expecting property name"),
    ],
)
@pytest.mark.parametrize("read", [read_baseline, read_report])
def test_what_is_no_strict_json_is_refused(tmp_path, text, sentence, read):
    path = tmp_path / "x.json"
    path.write_bytes(text)

    with pytest.raises(InvalidSpec, match="must be a JSON file") as caught:
        read(path)

    assert sentence in str(caught.value)
    assert path.read_bytes() == text


@pytest.mark.parametrize("read", [read_baseline, read_report])
def test_what_is_no_file_is_refused(tmp_path, read):
    with pytest.raises(InvalidSpec, match="No such file"):
        read(tmp_path / "x.json")
    with pytest.raises(InvalidSpec, match="must be a JSON file"):
        read(tmp_path)
    with pytest.raises(InvalidSpec, match="must be a JSON file"):
        read("a\0b")


def test_a_file_too_large_to_be_ours_is_not_read(tmp_path):
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate(65 * 2**20)

    with pytest.raises(InvalidSpec, match="larger than 67,108,864 bytes"):
        read_baseline(path)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "got another file"),
        ({"schema": 1, "gates": [], "checks": []}, "got a report"),
        ({"kind": "collapse-bench baseline", "schema": 2, "checks": []}, "got schema=2"),
        ({"kind": "collapse-bench baseline", "schema": True, "checks": []}, "got schema=True"),
        ({"kind": "collapse-bench baseline", "checks": []}, "got schema=None"),
        ({"kind": "collapse-bench baseline", "schema": 1}, "a list of checks"),
        ({"kind": "collapse-bench baseline", "schema": 1, "checks": [3]}, "an object for every"),
    ],
)
def test_another_file_is_no_baseline(tmp_path, value, sentence):
    write(value, tmp_path / "x.json")

    with pytest.raises(InvalidSpec, match="baseline") as caught:
        read_baseline(tmp_path / "x.json")

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("alpha", 0),
        ("alpha", 0.5),
        ("beta", "0.01"),
        ("estimate", "0.1"),
        ("estimate", True),
        ("high", [1]),
        ("low", 1e308),
        ("low", 0.05),  # above high
        ("low", 0.02),  # above the estimate
        ("high", 0.0),  # below it
        ("tolerate", None),
        ("tolerate", 0.3),
        ("detect", -1),
        ("n", 0),
        ("m", 1.5),
        ("seed", -1),
        ("seed", True),
        ("id", None),
        ("model", 3),
        ("drawn", 1),
        ("versions", []),
        ("notes", "text"),
        ("notes", [1]),
        ("device", 3),
        ("reference_sha256", 3),
        ("growth", {"low": 1}),
        ("growth", [1]),
        ("growth", {"estimate": 0, "low": 1, "high": 2, "tolerate": 0, "detect": 1}),
        ("growth", {"estimate": "x", "low": 0, "high": 0, "tolerate": 0, "detect": 1}),
        ("unknown", 3),
    ],
)
def test_an_entry_that_is_not_whole_is_refused(field, value):
    one = next(iter(accepted().entries.values())).to_dict()

    with pytest.raises(InvalidSpec, match=r"^base\.json must hold "):
        Entry.read({**one, field: value}, "base.json")


def test_every_field_of_an_entry_is_needed():
    one = next(iter(accepted().entries.values())).to_dict()

    for name in one:
        with pytest.raises(InvalidSpec, match=f"must hold '{name}' for every check"):
            Entry.read({key: value for key, value in one.items() if key != name}, "base.json")


def test_a_check_twice_is_refused(tmp_path):
    now = session()
    with pytest.raises(InvalidSpec, match="every check of a model once"):
        report_of({**now, "checks": [now["checks"][0]] * 2}, "x")
    one = next(iter(accepted().entries.values())).to_dict()
    twice = {"kind": "collapse-bench baseline", "schema": 1, "checks": [one, one]}
    write(twice, tmp_path / "x.json")
    with pytest.raises(InvalidSpec, match="every check of a model once"):
        read_baseline(tmp_path / "x.json")


@pytest.mark.parametrize("schema", [0, 2, True, "1", None])
def test_a_report_of_another_schema_is_refused(tmp_path, schema):
    write({**session(), "schema": schema}, tmp_path / "x.json")

    with pytest.raises(InvalidSpec, match="must have schema 1; got schema="):
        read_report(tmp_path / "x.json")


@pytest.mark.parametrize("part", ["environment", "gates", "checks", "seed"])
@pytest.mark.parametrize("value", [None, 0.5, [3], [{"gate": []}], {"versions": 1}])
def test_a_report_that_is_not_whole_is_refused(part, value):
    with pytest.raises(InvalidSpec):
        report_of({**session(), part: value}, "x")
