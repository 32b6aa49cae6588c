"""The checks of independence, order, splitting and resolution, and what each of them misses."""

import numpy as np
import pytest

from collapse_bench.conformance.resolution import _roughness, _step
from collapse_bench.controls.healthy import Memoriser
from collapse_bench.models import Categorical
from collapse_bench.streams import generator
from tests.conformance.models import LINE, PLANE, Wrapped, ran
from tests.conformance.test_sampler import SOUND

UNCORRELATED = "check_successive_draws_uncorrelated"
EXCHANGEABLE = "check_exchangeable"
SPLIT = "check_split_invariance"
RESOLUTION = "check_resolution"


@pytest.mark.parametrize("check", [UNCORRELATED, EXCHANGEABLE, SPLIT, RESOLUTION])
@pytest.mark.parametrize("model", SOUND.values(), ids=SOUND)
def test_sound_models_are_decided(check, model):
    status, reason = ran(check, model)
    assert status == ("skipped" if (check, model.kind) == (RESOLUTION, "codes") else "passed"), (
        reason
    )


def alternating(law, size, rng):
    """Lower half at even places, upper half at odd ones, each in no order."""
    rows = np.sort(law.sample(size, rng=rng), axis=0)
    found = np.empty_like(rows)
    found[0::2] = rng.permutation(rows[: (size + 1) // 2])
    found[1::2] = rng.permutation(rows[(size + 1) // 2 :])
    return found


def far_together(law, size, rng):
    """Rows in pairs of one distance from the mean, each to a side of its own."""
    rows = law.sample(size, rng=rng)
    rows[1::2] = 1 + np.abs(rows[: len(rows[1::2]) * 2 : 2] - 1) * np.sign(rows[1::2] - 1)
    return rows


def low_together(law, size, rng):
    """Two neighbors below the median are equal; which side a row is on depends on nothing."""
    rows = law.sample(size, rng=rng)
    first, second = rows[0 : size - 1 : 2], rows[1::2]
    low = (first < 1) & (second < 1)
    second[low] = first[low]
    return rows


def mirrored_halves(law, size, rng):
    """Each call's second half is its first half mirrored."""
    half = law.sample((size + 1) // 2, rng=rng)
    return np.concatenate([half, 2 - half])[:size]


def second_column_lags(law, size, rng):
    rows = law.sample(size + 1, rng=rng)
    rows[1:, 1] = 0.6 * rows[1:, 1] + 0.8 * rows[:-1, 1]
    return rows[1:]


def shuffled_repeats(law, size, rng):
    rows = np.repeat(law.sample((size + 1) // 2, rng=rng), 2, axis=0)[:size]
    return rng.permutation(rows)


def sorted_in_batches(law, size, rng):
    batches = [law.sample(min(100, size - at), rng=rng) for at in range(0, size, 100)]
    return np.concatenate([np.sort(batch, axis=0) for batch in batches])


def shifted_calls(law, size, rng):
    return law.sample(size, rng=rng) + rng.normal(0, 2)


def stratified(law, size, rng):
    places = (rng.permutation(size) + rng.random(size)) / size
    return (1 + 2 * np.sqrt(12) * (places - 0.5))[:, None]


def small_draws_shrink(law, size, rng):
    rows = law.sample(size, rng=rng)
    return rows if size > 1_000 else 1 + 0.7 * (rows - 1)


def half_precision(law, size, rng):
    return law.sample(size, rng=rng).astype(np.float16).astype(np.float64)


SICK = {
    "pairs far together": (UNCORRELATED, Wrapped(far_together)),
    "low together": (UNCORRELATED, Wrapped(low_together)),
    "mirrored halves": (UNCORRELATED, Wrapped(mirrored_halves)),
    "a column that lags": (UNCORRELATED, Wrapped(second_column_lags, base=PLANE)),
    "alternating": (EXCHANGEABLE, Wrapped(alternating)),
    "sorted in batches": (UNCORRELATED, Wrapped(sorted_in_batches)),
    "shifted calls": (SPLIT, Wrapped(shifted_calls)),
    "stratified calls": (SPLIT, Wrapped(stratified)),
    "small draws shrink": (SPLIT, Wrapped(small_draws_shrink)),
    "shuffled repeats": (RESOLUTION, Wrapped(shuffled_repeats)),
    "half precision": (RESOLUTION, Wrapped(half_precision)),
    "cents": (RESOLUTION, Wrapped(lambda law, n, rng: law.sample(n, rng=rng).round(2))),
}


@pytest.mark.parametrize(("check", "model"), SICK.values(), ids=SICK)
def test_each_defect_is_found(check, model):
    status, reason = ran(check, model)
    assert status == "failed", reason
    assert "must" in reason


def test_codes_sorted_are_found():
    class Sorted(Categorical):
        def sample(self, size, *, rng):
            return np.sort(super().sample(size, rng=rng))

    model = Sorted([0.5, 0.3, 0.2], ["b", "a", "cc"])
    assert ran(EXCHANGEABLE, model)[0] == "failed"
    assert ran(UNCORRELATED, model)[0] == "failed"


@pytest.mark.parametrize("check", [UNCORRELATED, EXCHANGEABLE, SPLIT])
def test_a_model_beyond_the_budget_is_left_undecided(check):
    status, reason = ran(check, LINE, budget=1e-9)
    assert status == "inconclusive"
    assert reason.endswith("raise budget, or --collapse-budget")


def test_counts_and_cents_are_known_by_what_the_model_learned_from():
    rng = generator(2, "order")
    cents = rng.normal(size=(400, 1)).round(2)
    assert ran(RESOLUTION, Memoriser(cents))[0] == "passed"
    assert "as the rows are that it learned from" in ran(RESOLUTION, Memoriser(cents))[1]

    frozen = Wrapped(lambda law, n, rng: cents[rng.integers(len(cents), size=n)])
    assert ran(RESOLUTION, frozen)[0] == "failed"
    assert ran(RESOLUTION, frozen, reference=cents)[1].endswith("as the reference is")
    assert ran(RESOLUTION, frozen, reference=rng.normal(size=(400, 1)))[0] == "failed"
    counts = Wrapped(lambda law, n, rng: rng.poisson(3, size=(n, 1)))
    assert ran(RESOLUTION, counts)[1].endswith("as counts are")


def test_a_fit_that_refuses_other_rows_is_no_proof():
    class Halves(Wrapped):
        def fit(self, samples, *, rng):
            if (samples * 2 != np.rint(samples * 2)).any():
                raise ValueError("samples must be halves")
            return self

    model = Halves(lambda law, n, rng: rng.integers(40, size=(n, 1)) / 2)
    status, reason = ran(RESOLUTION, model)
    assert status == "failed"
    assert "it refuses rows that aren't" in reason


@pytest.mark.parametrize("step", [1.0, 0.25, 0.01, 7.0, 1e-3])
@pytest.mark.parametrize("offset", [0.0, -3.7, 1e3])
def test_the_step_of_a_lattice_is_found(step, offset):
    values = offset + step * generator(3, "order").integers(0, 90, size=2_000)
    # The step comes from differences of numbers near the offset: their rounding over the step.
    assert _step(values) == pytest.approx(step, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_other_numbers_lie_on_no_lattice(seed):
    rng = generator(seed, "order")
    for size in (3, 10, 500):
        assert _step(rng.normal(size=size)) is None
        assert _step(np.round(rng.normal(size=size)) + 1e-3 * rng.random(size)) is None


def test_a_lattice_of_too_many_steps_is_none():
    assert _step(generator(4, "order").integers(0, 10**8, size=2_000).astype(float)) is None
    assert _step(generator(4, "order").integers(0, 10**5, size=2_000).astype(float)) == 1


def test_roughness_by_hand():
    assert _roughness(np.repeat([0.0, 2.0, 6.0], 9)) == "on a lattice of step 2"
    assert _roughness(np.arange(9.0)) is None  # nothing repeats
    assert _roughness(np.ones(9)) is None  # a constant
    assert _roughness(np.repeat([0.1, 0.7], 9)) is None  # two points lie on any lattice
    halves = np.repeat(np.float16([1e-7, 0.1, 0.3, 1.7, 900.5]).astype(float), 9)
    assert _roughness(halves) == "of 12 bits or fewer"
    assert _roughness(np.repeat([1e-7, 0.1, 0.3, 1.7, 900.5], 9)) is None
