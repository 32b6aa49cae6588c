import numpy as np
import pytest
from scipy import stats

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.features import Surprisal
from collapse_bench.gates import Check, Gate, check_tail_mass, plan
from collapse_bench.gates.codes import Codes
from collapse_bench.streams import generator
from collapse_bench.validation import as_tokens

STATES, LENGTH = 60, 15


def chain(temperature=1.0):
    """Return a random walk on states whose next ones are Zipf-distributed, (STATES, STATES)."""
    weights = 1 / np.arange(1, STATES + 1) ** 1.3
    steps = np.stack([np.roll(weights, 7 * k) for k in range(STATES)]) ** (1 / temperature)
    return np.cumsum(steps / steps.sum(axis=1, keepdims=True), axis=1)


def walks(n, seed, temperature=1.0):
    """Return n sequences; at any temperature all states are as frequent as one another."""
    rng, steps = np.random.default_rng(seed), chain(temperature)
    out = np.empty((n, LENGTH), dtype=np.int64)
    state = rng.integers(STATES, size=n)
    for place in range(LENGTH):
        state = (steps[state] < rng.random((n, 1))).sum(axis=1).clip(max=STATES - 1)
        out[:, place] = state
    return out


def two_kinds(n, share, rng):
    """Return n sequences of 8 tokens; a share of them is of rare tokens, and most surprising."""
    rare = rng.random(n) < share
    common = rng.choice(5, size=(n, 8), p=[0.4, 0.3, 0.15, 0.1, 0.05])
    return np.where(rare[:, None], 5 + rng.integers(200, size=(n, 8)), common)


def judged(samples, reference, **settings):
    return check_tail_mass(samples, reference, kind="tokens", score="surprisal", **settings)


def test_a_healthy_model_passes_and_one_at_a_low_temperature_fails():
    reference = walks(20_000, 0)

    healthy = judged(walks(20_000, 1), reference)
    cold = judged(walks(20_000, 2, temperature=0.9), reference)

    assert healthy.outcome == "pass"
    assert cold.outcome == "fail"
    assert cold.estimate > 0.5
    assert (cold.statistic, cold.metric) == ("exceedance", "tail_mass")
    assert "most surprising 0.05 of sequences" in str(cold)
    # every state is as frequent as before, so rates of rare tokens have nothing to tell
    assert check_tail_mass(walks(20_000, 2, 0.9), reference, kind="tokens").outcome != "fail"


def test_the_count_is_the_one_on_the_other_half():
    reference, samples = walks(2_000, 3), walks(900, 4)

    found = judged(samples, reference, seed=5)

    known, counted = Codes.of_units(*as_tokens("reference", reference)).halves(
        generator(5, "check", "tail_mass", "half")
    )
    law = Surprisal(2).fit_tokens(*known.read()[:2])
    theirs = np.sort(law.of_tokens(*counted.read()).astype(np.float32))
    ours = law.transform(samples)[:, 0].astype(np.float32)
    k = 50  # 5 % of 1,000
    count = np.count_nonzero(ours > theirs[-k])
    assert not (ours == theirs[-k]).any()  # no tie is broken by chance
    assert found.estimate == pytest.approx(1 - (count / 900) / (k / 1_000), abs=1e-12)


def test_sequences_are_read_back_as_they_came():
    texts = ["b a", "", "a b a", "b a"]

    tokens, units, size = Codes.of_units(*as_tokens("texts", texts)).read()

    assert size == 4
    found = [" ".join(tokens[units == unit]) for unit in range(size)]
    assert found == sorted(texts)


@pytest.mark.parametrize("score", [None, "surprisal"])
def test_the_order_of_sequences_changes_nothing(score):
    reference, samples = walks(400, 6), walks(300, 7)
    rng = np.random.default_rng(8)

    there, back = (
        check_tail_mass(ours, theirs, kind="tokens", score=score, permutations=999)
        for ours, theirs in (
            (samples, reference),
            (rng.permutation(samples), rng.permutation(reference)),
        )
    )

    assert there == back


