import numpy as np
import pytest
from scipy.special import digamma, polygamma

from collapse_bench import engine
from collapse_bench.engine import recurse
from collapse_bench.errors import InvalidArgument, InvalidSamples, ModelError
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.regimes import (
    Accumulate,
    AccumulateSubsample,
    Curate,
    FixedReal,
    FreshReal,
    Mixture,
    Replace,
    constant,
)

# |z| <= 4.5 raises a false alarm once in 150,000 comparisons of a correct build.
Z = 4.5


class Wrapped:
    """A stranger's model: two methods, no replicate axis, no law form."""

    def __init__(self, inner):
        self.inner = inner
        self.kind = inner.kind

    def sample(self, size, *, rng):
        return self.inner.sample(size, rng=rng)

    def fit(self, samples, *, rng):
        return Wrapped(self.inner.fit(samples, rng=rng))


def within(values, expected):
    return abs(values.mean() - expected) <= Z * values.std() / len(values) ** 0.5


def test_shapes_steps_and_names():
    trajectory = recurse(Gaussian(), generations=3, size=50, replicates=4)

    assert set(trajectory.values) == {"variance", "tail_mass", "wasserstein"}
    assert set(trajectory.measured.values()) == {"law"}
    assert all(values.shape == (4, 4) for values in trajectory.values.values())
    assert trajectory.steps.tolist() == [0, 1, 2, 3]
    assert [model.replicates for model in trajectory.models] == [None] * 4
    assert trajectory.values["variance"][:, 0].tolist() == [1.0] * 4
    np.testing.assert_allclose(trajectory.values["tail_mass"][:, 0], 1.0, rtol=1e-9)  # root finder
    np.testing.assert_allclose(trajectory.values["wasserstein"][:, 0], 0.0, atol=1e-12)


def test_codes_have_their_own_metrics():
    trajectory = recurse(Categorical(np.full(50, 0.02)), generations=2, size=30, replicates=3)

    assert set(trajectory.values) == {"tail_mass", "tail_coverage", "gini_simpson", "support"}
    assert trajectory.values["support"][:, 0].tolist() == [50.0] * 3
    assert (np.diff(trajectory.values["support"]) <= 0).all()


def test_steps_count_the_founders_own_fit():
    rows = Gaussian().sample(200, rng=np.random.default_rng(0))
    founder = Gaussian().fit(rows, rng=np.random.default_rng(0))

    assert recurse(founder, rows, generations=2).steps.tolist() == [1, 2, 3]
    assert recurse(founder, rows, generations=2, founder_size=0).steps.tolist() == [0, 1, 2]
    assert recurse(founder, Gaussian(), generations=2).steps.tolist() == [0, 1, 2]
    assert recurse(founder, Gaussian(), generations=2, founder_size=200).steps[0] == 1


def test_the_drift_of_the_log_variance_is_exact():
    size, generations = 20, 10
    trajectory = recurse(
        Gaussian(), size=size, generations=generations, replicates=20_000, metrics=["log_variance"]
    )
    k = size - 1

    assert within(
        trajectory.values["log_variance"][:, -1], generations * (digamma(k / 2) - np.log(k / 2))
    )


def test_a_strangers_model_has_the_law_of_ours():
    """1,000 lineages through sample and fit against the exact refit: means of two metrics."""
    settings = {"size": 20, "generations": 3, "eval_size": 4_000, "metrics": ["variance"]}
    theirs = recurse(Wrapped(Gaussian()), replicates=1_000, **settings)
    ours = recurse(Gaussian(), replicates=100_000, **settings)
    a, b = theirs.values["variance"][:, -1], ours.values["variance"][:, -1]

    assert theirs.measured == {"variance": "samples"}
    # The finite reference of the sample form adds an error of its own: var(s^2) = 2 / 4,000.
    error = np.sqrt(a.var() / len(a) + b.var() / len(b) + 2 / 4_000)
    assert abs(a.mean() - b.mean()) <= Z * error


def test_law_and_sample_forms_agree():
    law = recurse(Gaussian(), generations=3, size=30, replicates=40, seed=5)
    samples = recurse(
        Gaussian(),
        generations=3,
        size=30,
        replicates=40,
        seed=5,
        measure="samples",
        eval_size=20_000,
    )

    assert set(samples.measured.values()) == {"samples"}
    for name, tolerance in [("variance", 0.2), ("tail_mass", 0.4), ("wasserstein", 0.1)]:
        # The same lineages, read twice: 20,000 draws leave some per cent of noise.
        np.testing.assert_allclose(
            law.values[name], samples.values[name], rtol=tolerance, atol=tolerance / 4
        )


