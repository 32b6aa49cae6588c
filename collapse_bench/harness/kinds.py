"""Which gate modules fit what the reference holds, and which the candidate can be judged by.

Only the standard library and pytest are imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from collapse_bench.errors import CollapseBenchError, InvalidArgument
from collapse_bench.harness import guard
from collapse_bench.harness.parts import parted
from collapse_bench.harness.session import ENTRY, SETTINGS, SURVEY, inputs_of, is_worker
from collapse_bench.reports.text import safe_text

if TYPE_CHECKING:
    from collapse_bench.harness.collection import Survey
    from collapse_bench.harness.options import Settings

__all__ = ["KINDS", "fit", "kinds_error"]

KINDS = ("numbers", "codes", "tokens", "table")
PLURAL = {"table": "tables"}
NEEDS = ("fit",)  # what COLLAPSE_NEEDS may say

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
    _leave_out_samplers(config, items, found)
    if found.trouble is not None:
        return
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
        judges = " or ".join(PLURAL.get(kind, kind) for kind in chosen[gate])
        found.unfit[gate] = (
            f"{gate} judges {judges} and is left out: {name} {_held(kind, settings)}"
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


def _leave_out_samplers(config: pytest.Config, items: list[pytest.Item], found: Survey) -> None:
    """Deselect the tests of modules that fit their candidate anew, where it can only be drawn from.

    A module says so by its constant ``COLLAPSE_NEEDS``. It keeps no ledger for a candidate that
    is left out, and the header doesn't say how often it draws from one, which its tests decide.
    """
    wanting = {
        gate: found.modules[gate]
        for gate in dict.fromkeys(_gate(item) for item in items)
        if gate is not None and found.modules[gate].needs is not None
    }
    for module in wanting.values():
        if module.needs != NEEDS:
            found.trouble = (
                f"COLLAPSE_NEEDS of {module.title} must be {NEEDS!r}; got {module.needs!r}"
            )
            return
    left: list[pytest.Item] = []
    for gate, module in wanting.items():
        why = {model: _sampler(config, found, model) for model in module.models}
        out = [reason for reason in why.values() if reason is not None]
        module.models = [model for model in module.models if why[model] is None]
        module.cases = False
        if out:
            found.unfit[gate] = f"{gate} fits models anew and leaves out {', '.join(out)}"
        left += [
            item
            for item in items
            if _gate(item) == gate and why.get(str(item.stash[ENTRY].get("model"))) is not None
        ]
    if not left:
        return
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
    if not items:
        found.trouble = f"no gate fits what is judged: {'; '.join(found.unfit.values())}"


def _sampler(config: pytest.Config, found: Survey, model: str) -> str | None:
    """Return why a candidate can't be fitted anew, with its name, or None if it can."""
    settings: Settings = config.stash[SETTINGS]
    if model == settings.samples:
        return f"{model}, samples without a model"
    fixtures = found.overridden.keys() - {"collapse_reference"}
    if any(model.startswith(f"{name} of {found.overridden[name]}") for name in fixtures):
        return f"{model}, which is judged as given"
    if model not in settings.models or config.option.collectonly:
        return None
    if not is_worker(config):
        guard.arm(config)  # before models are imported
    try:
        loaded = inputs_of(config).model(model)
    except CollapseBenchError:
        return None  # told with what else is wrong
    if loaded.how == "instance" and not callable(getattr(loaded.model, "fit", None)):
        return f"{model}, which has no fit"
    return None


def _gate(item: pytest.Item) -> str | None:
    """Return the gate module that a test belongs to, if it does."""
    gate: str | None = item.stash.get(ENTRY, {}).get("gate")
    return gate


def _held(kind: str | None, settings: Settings) -> str:
    """Return what a reference holds, or why it is judged part by part, for a sentence."""
    if settings.features is not None:
        return "is judged by features"
    if settings.by is not None:
        return f"is judged by groups of {settings.by!r}"
    return "holds a table" if kind == "table" else f"holds {kind}"


def _reference(config: pytest.Config, found: Survey, settings: Settings) -> tuple[str | None, str]:
    """Return what the reference holds, and its name; None where it isn't known yet."""
    if "collapse_reference" in found.overridden:
        return None, f"what collapse_reference of {found.overridden['collapse_reference']} makes"
    if parted(settings):
        if settings.reference is None:
            option = "--collapse-features" if settings.by is None else "--collapse-by"
            raise InvalidArgument(f"{option} needs --collapse-reference: what to judge against")
        return "table", settings.reference
    if settings.reference is None:
        return "numbers", "two-gaussians"
    if config.option.collectonly:
        lines = "tokens" if settings.reference.lower().endswith(".txt") else None
        return BUILT_IN.get(settings.reference, lines), settings.reference
    reference = inputs_of(config).reference
    return reference.kind, reference.name
