"""How often the words of a comparison are wrong, and how often right."""

import numpy as np
import pytest
from scipy import stats

from collapse_bench.baselines.comparing import compare_entries
from collapse_bench.gates import check_tail_mass
from tests.test_baselines_comparing import entry, word_of


def measured(loss, rng, *, level=0.05, error=0.03):
    """Return a check with normal bounds of ``level`` each about an estimate of ``loss``."""
    estimate = loss + error * rng.normal()
    reach = error * stats.norm.isf(level)
    more = {"alpha": level, "beta": level, "id": str(rng.integers(1 << 60))}
    return entry(estimate, estimate - reach, estimate + reach, **more)


@pytest.mark.parametrize(
    ("change", "wrong"), [(0.0, "worse"), (0.0, "better"), (0.15, "equivalent")]
)
def test_words_are_seldom_wrong(change, wrong):
    # 400 comparisons of three checks each, at alpha = 0.1, so bounds are moved from 5 % to 1.7 %.
    # Were the rate 0.1, more than 60 would be wrong once in 1,500 tries.
    rng = np.random.default_rng(20261123)

    def compared():
        pairs = [(measured(0.3, rng), measured(0.3 + change, rng)) for _ in range(3)]
        return {one.word for one in compare_entries(pairs, alpha=0.1)}

    assert sum(wrong in compared() for _ in range(400)) <= 60


@pytest.mark.parametrize(
    ("change", "right"), [(0.3, "worse"), (-0.3, "better"), (0.0, "equivalent")]
)
def test_words_are_found(change, right):
    # Standard errors of 0.01: a difference of 0.3, or the margin of 0.15, is more than ten of them.
    rng = np.random.default_rng(7)
    pairs = [
        (measured(0.4, rng, error=0.01), measured(0.4 + change, rng, error=0.01))
        for _ in range(200)
    ]

    assert {one.word for one in compare_entries(pairs, alpha=0.1)} == {right}


def test_two_healthy_releases_are_seldom_worse():
    # 60 pairs of draws of one law against one reference of 4,000 rows, alpha = 0.1 a pair: 16 or
    # more "worse" come once in 2,000 tries if the rate is 0.1.
    rng = np.random.default_rng(20261123)
    wrong = 0
    for _ in range(60):
        reference = rng.normal(size=4_000)
        was, now = (
            check_tail_mass(rng.normal(size=2_000), reference, alpha=0.05, beta=0.05)
            for _ in range(2)
        )
        numbers = [
            {name: getattr(v, name) for name in ("estimate", "low", "high")} for v in (was, now)
        ]
        pair = tuple(entry(**one, alpha=0.05, beta=0.05, detect=0.25) for one in numbers)
        wrong += word_of(*pair, alpha=0.1) == "worse"

    assert wrong < 16
