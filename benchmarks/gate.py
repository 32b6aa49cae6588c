"""Time a fixed gate of three checks on one core, beside scipy's permutation test.

    python -m benchmarks.gate [--rounds 5] [--output benchmarks/results/gate.json]

Each case reads a reference and samples of one normal law, judges them by tail mass, variance and
Wasserstein with 9,999 relabellings, and takes the median of CPU seconds over rounds in one process
on one thread. The peer is ``scipy.stats.permutation_test`` of the same statistic, in the same run,
with a few resamples, whose time is scaled to 9,999. It gives a p-value of one null and no interval:
no margins, no studentised statistic under them and no bootstrap, so the ratio flatters it. Tail
mass is judged by an exact law, not by relabelling; the peer permutes its count all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.transport import processor
from collapse_bench.gates import Gate

RESULTS = Path(__file__).parent / "results" / "gate.json"
PERMUTATIONS = 9_999
SEED = 20261123
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A gate's sizes, how many resamples the peer can be timed with, and what is aimed at."""

    size: int
    reference_size: int
    resamples: int
    target: float | None  # seconds

    @property
    def name(self) -> str:
        return f"n = {self.size:,}, m = {self.reference_size:,}"


CASES = (
    Case(10_000, 10_000, 99, 4.0),
    Case(3_000, 100_000, 19, None),
    Case(1_000_000, 1_000_000, 3, 10.0),
)


def tail_share(x: Values, y: Values) -> float:
    """Return the log-ratio of the shares beyond 1.96, the outer 5 % of a normal law."""
    return float(np.log(np.mean(np.abs(x) > 1.96) / np.mean(np.abs(y) > 1.96)))


def studentised(x: Values, y: Values) -> float:
    """Return the log-ratio of variances over its standard error by the kurtosis of each."""
    x, y = x - x.mean(), y - y.mean()
    squares = np.mean(x**2), np.mean(y**2)
    error = (np.mean(x**4) / squares[0] ** 2 - 1) / len(x)
    error += (np.mean(y**4) / squares[1] ** 2 - 1) / len(y)
    return float(np.log(squares[0] / squares[1]) / np.sqrt(error))


PEERS: dict[str, Callable[[Values, Values], float]] = {
    "tail_mass": tail_share,
    "variance": studentised,
    "wasserstein": scipy.stats.wasserstein_distance,
}


def timed(call: Callable[[], Any]) -> float:
    """Return the CPU seconds of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def peer_seconds(name: str, x: Values, y: Values, resamples: int) -> float:
    """Return the CPU seconds that 9,999 resamples and the data's own statistic would take."""
    seconds = timed(
        lambda: scipy.stats.permutation_test(
            (x, y),
            PEERS[name],
            vectorized=False,
            n_resamples=resamples,
            rng=np.random.default_rng(SEED),
        )
    )
    return seconds * (PERMUTATIONS + 1) / (resamples + 1)


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Return CPU seconds of each check, of the whole gate and of the peer."""
    rng = np.random.default_rng(SEED)
    x, y = rng.normal(size=case.size), rng.normal(size=case.reference_size)
    gate = Gate(y, seed=SEED)
    outcome = gate.judge(x).outcome  # loads what is loaded once, and warms the caches
    rows: dict[str, Any] = {}
    for check in gate.checks:
        ours = statistics.median(
            timed(lambda check=check: gate.judge_one(check, x))  # type: ignore[misc]
            for _ in range(rounds)
        )
        peer = peer_seconds(check.name, x, y, case.resamples)
        rows[check.name] = {"cpu_seconds": ours, "scipy_seconds": peer, "ratio": peer / ours}
    whole = statistics.median(timed(lambda: Gate(y, seed=SEED).judge(x)) for _ in range(rounds))
    return {
        "whole_cpu_seconds": whole,
        "target_seconds": case.target,
        "outcome": outcome,
        "scipy_resamples": case.resamples,
        "checks": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a fixed gate of three checks on one core.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case (default 5)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="JSON file to write")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    with threadpool_limits(1):
        for case in CASES:
            found = results[case.name] = measure(case, arguments.rounds)
            aim = "" if case.target is None else f" (target {case.target:g} s)"
            print(f"{case.name}: whole gate {found['whole_cpu_seconds']:.2f} s{aim}")
            for name, row in found["checks"].items():
                print(
                    f"    {name:12s}{row['cpu_seconds']:9.3f} s   scipy "
                    f"{row['scipy_seconds']:10.1f} s   {row['ratio']:9.1f}x",
                    flush=True,
                )
            write(arguments.output, results, arguments.rounds)


def write(path: Path, results: dict[str, Any], rounds: int) -> None:
    """Write what was measured so far."""
    report = {
        "benchmark": "gate",
        "date": date.today().isoformat(),
        "device": f"{processor()}, {os.cpu_count()} CPUs visible, one thread",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy")},
        "seed": SEED,
        "permutations": PERMUTATIONS,
        "rounds": rounds,
        "ratio": "CPU seconds of scipy.stats.permutation_test, scaled, over collapse_bench's",
        "load": os.getloadavg()[0],  # how many others wanted a core at the end
        "cases": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
