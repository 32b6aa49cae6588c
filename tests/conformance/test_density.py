"""The checks of log_prob: sound densities pass, each wrong one is told."""

import numpy as np
import pytest
from scipy import stats

from collapse_bench.conformance.density import _bernstein
from collapse_bench.data.laws import NormalMixture, two_gaussians
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.streams import generator
from tests.conformance.models import LINE, PLANE, Law, Wrapped, ran

SHAPE = "check_log_prob_shape"
CALIBRATION = "check_log_prob_calibration"
NORMALIZED = "check_log_prob_normalized"
CHECKS = (SHAPE, CALIBRATION, NORMALIZED)
SPACE = Gaussian(np.zeros(3), [[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 4.0]])
SOUND = {
    "line": LINE,
    "plane": PLANE,
    "space": SPACE,
    "two-gaussians": two_gaussians(),
    "t3": Law(stats.t(3)),
    "cauchy": Law(stats.cauchy()),
    "lognormal": Law(stats.lognorm(1)),
    "arcsine": Law(stats.beta(0.5, 0.5)),
    "poisson": Law(stats.poisson(4)),
    "codes": Categorical([0.9, 0.09, 0.01], ["a", "bb", "ccc"]),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("model", SOUND.values(), ids=SOUND)
def test_sound_densities_pass(check, model):
    status, reason = ran(check, model)
    wide = check == NORMALIZED and model is SPACE
    assert status == ("skipped" if wide else "passed"), reason


def test_models_without_a_density_are_skipped():
    for check in CHECKS:
        assert ran(check, Wrapped()) == ("skipped", "the model has no log_prob")


def changes_its_input(law, rows):
    found = law.log_prob(rows)
    rows[0] = 0.0
    return found


def with_one(value, place=3):
    def log_prob(law, rows):
        found = law.log_prob(rows)
        found[min(place, len(found) - 1)] = value
        return found

    return log_prob


def nan_far_out(law, rows):
    return np.where(np.abs(rows[:, 0]) > 15, np.nan, law.log_prob(rows))


BAD_SHAPE = {
    "changes its input": (changes_its_input, "must leave its samples as they are"),
    "a column": (lambda law, rows: law.log_prob(rows)[:, None], "got shape (257, 1)"),
    "a sum": (lambda law, rows: law.log_prob(rows).sum(), "got shape ()"),
    "complex": (lambda law, rows: law.log_prob(rows) + 0j, "dtype complex128"),
    "text": (lambda law, rows: law.log_prob(rows).astype(str), "dtype <U"),
    "None": (lambda law, rows: None, "must return an array; got NoneType"),
    "raises": (lambda law, rows: 1 / 0, "it raised ZeroDivisionError"),
    "NaN": (with_one(np.nan), "must be finite on the model's own draws; got nan"),
    "infinite": (with_one(np.inf), "must be finite on the model's own draws; got inf"),
    "outside its support": (with_one(-np.inf), "got -inf"),
    "NaN far out": (nan_far_out, "must return a number or -inf for every row; got nan"),
    "the batch": (
        lambda law, rows: law.log_prob(rows) - law.log_prob(rows).max(),
        "the same value whatever rows come with it",
    ),
    "first row": (
        lambda law, rows: law.log_prob(rows) + 1e-4 * (np.arange(len(rows)) == 1),
        "the same value whatever rows come with it",
    ),
}


@pytest.mark.parametrize(("log_prob", "told"), BAD_SHAPE.values(), ids=BAD_SHAPE)
def test_bad_forms_are_told(log_prob, told):
    status, reason = ran(SHAPE, Wrapped(log_prob=log_prob))
    assert status == "failed"
    assert told in reason


@pytest.mark.parametrize("log_prob", [row[0] for row in BAD_SHAPE.values()], ids=BAD_SHAPE)
def test_bad_forms_surprise_no_other_check(log_prob):
    for check in (CALIBRATION, NORMALIZED):
        assert "the model raised" not in ran(check, Wrapped(log_prob=log_prob))[1]


def test_single_precision_may_round():
    def rounded(law, rows):
        return law.log_prob(rows).astype(np.float32) * np.float32(1 + 1e-6 * len(rows) / 257)

    assert ran(SHAPE, Wrapped(log_prob=rounded))[0] == "passed"


def test_refusing_what_lies_outside_the_support_is_fine():
    def refuses(law, rows):
        if np.abs(rows).max() > 15:
            raise ValueError("outside the support")
        return law.log_prob(rows)

    assert ran(SHAPE, Wrapped(log_prob=refuses))[0] == "passed"
    assert ran(NORMALIZED, Wrapped(log_prob=refuses))[0] == "skipped"


def other(law):
    return lambda base, rows: law.log_prob(rows)


WRONG = {
    "a constant more": (lambda law, rows: law.log_prob(rows) + 0.25, LINE),
    "a constant less": (lambda law, rows: law.log_prob(rows) - 0.25, SPACE),
    "hotter": (other(Gaussian(1.0, 8.0)), LINE),
    "colder": (other(Gaussian(1.0, 2.0)), LINE),
    "shifted": (other(Gaussian(2.0, 4.0)), LINE),
    "without its correlation": (other(Gaussian([1.0, -2.0], np.diag([4.0, 1.0]))), PLANE),
    "of the logarithm": (
        lambda law, rows: stats.norm.logpdf(np.log(rows[:, 0])),  # no Jacobian
        Law(stats.lognorm(1)),
    ),
    "log2": (lambda law, rows: law.log_prob(rows) / np.log(2), LINE),
    "codes evenly": (
        lambda law, codes: np.full(len(codes), np.log(1 / 3)),
        Categorical([0.5, 0.3, 0.2]),
    ),
}


@pytest.mark.parametrize(("log_prob", "base"), WRONG.values(), ids=WRONG)
def test_densities_of_another_law_are_found(log_prob, base):
    model = Wrapped(log_prob=log_prob, base=base)
    if base.kind == "codes":
        model.kind = "codes"
    status, reason = ran(CALIBRATION, model)
    assert status == "failed", reason
    assert "log_prob must" in reason


def test_points_of_no_density_are_found():
    def log_prob(law, rows):
        return np.where(rows[:, 0] > 4, -np.inf, law.log_prob(rows))

    assert ran(CALIBRATION, Wrapped(log_prob=log_prob))[0] == "failed"
    assert ran(NORMALIZED, Wrapped(log_prob=log_prob))[0] == "inconclusive"


def test_a_mode_that_no_point_meets_is_no_defect():
    law = NormalMixture([0.998, 0.002], [0.0, 1e4], [1.0, 1.0])
    status, reason = ran(NORMALIZED, law)

    assert status == "inconclusive"
    assert "a mode is too narrow or too far off" in reason
    assert ran(CALIBRATION, law)[0] == "passed"


@pytest.mark.parametrize("factor", [1.01, 0.99])
@pytest.mark.parametrize("base", [LINE, PLANE], ids=["line", "plane"])
def test_one_percent_of_mass_is_found(factor, base):
    model = Wrapped(log_prob=lambda law, rows: law.log_prob(rows) + np.log(factor), base=base)
    status, reason = ran(NORMALIZED, model)
    assert status == ("failed" if factor > 1 else "inconclusive")
    assert f"is {factor:.5f}" in reason


@pytest.mark.parametrize("factor", [1.01, 0.9])
@pytest.mark.parametrize("known", [True, False])
def test_sums_over_codes_are_one(factor, known):
    law = Categorical([0.5, 0.3, 0.2], ["a", "bb", "c"])
    model = Wrapped(log_prob=lambda law, codes: law.log_prob(codes) + np.log(factor), base=law)
    model.kind = "codes"
    if known:
        model.states = law.states
    status, reason = ran(NORMALIZED, model)
    assert status == "failed"
    assert f"sums to {factor:.6f}" in reason


def test_states_never_seen_are_allowed_for():
    weights = np.append(np.full(9, 0.1111), 1 - 9 * 0.1111)  # the last has 0.0001
    law = Categorical(weights)
    model = Wrapped(log_prob=lambda law, codes: law.log_prob(codes), base=law, kind="codes")
    assert ran(NORMALIZED, model)[0] == "passed"


def test_no_overlap_is_no_pass():
    wide = Gaussian(np.zeros(60))
    status, reason = ran(CALIBRATION, wide)
    assert status == "inconclusive"
    assert "overlaps with a proposal" in reason


def test_a_density_beyond_the_budget_is_left_undecided(monkeypatch):
    monkeypatch.setattr("collapse_bench.conformance.density._log_prob_seconds", lambda subject: 1.0)
    for check in (CALIBRATION, NORMALIZED):
        status, reason = ran(check, LINE)
        assert status == "inconclusive"
        assert reason.endswith("raise budget, or --collapse-budget")


def test_the_bernstein_bound_holds_for_rare_events():
    """2,000 means of 400 values, 3 % of them one: the bound at 0.05 is rarely exceeded."""
    rng = generator(1, "density")
    values = (rng.random((400, 2_000)) < 0.03).astype(float)

    exceeded = np.abs(values.mean(axis=0) - 0.03) > _bernstein(values, 0.05)

    assert exceeded.mean() <= 0.05
    # By hand: variance 0.25 * 4/3 of two zeros and two ones.
    slack = np.sqrt(2 / 3 * np.log(80) / 4) + 7 * np.log(80) / 9
    assert _bernstein(np.array([[0.0], [1.0], [0.0], [1.0]]), 0.05) == pytest.approx(slack)
