import numpy as np
import pytest
from sklearn.datasets import load_digits

from collapse_bench.data import BUILT_IN, TwoGaussians, load_reference
from collapse_bench.errors import InvalidArgument


def test_names():
    assert BUILT_IN == ("digits", "pydoc", "two-gaussians", "zipf")


def test_digits_are_those_of_scikit_learn():
    digits = load_reference("digits")

    assert (digits.kind, digits.values.shape, digits.law) == ("numbers", (1797, 64), None)
    np.testing.assert_array_equal(digits.values, load_digits().data)
    assert digits.columns is not None
    assert digits.columns[:2] == ("pixel_0_0", "pixel_0_1")


def test_columns_of_digits_can_be_chosen():
    chosen = load_reference("digits", columns=("pixel_2_3", "pixel_0_2"))

    np.testing.assert_array_equal(chosen.values, load_digits().data[:, [19, 2]])
    assert chosen.columns == ("pixel_2_3", "pixel_0_2")


def test_zipf_frequencies_follow_its_law():
    zipf = load_reference("zipf")
    probabilities = zipf.law.probabilities
    counts = np.bincount(zipf.values, minlength=1000)
    z = (counts - len(zipf) * probabilities) / np.sqrt(len(zipf) * probabilities)

    assert (zipf.kind, len(zipf)) == ("codes", 100_000)
    assert probabilities[9] / probabilities[0] == pytest.approx(10**-1.2, rel=1e-12)  # rounding
    # Pearson's statistic on 999 degrees of freedom, |z| <= 4.5: 7 false alarms in a million seeds.
    assert abs((z**2).sum() - 999) <= 4.5 * np.sqrt(2 * 999)


def test_two_gaussians_come_with_their_law():
    reference = load_reference("two-gaussians")

    assert reference.values.shape == (100_000, 1)
    assert reference.law == TwoGaussians()
    # |z| <= 4.5: 7 false alarms in a million seeds, and the seed is fixed.
    assert abs(reference.values.mean()) <= 4.5 * np.sqrt(5 / 100_000)


@pytest.mark.parametrize("name", ["zipf", "two-gaussians"])
def test_draws_depend_on_seed_and_size_alone(name):
    first, again, other = (load_reference(name, seed=seed, size=50) for seed in (3, 3, 4))

    assert first.sha256 == again.sha256 != other.sha256
    assert len(first) == 50


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("digits", {"size": 5}, "size must be None for 'digits', a finite set; got size=5"),
        ("zipf", {"size": 0}, "size must be an integer >= 1; got size=0"),
        ("zipf", {"seed": -1}, "seed must be a non-negative integer; got seed=-1"),
        (
            "zipf",
            {"columns": ("x",)},
            "columns must be None for 'zipf', whose values have no column names",
        ),
        (
            "digits",
            {"columns": ("pixel_0_9",)},
            "columns must be columns of 'digits'; got 'pixel_0_9': did you mean 'pixel_0_",
        ),
    ],
)
def test_bad_settings_are_told(name, settings, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        load_reference(name, **settings)
