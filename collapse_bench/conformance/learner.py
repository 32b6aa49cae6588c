"""The model as a learner: all checks of ``fit``."""

from collapse_bench.conformance.fit_contract import (
    check_affine_equivariance,
    check_fit_leaves_model,
    check_fit_leaves_samples,
    check_fit_returns_new,
    check_fit_uses_data,
    check_refit_determinism,
)
from collapse_bench.conformance.fit_degenerate import check_degenerate, check_duplicates
from collapse_bench.conformance.fit_fidelity import check_consistency, check_one_step_fidelity
from collapse_bench.conformance.fit_order import check_memorisation, check_row_order

__all__ = [
    "check_affine_equivariance",
    "check_consistency",
    "check_degenerate",
    "check_duplicates",
    "check_fit_leaves_model",
    "check_fit_leaves_samples",
    "check_fit_returns_new",
    "check_fit_uses_data",
    "check_memorisation",
    "check_one_step_fidelity",
    "check_refit_determinism",
    "check_row_order",
]
