"""Evaluate how generative models change when they are trained on model output."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# The main names, found on first use so that importing the package costs nothing (PEP 562).
_HOME = {
    "Gate": "collapse_bench.gates",
    "Verdict": "collapse_bench.gates",
    "assert_drift": "collapse_bench.gates",
    "assert_tail_mass": "collapse_bench.gates",
    "assert_variance": "collapse_bench.gates",
    "assert_wasserstein": "collapse_bench.gates",
    "check_drift": "collapse_bench.gates",
    "check_model": "collapse_bench.conformance",
    "check_tail_mass": "collapse_bench.gates",
    "check_variance": "collapse_bench.gates",
    "check_wasserstein": "collapse_bench.gates",
    "parametrize_with_checks": "collapse_bench.conformance",
    "plan": "collapse_bench.gates",
    "plan_drift": "collapse_bench.gates",
    "recurse": "collapse_bench.engine",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
