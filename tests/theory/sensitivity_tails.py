"""Simulations of Zipf's tails, of distances between samples of one law and of gate designs.

None knows how its formula is derived.
"""

from functools import cache

import numpy as np
from scipy.special import ndtri, zeta

from collapse_bench.streams import generator
from collapse_bench.theory import design, gaussian, tails, wasserstein
from tests.theory.sensitivity import Experiment

N = np.arange(1, 5)


def stream(*names):
    return generator(27, "sensitivity", *names)


# --- tails -----------------------------------------------------------------------------------

B, M = 1.5, 40
NOBODY = 1e300  # in place of draws that were not made


@cache
def zipf():
    """Return missing masses (R,), alive states (R, 4) and the number beyond rank 5 of 40 (R,).

    40 draws a lineage; alive states where each generation draws Poisson(40) instead.
    """
    rng, lineages = stream("zipf"), 20_000
    draws = np.sort(rng.zipf(B, (lineages, M)), axis=1)
    new = np.diff(draws, axis=1, prepend=0) > 0
    missing = 1 - (new * draws.astype(float) ** -B).sum(1) / zeta(B)
    sizes = rng.poisson(M, lineages)
    many = rng.zipf(B, (lineages, 2 * M + 20)).astype(float)  # 16 standard deviations more
    assert sizes.max() <= many.shape[1]
    many = np.sort(np.where(np.arange(many.shape[1]) < sizes[:, None], many, NOBODY), axis=1)
    starts = (np.diff(many, axis=1, prepend=0) > 0) & (many < NOBODY)
    lineage, place = np.nonzero(starts)
    ends = np.append(place[1:], 0)
    last = np.append(lineage[1:] != lineage[:-1], True)
    counts = np.where(last, sizes[lineage], ends) - place
    alive = []
    for _ in N:
        alive.append(np.bincount(lineage, weights=counts > 0, minlength=lineages))
        counts = rng.poisson(counts)
    return missing, new.sum(1), np.stack(alive, 1)[:, 1:], (draws > 5).mean(1)


TAILS = [
    Experiment(
        "tails.missing_mass",
        "b = 1.5, M = 40, 20,000 samples",
        lambda: zipf()[0],
        lambda: tails.missing_mass(B, M),
        {
            "M + 1": lambda: tails.missing_mass(B, M + 1),
            "M - 1": lambda: tails.missing_mass(B, M - 1),
            "b + 0.05": lambda: tails.missing_mass(B + 0.05, M),
            "the power law": lambda: tails.missing_mass_power_law(B, M),
            "the power law without 1/b": lambda: B * tails.missing_mass_power_law(B, M),
        },
    ),
    Experiment(
        "tails.vocabulary",
        "b = 1.5, M = 40, n = 1, 20,000 samples",
        lambda: zipf()[1],
        lambda: tails.vocabulary(B, M),
        {
            "M + 1": lambda: tails.vocabulary(B, M + 1),
            "M - 1": lambda: tails.vocabulary(B, M - 1),
            "Poisson(M) draws": lambda: np.float64(poisson_vocabulary(1.0)),
            "the power law": lambda: tails.vocabulary_power_law(B, M),
        },
    ),
    Experiment(
        "tails.vocabulary",
        "b = 1.5, Poisson(40) draws, n = 2..4, 20,000 lineages",
        lambda: zipf()[2],
        lambda: tails.vocabulary(B, M, [2, 3, 4]),
        {
            "n + 1": lambda: tails.vocabulary(B, M, [3, 4, 5]),
            "n - 1": lambda: tails.vocabulary(B, M, [1, 2, 3]),
            "M + 1": lambda: tails.vocabulary(B, M + 1, [2, 3, 4]),
            "2/n for s": lambda: [poisson_vocabulary(2 / n) for n in (2, 3, 4)],
            "power laws": lambda: (
                tails.vocabulary_power_law(B, M) * tails.vocabulary_decay(B, [2, 3, 4])
            ),
        },
    ),
    Experiment(
        "tails.truncation_loss",
        "b = 1.5, r = 5, 20,000 samples of 40",
        lambda: zipf()[3],
        lambda: tails.truncation_loss(B, 5),
        {
            "r + 1": lambda: tails.truncation_loss(B, 6),
            "r - 1": lambda: tails.truncation_loss(B, 4),
            "the power law": lambda: tails.truncation_power_law(B, 5),
        },
    ),
]


