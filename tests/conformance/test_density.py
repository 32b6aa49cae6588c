"""The checks of log_prob: sound densities pass, each wrong one is told."""

import numpy as np
import pytest
from scipy import stats

from collapse_bench.conformance import density
from collapse_bench.conformance.catalog import share
from collapse_bench.conformance.density import _bernstein
from collapse_bench.conformance.quadrature import Integral
from collapse_bench.conformance.subject import ALPHA, BETA
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


# Far off; narrow, where every twentieth draw is; between others, in a cell that no quantile cuts.
UNMET = {
    "far": NormalMixture([0.998, 0.002], [0.0, 1e4], [1.0, 1.0]),
    "between": NormalMixture([0.504, 0.01, 0.486], [0.0, 50.0, 100.0], [1e-3, 1e-2, 1e-3]),
}


@pytest.mark.parametrize("law", UNMET.values(), ids=UNMET)
def test_a_mode_that_no_point_meets_is_no_defect(law):
    for seed in range(5):
        status, reason = ran(NORMALIZED, law, seed)

        assert status == "inconclusive"
        assert "a mode is too narrow or too far off" in reason
    assert ran(CALIBRATION, law)[0] == "passed"


@pytest.mark.parametrize("factor", [1.01, 0.97])
@pytest.mark.parametrize("name", ["line", "plane", "t3", "lognormal", "arcsine"])
def test_some_percent_of_mass_are_found(factor, name):
    base = SOUND[name]
    model = Wrapped(log_prob=lambda law, rows: law.log_prob(rows) + np.log(factor), base=base)
    for seed in range(3):
        status, reason = ran(NORMALIZED, model, seed)
        assert status == "failed", reason
        found = float(reason.partition("exp(log_prob) is ")[2].partition(",")[0])
        assert found == pytest.approx(factor, abs=3e-4)  # the quadrature's error at a pole
    assert ("whatever modes it has" in reason) == (factor < 1)


def test_a_little_mass_too_few_is_left_undecided():
    model = Wrapped(log_prob=lambda law, rows: law.log_prob(rows) + np.log(0.997))
    assert ran(NORMALIZED, model)[0] == "inconclusive"


@pytest.mark.parametrize("base", [LINE, PLANE, two_gaussians()], ids=["line", "plane", "modes"])
def test_draws_bound_the_mass_from_above(base):
    """The bound is right, and near: the total of what is drawn is one."""
    rng = generator(2, "density")
    rows, fresh = (base.sample(20_000, rng=rng) for _ in range(2))
    for total in (1.0, 0.9):

        def heights(points, total=total):
            return total * np.exp(base.log_prob(points))

        assert total < density._most_mass(heights, rows, fresh) < 1.03 * total


def test_draws_where_the_density_is_zero_bound_nothing():
    rows = LINE.sample(20_000, rng=generator(3, "density"))
    assert density._most_mass(lambda points: np.zeros(len(points)), rows, rows) == np.inf


def test_steps_above_the_density_make_up_for_nothing():
    rows = generator(4, "density").random((20_000, 1))
    heights = iter([10.0, 1.0])  # in the middle of every cell, and then at every draw
    bound = density._most_mass(lambda points: np.full(len(points), next(heights)), rows, rows)
    # The cells reach 255 eighths beyond the draws on either side; no share is more than one.
    assert bound == pytest.approx(10 * (1 + 2 * 255 / 8), rel=0.05)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (Integral(1.01, 0.02, 9), "inconclusive"),
        (Integral(1.01, 0.0089, 9), "failed"),
        (Integral(0.99, 0.02, 9), "inconclusive"),
        (Integral(1.0, 0.0011, 9), "inconclusive"),
        (Integral(1.0009, 0.0009, 9), "passed"),
        (Integral(0.9991, 0.0009, 9), "passed"),
        (Integral(1.0012, 0.0, 9), "failed"),
    ],
)
def test_the_error_of_the_quadrature_counts(monkeypatch, found, status):
    monkeypatch.setattr(density, "integrate", lambda *arguments, **settings: found)
    told, reason = ran(NORMALIZED, LINE)
    assert told == status
    assert ("too rough" in reason) == (status == "inconclusive")


def test_the_level_sets_share_the_level(monkeypatch):
    levels, margins = [], density._margins

    def told(left, right, level):
        levels.append(level)
        return margins(left, right, level)

    monkeypatch.setattr(density, "_margins", told)
    assert ran(CALIBRATION, LINE)[0] == "passed"
    assert levels == [share(ALPHA) / 8, BETA / 2]


def test_too_few_draws_leave_a_density_undecided(monkeypatch):
    monkeypatch.setattr(density, "_planned_size", lambda *arguments: 1_000)
    status, reason = ran(CALIBRATION, LINE)
    assert status == "inconclusive"
    assert "a difference of 0.1 of the overlap isn't excluded" in reason


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


def test_a_sum_may_miss_what_no_draw_would_show():
    law = Categorical([0.5, 0.3, 0.2])
    model = Wrapped(log_prob=lambda law, codes: law.log_prob(codes) + np.log(0.9995), base=law)
    model.kind = "codes"
    status, reason = ran(NORMALIZED, model)
    assert status == "passed"
    assert reason.endswith("at most 0.0010")  # 1 - 1e-9 ** (1 / 20,000)


def test_frequencies_a_little_off_are_left_undecided():
    """A gap of 0.022 with a margin of 0.012: more than 0.03, and no failure at so low a level."""
    law, other = Categorical([0.5, 0.3, 0.2]), Categorical([0.522, 0.278, 0.2])
    model = Wrapped(log_prob=lambda law, codes: other.log_prob(codes), base=law, kind="codes")
    assert ran(CALIBRATION, model)[0] == "failed"
    status, reason = ran(CALIBRATION, model, alpha=1e-12)
    assert status == "inconclusive"
    assert "0.03 isn't excluded" in reason


def test_margins_are_those_of_both_sides():
    left, right = np.eye(4)[:, :2], np.eye(4)[:, 1:3] / 2
    expected = _bernstein(left, 0.02) + _bernstein(right, 0.02)
    assert density._margins(left, right, 0.04) == pytest.approx(expected)


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
