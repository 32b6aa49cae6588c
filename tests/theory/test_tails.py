"""Zipf's law, temperature and top-p against long sums, exact arithmetic and the whole chain.

Their simulations are in ``sensitivity_tails``.
"""

from fractions import Fraction
from math import comb

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import zeta
from scipy.stats import binom

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory import tails
from collapse_bench.theory.categorical import survival

EXACT = 1e-9
SUMS = 1e-10  # what the module promises of sums over Zipf's law, relative
exponents = st.floats(1.05, 10)
sizes = st.integers(1, 10**9)
laws = st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any)
temperatures = st.floats(0.2, 5)
masses = st.floats(0.05, 1)


def law(weights):
    return np.array(weights) / sum(weights)


# --- Zipf by hand --------------------------------------------------------------------------


def test_zipf_by_hand():
    b2, b4 = np.pi**2 / 6, np.pi**4 / 90  # zeta(2), zeta(4)
    assert tails.missing_mass(2.0, 1) == pytest.approx(1 - b4 / b2**2, rel=SUMS)
    assert tails.vocabulary(2.0, [1, 2]) == pytest.approx([1, 2 - b4 / b2**2], rel=SUMS)
    assert tails.truncation_loss(2.0, [0, 1, 2]) == pytest.approx(
        [1, 1 - 1 / b2, 1 - 1.25 / b2], rel=1e-14
    )
    assert tails.truncation_power_law(2.0, 10) == pytest.approx(0.1 / b2, rel=1e-14)
    assert tails.missing_mass_power_law(2.0, 100) == pytest.approx(
        np.sqrt(np.pi) / 2 / np.sqrt(b2) / 10, rel=1e-14
    )
    assert tails.vocabulary_power_law(2.0, 100) == pytest.approx(
        np.sqrt(np.pi * 100 / b2), rel=1e-14
    )
    kept = 1 - np.exp(-(1 - np.exp(-1)))
    assert tails.vocabulary_decay(2.0, [1, 3]) == pytest.approx([1, np.sqrt(kept)], rel=1e-14)


# --- Zipf by exact sums --------------------------------------------------------------------


@given(exponents, st.integers(1, 12))
def test_few_draws_are_sums_of_zetas(b, size):
    # (1 - p)^M multiplied out: the sum over ranks of p^j is zeta(jb)/zeta(b)^j
    moments = [float(mpmath.zeta(j * b) / mpmath.zeta(b) ** j) for j in range(1, size + 2)]
    missing = sum((-1) ** j * comb(size, j) * moments[j] for j in range(size + 1))
    seen = -sum((-1) ** j * comb(size, j) * moments[j - 1] for j in range(1, size + 1))

    # the sums cancel, by up to 2^12: absolute, and of quantities of order 1
    assert tails.missing_mass(b, size) == pytest.approx(missing, abs=EXACT)
    assert tails.vocabulary(b, size) == pytest.approx(seen, abs=EXACT)


@pytest.mark.parametrize("b", [1.5, 2.0, 4.0])
@pytest.mark.parametrize("size", [100, 10**6])
def test_many_draws_are_their_long_sums(b, size):
    # five million terms, and the rest to first and second order in Mp
    terms = 5_000_000
    p = np.arange(1.0, terms + 1) ** -b / zeta(b)
    rest = [float(zeta(j * b, terms + 1) / zeta(b) ** j) for j in (1, 2)]
    missing = np.sum(p * np.exp(size * np.log1p(-p))) + rest[0] - size * rest[1]
    seen = np.sum(-np.expm1(size * np.log1p(-p))) + size * rest[0]
    seen -= size * (size - 1) / 2 * rest[1]
    late = np.sum(-np.expm1(-size * float(survival(4)) * p))
    late += size * float(survival(4)) * rest[0] - (size * float(survival(4))) ** 2 / 2 * rest[1]

    assert tails.missing_mass(b, size) == pytest.approx(missing, rel=SUMS)
    assert tails.vocabulary(b, size) == pytest.approx(seen, rel=SUMS)
    assert tails.vocabulary(b, size, 5) == pytest.approx(late, rel=SUMS)


@given(exponents, st.integers(1, 10**4))
def test_the_missing_mass_is_the_next_new_state(b, size):
    grown = tails.vocabulary(b, size + 1) - tails.vocabulary(b, size)
    tolerance = 3 * SUMS * tails.vocabulary(b, size)  # the difference cancels
    assert tails.missing_mass(b, size) == pytest.approx(grown, abs=tolerance)


@given(exponents, st.integers(0, 10**6))
def test_truncation_is_its_sum_and_between_its_integrals(b, rank):
    if rank <= 1_000:
        kept = np.sum(np.arange(1.0, rank + 1) ** -b) / zeta(b)
        assert tails.truncation_loss(b, rank) == pytest.approx(1 - kept, abs=EXACT)
    if rank:
        ratio = tails.truncation_power_law(b, rank) / tails.truncation_loss(b, rank)
        assert 1 - 1e-12 <= ratio <= (1 + 1 / rank) ** (b - 1) * (1 + 1e-12)


