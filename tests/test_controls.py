"""Controls: what must pass passes, what must fail fails, by exactly the loss that it says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.controls import Contracted, Healthy, ModeDropped, TailCut
from collapse_bench.data import two_gaussians
from collapse_bench.errors import InvalidArgument, ModelError
from collapse_bench.gates import Check, Gate, plan
from collapse_bench.models import Gaussian
from collapse_bench.regions import Tails
from collapse_bench.streams import generator

REFERENCE_ROWS = 60_000
# Enough for alpha = 0.01 and three checks, and quick.
CHECKS = [Check(name, permutations=999) for name in ("tail_mass", "variance", "wasserstein")]
LAWS = {"normal": Gaussian(), "two modes": two_gaussians()}


@pytest.fixture(scope="module", params=LAWS)
def case(request):
    """A law, a gate on rows of it, and the size at which the gate decides."""
    law = LAWS[request.param]
    reference = law.sample(REFERENCE_ROWS, rng=generator(0, request.param))
    return law, Gate(reference, CHECKS), plan(reference, CHECKS).size


def outcomes(case, control):
    _, gate, size = case
    result = gate.judge(control.sample(size, rng=generator(1)))
    return result.outcome, [verdict.outcome for verdict in result.verdicts]


def test_a_healthy_control_passes_at_the_planned_size(case):
    assert outcomes(case, Healthy(case[0])) == ("pass", ["pass"] * 3)


def test_rows_of_the_law_pass_as_the_law_does(case):
    rows = case[0].sample(REFERENCE_ROWS, rng=generator(2))

    assert outcomes(case, Healthy(rows))[0] == "pass"


def test_a_contraction_fails_all_checks(case):
    # Half of the way to the mean: 75 % of the variance, half of a mean deviation.
    assert outcomes(case, Contracted(case[0], 0.5)) == ("fail", ["fail"] * 3)


def test_a_contraction_by_a_tenth_fails(case):
    assert outcomes(case, Contracted(case[0], 0.9))[0] == "fail"


def test_a_cut_tail_fails_the_tail_check(case):
    outcome, (tail, *_) = outcomes(case, TailCut(case[0], 0.5))

    assert (outcome, tail) == ("fail", "fail")


def test_a_dropped_mode_fails():
    law = LAWS["two modes"]
    reference = law.sample(20_000, rng=generator(3))
    control = ModeDropped(law, [-2.0, 2.0], dropped=1)
    samples = control.sample(5_000, rng=generator(4))

    assert (samples < 0).all()
    assert Gate(reference, CHECKS).judge(samples).outcome == "fail"


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 1), st.integers(1, 3))
def test_a_contraction_leaves_the_square_of_its_factor(factor, columns):
    law = Gaussian(np.full(columns, 5.0), np.eye(columns))
    plain = law.sample(50, rng=generator(5))
    shrunk = Contracted(law, factor).sample(50, rng=generator(5))

    assert shrunk == pytest.approx(5 + factor * (plain - 5), abs=1e-12)
    # The divisor cancels; rounding is of values about 5.
    assert shrunk.var(axis=0) == pytest.approx(factor**2 * plain.var(axis=0), abs=1e-9)


@pytest.mark.parametrize("tail", ["both", "upper", "lower"])
@pytest.mark.parametrize("loss", [0.0, 0.3, 1.0])
def test_a_cut_tail_keeps_the_share_that_it_says(tail, loss):
    # 200,000 draws: the mass is known to 0.05 / sqrt(10,000), and the region, from 100,000
    # draws, to 0.05 / sqrt(5,000); within 4.5 of both together (7e-6).
    law = Gaussian()
    samples = TailCut(law, loss, tail=tail).sample(200_000, rng=generator(6, tail))
    half = 1.959964 if tail == "both" else 1.644854
    region = Tails(-half if tail != "upper" else -np.inf, half if tail != "lower" else np.inf)
    error = 0.05 * math.sqrt(1 / 10_000 + 1 / 5_000)

    assert abs(region.contains(samples).mean() - (1 - loss) * 0.05) <= 4.5 * error


def test_controls_of_rows_draw_from_the_rows():
    rows = np.arange(40.0)[:, None]
    drawn = Healthy(rows).sample(500, rng=generator(7))
    cut = TailCut(rows, 1.0, mass=0.1).sample(500, rng=generator(8))

    assert set(drawn.ravel()) <= set(rows.ravel())
    assert cut.min() == 2
    assert cut.max() == 37
    assert Contracted(rows, 0.0).sample(3, rng=generator(9)).tolist() == [[19.5]] * 3


def test_the_stream_is_all_the_chance_there_is():
    for control in (Healthy(Gaussian()), Contracted(Gaussian(), 0.5), TailCut(Gaussian(), 0.5)):
        first, second = (control.sample(30, rng=generator(10)) for _ in range(2))
        assert (first == second).all()
        assert control.kind == "numbers"


def test_a_source_that_is_all_mode_is_refused():
    with pytest.raises(ModelError, match="the source must have mass outside what is removed"):
        ModeDropped(np.ones((5, 1)), [1.0, 9.0]).sample(3, rng=generator(11))


@pytest.mark.parametrize(
    ("control", "arguments"),
    [
        (Contracted, {"factor": 1.5}),
        (TailCut, {"loss": -0.1}),
        (TailCut, {"loss": 0.5, "mass": 0.9}),
        (ModeDropped, {"modes": [1.0]}),
        (ModeDropped, {"modes": [1.0, 2.0], "dropped": 2}),
    ],
)
def test_arguments_out_of_range_are_refused(control, arguments):
    with pytest.raises(InvalidArgument, match="must be"):
        control(Gaussian(), **arguments)
