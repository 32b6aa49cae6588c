"""What the gates of a session would need, told before anything is judged: ``--collapse-plan``.

A model is probed by a fit to a few rows and some hundred draws; no test is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from collapse_bench import data, gates
from collapse_bench.harness.cases import AS_GIVEN, Case, Inputs
from collapse_bench.harness.collection import DEFAULT_MODEL
from collapse_bench.harness.devices import resolve
from collapse_bench.harness.drawing import draw_as
from collapse_bench.harness.session import BOOK, ENTRY, SETTINGS, SURVEY, inputs_of
from collapse_bench.reports.text import counted, safe_text
from collapse_bench.streams import generator

if TYPE_CHECKING:
    from collapse_bench.data import SampleSet, Table

__all__ = ["plan_lines"]

WARM_UP = 64  # draws before the clock starts: a model's first call often loads or compiles
PROBE = 256  # draws that are timed, and rows that an unfitted model is fitted to
DRAWS = "collapse_generate"  # the fixture of tests that judge what a model draws


def plan_lines(config: pytest.Config, items: Sequence[pytest.Item]) -> tuple[list[str], bool]:
    """Return what the ledgers in force would need, in lines, and whether all can be decided.

    Parameters
    ----------
    items
        The selected tests.

    Raises
    ------
    ModelError
        If a model raises when it's probed, or breaks its contract.
    InvalidArgument
        If a candidate can't be made ready.
    """
    book, settings = config.stash[BOOK], config.stash[SETTINGS]
    overridden: Mapping[str, str] = config.stash[SURVEY].overridden
    drawing = {_gate(item) for item in items if DRAWS in getattr(item, "fixturenames", ())}
    lines: list[str] = []
    decided = True
    for (gate, model), ledger in sorted(book.ledgers.items()):
        title = f"{gate}: {model}: {counted(len(ledger['declared']), 'check')}"
        if ledger.get("conformance"):
            budget = "" if settings.budget is None else f" of {settings.budget:g} s"
            lines.append(f"{title} of conformance, each within its budget{budget}")
        elif gate not in drawing:
            lines.append(f"{title} of samples or lineages that its tests make: not planned for")
        elif overridden:
            fixtures = " and ".join(sorted(overridden))
            lines.append(f"{title}; {fixtures} of your own: fixtures run with tests only")
        else:
            told, sure = _ledger(inputs_of(config), model, ledger)
            lines += [title, *told]
            decided &= sure
    if not lines:
        return ["no gate is selected: nothing is needed"], True
    return [safe_text(line) for line in lines], decided


def _ledger(inputs: Inputs, model: str, ledger: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Return the sizes of each check of one model, and what drawing takes; whether it decides."""
    settings, declared = inputs.settings, len(ledger["declared"])
    reference = inputs.reference
    loaded = inputs.model(model) if model in settings.models else None
    fitted = loaded is not None and loaded.how != "instance"
    learned, judged = inputs.halves(reference) if fitted else (None, reference)
    planned = inputs.plan(judged, declared)
    lines = [f"  {_needs(name, one)}" for name, one in planned.per_check.items()]
    if planned.size is None:
        each = [one.reference_size for one in planned.per_check.values()]
        rows = None if None in each else max(size or 0 for size in each)
        need = "nor any number of rows of the reference"
        if rows is not None:
            what = "clusters" if planned.unit == "clusters" else "rows"
            half = f", half of {reference.name}," if fitted else ""
            need = f"what they are judged against{half} must have {rows:,} {what}"
        lines.append(f"  no number of samples is sure to decide them all: {need}")
    if settings.samples is not None:
        samples = inputs.samples(reference)
        given, what = len(samples), "samples"
        if isinstance(samples, data.SampleSet) and samples.units is not None:
            given, what = len(np.unique(samples.units)), "clusters of samples"
        enough = planned.size is not None and given >= planned.size
        verdict = "enough" if enough else "too few to be sure of a decision"
        lines.append(f"  {given:,} {what} are given: {verdict}; nothing is drawn")
        return lines, enough
    if settings.mode == "sequential":
        size = inputs.most(judged, declared)
        lines.append(f"  {size:,} draws at most, fewer where the checks are decided sooner")
        capped = False
    else:
        size = inputs.size(judged, declared)
        capped = planned.size is not None and size < planned.size
        cap = ", as --collapse-max-samples says: too few to be sure of a decision"
        lines.append(f"  {size:,} draws against {len(judged):,} rows{cap if capped else ''}")
    decided = planned.size is not None and not capped
    if model not in (*settings.models, DEFAULT_MODEL):
        return lines, decided
    candidate = data.two_gaussians() if loaded is None else loaded.model
    return lines + _probe(inputs, candidate, reference, learned, size), decided


def _needs(name: str, one: gates.CheckPlan) -> str:
    """Return the sizes of one check."""
    if one.size_to_pass is None or one.size_to_fail is None:
        return f"{name}: {one.reason}"
    return (
        f"{name}: {one.size_to_pass:,} samples to pass a model without loss, "
        f"{one.size_to_fail:,} to fail one at detect"
    )


def _probe(
    inputs: Inputs,
    candidate: Any,
    reference: SampleSet | Table,
    learned: SampleSet | Table | None,
    size: int,
) -> list[str]:
    """Return how long the model is likely to take, from a short try."""
    few = reference.take(np.arange(min(len(reference), 2 * PROBE)))
    start = time.perf_counter()
    case = inputs.case(candidate, few)
    seconds = time.perf_counter() - start
    lines = []
    if case.how != AS_GIVEN and learned is not None:
        rows = len(few) // 2
        lines.append(
            f"  fitting took {seconds:.2g} s for {rows:,} rows: about "
            f"{seconds * len(learned) / rows:.2g} s for {len(learned):,} if it grows with the rows"
        )
    device = resolve(inputs.settings.device)
    drawn = _timed(inputs, case, device)
    total = drawn * size / PROBE
    lines.append(
        f"  drawing took {drawn:.2g} s for {PROBE} samples: about {total:.2g} s for {size:,}"
    )
    if device.startswith("cuda"):
        lines[-1] += f", {total / 60:.2g} GPU minutes"
    return lines


def _timed(
    inputs: Inputs, case: Case, device: str, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the seconds that PROBE draws take, after some that aren't counted."""
    rng = generator(inputs.settings.seed, "probe")
    target = None if device == "cpu" else device
    draw_as(case.reference, case.model, WARM_UP, rng=rng, device=target)
    start = clock()
    draw_as(case.reference, case.model, PROBE, rng=rng, device=target)
    return clock() - start


def _gate(item: pytest.Item) -> str | None:
    """Return the gate module that a test belongs to, if it does."""
    gate: str | None = item.stash.get(ENTRY, {}).get("gate")
    return gate
