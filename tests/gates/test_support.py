"""The support check, and the tail check of codes and of sequences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates import Check, Gate, check_support, check_tail_mass, check_variance, plan
from collapse_bench.gates.codes import Codes
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.models import Categorical
from collapse_bench.statistics.exceedance import at_least, at_most
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=20)
LAW = 1 / np.arange(1, 1_001) ** 1.2
LAW /= LAW.sum()
FEW_KEPT = np.where(np.arange(1_000) < 300, LAW, 0)


def drawn(size, seed=0, law=LAW):
    return generator(seed).choice(len(law), size, p=law / law.sum())


def test_a_loss_by_hand():
    # At depth 3 the reference a, b, c holds 3 states and the samples a, a, b hold 2.
    found = check_support(["a", "a", "b"] * 10, ["a", "b", "c"] * 10, depth=30)
    assert found.estimate == pytest.approx(1 / 3, rel=1e-12)

    # R = 2 and 3, no variance, h = 1: z = (2 + 1/2 - .95 * 3) / 1 and (2 - 1/2 - .8 * 3) / 1.
    assert found.pvalue_fail == pytest.approx(norm.cdf(2.5 - 2.85), rel=1e-9)
    assert found.pvalue_pass == pytest.approx(norm.sf(1.5 - 2.4), rel=1e-9)


def test_a_law_that_lost_its_rare_states_fails_and_the_same_law_passes():
    reference = drawn(20_000)
    assert check_support(drawn(20_000, 1), reference, kind="codes").outcome == "pass"
    assert check_support(drawn(20_000, 1, FEW_KEPT), reference, kind="codes").outcome == "fail"


def test_states_that_the_reference_lacks_stand_beside():
    reference = drawn(5_000)
    found = check_support(np.r_[drawn(4_500, 1), np.arange(5_000, 5_500)], reference, kind="codes")
    share = float((~np.isin(np.r_[drawn(4_500, 1), np.arange(5_000, 5_500)], reference)).mean())

    assert f"{share:.2%} of the generated codes are of states that the reference" in found.reason
    assert share > 0.1


@relaxed
@given(st.integers(0, 2**32 - 1), st.integers(30, 300), st.integers(30, 300))
def test_it_fails_and_passes_where_its_interval_says(seed, n, m):
    found = check_support(
        drawn(n, seed, FEW_KEPT), drawn(m, seed + 1), kind="codes", alpha=0.1, beta=0.1
    )
    assert found.low is None or found.low <= found.estimate <= found.high
    assert (found.outcome == "fail") == (found.low is not None and found.low > found.tolerate)
    if found.outcome != "fail":
        assert (found.outcome == "pass") == (found.high < found.detect)


@relaxed
@given(st.integers(0, 2**32 - 1))
def test_the_order_and_the_names_of_states_are_of_no_matter(seed):
    rng = generator(seed)
    ours, theirs = drawn(400, seed), drawn(500, seed + 1)
    names = np.array([f"state {k}" for k in rng.permutation(1_000)])
    for check in (check_support, check_tail_mass):
        first = check(ours, theirs, kind="codes")
        assert check(rng.permutation(ours), rng.permutation(theirs), kind="codes") == first
    named = check_support(names[ours], names[theirs])
    assert named.pvalue_fail == check_support(ours, theirs, kind="codes").pvalue_fail


@pytest.mark.parametrize(
    ("samples", "settings", "error", "message"),
    [
        (["a"] * 30, {}, InvalidSamples, "samples must hold integers as the reference does; got s"),
        (np.arange(30), {"depth": 31}, InvalidArgument, "depth must be at most the 30 draws"),
        (np.arange(30), {"depth": 0}, InvalidArgument, "depth must be an integer >= 1"),
        (np.arange(30), {"tolerate": 0.3}, InvalidArgument, "tolerate must be below detect"),
        (np.arange(30.0) + 0.5, {}, InvalidSamples, "samples must hold codes"),
        ([], {}, InvalidSamples, "samples must have shape"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(samples, settings, error, message):
    with pytest.raises(error, match=message):
        check_support(samples, np.arange(40) % 30, kind="codes", **settings)


def test_numbers_have_no_support_and_codes_no_variance():
    numbers, codes = generator(0).normal(size=50), np.array(["a", "b"] * 25)
    with pytest.raises(InvalidArgument, match="kind must be 'codes' or 'tokens' for the check 'su"):
        check_support(numbers, numbers)
    with pytest.raises(InvalidArgument, match="kind must be 'numbers' for the check 'variance'"):
        check_variance(codes, codes)
    with pytest.raises(InvalidArgument, match="kind must be 'numbers' for the check 'variance'"):
        Gate(codes, ["variance"])
    with pytest.raises(InvalidSamples, match=r"reference must vary .* its 9 codes are 'a'"):
        check_support(codes, ["a"] * 9)


def test_few_draws_never_pass():
    codes = np.arange(19) % 3
    found = check_support(codes, np.arange(300) % 3, kind="codes")
    assert found.outcome == "inconclusive"
    assert "fewer than 20 draws show nothing to be kept" in found.reason


def test_the_default_gate_of_codes_has_a_tail_and_a_support_check():
    model = Categorical(LAW)
    gate = Gate(model, seed=1)
    assert [check.metric for check in gate.checks] == ["tail_mass", "support"]

    result = gate.judge(model.sample(60_000, rng=generator(3)))
    assert result.outcome == "pass"


def test_planned_sizes_pass_without_loss_and_fail_at_detect():
    # Of 40 each at a power of .99: three misses or more occur once in 130.
    reference = drawn(50_000, 5)
    check = Check("support", kind="codes")
    found = plan(reference, [check]).per_check[check.name]
    kept = np.flatnonzero(np.cumsum(LAW) < 0.9)
    cut = np.where(np.isin(np.arange(1_000), kept), LAW, 0)  # a loss well beyond .2
    passed = failed = 0
    for seed in range(40):
        passed += (
            check_support(drawn(found.size_to_pass, 100 + seed), reference, kind="codes").outcome
            == "pass"
        )
        failed += (
            check_support(
                drawn(found.size_to_fail, 200 + seed, cut), reference, kind="codes"
            ).outcome
            == "fail"
        )
    assert passed >= 38
    assert failed >= 38


# --- the rarest codes -----------------------------------------------------------------------


def test_codes_that_lost_rare_mass_fail_and_the_same_law_passes():
    reference = drawn(40_000)
    rare = np.cumsum(LAW) > 0.9
    thinned = np.where(rare, 0.4 * LAW, LAW)
    settings = {"kind": "codes", "mass": 0.2}
    assert check_tail_mass(drawn(40_000, 1), reference, **settings).outcome == "pass"
    assert check_tail_mass(drawn(40_000, 1, thinned), reference, **settings).outcome == "fail"


def test_the_tail_of_codes_keeps_its_level_where_its_own_half_marks_it():
    # The rare states are those of one half, counted on the other: no winner's curse. 300 pairs at
    # a level of .05: more than 30 occur once in 10,000 (binomial).
    fails = passes = 0
    for seed in range(300):
        ours, theirs = (Codes.of_draws(drawn(1_500, 2 * seed + k)) for k in (0, 1))
        counter = TailMass(mass=0.2).counter(theirs, seed=seed)
        count = counter.tail.count(counter.scores(ours), rng=generator(seed))
        fails += at_most(count, 1_500, counter.k, counter.m) <= 0.05
        passes += at_least(count, 1_500, counter.k, counter.m) <= 0.05
    assert 0 < fails <= 30
    assert 0 < passes <= 30


@pytest.mark.parametrize("setting", [{"tail": "upper"}, {"score": np.ravel}])
def test_codes_have_one_tail_and_no_score(setting):
    with pytest.raises(InvalidArgument, match=r"must be .* for codes"):
        check_tail_mass(drawn(100), drawn(100, 1), kind="codes", **setting)


# --- sequences ------------------------------------------------------------------------------


def blocks(size, seed=0, law=LAW, length=40):
    return generator(seed).choice(len(law), (size, length), p=law / law.sum())


@pytest.mark.parametrize("check", [check_support, check_tail_mass])
def test_sequences_are_judged_as_units(check):
    reference = blocks(600)
    cut = np.where(np.arange(1_000) < 60, LAW, 0)
    settings = {"kind": "tokens"} | ({"mass": 0.2} if check is check_tail_mass else {})
    assert check(blocks(600, 1), reference, **settings).outcome == "pass"
    lost = check(blocks(600, 1, cut), reference, **settings)
    assert lost.outcome == "fail"
    assert (lost.size, lost.reference_size) == (600, 600)


def test_texts_lists_and_blocks_are_read_alike():
    texts = ["the cat sat.", "a dog, the cat", "the the dog"] * 20
    words = [["the", "cat", "sat", "."], ["a", "dog", ",", "the", "cat"], ["the", "the", "dog"]]
    for check in (check_support, check_tail_mass):
        settings = {"kind": "tokens", "seed": 4}
        assert check(texts, texts, **settings) == check(words * 20, words * 20, **settings)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("one text", "samples must be token blocks of shape"),
        ([1, 2, 3], "samples must be token blocks of shape"),
        ([""], "samples must hold tokens, integers or strings; got 0"),
        ([[1.5, 2.0]], "samples must hold tokens"),
    ],
)
def test_what_is_no_sequence_is_refused(tokens, message):
    with pytest.raises(InvalidSamples, match=message):
        check_support(tokens, blocks(30), kind="tokens")


def test_an_empty_sequence_counts_as_a_unit():
    rows = blocks(60).tolist()
    found = check_support([*rows, []], rows, kind="tokens")
    assert found.size == 61
