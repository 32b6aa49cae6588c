import re
import sys

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from collapse_bench.data import SampleSet
from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec, ModelError
from collapse_bench.features import load_features

MODULE = """
import random
import numpy as np
import torch
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from collapse_bench.features import Surprisal

def lengths(texts):
    return [[len(text), text.count("e")] for text in texts]

def one(rows):
    return np.asarray(rows)[:, 0]

def chance(rows):
    return np.random.random(len(rows)) + random.random() + torch.rand(1).item()

def nan(rows):
    return np.where(np.arange(len(rows)) == 3, np.nan, 1.0)

def fewer(rows):
    return np.ones((len(rows) - 1, 2))

def words(rows):
    return ["a"] * len(rows)

def deep(rows):
    return np.ones((len(rows), 2, 2))

def ragged(rows):
    return [[1.0] * (1 + k % 2) for k in range(len(rows))]

def none(rows):
    return None

def width(rows):
    return np.ones((len(rows), len(rows)))

def writes(rows):
    rows[0] = 0
    return rows

def raises(rows):
    raise KeyError("no such\\nkey")

def leaves(rows):
    raise SystemExit(0)

def sparse_ones(rows):
    return sparse.csr_array(np.ones((len(rows), 3)))

def tensor(rows):
    return torch.ones(len(rows), 2, dtype=torch.bfloat16, requires_grad=True)

def seen(rows):
    global given
    given = rows
    return np.ones(len(rows))

class Centered:
    mean = 0.0
    def fit(self, rows):
        self.mean = rows.mean()
    def __call__(self, rows):
        return rows - self.mean

class Pure:
    def fit(self, rows):
        return lambda other: other - rows.mean()
    def transform(self, rows):
        raise AssertionError("it wasn't fitted")

class Empty:
    def fit(self, rows):
        return 3
    def transform(self, rows):
        return rows

class Wants:
    def __init__(self, width):
        pass
    def transform(self, rows):
        return rows

class Still:
    fitted = True
    def fit(self, rows):
        raise AssertionError("it is fitted")
    def transform(self, rows):
        return rows

class Bare:
    pass

still = Still()
centered = Centered()
scaler = StandardScaler().fit([[1.0], [3.0]])
fresh = StandardScaler()
bigrams = Surprisal(2).fit(["a b", "b a"])
number = 3
"""

ROWS = np.arange(20.0).reshape(10, 2)


@pytest.fixture(autouse=True)
def my_features(tmp_path, monkeypatch):
    (tmp_path / "my_features.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("my_features", None)


def test_a_function_is_applied_as_it_is():
    features = load_features("my_features:lengths")

    assert (features.name, features.fits) == ("my_features:lengths", False)
    found = features.apply(["the end", "no"])
    np.testing.assert_array_equal(found, [[7, 2], [2, 0]])
    assert found.dtype == np.float64


def test_one_number_a_sample_is_one_column():
    found = load_features("my_features:one").apply(ROWS)

    np.testing.assert_array_equal(found, ROWS[:, :1])


@pytest.mark.parametrize("name", ["Centered", "centered", "Pure"])
def test_what_has_to_be_fitted_is_fitted_to_a_copy(name):
    features = load_features(f"my_features:{name}")

    assert features.fits
    first, second = features.fit(ROWS), features.fit(ROWS + 5)

    assert not first.fits
    np.testing.assert_array_equal(first.apply(ROWS), ROWS - 9.5)
    np.testing.assert_array_equal(second.apply(ROWS), ROWS - 14.5)
    assert first.name == features.name
    with pytest.raises(InvalidArgument, match="features must be fitted first; got features='my_f"):
        features.apply(ROWS)
    with pytest.raises(InvalidArgument, match="features must have to be fitted"):
        first.fit(ROWS)


def test_scikit_learns_transformers_are_features():
    features = load_features("sklearn.preprocessing:StandardScaler").fit(ROWS)

    np.testing.assert_array_equal(
        features.apply(ROWS[:3]), StandardScaler().fit(ROWS).transform(ROWS[:3])
    )


@pytest.mark.parametrize(
    ("name", "fits"),
    [("scaler", False), ("fresh", True), ("still", False), ("bigrams", False)],
)
def test_what_is_fitted_already_is_applied_as_it_is(name, fits):
    assert load_features(f"my_features:{name}").fits is fits


@pytest.mark.parametrize(("name", "width"), [("sparse_ones", 3), ("tensor", 2)])
def test_sparse_matrices_and_tensors_are_read(name, width):
    np.testing.assert_array_equal(
        load_features(f"my_features:{name}").apply(ROWS), np.ones((10, width))
    )


def test_features_of_the_same_samples_are_the_same_and_leave_global_generators_alone():
    features = load_features("my_features:chance")
    before = np.random.get_state()[1].copy()  # noqa: NPY002

    first, second = features.apply(ROWS), features.apply(ROWS)

    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) == 10
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nan", "features 'my_features:nan' .* must be finite; 1 of 10 values are not"),
        ("fewer", "features 'my_features:fewer' .* must be one row a sample, 10; got 9"),
        ("words", "features 'my_features:words' .* must hold real numbers; got dtype"),
        ("deep", r"features 'my_features:deep' .* must have shape \(n, d\) or \(n,\)"),
        ("ragged", "features 'my_features:ragged' .* must be rectangular"),
        ("none", "features 'my_features:none' .* must hold real numbers"),
        ("writes", "features 'my_features:writes' must return .* ValueError: .*read-only"),
        (
            "raises",
            r"features 'my_features:raises' must return from __call__\(samples of shape \(10, 2\)"
            r"\); it raised KeyError: 'no such\\nkey' \(my_features.py, line \d+\)",
        ),
        ("leaves", "features 'my_features:leaves' must return .* it raised SystemExit: 0"),
    ],
)
def test_what_goes_wrong_in_features_names_them(name, message):
    rows = ROWS.copy()

    with pytest.raises(ModelError, match=message):
        load_features(f"my_features:{name}").apply(rows)

    np.testing.assert_array_equal(rows, ROWS)


