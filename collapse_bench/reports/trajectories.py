"""A trajectory in a few numbers a generation, beside what theory says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collapse_bench.errors import InvalidArgument
from collapse_bench.reports.json import plain

if TYPE_CHECKING:
    from collapse_bench.engine import Trajectory

__all__ = ["summarize"]

LOW, HIGH = 0.05, 0.95  # quantiles over lineages: nine in ten lie between


def summarize(
    trajectory: Trajectory,
    *,
    scenario: str,
    theory: Mapping[str, Sequence[float]] | None = None,
    regime: str | None = None,
    family: str | None = None,
) -> dict[str, Any]:
    """Return one entry of the report's ``trajectories``, without its id.

    Each metric has, per generation, the ``median``, ``low`` and ``high`` (5 % and 95 % quantiles)
    and ``mean`` over lineages, and ``theory`` where it is given; values that are not finite come
    out as null, and ``reason`` says so. ``profile`` is the trajectory's collapse profile.

    Parameters
    ----------
    theory
        Metric name to T + 1 values, generation 0 first.

    Raises
    ------
    InvalidArgument
        If ``theory`` names a metric that wasn't measured, or hasn't one value a generation.
    """
    import numpy as np

    theory = dict(theory or {})
    metrics: dict[str, Any] = {}
    for name, values in trajectory.values.items():
        curve = theory.pop(name, None)
        if curve is not None and np.shape(curve) != (values.shape[1],):
            raise InvalidArgument(
                f"theory must have {values.shape[1]} values of {name}, one a generation; "
                f"got shape {np.shape(curve)}"
            )
        finite = bool(np.isfinite(values).all())
        with np.errstate(invalid="ignore"):  # -inf: the logarithm of a lineage that is a point
            low, median, high = np.quantile(values, [LOW, 0.5, HIGH], axis=0)  # (3, T+1)
            mean = values.mean(axis=0)  # (T+1,)
        metrics[name] = {
            "measured": trajectory.measured[name],
            "median": median,
            "low": low,
            "high": high,
            "mean": mean,
            "theory": curve,
            "reason": None if finite else "some lineages have no finite value",
        }
    if theory:
        raise InvalidArgument(
            f"theory must name measured metrics ({', '.join(metrics)}); got {sorted(theory)}"
        )
    sizes = trajectory.sizes.tolist()
    summary: dict[str, Any] = plain(
        {
            "scenario": scenario,
            "regime": regime if regime is not None else trajectory.regime,
            "family": family if family is not None else trajectory.family,
            "size": sizes[0] if len(set(sizes)) == 1 else sizes,
            "seed": trajectory.seed,
            "steps": trajectory.steps,
            "replicates": trajectory.replicates,
            "metrics": metrics,
            "profile": trajectory.profile().to_dict(),
        }
    )
    return summary