def poisson_vocabulary(survival):
    """Return the sum of 1 - exp(-M s p), by adding a million terms and the rest to first order."""
    p = np.arange(1.0, 1e6) ** -B / zeta(B)
    return -np.expm1(-M * survival * p).sum() + M * survival * zeta(B, 1e6) / zeta(B)


# --- null distances --------------------------------------------------------------------------

POINTS, WEIGHTS = np.array([0.0, 1.0, 1.5, 4.0]), np.array([0.1, 0.4, 0.3, 0.2])


@cache
def uniform_pairs(size, repeats):
    """Return W2^2 of two uniform samples and of one and the law, and W1 of the two, (R,)."""
    x, y = np.sort(stream("uniform", size).random((2, repeats, size)), axis=-1)
    edges = np.arange(size + 1) / size
    # the integral of (x - u)^2 over each quantile's cell
    one = ((edges[1:] - x) ** 3 - (edges[:-1] - x) ** 3).sum(-1) / 3
    return ((x - y) ** 2).mean(-1), one, np.abs(x - y).mean(-1)


@cache
def point_pairs():
    """Return W1 of 5 and 3 draws from a law on four points, (R,)."""
    rng = stream("points")
    first, second = (np.cumsum(rng.multinomial(n, WEIGHTS, 40_000) / n, axis=1) for n in (5, 3))
    return np.abs(first - second)[:, :-1] @ np.diff(POINTS)


NULLS = [
    Experiment(
        "wasserstein.uniform_null_w2_squared",
        "two samples, n = 8, 40,000 pairs",
        lambda: uniform_pairs(8, 40_000)[0],
        lambda: wasserstein.uniform_null_w2_squared(8),
        {
            "n for n + 1": lambda: 1 / 24,
            "n + 2 for n + 1": lambda: 1 / 30,
            "one sample": lambda: wasserstein.uniform_null_w2_squared(8, False),
            "twice one sample": lambda: 2 * wasserstein.uniform_null_w2_squared(8, False),
        },
    ),
    Experiment(
        "wasserstein.uniform_null_w2_squared",
        "one sample, n = 8, 40,000 samples",
        lambda: uniform_pairs(8, 40_000)[1],
        lambda: wasserstein.uniform_null_w2_squared(8, False),
        {
            "half of two samples": lambda: wasserstein.uniform_null_w2_squared(8) / 2,
            "n - 1 for n": lambda: 1 / 42,
        },
    ),
    Experiment(
        "wasserstein.null_w1",
        "four points, n = 5, m = 3, 40,000 pairs",
        point_pairs,
        lambda: wasserstein.null_w1(POINTS, 5, 3, WEIGHTS),
        {
            "m = n": lambda: wasserstein.null_w1(POINTS, 5, None, WEIGHTS),
            "equal weights": lambda: wasserstein.null_w1(POINTS, 5, 3),
            "the limit": lambda: wasserstein.null_w1_limit(
                wasserstein.cdf_spread(POINTS, WEIGHTS), 5, 3
            ),
        },
    ),
    Experiment(
        "wasserstein.null_w1_limit",
        "uniform, n = m = 200, 4,000 pairs",
        lambda: uniform_pairs(200, 4_000)[2],
        lambda: wasserstein.null_w1_limit(wasserstein.UNIFORM_SPREAD, 200),
        {
            "one sample": lambda: (
                np.sqrt(0.5) * wasserstein.null_w1_limit(wasserstein.UNIFORM_SPREAD, 200)
            ),
            "Jensen's bound": lambda: np.sqrt(2 / 200) * wasserstein.UNIFORM_SPREAD,
            "F(1-F) without its root": lambda: wasserstein.null_w1_limit(1 / 6, 200),
            "n - 1": lambda: wasserstein.null_w1_limit(wasserstein.UNIFORM_SPREAD, 199),
        },
    ),
]

# --- gate design -----------------------------------------------------------------------------

SIZE, STEPS, LINEAGES, EXCESS = 200, 8, 8, 0.04


@cache
def drifts(size, gates, excess):
    """Return log(s_n^2 / s_0^2), (gates, R), of a fitter that loses ``excess`` a generation."""
    k = size - 1
    chi = stream("drifts", size).chisquare(k, (gates, LINEAGES, STEPS))
    return (np.log(chi / k) - excess).sum(-1)


def power(size=SIZE, steps=STEPS, lineages=LINEAGES, excess=EXCESS, alpha=0.01):
    return design.excess_drift_power(size, steps, lineages, excess, alpha)


