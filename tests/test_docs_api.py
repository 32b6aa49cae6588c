"""The page of public names is that of the code, and the report's schema keeps its promise."""

import inspect
import json
from pathlib import Path

import pytest

from collapse_bench.reports import json as reports
from tests import write_api

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((Path(reports.__file__).parent / "report.schema.json").read_text("utf-8"))
NAMES = [(module, name) for module in write_api.modules() for name in sorted(module.__all__)]


def test_the_page_is_what_the_code_says():
    written = write_api.PAGE.read_text(encoding="utf-8").splitlines()
    due = write_api.page().splitlines()
    other = sorted(set(written) ^ set(due))

    assert written == due, f"run python -m tests.write_api: {len(other)} lines differ, {other[:3]}"


def test_every_public_name_says_what_it_is():
    silent = [
        f"{module.__name__}.{name}"
        for module, name in NAMES
        if inspect.isclass(value := getattr(module, name)) or inspect.isroutine(value)
        if not (write_api.first_sentence(value).endswith((".", ":", "?")) and value.__module__)
    ]

    assert not silent


def test_no_module_with_public_names_is_left_out():
    listed = {module.__name__ for module in write_api.modules()}
    for path in (ROOT / "collapse_bench").glob("*/__init__.py"):
        name = path.parent.name
        assert f"collapse_bench.{name}" in listed or name in write_api.INTERNAL


class Odd:
    def __init__(self, a, /, b: int = 1, *, c=print, d=object(), e=float("inf"), **more):  # noqa: B008
        """Say nothing."""


def test_a_signature_is_shown_without_annotations_and_addresses():
    assert write_api.signature(Odd) == "(a, /, b=1, *, c=print, d=object, e=inf, **more)"


def test_references_of_a_docstring_become_code():
    def documented():
        r"""Return ``x`` of :func:`~collapse_bench.gates.plan`, :class:`Gate` and
        :math:`R^2`.

        More.
        """

    assert write_api.first_sentence(documented) == "Return `x` of `plan`, `Gate` and `R^2`."


# The rule of change: an older reader of schema 1 finds what it knew, and skips what it doesn't.


def objects(node, place="report"):
    """Yield every part of the schema that describes an object, with its place."""
    if isinstance(node, dict):
        if "properties" in node:
            yield place, node
        for name, inner in node.items():
            yield from objects(inner, f"{place}.{name}")
    elif isinstance(node, list):
        for inner in node:
            yield from objects(inner, place)


def test_fields_may_be_added_everywhere():
    closed = [place for place, node in objects(SCHEMA) if node.get("additionalProperties") is False]

    assert not closed


def test_what_is_required_is_described():
    for place, node in objects(SCHEMA):
        own = set(node["properties"]).union(*(set(part) for part in _shared(node)))
        assert set(node.get("required", ())) <= own, place


def _shared(node):
    for part in node.get("allOf", ()):
        yield SCHEMA["$defs"][part["$ref"].rpartition("/")[2]]["properties"]


# A reader branches on these words: none leaves, and none joins, while the number is 1.
WORDS = {
    "outcome": (SCHEMA["$defs"]["outcome"], "pass fail inconclusive"),
    "status": (
        SCHEMA["$defs"]["conformance"]["properties"]["status"],
        "passed failed inconclusive skipped expected_failure",
    ),
    "claim": (
        SCHEMA["properties"]["claims"]["items"]["properties"]["status"],
        "held not_held skipped",
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_of_the_first_schema_stay(name):
    described, words = WORDS[name]

    assert described["enum"] == words.split()
    assert SCHEMA["properties"]["schema"] == {"const": 1} == {"const": reports.SCHEMA}


def test_the_page_on_reports_states_the_rule():
    page = " ".join((ROOT / "docs" / "report.md").read_text(encoding="utf-8").split())

    assert "only add fields" in page
    assert "removed, renamed or means something else makes it 2" in page
