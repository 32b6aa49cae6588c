"""The JSON report: everything a session judged, for programs.

Schema 1, as `report.schema.json` beside this file says in JSON Schema. Later versions add fields
only, which are then optional there, or the number rises.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import collapse_bench
from collapse_bench.reports.files import write_text

__all__ = ["SCHEMA", "document", "environment", "plain", "write"]

SCHEMA = 1
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "datasets", "pot", "pytest")


def environment(device: str | None, command: Sequence[str] = ()) -> dict[str, Any]:
    """Return where, when and how a session ran: versions, platform, device, UTC date, command.

    Versions are read from the installed packages' metadata: nothing is imported.
    """
    versions = {"collapse-bench": collapse_bench.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "platform": platform.platform(),
        "device": device,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
    }


def document(
    *,
    seed: int,
    environment: Mapping[str, Any],
    summary: Mapping[str, Any],
    gates: Sequence[Mapping[str, Any]],
    checks: Sequence[Mapping[str, Any]],
    trajectories: Sequence[Mapping[str, Any]],
    recorded: Sequence[Mapping[str, Any]] = (),
    conformance: Sequence[Mapping[str, Any]] = (),
    claims: Sequence[Mapping[str, Any]] = (),
    not_run: Sequence[Mapping[str, Any]] = (),
    failures: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
    guarantee: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the report of a session as plain JSON types.

    Parameters
    ----------
    recorded
        Verdicts outside every ledger, in the form of ``checks``.
    conformance
        One record a model and check.
    claims
        One record a test of the paper's suite: ``nodeid``, ``status``, ``reason``.
    not_run
        Declared checks that have no verdict: ``id``, ``model``, ``reason``.
    failures
        Tests that failed for another reason than a check or a claim: ``nodeid``, ``reason``.
    notes
        Sentences that belong to the outcome.
    guarantee
        The promise of the gates, if any has judged.
    options
        What the plugin's options came to.
    """
    return {
        "schema": SCHEMA,
        "version": collapse_bench.__version__,
        "environment": plain(environment),
        "seed": seed,
        "summary": plain(summary),
        "gates": plain(gates),
        "checks": plain(checks),
        "conformance": plain(conformance),
        "trajectories": plain(trajectories),
        "recorded": plain(recorded),
        "claims": plain(claims),
        "not_run": plain(not_run),
        "failures": plain(failures),
        "notes": plain(notes),
        "guarantee": guarantee,
        "options": plain(options),
    }


def plain(value: Any) -> Any:
    """Return ``value`` in plain JSON types; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # a numpy scalar or array, known without importing numpy
        return plain(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def write(report: Mapping[str, Any], path: Path) -> None:
    """Write ``report`` to ``path``, whole or not at all.

    Raises
    ------
    OSError
        If the file can't be written; an older one is left as it was.
    """
    write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", path)
