"""The rules that turn two p-values into one of three words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.judge import decide
from collapse_bench.gates.levels import Levels

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
