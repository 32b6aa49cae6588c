"""Time the Wasserstein distances of collapse_bench beside POT's and scipy's.

    python -m benchmarks.transport [--rounds 7] [--output benchmarks/results/transport-cpu.json]

Every case runs ours and the peers in turn, round after round, in one process on one thread. What
counts is the median over rounds of the ratio of CPU seconds, peer over ours: on a shared machine
ratios within a round are stable where seconds are not. Memory is the peak that numpy allocates
in one call (tracemalloc), beyond the inputs.
"""

import argparse
import json
import os
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import ot
import scipy.stats
from threadpoolctl import threadpool_limits

from collapse_bench.metrics import (
    bures,
    directions,
    sliced_wasserstein,
    wasserstein_1d,
    wasserstein_sorted,
)

OURS = "collapse_bench"
RESULTS = Path(__file__).parent / "results" / "transport-cpu.json"
Calls = dict[str, Callable[[], Any]]


def line(rng: np.random.Generator, size: int) -> Calls:
    x, y = rng.normal(size=size), rng.normal(0.1, 1.1, size=size)
    return {
        OURS: lambda: wasserstein_1d(x, y, order=2),
        "POT wasserstein_1d": lambda: ot.wasserstein_1d(x, y, p=2) ** 0.5,
        "POT emd2_1d": lambda: ot.emd2_1d(x, y) ** 0.5,
    }


def line_w1(rng: np.random.Generator, size: int) -> Calls:
    x, y = rng.normal(size=size), rng.normal(0.1, 1.1, size=size)
    return {
        OURS: lambda: wasserstein_1d(x, y),
        "POT wasserstein_1d": lambda: ot.wasserstein_1d(x, y, p=1),
        "scipy wasserstein_distance": lambda: scipy.stats.wasserstein_distance(x, y),
    }


def line_sorted(rng: np.random.Generator, size: int) -> Calls:
    x, y = rng.normal(size=size), np.sort(rng.normal(0.1, 1.1, size=size))
    return {
        OURS: lambda: wasserstein_sorted(np.sort(x), y, order=2),
        "POT wasserstein_1d": lambda: ot.wasserstein_1d(x, y, p=2) ** 0.5,
    }


