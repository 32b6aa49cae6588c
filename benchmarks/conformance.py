"""Check models of four libraries on two moons: what comes of each check, and how long it takes.

Run as ``python -m benchmarks.conformance [--budget SECONDS] [--only NAME]`` from the root of the
checkout; zuko is in the extra ``test``. Writes ``benchmarks/results/conformance-families.json``.
"""

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from collapse_bench.adapters import as_model
from collapse_bench.conformance import check_model

SIZE, NOISE, SEED = 2_000, 0.1, 20261122
STEPS, BATCH, RATE = 300, 256, 5e-3  # of the flow's training


def moons():
    """Return the reference: two interleaved half circles with noise, (2000, 2)."""
    from sklearn.datasets import make_moons

    return make_moons(SIZE, noise=NOISE, random_state=SEED)[0]


def mixture():
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(3)


def kernel_density():
    from sklearn.neighbors import KernelDensity

    return KernelDensity(bandwidth=0.1)


def gaussian_kde():
    from scipy import stats

    return stats.gaussian_kde(moons().T)


def flow():
    """Return a small neural spline flow with its training loop."""
    import torch
    import zuko

    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        untrained = zuko.flows.NSF(features=2, transforms=2, hidden_features=(32, 32))
    trained = train(untrained, moons(), np.random.default_rng(SEED))
    return as_model(trained, fit=train)


def train(flow, samples, rng):
    """Return ``flow`` after some steps of maximum likelihood on ``samples``."""
    import torch

    rows = torch.as_tensor(np.asarray(samples), dtype=torch.float32)
    optimizer = torch.optim.Adam(flow.parameters(), lr=RATE)
    for _ in range(STEPS):
        batch = rows[torch.as_tensor(rng.integers(len(rows), size=BATCH))]
        loss = -flow().log_prob(batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return flow


FAMILIES = {
    "GaussianMixture": mixture,
    "KernelDensity": kernel_density,
    "gaussian_kde": gaussian_kde,
    "NSF": flow,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=10.0, help="seconds a check may plan")
    parser.add_argument("--only", choices=tuple(FAMILIES))
    options = parser.parse_args()
    results = {}
    for name, make in FAMILIES.items():
        if options.only not in (None, name):
            continue
        print(f"\n{name}", flush=True)
        results[name] = check_model(
            make(), "warn", show, reference=moons(), budget=options.budget, seed=SEED
        )
        seconds = sum(record["seconds"] for record in results[name])
        print(f"  {seconds:.1f} s in all")
    if options.only is None:
        packages = ("collapse-bench", "numpy", "scipy", "scikit-learn", "torch", "zuko")
        report = {
            "date": datetime.now(UTC).date().isoformat(),
            "device": f"cpu, {os.cpu_count()} cores, {platform.machine()}",
            "versions": {package: _version(package) for package in packages},
            "seed": SEED,
            "budget": options.budget,
            "records": results,
        }
        path = Path(__file__).parent / "results" / "conformance-families.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="ascii")


def show(record):
    reason = str(record["reason"] or "").partition("\n")[0][:110]
    print(
        f"  {record['status']:<12} {record['check']:<40} {record['seconds']:6.2f} s  {reason}",
        flush=True,
    )


def _version(package):
    try:
        return version(package)
    except ModuleNotFoundError:
        from collapse_bench import __version__

        return __version__


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    main()
