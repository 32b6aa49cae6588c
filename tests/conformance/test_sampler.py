"""The checks of a sampler: sound models pass each, and each defect is told in a sentence."""

# ruff: noqa: NPY002  (the global state of numpy is what is watched)

import random

import numpy as np
import pytest
from scipy import stats

from collapse_bench.conformance import sampler, state
from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.execution import run_check
from collapse_bench.conformance.subject import Subject
from collapse_bench.controls.healthy import Memoriser
from collapse_bench.data.laws import two_gaussians
from collapse_bench.errors import CollapseError, Inconclusive
from collapse_bench.models import Categorical
from collapse_bench.streams import generator
from tests.conformance.models import LINE, PLANE, Law, Wrapped, ran

EXACT = [*sampler.__all__, *state.__all__]
SAMPLER = [name for name, entry in CATALOG.items() if entry.group == "sampler"]
SOUND = {
    "line": LINE,
    "plane": PLANE,
    "t3": Law(stats.t(3)),
    "lognormal": Law(stats.lognorm(1)),
    "poisson": Law(stats.poisson(4)),
    "two-gaussians": two_gaussians(),
    "codes": Categorical([0.9, 0.09, 0.01], ["a", "bb", "ccc"]),
    "rows": Memoriser(generator(1, "rows").normal(size=(500, 2))),
    "counted": Memoriser(generator(1, "counts").poisson(3, size=(300, 2)).astype(float)),
}


def base(size, rng):
    return LINE.sample(size, rng=rng)


@pytest.mark.parametrize("check", EXACT)
@pytest.mark.parametrize("model", SOUND.values(), ids=SOUND)
def test_sound_models_pass(check, model):
    status, reason = ran(check, model)
    assert status == "passed", reason


class Bare:
    """A model that returns what a function of the size makes."""

    def __init__(self, returned):
        self.returned = returned

    def sample(self, size, *, rng):
        return self.returned(size)


BROKEN = {
    "None": lambda size: None,
    "text": lambda size: "rows",
    "list of lists": lambda size: [[float("nan")]] * size,
    "ragged": lambda size: [[1.0], [2.0, 3.0]] * size,
    "NaN": lambda size: np.full((size, 2), np.nan),
    "iterator": lambda size: iter(range(size)),
    "dictionary": lambda size: {"rows": size},
    "three axes": lambda size: np.ones((size, 2, 2)),
    "scalar": lambda size: np.float64(1),
    "complex": lambda size: np.ones(size, complex),
    "objects": lambda size: np.array([object()] * size),
    "raises": lambda size: 1 / 0,
    "exits": lambda size: exit(1),
}


@pytest.mark.parametrize("returned", BROKEN.values(), ids=BROKEN)
def test_every_check_tells_a_broken_model_in_a_sentence(returned):
    statuses = {}
    for check in SAMPLER:
        status, reason = ran(check, Bare(returned))
        statuses[check] = status
        assert status != "inconclusive", (check, reason)
        assert "the model raised" not in reason, (check, reason)  # nothing came as a surprise
    assert "failed" in statuses.values()


def test_a_model_of_another_arity_is_told_so():
    class Seeded:
        def sample(self, size, seed):
            return np.ones((size, 1))

    for check in SAMPLER:
        status, reason = ran(check, Seeded())
        assert status == "failed"
        assert "sample" in reason


def test_a_list_is_no_array():
    status, reason = ran("check_sample_dtype", Bare(lambda size: [[1.0]] * size))
    assert status == "failed"
    assert reason.endswith("must return an array or a tensor; got list")


@pytest.mark.parametrize("dtype", ["float16", "complex128", "object", "datetime64[s]"])
def test_other_types_of_numbers_are_refused(dtype):
    status, reason = ran("check_sample_dtype", Bare(lambda size: np.ones((size, 1)).astype(dtype)))
    assert status == "failed"
    assert dtype in reason


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_some_types_of_numbers_are_fine(dtype):
    assert ran("check_sample_dtype", Bare(lambda size: np.ones((size, 1), dtype)))[0] == "passed"


def test_codes_must_be_codes():
    codes = Wrapped(lambda base, size, rng: rng.random(size), kind="codes")
    assert "codes as integers" in ran("check_sample_dtype", codes)[1]
    wide = Wrapped(lambda base, size, rng: rng.integers(3, size=(size, 2)), kind="codes")
    assert "codes of shape" in ran("check_sample_shape", wide)[1]


