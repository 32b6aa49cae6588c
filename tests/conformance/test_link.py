"""What becomes of a model that is fitted to its own draws, and the neutral lineages beside it."""

import functools
import itertools
import math
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench import conformance
from collapse_bench.conformance import lineages, link
from collapse_bench.conformance.frame import Frame, frame_of
from collapse_bench.conformance.lineages import (
    EVALUATED,
    GENERATIONS,
    SIZE,
    lineages_of,
    log_variance,
    neutral_changes,
    run_lineage,
    tail_mass,
)
from collapse_bench.conformance.link import exchange_pvalue
from collapse_bench.conformance.outcomes import NotApplicable
from collapse_bench.conformance.subject import Subject
from collapse_bench.controls.rules import Learner, Normal, carrying, moments, scaled, zipf
from collapse_bench.errors import CollapseError, Inconclusive, ModelError
from collapse_bench.gates import check_drift
from collapse_bench.models import Gaussian
from collapse_bench.statistics.drift import DriftTest
from collapse_bench.streams import generator

LINKING = [name for name, entry in conformance.CATALOG.items() if entry.group == "link"]
MOST = 4.5  # standard errors: 7e-6 a comparison


@dataclass(frozen=True)
class Resampler:
    """The neutral model itself."""

    rows: np.ndarray
    kind: str = "numbers"
    nested_support: bool = True

    def sample(self, size, *, rng):
        return self.rows[rng.integers(len(self.rows), size=size)]

    def fit(self, samples, *, rng):
        return Resampler(samples.copy(), self.kind)


