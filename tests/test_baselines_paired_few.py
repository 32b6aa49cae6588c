"""Releases compared row by row where few pairs differ, or none."""

import numpy as np
import pytest

from collapse_bench.baselines.pairs import pairs_of
from collapse_bench.gates import Check
from tests.test_baselines_paired import RUNS, words


@pytest.mark.parametrize("size", [20, 40, 100])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_loss_of_a_few_rows_is_seldom_called_equivalent(size, noise):
    # a tenth of the rows are wider, and become 0: 22 % of the variance; the margin is 15 %
    def draw(rng, count):
        wide = rng.random(count) < 0.1
        return np.where(wide, 1.6, 1.0) * rng.normal(size=count), wide

    reference, _ = draw(np.random.default_rng(99), 5_000)
    found = []
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        rows, wide = draw(rng, size)
        later = np.where(wide, 0, rows) + noise * rng.normal(size=size)
        found.append(words(rows, later, reference, ["variance"], alpha=0.01)["variance"])

    assert found.count("equivalent") <= RUNS * 0.01 + 4 * np.sqrt(RUNS * 0.01 * 0.99)


@pytest.mark.parametrize("metric", ["variance", "wasserstein"])
@pytest.mark.parametrize(
    ("size", "moved", "word"),
    [
        (40, 0, "can't tell"),
        (200, 0, "equivalent"),
        (200, 5, "can't tell"),
        (200, 90, "equivalent"),
    ],
)
def test_releases_of_which_few_pairs_differ_are_not_equivalent(metric, size, moved, word):
    rows = np.random.default_rng(0).normal(size=size)
    # to and fro, by so little that nothing is shown
    later = rows + np.where(np.arange(size) < moved, 1e-4 * (-1.0) ** np.arange(size), 0)

    assert words(rows, later.copy(), checks=[metric], alpha=0.01) == {metric: word}


def test_pairs_of_equal_rows_carry_no_change():
    rng = np.random.default_rng(0)
    rows, codes = rng.normal(size=(400, 1)), rng.choice(200, 400)
    blocks = rng.choice(40, (400, 5))
    first = np.arange(400) < 20
    for metric, values, kind, lost in (
        ("variance", rows, "numbers", np.where(first[:, None], 3 * rows, rows)),
        ("support", codes, "codes", np.where(first, 0, codes)),
        ("tail_mass", blocks, "tokens", np.where(first[:, None], 0, blocks)),
    ):
        check = Check(metric, kind=kind, **({"depth": 100} if metric == "support" else {}))
        found = pairs_of(values, lost, values, kind=kind, permutations=99).measure(check)
        most = 50 if metric == "support" else 20  # whose states other rows hold as well
        assert 1 < found.change.carriers <= most, metric


def test_equal_releases_of_codes_are_equivalent_if_they_are_many():
    codes = np.random.default_rng(0).choice(40, 200)
    many, few = (
        words(codes[:n], codes[:n].copy(), np.tile(codes, 5), [Check("support", kind="codes")])
        for n in (200, 40)
    )

    assert many == {"support": "equivalent"}
    assert few == {"support": "can't tell"}
