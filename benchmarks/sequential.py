"""Draws that a sequential gate takes, beside those of a fixed one with the same guarantees.

``python -m benchmarks.sequential`` judges normal models against 100,000 normal rows: a healthy one,
and ones whose outer 5 % was thinned by ``detect``, by half and by all. It writes
``benchmarks/results/sequential.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from collapse_bench.gates import Gate
from collapse_bench.reports.json import environment
from collapse_bench.streams import generator

SEED = 20261122
RESULT = Path(__file__).parent / "results" / "sequential.json"
ROWS = 100_000
EDGE = -float(ndtri(0.025))  # the outer 5 % of a normal law lie beyond it, at both ends
MODELS = {"healthy": 0.0, "a quarter of the tail lost": 0.25, "half": 0.5, "all": 1.0}
# Sessions of each model; the gate of three relabels some ten thousand times at every look.
GATES: dict[str, tuple[list[str] | None, int]] = {
    "tail mass": (["tail_mass"], 200),
    "three": (None, 8),
}


def thinned(lost: float, rng: np.random.Generator) -> Callable[[int], NDArray[np.float64]]:
    """Return what draws normal numbers of which a share of the outer 5 % is drawn from the rest."""

    def draw(size: int) -> NDArray[np.float64]:
        # one uniform for each value and one more, so that no call depends on the one before
        places = rng.random((size, 2))
        values = ndtri(places[:, 0])
        gone = (np.abs(values) > EDGE) & (places[:, 1] < lost)
        values[gone] = ndtri(0.025 + 0.95 * places[gone, 1] / max(lost, 1e-300))
        return np.asarray(values)

    return draw


def measure(checks: list[str] | None, runs: int) -> list[dict[str, Any]]:
    """Return a record a model: outcomes and draws of sequential gates, and of a fixed one."""
    records = []
    for name, lost in MODELS.items():
        sizes, outcomes = [], []
        begun = time.process_time()
        for run in range(runs):
            reference = generator(SEED, name, run, "reference").normal(size=ROWS)
            gate = Gate(reference, checks, mode="sequential", seed=run)
            result = gate.run(thinned(lost, generator(SEED, name, run, "draws")))
            sizes.append(max(verdict.size for verdict in result.verdicts))
            outcomes.append(result.outcome)
        fixed = gate.planned_size()
        records.append(
            {
                "model": name,
                "runs": runs,
                "draws_mean": float(np.mean(sizes)),
                "draws_largest": max(sizes),
                "draws_fixed": fixed,
                "ratio": float(np.mean(sizes)) / fixed,
                **{word: outcomes.count(word) for word in ("pass", "fail", "inconclusive")},
                "cpu_seconds_a_run": (time.process_time() - begun) / runs,
            }
        )
    return records


def main() -> None:
    """Measure, print a table and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", choices=sorted(GATES), action="append")
    chosen = parser.parse_args().gate or list(GATES)
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for gate in chosen:
        found[gate] = measure(*GATES[gate])
        print(gate)
        for record in found[gate]:
            print(
                f"  {record['model']:28s} {record['draws_mean']:8.0f} of {record['draws_fixed']:,} "
                f"draws ({record['ratio']:.2f}); {record['pass']} pass, {record['fail']} fail, "
                f"{record['inconclusive']} inconclusive of {record['runs']}"
            )
    found["environment"] = environment(None)
    found["seed"] = SEED
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
