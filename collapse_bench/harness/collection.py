"""From collected tests to ledgers: which checks are declared, and by whom; what can't be run.

Only the standard library and pytest are imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from collapse_bench.errors import CollapseBenchError
from collapse_bench.harness.devices import has_driver, resolve
from collapse_bench.harness.kinds import kinds_error
from collapse_bench.harness.ledger import declaration_error
from collapse_bench.harness.options import CONFORMANCE_MODELS, Settings
from collapse_bench.harness.parts import PART, part_ids
from collapse_bench.harness.session import (
    CASE_FIXTURES,
    CONFORMANCE,
    ENTRY,
    SETTINGS,
    SURVEY,
    check_of,
    inputs_of,
    leave,
    module_key,
    name_of,
    suite_of,
)
from collapse_bench.reports.text import safe_text

__all__ = ["Survey", "only_conforms", "overridden", "settle", "survey"]

DEFAULT_MODEL = "two-gaussians"
OWN_SAMPLES = "the tests' own samples"
NO_TABLE = (
    "--collapse-reference must hold numbers, codes or tokens for checks of conformance; got {!r}, "
    "a table: choose columns of one kind with --collapse-columns"
)


@dataclass
class _Module:
    """What is known of one gate module before anything is deselected."""

    title: str
    content: Any  # the module itself
    tests: set[str] = field(default_factory=set)  # those that use collapse_check
    conformance: dict[str, list[str]] = field(default_factory=dict)  # model -> checks
    models: list[str] = field(default_factory=list)
    cases: bool = False  # whether any of its tests asks who is judged
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of tests that judge parts

    @property
    def declared(self) -> Any:
        """Its constant ``COLLAPSE_CHECKS``; None where it has none.

        A test of parts stands for one a part and check, whichever of them were collected.
        """
        declared = getattr(self.content, "COLLAPSE_CHECKS", None)
        if not self.parts or not isinstance(declared, tuple | list):
            return declared
        return tuple(
            full
            for name in declared
            for full in ([f"{name}[{part}]" for part in self.parts.get(name, ())] or [name])
        )

    @property
    def kinds(self) -> Any:
        """Its constant ``COLLAPSE_KINDS``: what it judges; None where it has none."""
        return getattr(self.content, "COLLAPSE_KINDS", None)

    @property
    def needs(self) -> Any:
        """Its constant ``COLLAPSE_NEEDS``: what a candidate must have; None where it has none."""
        return getattr(self.content, "COLLAPSE_NEEDS", None)

    def defines(self, name: str) -> bool:
        """Return whether it has a test called ``name``, whatever its parameters."""
        found = self.content
        for part in name.partition("[")[0].split("::"):
            found = getattr(found, part, None)
        return found is not None


@dataclass
class Survey:
    """Everything of ours that was collected, before -k and -m."""

    modules: dict[str, _Module] = field(default_factory=dict)  # gate modules
    overridden: dict[str, str] = field(default_factory=dict)  # fixture -> where
    cases: bool = False  # whether any test asks who is judged
    ours: bool = False  # whether any test is of a suite or uses a fixture of ours
    paper: bool = False
    in_force: bool = False  # whether a gate has a test that is selected
    sentences: list[str] = field(default_factory=list)  # who will be judged, for the header
    unfit: dict[str, str] = field(default_factory=dict)  # modules of other kinds -> why
    trouble: str | None = None  # why the reference can't be read, or fits no module

    def missing(self, settings: Settings) -> str | None:
        """Return which option is missing, after what fixtures supply."""
        judged = {"collapse_model", "collapse_founder"} & self.overridden.keys()
        alone = settings.reference is not None and not settings.models and not settings.samples
        if (alone and judged) or (not alone and "collapse_reference" in self.overridden):
            return None
        return settings.missing()


def survey(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Look at every collected test, note what it is to us and mark those that need a GPU."""
    settings = config.stash[SETTINGS]
    found = config.stash[SURVEY] = Survey()
    suites: dict[Any, str | None] = {}  # a file has many tests
    for item in items:
        uses = {name for name in getattr(item, "fixturenames", ()) if name.startswith("collapse_")}
        if item.path not in suites:
            suites[item.path] = suite_of(item.path)
        suite = suites[item.path]
        module = getattr(item, "module", None)
        declared = getattr(module, "COLLAPSE_CHECKS", None)
        found.ours |= bool(uses or suite)
        if not uses and suite is None and declared is None:
            continue
        kind = None if suite is None else suite.partition("/")[0]
        found.paper |= kind == "paper"
        for name in uses.intersection(CASE_FIXTURES):
            if where := overridden(item, name):
                found.overridden[name] = where
        conforms = (
            CONFORMANCE in uses
        )  # fits a model to a reference of its own, where none is given
        judges = bool(uses & {"collapse_model", "collapse_founder"}) and not conforms
        found.cases |= judges
        entry: dict[str, Any] = {"suite": kind, "gate": None, "check": None}
        item.stash[ENTRY] = entry
        if (kind != "gate" and declared is None) and not (conforms and suite is not None):
            continue
        gate = entry["gate"] = module_key(item)
        title = item.nodeid.partition("::")[0] or item.path.name  # empty outside the root directory
        known = found.modules.setdefault(gate, _Module(title, module))
        known.cases |= judges
        if conforms:
            entry["check"] = check_of(item)
            entry["model"] = _model_of(item, settings)
            known.conformance.setdefault(entry["model"], []).append(entry["check"])
        elif "collapse_check" in uses:
            entry["check"] = name_of(item)
            known.tests.add(entry["check"])
            base = entry["check"].partition("[")[0]
            if PART in uses and base not in known.parts:
                known.parts[base] = part_ids(config)
            entry["model"] = _model_of(item, settings) if judges else OWN_SAMPLES
            if entry["model"] not in known.models:
                known.models.append(entry["model"])
            if _on_gpu(config, settings):
                item.add_marker("gpu")


