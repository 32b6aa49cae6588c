"""Measure the error rates of checks and of whole gates at the edges of their claims.

Run as ``python -m benchmarks.calibration`` from the root of the checkout. Models lose exactly
``tolerate``, where a check must seldom fail, or exactly ``detect``, where it must seldom pass: in
1 % at most. Each cell's result is appended to ``benchmarks/results/calibration_gates.jsonl`` as
soon as it is there; cells that are in the file aren't run again. There is one seed, and no second
try. ``--minutes`` begins no other cell once so many CPU minutes were used in this run.

``--group loss`` and ``--group growth`` run the older cells of three laws in one column (half an
hour each on two cores), whose results are ``calibration.json`` and ``calibration_growth.json``.
``--table`` prints the tables of docs/gate.md from all three files.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import collapse_bench
from benchmarks.calibration import cells, line
from benchmarks.calibration.groups import every, measured_by_name


def main(words: list[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    if any(word in words for word in ("loss", "growth", "--group=loss", "--group=growth")):
        line.main(words)
        return
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--group", action="append", help="run these only; may be repeated")
    parser.add_argument("--output", type=Path, default=cells.RESULT)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="CPU minutes at most")
    parser.add_argument("--list", action="store_true", help="name the cells that are left")
    parser.add_argument("--table", action="store_true", help="print the tables")
    given = parser.parse_args(words)
    if given.table:
        from benchmarks.calibration.table import rendered

        print(rendered(given.output))
        return
    package = Path(collapse_bench.__file__).parent
    done = cells.begin(given.output, cells.commit_of(package))
    left = [cell for cell in cells.listed(every(), given.group) if cell.name not in done]
    left.sort(key=lambda cell: cell.late)
    if given.list:
        print(*(cell.name for cell in left), sep="\n")
        return
    begun = time.perf_counter()
    used, ran = 0.0, 0
    for kept in _records(left, given.processes, 60 * given.minutes):
        cells.keep(given.output, kept)
        used, ran = used + kept["cpu_seconds"], ran + 1
        print(cells.told(kept), flush=True)
    minutes = (time.perf_counter() - begun) / 60
    print(f"{ran} cells, {len(left) - ran} left; {used / 60:.1f} CPU minutes in {minutes:.1f}")


def _records(left: list[cells.Cell], processes: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the records of cells as they are done; after so many CPU seconds none is begun."""
    used = 0.0
    if processes == 1:
        for cell in left:
            if used >= seconds:
                return
            kept = cells.measured(cell)
            used += kept["cpu_seconds"]
            yield kept
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        waiting = [cell.name for cell in left]
        running: list[Any] = []
        while (waiting and used < seconds) or running:
            while waiting and len(running) < processes and used < seconds:
                running.append(pool.apply_async(measured_by_name, (waiting.pop(0),)))
            ready = [one for one in running if one.ready()]
            for one in ready:
                running.remove(one)
                kept = one.get()
                used += kept["cpu_seconds"]
                yield kept
            if not ready:
                time.sleep(0.05)


if __name__ == "__main__":
    main()
