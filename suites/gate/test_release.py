"""A model of numbers before its release: does it lose tails, variance or shape?

The model comes from ``--collapse-model`` (or its samples from ``--collapse-samples``), the
reference from ``--collapse-reference``. Without them the exact law of ``two-gaussians`` is judged
against 100,000 draws of it, which passes; sizes come from ``collapse_bench.plan``.
"""

import json

import numpy as np

from collapse_bench.data import load_reference
from collapse_bench.gates import check_tail_mass
from collapse_bench.models import Gaussian

# The tests below that share the gate's alpha. A constant: selecting some of them changes nothing.
COLLAPSE_CHECKS = ("test_tail_mass", "test_variance", "test_wasserstein")
COLLAPSE_KINDS = ("numbers",)  # what a reference of theirs holds

COMPONENTS = 8  # of 64 pixels; they hold two thirds of the digits' variance
DRAWS = 5_000
# 898 digits can't tell small losses in a small tail, so the tail is wide and the bar is low.
WIDE_TAIL = {"mass": 0.2, "detect": 0.5}


def test_tail_mass(collapse_check, collapse_generate):
    """Judges the probability that is left in the reference's tails, 5 % of it at both ends."""
    collapse_check("tail_mass", collapse_generate())


def test_variance(collapse_check, collapse_generate):
    """Judges the variance; of one column with heavy tails that of its middle 98 %."""
    collapse_check("variance", collapse_generate())


def test_wasserstein(collapse_check, collapse_generate):
    """Judges the Wasserstein-1 distance in excess of that between two samples of one law."""
    collapse_check("wasserstein", collapse_generate())


def test_shrunken_digits_fail(collapse_rng, collapse_seed, collapse_record):
    """Judges handwritten digits in their first principal components, outside the ledger.

    A Gaussian is fitted to one half of them. Its draws, shrunk by half, must fail against the
    other half, and judging them again must give the same bytes. Its verdict unshrunk is recorded:
    digits aren't Gaussian, so nothing is asserted of it.
    """
    digits = load_reference("digits").values
    order = collapse_rng.permutation(len(digits))
    learned, judged = digits[order[: len(order) // 2]], digits[order[len(order) // 2 :]]
    center = learned.mean(axis=0)
    axes = np.linalg.svd(learned - center, full_matrices=False)[2][:COMPONENTS]  # (8, 64)
    reference = (judged - center) @ axes.T  # (m, 8)

    unfitted = Gaussian(np.zeros(COMPONENTS), np.eye(COMPONENTS))
    model = unfitted.fit((learned - center) @ axes.T, rng=collapse_rng)
    draws = model.sample(DRAWS, rng=collapse_rng)
    collapse_record(
        check_tail_mass(draws, reference, seed=collapse_seed, **WIDE_TAIL),
        scenario="a Gaussian fitted to digits",
    )
    first, second = (
        check_tail_mass(draws / 2, reference, seed=collapse_seed, **WIDE_TAIL) for _ in range(2)
    )

    assert first.outcome == "fail", str(first)
    assert json.dumps(first.to_dict()) == json.dumps(second.to_dict())