def test_torch_tensors_are_arrays():
    torch = pytest.importorskip("torch")
    for dtype, status in ((torch.float32, "passed"), (torch.bfloat16, "failed")):
        model = Bare(lambda size, dtype=dtype: torch.ones((size, 2), dtype=dtype))
        assert ran("check_sample_shape", model)[0] == "passed"
        assert ran("check_sample_dtype", model)[0] == status


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (
            lambda base, size, rng: base.sample(size + (size == 1), rng=rng),
            "must return 1 rows; got shape (2, 1)",
        ),
        (lambda base, size, rng: base.sample(min(size, 64), rng=rng), "must return 8193 rows"),
        (lambda base, size, rng: base.sample(size or 1, rng=rng), "must return 0 rows"),
        (lambda base, size, rng: base.sample(size, rng=rng)[:, 0 : size % 2], "rows of shape"),
        (
            lambda base, size, rng: base.sample(size, rng=rng).astype("f4" if size > 2 else "f8"),
            "must return dtype float64 as for one row; got float32",
        ),
        (
            lambda base, size, rng: base.sample(size, rng=rng) if size else [1][size:][1],
            "raise a ValueError with a sentence; it raised IndexError",
        ),
    ],
    ids=["too many", "a batch", "one for none", "width", "dtype", "error for none"],
)
def test_sizes_that_go_wrong(returned, told):
    status, reason = ran("check_sample_sizes", Wrapped(returned))
    assert status == "failed"
    assert told in reason


def test_an_empty_array_is_a_draw_of_nothing():
    model = Wrapped(lambda base, size, rng: rng.normal(size=(size, 3)))
    assert ran("check_sample_sizes", model)[1].endswith("0 gives an empty array")


def test_finiteness_names_the_rarest_defect():
    status, reason = ran("check_finite", PLANE)
    assert status == "passed"
    # 500,000 rows of two values; log(100) = 4.605.
    assert "500,000 rows are finite: a defect in one row of 108,574" in reason


def test_a_slow_model_draws_fewer_rows_and_says_so(monkeypatch):
    monkeypatch.setattr("collapse_bench.conformance.calls.row_seconds", lambda subject: 1e-3)
    status, reason = ran("check_finite", LINE)
    assert status == "passed"
    assert "5,000 rows are finite (the budget of 10 s affords no more)" in reason


def test_one_infinity_is_found():
    def sample(base, size, rng):
        rows = base.sample(size, rng=rng)
        rows[rng.random(size) < 2e-5] = -np.inf
        return rows

    status, reason = ran("check_finite", Wrapped(sample))
    assert status == "failed"
    assert "such as -inf" in reason


@pytest.mark.parametrize("base", [LINE, Categorical([0.5, 0.5])], ids=["numbers", "codes"])
def test_masked_values_are_missing(base):
    def sample(base, size, rng):
        rows = base.sample(size, rng=rng)  # small draws, by which a model is sized up, are whole
        masked = (np.arange(rows.size).reshape(rows.shape) == 3) & (size > 1_000)
        return np.ma.masked_array(rows, masked)

    status, reason = ran("check_finite", Wrapped(sample, base=base, kind=base.kind))
    assert status == "failed"
    assert "must return finite values; 1 of 8,192 are masked, which is to be missing" in reason
    unmasked = Wrapped(lambda base, size, rng: np.ma.array(base.sample(size, rng=rng)), base=base)
    assert ran("check_finite", unmasked)[0] == "passed"


def test_determinism_sees_the_last_bit_and_the_memory_of_a_call():
    def jitters(base, size, rng):
        rows = base.sample(size, rng=rng)
        rows[-1] = np.nextafter(rows[-1], np.inf) if random.random() < 0.5 else rows[-1]
        return rows

    calls = []

    def remembers(base, size, rng):
        calls.append(size)
        return base.sample(size, rng=rng) + (calls.count(size) > 2)

    for sample in (jitters, remembers):
        outcomes = [ran("check_seed_determinism", Wrapped(sample), seed)[0] for seed in range(6)]
        assert "failed" in outcomes


def test_a_draw_kept_for_the_next_call_is_no_determinism():
    kept = {}

    def cached(law, size, rng):
        state = str(rng.bit_generator.state)
        if kept.get("state") != state:
            kept.update(state=state, rows=law.sample(size, rng=np.random.default_rng()))
        return kept["rows"]

    assert ran("check_seed_determinism", Wrapped(cached))[0] == "failed"


def test_few_seeds_are_too_few():
    model = Wrapped(lambda base, n, rng: base.sample(n, rng=generator(int(rng.integers(4)))))
    assert ran("check_seed_sensitivity", model)[0] == "failed"
    assert ran("check_successive_draws_differ", model)[0] == "failed"


def test_one_fixed_column_is_seen():
    def sample(base, size, rng):
        rows = base.sample(size, rng=rng)
        rows[:, 1] = generator(7).normal(size=size)
        return rows

    status, reason = ran("check_seed_sensitivity", Wrapped(sample, base=PLANE))
    assert status == "failed"
    assert "column 1 of draws 0 and 1 equal" in reason


