import numpy as np
import pytest

from collapse_bench.adapters import as_model, name_of
from collapse_bench.adapters.functions import is_sampler
from collapse_bench.data import SampleSet
from collapse_bench.errors import InvalidSpec, ModelError
from collapse_bench.streams import generator
from tests.adapters.zoo import by_global, by_rng, by_seed

SAMPLED = ("sample",)


def test_a_function_gets_a_seed_that_is_new_at_each_call():
    seeds = []
    model = as_model(lambda n, seed: seeds.append(seed) or np.zeros(n), need=SAMPLED)
    rng = generator(0)
    for _ in range(100):
        model.sample(1, rng=rng)

    assert len(set(seeds)) == 100  # a pair of equal ones: once in 900,000 such tests
    assert all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds)


def test_a_function_may_take_the_generator():
    drawn = as_model(lambda n, rng: rng.normal(size=n), need=SAMPLED).sample(9, rng=generator(0))

    assert drawn.shape == (9, 1)


def test_a_function_of_codes():
    model = as_model(lambda n, seed: ["a", "b"] * n, need=SAMPLED, kind="codes")

    with pytest.raises(ModelError, match="must return 3 samples; got 6"):
        model.sample(3, rng=generator(0))
    with pytest.raises(ModelError, match="pass kind='codes' for categories"):
        as_model(lambda n, seed: ["a"] * n, need=SAMPLED).sample(3, rng=generator(0))


@pytest.mark.parametrize(
    "function", [lambda n: n, lambda n, k: n, lambda n, k, seed: n, lambda: 0, len, print, 3]
)
def test_other_functions_are_unknown(function):
    with pytest.raises(InvalidSpec, match=r"functions f\(n, seed\) and files of samples$"):
        as_model(function, need=SAMPLED)


def test_names_tell_a_sampler_from_a_factory():
    assert all(is_sampler(function) for function in (by_seed, by_rng, by_global))
    assert not any(is_sampler(function) for function in (len, lambda width, seed: 0, 3, object))


@pytest.mark.parametrize("returned", [None, [[1.0], [2.0, 3.0]], 5.0, {}, np.ones((3, 2, 2))])
def test_what_is_no_array_of_samples_is_told(returned):
    with pytest.raises(ModelError, match=r"^lambda\.sample\(3\) must"):
        as_model(lambda n, seed: returned, need=SAMPLED).sample(3, rng=generator(0))


def test_what_a_function_raises_is_told():
    with pytest.raises(ModelError, match=r"must return; it raised ZeroDivisionError"):
        as_model(lambda n, seed: 1 / 0, need=SAMPLED).sample(3, rng=generator(0))


def test_rows_of_the_caller_are_not_handed_out():
    kept = np.zeros((3, 1))
    drawn = as_model(lambda n, seed: kept, need=SAMPLED).sample(3, rng=generator(0))
    drawn += 1

    assert kept.sum() == 0


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "some draws.csv"
    path.write_text("age,income,word\n" + "".join(f"{i},{-i},w{i % 3}\n" for i in range(40)))
    return path


@pytest.mark.parametrize("convert", [str, lambda path: path])
def test_a_file_is_the_law_of_its_rows(table, convert):
    model = as_model(convert(table), need=SAMPLED, columns=["age", "income"])
    drawn = model.sample(4_000, rng=generator(0))

    assert drawn.shape == (4_000, 2)
    assert (drawn[:, 0] == -drawn[:, 1]).all()  # rows stay rows
    assert name_of(model) == "some-draws"
    # Each row comes 100 times on average: Pearson's statistic, 39 degrees of freedom.
    counts = np.bincount(drawn[:, 0].astype(int), minlength=40)
    statistic = ((counts - 100) ** 2 / 100).sum()
    assert abs(statistic - 39) < 4.5 * np.sqrt(2 * 39)


def test_a_file_of_codes(table):
    model = as_model(table, need=SAMPLED, columns=["word"])

    assert model.kind == "codes"
    assert set(model.sample(100, rng=generator(0))) == {"w0", "w1", "w2"}


def test_rows_may_be_loaded_already_and_fitted_as_one_says():
    rows = SampleSet.of(np.arange(5.0), name="five")
    model = as_model(rows, fit=lambda old, samples, rng: SampleSet.of(samples + 10, name="more"))
    fitted = model.fit(np.zeros(3), rng=generator(0))

    assert (name_of(model), name_of(fitted)) == ("five", "more")
    assert fitted.sample(7, rng=generator(0)).tolist() == [[10.0]] * 7
    with pytest.raises(InvalidSpec, match="SampleSet, which is only sampled from"):
        as_model(rows)


def test_no_such_file():
    with pytest.raises(InvalidSpec, match=r"got samples='nowhere\.csv'"):
        as_model("nowhere.csv", need=SAMPLED)
