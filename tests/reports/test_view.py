"""What a session comes to, in words."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.reports import view
from tests.reports.documents import DOCUMENT, FIRST

NONE = {"held": 0, "not_held": 0, "skipped": 0}


def session(outcome, *counts, claims=NONE, **changes):
    names = ("pass", "fail", "inconclusive", "not_run")
    summary = {**dict(zip(names, counts, strict=True)), "outcome": outcome, "claims": claims}
    sections = {"failures": [], "notes": [], **changes}
    return view.banner(view.checked({**FIRST, "summary": {**summary, "exit": 6}, **sections}))


@pytest.mark.parametrize(
    ("banner", "sentence"),
    [
        (session("pass", 3, 0, 0, 0), "every declared check ran and passed (3)"),
        (session("pass", 0, 0, 0, 0, claims={**NONE, "held": 2, "skipped": 1}),
         "2 claims held; 1 claim skipped"),
        (session("fail", 1, 1, 1, 2),
         "1 of 5 checks failed; 1 check inconclusive; 2 checks did not run"),
        (session("fail", 1, 0, 0, 0, claims={**NONE, "not_held": 1}), "1 claim did not hold"),
        (session("fail", 1, 0, 0, 0, failures=[{"nodeid": "a", "reason": None}]),
         "1 test failed without a verdict"),
        (session("fail", 1, 0, 0, 0), "a test failed without a verdict"),
        (session("inconclusive", 2, 0, 1, 0),
         "nothing failed, but this is not green; 1 check inconclusive"),
        (session("inconclusive", 0, 0, 0, 0),
         "nothing failed, but this is not green; nothing was carried out"),
        (session("inconclusive", 1, 0, 0, 0),
         "nothing failed, but this is not green; the session ended with exit code 6"),
        (session("inconclusive", 1, 0, 0, 0, notes=["1 of the 2 checks asked for ran"]),
         "nothing failed, but this is not green; the session ended with exit code 6; "
         "1 of the 2 checks asked for ran"),
    ],
)  # fmt: skip
def test_the_outcome_in_a_sentence(banner, sentence):
    assert banner.sentence == sentence
    assert banner.word == view.WORDS[banner.outcome]


@given(st.sampled_from(["fail", "inconclusive", "not_run", "ok", "passed", None]))
def test_no_other_outcome_is_called_a_pass(outcome):
    assert session(outcome, 3, 0, 0, 0).word != "PASS"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (float("inf"), "-"),
        ("7", "-"),
        (True, "-"),
        (12345, "12,345"),
        (0.123456, "0.123"),
        (-1e-9, "-1e-09"),
    ],
)
def test_a_number_in_words(value, shown):
    assert view.number(value) == shown


def test_checks_stand_in_their_gate_or_outside():
    document = view.checked(DOCUMENT)
    [ledger] = view.ledgers(document)

    assert [view.check_name(c) for c in ledger.checks] == ["test_a", "test_b", "test_c"]
    assert [view.check_name(c) for c in view.outside(document)] == ["test_free"]


def test_every_check_is_shown_once_whoever_was_judged():
    two = [{**DOCUMENT["gates"][0], "model": model} for model in ("a", "b")]
    checks = [{**DOCUMENT["checks"][0], "model": model} for model in ("b", "a", "b", "c")]
    document = view.checked({**DOCUMENT, "gates": two, "checks": checks})
    shown = [c["model"] for ledger in view.ledgers(document) for c in ledger.checks]

    assert shown + [c["model"] for c in view.outside(document)] == ["a", "b", "b", "c"]


def test_what_did_not_pass_comes_first():
    [records] = view.conformance_of(DOCUMENT).values()

    assert [r["status"] for r in records] == [
        *("failed", "inconclusive", "passed", "expected_failure", "skipped"),
    ]


@given(st.lists(st.text()))
def test_a_command_can_be_typed_again(words):
    assert shlex.split(view.command_line({"environment": {"command": words}})) == words


def test_only_options_that_were_given_are_told():
    options = {
        **{"seed": 0, "gpu": False, "samples": None, "models": [], "arguments": {"a:b": {}}},
        **{"tolerate": {"variance": 0.1}, "columns": ["a", "b"], "given": {"m": {"k": 1}}},
    }

    assert view.options_of({"options": options}) == [
        ("seed", "0"),
        ("tolerate", "variance=0.1"),
        ("columns", "a, b"),
        ("given", "m=k=1"),
    ]


def test_many_lines_are_cut_and_counted():
    assert view.text_lines("a\nb") == ["a", "b"]
    assert view.text_lines("x\n" * 203)[-1] == "(and 3 lines more)"


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        (None, ""),
        ([1000, 2000], "a model without loss would pass with n = 1,000, m = 2,000"),
        ([1000, None], "a model without loss would pass with n = 1,000"),
        ([None, 9000], "with this reference no number of samples would do: it takes m = 9,000 "
         "rows of it"),
        ([None, None], "with this reference no number of samples would do"),
    ],
)  # fmt: skip
def test_the_sizes_it_takes_in_words(sizes, told):
    assert view.needed({"size_needed": sizes}) == told


def test_changes_are_counted_the_worst_first():
    words = ("better", "worse", "equivalent", "can't tell", "worse")
    checks = [{"word": word} for word in words]

    assert view.change_counts({"checks": checks}) == (
        "5 checks: 2 worse, 1 can't tell, 1 better, 1 equivalent"
    )
    assert view.change_counts({"checks": []}) == "no check"
