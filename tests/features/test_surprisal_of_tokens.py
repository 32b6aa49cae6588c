import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from collapse_bench.errors import InvalidArgument, InvalidSamples, InvalidSpec, ModelError
from collapse_bench.features import Surprisal, surprisal
from collapse_bench.features.ngrams import NGrams
from collapse_bench.models import Gaussian
from collapse_bench.validation import as_tokens

CORPUS = ["a b a b", "b a c"]

SEQUENCES = st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=5).filter(any)


def slowly(known, sequence, order):
    """Return the surprisal of one sequence by the formula, with dictionaries."""
    followers = defaultdict(Counter)
    for row in known:
        padded = ["<"] * (order - 1) + list(row)
        for at in range(order - 1, len(padded)):
            for length in range(order):
                followers[tuple(padded[at - length : at])][padded[at]] += 1
    states = {token for row in known for token in row}

    def chance(token, history):
        below = 1 / (len(states) + 1)
        if history is None:
            return below
        below = chance(token, history[1:] if history else None)
        after = followers.get(history)
        if not after:
            return below
        return (after[token] + len(after) * below) / (after.total() + len(after))

    padded = ["<"] * (order - 1) + list(sequence)
    steps = range(order - 1, len(padded))
    logs = [math.log(chance(padded[at], tuple(padded[at - order + 1 : at]))) for at in steps]
    return -sum(logs) / len(logs) if logs else 0.0


def test_bigrams_of_a_tiny_corpus_by_hand():
    # Of 7 tokens a and b are 3 each, c is 1: with 3 types and 1/4 below, p(a) = p(b) =
    # (3 + 3/4) / 10 = .375, p(c) = .175 and .075 for all others. Two sequences start, by a and by
    # b; a is followed by b, b and c; b by a and a.
    start_a = (1 + 2 * 0.375) / 4
    b_after_a = (2 + 2 * 0.375) / 5
    a_after_b = (2 + 1 * 0.375) / 3
    start_c, c_after_c = 2 * 0.175 / 4, 0.175  # nothing ever followed c
    start_new, a_after_new = 2 * 0.075 / 4, 0.375

    found = Surprisal(2).fit(CORPUS).transform(["a", "a b a", "c c", "new a", ""])

    logs = np.log([start_a, b_after_a, a_after_b, start_c, c_after_c, start_new, a_after_new])
    by_hand = [logs[0], logs[:3].mean(), logs[3:5].mean(), logs[5:].mean(), 0]
    # a few roundings of numbers of size 1
    np.testing.assert_allclose(found, -np.array(by_hand)[:, None], rtol=1e-14, atol=0)


@given(SEQUENCES, SEQUENCES, st.integers(1, 4))
def test_it_is_the_formula_with_dictionaries(known, sequences, order):
    found = Surprisal(order).fit(known).transform(sequences)

    expected = [[slowly(known, sequence, order)] for sequence in sequences]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


@given(SEQUENCES, st.lists(st.integers(0, 4), max_size=3), st.integers(1, 3))
def test_chances_of_the_next_token_sum_to_one(known, history, order):
    law = NGrams.of(*as_tokens("known", known)[:2], order=order)
    nexts = [*law.tokens.tolist(), 99]  # 99 stands for all that were never seen

    rows = [[*history, token] for token in nexts]
    totals = law.surprisal(*as_tokens("rows", rows)) * len(rows[0])
    before = 0.0
    if history:
        before = law.surprisal(*as_tokens("rows", [history]))[0] * len(history)

    # logs of up to 20 and back
    assert np.exp(before - totals).sum() == pytest.approx(1, abs=1e-12)


def test_unigrams_of_an_iid_source_come_to_its_entropy():
    rng = np.random.default_rng(0)
    law = 1 / np.arange(1, 51)
    law /= law.sum()
    known, fresh = (rng.choice(50, size=(4_000, 25), p=law) for _ in range(2))

    found = Surprisal(1).fit(known).transform(fresh).mean()

    # 100,000 tokens: six standard errors, and 49 parameters cost 49 / 200,000 nats on average
    spread = np.sqrt((law * np.log(law) ** 2).sum() - entropy(law) ** 2)
    assert abs(found - entropy(law)) < 6 * spread / math.sqrt(100_000) + 1e-3


def test_bigrams_see_an_order_that_single_tokens_do_not():
    rng = np.random.default_rng(1)
    starts = rng.integers(10, size=(500, 1))
    runs = (starts + np.arange(12)) % 10
    shuffled = rng.permuted(runs, axis=1)

    pairs, single = Surprisal(2).fit(runs), Surprisal(1).fit(runs)

    assert pairs.transform(runs).max() < pairs.transform(shuffled).min()
    np.testing.assert_allclose(single.transform(runs), single.transform(shuffled), rtol=1e-12)


@pytest.mark.parametrize(
    "samples", [["a b", "c"], [["a", "b"], ["c"]], [("a", "b"), ("c",)], np.array(["a b", "c"])]
)
def test_texts_and_sequences_of_words_are_read_alike(samples):
    np.testing.assert_array_equal(
        Surprisal().fit(CORPUS).transform(samples), Surprisal().fit(CORPUS).transform(["a b", "c"])
    )


def test_a_history_does_not_reach_into_the_sequence_before():
    fitted = Surprisal(3).fit(CORPUS)

    both = fitted.transform(["a b a", "b a c"])

    np.testing.assert_array_equal(both[1], fitted.transform(["b a c"])[0])


def test_bad_input_is_refused():
    with pytest.raises(InvalidArgument, match="order must be an integer >= 1; got order=0"):
        Surprisal(0)
    with pytest.raises(InvalidArgument, match="Surprisal must be fitted before it is applied"):
        Surprisal().transform(CORPUS)
    with pytest.raises(InvalidSamples, match=r"must hold tokens that are strings, .* integ"):
        Surprisal().fit(CORPUS).transform([[1, 2]])
    with pytest.raises(InvalidSamples, match="samples must hold tokens"):
        Surprisal().fit([""])


class Words:
    kind = "tokens"

    def log_prob(self, texts):
        return [-2.0 * len(text.split()) for text in texts]


def test_a_models_surprisal_of_numbers_is_minus_its_log_density():
    rows = np.array([[0.0], [2.0]])

    # log density of the standard normal: -log(2 pi) / 2 - x^2 / 2
    np.testing.assert_allclose(
        surprisal(Gaussian(0.0, 1.0))(rows), np.log(2 * np.pi) / 2 + np.array([0, 2]), rtol=1e-14
    )


def test_a_models_surprisal_of_texts_is_that_of_a_token():
    np.testing.assert_array_equal(surprisal(Words())(["a b c", "a"]), [2, 2])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1.0], r"log_prob must return shape \(2,\); got \(1, 1\)"),
        ([[1.0, 2.0], [3.0, 4.0]], r"log_prob must return shape \(2,\)"),
        ([-np.inf, 0.0], "log_prob must be finite; 1 of 2"),
        (None, "log_prob must hold real numbers"),
    ],
)
def test_what_a_model_returns_is_checked(returned, message):
    class Broken:
        def log_prob(self, samples):
            return returned

    with pytest.raises(ModelError, match=message):
        surprisal(Broken())(np.zeros((2, 1)))


def test_a_model_without_log_prob_is_refused():
    with pytest.raises(InvalidSpec, match=r"model must have log_prob\(samples\); got .* int"):
        surprisal(3)
