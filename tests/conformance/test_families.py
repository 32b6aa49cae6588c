"""Models of four libraries on two moons: what is known of each family is what the checks find."""

import warnings
from operator import itemgetter
from pathlib import Path
from runpy import run_path

import pytest

from collapse_bench.conformance import ConformanceWarning, check_model

SOURCE = str(Path(__file__).parents[2] / "benchmarks" / "conformance.py")
FAMILIES, SEED, moons = itemgetter("FAMILIES", "SEED", "moons")(run_path(SOURCE))

pytestmark = pytest.mark.slow

# A kernel density adds the kernel's variance in every fit: it widens, and only that.
WIDENS = {"check_one_step_fidelity", "check_no_expansion", "check_accumulate_stable"}
FAILS = {
    "GaussianMixture": set(),
    # a bandwidth of 0.1 shows in one fit only
    "KernelDensity": {"check_one_step_fidelity", "check_consistency"},
    "gaussian_kde": WIDENS,
    "NSF": set(),  # what three hundred steps of training don't reach is beyond the budget to see
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_does_what_is_known_of_it(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConformanceWarning)
        records = check_model(FAMILIES[name](), "warn", reference=moons(), seed=SEED)

    assert {r["check"] for r in records if r["status"] == "failed"} == FAILS[name]
    undecided = [r for r in records if r["status"] == "inconclusive"]
    assert all("budget" in r["reason"] for r in undecided)  # for want of time, nothing else
