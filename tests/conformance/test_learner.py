"""Every check of ``fit`` passes on a sound model and fails on one that is made to fail it."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest

from collapse_bench import conformance
from collapse_bench.conformance.fit_contract import same_draws
from collapse_bench.conformance.outcomes import NotApplicable
from collapse_bench.controls.rules import Learner, Normal, moments
from collapse_bench.errors import CollapseError, Inconclusive, ModelError
from collapse_bench.models import Categorical, Gaussian

LEARNING = [name for name, entry in conformance.CATALOG.items() if entry.group == "learner"]
MODELS = {
    "line": lambda: Gaussian(),
    "space": lambda: Gaussian(np.arange(3.0), [[2, 0.5, 0], [0.5, 1, 0.2], [0, 0.2, 3]], ddof=0),
    "codes": lambda: Categorical([0.5, 0.25, 0.15, 0.1], states=["a", "b", "c", "d"]),
}


def learner(rule, **claims):
    return Learner(Normal(), lambda model, rows, rng: rule(rows), **claims)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_sound_model_passes_what_applies(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing inconclusive
        records = conformance.check_model(make(), checks=LEARNING)

    asked_elsewhere = {"check_affine_equivariance", "check_memorisation"}
    assert {r["check"] for r in records if r["status"] == "skipped"} <= asked_elsewhere
    assert all(r["reason"] for r in records)


@pytest.mark.parametrize("check", LEARNING)
def test_a_model_without_fit_is_no_learner(check):
    with pytest.raises(NotApplicable, match="has no fit"):
        getattr(conformance, check)(Normal())


@pytest.mark.parametrize("check", LEARNING)
def test_a_fit_that_raises_fails_in_its_words(check):
    def broken(rows):
        raise RuntimeError("the optimizer diverged")

    claims = {"affine_equivariant": True}
    with pytest.raises((ModelError, CollapseError), match="the optimizer diverged"):
        getattr(conformance, check)(learner(broken, **claims))


@pytest.mark.parametrize("check", ["check_one_step_fidelity", "check_row_order"])
def test_what_the_budget_does_not_allow_is_inconclusive(check):
    with pytest.raises(Inconclusive, match="beyond the budget"):
        getattr(conformance, check)(Gaussian(), budget=1e-9)


@pytest.mark.parametrize(
    "check", ["check_fit_uses_data", "check_one_step_fidelity", "check_row_order"]
)
def test_a_truth_that_is_a_point_has_nothing_to_lose(check):
    with pytest.raises(NotApplicable, match="all equal"):
        getattr(conformance, check)(Gaussian(3.0, 0.0))


def test_a_model_that_returns_itself_is_taken_but_must_not_change_itself():
    class InPlace:
        mean = 0.0

        def sample(self, size, *, rng):
            return self.mean + rng.standard_normal((size, 1))

        def fit(self, samples, *, rng):
            self.mean = samples.mean()
            return self

    assert conformance.check_fit_returns_new(InPlace())
    with pytest.raises(CollapseError, match="leave the one it is called on as it was"):
        conformance.check_fit_leaves_model(InPlace())


def test_a_fit_that_returns_nothing_fails():
    with pytest.raises(ModelError, match="got None: end it with `return self`"):
        conformance.check_fit_returns_new(_returning(None))


def test_a_fit_of_codes_that_draws_numbers_fails():
    class Codes:
        kind = "codes"

        def sample(self, size, *, rng):
            return rng.integers(0, 9, size)

        def fit(self, samples, *, rng):
            return Normal()

    with pytest.raises(CollapseError, match=r"got numbers of shape \(n, 1\)"):
        conformance.check_fit_returns_new(Codes())


def _returning(value):
    class Returning:
        def sample(self, size, *, rng):
            return rng.standard_normal((size, 1))

        def fit(self, samples, *, rng):
            return value

    return Returning()


def test_draws_that_do_not_repeat_leave_the_model_unjudged():
    @dataclass
    class Counting:
        drawn: list = field(default_factory=list)

        def sample(self, size, *, rng):
            self.drawn.append(size)
            return len(self.drawn) + rng.standard_normal((size, 1))

        def fit(self, samples, *, rng):
            return self

    with pytest.raises(Inconclusive, match="see check_seed_determinism"):
        conformance.check_fit_leaves_model(Counting())


@pytest.mark.parametrize(
    ("error", "accepted"),
    [
        (ValueError("samples must be writeable"), True),
        (ValueError("readonly"), False),
        (TypeError(""), False),
    ],
)
def test_read_only_rows_may_be_refused_in_a_sentence(error, accepted):
    def rule(rows):
        if not rows.flags.writeable:
            raise error
        return moments(rows)

    if accepted:
        told = conformance.check_fit_leaves_samples(learner(rule))
        assert "read-only ones are refused" in told
    else:
        with pytest.raises(CollapseError, match="refuse them in words"):
            conformance.check_fit_leaves_samples(learner(rule))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ([[1.0], [2.0], [3.0]], True),
        ([[1.0], [2.0], [3.0 + 1e-7]], True),
        ([[1.0], [2.0], [3.0 + 1e-5]], False),
        ([[1.0], [2.0]], False),
    ],
)
def test_draws_are_the_same_but_for_rounding(other, same):
    # a millionth of the rows' standard deviation, here sqrt(2 / 3)
    rows = np.array([[1.0], [2.0], [3.0]])

    assert same_draws(rows, np.array(other), rows) is same


def test_rounding_far_from_zero_is_larger_than_a_small_spread():
    rows = 1e9 + np.array([[0.0], [1e-7], [2e-7]])

    assert same_draws(rows, np.nextafter(rows, np.inf), rows)
    assert not same_draws(np.array(["a"]), np.array(["b"]), np.array(["a"]))


@pytest.mark.parametrize("model", [Gaussian([1.0, 2.0], [[1, 0.5], [0.5, 2]]), Gaussian(5.0, 4.0)])
def test_a_gaussian_that_claims_to_be_equivariant_is(model):
    claimed = Learner(model, lambda m, rows, rng: model.fit(rows, rng=rng))
    claimed.affine_equivariant = True

    assert conformance.check_affine_equivariance(claimed)


@pytest.mark.parametrize(
    ("error", "accepted"),
    [
        (ValueError("rows must not all be equal"), True),
        (np.linalg.LinAlgError("Singular matrix found"), True),
        (ValueError(""), False),
        (IndexError("index 3 is out of bounds"), False),
    ],
)
@pytest.mark.parametrize("check", ["check_degenerate", "check_duplicates"])
def test_only_a_value_error_with_a_sentence_refuses_degenerate_rows(check, error, accepted):
    def rule(rows):
        if len(np.unique(rows)) < len(rows) or len(rows) < 3:
            raise error
        return moments(rows)

    if accepted:
        assert f"refused ({error})" in getattr(conformance, check)(learner(rule))
    else:
        with pytest.raises(CollapseError, match="ValueError"):
            getattr(conformance, check)(learner(rule))


def test_an_error_that_an_adapter_wraps_is_judged_by_its_cause():
    def rule(rows):
        if len(rows) < 3:
            try:
                rows[7]
            except IndexError as error:
                raise ModelError("Inner.fit(...) must return; it raised IndexError") from error
        return moments(rows)

    with pytest.raises(CollapseError, match="a fit to one row must give a model"):
        conformance.check_degenerate(learner(rule))


def test_a_constant_column_is_among_the_degenerate_rows():
    def rule(rows):
        center = rows.mean(axis=0)
        idle = np.ptp(rows, axis=0) == 0
        return _Columns(np.where(idle & (not idle.all()), np.nan, center))

    model = Learner(_Columns(np.zeros(2)), lambda m, rows, rng: rule(rows))
    with pytest.raises(CollapseError, match="a constant column must give a model with finite"):
        conformance.check_degenerate(model)


@dataclass
class _Columns:
    center: np.ndarray

    def sample(self, size, *, rng):
        return self.center + rng.standard_normal((size, 2))
