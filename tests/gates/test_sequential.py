"""Gates that draw only while something is undecided: what decides, when, and on which draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates import Check, Gate, check_tail_mass
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import read_reference
from collapse_bench.gates.sequential import (
    GRID,
    SPENDING,
    Draws,
    Looks,
    TailCourse,
    course_of,
)
from collapse_bench.gates.support import Support
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.gates.variance import Variance
from collapse_bench.streams import generator

REFERENCE = generator(0).normal(size=20_000)
TAIL = [Check("tail_mass")]
LEVELS = Levels.of(0.01, 0.01)


class Model:
    """Draws one stream, however it is asked; counts what it was asked for."""

    def __init__(self, scale=1.0, seed=1, shape=()):
        self.rng, self.scale, self.shape = generator(seed), scale, shape
        self.calls = []

    def __call__(self, size):
        self.calls.append(size)
        return self.scale * self.rng.normal(size=(size, *self.shape))


def run(scale=1.0, checks=TAIL, seed=1, **settings):
    model = Model(scale, seed)
    gate = Gate(REFERENCE, checks, mode="sequential", seed=3)
    return gate.run(model, **settings), model


def test_the_spending_is_all_of_the_level_and_no_more():
    assert sum(share for _, share in SPENDING) == pytest.approx(1, rel=1e-12)
    assert [part for part, _ in SPENDING] == [1 / 8, 1 / 4, 1 / 2, 1]


@pytest.mark.parametrize(("scale", "outcome"), [(1.0, "pass"), (0.8, "fail"), (0.0, "fail")])
def test_a_healthy_tail_passes_and_a_lost_one_fails_with_fewer_draws(scale, outcome):
    result, model = run(scale)
    (verdict,) = result.verdicts
    fixed = Gate(REFERENCE, TAIL, seed=3).planned_size()

    assert result.outcome == verdict.outcome == outcome
    assert verdict.statistic == "exceedance_e_process"
    assert verdict.size == sum(model.calls) < fixed
    if scale == 0:
        assert verdict.size == GRID


@settings(deadline=None, max_examples=6)
@given(st.sampled_from([1, 7, 200, 333, 1_000]), st.sampled_from([1.0, 0.8]))
def test_the_size_of_a_call_decides_nothing(chunk, scale):
    checks = [Check("tail_mass"), Check("variance", permutations=999)]
    assert run(scale, checks, chunk=chunk)[0] == run(scale, checks)[0]


def test_nothing_is_drawn_once_all_is_decided():
    _, model = run(0.0, chunk=GRID)
    assert model.calls == [GRID]


def test_the_interval_decides_as_the_evidence_does():
    for seed in range(12):
        (verdict,) = run(0.9 + 0.02 * (seed % 5), seed=seed, budget=4_000)[0].verdicts
        assert (verdict.outcome == "fail") == (verdict.low > verdict.tolerate)
        if verdict.outcome != "fail":
            assert (verdict.outcome == "pass") == (verdict.high < verdict.detect)
        assert verdict.low <= verdict.estimate <= verdict.high


def test_the_budget_ends_what_is_undecided():
    result, model = run(0.94, budget=1_000, seed=5)
    (verdict,) = result.verdicts

    assert result.outcome == "inconclusive"
    assert verdict.size == sum(model.calls) == 1_000
    assert "neither is shown after the 1,000 draws that were the budget" in verdict.reason


def test_both_directions_of_growth_are_watched():
    checks = [Check("tail_mass", growth=(0.05, 0.25))]
    grown, held = run(1.3, checks)[0].verdicts[0], run(1.0, checks)[0].verdicts[0]

    assert grown.outcome == "fail"
    assert grown.growth.pvalue_fail <= grown.alpha
    assert "growth beyond its tolerate is shown" in grown.reason
    assert held.outcome == "pass"
    assert held.growth.pvalue_pass <= held.beta
    assert grown.alpha == 0.005  # half of the level each


def test_a_look_spends_its_part_of_the_levels():
    known = read_reference(REFERENCE, None, seed=0)
    looks = Looks(Variance(permutations=999), known, LEVELS, 1_600, seed=0)
    assert looks.shares == {200: 0.05, 400: 0.10, 800: 0.25, 1_600: 0.60}

    model = Model(0.5)
    draws = Draws(model, known, None, GRID)
    looks.see(draws.block(), draws, last=False)
    assert looks.verdict.outcome == "fail"
    assert (looks.verdict.alpha, looks.verdict.beta) == (0.05 * 0.01, 0.05 * 0.01)


def test_looks_that_fall_on_one_place_are_one():
    known = read_reference(REFERENCE, None, seed=0)
    assert Looks(Variance(), known, LEVELS, 400, seed=0).shares == {200: 0.4, 400: 0.6}


def test_a_check_ends_at_its_own_planned_draws():
    known = read_reference(REFERENCE, None, seed=0)
    looks = Looks(Variance(permutations=999), known, LEVELS, 200, seed=0)
    draws = Draws(Model(0.93), known, None, GRID)
    looks.see(draws.block(), draws, last=False)
    assert looks.verdict.outcome == "inconclusive"


def test_codes_are_judged_draw_by_draw_too():
    law = 1 / np.arange(1, 200)
    reference = generator(5).choice(199, 30_000, p=law / law.sum())
    checks = [Check("tail_mass", kind="codes"), Check("support", kind="codes")]
    cut = np.where(np.arange(199) < 60, law, 0)
    outcomes = []
    for weights in (law, cut):
        rng = generator(6)

        def draw(size, rng=rng, weights=weights):
            return rng.choice(199, size, p=weights / weights.sum())

        outcomes.append(Gate(reference, checks, mode="sequential").run(draw).outcome)
    assert outcomes == ["pass", "fail"]


def test_ties_are_broken_alike_whatever_the_calls():
    reference = generator(7).poisson(3, 5_000).astype(float)
    results = []
    for chunk in (50, 200, 600):
        rng = generator(8)
        results.append(
            Gate(reference, TAIL, mode="sequential").run(
                lambda size, rng=rng: rng.poisson(3, size).astype(float), chunk=chunk
            )
        )
    assert results[0] == results[1] == results[2]


def test_a_tail_of_too_few_rows_is_inconclusive_at_once():
    known = read_reference(generator(0).normal(size=15), None, seed=0)
    course = TailCourse(TailMass(), known, LEVELS, 400, seed=0)
    draws = Draws(Model(), known, None, GRID)
    course.see(draws.block(), draws, last=False)
    assert course.verdict.outcome == "inconclusive"
    assert "the tail of mass 0.05 holds 1 of the 15" in course.verdict.reason


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda size: np.zeros(size - 1), r"draw\(200\) must return 200 rows; got 199"),
        (lambda size: None, r"draw\(200\) must return an array or a list of rows; got NoneType"),
        (lambda size: np.float64(1), r"draw\(200\) must return an array or a list .* got float64"),
        (lambda size: np.array(1.0), r"draw\(200\) must return 200 rows; got 0"),
        (lambda size: np.full(size, np.nan), "samples must be finite"),
        (lambda size: np.zeros((size, 2)), "samples must have 1 columns"),
    ],
)
def test_what_is_drawn_must_be_rows(draw, message):
    with pytest.raises(InvalidSamples, match=message):
        Gate(REFERENCE, TAIL, mode="sequential").run(draw)


@pytest.mark.parametrize("setting", [{"chunk": 0}, {"budget": 0}, {"chunk": 1.5}])
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(InvalidArgument, match="must be an integer >= 1"):
        Gate(REFERENCE, TAIL, mode="sequential").run(Model(), **setting)
    with pytest.raises(InvalidArgument, match="mode must be one of 'fixed', 'sequential'"):
        Gate(REFERENCE, TAIL, mode="anytime")


def test_a_fixed_gate_draws_what_is_planned_in_one_call():
    model = Model()
    gate = Gate(REFERENCE, TAIL, seed=3)
    result = gate.run(model)

    assert model.calls == [gate.planned_size()]
    assert result == gate.judge(Model()(gate.planned_size()))
    few = Model()
    gate.run(few, budget=500)
    assert few.calls == [500]


@pytest.mark.parametrize(("kept", "wrong"), [(0.95, "fail"), (0.75, "pass")])
def test_error_rates_at_the_boundaries(kept, wrong):
    # 200 streams at the margins: at a true rate of .01 more than 8 occur once in 10,000.
    seen = 0
    for seed in range(200):
        rng = generator(seed, "boundary")
        reference = rng.random(2_000)
        check = TailMass(tail="upper", mass=0.1)
        course = TailCourse(check, read_reference(reference, None, seed=0), LEVELS, 4_000, seed)
        draws = Draws(lambda size, rng=rng: thinned(size, rng, kept), course.reference, None, GRID)
        while course.verdict is None:
            course.see(draws.block(), draws, last=False)
        seen += course.verdict.outcome == wrong
    assert seen <= 8


def thinned(size, rng, kept):
    """Uniform numbers whose upper half keeps a share of its mass: of every tail in it too."""
    upper = rng.random(size) < 0.5 * kept
    return np.where(upper, 0.5 + 0.5 * rng.random(size), 0.5 * rng.random(size))


def test_it_agrees_with_the_fixed_check_where_the_answer_is_clear():
    model = Model(0.7)
    rows = model(20_000)
    assert check_tail_mass(rows, REFERENCE).outcome == run(0.7)[0].outcome == "fail"


def test_the_promise_for_one_reference_holds_in_looks_too():
    checks = [Check("tail_mass", guarantee="reference")]
    (verdict,) = run(0.6, checks)[0].verdicts

    assert verdict.outcome == "fail"
    assert verdict.statistic == "exceedance_given_reference"
    assert verdict.alpha in {share * 0.01 for _, share in SPENDING}


def test_states_are_counted_in_as_many_draws_at_every_look():
    codes = generator(5).integers(0, 500, 3_000)
    course = course_of(
        Support(), read_reference(codes, "codes", seed=0), LEVELS, budget=4_000, seed=0
    )
    assert course.setting.depth == min(course.planned, 1_000)
    assert min(course.shares) >= course.setting.depth
    assert sum(course.shares.values()) == pytest.approx(1, rel=1e-12)


def test_the_same_rows_again_are_no_evidence():
    rows = generator(0).normal(size=GRID)
    with pytest.raises(InvalidSamples, match="got the same 200 rows twice: is the model seeded an"):
        Gate(REFERENCE, TAIL, mode="sequential").run(lambda size: rows)
    # of few values blocks may well be alike
    coins = Gate(generator(1).integers(0, 2, 5_000), [Check("support", kind="codes")],
                 mode="sequential")  # fmt: skip
    assert coins.run(lambda size: np.arange(size) % 2).outcome == "inconclusive"


def test_a_model_may_use_its_array_again():
    array, rng = np.empty(GRID), generator(4)

    def draw(size):
        array[:] = 0.8 * rng.normal(size=size)
        return array

    checks = [Check("variance", permutations=999)]
    reused = Gate(REFERENCE, checks, mode="sequential", seed=3).run(draw)
    assert reused == run(0.8, checks, seed=4)[0]


def test_blocks_of_other_widths_are_refused():
    widths = iter(range(3, 100))
    with pytest.raises(InvalidSamples, match=r"rows of one shape in each call; got shapes \(n, 3"):
        Gate(
            generator(0).integers(0, 9, (60, 5)),
            [Check("support", kind="tokens")],
            mode="sequential",
        ).run(lambda size: generator(1).integers(0, 9, (size, next(widths))), chunk=150)


def test_a_budget_below_the_depth_is_refused():
    gate = Gate(
        np.arange(9_000) % 700, [Check("support", kind="codes", depth=5_000)], mode="sequential"
    )
    with pytest.raises(
        InvalidArgument, match=r"budget must be at least the depth .* 5,000; got bu"
    ):
        gate.run(lambda size: np.arange(size), budget=400)


def test_a_fixed_gate_counts_what_it_was_given():
    gate = Gate(REFERENCE, TAIL)
    with pytest.raises(InvalidSamples, match=r"must return \d+ rows; got 50"):
        gate.run(lambda size: generator(0).normal(size=50))