def test_results_depend_on_the_seed_alone():
    def run(seed):
        return recurse(Gaussian(), generations=3, replicates=5, seed=seed).values["variance"]

    np.testing.assert_array_equal(run(3), run(3))
    assert (run(3) != run(4))[:, 1:].all()


def test_lineages_of_a_strangers_model_do_not_depend_on_how_many_there_are():
    few = recurse(Wrapped(Gaussian()), generations=2, size=10, replicates=2)
    many = recurse(Wrapped(Gaussian()), generations=2, size=10, replicates=4)

    np.testing.assert_array_equal(few.values["variance"], many.values["variance"][:2])


def test_blocks_of_replicates_follow_the_same_law(monkeypatch):
    monkeypatch.setattr("collapse_bench.engine.BLOCK_VALUES", 1_000)
    trajectory = recurse(Gaussian(), generations=2, size=10, replicates=2_500)

    assert len(trajectory.models) == 2_500
    assert len(np.unique(trajectory.values["variance"][:, -1])) == 2_500
    assert within(trajectory.values["variance"][:, -1], 1.0)


@pytest.mark.parametrize("size", [12, [12, 12, 12, 99], lambda t: 12, constant(12)])
def test_sizes_may_be_a_number_a_sequence_or_a_schedule(size):
    assert recurse(Gaussian(), generations=3, size=size).sizes.tolist() == [12, 12, 12]


def test_a_law_of_another_family_is_drawn_from():
    """Half of the training set is uniform on three codes the founder knows: its mass rises."""
    founder = Categorical([0.97, 0.01, 0.01, 0.01])
    real = Wrapped(Categorical([0.25, 0.25, 0.25, 0.25]))
    regime = Mixture(0.5, 0.0, 0.5)
    end = recurse(founder, real, regime, generations=1, size=2_000, replicates=200)
    first = np.mean([model.probabilities[0] for model in end.models])

    assert first == pytest.approx(0.5 * 0.97 + 0.5 * 0.25, abs=0.01)  # 14 standard errors


def test_a_law_on_the_same_states_in_another_order_is_no_law_on_the_same_counts():
    founder = Categorical([0.5, 0.5], ["a", "b"])
    real = Categorical([0.9, 0.1], ["b", "a"])
    end = recurse(founder, real, FreshReal(1.0), generations=1, size=2_000, replicates=20)
    first = np.mean([model.probabilities[0] for model in end.models])

    assert first == pytest.approx(0.1, abs=0.01)  # seven standard errors


def test_rows_of_the_reference_feed_every_regime():
    rows = Gaussian().sample(400, rng=np.random.default_rng(1))
    founder = Gaussian().fit(rows, rng=np.random.default_rng(1))
    for regime in (Accumulate(), FreshReal(0.2), Mixture(0.5, 0.2, 0.3)):
        trajectory = recurse(founder, rows, regime, generations=3, size=100, replicates=3)
        assert np.isfinite(trajectory.values["variance"]).all()
        assert trajectory.regime == repr(regime)


def test_rows_of_codes_feed_every_regime():
    founder = Categorical([0.5, 0.3, 0.2])
    rows = founder.sample(400, rng=np.random.default_rng(1))
    for regime in (Accumulate(), FreshReal(0.2), Mixture(0.5, 0.2, 0.3)):
        trajectory = recurse(founder, rows, regime, generations=3, size=100, replicates=3)
        assert (trajectory.values["support"] <= 3).all()


def test_collapse_to_a_point_is_a_state():
    trajectory = recurse(Gaussian(0.0, 1.0), generations=3, size=2, metrics=["log_variance"])
    dead = recurse(
        Gaussian(2.0, 0.0), Gaussian(), generations=3, size=5, metrics=["variance", "log_variance"]
    )

    assert np.isfinite(trajectory.values["log_variance"]).all()
    assert dead.values["variance"].tolist() == [[0.0] * 4]
    assert np.isneginf(dead.values["log_variance"]).all()


def test_in_float32_a_lineage_becomes_a_point_and_every_metric_says_so():
    trajectory = recurse(
        Gaussian(3.0, dtype="float32"),
        Gaussian(3.0),
        generations=400,
        size=2,
        replicates=50,
        metrics=["log_variance", "log_det", "variance", "wasserstein", "tail_mass"],
    )
    values = trajectory.values

    assert np.isneginf(values["log_variance"][:, -1]).all()
    assert np.isneginf(values["log_det"][:, -1]).all()
    assert not values["variance"][:, -1].any()
    assert not any(np.isnan(each).any() for each in values.values())
    assert all(model.dtype == "float32" for model in trajectory.models)


