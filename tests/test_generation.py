import gc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument, ModelError
from collapse_bench.generation import BATCH, calling, draw
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.streams import generator, torch_generator


class Model:
    """Samples by a function of size and rng; remembers what it was asked for."""

    def __init__(self, function, **attributes):
        self.function, self.asked = function, []
        self.__dict__.update(attributes)

    def sample(self, size, *, rng):
        self.asked.append(size)
        return self.function(size, rng)


def from_torch(size, rng, **settings):
    return torch.randn(size, 2, generator=torch_generator(rng, "cpu"), **settings)


def test_draws_come_as_asked():
    drawn = draw(Gaussian([0.0, 1.0], np.eye(2)), 5, rng=generator(0))

    assert (drawn.shape, drawn.dtype) == ((5, 2), np.float64)
    np.testing.assert_array_equal(
        drawn, Gaussian([0.0, 1.0], np.eye(2)).sample(5, rng=generator(0))
    )


def test_codes_stay_codes():
    drawn = draw(Categorical([0.5, 0.5], ["a", "b"]), 20, rng=generator(0))

    assert (drawn.shape, drawn.dtype.kind) == ((20,), "U")


def test_integers_are_numbers_unless_the_model_or_the_caller_says_codes():
    def whole(size, rng):
        return rng.integers(5, size=size)

    assert draw(Model(whole), 4, rng=generator(0)).shape == (4, 1)
    assert draw(Model(whole, kind="codes"), 4, rng=generator(0)).shape == (4,)
    assert draw(Model(whole), 4, rng=generator(0), kind="codes").dtype.kind == "i"


