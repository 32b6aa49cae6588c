import numpy as np
import pytest
from sklearn.datasets import load_digits

from collapse_bench.features import load_features
from collapse_bench.gates import Check, Gate

CHECKS = [Check("tail_mass", mass=0.2, detect=0.5), Check("variance", detect=0.5, permutations=999)]


@pytest.fixture(scope="module")
def digits():
    """Return three parts of the images of digits, each (599, 8, 8)."""
    images = np.random.default_rng(0).permutation(load_digits().images)
    return images[:599], images[599:1_198], images[1_198:]


def judged(digits, change):
    """Return the outcome of a gate on images through principal components of the first part."""
    known, reference, real = digits  # to fit by, to judge by, to be judged
    features = load_features("collapse_bench.features:PCA").fit(known)
    return Gate(features.apply(reference), CHECKS).judge(features.apply(change(real))).outcome


# One pair each: a false fail has probability 1 %, a false pass too.
def test_real_images_do_not_fail(digits):
    assert judged(digits, lambda images: images) != "fail"


def test_images_pulled_halfway_to_their_mean_fail(digits):
    assert judged(digits, lambda images: (images + images.mean(axis=0)) / 2) == "fail"