def settle(config: pytest.Config, items: Sequence[pytest.Item]) -> dict[str, Any]:
    """Return what is in force now that -k and -m have had their say, as plain data.

    ``ledgers`` are those of modules with a test that is selected, ``dropped`` the modules that
    have none, ``unfit`` those that were left out, ``usage`` the sentences of what keeps the
    session from running.
    """
    found: Survey = config.stash.get(SURVEY, Survey())
    settings = config.stash[SETTINGS]
    selected = {item.stash[ENTRY]["gate"] for item in items if ENTRY in item.stash} - {None}
    found.in_force = bool(selected)
    usage = [safe_text(sentence) for sentence in _usage(found, settings)]
    if found.trouble is not None and not usage:
        usage.append(found.trouble)
    ledgers = {
        gate: [
            {"gate": gate, "model": model, "declared": list(module.declared or ())}
            for model in dict.fromkeys([*module.models, *_given_models(module, settings)])
        ]
        for gate, module in found.modules.items()
        if gate in selected and not module.conformance
    }
    ledgers |= _conformance_ledgers(found, settings, items)
    for item in items:
        entry = item.stash.get(ENTRY, None)
        if entry is not None and (entry["suite"] or entry["gate"]):
            entry["ledgers"] = ledgers.get(entry["gate"], [])
            leave(item, "item", entry)
    if selected and not usage and not config.option.collectonly:
        usage += _read_inputs(config, found, {gate: found.modules[gate] for gate in selected})
    return {
        "ledgers": [ledger for group in ledgers.values() for ledger in group],
        "dropped": sorted(found.modules.keys() - selected - found.unfit.keys()),
        "unfit": sorted(found.unfit),
        "usage": usage,
    }


def _conformance_ledgers(
    found: Survey, settings: Settings, items: Sequence[pytest.Item]
) -> dict[str, list[dict[str, Any]]]:
    """Return a ledger for each model that is checked: of the whole catalog, whatever was collected.

    A model that was named on the command line has one if any check runs at all; one of those that
    the suite brings, or that a fixture gives, only if a check of its own is selected.
    """
    entries = [item.stash[ENTRY] for item in items if ENTRY in item.stash]
    chosen = {(entry["gate"], entry.get("model")) for entry in entries}
    ledgers: dict[str, list[dict[str, Any]]] = {}
    for gate, module in found.modules.items():
        if not module.conformance or all(place[0] != gate for place in chosen):
            continue
        from collapse_bench.conformance import all_checks

        models = [m for m in module.conformance if (gate, m) in chosen]
        ledgers[gate] = [
            {"gate": gate, "model": model, "declared": all_checks(), "conformance": True}
            for model in dict.fromkeys([*models, *settings.models])
        ]
    return ledgers