@given(st.integers(1, 40), st.integers(1, 12))
def test_batches_add_up_and_none_is_too_large(size, batch):
    model = Model(lambda count, rng: rng.normal(size=(count, 1)))
    drawn = draw(model, size, rng=generator(1), batch=batch)

    assert sum(model.asked) == len(drawn) == size
    assert max(model.asked) <= batch
    assert len(model.asked) == -(-size // batch)
    # One stream runs through the batches, so rows that are drawn one by one don't depend on them.
    np.testing.assert_array_equal(drawn, generator(1).normal(size=(size, 1)))


def test_a_large_draw_is_made_in_batches():
    model = Model(lambda count, rng: rng.normal(size=count))
    draw(model, 2 * BATCH + 1, rng=generator(0))

    assert model.asked == [BATCH, BATCH, 1]


def test_words_of_any_length_are_kept_whole():
    words = iter([["a"], ["longer"]])
    model = Model(lambda size, rng: next(words))

    assert draw(model, 2, rng=generator(0), batch=1).tolist() == ["a", "longer"]


def test_a_buffer_that_is_filled_again_does_not_change_earlier_draws():
    buffer = np.empty((2, 1))

    def refill(size, rng):
        buffer[:] = rng.normal(size=(2, 1))
        return buffer[:size]

    model = Model(refill)
    first = draw(model, 2, rng=generator(0))
    kept = first.copy()
    second = draw(model, 4, rng=generator(1), batch=2)

    np.testing.assert_array_equal(first, kept)
    assert not np.array_equal(second[:2], second[2:])
    assert first.flags.writeable
    assert first.base is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_of_any_precision_become_double(dtype):
    drawn = draw(Model(lambda size, rng: from_torch(size, rng).to(dtype)), 3, rng=generator(0))
    expected = from_torch(3, generator(0)).to(dtype).double().numpy()

    assert drawn.dtype == np.float64
    np.testing.assert_array_equal(drawn, expected)


def test_tensors_are_detached_and_the_graph_is_let_go():
    weight = torch.ones(2, requires_grad=True)
    alive = []

    def with_graph(size, rng):
        tensor = from_torch(size, rng) * weight
        alive.append(weakref.ref(tensor))
        return tensor

    drawn = draw(Model(with_graph), 3, rng=generator(0))
    gc.collect()

    np.testing.assert_array_equal(drawn, from_torch(3, generator(0)).double().numpy())
    assert [reference() for reference in alive] == [None]


def test_tensors_may_lie_in_memory_as_they_like():
    drawn = draw(Model(lambda size, rng: from_torch(2, rng)[:, :size].T), 2, rng=generator(0))

    np.testing.assert_array_equal(drawn, from_torch(2, generator(0)).T.numpy())


def test_a_model_that_can_move_is_moved_first():
    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def sample(self, size, *, rng):
            assert self.weight.device.type == "meta"
            return np.zeros((size, 1))

    assert draw(Network(), 2, rng=generator(0), device="meta").shape == (2, 1)


def test_a_model_that_cannot_move_is_left_where_it_is():
    drawn = draw(Model(lambda size, rng: np.ones(size)), 2, rng=generator(0), device="meta")

    assert drawn.tolist() == [[1.0], [1.0]]


def constant(value):
    return lambda size, rng: value


BAD_DRAWS = {
    "too few": (lambda size, rng: np.zeros((size - 1, 1)), "must return 10 samples; got 9"),
    "too many": (lambda size, rng: np.zeros((size + 1, 1)), "must return 10 samples; got 11"),
    "none": (lambda size, rng: np.zeros((0, 1)), "must return 10 samples; got 0"),
    "short list": (lambda size, rng: [0.0] * 9, "must return 10 samples; got 9"),
    "nan": (
        lambda size, rng: np.where(np.arange(10) == 7, np.nan, 0.0),
        r"must be finite; 1 of 10 values are not, the first at row 7, column 0: nan",
    ),
    "infinite": (lambda size, rng: torch.full((size, 1), -torch.inf), "10 of 10 values are not"),
    "scalar": (constant(1.0), r"must have shape \(n, d\) or \(n,\) .*; got shape \(\)"),
    "images": (lambda size, rng: np.zeros((size, 2, 2)), r"got shape \(10, 2, 2\)"),
    "no columns": (lambda size, rng: np.zeros((size, 0)), r"got shape \(10, 0\)"),
    "ragged": (lambda size, rng: [[0.0]] * 9 + [[0.0, 1.0]], "must be rectangular; numpy says"),
    "objects": (lambda size, rng: np.array([{}] * size), "hold real numbers; got dtype object"),
    "complex": (lambda size, rng: np.zeros(size, complex), "got dtype complex128"),
    "times": (lambda size, rng: np.zeros(size, "M8[s]"), r"got dtype datetime64\[s\]"),
    "nothing": (constant(None), "must return an array; got NoneType"),
    "generator": (lambda size, rng: iter(int, 1), "must return an array; got callable_iterator"),
    "huge": (
        lambda size, rng: torch.zeros(1, 1).expand(size, 10**11),
        "must hold at most 2,147,483,648 values; got 1,000,000,000,000",
    ),
    "huge array": (
        lambda size, rng: np.broadcast_to(0.0, (size, 10**11)),
        "must hold at most 2,147,483,648 values; got 1,000,000,000,000",
    ),
    "meta": (lambda size, rng: torch.zeros(size, 1, device="meta"), "must be a dense tensor with"),
    "sparse": (lambda size, rng: torch.zeros(size, 1).to_sparse(), "must be a dense tensor with"),
    "compressed": (lambda size, rng: torch.zeros(size, 1).to_sparse_csr(), "must .* dense"),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
@pytest.mark.parametrize("case", BAD_DRAWS)
def test_a_bad_draw_names_model_call_and_trouble(case):
    function, sentence = BAD_DRAWS[case]

    with pytest.raises(ModelError, match=rf"^Model\.sample\(10, rng=rng\) .*{sentence}"):
        draw(Model(function), 10, rng=generator(0))


def test_the_batch_is_named_where_there_are_several():
    model = Model(lambda size, rng: np.full(size, np.nan if len(model.asked) == 3 else 0.0))

    with pytest.raises(
        ModelError,
        match=r"Model\.sample\(4, rng=rng\) \(samples 8 to 11 of 1,000\) must be finite; 4 of 4",
    ):
        draw(model, 1000, rng=generator(0), batch=4)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (
            ([[0.0]], [[0.0, 1.0]]),
            r"must return samples of shape \(1,\) as before; got shape \(2,\)",
        ),
        (([0.0], ["a"]), "must return float64 as before; got <U1"),
        (([True], ["a"]), "must return bool as before; got <U1"),
    ],
)
def test_batches_have_to_agree(parts, sentence):
    rest = iter(parts)

    with pytest.raises(ModelError, match=sentence):
        draw(Model(lambda size, rng: next(rest)), 2, rng=generator(0), batch=1)