MODELS = {
    "line": lambda: Gaussian(),
    "space": lambda: Gaussian(np.zeros(2), [[2, 0.5], [0.5, 1]], ddof=0),
    "codes": zipf,
    "neutral rows": lambda: Resampler(generator(1).standard_normal((5_000, 2))),
    "neutral codes": lambda: Resampler(generator(2).integers(0, 30, 5_000).astype(str), "codes"),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_sound_model_passes_what_applies(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing inconclusive
        records = conformance.check_model(make(), checks=LINKING)

    skipped = {r["check"] for r in records if r["status"] == "skipped"}
    claims = getattr(make(), "nested_support", False)
    assert skipped == (set() if claims else {"check_support_nesting"})


@pytest.mark.parametrize("check", LINKING)
def test_a_model_without_fit_is_no_link(check):
    with pytest.raises(NotApplicable, match="has no fit"):
        getattr(conformance, check)(Normal())


@pytest.mark.parametrize("check", [name for name in LINKING if name != "check_support_nesting"])
def test_what_the_budget_does_not_allow_is_inconclusive(check):
    with pytest.raises(Inconclusive, match="beyond the budget"):
        getattr(conformance, check)(Gaussian(), budget=1e-9)


def test_a_check_says_the_same_alone_and_after_others():
    together = conformance.check_model(Gaussian(), checks=["check_neutral_drift", LINKING[1]])

    assert together[1]["reason"] == getattr(conformance, LINKING[1])(Gaussian())


def test_a_model_that_widens_fails_in_a_sentence():
    def rule(model, rows, rng):
        return Gaussian([0.0, 0.0])

    with pytest.raises(ModelError, match=r"must draw samples of shape \(n, 1\), as it was fitted"):
        conformance.check_accumulate_stable(Learner(Normal(), rule))


@pytest.mark.parametrize(
    ("check", "factor", "words"),
    [
        ("check_neutral_drift", 0.8, "no more variance than a neutral one"),
        ("check_no_expansion", 1.25, "gain no variance"),
        ("check_tail_coverage", 0.7, "must keep its tail"),
        ("check_accumulate_stable", 0.8, "keep the variance as it was"),
        ("check_accumulate_stable", 1.25, "keep the variance as it was"),
    ],
)
def test_a_variance_that_is_multiplied_in_each_fit_fails(check, factor, words):
    with pytest.raises(CollapseError, match=words):
        getattr(conformance, check)(Learner(Normal(), scaled(factor)))


@pytest.mark.parametrize(
    ("check", "factor"),
    [
        ("check_neutral_drift", 0.97),
        ("check_neutral_drift", 1.25),  # growth is another check's matter
        ("check_no_expansion", 1.03),
        ("check_no_expansion", 0.8),
        ("check_tail_coverage", 1.25),
    ],
)
def test_what_may_be_passes(check, factor):
    assert getattr(conformance, check)(Learner(Normal(), scaled(factor)))


def test_what_is_carried_from_fit_to_fit_fails_on_real_rows():
    with pytest.raises(CollapseError, match="must not depend on former fits; got log spread"):
        conformance.check_real_only_fixed_point(Learner(Normal(), carrying))


def test_a_mean_that_walks_on_fails_on_real_rows():
    def rule(model, rows, rng):
        return Normal(float(rows.mean()) + 0.2 * model.fits)

    with pytest.raises(CollapseError, match="got location of the draws moved by 0"):
        conformance.check_real_only_fixed_point(Learner(Normal(), rule))


def test_a_lineage_that_becomes_a_point_has_lost_everything():
    def rule(model, rows, rng):
        return Normal(float(rows.mean()), 0.0)

    with pytest.raises(CollapseError, match="a loss of 1 of the variance"):
        conformance.check_neutral_drift(Learner(Normal(), rule))


def test_rows_of_its_own_break_a_claim_of_nesting():
    claimed = Learner(Normal(), lambda model, rows, rng: moments(rows), nested_support=True)

    with pytest.raises(CollapseError, match=r"in generation 1$"):
        conformance.check_support_nesting(claimed)


def test_too_many_lineages_are_not_run(monkeypatch):
    monkeypatch.setattr(lineages, "MOST", 2)

    with pytest.raises(Inconclusive, match="and 2 are run at most"):
        conformance.check_neutral_drift(Gaussian())


def test_a_level_that_no_exact_test_reaches_is_said():
    with pytest.raises(Inconclusive, match="too small for an exact test: raise alpha"):
        conformance.check_real_only_fixed_point(Gaussian(), alpha=1e-7)


def known(monkeypatch, kept):
    """Have the tail's mass after the lineages be ``kept`` times the neutral one, nearly exactly."""
    rng = generator(10)
    neutral = 0.4 + 1e-3 * rng.standard_normal(5_000)
    ours = math.sqrt(kept) * (0.4 + 1e-3 * rng.standard_normal(30))
    found = lineages.Lineages(np.zeros(30), np.zeros(5_000), ours, neutral)
    monkeypatch.setattr(link, "lineages_of", lambda subject: found)


@pytest.mark.parametrize(("kept", "fine"), [(0.82, True), (0.78, False), (0.52, False)])
def test_a_fifth_of_the_tails_mass_may_be_lost(monkeypatch, kept, fine):
    known(monkeypatch, kept)
    if fine:
        assert f"a loss of {1 - kept:.2f}" in conformance.check_tail_coverage(Gaussian())
    else:
        with pytest.raises(CollapseError, match=rf"got a loss of {1 - kept:.2f}"):
            conformance.check_tail_coverage(Gaussian())


@pytest.mark.parametrize(("loss", "status"), [(0.04, None), (0.06, "fail"), (-0.3, None)])
def test_a_twentieth_of_the_variance_may_be_lost_in_each_generation(monkeypatch, loss, status):
    noise = 1e-3 * generator(11).standard_normal(5_030)
    changes = noise[:30] + GENERATIONS * math.log1p(-loss)
    found = lineages.Lineages(changes, noise[30:], np.zeros(30), np.zeros(5_000))
    monkeypatch.setattr(link, "lineages_of", lambda subject: found)
    if status is None:
        assert conformance.check_neutral_drift(Gaussian())
    else:
        with pytest.raises(CollapseError, match=rf"got a loss of {loss}"):
            conformance.check_neutral_drift(Gaussian())


@pytest.mark.parametrize(("growth", "fine"), [(0.04, True), (0.06, False), (-0.3, True)])
def test_a_twentieth_of_the_variance_may_be_gained_in_each_generation(monkeypatch, growth, fine):
    noise = 1e-3 * generator(12).standard_normal(5_030)
    changes = noise[:30] + GENERATIONS * math.log1p(growth)
    found = lineages.Lineages(changes, noise[30:], np.zeros(30), np.zeros(5_000))
    monkeypatch.setattr(link, "lineages_of", lambda subject: found)
    if fine:
        assert conformance.check_no_expansion(Gaussian())
    else:
        with pytest.raises(CollapseError, match=rf"got a loss of -{growth:.2f}"):
            conformance.check_no_expansion(Gaussian())


def test_every_draw_of_every_lineage_has_a_stream_of_its_own():
    streams = []

    class Noted:
        def sample(self, size, *, rng):
            streams.append(str(rng.bit_generator.state))
            return rng.standard_normal((size, 1))

    founder = Learner(Noted(), lambda model, rows, rng: Noted())
    for run in (
        lineages._measured,
        functools.partial(lineages._measured, pooled=True),
        link._trend,
    ):
        stage = frame_of(Subject(founder).during("x", 1e-4), "x")
        streams.clear()
        for r in range(3):
            run(stage, r)

        assert len(set(streams)) == len(streams) == 3 * (GENERATIONS + 2)


# --- neutral lineages against theory -------------------------------------------------------------


def law_of(model, seed=0):
    return frame_of(Subject(model, seed=seed).during("x", 1e-4), "x").frame


@pytest.fixture
def small(monkeypatch):
    """Few rows a generation, so that each loses a tenth, and many lineages to see it."""
    for name, value in (("SIZE", 10), ("GENERATIONS", 3), ("EVALUATED", 200), ("NEUTRAL", 10_000)):
        monkeypatch.setattr(lineages, name, value)


@pytest.mark.parametrize("pooled", [False, True])
def test_neutral_lineages_lose_the_variance_that_theory_says(pooled, small):
    ratios = np.exp(neutral_changes(law_of(Gaussian()), generator(3), pooled=pooled))
    # Two picks with replacement from 10 t pooled rows, 10 of them new, have one parent row with
    # probability 1 / (10 t^2): both must be new; without pooling, each generation is all new.
    kept = math.prod(1 - 1 / (10 * (t**2 if pooled else 1)) for t in (1, 2, 3))
    # of E draws the variance has the mean 1 - 1 / E, and its inverse E / (E - 3) if normal
    expected = kept * (1 - 1 / 200) * 200 / (200 - 3)

    assert abs(ratios.mean() - expected) <= MOST * ratios.std() / math.sqrt(len(ratios))


def test_neutral_codes_lose_diversity_as_theory_says(small):
    frame = law_of(zipf())
    ratios = np.exp(neutral_changes(frame, generator(4)))
    # the founder's index varies by 3 % on 200 draws: its inverse has a mean higher by 1e-3
    slack = 2e-3

    assert abs(ratios.mean() - 0.9**3) <= MOST * ratios.std() / math.sqrt(len(ratios)) + slack


def test_a_neutral_tail_keeps_its_mass_on_average():
    frame = law_of(Gaussian())
    masses = np.square(lineages._neutral_tails(frame, generator(5)))

    assert tail_mass(frame, frame.pilot) == pytest.approx(0.2, abs=1e-4)  # of 20,000 rows
    assert abs(masses.mean() - 0.2) <= MOST * masses.std() / math.sqrt(len(masses))
    # each draw takes its share of the variance that a single row has: 1/M, at last 1/E
    expected = 0.16 * (1 - (1 - 1 / SIZE) ** GENERATIONS * (1 - 1 / EVALUATED))
    squares = np.square(masses - 0.2)
    assert abs(squares.mean() - expected) <= MOST * squares.std() / math.sqrt(len(masses))


def test_the_lineages_loss_is_that_of_the_gates_check():
    subject = Subject(Learner(Normal(), scaled(0.9))).during("x", 1e-3)
    found = lineages_of(subject)
    values = np.zeros((len(found.changes), GENERATIONS + 1))
    values[:, -1] = found.changes
    verdict = check_drift(
        values, reference=subject.draw(20_000), size=SIZE, eval_size=EVALUATED, seed=8
    )
    test = DriftTest.of(found.changes, found.neutral_changes, GENERATIONS, detect=0.2)

    # neutral means of 1,000 and 2,000 lineages of spread .24: .0015 and .0011 a generation
    assert test.loss == pytest.approx(verdict.estimate, abs=MOST * 0.0019)
    assert test.loss == pytest.approx(0.1, abs=0.05)


# --- by hand -------------------------------------------------------------------------------------


def test_log_variance_of_codes_is_that_of_their_gini_simpson_index():
    frame = Frame.of(np.array(["a", "a", "b", "c"]))

    assert log_variance(frame, frame.scores(np.array(["a", "b"]))) == math.log(0.5)
    assert log_variance(frame, frame.scores(np.array(["a", "a"]))) == -math.inf


def test_log_variance_is_the_mean_over_axes():
    frame = Frame.of(generator(6).standard_normal((50, 2)))

    assert log_variance(frame, np.array([[9.0, 3.0], [7.0, -3.0]])) == math.log(5)


def test_the_tail_is_the_farthest_fifth():
    rows = np.linspace(-1, 1, 1_001)[:, None]
    frame = Frame.of(rows)

    assert tail_mass(frame, frame.scores(np.array([[0.85], [-0.85], [0.75], [0.0]]))) == 0.5


def test_every_generation_is_fitted_by_a_copy_of_the_newest():
    founder = Learner(Normal(), lambda model, rows, rng: moments(rows))
    subject = Subject(founder).during("x", 1e-4)
    seen = []

    def compose(newest, step):
        seen.append((newest.fits, step))
        return subject.draw(SIZE, step)

    models = run_lineage(subject, 0, compose)

    assert seen == [(t, t) for t in range(GENERATIONS)]
    assert [model.fits for model in models] == list(range(1, GENERATIONS + 1))
    assert founder.fits == 0


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=7))
@settings(max_examples=30)
def test_the_exchange_pvalue_is_that_of_all_signs(values):
    sums = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True)))
        for signs in itertools.product([-1, 1], repeat=len(values))
    ]

    assert exchange_pvalue(np.array(values, dtype=float)) == np.mean(
        [total >= abs(sum(values)) for total in sums]
    )


def test_eighteen_lineages_reach_the_level_of_a_check():
    assert exchange_pvalue(np.arange(1.0, link.REAL_LINEAGES + 1)) == 2.0 ** (1 - 18)
