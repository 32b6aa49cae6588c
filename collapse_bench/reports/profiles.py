"""A trajectory's collapse profile in words, from the record of it in a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collapse_bench.reports.plots import finite

__all__ = ["evidence", "marks", "sizes", "summary"]

STAGES = {
    "late": "late collapse: a typical lineage has lost variance",
    "early": "early collapse: a typical lineage has lost tails, variance not yet",
    "expanding": "it grows",
    "none": "no loss: every one is shown to be small",
    "inconclusive": "no stage can be told",
}
FATES = {
    "collapsing": "losing more with every generation",
    "bounded": "what is lost stays bounded",
    "stable": "it stays as it is",
    "expanding": "growing with every generation",
    "inconclusive": "where it goes can't be told",
}
FORMS = {
    "level": "loss of the last generation",
    "drift": "loss a generation, over the last half",
}
SIZES = {
    "effective_size_ratio": "effective size over the size drawn",
    "half_life": "generations until half is lost",
    "fresh_equivalent": "rows of fresh data a generation that lose as little",
}


def summary(profile: Mapping[str, Any]) -> str:
    """Return stage, fate and onset in a sentence."""
    stage, fate, onset = profile["stage"], profile["fate"], finite(profile["onset"])
    told = f"{STAGES.get(stage, stage)}; {FATES.get(fate, fate)}"
    if onset is not None:
        told += f"; shown from generation {onset:g} on"
    if profile["reason"]:
        told += f" ({profile['reason']})"
    return told


def evidence(profile: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each finding that a profile rests on."""
    return [_finding(found) for found in profile["evidence"]]


def _finding(found: Mapping[str, Any]) -> str:
    told = f"{FORMS.get(found['form'], found['form'])}, {found['metric']}: "
    told += f"{_number(found['estimate'])} [{_number(found['low'])}, {_number(found['high'])}]"
    if found["tolerate"] is not None:
        told += f", tolerate {_number(found['tolerate'])}"
    told += f", detect {_number(found['detect'])}; each bound at level {_number(found['level'])}"
    told += f", by {found['test']} over {_number(found['replicates'])} lineages"
    if (onset := finite(found["onset"])) is not None:
        told += f"; shown from generation {onset:g} on"
    return f"{told}; {found['reason']}" if found["reason"] else told


def sizes(profile: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a profile puts in numbers of rows and generations, each with its name."""
    return [(label, _estimate(profile[name])) for name, label in SIZES.items() if profile.get(name)]


def _estimate(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return str(found["reason"] or "not known")
    high = "no limit" if found["high"] is None else _number(found["high"])
    return f"{_number(found['value'])} [{_number(found['low'])}, {high}]"


def marks(profile: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return, by metric, the generation from which on its loss is shown."""
    if not profile:
        return {}
    return {
        found["metric"]: found["onset"]
        for found in profile["evidence"]
        if found["onset"] is not None and found["form"] == "level"
    }


def _number(value: Any) -> str:
    known = finite(value)
    return "-" if known is None else f"{known:.3g}"
