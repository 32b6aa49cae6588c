"""The rules that turn two p-values into one of three words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.judge import decide
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.verdict import Growth

# Levels far apart: a rule that mixed them up would show.
STRICT_FAIL = Levels.of(0.001, 0.1)
STRICT_PASS = Levels.of(0.1, 0.001)


def evidence(fail, passes, withheld=None):
    return Evidence("name", "quantity", pvalue_fail=fail, pvalue_pass=passes, withheld=withheld)


@pytest.mark.parametrize(
    ("fail", "passes", "levels", "outcome"),
    [
        (0.01, 0.5, STRICT_FAIL, "inconclusive"),  # below beta, above alpha
        (0.01, 0.5, STRICT_PASS, "fail"),
        (0.5, 0.01, STRICT_FAIL, "pass"),
        (0.5, 0.01, STRICT_PASS, "inconclusive"),  # below alpha, above beta
        (0.001, 0.001, STRICT_FAIL, "fail"),  # both shown
        (None, None, STRICT_FAIL, "inconclusive"),
    ],
)
def test_fail_is_tested_at_alpha_and_pass_at_beta(fail, passes, levels, outcome):
    assert decide(evidence(fail, passes), levels) == outcome


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_withheld_pass_is_never_a_pass(fail, passes):
    for levels in (STRICT_FAIL, STRICT_PASS):
        free = decide(evidence(fail, passes), levels)
        withheld = decide(evidence(fail, passes, "too few rows"), levels)
        assert withheld == ("inconclusive" if free == "pass" else free)


def grown(fail, passes):
    return Growth("name", "quantity", 0.05, 0.2, pvalue_fail=fail, pvalue_pass=passes)


@pytest.mark.parametrize(
    ("loss", "growth", "outcome"),
    [
        ((0.5, 0.001), (0.5, 0.001), "pass"),
        ((0.5, 0.001), (0.5, 0.5), "inconclusive"),  # growth isn't excluded
        ((0.5, 0.5), (0.5, 0.001), "inconclusive"),  # a loss isn't
        ((0.5, 0.001), (0.04, 0.5), "fail"),  # within half of the level
        ((0.5, 0.001), (0.06, 0.5), "inconclusive"),  # within the whole of it only
        ((0.06, 0.5), (0.5, 0.001), "inconclusive"),
        ((0.04, 0.5), (0.5, 0.001), "fail"),
        ((0.5, 0.001), (None, None), "inconclusive"),
        ((0.5, 0.001), (0.5, 0.09), "pass"),  # each passes at the full beta
    ],
)
def test_growth_that_is_judged_fails_at_half_of_the_level_and_must_pass_too(loss, growth, outcome):
    found = replace(evidence(*loss), growth=grown(*growth))

    assert decide(found, Levels.of(0.1, 0.1)) == outcome
    withheld = decide(replace(found, withheld="too few rows"), Levels.of(0.1, 0.1))
    assert withheld == ("inconclusive" if outcome == "pass" else outcome)


def test_levels_are_halved_only_where_growth_is_judged():
    levels = Levels.of(0.03, 0.02, checks=3)

    assert levels.directed(None) == levels
    assert levels.directed((0.1, 0.2)) == replace(levels, alpha=0.005)