def test_a_determinant_is_known_when_no_covariance_matrix_could_tell_it():
    """After 300 generations the condition number is beyond 1e16; mean and deviation are exact."""
    size, d, generations, replicates = 8, 4, 300, 50
    trajectory = recurse(
        Gaussian(np.zeros(d)),
        generations=generations,
        size=size,
        replicates=replicates,
        metrics=["log_det"],
    )
    half = (size - 1 - np.arange(d)) / 2
    mean = generations * (digamma(half).sum() - d * np.log((size - 1) / 2))
    deviation = (generations * polygamma(1, half).sum() / replicates) ** 0.5

    assert abs(trajectory.values["log_det"][:, -1].mean() - mean) <= Z * deviation


@pytest.mark.parametrize("regime", [Replace(), Mixture(0.9, 0.0, 0.1), Accumulate()], ids=repr)
def test_states_that_are_gone_change_nothing_but_the_time(regime, monkeypatch):
    """To the last bit with numpy, whether the chain forgets them or carries them along."""
    law = np.arange(1.0, 301) ** -1.5
    founder = Categorical(law / law.sum(), [f"word {k}" for k in range(300)])
    names = ["tail_mass", "tail_coverage", "gini_simpson", "support"]
    settings = {"generations": 12, "size": 40, "replicates": 6, "metrics": names}
    ours = recurse(founder, regime=regime, **settings)
    monkeypatch.setattr("collapse_bench.models._counts.PACK_FROM", 10**9)
    theirs = recurse(founder, regime=regime, **settings)

    for name in names:
        # A sum over fewer zeros may be grouped otherwise.
        np.testing.assert_allclose(ours.values[name], theirs.values[name], rtol=1e-13, atol=1e-15)
    for one, other in zip(ours.models, theirs.models, strict=True):
        assert np.array_equal(one.probabilities, other.probabilities)
        assert len(one.states) == len(one.probabilities) == 300


def test_blocks_are_cut_by_what_a_lineage_holds(monkeypatch):
    """A pool counts with all that it will hold, candidates with all that are drawn."""
    monkeypatch.setattr("collapse_bench.engine.BLOCK_VALUES", 1_000)

    def widths(regime, founder=Gaussian(), size=10, reference=None):  # noqa: B008
        process = engine._Process(founder, reference or founder, regime, [size] * 10, 0)
        return {block.stop - block.start for block in process.blocks(2_000)} - {0}

    assert widths(Replace()) == {1_000}
    assert widths(AccumulateSubsample()) == {10}  # 10 generations of 10
    assert widths(AccumulateSubsample(), Categorical([0.5, 0.5])) == {500}
    assert widths(Curate(len, 0.1)) == {10}
    assert widths(FixedReal(0.5, "iid")) == {66, 20}  # 2,000 are 30 times 66, and 20
    assert widths(FixedReal(0.5)) == {1_000}


def test_the_founder_is_never_changed():
    class Learner(Wrapped):
        def fit(self, samples, *, rng):
            self.inner = self.inner.fit(samples, rng=rng)  # in place, as many libraries do
            return self

    founder = Learner(Gaussian())
    recurse(founder, generations=2, size=10)

    assert founder.inner.moments()[1][0, 0] == 1.0


def test_models_and_laws_of_other_libraries_are_taken_as_they_are():
    from scipy import stats
    from sklearn.mixture import GaussianMixture

    founder = GaussianMixture(2, random_state=0).fit(np.r_[-2.0:-1:20j, 1.0:2:20j][:, None])
    trajectory = recurse(
        founder, reference=stats.norm(0, 2), generations=2, size=50, metrics=["variance"]
    )

    assert trajectory.family == "GaussianMixture"
    assert trajectory.values["variance"].shape == (1, 3)
    assert founder.weights_.sum() == pytest.approx(1, abs=1e-12)  # untouched; rounding of two terms


def test_to_frame_is_tidy():
    frame = recurse(Gaussian(), generations=2, replicates=3, metrics=["variance"]).to_frame()

    assert list(frame.columns) == ["replicate", "generation", "metric", "value"]
    assert len(frame) == 9
    assert frame[frame.generation == 0].value.tolist() == [1.0] * 3


class Silent(Wrapped):
    def fit(self, samples, *, rng):
        self.inner = self.inner.fit(samples, rng=rng)


class Broken(Wrapped):
    def fit(self, samples, *, rng):
        raise KeyError("no such layer")


