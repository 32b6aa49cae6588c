"""Which states are the rarest: judged only where the reference can tell."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.data import SampleSet
from collapse_bench.gates import Gate, check_tail_mass, default_checks, plan
from collapse_bench.gates.codes import EDGE, Codes, default_mass, unresolved
from collapse_bench.streams import generator


def repeated(*counts):
    """Return codes 0, 1, ... of which each is drawn as often as said."""
    return np.repeat(np.arange(len(counts)), counts)


def read(*counts):
    return Codes.of_draws(repeated(*counts))


def test_a_half_that_holds_the_edge_ten_times_tells_which_states_are_rare():
    # 100 draws of 10,100 are .0099 of them; state 1 stands at the edge of any wider tail
    assert unresolved(read(100, 10_000), 0.009) is None
    assert unresolved(read(2 * EDGE, 10_000), 20 / 10_020) is None  # the last draw of state 0
    told = unresolved(read(2 * EDGE - 1, 10_000), 0.001)
    assert told is not None
    assert "rarest 0.001 about 9.5 times, fewer than 10" in told
    assert "judge a mass of 0.05 or more" in told
    assert unresolved(read(2 * EDGE - 1, 10_000), 0.05) is None  # the common state's draws are in


def test_a_reference_without_repeats_asks_for_rows_and_no_mass():
    told = unresolved(Codes.of_draws(np.arange(1_000)), 0.05)
    assert told is not None
    assert told.endswith("which are the rarest can't be told; have more reference rows")


@given(st.lists(st.integers(1, 300), min_size=1, max_size=30), st.floats(0.001, 0.5))
def test_the_default_is_the_narrowest_hundredth_that_can_be_told(counts, mass):
    codes = read(*counts)
    told = default_mass(codes)

    assert told == 0.05 or (0.05 < told <= 0.5 and unresolved(codes, told) is None)
    if told > 0.05:  # a hundredth less isn't enough, but for the draw at the very edge
        assert math.isclose(told, round(told, 2))
        few = sum(count for count in counts if count < 2 * EDGE)
        assert few > (told - 0.01) * len(codes.values) - 1
    if unresolved(codes, mass) is None:  # so is every wider one
        assert unresolved(codes, (mass + 0.5) / 2) is None


ZIPF = np.arange(1, 1_001) ** -1.2
ZIPF /= ZIPF.sum()


def drawn(size, seed, law=ZIPF):
    return generator(seed).choice(len(law), size, p=law / law.sum())


def test_what_cannot_be_told_never_passes_and_says_what_helps():
    ours, theirs = drawn(20_000, 0), drawn(20_000, 1)
    narrow = check_tail_mass(ours, theirs, kind="codes")
    assert (narrow.outcome, narrow.high, narrow.pvalue_pass) == ("inconclusive", None, None)
    wide = default_mass(Codes.of_draws(theirs))
    assert f"judge a mass of {wide:g} or more" in narrow.reason
    assert check_tail_mass(ours, theirs, kind="codes", mass=wide).outcome == "pass"

    (rare,) = (c for c in default_checks(theirs, "codes") if c.metric == "tail_mass")
    assert rare.settings == {"mass": wide}
    reference = SampleSet.of(theirs, kind="codes")
    planned = plan(reference, ["tail_mass"]).per_check
    assert "can't be told" in next(iter(planned.values())).reason
    gate = Gate(reference, ["tail_mass"], mode="sequential")
    steps = iter(range(10_000))
    (judged,) = gate.run(lambda size: drawn(size, 100 + next(steps))).verdicts
    assert judged.outcome == "inconclusive"
    assert "can't be told" in judged.reason


def test_a_loss_shows_even_where_a_pass_is_withheld():
    kept = np.where(ZIPF < 1e-3, 0.2 * ZIPF, ZIPF)
    lost = check_tail_mass(drawn(20_000, 0, kept), drawn(20_000, 1), kind="codes")
    assert lost.outcome == "fail"


@pytest.mark.parametrize("draws", [30_000, 100_000])
def test_a_loss_of_the_truly_rarest_alone_seldom_passes(draws):
    # A quarter of the mass of the truly rarest states is gone, and of theirs alone. 200 gates at
    # beta .05: more than 21 pass once in 1,000 (binomial). (At an
    # edge of 3 or 4 draws 9 to 12 % passed at a beta of 1 %.)
    passed = 0
    for seed in range(200):
        theirs = drawn(draws, 2 * seed)
        mass = default_mass(Codes.of_draws(theirs))
        assert 0.05 < mass < 0.5
        rare = np.arange(1_000) >= np.searchsorted(np.cumsum(ZIPF), 1 - mass)
        lost = np.where(rare, 0.75 * ZIPF, ZIPF * (1 + 0.25 * mass / (1 - mass)))
        ours = drawn(3_000, 2 * seed + 1, lost)
        passed += (
            check_tail_mass(ours, theirs, kind="codes", mass=mass, beta=0.05).outcome == "pass"
        )
    assert passed <= 21
