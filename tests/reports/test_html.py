"""The page: whole, safe whatever a model wrote, and usable without a mouse."""

import copy
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument
from collapse_bench.reports.html import render, write
from collapse_bench.reports.text import LONGEST, safe_text
from tests.reports.documents import ATTACKS, DOCUMENT, FIRST, poisoned

VOID = {"meta", "br"}
DRAWN = {"line", "rect", "circle", "path"}
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "a", "header", "h1", "h2", "h3", "div"),
    *("p", "nav", "ul", "li", "main", "section", "details", "summary", "dl", "dt", "dd", "em"),
    *("strong", "ol", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "br", "code"),
    *("pre", "svg", "text", "figure", "figcaption", "footer", *DRAWN),
}
EMPTY = {
    **DOCUMENT,
    "summary": {"pass": 0, "fail": 0, "inconclusive": 0, "not_run": 0, "outcome": "inconclusive"},
    **{key: [] for key in ("gates", "checks", "conformance", "trajectories", "recorded")},
    **{key: [] for key in ("claims", "not_run", "failures", "notes")},
}


class Page(HTMLParser):
    """A page as its elements: what opened with which attributes, what is text where."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts, self.comments = [], [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "every element ends where it began"

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else None, data))

    def handle_comment(self, data):
        self.comments.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self):
        return " ".join("".join(data for tag, data in self.texts if tag != "style").split())


def harmless(source):
    page = Page(source)
    assert page.open == []
    assert page.comments == []
    assert {tag for tag, _ in page.tags} <= TAGS
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert not {"src", "srcset", "action", "data", "xlink:href", "http-equiv"} & (
            attributes.keys() - ({"http-equiv"} if tag == "meta" else set())
        )
        assert attributes.get("href", "#").startswith("#")
    unsafe = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not [c for c in source if unicodedata.category(c) in unsafe and c != "\n"]
    source.encode("utf-8")
    return page


@pytest.mark.parametrize("document", [DOCUMENT, FIRST, EMPTY], ids=["all", "first", "empty"])
def test_the_page_is_well_formed_and_stands_alone(document):
    page = harmless(render(document))
    [policy] = [meta["content"] for meta in page.of("meta") if "http-equiv" in meta]

    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert not re.search(r"url\(|@import", render(document))


@pytest.mark.parametrize("name", ATTACKS)
def test_whatever_was_written_is_text(name):
    attack = ATTACKS[name]
    document = poisoned(attack)
    page = harmless(render(document))

    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in Page(render(DOCUMENT)).tags}
    shown = " ".join(safe_text(attack).split())
    first = " ".join(safe_text(attack.splitlines()[0]).split())
    assert page.text().count(shown) + page.text().count(first) > 20
    assert len(render(document)) < 200 * LONGEST * 2


@given(st.text(st.characters(codec=None), max_size=20))
@settings(max_examples=25)
def test_any_text_is_text(text):
    harmless(render(poisoned(text)))


def test_a_long_word_is_cut():
    assert "w" * (LONGEST + 1) not in render(poisoned("w" * 100_000))


def test_code_keeps_its_lines():
    assert "<pre>it must hold\nrepeat it:\n    check()\n</pre>" in render(DOCUMENT)


@pytest.mark.parametrize(
    ("outcome", "word"), [("pass", "PASS"), ("fail", "FAIL"), ("inconclusive", "INCONCLUSIVE")]
)
def test_the_outcome_stands_on_top_in_words(outcome, word):
    document = {**DOCUMENT, "summary": {**DOCUMENT["summary"], "outcome": outcome}}
    page = Page(render(document))

    assert page.text().startswith(f"{word}: model collapse report")
    assert ("p", word) in page.texts
    assert f"banner {outcome}" in [d.get("class") for d in page.of("div")]


def test_everything_that_was_judged_is_shown():
    text = Page(render(DOCUMENT)).text()

    for part in (
        *("test_a", "test_b", "test_c", "test_free", "digits", "the tails are gone"),
        *("0.4 [0.3, 0.5]", "-0.4 [-0.5, -0.3]", "it takes m = 9,000 rows", "real.csv", "0" * 64),
        *("check_failed", "failed as expected", "1 held, 1 did not, 1 skipped"),
        *("it was skipped", "ImportError", "P(any fail) <= alpha", "Linux", "3.11.7"),
        *("pytest suites/gate --collapse-seed=20261122", "variance=0.1", "Density of age"),
        *(
            "2 passed, 1 failed, 1 inconclusive, 1 don't apply",
            "n from 100 to 200",
            "2 of the 3 checks asked for ran",
        ),
    ):
        assert part in text, part
    assert "1 declared check without a verdict; none of them counts as passed" in text


def test_each_loss_and_growth_has_its_interval():
    labels = [svg.get("aria-label") for svg in Page(render(DOCUMENT)).of("svg")]
    wanted = "loss 0.4, interval 0.3 to 0.5; tolerate 0.05, detect 0.25"

    assert labels.count(wanted) == 3  # a, free, recorded
    assert "growth -0.4, interval -0.5 to -0.3; tolerate 0.05, detect 0.25" in labels
    curve = "variance by generation: mean from 1 to 0.9, theory from 1 to 0.9"
    assert f"{curve}; a loss is shown from generation 1 on" in labels
    assert Page(render({**DOCUMENT, "trajectories": [without_profile()]})).text().count("n = ") > 2


def without_profile():
    record = {**DOCUMENT["trajectories"][0], "size": 7}
    return {name: value for name, value in record.items() if name != "profile"}


def test_a_report_says_what_became_of_states_texts_lineages_and_the_baseline():
    text = Page(render(DOCUMENT)).text()

    for part in (
        *("Share of a state by its rank of word", "2 states of the reference are in no sample"),
        *("zebra, quagga", "the cat sat", "(empty)", "the zebra fled", "hold nothing private"),
        *(
            "late collapse: a typical lineage has lost variance; losing more with every generation",
            "no limit",
        ),
        *("loss of the last generation, variance: 0.1 [0.05, -]", "nothing is lost", "Welch's t"),
        *("2 checks: 1 worse, 1 can't tell", "0.11, 0.44", "[0.017, -]", "unpaired"),
        *("this session doesn't have it", "other environment: numpy 2.0 then, 2.1 now"),
    ):
        assert part in text, part
    refused = {**DOCUMENT["baseline"], "reason": "of another model", "checks": [], "notes": []}
    text = Page(render({**DOCUMENT, "baseline": refused})).text()
    assert "base.json: not compared" in text
    assert "of another model" in text


def test_a_bound_that_there_is_none_of_is_drawn_open():
    def unbounded(**changes):
        check = {**DOCUMENT["checks"][1], **changes}
        page = Page(render({**DOCUMENT, "checks": [check], "recorded": []}))
        return [line for line in page.of("line") if line.get("class") == "unbounded"]

    assert unbounded() == []
    assert [line["x1"] for line in unbounded(low=None)] == ["0"]
    assert [line["x2"] for line in unbounded(high=None)] == ["320"]


def test_inconclusive_and_absent_checks_are_never_called_a_pass():
    document = copy.deepcopy(DOCUMENT)
    document["checks"] = [check for check in document["checks"] if check["outcome"] != "pass"]
    document["conformance"] = document["claims"] = []
    tags = [data for _, data in Page(render(document)).texts]

    assert "PASS" not in tags


def test_it_can_be_used_without_a_mouse_and_without_eyes():
    page = Page(render(DOCUMENT))
    targets = {a["href"][1:] for a in page.of("a")}
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]

    assert targets <= set(ids)
    assert len(ids) == len(set(ids))
    assert page.of("a")[0] == {"class": "skip", "href": "#content"}
    assert all(th.get("scope") in ("col", "row") for th in page.of("th"))
    assert all("aria-label" in svg or svg.get("aria-hidden") == "true" for svg in page.of("svg"))
    assert all(
        box.get("tabindex") == "0" and box.get("aria-label")
        for box in page.of("div")
        if box.get("class") == "scroll"
    )
    assert page.of("html") == [{"lang": "en"}]
    style = "".join(data for tag, data in page.texts if tag == "style")
    for rule in ("prefers-color-scheme: dark", "@media print", "max-width: 46rem"):
        assert rule in style


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "be a report of schema 1; got schema=None"),
        ([], "be a report of schema 1; got schema=None"),
        ({**DOCUMENT, "schema": 2}, "be a report of schema 1; got schema=2"),
        ({**DOCUMENT, "schema": True}, "be a report of schema 1; got schema=True"),
        ({**DOCUMENT, "checks": None}, "have a list of checks; got None"),
        ({**DOCUMENT, "checks": [{}]}, r"have checks\[0\].id, as every report has"),
        ({**DOCUMENT, "summary": []}, "have summary.pass, as every report has"),
        ({**DOCUMENT, "recorded": [7]}, r"have recorded\[0\].id, as every report has"),
    ],
)
def test_what_is_no_report_is_refused(document, sentence):
    with pytest.raises(InvalidArgument, match=f"^document must {sentence}"):
        render(document)


def test_it_is_the_same_page_for_the_same_document():
    before = copy.deepcopy(DOCUMENT)

    assert render(DOCUMENT) == render(DOCUMENT)
    assert before == DOCUMENT


def test_it_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "r.html"
    write(DOCUMENT, path)
    before = path.read_bytes()
    with pytest.raises(InvalidArgument):
        write({}, path)

    assert path.read_bytes() == before == render(DOCUMENT).encode()
    assert list(tmp_path.iterdir()) == [path]
