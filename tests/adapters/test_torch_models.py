import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons

from collapse_bench.adapters import as_model
from collapse_bench.errors import InvalidSpec, ModelError
from collapse_bench.streams import generator
from tests.adapters.zoo import (
    ROWS,
    ByGenerator,
    ByNumber,
    ByShape,
    ByTuple,
    WithDensities,
    flow,
    train,
    train_flow,
)

D = torch.distributions
SAMPLED = ("sample",)


@pytest.mark.parametrize(
    ("law", "shape", "kind"),
    [
        (D.Normal(1.0, 2.0), (9, 1), "numbers"),
        (D.Normal(torch.tensor(1.0, dtype=torch.float64), 2.0), (9, 1), "numbers"),
        (D.MultivariateNormal(torch.zeros(2), torch.eye(2)), (9, 2), "numbers"),
        (
            D.MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double()),
            (9, 2),
            "numbers",
        ),
        (D.Independent(D.Normal(torch.zeros(3), 1.0), 1), (9, 3), "numbers"),
        (
            D.MixtureSameFamily(D.Categorical(torch.ones(2)), D.Normal(torch.zeros(2), 1.0)),
            (9, 1),
            "numbers",
        ),
        (D.Dirichlet(torch.ones(3)), (9, 3), "numbers"),
        (D.Categorical(torch.ones(4)), (9,), "codes"),
        (D.Bernoulli(0.5), (9,), "codes"),
        (D.Poisson(3.0), (9,), "codes"),
        (D.OneHotCategorical(torch.ones(4)), (9, 4), "numbers"),
    ],
)
def test_distributions(law, shape, kind):
    model = as_model(law, need=SAMPLED)
    drawn = model.sample(9, rng=generator(0))

    assert (drawn.shape, model.kind) == (shape, kind)
    seen = law.sample()
    rows = torch.as_tensor(drawn).to(seen.dtype).reshape(9, *law.event_shape)
    # The same floats through the same function; a masked call may sum in another order.
    np.testing.assert_allclose(model.log_prob(drawn), law.log_prob(rows), rtol=1e-6)


@pytest.mark.parametrize(
    ("law", "outside"),
    [
        (D.Exponential(1.0, validate_args=True), [[-1.0], [2.0]]),
        (D.Uniform(0.0, 1.0, validate_args=True), [[7.0], [0.5]]),
        (D.Dirichlet(torch.ones(2), validate_args=True), [[2.0, 3.0], [0.5, 0.5]]),
        (D.Exponential(1.0, validate_args=False), [[-1.0], [2.0]]),  # as importing zuko makes them
        (D.Poisson(3.0, validate_args=True), [-1, 2]),
    ],
)
def test_outside_the_support_the_density_is_zero(law, outside):
    found = as_model(law, need=SAMPLED).log_prob(np.array(outside))

    assert found[0] == -np.inf
    assert np.isfinite(found[1])
    assert as_model(law, need=SAMPLED).log_prob(np.array(outside)[:1]).tolist() == [-np.inf]
    if law._validate_args:
        with pytest.raises(ValueError, match="within the support"):  # torch's own answer
            law.log_prob(torch.as_tensor(outside[0], dtype=torch.float32))


def test_moments():
    mean, covariance = as_model(D.Gamma(4.0, 2.0), need=SAMPLED).moments()
    assert (mean.tolist(), covariance.tolist()) == ([2], [[1]])
    law = D.MultivariateNormal(torch.tensor([1.0, 2.0]), 4 * torch.eye(2))
    mean, covariance = as_model(law, need=SAMPLED).moments()
    assert (mean.tolist(), covariance.tolist()) == ([1, 2], [[4, 0], [0, 4]])
    for without in (
        D.Cauchy(0.0, 1.0),
        D.Dirichlet(torch.ones(2)),
        D.Categorical(torch.ones(2)),
        # torch's "variance" is the circular one: 0.55 for 1.67 of the draws of (0.5, 1).
        D.VonMises(0.5, 1.0),
        D.Independent(D.VonMises(0.5, 1.0), 0),
        D.MixtureSameFamily(D.Categorical(torch.ones(2)), D.VonMises(torch.zeros(2), 1.0)),
        D.ContinuousBernoulli(0.499),  # 0.17 for 1/12, in single precision
    ):
        assert not hasattr(as_model(without, need=SAMPLED), "moments")


