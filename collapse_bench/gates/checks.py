"""Checks as data: which metric is judged, with which effect sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.codes import Codes, default_mass
from collapse_bench.gates.evidence import Setting
from collapse_bench.gates.rows import Data, read_reference
from collapse_bench.gates.support import Support
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.gates.variance import Variance
from collapse_bench.gates.wasserstein import Wasserstein
from collapse_bench.validation import Kind, one_of

__all__ = ["METRICS", "Check", "as_checks", "default_checks", "defaults_of", "kind_of"]

METRICS: Mapping[str, Callable[..., Setting]] = MappingProxyType(
    {"tail_mass": TailMass, "variance": Variance, "wasserstein": Wasserstein, "support": Support}
)


@dataclass(frozen=True, init=False, repr=False)
class Check:
    """One check of a gate.

    Parameters
    ----------
    metric
        "tail_mass", "variance", "wasserstein" or "support".
    **settings
        Keywords of ``check_<metric>`` such as ``tolerate`` and ``detect``. Levels and seed aren't
        among them: they belong to the gate.

    Raises
    ------
    InvalidArgument
        If there is no such metric or setting, or a setting is out of its range.
    """

    metric: str
    setting: Setting

    def __init__(self, metric: str, **settings: Any) -> None:
        one_of("metric", metric, tuple(METRICS))
        known = [field.name for field in fields(METRICS[metric])]  # type: ignore[arg-type]
        for name in settings:
            if name not in known:
                raise InvalidArgument(
                    f"settings of the check {metric!r} must be among {', '.join(known)}; "
                    f"got {name}={settings[name]!r}"
                )
        object.__setattr__(self, "metric", metric)
        object.__setattr__(self, "setting", METRICS[metric](**settings))

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that differ from their defaults."""
        return {
            field.name: getattr(self.setting, field.name)
            for field in fields(self.setting)  # type: ignore[arg-type]
            if getattr(self.setting, field.name) != field.default
        }

    @property
    def name(self) -> str:
        """The metric, with the settings that differ from their defaults."""
        return f"{self.metric}({', '.join(self._listed())})" if self.settings else self.metric

    def __repr__(self) -> str:
        return f"Check({', '.join([repr(self.metric), *self._listed()])})"

    def _listed(self) -> list[str]:
        """Return the settings as keywords; functions by their name, which doesn't change."""
        return [
            f"{name}={getattr(value, '__qualname__', None) or repr(value)}"
            for name, value in self.settings.items()
        ]


def as_checks(checks: Iterable[Check | str]) -> tuple[Check, ...]:
    """Return checks given as such or by the name of their metric.

    Raises
    ------
    InvalidArgument
        If there are none, or two are the same.
    """
    listed = tuple(Check(check) if isinstance(check, str) else check for check in checks)
    if not listed or not all(isinstance(check, Check) for check in listed):
        raise InvalidArgument(f"checks must be Check objects or names, at least one; got {listed}")
    for index, check in enumerate(listed):
        if check in listed[:index]:
            raise InvalidArgument(f"checks must differ from one another; got {check!r} twice")
    return listed


def kind_of(checks: Iterable[Check]) -> Kind | None:
    """Return the kind of samples that checks ask for, or None if none does."""
    return next((kind for check in checks if (kind := check.setting.kind) is not None), None)


def default_checks(reference: Any, kind: Kind | None = None) -> tuple[Check, ...]:
    """Return the checks that a gate makes of this reference unless told otherwise.

    Parameters
    ----------
    reference
        Samples or a law, as for :func:`~collapse_bench.gates.check_tail_mass`.
    kind
        What it holds, if it doesn't say so itself.

    Raises
    ------
    InvalidArgument
        If it doesn't hold what ``kind`` says.
    InvalidSamples
        If it can't be read as samples.
    """
    return defaults_of(read_reference(reference, kind, seed=0))


def defaults_of(reference: Data) -> tuple[Check, ...]:
    """Return the checks that a gate makes of rows: of numbers tails, spread and shape.

    Of codes the states that are judged as rare are those that the reference can tell as such.
    """
    if not isinstance(reference, Codes):
        return NUMBERS
    return Check("tail_mass", mass=default_mass(reference)), Check("support")


NUMBERS = (Check("tail_mass"), Check("variance"), Check("wasserstein"))