def test_constants_are_skipped_and_near_constants_pass():
    for check in ("check_seed_sensitivity", "check_successive_draws_differ"):
        assert ran(check, Categorical([1.0], ["a"]))[0] == "skipped"
        assert ran(check, Categorical([0.99, 0.01]))[0] == "passed"
        # 1,000 draws are constant, or equal with one exception in the same place, by chance.
        rare = {ran(check, Categorical([0.9999, 0.0001]), seed)[0] for seed in range(8)}
        assert rare <= {"passed", "skipped", "inconclusive"}


def test_global_state_is_left_as_it_was():
    np.random.seed(3)
    random.seed(3)
    before = np.random.get_state()[1].copy(), random.getstate()
    for model in (LINE, Wrapped(lambda base, n, rng: np.random.normal(size=n))):
        ran("check_global_state", model)
        assert (np.random.get_state()[1] == before[0]).all()
        assert random.getstate() == before[1]


class Learner:
    """A Gaussian whose fit or log_prob does what a function says first."""

    def __init__(self, fit=None, log_prob=None):
        self._fit, self._log_prob = fit, log_prob

    def sample(self, size, *, rng):
        return base(size, rng)

    def fit(self, samples, *, rng):
        return Learner.Fitted(LINE.fit(samples, rng=rng), self._fit() if self._fit else 0.0)

    def log_prob(self, samples):
        return LINE.log_prob(samples) + (self._log_prob() if self._log_prob else 0.0)

    class Fitted:
        def __init__(self, law, shift):
            self.law, self.shift = law, shift

        def sample(self, size, *, rng):
            return self.law.sample(size, rng=rng) + self.shift


def words():
    return np.random.get_state()[1][0]


def torch_seed():
    import torch

    return float(torch.initial_seed())


GLOBAL = {
    "fit reads random": (Learner(fit=lambda: hash(random.getstate())), "fit", "random"),
    "fit writes numpy": (Learner(fit=lambda: np.random.rand()), "fit", "changed"),
    "fit reads numpy": (Learner(fit=words), "fit", "numpy.random"),
    "log_prob draws": (Learner(log_prob=random.random), "log_prob", "changed state of random"),
    "sample reads torch": (
        Wrapped(lambda law, n, rng: law.sample(n, rng=rng) + torch_seed()),
        "sample",
        "state of torch",
    ),
}


@pytest.mark.parametrize(("model", "method", "told"), GLOBAL.values(), ids=GLOBAL)
def test_global_state_is_watched_in_every_method(model, method, told):
    if "torch" in told:
        pytest.importorskip("torch")
    status, reason = ran("check_global_state", model)
    assert status == "failed"
    assert f".{method}(" in reason
    assert told in reason


def test_a_fit_that_raises_is_another_checks_business():
    status, reason = ran("check_global_state", Learner(fit=lambda: 1 / 0))
    assert status == "passed"
    assert "fit(samples, rng=rng) not looked at" in reason


def test_views_of_the_model_are_found():
    rows = generator(5).normal(size=(20_000, 1))

    class View:
        def __init__(self):
            self.rows = rows.copy()

        def sample(self, size, *, rng):
            start = int(rng.integers(len(self.rows) - size))
            return self.rows[start : start + size]

    subject = Subject(View())
    record = run_check(CATALOG["check_buffer"], subject)
    status, reason = record["status"], record["reason"]
    assert (subject.model.rows == rows).all()  # a copy's memory was written into
    assert status == "failed"
    assert "isn't the model's own memory" in reason


def test_read_only_views_are_fine():
    def sample(law, size, rng):
        rows = law.sample(size, rng=rng)
        rows.setflags(write=False)
        return rows

    assert ran("check_buffer", Wrapped(sample))[1].endswith("read-only")


def test_draws_that_chance_may_have_made_equal_are_left_undecided():
    few = np.array(["a", "a", "b"])  # three orders
    with pytest.raises(Inconclusive, match=r"equal, by chance with probability up to 0\.33"):
        sampler._must_differ([few, few.copy(), few[::-1]], "calls")
    sampler._must_differ([few, few[::-1]], "calls")
    many = np.arange(13.0)  # 13! orders, above 1e9; 12! is below
    with pytest.raises(CollapseError, match="must return different draws"):
        sampler._must_differ([many, many.copy()], "calls")
    with pytest.raises(Inconclusive):
        sampler._must_differ([many[1:], many[1:].copy()], "calls")


def test_orders_are_counted():
    # a a b has three orders, 1 2 3 4 has 24, a constant has one.
    for values, orders in ((["a", "a", "b"], 3), ([1, 2, 3, 4], 24), ([5, 5, 5], 1)):
        found = sampler._log_orders(np.array(values))
        assert found == pytest.approx(np.log(orders), abs=1e-12)  # rounding of logarithms
