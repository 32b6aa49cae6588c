"""The JSON report: everything a session judged, for programs.

Schema 1; later versions add fields only, or the number rises.
"""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import collapse_bench

__all__ = ["SCHEMA", "document", "environment", "plain", "write"]

SCHEMA = 1
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "datasets", "pot", "pytest")


def environment(device: str | None) -> dict[str, Any]:
    """Return where and when this session ran: versions, platform, device, date in UTC.

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
) -> dict[str, Any]:
    """Return the report of a session as plain JSON types.

    ``recorded`` holds verdicts outside every ledger, in the form of ``checks``; ``conformance``
    one record a model and check.
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
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="ascii") as file:
            json.dump(report, file, indent=1, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
