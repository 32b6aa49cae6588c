"""Time the recursions on sufficient statistics against the loops everybody writes.

Run as ``python -m benchmarks.recursion`` from the root of the checkout. For the Gaussian the peer
draws the samples of each lineage and fits them, one lineage at a time; it is measured on a slice
of the lineages and both are given as seconds a lineage-generation, so that the ratio is of one
run. For the discrete law of many states the peer draws the counts of all states in every
generation, ours those of the states that are left (``--only packing``): rounds alternate, the
ratio is the median over rounds, and both must come to the same counts.
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
from collapse_bench.models import Categorical, Gaussian

SIZE = 1_000
EXPONENT = 1.5  # of the Zipf law whose states die out
LINEAGES, GENERATIONS, ROUNDS = 20, 100, 5  # of the discrete chains


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


def dense(law: np.ndarray) -> np.ndarray:
    """Return the counts of every state after the last generation, (lineages, states)."""
    rng = np.random.default_rng(0)
    laws = np.broadcast_to(law, (LINEAGES, len(law)))
    for _ in range(GENERATIONS):
        counts = rng.multinomial(SIZE, laws)
        laws = counts / counts.sum(axis=-1, keepdims=True)
    return counts


def packed(law: np.ndarray) -> np.ndarray:
    """Return the same from the model, which forgets the states that are gone."""
    rng = np.random.default_rng(0)
    model = Categorical(law).replicate(LINEAGES)
    for _ in range(GENERATIONS):
        model = model.refit(SIZE, rng=rng)
    return np.asarray(np.rint(SIZE * model.probabilities), dtype=int)


def packing(states: int) -> dict[str, float]:
    """Return the CPU seconds of both chains over ``states`` states, and their ratio."""
    law = np.arange(1.0, states + 1) ** -EXPONENT
    law /= law.sum()
    seconds: dict[str, list[float]] = {"dense": [], "packed": []}
    ends = {}
    for _ in range(ROUNDS):
        for name, chain in (("dense", dense), ("packed", packed)):
            cpu = time.process_time()
            ends[name] = chain(law)
            seconds[name].append(time.process_time() - cpu)
    assert np.array_equal(ends["dense"], ends["packed"]), "the chains differ"
    ratios = np.divide(seconds["dense"], seconds["packed"])
    return {
        "states": states,
        "states_left": int((ends["packed"] > 0).any(axis=0).sum()),
        "dense_cpu_seconds": round(float(np.median(seconds["dense"])), 4),
        "packed_cpu_seconds": round(float(np.median(seconds["packed"])), 4),
        "ratio": round(float(np.median(ratios)), 1),
        "least_ratio": round(float(ratios.min()), 1),
    }


def line(given: argparse.Namespace) -> dict[str, object]:
    """Return the times of the Gaussian recursion and of the naive loop."""
    cpu = time.process_time()
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
    return {
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=100_000)
    parser.add_argument("--generations", type=int, default=1_000)
    parser.add_argument("--slice", type=int, default=100, help="lineages of the naive loop")
    parser.add_argument("--only", choices=("line", "packing"))
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    result: dict[str, object] = {
        "benchmark": "recursion",
        "device": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("numpy", "scipy")},
    }
    if given.only != "packing":
        result |= line(given)
    if given.only != "line":
        result["packing"] = {
            "size": SIZE,
            "replicates": LINEAGES,
            "generations": GENERATIONS,
            "exponent": EXPONENT,
            "chains": [packing(states) for states in (10**4, 10**5)],
        }
    print(json.dumps(result, indent=2))
    if given.output:
        given.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