@cache
def steps_measured():
    """Return |x - y|^2 / H of frequencies of 8 draws before and after a step of 10, (R,)."""
    rng, law = stream("steps"), np.array([0.5, 0.3, 0.2])
    later = rng.multinomial(10, law, 40_000) / 10
    x, y = rng.multinomial(8, law, 40_000) / 8, rng.multinomial(8, later) / 8
    return ((x - y) ** 2).sum(1) / 0.62, ((later - law) ** 2).sum(1) / 0.62, 1 - (x**2).sum(1)


DESIGNS = [
    Experiment(
        "design.excess_drift_score",
        "M = 200, n = 8, 8 lineages, 20,000 gates",
        lambda: design.excess_drift_score(drifts(SIZE, 20_000, 0.0).T, SIZE, STEPS),
        lambda: 0.0,
        {
            "n + 1": lambda: score_shift(gaussian.log_variance_drift(SIZE)),
            "the other ddof": lambda: score_shift(STEPS * np.log1p(-1 / SIZE)),
            "no drift": lambda: score_shift(STEPS * gaussian.log_variance_drift(SIZE)),
        },
    ),
    Experiment(
        "design.excess_drift_power",
        "excess 0.04, M = 200, n = 8, 8 lineages, 20,000 gates",
        lambda: (
            design.excess_drift_score(drifts(SIZE, 20_000, EXCESS).T, SIZE, STEPS) < ndtri(0.01)
        ),
        lambda: power(),
        {
            "n - 1": lambda: power(steps=STEPS - 1),
            "R - 1": lambda: power(lineages=LINEAGES - 1),
            "M/2": lambda: power(size=SIZE // 2),
            "two-sided": lambda: power(alpha=0.005),
            "M - 1": lambda: power(size=SIZE - 1),
        },
    ),
    Experiment(
        "design.threshold_alarm_rate",
        "ratio 0.9, M = 10, n = 8, 160,000 lineages",
        lambda: drifts(10, 20_000, 0.0).ravel() < np.log(0.9),
        lambda: design.threshold_alarm_rate(0.9, 10, STEPS),
        {
            "n + 1": lambda: design.threshold_alarm_rate(0.9, 10, STEPS + 1),
            "M + 1": lambda: design.threshold_alarm_rate(0.9, 11, STEPS),
            "the other ddof": lambda: design.threshold_alarm_rate(0.9, 10, STEPS, 0),
        },
    ),
    Experiment(
        "design.expected_step",
        "M = 10, m = 8, 40,000 steps",
        lambda: steps_measured()[0],
        lambda: design.expected_step(10, 8),
        {
            "2/m": lambda: 1 / 10 + 2 / 8,
            "no evaluation": lambda: design.expected_step(10),
            "one evaluation": lambda: 1 / 10 + 1 / 8,
            "M - 1": lambda: design.expected_step(9, 8),
            "m - 1": lambda: design.expected_step(10, 7),
        },
    ),
    Experiment(
        "design.effective_size",
        "1/N_e, M = 10, m = 8, 40,000 steps",
        lambda: (steps_measured()[0] - 2 / 8) / (1 - 1 / 8),
        lambda: 1 / design.effective_size(0.62, 0.62 * design.expected_step(10, 8), 8),
        {
            "no evaluation": lambda: 1 / design.effective_size(0.62, 0.62 * 0.3375),
            "m - 1": lambda: 1 / design.effective_size(0.62, 0.62 * 0.3375, 7),
        },
    ),
    Experiment(
        "design.plug_in_diversity",
        "m = 8, 40,000 samples",
        lambda: steps_measured()[2],
        lambda: design.plug_in_diversity(0.62, 8),
        {
            "no correction": lambda: 0.62,
            "m - 1": lambda: design.plug_in_diversity(0.62, 7),
            "m + 1": lambda: design.plug_in_diversity(0.62, 9),
        },
    ),
    Experiment(
        "design.debiased_diversity",
        "m = 8, 40,000 samples",
        lambda: design.debiased_diversity(steps_measured()[2], 8),
        lambda: 0.62,
        {
            "the plug-in": lambda: design.plug_in_diversity(0.62, 8),
            "(m + 1)/m": lambda: design.plug_in_diversity(0.62, 8) * 9 / 8,
        },
    ),
]


def score_shift(drift):
    """Return the mean score if the neutral drift were wrong by ``drift``."""
    return drift / np.sqrt(STEPS * gaussian.log_variance_noise(SIZE) / LINEAGES)


EXPERIMENTS = [*TAILS, *NULLS, *DESIGNS]
