"""Every simulation accepts its formula and rejects the wrong variants that it could see."""

import numpy as np
import pytest

from collapse_bench import theory
from collapse_bench.statistics import agreement
from collapse_bench.streams import generator
from tests.theory import sensitivity
from tests.theory.sensitivity import Experiment

EXPERIMENTS = sensitivity.experiments()


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.id)
def test_wrong_variants_are_rejected_and_the_formula_is_not(experiment):
    # a correct theory's quantity is refused with chance 6.8e-6, so all of them with less than 1 %
    scores = experiment.scores(experiment.theory())
    assert np.abs(scores).max() <= agreement.CRITICAL

    rows = list(experiment.rows())
    missed = [row.variant for row in rows if row.visible and not row.rejected]
    assert not missed
    assert any(row.visible for row in rows)  # a simulation that sees nothing shows nothing


def test_experiments_have_names_of_their_own_and_of_public_functions():
    ids = [experiment.id for experiment in EXPERIMENTS]
    assert len(set(ids)) == len(ids)
    for experiment in EXPERIMENTS:
        module, name = experiment.formula.split(".")
        assert name in getattr(theory, module).__all__


# --- the machinery --------------------------------------------------------------------------


def _experiment(shift, median=False):
    draws = generator(24, "sensitivity").normal(size=(10_000, 2))  # a standard error is 0.01
    return Experiment(
        "mean", "", lambda: draws, lambda: [0, 0], {"shift": lambda: [0, shift]}, median
    )


@pytest.mark.parametrize("median", [False, True])
def test_a_far_variant_is_rejected_and_a_close_one_is_listed(median):
    (far,) = _experiment(0.2, median).rows()
    assert far.difference == pytest.approx(0.2 / (0.01 * (1.2533 if median else 1)), rel=0.1)
    assert far.visible
    assert far.rejected
    (close,) = _experiment(0.02, median).rows()
    assert not close.visible
    assert "too close" in sensitivity.table([far, close])
    assert "1 of 1 visible ones rejected, 1 too close" in sensitivity.table([far, close])
    (same,) = _experiment(0.0, median).rows()
    assert "no difference" in sensitivity.table([same])


def test_a_simulation_of_something_else_is_noticed():
    biased = generator(24, "sensitivity").normal(0.2, size=(10_000, 2))
    wrong = Experiment("mean", "", lambda: biased, lambda: 0, {"what it draws": lambda: 0.2})
    (row,) = wrong.rows()
    assert np.abs(wrong.scores(0)).max() > agreement.CRITICAL
    assert row.visible
    assert not row.rejected
    assert "NOT REJECTED" in sensitivity.table([row])
