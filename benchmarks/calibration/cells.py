"""A rate to be counted: when to stop, what is said of it, and the file that keeps it.

A cell counts how often gates come to an outcome that must be rare, at a nominal 1 %. It is looked
at after every 100 gates, and stopped as soon as its band is on one side of that: "below" if the
upper 99 % limit of Clopper and Pearson is at most 1 %, "above" if their lower 99.9 % limit is more.
Otherwise the rate "agrees" with 1 %. A cell that stopped gives its rate in so many gates.
"""

from __future__ import annotations

import json
import math
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from collapse_bench.errors import InvalidArgument
from collapse_bench.streams import generator

SEED = 20261123
DATE = "2026-11-23"
NOMINAL = 0.01
GATES = 1_000
LOOKS = 100  # gates between two looks
SURE_BELOW, SURE_ABOVE = 0.99, 0.999  # confidence of the two one-sided limits
RESULT = Path(__file__).parents[1] / "results" / "calibration_gates.jsonl"

# From a stream of its own to what one gate comes to.
Trial = Callable[[np.random.Generator], str]


@dataclass(frozen=True)
class Cell:
    """One rate.

    Attributes
    ----------
    group
        The table that it stands in.
    check, law, change, size
        What is judged, of which law, how it was changed, and by how many rows: in words.
    event
        The outcome that must be rare, or "" where nothing must (a power).
    make
        Returns a trial, whose counts make the rate; or, if ``exact``, the finished record.
    gates
        How many at most.
    exact
        Whether ``make`` returns what was computed, or counted, some other way.
    late
        Whether it is dear beside what it adds, and run after all others.
    """

    group: str
    check: str
    law: str
    change: str
    event: str
    size: str
    make: Callable[[], Any] = field(compare=False, repr=False)
    gates: int = GATES
    exact: bool = False
    late: bool = False

    @property
    def name(self) -> str:
        return "/".join((self.group, self.check, self.law, self.change, self.event, self.size))


@lru_cache(maxsize=128)
def _limits(gates: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both limits for all counts from 0 on, shapes (gates + 1,)."""
    counts = np.arange(1, gates + 1)
    low = stats.beta.ppf(1 - SURE_ABOVE, counts, gates - counts + 1)
    high = stats.beta.ppf(SURE_BELOW, counts, gates - counts + 1)
    return np.append(0.0, low), np.append(high, 1.0)


def band(count: int, gates: int) -> tuple[float, float]:
    """Return the lower 99.9 % and the upper 99 % limit of a rate."""
    low, high = _limits(gates)
    return float(low[count]), float(high[count])


def says(count: int, gates: int) -> str:
    """Return on which side of the nominal rate a band is."""
    low, high = band(count, gates)
    return "above" if low > NOMINAL else "below" if high <= NOMINAL else "agrees"


def is_done(count: int, gates: int, most: int) -> bool:
    """Return whether counting ends here."""
    return gates >= most or (gates % LOOKS == 0 and says(count, gates) != "agrees")


def measured(cell: Cell) -> dict[str, Any]:
    """Return the record of a cell; each gate has a stream of its own."""
    begun = time.process_time()
    made = cell.make()
    if cell.exact:
        found = dict(made)
    else:
        counts: Counter[str] = Counter()
        gates = 0
        ended = False
        while not ended:
            counts[made(generator(SEED, "calibration", cell.name, gates))] += 1
            gates += 1
            ended = gates >= cell.gates
            if cell.event:
                ended = is_done(counts[cell.event], gates, cell.gates)
        found = {"gates": gates, "outcomes": dict(sorted(counts.items()))}
    return record(cell, found, time.process_time() - begun)


def record(cell: Cell, found: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return what is kept of a cell."""
    kept = {
        "cell": cell.name,
        "group": cell.group,
        "check": cell.check,
        "law": cell.law,
        "change": cell.change,
        "event": cell.event,
        "size": cell.size,
        **found,
    }
    if cell.event and "rate" in found:  # computed, not counted
        kept["says"] = "below" if found["rate"] <= NOMINAL * (1 + 1e-9) else "above"
    elif cell.event:
        count = found["outcomes"].get(cell.event, 0)
        kept |= {
            "count": count,
            "rate": count / found["gates"],
            "band": [round(limit, 6) for limit in band(count, found["gates"])],
            "says": says(count, found["gates"]),
            "stopped": found["gates"] < cell.gates,
        }
    return kept | {"cpu_seconds": round(seconds, 2)}


# ---- the file


def header(commit: str) -> dict[str, Any]:
    """Return the first line of the file: where all others come from."""
    return {
        "benchmark": "calibration",
        "commit": commit,
        "date": DATE,
        "seed": SEED,
        "nominal": NOMINAL,
        "looks": LOOKS,
        "sure_below": SURE_BELOW,
        "sure_above": SURE_ABOVE,
        "versions": {name: version(name) for name in ("numpy", "scipy")}
        | {"python": platform.python_version()},
    }


def commit_of(package: Path) -> str:
    """Return the commit of the package that is measured, "+" behind it if the package differs."""

    def git(*words: str) -> str:
        told = subprocess.run(["git", *words], cwd=package, capture_output=True, text=True)
        return told.stdout.strip()

    return git("rev-parse", "--short=7", "HEAD") + "+" * bool(git("status", "--porcelain", "."))


def read(path: Path) -> tuple[dict[str, Any] | None, dict[str, dict[str, Any]]]:
    """Return the first line and the records by cell; a line cut short by a kill is left out."""
    if not path.exists():
        return None, {}
    lines = []
    for line in path.read_text(encoding="ascii").splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return (lines[0] if lines else None), {line["cell"]: line for line in lines[1:]}


def begin(path: Path, commit: str) -> dict[str, dict[str, Any]]:
    """Return the records that are there already, or begin the file.

    Raises
    ------
    InvalidArgument
        If they come of another package, seed or rule.
    """
    wanted = header(commit)
    found, done = read(path)
    if found is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(wanted) + "\n", encoding="ascii")
        return {}
    other = [name for name in wanted if name != "date" and wanted[name] != found.get(name)]
    if other:
        raise InvalidArgument(
            f"output must be of the same {other[0]} to be continued; got "
            f"{found.get(other[0])!r}, now {wanted[other[0]]!r}"
        )
    if not path.read_text(encoding="ascii").endswith("\n"):
        keep(path, None)
    return done


