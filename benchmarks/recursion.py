"""Time the Gaussian recursion on sufficient statistics against the loop everybody writes.

Run as ``python -m benchmarks.recursion`` from the root of the checkout. The peer draws the
samples of each lineage and fits them, one lineage at a time; it is measured on a slice of the
lineages and both are given as seconds a lineage-generation, so that the ratio is of one run.
"""

import argparse
import json
import os
import platform
import resource
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from collapse_bench.engine import recurse
from collapse_bench.models import Gaussian

SIZE = 1_000


def naive(replicates: int, generations: int, size: int) -> float:
    """Return the mean final variance of lineages that are sampled and fitted one by one."""
    rng = np.random.default_rng(0)
    ends = []
    for _ in range(replicates):
        mean, scale = 0.0, 1.0
        for _ in range(generations):
            samples = rng.normal(mean, scale, size)
            mean, scale = samples.mean(), samples.std(ddof=1)
        ends.append(scale**2)
    return float(np.mean(ends))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=100_000)
    parser.add_argument("--generations", type=int, default=1_000)
    parser.add_argument("--slice", type=int, default=100, help="lineages of the naive loop")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()

    start, cpu = time.perf_counter(), time.process_time()
    naive(given.slice, given.generations, SIZE)
    peer_cpu = time.process_time() - cpu
    start, cpu = time.perf_counter(), time.process_time()
    trajectory = recurse(
        Gaussian(),
        metrics=("variance",),
        replicates=given.replicates,
        generations=given.generations,
        size=SIZE,
    )
    seconds, ours_cpu = time.perf_counter() - start, time.process_time() - cpu
    peer = peer_cpu / (given.slice * given.generations)
    ours = ours_cpu / (given.replicates * given.generations)
    result = {
        "benchmark": "recursion",
        "device": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("numpy", "scipy")},
        "replicates": given.replicates,
        "generations": given.generations,
        "size": SIZE,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(ours_cpu, 2),
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "values_mib": round(trajectory.values["variance"].nbytes / 2**20),
        "ns_per_lineage_generation": round(ours * 1e9, 1),
        "naive_ns_per_lineage_generation": round(peer * 1e9, 1),
        "naive_slice": given.slice,
        "ratio": round(peer / ours, 1),
    }
    print(json.dumps(result, indent=2))
    if given.output:
        given.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
