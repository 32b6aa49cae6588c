"""Which gate modules fit what the reference holds: numbers, codes or sequences of tokens.

Only the standard library and pytest are imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from collapse_bench.errors import CollapseBenchError
from collapse_bench.harness.session import ENTRY, SETTINGS, SURVEY, inputs_of
from collapse_bench.reports.text import safe_text

if TYPE_CHECKING:
    from collapse_bench.harness.collection import Survey
    from collapse_bench.harness.options import Settings

__all__ = ["KINDS", "fit", "kinds_error"]

KINDS = ("numbers", "codes", "tokens")

# What can be told of a reference without reading it, under --collect-only.
BUILT_IN = {"digits": "numbers", "pydoc": "tokens", "two-gaussians": "numbers", "zipf": "codes"}


def kinds_error(module: str, kinds: Any) -> str | None:
    """Return what is wrong with a module's ``COLLAPSE_KINDS``, if anything; None where it's fine.

    Parameters
    ----------
    module
        What the module is called where people read it.
    kinds
        The constant's value, or None where the module has none: it fits every reference.
    """
    if kinds is None:
        return None
    names = kinds if isinstance(kinds, tuple | list) else ()
    if not names or any(kind not in KINDS for kind in names):
        return (
            f"COLLAPSE_KINDS of {module} must be a tuple of {', '.join(map(repr, KINDS))}; "
            f"got {kinds!r}"
        )
    return None


def fit(config: pytest.Config, items: list[pytest.Item], *, broken: bool) -> None:
    """Deselect the tests of modules that the reference doesn't fit, and note why.

    A module says by its constant ``COLLAPSE_KINDS`` what it judges. That no gate is left, though a
    model, samples or a reference were named, is an error: nothing would be judged; unless modules
    are ``broken``, which is one already.
    """
    found: Survey = config.stash[SURVEY]
    gates = [_gate(item) for item in items]
    chosen = {
        gate: found.modules[gate].kinds
        for gate in dict.fromkeys(gates)
        if gate is not None and found.modules[gate].kinds is not None
    }
    if not chosen or any(kinds_error("", kinds) for kinds in chosen.values()):
        return
    settings = config.stash[SETTINGS]
    try:
        kind, name = _reference(config, found, settings)
    except CollapseBenchError as error:
        found.trouble = safe_text(error)
        return
    unfit = [gate for gate, kinds in chosen.items() if kind not in (None, *kinds)]
    if kind is None and any("numbers" in kinds for kinds in chosen.values()):
        # a fixture's reference is known when it's asked for; one of codes is told by its checks
        unfit = [gate for gate, kinds in chosen.items() if "numbers" not in kinds]
        kind = "numbers"
    if not unfit:
        return
    for gate in unfit:
        found.unfit[gate] = (
            f"{gate} judges {' or '.join(chosen[gate])} and is left out: {name} holds {kind}"
        )
    kept = [item for item, gate in zip(items, gates, strict=True) if gate not in unfit]
    fitting = {_gate(item) for item in kept} - {None}
    given = settings.models or settings.samples or settings.reference
    if not fitting and not broken and (given or not kept):
        found.trouble = f"no gate fits the reference: {'; '.join(found.unfit.values())}"
    config.hook.pytest_deselected(
        items=[item for item, gate in zip(items, gates, strict=True) if gate in unfit]
    )
    items[:] = kept


def _gate(item: pytest.Item) -> str | None:
    """Return the gate module that a test belongs to, if it does."""
    gate: str | None = item.stash.get(ENTRY, {}).get("gate")
    return gate


def _reference(config: pytest.Config, found: Survey, settings: Settings) -> tuple[str | None, str]:
    """Return what the reference holds, and its name; None where it isn't known yet."""
    if "collapse_reference" in found.overridden:
        return None, f"what collapse_reference of {found.overridden['collapse_reference']} makes"
    if settings.reference is None:
        return "numbers", "two-gaussians"
    if config.option.collectonly:
        lines = "tokens" if settings.reference.lower().endswith(".txt") else None
        return BUILT_IN.get(settings.reference, lines), settings.reference
    reference = inputs_of(config).reference
    return reference.kind, reference.name