def test_texts_are_judged_as_their_words_are():
    words = np.array([f"w{k}" for k in range(STATES)])
    ours, theirs = walks(400, 9), walks(800, 10)
    spoken = [[" ".join(words[row]) for row in rows] for rows in (ours, theirs)]

    assert judged(*spoken) == judged(words[ours], words[theirs])


# At most 5 % of wrong outcomes by the exact law: each bound is passed with probability .001.
def test_error_rates_hold_at_no_loss_and_at_detect():
    runs, failed, passed = 200, 0, 0
    for seed in range(runs):
        rng = np.random.default_rng([0, seed])
        reference = two_kinds(600, 0.2, rng)
        settings = {"tolerate": 0.0, "detect": 0.5, "alpha": 0.05, "beta": 0.05, "seed": seed}
        failed += judged(two_kinds(300, 0.2, rng), reference, **settings).outcome == "fail"
        # wherever in the rare kind the threshold falls, half of the mass beyond it is gone
        passed += judged(two_kinds(300, 0.1, rng), reference, **settings).outcome == "pass"

    most = stats.binom.ppf(0.999, runs, 0.05)
    assert failed <= most
    assert passed <= most
    assert failed >= 2  # 5 % less what a discrete law keeps back


def test_growth_is_judged_too():
    rng = np.random.default_rng(11)
    reference = two_kinds(4_000, 0.2, rng)

    found = judged(two_kinds(4_000, 0.4, rng), reference, growth=(0.1, 0.5))

    assert found.outcome == "fail"
    assert found.growth.estimate > 0.5


def test_one_reference_can_be_promised_something():
    found = judged(walks(500, 12), walks(4_000, 13), guarantee="reference")

    assert found.statistic == "exceedance_given_reference"


def test_sizes_are_those_of_any_exact_tail_on_half_of_the_reference():
    checks = [Check("tail_mass", kind="tokens", score="surprisal")]
    plane = np.random.default_rng(14).normal(size=(2_000, 2))

    ours = plan(walks(2_000, 15), checks, reference_size=50_000)
    theirs = plan(plane, ["tail_mass"], reference_size=50_000)

    (one,), (other,) = ours.per_check.values(), theirs.per_check.values()
    assert one == other


def test_a_gate_draws_sequences_until_their_surprisal_is_decided():
    reference = walks(20_000, 16)
    check = Check("tail_mass", kind="tokens", score="surprisal", detect=0.5)
    gate = Gate(reference, [check], mode="sequential")
    seeds = iter(range(1_000, 2_000))

    result = gate.run(lambda size: walks(size, next(seeds), 0.8))

    assert result.outcome == "fail"
    assert result.verdicts[0].size < gate.planned_size()


def test_few_sequences_show_nothing():
    found = judged(walks(10, 17), walks(30, 18))

    assert found.outcome == "inconclusive"
    assert "can't pass" in found.reason


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("tokens", {"score": len}, "score must be None or 'surprisal' for tokens; got score=<buil"),
        ("tokens", {"score": "surprise"}, "score must be callable, 'surprisal' or None; got sc"),
        ("tokens", {"score": np.ones(2)}, "score must be callable, 'surprisal' or None; got sc"),
        ("tokens", {"score": "surprisal", "tail": "lower"}, "tail must be 'both' for codes"),
        ("codes", {"score": "surprisal"}, "score must be None for codes; got score='surprisal'"),
        ("numbers", {"score": "surprisal"}, "score must be a function or None for numbers; got"),
        ("tokens", {"guarantee": "reference"}, "guarantee must be 'average' for sequences"),
    ],
)
def test_scores_that_do_not_go_with_the_data_are_refused(kind, settings, message):
    rows = walks(50, 19) if kind == "tokens" else np.arange(50)

    with pytest.raises(InvalidArgument, match=message):
        check_tail_mass(rows, rows, kind=kind, **settings)


def test_tokens_of_another_type_are_refused():
    with pytest.raises(InvalidSamples, match="samples must hold integers as the reference does"):
        judged(["a b"], walks(50, 20))