def test_samples_that_would_not_fit_are_refused_after_the_first_batch():
    model = Model(lambda size, rng: np.zeros((size, 4)))

    with pytest.raises(
        ModelError,
        match="must be narrow enough for 1,000,000,000 samples to hold at most 2,147,483,648 "
        "values; got 4 values a sample",
    ):
        draw(model, 10**9, rng=generator(0), batch=1)
    assert model.asked == [1]


def raising(error):
    def function(size, rng):
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("weights\n  are gone"), "it raised ValueError: weights are gone"),
        (SystemExit(0), "it raised SystemExit: 0"),
        (MemoryError(), "it raised MemoryError: "),
        (RuntimeError("x" * 10_000), "it raised RuntimeError: x{300}"),
    ],
)
def test_what_a_model_raises_names_the_call(error, told):
    with pytest.raises(
        ModelError,
        match=rf"^Model\.sample\(3, rng=rng\) must return; {told} \(test_generation.py, line ",
    ) as got:
        draw(Model(raising(error)), 3, rng=generator(0))
    assert got.value.__cause__ is error


def test_an_interrupt_passes():
    with pytest.raises(KeyboardInterrupt):
        draw(Model(raising(KeyboardInterrupt())), 3, rng=generator(0))


def test_a_model_without_rng_is_told():
    class Old:
        def sample(self, n):
            return np.zeros(n)

    with pytest.raises(
        ModelError, match=r"Old\.sample\(3, rng=rng\) must return; it raised TypeErr"
    ):
        draw(Old(), 3, rng=generator(0))


def test_any_call_can_be_named():
    sentence = r"^int\.fit\(9 rows\) must return; it raised KeyError"

    with pytest.raises(ModelError, match=sentence), calling(3, "fit(9 rows)"):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"size": 0}, "size must be an integer >= 1; got size=0"),
        ({"size": 2.0}, "size must be an integer >= 1; got size=2.0"),
        ({"size": 2, "batch": 0}, "batch must be an integer >= 1; got batch=0"),
        ({"size": 2, "kind": "x"}, "kind must be one of 'numbers', 'codes'; got kind='x'"),
    ],
)
def test_bad_arguments_are_told(settings, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        draw(Model(lambda size, rng: np.zeros(size)), rng=generator(0), **settings)


def test_a_replicate_axis_is_refused():
    with pytest.raises(InvalidArgument, match="model must be a single one; got replicates=3"):
        draw(Gaussian().replicate(3), 5, rng=generator(0))


@pytest.mark.parametrize(
    ("drawn", "kept"),
    [
        (["a  b", "c"], ["a b", "c"]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ([["x"], ["y", "z"]], [("x",), ("y", "z")]),
    ],
)
def test_sequences_of_tokens_are_drawn(drawn, kept):
    model = Model(lambda size, rng: drawn[:size])

    assert draw(model, 2, rng=generator(0), kind="tokens").tolist() == kept


def test_batches_of_sequences_may_differ_in_length():
    lengths = iter([2, 3, 3])
    model = Model(lambda size, rng: np.full((size, next(lengths)), 7))
    drawn = draw(model, 5, rng=generator(0), batch=2, kind="tokens")

    assert drawn.tolist() == [(7, 7), (7, 7), (7, 7, 7), (7, 7, 7), (7, 7, 7)]


@pytest.mark.parametrize(
    ("second", "words"),
    [(["1"], "as before; got texts"), ([["1"]], "integers as before; got tokens that are strings")],
)
def test_batches_of_sequences_are_of_one_form(second, words):
    parts = iter([[[1]], second])

    with pytest.raises(ModelError, match=words):
        draw(Model(lambda size, rng: next(parts)), 2, rng=generator(0), batch=1, kind="tokens")


def test_a_sequence_too_few_is_told():
    with pytest.raises(ModelError, match="must return 3 samples; got 2"):
        draw(Model(lambda size, rng: ["a", "b"]), 3, rng=generator(0), kind="tokens")
