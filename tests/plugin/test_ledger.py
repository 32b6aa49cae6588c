"""The ledger as arithmetic: shares, counts, exit codes, the last line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.harness.ledger import (
    Book,
    declaration_error,
    exit_status,
    last_line,
    outcome_of,
    tally,
    without_model,
)

CLEAN = {"pass": 3, "fail": 0, "inconclusive": 0, "not_run": 0}
QUIET = {"failed_otherwise": False, "all_skipped": False, "few": False}


@pytest.mark.parametrize(
    ("name", "model", "bare"),
    [
        ("test_a[m:f]", "m:f", "test_a"),
        ("test_a[upper-m:f]", "m:f", "test_a[upper]"),
        ("test_a[m:f-upper]", "m:f", "test_a[upper]"),
        ("test_a[upper]", "m:f", "test_a[upper]"),
        ("test_a[upper]", None, "test_a[upper]"),
        ("TestB::test_a[m[0]:f]", "m[0]:f", "TestB::test_a"),
        ("test_a", "m:f", "test_a"),
    ],
)
def test_a_name_is_told_without_the_model(name, model, bare):
    assert without_model(name, model) == bare


@pytest.mark.parametrize(
    ("declared", "tests", "words"),
    [
        (None, ["test_b", "test_a"], "add the constant COLLAPSE_CHECKS = ('test_a', 'test_b',)"),
        (("test_a",), ["test_a", "test_b"], "add 'test_b'"),
        ((), ["test_a"], "must be a tuple of different names; got ()"),
        (("test_a", "test_a"), ["test_a"], "different names"),
        ("test_a", ["test_a"], "must be a tuple"),
        (3, [], "must be a tuple"),
    ],
)
def test_a_wrong_declaration_is_told_with_its_mend(declared, tests, words):
    assert words in declaration_error("suites/gate/test_x.py", declared, tests)


def test_a_declaration_may_name_tests_that_were_not_collected():
    assert declaration_error("m", ("test_a", "test_b"), ["test_a"]) is None


def test_a_declaration_may_not_name_tests_that_are_not_there():
    error = declaration_error("m", ("test_a", "test_b"), ["test_a"], defines="test_a".__eq__)

    assert error == "COLLAPSE_CHECKS of m must name tests of that module; got 'test_b'"


@pytest.mark.parametrize(
    ("current", "counts", "changed", "code"),
    [
        (0, {}, {}, 0),
        (0, {"fail": 1}, {}, 1),
        (1, {"inconclusive": 1}, {}, 6),
        (1, {"inconclusive": 1}, {"failed_otherwise": True}, 1),
        (0, {"not_run": 1}, {}, 6),
        (0, {}, {"all_skipped": True}, 6),
        (0, {}, {"few": True}, 6),
        (1, {}, {}, 1),
        (0, {"inconclusive": 1}, {}, 6),  # an expected failure doesn't make it green
        (1, {"fail": 1, "inconclusive": 1, "not_run": 1}, {"few": True}, 1),
        (2, {"fail": 1}, {}, 2),
        (3, {"inconclusive": 1}, {}, 3),
        (4, {"not_run": 3}, {}, 4),
        (5, {}, {"few": True}, 5),
    ],
)
def test_exit_codes(current, counts, changed, code):
    assert exit_status(current, counts={**CLEAN, **counts}, **{**QUIET, **changed}) == code


@given(
    current=st.sampled_from([0, 1]),
    counts=st.fixed_dictionaries({name: st.integers(0, 3) for name in CLEAN}),
    flags=st.fixed_dictionaries({name: st.booleans() for name in QUIET}),
)
def test_green_means_that_every_declared_check_ran_and_passed(current, counts, flags):
    code = exit_status(current, counts=counts, **flags)

    spotless = not (counts["fail"] or counts["inconclusive"] or counts["not_run"])
    assert (code == 0) == (current == 0 and spotless and not any(flags.values()))
    assert code in (0, 1, 6)


def test_the_worst_outcome_counts():
    assert outcome_of(CLEAN) == "pass"
    assert outcome_of({**CLEAN, "not_run": 1}) == "inconclusive"
    assert outcome_of({**CLEAN, "not_run": 1, "fail": 1}) == "fail"
    assert outcome_of({**CLEAN, "pass": 0}) == "inconclusive"
    assert tally(3, ["pass", "fail"])["not_run"] == 1


def test_the_last_line_counts_everything():
    claims = {"held": 12, "not_held": 1, "skipped": 0}

    assert last_line({**CLEAN, "not_run": 2}, claims) == (
        "collapse: 5 checks, 3 pass, 0 fail, 0 inconclusive, 2 not run; 12 claims held, 1 not"
    )
    assert last_line(CLEAN, {**claims, "skipped": 4}, ["so"]).endswith("1 not, 4 skipped; so")


LEDGER = {"gate": "gate/test_a", "model": "m", "declared": ["test_a", "test_b"]}
ITEM = {"record": "item", "suite": "gate", "gate": "gate/test_a", "ledgers": [LEDGER]}


def verdict(name, outcome, gate="gate/test_a"):
    record = {"record": "check", "id": f"{gate}::{name}", "name": name, "outcome": outcome}
    return json.dumps({**record, "gate": gate, "model": "m"})


def test_a_verdict_counts_once_for_all_phases_of_its_test():
    book = Book()
    left = [json.dumps(ITEM), verdict("test_a", "pass")]
    for when in ("setup", "call", "teardown"):
        book.reported("t.py::test_a", when, "passed", excused=False, properties=left)

    assert book.ledger_counts(("gate/test_a", "m")) == {
        **CLEAN,
        "pass": 1,
        "not_run": 1,
        "outcome": "inconclusive",
    }


@pytest.mark.parametrize("order", [("fail", "pass"), ("pass", "fail")])
def test_of_two_verdicts_on_a_check_the_worse_one_counts(order):
    book = Book()
    left = [json.dumps(ITEM), *(verdict("test_a", outcome) for outcome in order)]
    book.reported("t.py::test_a", "call", "passed", excused=False, properties=left)

    assert book.counts(free=False)["fail"] == 1


def test_a_test_that_was_tried_again_has_failed():
    book = Book()
    for outcome in ("rerun", "passed"):
        book.reported("t.py::test_a", "call", outcome, excused=False, properties=[json.dumps(ITEM)])

    assert book.failures == {"t.py::test_a"}


@pytest.mark.parametrize(("exitstatus", "outcome"), [(0, "pass"), (2, "inconclusive")])
def test_a_session_that_was_cut_short_did_not_pass(exitstatus, outcome):
    book = Book()
    left = [json.dumps(ITEM), verdict("test_a", "pass"), verdict("test_b", "pass")]
    book.reported("t.py::test_a", "call", "passed", excused=False, properties=left)

    assert book.outcome(exitstatus) == outcome
    assert Book().outcome(0) == "inconclusive"


def test_a_crash_leaves_declared_checks_not_run():
    book = Book()
    book.collected(json.dumps({"ledgers": [LEDGER], "dropped": [], "usage": []}))
    book.reported("t.py::test_a", "???", "failed", excused=False, properties=[])

    assert book.counts(free=False)["not_run"] == 2
    assert book.failures == {"t.py::test_a"}


def test_checks_outside_a_ledger_are_counted_but_change_nothing():
    book = Book()
    free = json.dumps({**json.loads(verdict("test_x", "fail")), "gate": None, "model": None})
    book.reported("t.py::test_x", "call", "failed", excused=False, properties=[free])

    assert book.counts(free=True)["fail"] == 1
    assert book.counts(free=False)["fail"] == 0


def test_claims_are_the_tests_of_the_paper_suite():
    book = Book()
    item = json.dumps({"record": "item", "suite": "paper", "gate": None, "ledgers": []})
    for name, outcome in (("a", "passed"), ("b", "failed"), ("c", "skipped")):
        book.reported(f"t.py::{name}", "setup", "passed", excused=False, properties=[item])
        book.reported(f"t.py::{name}", "call", outcome, excused=False, properties=[item])
        book.reported(f"t.py::{name}", "teardown", "passed", excused=False, properties=[item])

    assert book.claims() == {"held": 1, "not_held": 1, "skipped": 1}
    assert book.outcome(1) == "fail"
    assert not book.all_skipped()