def line_unequal(rng: np.random.Generator, size: int) -> Calls:
    x, y = rng.normal(size=size), rng.normal(0.1, 1.1, size=size * 37 // 100)
    return {
        OURS: lambda: wasserstein_1d(x, y, order=2),
        "POT wasserstein_1d": lambda: ot.wasserstein_1d(x, y, p=2) ** 0.5,
        "POT emd2_1d": lambda: ot.emd2_1d(x, y) ** 0.5,
    }


def replicates(rng: np.random.Generator, count: int, size: int) -> Calls:
    x, y = rng.normal(size=(count, size)), rng.normal(0.1, 1.1, size=(count, size))
    across = np.ascontiguousarray(x.T), np.ascontiguousarray(y.T)  # POT's layout
    return {
        OURS: lambda: wasserstein_1d(x, y, order=2),
        "POT wasserstein_1d, looped": lambda: [
            ot.wasserstein_1d(a, b, p=2) ** 0.5 for a, b in zip(x, y, strict=True)
        ],
        "POT wasserstein_1d, batched": lambda: ot.wasserstein_1d(*across, p=2) ** 0.5,
    }


def sliced(rng: np.random.Generator, size: int, dimension: int, count: int) -> Calls:
    x, y = rng.normal(size=(size, dimension)), rng.normal(0.1, 1.1, size=(size, dimension))
    vectors = directions(dimension, count).T
    return {
        OURS: lambda: sliced_wasserstein(x, y, order=2, projections=count),
        "POT sliced_wasserstein_distance": lambda: ot.sliced_wasserstein_distance(
            x, y, projections=vectors, p=2
        ),
    }


def gaussians(rng: np.random.Generator, count: int, dimension: int) -> Calls:
    roots = rng.normal(size=(count + 1, dimension, 2 * dimension))
    covariances = roots @ roots.swapaxes(1, 2) / (2 * dimension)
    zero, reference = np.zeros(dimension), covariances[-1]
    return {
        OURS: lambda: np.sqrt(bures(zero, covariances[:-1], zero, reference)),
        "POT bures_wasserstein_distance, looped": lambda: [
            ot.gaussian.bures_wasserstein_distance(zero, zero, c, reference)
            for c in covariances[:-1]
        ],
    }


CASES: dict[str, Callable[[np.random.Generator], Calls]] = {
    "W2 on the line, n = 1e3": lambda rng: line(rng, 1_000),
    "W2 on the line, n = 1e4": lambda rng: line(rng, 10_000),
    "W2 on the line, n = 1e5": lambda rng: line(rng, 100_000),
    "W2 on the line, n = 1e6": lambda rng: line(rng, 1_000_000),
    "W1 on the line, n = 1e5": lambda rng: line_w1(rng, 100_000),
    "W2 to a sorted reference, n = 1e5": lambda rng: line_sorted(rng, 100_000),
    "W2 of 100,000 and 37,000 rows": lambda rng: line_unequal(rng, 100_000),
    "W2, 1,000 replicates of n = 1e3": lambda rng: replicates(rng, 1_000, 1_000),
    "W2, 100 replicates of n = 1e4": lambda rng: replicates(rng, 100, 10_000),
    "sliced W2, n = 5e4, d = 2, 50 directions": lambda rng: sliced(rng, 50_000, 2, 50),
    "sliced W2, n = 1e4, d = 8, 64 directions": lambda rng: sliced(rng, 10_000, 8, 64),
    "Bures, 500 laws, d = 2": lambda rng: gaussians(rng, 500, 2),
    "Bures, 500 laws, d = 16": lambda rng: gaussians(rng, 500, 16),
    "Bures, 100 laws, d = 64": lambda rng: gaussians(rng, 100, 64),
}


def measure(calls: Calls, rounds: int) -> dict[str, Any]:
    """Return CPU seconds, ratios and memory; refuse to time answers that differ."""
    answers = {name: np.asarray(call(), dtype=np.float64) for name, call in calls.items()}
    for name, answer in answers.items():
        if not np.allclose(answer, answers[OURS], rtol=1e-9, atol=1e-9):
            raise SystemExit(f"{name} must agree with {OURS} to 1e-9; it doesn't")
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    # A clock tick must not matter: repeat fast calls until ours has taken 20 ms.
    start = time.process_time()
    calls[OURS]()
    repeats = max(1, round(0.02 / max(time.process_time() - start, 1e-5)))
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            for _ in range(repeats):
                call()
            seconds[name].append((time.process_time() - start) / repeats)
    return {
        name: {
            "cpu_seconds": statistics.median(taken),
            "ratio": statistics.median(
                peer / ours for peer, ours in zip(taken, seconds[OURS], strict=True)
            ),
            "peak_mebibytes": peak(calls[name]),
        }
        for name, taken in seconds.items()
    }


def peak(call: Callable[[], Any]) -> float:
    tracemalloc.start()
    call()
    highest = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return highest


def processor() -> str:
    """Return the processor's name where Linux tells it."""
    info = Path("/proc/cpuinfo")
    names = [row for row in info.read_text().splitlines() if row.startswith("model name")]
    return names[0].split(":")[1].strip() if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each case (default 7)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="JSON file to write")
    arguments = parser.parse_args()
    results = {}
    with threadpool_limits(1):
        for case, make in CASES.items():
            results[case] = measure(make(np.random.default_rng(0)), arguments.rounds)
            print(case)
            for name, row in results[case].items():
                print(
                    f"    {name:40s}{row['cpu_seconds'] * 1e3:11.3f} ms"
                    f"{row['ratio']:8.2f}x{row['peak_mebibytes']:10.2f} MiB",
                    flush=True,
                )
    report = {
        "benchmark": "transport",
        "date": date.today().isoformat(),
        "device": f"{processor()}, {os.cpu_count()} CPUs visible, one thread",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "POT")},
        "rounds": arguments.rounds,
        "ratio": "median over rounds of CPU seconds, of the row over collapse_bench",
        "cases": results,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
