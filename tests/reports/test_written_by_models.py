"""Whatever a model, a file or an error wrote is text in every form; no number is said in words."""

import copy
import json
import math
import unicodedata
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape as xml_escape

import pytest

from collapse_bench.baselines import section_lines
from collapse_bench.gates import Verdict
from collapse_bench.reports import html, junit, markdown
from collapse_bench.reports import json as reports
from collapse_bench.reports.terminal import case_line, check_line, conformance_lines, header_lines
from collapse_bench.reports.text import LONGEST, safe_text
from tests.reports.documents import ATTACKS, DOCUMENT, VERDICT, poisoned
from tests.reports.test_html import Page, harmless
from tests.reports.test_markdown import KINDS, kinds, text_of

STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def steers(text):
    return [c for c in text if unicodedata.category(c) in STEERING and c != "\n"]


def terminal(text):
    """Return all that a terminal is told of a session in which ``text`` stands everywhere."""
    record = {**VERDICT, "quantity": text, "reason": text}
    case = {"model": text, "how": text, "size": 1, "drawn": True}
    case |= {"reference_size": 1, "reference": text}
    counts = {"pass": 0, "fail": 1, "inconclusive": 0, "not_run": 0, "outcome": "fail"}
    found = {text: {"status": "failed", "reason": text, "seconds": 0.0}}
    gate = {"alpha": 0.01, "beta": 0.01, "max_samples": None, "cases": [text]}
    document = poisoned(text)
    return [
        *header_lines(seed=0, profile=text, device=text, gate=gate, remarks=[text]),
        case_line(text, case, text),
        check_line(text, record),
        check_line(text, None),
        *(line for line, _ in conformance_lines(text, counts, {"c": found[text]})),
        *section_lines({**document["baseline"], "reason": None}),
        *section_lines(document["baseline"]),
    ]


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_text_on_a_terminal(name):
    for line in terminal(ATTACKS[name]):
        assert not steers(line)
        assert "\n" not in line
        assert len(line) < 20 * LONGEST


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_text_in_html(name):
    page = harmless(html.render(poisoned(ATTACKS[name])))

    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in Page(html.render(DOCUMENT)).tags}
    # a sample text among them
    items = [data for tag, data in page.texts if tag == "li"]
    assert safe_text(ATTACKS[name]) in items


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_text_in_markdown(name):
    source = markdown.render(poisoned(ATTACKS[name]))

    assert kinds(source) <= KINDS
    assert not steers(source)
    assert safe_text(ATTACKS[name].splitlines()[0], longest=500) in text_of(source)


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_text_in_junit(name):
    record = {**VERDICT, "metric": ATTACKS[name], "reason": ATTACKS[name]}
    found = junit.properties(record)

    for key, value in found:
        assert not steers(key + value)
    # as pytest writes them, in attributes
    quoted = "".join(
        f'<property name="{xml_escape(key, {chr(34): "&quot;"})}" value="{value}"/>'
        for key, value in found
    )
    read = ET.fromstring(f"<properties>{quoted}</properties>")
    assert [one.get("name") for one in read] == [key for key, _ in found]


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_data_in_json(name):
    assert json.loads(json.dumps(poisoned(ATTACKS[name]), allow_nan=False)) == poisoned(
        ATTACKS[name]
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null_and_said_in_words(value):
    fields = {**VERDICT, "outcome": "inconclusive", "reason": "the estimate is no number"}
    fields |= {"notes": (), "estimate": value, "low": value, "high": value, "pvalue_fail": value}
    record = reports.plain(Verdict(**fields).to_dict())
    assert [record[name] for name in ("estimate", "low", "high", "pvalue_fail")] == [None] * 4

    document = copy.deepcopy(DOCUMENT)
    document["checks"] = [{**document["checks"][0], **record}]
    document["recorded"] = []
    shown = [
        check_line("test_a", record),
        Page(html.render(document)).text(),
        text_of(markdown.render(document)),
    ]
    for text in shown:
        assert "INCONCLUSIVE" in text
        assert "- [-, -]" in text
        assert "the estimate is no number" in text
        assert "nan" not in text.lower().replace("fin", "")
    assert not [key for key, _ in junit.properties(record) if key.endswith("estimate")]


def test_notes_of_a_pass_are_told():
    record = {**VERDICT, "outcome": "pass", "reason": "the mass has grown"}
    document = {**DOCUMENT, "checks": [{**DOCUMENT["checks"][0], **record}], "recorded": []}

    assert "the mass has grown" in check_line("test_a", record)
    assert "the mass has grown" in Page(html.render(document)).text()
    assert "the mass has grown" in text_of(markdown.render(document))