@pytest.mark.parametrize(
    ("law", "sentence"),
    [
        (
            D.Normal(torch.zeros(3), 1.0),
            r"^model must be a single distribution; got Normal with batch_shape=\(3,\): wrap it in",
        ),
        (
            D.Independent(D.Normal(torch.zeros(2, 2), 1.0), 2),
            r"^model must draw single numbers or rows; got Independent with event_shape=\(2, 2\)$",
        ),
    ],
)
def test_batches_and_matrices_are_refused(law, sentence):
    with pytest.raises(InvalidSpec, match=sentence):
        as_model(law, need=SAMPLED)


def test_values_are_double_but_those_that_single_precision_has():
    drawn = as_model(D.Normal(0.0, 1.0), need=SAMPLED).sample(50, rng=generator(0))

    np.testing.assert_array_equal(drawn, drawn.astype(np.float32))


@pytest.mark.parametrize("make", [ByNumber, ByShape, ByTuple, ByGenerator, WithDensities])
def test_a_module_is_drawn_from_without_dropout_and_stays_in_its_mode(make):
    module = make()
    module.drop.p, module.scale.requires_grad = 1.0, True
    module.train()
    module.drop.eval()
    module.drop.train(make is ByShape)
    modes = [part.training for part in module.modules()]
    drawn = as_model(module, need=SAMPLED).sample(2_000, rng=generator(0))

    assert [part.training for part in module.modules()] == modes
    # Dropped out, every value would be 0. Means of 2,000 draws, within 4.5 standard errors.
    np.testing.assert_allclose(drawn.mean(0), [1, 1], atol=4.5 * 2 / np.sqrt(2_000))


def test_a_module_that_fails_is_left_in_its_mode_too():
    class Failing(ByNumber):
        def sample(self, n):
            raise RuntimeError("no")

    module = Failing().train()
    with pytest.raises(ModelError, match=r"Failing\.sample\(3\) must return; it raised Runtime"):
        as_model(module, need=SAMPLED).sample(3, rng=generator(0))
    assert module.training
    assert module.drop.training


def test_log_prob_of_a_module_is_its_own():
    module = WithDensities().eval()
    rows = np.array([[0.0, 1.0], [2.0, 3.0]])
    model = as_model(module.train(), need=SAMPLED)

    expected = module.eval().log_prob(torch.tensor(rows, dtype=torch.float32)).detach().numpy()
    np.testing.assert_array_equal(model.log_prob(rows), expected)
    assert not hasattr(as_model(ByNumber(), need=SAMPLED), "log_prob")


@pytest.mark.parametrize(
    "annotation",
    [int, "SampleSize", "BatchSize", int | tuple[int, ...], "Optional[int]", list[tuple[int, int]]],
)
def test_annotations_of_a_number(annotation):
    def sample(self, n):
        return self.push(torch.randn(n, 2))

    sample.__annotations__["n"] = annotation
    module = type("Annotated", (ByNumber,), {"sample": sample})()
    assert as_model(module, need=SAMPLED).sample(3, rng=generator(0)).shape == (3, 2)


@pytest.mark.parametrize(
    "annotation",
    [
        *(tuple, tuple[int, ...], torch.Size, torch.types._size),
        *("tuple[int, int]", "torch.Size | None", "Union[Size, tuple[int, ...]]", "t.Tuple[int]"),
    ],
)
def test_annotations_of_a_shape(annotation):
    def sample(self, n):
        return self.push(torch.randn(*n, 2))

    sample.__annotations__["n"] = annotation
    module = type("Annotated", (ByNumber,), {"sample": sample})()
    assert as_model(module, need=SAMPLED).sample(3, rng=generator(0)).shape == (3, 2)


class Labelled(ByNumber):
    def sample(self, n):
        return torch.zeros(n, 2), torch.arange(n)


def test_labels_are_not_left_out_in_silence():
    with pytest.raises(
        ModelError, match=r"^Labelled\.sample must return samples, or .* got labels of torch\.int64"
    ):
        as_model(Labelled(), need=SAMPLED).sample(4, rng=generator(0))


