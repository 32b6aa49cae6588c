"""Codes and tokens in a few numbers: counted by hand, and a sound model's line on the reference."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.data import SampleSet
from collapse_bench.reports import ranks as module
from collapse_bench.reports.ranks import ranks
from collapse_bench.reports.schema import first_problem
from tests.reports.documents import DOCUMENT


def zipf(size, *, seed, states=200):
    weights = 1 / np.arange(1, states + 1)
    return np.random.default_rng(seed).choice(states, size, p=weights / weights.sum())


def test_shares_are_counted():
    reference = np.array(["a"] * 600 + ["b"] * 300 + ["c"] * 100)
    [found] = ranks(np.array(["a", "a", "b", "d"]), reference, "codes", ["letter"])

    assert found["column"] == "letter"
    assert found["ranks"] == [1, 2, 3, 4]
    assert found["samples_share"] == [0.5, 0.25, 0.0]
    assert found["reference_share"] == pytest.approx([0.6, 0.3, 0.1], abs=0.05)
    assert found["states"] == {"samples": 3, "reference": 3, "missing": 1}
    assert found["missing"] == ["c"]
    assert found["rarest"] == {"mass": 0.05, "samples": 0.25, "reference": 0.0}  # d is unknown
    assert found["examples"] is None


def test_missing_states_are_named_from_the_most_frequent_on():
    reference = np.repeat(np.arange(30), np.arange(1, 31))
    [found] = ranks(np.zeros(5, dtype=int), reference, "codes")

    assert found["missing"] == [str(state) for state in range(29, 29 - module.STATES, -1)]
    assert found["states"]["missing"] == 29


def test_a_sound_model_s_line_lies_on_that_of_the_reference():
    # ranked by the rows that are counted, states seen once would look twice as frequent as they are
    shares = np.array(
        [
            [record["samples_share"][-1], record["reference_share"][-1]]
            for seed in range(40)
            for record in ranks(zipf(500, seed=seed), zipf(500, seed=100 + seed), "codes")
        ]
    )
    difference = shares[:, 0] - shares[:, 1]

    # 40 draws, four standard errors: wrong once in 10,000
    assert abs(difference.mean()) < 4 * difference.std(ddof=1) / np.sqrt(len(shares))


def test_lost_rare_states_lie_below():
    reference, samples = zipf(20_000, seed=1), zipf(20_000, seed=2)
    [found] = ranks(np.where(samples > 150, 0, samples), reference, "codes")

    assert found["samples_share"][-1] < 0.3 * found["reference_share"][-1]
    assert found["rarest"]["samples"] < 0.5 * found["rarest"]["reference"]


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        (["the cat", "a dog", "an owl", "x y"], ["the cat", "a dog", "an owl", "x y"]),
        (np.array([[1, 2], [3, 4], [5, 6], [7, 8]]), ["1 2", "3 4", "5 6", "7 8"]),
        ([[1], [2, 3], [4], [5]], ["1", "2 3", "4", "5"]),
    ],
)
def test_sequences_have_examples(rows, shown):
    values = SampleSet.of(rows, kind="tokens").values
    [found] = ranks(values[:1], values, "tokens")

    assert found["examples"] == {
        "samples": shown[:1],
        "reference": shown,
        "missing": shown[1:],
    }


def test_examples_are_few_and_cut():
    values = SampleSet.of(["w" * 100_000] * 20, kind="tokens").values
    [found] = ranks(values, values, "tokens")

    assert found["examples"]["samples"] == ["w" * module.LONGEST + "\N{HORIZONTAL ELLIPSIS}"] * 5
    assert found["examples"]["missing"] == found["missing"] == []
    long = SampleSet.of(np.ones((4, 10_000), dtype=int), kind="tokens").values
    assert len(ranks(long, long, "tokens")[0]["examples"]["samples"][0]) == module.LONGEST + 1


def test_a_reference_that_has_no_half_says_nothing():
    assert ranks(np.array([1, 2]), np.array([1]), "codes") == []


codes = st.lists(st.integers(0, 9), min_size=2, max_size=30).map(np.array)


@given(codes, codes)
def test_whatever_the_codes_it_is_a_record_of_the_schema(samples, reference):
    [found] = ranks(samples, reference, "codes")
    gate = {**DOCUMENT["gates"][0], "shapes": [found]}

    json.dumps(found, allow_nan=False)
    assert first_problem({**DOCUMENT, "gates": [gate]}) is None
    assert all(one < other for one, other in pairwise(found["ranks"]))
    lengths = {len(found[name]) for name in ("samples_share", "reference_share")}
    assert lengths == {len(found["ranks"]) - 1}


def test_it_does_not_depend_on_the_order_of_the_samples():
    samples, reference = zipf(300, seed=0), zipf(300, seed=1)

    assert ranks(samples, reference, "codes") == ranks(samples[::-1], reference, "codes")
