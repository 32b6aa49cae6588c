"""A model in a loop before its release: does it lose variance faster than it must?

The candidate is fitted to its own draws, generation after generation, in as many lineages as a
verdict takes, and what it loses beyond neutral lineages is judged: those of a model that keeps the
rows it was fitted to. It comes from ``--collapse-model`` as a class, a function or a built-in name,
or as an instance that has ``fit``; what can only be drawn from is left out, and so are samples.
Without options a Gaussian fitted to 100,000 rows of ``two-gaussians`` is judged, which passes.

One run costs as many fits as lineages times generations, each to 200 rows.
"""

from collapse_bench.models import Gaussian
from collapse_bench.regimes import Replace

COLLAPSE_CHECKS = ("test_drift",)
COLLAPSE_KINDS = ("numbers",)  # drift is a matter of variances
COLLAPSE_NEEDS = ("fit",)  # of the candidate

REGIME = Replace()  # the one whose neutral lineages are known
SIZE = 200  # rows of each generation: at least four times as many as there are generations
GENERATIONS = {"smoke": 5, "ci": 8, "paper": 20}
MOST_LINEAGES = {"smoke": 32, "ci": 64, "paper": 256}
# Variances of several columns are compared in units of the reference's own.
METRICS = ("log_whitened_variance", "log_variance", "centered_tail_mass")
EVALUATED = 1_000  # draws that stand for a generation whose variance can't be read off


def test_drift(
    collapse_check,
    collapse_case,
    collapse_founder,
    collapse_lineages,
    collapse_recurse,
    collapse_record,
    collapse_profile,
    collapse_rng,
    collapse_seed,
):
    """Judges the variance that is lost in a generation, beyond what finite samples take away."""
    reference = collapse_case.reference.values
    founder = collapse_founder
    if not hasattr(founder, "fit"):  # the default: a law, of which a Gaussian learns
        founder = Gaussian().fit(reference, rng=collapse_rng)
    design = {"size": SIZE, "generations": GENERATIONS[collapse_profile]}
    drawn = None if hasattr(founder, "moments") else EVALUATED
    trajectory = collapse_recurse(
        founder,
        reference,
        REGIME,
        replicates=collapse_lineages(
            reference, **design, eval_size=drawn, most=MOST_LINEAGES[collapse_profile]
        ),
        metrics=METRICS,
        eval_size=EVALUATED,
        seed=collapse_seed,
        **design,
    )
    collapse_record(trajectory, scenario="fitted to its own draws")
    collapse_check("drift", trajectory)
