"""Codes and texts: support and the mass of rare states, alone and as whole gates."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from benchmarks.calibration.cells import GATES, SEED, Cell, Trial
from benchmarks.calibration.judged import Draw, all_pass, any_fail, check
from benchmarks.calibration.states import (
    LAWS,
    draws,
    law_of,
    lossy,
    shorter_texts,
    texts,
    thinned,
    thinner_texts,
    without_rarest,
)
from collapse_bench.gates.checks import Check
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.plan import check_plan
from collapse_bench.gates.rows import read_reference
from collapse_bench.streams import generator

SIZE, DEPTH = 1_000, 1_000
PLANNED, HUGE = 32_139, 300_000  # n = m of a gate of both checks, and ten times as many
RAREST = "the truly rarest"
CHEAP = 4_000  # gates where one takes a millisecond or two
SEQUENCES = 200
CHANGES = ("truncation", "sharpening", "replace")
# Rare states are thinned into the commonest one, which no half of 1,000 draws may lack: at
# geometric .01 one half in 150 does.
RARE_LAWS = ("zipf 1.2", "zipf 2", "geometric .02", "words")
SUPPORT, RARE = check("support", kind="codes"), check("tail_mass", kind="codes")
TEXT_SUPPORT, TEXT_RARE = (check(name, kind="tokens") for name in ("support", "tail_mass"))
EDGES = ("fail", "pass")


def loss_at(one: Check, event: str) -> float:
    """Return the loss at which an event must be rare."""
    return one.setting.tolerate if event == "fail" else one.setting.detect


@cache
def planned(law: str) -> int:
    """Return the n = m at which support is decided both ways, from 100,000 draws of a law."""
    rows = draws(law_of(law))(100_000, generator(SEED, "calibration", "plan", law))
    levels = Levels.of(0.01, 0.01)
    found = check_plan(SUPPORT.setting, read_reference(rows, "codes", seed=0), levels, None)
    return max(found.size_to_pass or 0, found.size_to_fail or 0)


def trial_of(checks: tuple[Check, ...], event: str) -> Callable[[Draw, Draw, int], Trial]:
    """Return what makes trials of an event."""
    build = any_fail if event == "fail" else all_pass
    return lambda draw, changed, size: build(checks, draw, changed, size)


def cells() -> list[Cell]:
    """Return all cells of codes and texts."""
    found = []
    for law in LAWS:
        for event in EDGES:
            found += [_support(law, change, event, SIZE) for change in CHANGES]
    for event in EDGES:
        found += [_rare(law, "all but the commonest", event, SIZE) for law in RARE_LAWS]
        found += [_rare("zipf 1.2", RAREST, event, size) for size in (SIZE, PLANNED, HUGE)]
        found += _texts(event)
    found.append(_rarest_gone())
    for law in LAWS:
        for event in EDGES:
            found.append(_support(law, "truncation", event, None))
    return found


def _support(law: str, change: str, event: str, size: int | None) -> Cell:
    def make() -> Trial:
        changed = draws(lossy(law, change, loss_at(SUPPORT, event), DEPTH))
        return trial_of((SUPPORT,), event)(draws(law_of(law)), changed, size or planned(law))

    told = f"{SIZE:,}" if size else "planned"
    return Cell("codes", "support", law, change, event, told, make, gates=CHEAP)


def _rare(law: str, change: str, event: str, size: int) -> Cell:
    def make() -> Trial:
        loss, known = loss_at(RARE, event), law_of(law)
        changed = without_rarest(known, 0.05, loss) if change == RAREST else thinned(known, loss)
        return trial_of((RARE,), event)(draws(known), draws(changed), size)

    gates = {SIZE: CHEAP, HUGE: 200}.get(size, GATES)
    return Cell("codes", "rare states", law, change, event, f"{size:,}", make, gates=gates)


def _rarest_gone() -> Cell:
    """Return how often a law passes whose rarest states, 5 % of its mass, are all gone."""

    def make() -> Trial:
        known = law_of("zipf 1.2")
        return all_pass((RARE,), draws(known), draws(without_rarest(known, 0.05, 1.0)), SIZE)

    return Cell("codes", "rare states", "zipf 1.2", "rarest 5 % all gone", "pass", "1,000", make)


def _texts(event: str) -> list[Cell]:
    def support() -> Trial:
        changed = shorter_texts(loss_at(TEXT_SUPPORT, event), SEQUENCES)
        return trial_of((TEXT_SUPPORT,), event)(texts().draw, changed.draw, SEQUENCES)

    def rare() -> Trial:
        changed = thinner_texts(loss_at(TEXT_RARE, event))
        return trial_of((TEXT_RARE,), event)(texts().draw, changed.draw, SEQUENCES)

    size = f"{SEQUENCES} x 50"
    return [
        Cell("codes", "support", "texts", "truncation", event, size, support),
        Cell("codes", "rare states", "texts", "all but the commonest", event, size, rare),
    ]


# ---- whole gates of both checks


def gates() -> list[Cell]:
    """Return the cells of gates of both checks."""
    found = []
    for law in ("zipf 1.2", "texts"):
        for told in ("healthy", "rare states thinned", "truncated"):
            found.append(_gate(law, told, "fail"))
        for told in ("rare states at detect", "support at detect"):
            found.append(_gate(law, told, "pass"))
    return found


def _gate(law: str, told: str, event: str) -> Cell:
    size = SEQUENCES if law == "texts" else SIZE

    def make() -> Trial:
        rare, support = (TEXT_RARE, TEXT_SUPPORT) if law == "texts" else (RARE, SUPPORT)
        checks = (support, rare) if told.startswith("support") else (rare, support)
        draw, changed = _models(law, told, *(loss_at(one, event) for one in (rare, support)))
        return trial_of(checks, event)(draw, changed, size)

    many = f"{SEQUENCES} x 50" if law == "texts" else f"{SIZE:,}"
    gates = GATES if law == "texts" else CHEAP
    return Cell("gate", "rare states, support", law, told, event, many, make, gates=gates)


def _models(law: str, told: str, thin: float, short: float) -> tuple[Draw, Draw]:
    """Return draws of a law, and of what lost so much of its rare states, or of its support."""
    if law == "texts":
        whole = texts()
        model = thinner_texts(thin) if told.startswith("rare") else shorter_texts(short, SEQUENCES)
        return whole.draw, whole.draw if told == "healthy" else model.draw
    known = law_of(law)
    lost = thinned(known, thin) if told.startswith("rare") else lossy(law, CHANGES[0], short, DEPTH)
    return draws(known), draws(known if told == "healthy" else lost)