# --- what the power laws promise -----------------------------------------------------------


@given(st.floats(1.05, 4), sizes)
def test_power_laws_are_within_their_stated_errors(b, size):
    off = tails.missing_mass_power_law(b, size) / tails.missing_mass(b, size) - 1
    assert abs(off) <= (1 if b <= 2.5 else 3) / size + 2 * SUMS
    seen = tails.vocabulary(b, size)
    excess = tails.vocabulary_power_law(b, size) - seen
    assert -2 * SUMS * seen <= excess <= 0.52 + 2 * SUMS * seen


@given(st.floats(4, 10), sizes)
def test_the_vocabularys_law_is_within_its_stated_error_for_steep_laws(b, size):
    excess = tails.vocabulary_power_law(b, size) - tails.vocabulary(b, size)
    assert 0 <= excess <= 0.65


@given(st.floats(1.05, 4), st.integers(1, 10**6), st.integers(2, 100))
def test_the_decay_is_within_its_stated_error(b, size, steps):
    left, first = tails.vocabulary(b, size, steps), tails.vocabulary(b, size)
    off = tails.vocabulary_decay(b, steps) / (left / first) - 1
    assert -4 * SUMS <= off <= 0.65 / left + 4 * SUMS


@pytest.mark.parametrize("b", [1.1, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("size", [20, 60])
def test_the_vocabulary_is_within_its_stated_error_of_the_chains(b, size):
    counts = np.arange(size + 1)
    chain = binom.pmf(counts[None], size, counts[:, None] / size)
    ranks = 5_000
    first = binom.pmf(counts, size, (np.arange(1.0, ranks + 1) ** -b / zeta(b))[:, None])
    alive = (counts > 0).astype(float)
    for steps in range(1, size + 1):
        # beyond, a state has one copy or none after the first generation
        exact = (first @ alive).sum() + size * zeta(b, ranks + 1) / zeta(b) * alive[1]
        off = exact / tails.vocabulary(b, size, steps) - 1
        if steps == 1:
            assert abs(off) < 1e-3  # two copies of a rare state
        else:
            assert 0 <= off + 1e-3 / size <= steps / (4 * size)
        alive = chain @ alive


# --- temperature ---------------------------------------------------------------------------


def test_temperature_by_hand():
    assert tails.tempered([0.8, 0.2], 0.5) == pytest.approx([16 / 17, 1 / 17], rel=1e-14)
    assert tails.tempered([0.8, 0.2], 2.0) == pytest.approx([2 / 3, 1 / 3], rel=1e-14)
    assert tails.tempered([0.4, 0.4, 0.2, 0.0], 0.1, 400).tolist() == [0.5, 0.5, 0.0, 0.0]
    assert tails.tempered([0.9, 0.1, 0.0], 10.0, 400).tolist() == [0.5, 0.5, 0.0]
    assert tails.tempered([0.7, 0.3], 0.5, 0) == pytest.approx([0.7, 0.3], rel=1e-14)


@given(laws, temperatures, st.integers(0, 6))
def test_temperatures_compose(weights, temperature, steps):
    p = now = law(weights)
    for _ in range(steps):
        now = now ** (1 / temperature)
        now = now / now.sum()
    at_once = tails.tempered(p, temperature, steps)

    # a loop of powers underflows to 0 where the formula needn't
    assert at_once == pytest.approx(now, abs=EXACT)
    assert tails.tempered(p, temperature**steps) == pytest.approx(at_once, abs=EXACT)
    assert (at_once > 0).sum() <= (p > 0).sum()


@given(st.floats(0.01, 0.99), temperatures, st.integers(0, 4))
def test_log_odds_grow_by_the_inverse_temperature(p, temperature, steps):
    now = tails.tempered([p, 1 - p], temperature, steps)
    assume(now.min() > 1e-200)
    odds = np.log(p / (1 - p)) * temperature**-steps
    assert np.log(now[0] / now[1]) == pytest.approx(odds, rel=1e-6, abs=EXACT)


# --- top-p and top-k -----------------------------------------------------------------------


def exact_top_p(weights, mass):
    """Return the indices kept and the number of rounds, in whole numbers."""
    kept, rounds = sorted(range(len(weights)), key=lambda i: -weights[i]), 0
    while True:
        total, reached, new = sum(weights[i] for i in kept), 0, []
        for i in kept:
            new.append(i)
            reached += weights[i]
            if reached >= mass * total:
                break
        if len(new) == len(kept):
            return kept, rounds
        kept, rounds = new, rounds + 1


def test_top_p_by_hand():
    assert tails.top_p([0.5, 0.1, 0.3, 0.1], 0.8).tolist() == [0.625, 0.0, 0.375, 0.0]
    assert tails.top_p([0.5, 0.3, 0.2], 0.81) == pytest.approx([0.5, 0.3, 0.2], rel=1e-15)
    assert tails.top_p_fixed_point([0.5, 0.3, 0.2], 0.6).tolist() == [1.0, 0.0, 0.0]
    assert tails.top_p(np.full(10, 0.1), 0.9).tolist() == pytest.approx([1 / 9] * 9 + [0])
    assert np.count_nonzero(tails.top_p([1 - 1e-12, 1e-12], 1)) == 2
    assert tails.top_p([0.2, 0.8], 1e-12).tolist() == [0.0, 1.0]
    assert tails.top_k([0.2, 0.5, 0.2, 0.1], 2).tolist() == pytest.approx([2 / 7, 5 / 7, 0, 0])
    largest = [tails.top_p_largest_support(mass) for mass in (0.3, 0.5, 0.8, 0.9, 0.95, 0.99, 1)]
    assert largest == [1, 1, 4, 9, 19, 99, np.inf]


@given(laws.map(lambda weights: [w for w in weights if w]), st.integers(1, 99))
def test_top_p_is_its_whole_numbers(weights, percent):
    p, mass = law(weights), percent / 100
    kept, rounds = exact_top_p(weights, Fraction(percent, 100))
    ends = tails.top_p_fixed_point(p, mass)

    assert np.flatnonzero(ends).tolist() == sorted(kept)
    assert ends[kept] == pytest.approx(law([weights[i] for i in kept]), rel=1e-12)
    assert rounds < len(weights)
    assert len(kept) <= tails.top_p_largest_support(mass)
    once = tails.top_p(p, mass)
    assert (np.count_nonzero(once) == len(p)) == (rounds == 0)
    # it stops exactly if the least likely state can't go
    assert (rounds == 0) == (
        len(p) == 1 or Fraction(min(weights), sum(weights)) > 1 - Fraction(percent, 100)
    )


@given(laws, masses, st.integers(1, 9))
def test_cutting_again_changes_nothing(weights, mass, count):
    p = law(weights)
    ends, best = tails.top_p_fixed_point(p, mass), tails.top_k(p, count)

    assert tails.top_p(ends, mass) == pytest.approx(ends, rel=1e-15)
    assert tails.top_k(best, count) == pytest.approx(best, rel=1e-15)
    assert np.count_nonzero(best) == min(count, np.count_nonzero(p))
    assert tails.top_p(np.array([p, p]), mass).tolist() == [tails.top_p(p, mass).tolist()] * 2


def test_the_largest_support_is_reached():
    for largest, mass in ((4, 0.8), (9, 0.9), (19, 0.95)):
        assert (
            np.count_nonzero(tails.top_p_fixed_point(np.full(largest, 1 / largest), mass))
            == largest
        )
        many = tails.top_p_fixed_point(np.full(largest + 1, 1 / (largest + 1)), mass)
        assert np.count_nonzero(many) < largest + 1


# --- shapes and bad input -------------------------------------------------------------------


@settings(max_examples=20)
@given(st.lists(exponents, min_size=1, max_size=3), st.lists(sizes, min_size=1, max_size=3))
def test_arrays_are_their_numbers(many, draws):
    grid = tails.vocabulary(np.array(many)[:, None], draws, 2)
    assert grid.tolist() == [[tails.vocabulary(b, m, 2) for m in draws] for b in many]
    grid = tails.missing_mass(np.array(many)[:, None], draws)
    assert grid.tolist() == [[tails.missing_mass(b, m) for m in draws] for b in many]


@pytest.mark.parametrize("exponent", [1.0, 11, float("nan"), True, "2"])
def test_refuses_exponents(exponent):
    for function in (tails.missing_mass, tails.vocabulary, tails.truncation_loss):
        with pytest.raises(InvalidArgument, match=r"^exponent must be a number in \[1\.05, 10\]"):
            function(exponent, 10)


def test_refuses_bad_input():
    with pytest.raises(InvalidArgument, match=r"^steps must be an integer >= 1; got steps=0$"):
        tails.vocabulary(2.0, 10, 0)
    with pytest.raises(InvalidArgument, match=r"^p must be probabilities of shape"):
        tails.tempered([0.5, 0.6], 1.0)
    with pytest.raises(InvalidArgument, match=r"^temperature must be a finite number > 0; got"):
        tails.tempered([0.5, 0.5], 0.0)
    with pytest.raises(InvalidArgument, match=r"^mass must be a number in \(0, 1\]; got mass=0$"):
        tails.top_p([0.5, 0.5], 0)
    with pytest.raises(
        InvalidArgument, match=r"^mass must be one number; got mass=\[0\.5, 0\.9\]$"
    ):
        tails.top_p_fixed_point([0.5, 0.5], [0.5, 0.9])
    with pytest.raises(InvalidArgument, match=r"^count must be an integer >= 1; got count=0$"):
        tails.top_k([0.5, 0.5], 0)