def keep(path: Path, kept: dict[str, Any] | None) -> None:
    """Append a record, or end a line that was cut short."""
    with path.open("a", encoding="ascii") as file:
        file.write("\n" if kept is None else json.dumps(kept) + "\n")


def chance_of_stop(rate: float, most: int = GATES) -> dict[str, float]:
    """Return how surely a cell of this true rate ends "below", "above" or "agrees"; exact.

    The walk of the count is enumerated from look to look.
    """
    alive = np.array([1.0])  # by count
    ended = dict.fromkeys(("below", "above", "agrees"), 0.0)
    for gates in range(LOOKS, most + 1, LOOKS):
        step = stats.binom.pmf(np.arange(LOOKS + 1), LOOKS, rate)
        alive = np.convolve(alive, step)
        for count in np.flatnonzero(alive > 0):
            if is_done(int(count), gates, most):
                ended[says(int(count), gates)] += float(alive[count])
                alive[count] = 0.0
    return ended


def listed(cells: Sequence[Cell], groups: Iterable[str] | None) -> list[Cell]:
    """Return the cells of these groups, all if None, in their order.

    Raises
    ------
    InvalidArgument
        If two have one name, or there is no such group.
    """
    names = [cell.name for cell in cells]
    if len(set(names)) < len(names):
        raise InvalidArgument(f"cells must differ in name; got {Counter(names).most_common(1)[0]}")
    known = {cell.group for cell in cells}
    wanted = known if groups is None else set(groups)
    if not wanted <= known:
        raise InvalidArgument(f"group must be among {sorted(known)}; got {sorted(wanted)}")
    return [cell for cell in cells if cell.group in wanted]


def told(kept: dict[str, Any]) -> str:
    """Return one line on a record."""
    head = f"{kept['group']:10} {kept['check']:22} {kept['law']:12} {kept['change']:22} "
    if "rate" not in kept:
        counts = ", ".join(f"{name} {count}" for name, count in kept["outcomes"].items())
        return head + f"{kept['size']:12} {counts} of {kept['gates']}"
    many = f"{kept['count']}/{kept['gates']}" if "count" in kept else "exact"
    rate = kept["rate"] if math.isfinite(kept["rate"]) else math.nan
    return head + (
        f"{kept['event']:5} {kept['size']:12} {many:>9} {rate:8.3%} {kept['says']:7} "
        f"{kept['cpu_seconds']:7.1f} s"
    )
