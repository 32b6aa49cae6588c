"""Curation by a reward and smoothing with fresh data: laws, identities, Monte Carlo."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from collapse_bench.errors import InvalidArgument
from collapse_bench.statistics import agreement
from collapse_bench.streams import generator
from collapse_bench.theory import curation


@st.composite
def votes(draw):
    """Return a law and rewards."""
    states = draw(st.integers(2, 5))
    weights = np.array(draw(st.lists(st.integers(0, 9), min_size=states, max_size=states)), float)
    weights[draw(st.integers(0, states - 1))] += 1
    rewards = draw(st.lists(st.floats(-3, 3), min_size=states, max_size=states))
    return weights / weights.sum(), np.array(rewards)


# --- by hand -------------------------------------------------------------------------------


def test_curation_by_hand():
    odds = np.exp(2.0)
    assert curation.curated_law([0.5, 0.5], [0, 1], 2) == pytest.approx([1, odds] / (1 + odds))
    assert curation.curated_law([0.0, 1.0], [9, 0], 10**15).tolist() == [0, 1]
    assert curation.curated_reward([0.5, 0.5], [0.0, np.log(3)], [0, 1]) == pytest.approx(
        [2, (1 + 9) / 4]
    )
    # the reward 3 wins 3 of 4: 1/4 + 2 * 1/4 * 3/4
    assert curation.pairwise_law([0.5, 0.5], [0, np.log(3)], 1) == pytest.approx([3 / 8, 5 / 8])
    assert curation.pairwise_law([0.5, 0.5], [0, np.log(3)], 0).tolist() == [0.5, 0.5]
    assert curation.pairwise_gain_bound([0.5, 0.5], [0, np.log(3)]) == pytest.approx(1 / 6)


def test_smoothing_by_hand():
    assert curation.smoothing_variance(1.0, 0.5, [0, 1, 2]) == pytest.approx([1, 1.5, 1.75])
    assert curation.smoothing_variance(2.0, 0.0, [0, 3]).tolist() == [1, 13]
    assert curation.smoothing_variance(2.0, 1.0, [0, 3]).tolist() == [1, 1]
    assert curation.smoothing_limit(0.5, 0.2) == pytest.approx(2)
    assert curation.smoothing_filter([0.0, 1e9], 1.0, 0.3) == pytest.approx([1, 0.3])
    assert curation.smoothing_filter(1.0, np.sqrt(2 * np.log(2)), 0.5) == pytest.approx(2 / 3)


# --- exact ---------------------------------------------------------------------------------


@given(votes(), st.integers(0, 20))
def test_curation_composes_step_by_step(vote, steps):
    p, reward = vote
    now = p
    for _ in range(steps):
        now = now * np.exp(reward)
        now /= now.sum()
    assert curation.curated_law(p, reward, steps) == pytest.approx(now, abs=1e-12)
    once, later = curation.curated_reward(p, reward, [steps, steps + 1])
    e = np.exp(reward)
    assert once == pytest.approx(now @ e, rel=1e-10)
    variance = now @ (e - now @ e) ** 2
    assert later - once == pytest.approx(variance / (now @ e), abs=1e-9)


@given(votes(), st.floats(-700, 700), st.integers(0, 2**53))
def test_curation_is_exact_up_to_the_most_steps(vote, shift, steps):
    """Against 60 digits; a shift of all rewards is a factor of the mean, and nothing to the law."""
    p, reward = vote[0], vote[1] + shift
    with mpmath.workdps(60):
        top = max(mpmath.mpf(r) for r, q in zip(reward, p, strict=True) if q > 0)
        odds = [
            mpmath.mpf(q) * mpmath.exp(steps * (mpmath.mpf(r) - top)) if q > 0 else mpmath.mpf(0)
            for q, r in zip(p, reward, strict=True)
        ]
        law = [o / sum(odds) for o in odds]
        mean = sum(q * mpmath.exp(mpmath.mpf(r)) for q, r in zip(law, reward, strict=True))
    # An exponent of up to 40 counts, and is a difference of rewards that are rounded at 700.
    near = 1e-11
    found = curation.curated_law(p, reward, steps)
    assert found == pytest.approx([float(q) for q in law], abs=near)
    assert found.sum() == pytest.approx(1, abs=1e-14)
    assert curation.curated_reward(p, reward, steps) == pytest.approx(float(mean), rel=near)


def test_curation_by_rewards_of_any_size():
    """Equal rewards change nothing, at any number of steps; differences may leave the floats."""
    kept = curation.curated_reward([0.5, 0.5], [0.3, 0.3], [0, 10**15, 2**53])
    assert kept == pytest.approx(np.exp(0.3), rel=1e-15)
    assert curation.curated_law([0.5, 0.3, 0.2], [1, 1, 0.5], 10**15) == pytest.approx(
        [0.625, 0.375, 0], rel=1e-15
    )
    huge = [1e308, -1e308]
    assert curation.curated_law([0.5, 0.5], huge, [0, 1, 2**53]).tolist() == [
        [0.5, 0.5],
        [1, 0],
        [1, 0],
    ]
    assert curation.curated_law([0.0, 1.0], huge, 2**53).tolist() == [0, 1]
    assert curation.pairwise_law([0.5, 0.5], huge, 1).tolist() == [0.75, 0.25]
    assert curation.curated_reward([0.0, 1.0], huge, 3) == 0  # e^-1e308
    assert curation.pairwise_gain_bound([0.0, 1.0], huge) == 0
    for function, steps in (curation.curated_reward, (1,)), (curation.pairwise_gain_bound, ()):
        with pytest.raises(
            InvalidArgument, match=r"^reward must keep e\^reward below 1.8e308 where"
        ):
            function([0.5, 0.5], [710, 0], *steps)


def test_steps_that_a_float_cannot_count_are_refused():
    assert curation.curated_law([1.0], [0], 2**53).tolist() == [1]
    with pytest.raises(InvalidArgument, match=r"^steps must be an integer >= 0; got steps=900719"):
        curation.curated_law([1.0], [0], 2**53 + 2)


@given(votes(), st.integers(0, 6))
def test_a_vote_of_two_gains_at_least_its_bound(vote, steps):
    p, reward = vote
    e = np.exp(reward)
    now = curation.pairwise_law(p, reward, steps)
    later = curation.pairwise_law(p, reward, steps + 1)
    assert later.sum() == pytest.approx(1)
    assert np.all((later > 0) <= (p > 0))
    one = [
        2 * now[x] * sum(now[y] * e[x] / (e[x] + e[y]) for y in range(len(p)))
        for x in range(len(p))
    ]
    assert later == pytest.approx(one, abs=1e-12)
    gain, bound = (later - now) @ e, curation.pairwise_gain_bound(now, reward)
    assert gain >= bound - 1e-12
    spread = reward[now > 0].max() - reward[now > 0].min()
    assert gain <= bound * np.exp(spread) + 1e-12  # no sum of two is below twice the least


def test_a_state_without_mass_does_not_weaken_the_bound():
    bound = curation.pairwise_gain_bound([0.5, 0.5, 0.0], [0, np.log(3), 50.0])
    assert bound == pytest.approx(1 / 6)
    assert curation.pairwise_gain_bound([0.5, 0.5, 0.0], [0, 0, -800.0]) == 0
    # e^2,000 is no float: such a state must not even be multiplied by its mass of 0
    assert curation.pairwise_gain_bound([0.5, 0.5, 0.0], [0, np.log(3), 2e3]) == bound


def test_long_votes_keep_their_sum():
    law = curation.pairwise_law([0.2, 0.3, 0.5], [0.1, 0.0, -0.1], 500)
    assert law.sum() == pytest.approx(1, abs=1e-14)
    assert law[0] == law.max()
    assert curation.pairwise_law(np.full((2, 3), 1 / 3), [0.1, 0, 0], 1).shape == (2, 3)


@given(st.floats(0, 10), st.floats(0, 1), st.integers(0, 60))
def test_smoothing_is_its_recursion(noise, share, steps):
    v = 1.0
    for _ in range(steps):
        v = (1 - share) * (v + noise**2) + share
    assert curation.smoothing_variance(noise, share, steps) == pytest.approx(v, rel=1e-11)


@given(st.floats(0, 10), st.floats(1e-6, 1), st.integers(0, 10**9))
def test_smoothing_rises_to_its_limit(noise, share, steps):
    now = curation.smoothing_variance(noise, share, steps)
    limit = curation.smoothing_limit(noise, share)
    assert 1 <= now <= limit * (1 + 1e-12)
    assert curation.smoothing_variance(noise, share, 10**12) == pytest.approx(limit)


@given(st.floats(0.01, 3), st.floats(0.01, 1), st.floats(0, 10))
def test_the_filter_is_the_sum_of_blurs(noise, share, frequency):
    with mpmath.workdps(30):
        damp = (1 - mpmath.mpf(share)) * mpmath.exp(-(mpmath.mpf(noise * frequency) ** 2) / 2)
        exact = mpmath.nsum(lambda j: share * damp**j, [0, mpmath.inf])
    assert curation.smoothing_filter(frequency, noise, share) == pytest.approx(float(exact))


@given(st.floats(0.05, 2), st.floats(0.05, 1))
def test_the_filter_bends_by_the_added_variance(noise, share):
    # log of the characteristic function's factor is -(added variance) w^2 / 2 near 0
    small = 1e-3
    bend = -2 * np.log(curation.smoothing_filter(small, noise, share)) / small**2
    assert bend == pytest.approx(curation.smoothing_limit(noise, share) - 1, rel=1e-2, abs=1e-9)


def test_the_filter_is_the_density_of_the_limit():
    # a geometric mixture of blurs of N(0, 1), at 0: by the characteristic function and by its sum
    noise, share = 0.7, 0.3
    j = np.arange(400)
    density = (share * (1 - share) ** j / np.sqrt(2 * np.pi * (1 + j * noise**2))).sum()

    def integrand(w):
        return curation.smoothing_filter(w, noise, share) * np.exp(-(w**2) / 2) / np.pi

    assert quad(integrand, 0, np.inf)[0] == pytest.approx(density, rel=1e-8)


# --- a loop that draws, and wrong forms ---------------------------------------------------------


def test_smoothing_is_what_a_loop_does():
    noise, share, steps, draws = 0.6, 0.25, 6, 400_000
    rng = generator(31, "theory", "smoothing")
    x, values = rng.standard_normal(draws), []
    for _ in range(steps):
        fresh = rng.random(draws) < share
        x = np.where(fresh, rng.standard_normal(draws), x + noise * rng.standard_normal(draws))
        values.append(x**2)
    n, squares = np.arange(1, steps + 1), np.stack(values, 1)
    law = curation.smoothing_variance(noise, share, n)
    assert np.abs(agreement.mean_score(squares, law)).max() <= agreement.CRITICAL
    for wrong in (
        curation.smoothing_variance(noise, share, n + 1),
        curation.smoothing_variance(noise**2, share, n),
        curation.smoothing_variance(noise, 1 - share, n),
        curation.smoothing_limit(noise, share) + 0 * n,
    ):
        assert np.abs(agreement.mean_score(squares, wrong)).max() > agreement.CRITICAL


def test_a_vote_of_two_is_what_its_draws_do():
    p, reward, draws = np.array([0.5, 0.3, 0.2]), np.array([0.0, 0.5, 1.0]), 400_000
    rng = generator(31, "theory", "votes")
    pair = rng.choice(3, p=p, size=(draws, 2))
    first = rng.random(draws) < 1 / (1 + np.exp(reward[pair[:, 1]] - reward[pair[:, 0]]))
    winners = np.where(first, pair[:, 0], pair[:, 1])[:, None] == np.arange(3)
    law = curation.pairwise_law(p, reward, 1)
    assert np.abs(agreement.mean_score(winners, law)).max() <= agreement.CRITICAL
    for wrong in (
        p,
        curation.curated_law(p, reward, 1),
        curation.pairwise_law(p, -reward, 1),
        curation.pairwise_law(p, 2 * reward, 1),
        curation.pairwise_law(p, reward, 2),
    ):
        assert np.abs(agreement.mean_score(winners, wrong)).max() > agreement.CRITICAL


# --- bad input --------------------------------------------------------------------------------


def test_refuses_other_ranges():
    with pytest.raises(InvalidArgument, match=r"^reward must be a finite number; got reward="):
        curation.curated_law([0.5, 0.5], [0, np.inf], 1)
    with pytest.raises(InvalidArgument, match=r"^p must be probabilities of shape"):
        curation.pairwise_law([0.5, 0.6], [0, 1], 1)
    with pytest.raises(InvalidArgument, match=r"^steps must be one integer; got steps=\[1, 2\]$"):
        curation.pairwise_law([0.5, 0.5], [0, 1], [1, 2])
    with pytest.raises(InvalidArgument, match=r"^share must be a number in \(0, 1\]; got share=0$"):
        curation.smoothing_limit(1, 0)
    with pytest.raises(InvalidArgument, match=r"^noise must be a finite number >= 0; got noise=-1"):
        curation.smoothing_variance(-1, 0.5, 1)
    with pytest.raises(InvalidArgument, match=r"^frequency must be a finite number; got freq"):
        curation.smoothing_filter(np.nan, 1, 0.5)
