import functools

import pytest
from scipy import stats
from sklearn.mixture import GaussianMixture

from collapse_bench.adapters import as_model, name_of
from collapse_bench.models import Gaussian


class _Private:
    pass


class Odd:
    __name__ = 3


@pytest.mark.parametrize(
    ("obj", "name"),
    [
        (GaussianMixture(), "GaussianMixture"),
        (GaussianMixture, "GaussianMixture"),
        (functools.partial(GaussianMixture, 3), "GaussianMixture"),
        (as_model(GaussianMixture()), "GaussianMixture"),
        (Gaussian(), "Gaussian"),
        (stats.norm(1, 2), "norm"),
        (stats.multivariate_normal([0, 0]), "multivariate_normal"),
        (stats.gaussian_kde([1.0, 2.0]), "gaussian_kde"),
        (as_model(stats.gaussian_kde), "gaussian_kde"),
        (lambda: 0, "lambda"),
        (_Private(), "Private"),
        (Odd(), "Odd"),
        ("my_module:Outer.Flow", "Outer.Flow"),
        ("gaussian", "gaussian"),
        ("some/where/draws v2.tar.csv", "draws-v2.tar"),
        ("...", "model"),
        ("a:", "a"),
    ],
)
def test_names(obj, name):
    assert name_of(obj) == name


def test_long_names_are_cut():
    assert name_of("x" * 300) == "x" * 100
