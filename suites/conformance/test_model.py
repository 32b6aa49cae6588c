"""A model as a sampler, as a learner and as a link in a recursion: is it sound?

The model comes from ``--collapse-model``; it is fitted to ``--collapse-reference`` where it comes
unfitted. Without the option three models are checked that are known to be sound: a Categorical, a
Gaussian and scikit-learn's GaussianMixture of three components.
"""

import pytest

from collapse_bench.conformance import all_checks


@pytest.mark.parametrize("check", all_checks())
def test_conformance(collapse_conformance, check):
    collapse_conformance(check)