class Needy(ByNumber):
    def sample(self, n, temperature):
        return None


class Pictures(ByNumber):
    def sample(self, n):
        return torch.zeros(n, 1, 3, 3)


class Pair(ByNumber):
    def sample(self, n):
        return torch.zeros(n, 2), torch.zeros(n, 2)


def test_samples_that_a_module_cannot_be_asked_for():
    with pytest.raises(
        InvalidSpec, match=r"got Needy with sample\(n, temperature\): missing .*; wrap it in a f"
    ):
        as_model(Needy(), need=SAMPLED)
    with pytest.raises(ModelError, match=r"got shape \(4, 1, 3, 3\): flatten a sample to one row"):
        as_model(Pictures(), need=SAMPLED).sample(4, rng=generator(0))
    with pytest.raises(ModelError, match="must"):
        as_model(Pair(), need=SAMPLED).sample(4, rng=generator(0))
    with pytest.raises(InvalidSpec, match="torch modules that sample or return a distribution"):
        as_model(torch.nn.Linear(2, 2), need=SAMPLED)


def test_a_model_in_a_module_is_taken_as_it_is():
    class Ours(torch.nn.Module):
        def sample(self, size, *, rng):
            return rng.normal(size=(size, 1))

        def fit(self, samples, *, rng):
            return self

    model = Ours()

    assert as_model(model) is model


def test_training_is_a_function_of_a_copy_of_the_rows_and_of_the_stream():
    module = ByNumber()
    model = as_model(module, fit=train)
    state = module.scale.tolist()
    one, two, same = (model.fit(ROWS, rng=generator(seed)) for seed in (0, 1, 0))

    assert module.scale.tolist() == state
    assert one.wrapped.scale.tolist() == same.wrapped.scale.tolist()
    assert one.wrapped.scale.tolist() != two.wrapped.scale.tolist()


def test_training_has_to_return_the_model():
    with pytest.raises(ModelError, match="fit of ByNumber must return the fitted model; got None"):
        as_model(ByNumber(), fit=lambda *_: None).fit(ROWS, rng=generator(0))
    with pytest.raises(InvalidSpec, match=r"^fit of model must have sample"):
        as_model(ByNumber(), fit=lambda *_: 3).fit(ROWS, rng=generator(0))


def test_a_flow_of_zuko():
    """On two moons: some steps of training raise the likelihood of other rows."""
    rows = make_moons(400, noise=0.1, random_state=0)[0]
    held, other = rows[200:], rows[:200]
    spline = flow()
    model = as_model(spline, fit=train_flow)
    expected = spline().log_prob(torch.tensor(held, dtype=torch.float32)).detach().numpy()

    # The flow computes on another thread count or in another order of sums at most.
    np.testing.assert_allclose(model.log_prob(held), expected, rtol=1e-5)
    fitted = model.fit(other, rng=generator(0))
    assert fitted.log_prob(held).mean() > model.log_prob(held).mean()
    assert fitted.sample(3, rng=generator(0)).shape == (3, 2)
    assert type(fitted.wrapped) is type(spline)


def test_a_flow_alone_is_sampled_from():
    assert as_model(flow(), need=SAMPLED).sample(3, rng=generator(0)).shape == (3, 2)
    with pytest.raises(InvalidSpec, match=r"NSF, which is only sampled from: give as_model fit="):
        as_model(flow())


def test_a_module_that_returns_no_single_distribution():
    class Constant(torch.nn.Module):
        def forward(self):
            return self.made

    model = Constant()
    for made, sentence in (
        (3, r"Constant\(\) must return a torch distribution; got int"),
        (D.Normal(torch.zeros(3), 1.0), r"Constant\(\) must be a single distribution; got Normal"),
    ):
        model.made = made
        with pytest.raises(ModelError, match=sentence):
            as_model(model, need=SAMPLED).sample(3, rng=generator(0))


def test_a_module_moves_as_a_copy_where_it_has_to():
    module = ByNumber()
    model = as_model(module, need=SAMPLED)

    assert model.to("cpu") is model
    moved = model.to("meta")
    assert moved.wrapped.scale.device.type == "meta"
    assert module.scale.device.type == "cpu"
    assert not hasattr(as_model(D.Normal(0.0, 1.0), need=SAMPLED), "to")
