"""Checks with known error rates: pass, fail or inconclusive, never "not rejected"."""

from collapse_bench.gates.checks import Check, default_checks
from collapse_bench.gates.drift import assert_drift, check_drift
from collapse_bench.gates.gate import FOOTER, Gate, GateResult
from collapse_bench.gates.lineages import DriftPlan, plan_drift
from collapse_bench.gates.parts import Part
from collapse_bench.gates.plan import CheckPlan, Plan, plan
from collapse_bench.gates.support import assert_support, check_support
from collapse_bench.gates.tables import TableGate, TableResult
from collapse_bench.gates.tail_mass import assert_tail_mass, check_tail_mass
from collapse_bench.gates.variance import assert_variance, check_variance
from collapse_bench.gates.verdict import Growth, Verdict
from collapse_bench.gates.wasserstein import assert_wasserstein, check_wasserstein

__all__ = [
    "FOOTER",
    "Check",
    "CheckPlan",
    "DriftPlan",
    "Gate",
    "GateResult",
    "Growth",
    "Part",
    "Plan",
    "TableGate",
    "TableResult",
    "Verdict",
    "assert_drift",
    "assert_support",
    "assert_tail_mass",
    "assert_variance",
    "assert_wasserstein",
    "check_drift",
    "check_support",
    "check_tail_mass",
    "check_variance",
    "check_wasserstein",
    "default_checks",
    "plan",
    "plan_drift",
]
