"""The checks of independence, order, splitting and resolution, and what each of them misses."""

import numpy as np
import pytest
from scipy import stats

from collapse_bench.conformance import order
from collapse_bench.conformance.catalog import CATALOG, share
from collapse_bench.conformance.dependence import Dependence
from collapse_bench.conformance.execution import run_check
from collapse_bench.conformance.resolution import _roughness, _step
from collapse_bench.conformance.subject import ALPHA, Subject
from collapse_bench.controls.healthy import Memoriser
from collapse_bench.models import Categorical, Gaussian
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


def mirrored_neighbors(law, size, rng):
    half = law.sample((size + 1) // 2, rng=rng)
    return np.stack([half, 2 - half], axis=1).reshape(-1, 1)[:size]


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


def only_if_large(draw):
    return lambda law, n, rng: draw(law, n, rng) if n >= 1_000 else law.sample(n, rng=rng)


def mean_matched(law, size, rng):
    rows = law.sample(size, rng=rng)
    return 1 + rows - rows.mean(axis=0)


def deviation_matched(law, size, rng):
    rows = law.sample(size, rng=rng)
    center = rows.mean(axis=0)
    return center + 2 * (rows - center) / rows.std(axis=0)


def stratified_normal(law, size, rng):
    places = (rng.permutation(size) + rng.random(size)) / size
    return 1 + 2 * stats.norm.ppf(places)[:, None]


def lagging(lag, own=0.6):
    """Each row leans on the one so many places before."""

    def draw(law, size, rng):
        rows = law.sample(size + lag, rng=rng) - 1
        rows[lag:] = own * rows[:-lag] + np.sqrt(1 - own**2) * rows[lag:]
        return 1 + rows[lag:]

    return draw


def last_column_follows_first(law, size, rng):
    rows = law.sample(size + 1, rng=rng)
    rows[1:, -1] = 0.8 * rows[1:, -1] + 0.6 * rows[:-1, 0]
    return rows[1:]


def second_call_mirrors_first():
    """Every second call with one generator mirrors the one before, in another order."""
    kept = {}

    def draw(law, size, rng):
        if kept.get("rng") is rng and len(kept["rows"]) == size:
            del kept["rng"]
            return rng.permutation(2 - kept["rows"])
        kept.update(rng=rng, rows=law.sample(size, rng=rng))
        return kept["rows"].copy()

    return draw


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
    "2 places apart": (UNCORRELATED, Wrapped(lagging(2))),
    "7 places apart": (UNCORRELATED, Wrapped(lagging(7))),
    "128 places apart": (UNCORRELATED, Wrapped(lagging(128))),
    "across columns": (
        UNCORRELATED,
        Wrapped(last_column_follows_first, base=Gaussian(np.zeros(7))),
    ),
    "large means matched": (SPLIT, Wrapped(only_if_large(mean_matched))),
    "large deviations matched": (SPLIT, Wrapped(only_if_large(deviation_matched))),
    "large calls stratified": (SPLIT, Wrapped(only_if_large(stratified_normal))),
    "large calls of mirrored neighbors": (SPLIT, Wrapped(only_if_large(mirrored_neighbors))),
    "large calls shifted": (
        SPLIT,
        Wrapped(only_if_large(lambda law, n, rng: law.sample(n, rng=rng) + rng.normal(0, 0.1))),
    ),
    "calls in pairs": (SPLIT, Wrapped(second_call_mirrors_first())),
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


def test_the_order_of_a_large_call_is_not_its_splitting():
    """Rows are mixed before they are cut into blocks and halves."""
    large_sorted = only_if_large(lambda law, n, rng: np.sort(law.sample(n, rng=rng), axis=0))
    assert ran(SPLIT, Wrapped(large_sorted))[0] == "passed"
    assert ran(EXCHANGEABLE, Wrapped(large_sorted))[0] == "failed"


def test_large_calls_beyond_the_budget_are_left_out_and_said_to_be(monkeypatch):
    monkeypatch.setattr(order, "row_seconds", lambda subject: 3e-5)
    status, reason = ran(SPLIT, LINE)
    assert status == "passed"
    assert reason.endswith("calls of 1,024 rows weren't looked at, for want of budget")
    monkeypatch.setattr(order, "row_seconds", lambda subject: 1e-6)
    assert ran(SPLIT, LINE)[1].endswith("halves of 175 draws of 8,192 are independent")


# By hand, of PLANE: 2 events of 4 pairs of columns at 15 places; 2 columns; their 4 moments.
@pytest.mark.parametrize(
    ("check", "place", "level"),
    [(UNCORRELATED, 37, 1 / 120), (SPLIT, 1, 1 / 4 / 2), (SPLIT, 5, 1 / 4 / 4)],
    ids=["uncorrelated", "next call", "halves"],
)
def test_tests_of_independence_share_the_level(monkeypatch, check, place, level):
    """One of all tests has a p-value just below its share, or just above it."""
    monkeypatch.setattr(order, "_suspects", lambda left, right: {0})
    for factor, status in ((0.999, "failed"), (1.001, "passed")):
        seen = []

        def found(*events, beta, seen=seen, factor=factor):
            seen.append(events)
            return Dependence(0, 0, factor * level * share(ALPHA) if len(seen) == place else 1)

        monkeypatch.setattr(order, "dependence", found)
        assert ran(check, PLANE)[0] == status
        assert len(seen) == (place if status == "failed" else 60 if check == UNCORRELATED else 6)


@pytest.mark.parametrize(("check", "parts"), [(EXCHANGEABLE, [3] * 3), (SPLIT, [4] * 2)])
def test_comparisons_of_laws_share_the_level(monkeypatch, check, parts):
    levels = []

    def decided(subject, *rows, **settings):
        levels.append(subject.level)
        return ""

    monkeypatch.setattr(order, "decide_same_law", decided)
    assert ran(check, PLANE)[0] == "passed"
    assert levels == [share(ALPHA) / part for part in parts]


@pytest.mark.parametrize("check", [UNCORRELATED, SPLIT])
@pytest.mark.parametrize("at", [1, 5])
def test_a_covariance_that_is_not_excluded_is_no_pass(monkeypatch, check, at):
    seen = []

    def found(*events, beta):
        seen.append(events)
        return Dependence(0.0, 0.3 if len(seen) == at else 0.0, 1.0)

    monkeypatch.setattr(order, "dependence", found)
    status, reason = ran(check, PLANE)
    assert status == "inconclusive"
    assert "isn't excluded (up to 0.300)" in reason


def test_pairs_lie_where_they_are_said_to_and_share_no_row():
    rows = np.arange(600)[:, None]
    found = {where: (left[:, 0], right[:, 0]) for where, left, right in order._paired(rows, -rows)}

    assert len(found) == 2 + len(order.LAGS)
    assert (found["at one place of two calls"][1] == -rows[:, 0]).all()
    assert (np.subtract(*found["half a call apart"]) == -300).all()
    for lag in order.LAGS:
        left, right = found["next to each other" if lag == 1 else f"{lag} places apart"]
        assert (right - left == lag).all()
        assert len(np.unique(np.concatenate([left, right]))) == 2 * len(left) > 600 - 2 * lag


def test_columns_are_paired_with_all_others_or_some():
    assert order._partners(Subject(PLANE)) == [0, 1]
    many = order._partners(Subject(Gaussian(np.zeros(30))))
    assert many[0] == 0
    assert len(set(many)) == 8
    assert set(many) <= set(range(30))


def test_the_largest_covariance_and_the_least_likely_one_are_looked_at():
    n = 1_000
    rare, half, none = (np.arange(n) < n * share for share in (0.01, 0.5, 0))
    noisy = np.where(np.arange(n) % 10 < 7, half, ~half)  # agrees in 7 of 10 places: covariance 0.1
    left, right = np.stack([none, half, rare], axis=1), np.stack([half, noisy, rare], axis=1)

    assert order._suspects(left, right) == {1, 2}
    assert order._suspects(left[:, :1], right[:, :1]) == {0}  # what never happens is no error


@pytest.mark.parametrize("check", [UNCORRELATED, SPLIT])
def test_sound_models_fail_no_more_often_than_the_level(monkeypatch, check):
    """50 runs at a level of 0.49 / 14: at most 1.75 failures, 4.5 deviations of 1.3 more."""
    monkeypatch.setattr(order, "LARGE_VALUES", 300_000)
    model = Wrapped(lambda law, n, rng: rng.lognormal(size=(n, 1)))
    entry = CATALOG[check]
    failed = sum(
        run_check(entry, Subject(model, seed=seed, alpha=0.49))["status"] == "failed"
        for seed in range(50)
    )
    assert failed <= 1.75 + 4.5 * 1.3


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
    both = Wrapped(lambda law, n, rng: cents[rng.integers(len(cents), size=(n, 2)), 0])
    assert ran(RESOLUTION, both, reference=np.hstack([cents, cents]))[0] == "passed"
    one = np.hstack([cents, rng.normal(size=(400, 1))])
    assert ran(RESOLUTION, both, reference=one)[0] == "failed"
    counts = Wrapped(lambda law, n, rng: rng.poisson(3, size=(n, 1)))
    assert ran(RESOLUTION, counts)[1].endswith("as counts are")
    beside = Wrapped(lambda law, n, rng: rng.poisson([3, 30], size=(n, 2)) / [1, 4])
    assert ran(RESOLUTION, beside)[0] == "failed"


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
