"""Reports that somebody edited: refused in one sentence that names the file and the field."""

import copy
import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.baselines import read_report
from collapse_bench.cli import main
from collapse_bench.errors import InvalidSpec
from collapse_bench.reports import schema
from collapse_bench.reports.schema import KEYWORDS, first_problem
from tests.reports.documents import DOCUMENT, FIRST
from tests.reports.test_schema import SCHEMA, VALIDATOR, WRONG


def changed(place, value=None, *, gone=False):
    """Return the document with another value at a path such as ``checks.0.low``."""
    document = copy.deepcopy(DOCUMENT)
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    owner = document
    for part in path:
        owner = owner[part]
    if gone:
        del owner[last]
    else:
        owner[last] = value
    return document


EDITED = {
    "text for a number": (
        changed("checks.0.estimate", "0.4"),
        "must have a number or null at checks[0].estimate; got '0.4'",
    ),
    "a number for text": (changed("checks.1.id", 7), "must have text at checks[1].id; got 7"),
    "a field less": (
        changed("checks.2.detect", gone=True),
        "must have a value at checks[2].detect; got none",
    ),
    "a section less": (changed("environment", gone=True), "at environment; got none"),
    "a list for an object": (changed("summary", []), "must have an object at summary; got []"),
    "true for a number": (changed("checks.0.low", True), "at checks[0].low; got True"),
    "a word that there isn't": (
        changed("gates.0.summary.outcome", "ok"),
        "must have one of pass, fail, inconclusive at gates[0].summary.outcome; got 'ok'",
    ),
    "a level of a half": (
        changed("gates.0.alpha", 1.5),
        "must have a number < 1 at gates[0].alpha; got 1.5",
    ),
    "bounds the wrong way round": (
        changed("checks.0.low", 0.9),
        "checks[0], must hold low <= high; got 'low=0.9, high=0.5'",
    ),
    "an estimate outside": (
        changed("recorded.0.estimate", 0.9),
        "recorded[0], must hold estimate <= high; got 'estimate=0.9, high=0.5'",
    ),
    "a growth the wrong way round": (
        changed("checks.0.growth.high", -0.6),
        "checks[0], must hold low <= high; got 'low=-0.5, high=-0.6'",
    ),
    "a broken plot": (
        changed("gates.0.shapes.1.ranks", "many"),
        "at gates[0].shapes[1].ranks; got 'many'",
    ),
    "a broken baseline": (
        changed("baseline.checks.0.changes.0.word", "great"),
        "at baseline.checks[0].changes[0].word; got 'great'",
    ),
    "a broken profile": (
        changed("trajectories.0.profile.onset", "soon"),
        "at trajectories[0].profile.onset; got 'soon'",
    ),
    "another schema": (changed("schema", 2), "must have schema 1; got schema=2"),
    "true for the schema": (changed("schema", True), "must have schema 1; got schema=True"),
}


@pytest.mark.parametrize("command", ["report", "compare"])
@pytest.mark.parametrize("name", EDITED)
def test_an_edited_report_is_refused_with_its_file_and_field(tmp_path, capsys, command, name):
    document, sentence = EDITED[name]
    path, out = tmp_path / "edited.json", tmp_path / "o.html"
    path.write_text(json.dumps(document))
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps(DOCUMENT))
    more = ["--html", str(out)] if command == "report" else [str(whole)]

    assert main([command, str(path), *more]) == 4
    told = capsys.readouterr()
    [line] = told.err.splitlines()
    assert sentence in line
    assert "edited.json" in line
    assert told.out == ""
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"schema": 1, "schema": 1}', "the name 'schema' stands twice"),
        (json.dumps(DOCUMENT).replace("0.4", "NaN", 1), "NaN is no number of JSON"),
        (json.dumps(DOCUMENT)[:-5], "Expecting"),
        ("[" * 100_000, "nested too deeply"),
        ("", "Expecting value"),
    ],
)
def test_a_file_that_is_no_json_is_refused(tmp_path, capsys, text, sentence):
    path = tmp_path / "edited.json"
    path.write_text(text)

    assert main(["report", str(path), "--md", str(tmp_path / "o.md")]) == 4
    [line] = capsys.readouterr().err.splitlines()
    assert sentence in line
    assert "edited.json" in line


@pytest.mark.parametrize("document", [DOCUMENT, FIRST], ids=["all", "first"])
def test_a_whole_report_is_read_and_rendered(tmp_path, capsys, document):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))

    assert read_report(path) == document
    assert main(["report", str(path), "--html", str(tmp_path / "o.html")]) == 0
    capsys.readouterr()


def test_bounds_of_levels_near_a_half_may_pass_the_estimate(tmp_path):
    path = tmp_path / "r.json"
    document = changed("checks.0.estimate", 0.6)
    document["checks"][0]["beta"] = 0.45
    path.write_text(json.dumps(document))

    assert read_report(path) == document
    document["checks"][0]["beta"] = 0.1
    document["checks"][0]["alpha"] = 0.01
    path.write_text(json.dumps(document))
    with pytest.raises(InvalidSpec, match="estimate <= high"):
        read_report(path)
    below = changed("checks.0.estimate", 0.2)
    below["checks"][0]["alpha"] = 0.45
    path.write_text(json.dumps(below))
    assert read_report(path) == below


# the schema, applied


def keywords(rule):
    """Yield every keyword of a schema."""
    for name, value in rule.items():
        yield name
        if name in ("properties", "$defs"):
            for inner in value.values():
                yield from keywords(inner)
        elif name in ("allOf", "oneOf"):
            for inner in value:
                yield from keywords(inner)
        elif isinstance(value, dict) and name != "const":
            yield from keywords(value)


def test_every_keyword_of_the_schema_is_applied():
    assert set(keywords(SCHEMA)) <= set(KEYWORDS)


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_found(change):
    document = copy.deepcopy(DOCUMENT)
    change(document)

    assert first_problem(document) is not None


def places(value, path=()):
    """Yield the path of every value inside."""
    inner = value.items() if isinstance(value, dict) else ()
    for name, item in enumerate(value) if isinstance(value, list) else inner:
        yield (*path, name)
        yield from places(item, (*path, name))


PLACES = list(places(DOCUMENT))
JUNK = st.sampled_from(
    [None, True, False, 0, 1, 1.0, -1, 0.5, 2, 1e300, 2**53, "", "x", "pass", [], [1], {}, {"a": 1}]
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), JUNK, st.booleans())
def test_it_finds_what_a_library_for_json_schema_finds(path, value, gone):
    document = copy.deepcopy(DOCUMENT)
    owner = document
    for part in path[:-1]:
        owner = owner[part]
    if gone:
        del owner[path[-1]]
    else:
        owner[path[-1]] = value

    assert (first_problem(document) is None) == VALIDATOR.is_valid(document)


RULES = [
    {"type": "integer"},
    {"type": ["number", "null"], "minimum": 1, "maximum": 3},
    {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
    {"const": 1},
    {"enum": ["pass", "fail"]},
    {"required": ["a"], "properties": {"a": {"type": "integer"}}},
    {"properties": {"a": {}}, "additionalProperties": {"type": "string"}},
    {"oneOf": [{"type": "null"}, {"type": "integer"}, {"minimum": 1}]},
    {"allOf": [{"type": "string"}, {"pattern": "^[0-9]+$"}]},
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["12", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.sampled_from(RULES), VALUES | st.sampled_from(["pass", "fail", "7"]))
def test_every_keyword_means_what_it_means_to_others(rule, value):
    own = next(schema._problems(value, rule, ""), None) is None

    assert own == jsonschema.Draft202012Validator(rule).is_valid(value)