@pytest.mark.parametrize(
    ("founder", "settings", "error", "sentence"),
    [
        (Gaussian(), {"generations": 0}, InvalidArgument, "generations must be an integer >= 1"),
        (Gaussian(), {"generations": 2.0}, InvalidArgument, "got generations=2.0"),
        (Gaussian(), {"replicates": 0}, InvalidArgument, "replicates must be an integer >= 1"),
        (Gaussian(), {"size": 0}, InvalidArgument, "size must be an integer >= 1; got size=0"),
        (Gaussian(), {"size": 1}, InvalidArgument, "size must exceed ddof=1"),
        (Gaussian(), {"size": [5]}, InvalidArgument, "size must have an entry for each of 10"),
        (Gaussian(), {"seed": -1}, InvalidArgument, "seed must be a non-negative integer"),
        (Gaussian(), {"metrics": ["varience"]}, InvalidArgument, "metrics must be one of"),
        (Gaussian(), {"metrics": ["support"]}, InvalidArgument, "metrics must be one of"),
        (Gaussian(), {"metrics": []}, InvalidArgument, "at least one metric"),
        (Gaussian(), {"measure": "exact"}, InvalidArgument, "measure must be one of"),
        (Wrapped(Gaussian()), {"measure": "law"}, InvalidArgument, "no law form"),
        (Gaussian().replicate(2), {}, InvalidArgument, "founder must be a single model"),
        (Gaussian(), {"reference": [1.0, np.nan]}, InvalidSamples, "reference must be finite"),
        (Silent(Gaussian()), {}, ModelError, "fit must return a fitted model; got None"),
        (
            Broken(Gaussian()),
            {},
            ModelError,
            "samples of generation 1, .* KeyError: 'no such layer'",
        ),
    ],
)
def test_bad_input_is_one_sentence(founder, settings, error, sentence):
    with pytest.raises(error, match=sentence):
        recurse(founder, **settings)


@pytest.mark.parametrize(
    "regime", [FreshReal(0.4), FixedReal(0.4), Mixture(0.5, 0.0, 0.5)], ids=repr
)
@pytest.mark.parametrize(("of_founder", "of_law"), [("cpu", None), (None, "cpu"), ("cpu", "cpu")])
@pytest.mark.parametrize("family", ["line", "plane", "codes"])
def test_a_law_is_drawn_from_wherever_it_computes(family, of_founder, of_law, regime):
    """The draws are of the founder's kind; so a law elsewhere changes nothing, not even them."""
    founder, law, metric = {
        "line": (Gaussian(), Gaussian(1.0, 2.0), "log_variance"),
        "plane": (Gaussian([0, 0]), Gaussian([1, 0], [[2, 1], [1, 2]]), "log_variance"),
        "codes": (Categorical([0.5, 0.5]), Categorical([0.2, 0.8]), "gini_simpson"),
    }[family]

    def run(law):
        model = founder if of_founder is None else founder.to(of_founder)
        settings = {"generations": 3, "size": 20, "replicates": 3, "metrics": [metric]}
        return recurse(model, law, regime, **settings).values[metric]

    beside = law if of_founder is None else law.to(of_founder)
    assert np.array_equal(run(law if of_law is None else law.to(of_law)), run(beside))


def test_each_block_of_lineages_is_measured_by_draws_of_its_own():
    """The founder is one model: only the draws it is measured by can differ between replicates."""
    trajectory = recurse(Wrapped(Gaussian()), generations=1, replicates=4, metrics=["variance"])

    assert trajectory.measured == {"variance": "samples"}
    assert len(np.unique(trajectory.values["variance"][:, 0])) == 4


@pytest.mark.parametrize("law", [None, Gaussian([1.0, 0.0]).to("cpu")])
def test_what_is_aimed_at_is_in_the_memory_of_the_cpu(law, monkeypatch):
    """The tensors of a law on another device are no numbers to numpy."""
    found = []
    target_of = engine.target_of
    monkeypatch.setattr(
        engine, "target_of", lambda law, *a, **k: found.append(law) or target_of(law, *a, **k)
    )
    recurse(Gaussian([0.0, 0.0]).to("cpu"), law, generations=1, size=20, metrics=["variance"])

    assert [aim.device for aim in found] == [None]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"generations": 10**9}, "generations must be at most 268,435,455; got generations=10000"),
        ({"replicates": 10**9}, "replicates must be at most 24,403,223 with 10 generations; got r"),
    ],
)
def test_more_values_than_memory_holds_are_refused_before_anything_runs(given, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        recurse(Gaussian(), **given)