def test_rows_must_be_as_wide_as_before():
    features = load_features("my_features:width")
    features.apply(ROWS)
    features.apply(ROWS)

    with pytest.raises(ModelError, match="must be 10 numbers a row as before; got 9"):
        features.apply(ROWS[:9])


def test_a_fit_must_return_what_can_be_applied():
    with pytest.raises(ModelError, match="fit of features 'my_features:Empty' must return what"):
        load_features("my_features:Empty").fit(ROWS)


def test_errors_of_built_in_features_name_the_spec_too():
    with pytest.raises(InvalidArgument, match=r"at most 1 .* features='collapse_bench.feat"):
        load_features("collapse_bench.features:PCA").fit(ROWS[:2])


@pytest.mark.parametrize(
    ("samples", "given"),
    [
        (["a b", "c"], ["a b", "c"]),
        (np.array(["a b", "c"]), ["a b", "c"]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
        (SampleSet.of(["a  b", "c"], kind="tokens"), ["a b", "c"]),
        (SampleSet.of([[1, 2], [3]], kind="tokens"), [(1, 2), (3,)]),
    ],
)
def test_texts_and_sequences_are_given_as_lists(samples, given):
    load_features("my_features:seen").apply(samples)

    found = sys.modules["my_features"].given
    assert found == given
    assert all(type(row) in (str, tuple) for row in found)


@pytest.mark.parametrize("samples", [ROWS, ROWS.reshape(10, 1, 2), SampleSet.of(ROWS)])
def test_arrays_are_given_as_copies_that_cannot_be_written_to(samples):
    load_features("my_features:seen").apply(samples)

    found = sys.modules["my_features"].given
    assert not found.flags.writeable
    assert found.base is None
    np.testing.assert_array_equal(np.ravel(found), np.ravel(ROWS))


@pytest.mark.parametrize("samples", [[], np.zeros((0, 2)), 3, None, iter([1]), np.array(2.0)])
def test_no_samples_are_refused(samples):
    with pytest.raises(InvalidSamples, match="samples must"):
        load_features("my_features:seen").apply(samples)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("pca", "got features='pca': did you mean 'collapse_bench.features:PCA'?"),
        ("my_features", "features must be MODULE:ATTR; got features='my_features'"),
        ("my_features.py:one", "a path: write 'my_features:one'"),
        ("my.pkl", "a stored feature: pickles are not loaded"),
        ("hf:one", "features must be MODULE:ATTR; got features='hf:one'"),
        ("my_features:ones", "has no 'ones': did you mean 'one'"),
        ("no_such_module:one", "features must be importable; .* no module 'no_such_module'"),
        ("my_features:number", "got features='my_features:number', an object of type .*int"),
        ("my_features:Bare", "or an object with transform.*my_features.Bare"),
        ("my_features:Wants", "must take the arguments it is given; .* 'width'"),
        (3, "features must be MODULE:ATTR, a string; got features=3"),
    ],
)
def test_what_names_no_features_is_refused(spec, message):
    with pytest.raises(InvalidSpec, match=message if "?" not in message else re.escape(message)):
        load_features(spec)
