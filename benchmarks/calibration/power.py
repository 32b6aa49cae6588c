"""How surely a check decides: a healthy model passes, one at ``detect`` or beyond it fails."""

from __future__ import annotations

from functools import cache

from benchmarks.calibration import states
from benchmarks.calibration.cells import NOMINAL, SEED, Cell, Trial
from benchmarks.calibration.judged import Draw, any_fail, check
from benchmarks.calibration.line import LAWS, changed, drawer, strength
from collapse_bench.gates.checks import Check
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.plan import check_plan
from collapse_bench.gates.rows import read_reference
from collapse_bench.streams import generator

GATES = 100
SIZE, ROWS = 1_000, 100_000
LOST = {"healthy": 0, "detect": 1, "twice detect": 2}  # times detect


def cells() -> list[Cell]:
    """Return the cells of each check alone, at 1,000 rows and at the planned ones."""
    pairs = [("support", law) for law in states.LAWS]
    pairs += [(name, law) for name in ("tail_mass", "variance", "wasserstein") for law in LAWS]
    return [
        _cell(name, law, told, planned)
        for planned in (False, True)
        for name, law in pairs
        for told in LOST
    ]


def judged(name: str) -> Check:
    return check(name, kind="codes") if name == "support" else check(name)


def drawn(name: str, law: str) -> Draw:
    return states.draws(states.law_of(law)) if name == "support" else drawer(law)


@cache
def planned_size(name: str, law: str) -> int:
    """Return the n = m at which a check alone is decided both ways, from many draws of a law."""
    rows = drawn(name, law)(ROWS, generator(SEED, "calibration", "plan", name, law))
    kind = "codes" if name == "support" else "numbers"
    known = read_reference(rows, kind, seed=0)  # type: ignore[arg-type]
    found = check_plan(judged(name).setting, known, Levels.of(NOMINAL, NOMINAL), None)
    return max(found.size_to_pass or 0, found.size_to_fail or 0)


def _cell(name: str, law: str, told: str, planned: bool) -> Cell:
    def make() -> Trial:
        one, loss = judged(name), LOST[told] * judged(name).setting.detect
        draw = model = drawn(name, law)
        if loss and name == "support":
            model = states.draws(states.lossy(law, "truncation", loss, SIZE))
        elif loss:
            change = "thinning" if name == "tail_mass" else "contraction"
            model = changed(law, change, strength(law, name, change, loss))
        return any_fail((one,), draw, model, planned_size(name, law) if planned else SIZE)

    size = "planned" if planned else f"{SIZE:,}"
    return Cell("power", name, law, told, "", size, make, gates=GATES, late=name == "wasserstein")