def _usage(found: Survey, settings: Settings) -> Iterable[str]:
    """Yield what is wrong with options, overrides and declarations together."""
    for fixture, where in sorted(found.overridden.items()):
        given = {
            "--collapse-model": bool(settings.models) and fixture != "collapse_reference",
            "--collapse-samples": bool(settings.samples) and fixture != "collapse_reference",
            "--collapse-reference": bool(settings.reference) and fixture == "collapse_reference",
        }
        for option, clash in given.items():
            if clash:
                yield f"{option} contradicts the fixture {fixture} in {where}: keep one of them"
    typed = {"collapse_model", "collapse_samples", "collapse_reference"} & settings.typed
    if (found.cases or (typed and not found.ours)) and (sentence := found.missing(settings)):
        yield sentence
    for module in found.modules.values():
        if module.tests or module.declared is not None:
            error = declaration_error(
                module.title, module.declared, module.tests, defines=module.defines
            )
            if error:
                yield error
        if error := kinds_error(module.title, module.kinds):
            yield error


def _read_inputs(config: pytest.Config, found: Survey, gates: dict[str, _Module]) -> list[str]:
    """Read the gate's files and import its models before any test; return what can't be."""
    if not any(module.cases or module.conformance for module in gates.values()):
        return []
    inputs = inputs_of(config)
    try:
        if (folder := inputs.settings.save_samples) is not None:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return [safe_text(f"--collapse-save-samples must be a directory to write to: {error}")]
    try:
        conforms = any(module.conformance for module in gates.values())
        if conforms and inputs.settings.reference and inputs.reference.kind == "table":
            return [safe_text(NO_TABLE.format(inputs.settings.reference))]
        fits = any(module.cases for module in gates.values())
        for spec in inputs.settings.models:
            if fits:
                inputs.model(spec)
            elif sentence := _refused(config, spec):
                return [safe_text(sentence)]
        if not found.overridden:
            found.sentences = [
                f"{gate}: {sentence}"
                for gate, module in gates.items()
                if module.cases
                for sentence in inputs.describe(len(module.declared or ()))
            ]
        found.sentences += [
            f"{gate}: what is judged is fitted to its own draws, dozens of times: where that is "
            "dear, name the other modules, as in --pyargs collapse_bench.suites.gate.test_release"
            for gate, module in gates.items()
            if module.needs is not None
        ]
    except CollapseBenchError as error:
        return [safe_text(error)]
    return []


def _refused(config: pytest.Config, spec: str) -> str | None:
    """Return why a model that is only checked for conformance can't be, before any test."""
    from collapse_bench.harness.conformance import child_of

    return child_of(config, spec).refused()


def only_conforms(item: Any) -> bool:
    """Return whether a test checks models for conformance and asks for none itself."""
    own = set(getattr(item, "_fixtureinfo").argnames)  # noqa: B009
    return not own & {"collapse_model", "collapse_case", "collapse_founder"}


def overridden(item: Any, name: str) -> str | None:
    """Return the module that a fixture of ours is overridden in, if it is."""
    definitions = getattr(item, "_fixtureinfo").name2fixturedefs.get(name)  # noqa: B009
    module = definitions[-1].func.__module__ if definitions else "collapse_bench.fixtures"
    return None if module.startswith("collapse_bench.fixtures") else str(module)


def _model_of(item: pytest.Item, settings: Settings) -> str:
    """Return what the one that a test judges is called in reports."""
    callspec = getattr(item, "callspec", None)
    spec = callspec.params.get("collapse_model") if callspec else None
    if isinstance(spec, str) and spec in (settings.models or CONFORMANCE_MODELS):
        return spec
    for name in ("collapse_founder", "collapse_model"):
        if where := overridden(item, name):
            number = callspec.indices.get(name) if callspec else None
            return f"{name} of {where}" + ("" if number is None else f" [{number}]")
    return _default_models(settings)[0]


def _default_models(settings: Settings) -> list[str]:
    return list(settings.models) or [settings.samples or DEFAULT_MODEL]


def _given_models(module: _Module, settings: Settings) -> Sequence[str]:
    """Return the models that a module's ledger is kept for, even if no test of theirs was named."""
    if module.models:
        return settings.models if module.cases else ()
    return _default_models(settings)


def _on_gpu(config: pytest.Config, settings: Settings) -> bool:
    if settings.require_gpu or settings.device.startswith("cuda"):
        return True
    if settings.device == "cpu" or not has_driver():
        return False
    return config.option.collectonly or resolve("auto") == "cuda"
