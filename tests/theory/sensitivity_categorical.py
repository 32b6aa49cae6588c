"""The discrete loop with counts drawn, and wrong forms of its formulas."""

from functools import cache

import numpy as np

from collapse_bench.streams import generator
from collapse_bench.theory import categorical
from tests.theory.sensitivity import Experiment

SIZE, STEPS, LINEAGES = 10, 4, 40_000
N = np.arange(1, STEPS + 1)
LAW = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
GINI, K = 1 - (LAW**2).sum(), len(LAW)
RATE, COPIES = 1.5, 2
# with the exact chain out of reach, one step of a large size tells an off-by-one
LARGE, MANY = 3_000, 400
FLAT = np.full(2 * LARGE // 5, 5 / (2 * LARGE))  # each seen 2.5 times
BUDGET = f"M = {SIZE}, n = 1..{STEPS}, {LINEAGES:,} lineages"


@cache
def lineages():
    """Return laws (R, T, K)."""
    rng = generator(26, "theory", "laws")
    laws, now = [], np.broadcast_to(LAW, (LINEAGES, K))
    for _ in range(STEPS):
        now = rng.multinomial(SIZE, now) / SIZE
        laws.append(now)
    return np.stack(laws, 1)


@cache
def until_absorbed(copies=None):
    """Return each lineage's steps until one state is left, and which: (R,), (R,)."""
    rng = generator(26, "theory", "until absorbed", str(copies))
    replicates = 20_000
    # from the truth on two states, or from as many different draws
    truth = np.array([0.3, 0.7]) if copies is None else np.full(copies, 1 / copies)
    now, left = np.broadcast_to(truth, (replicates, len(truth))), np.full(replicates, np.inf)
    step = 0
    while np.isinf(left).any():
        step += 1
        now = rng.multinomial(SIZE, now) / SIZE
        left = np.where(np.isinf(left) & (now.max(1) == 1), step, left)
    return left, now.argmax(1)


@cache
def poisson():
    """Return counts (R, T+1) of a state whose every copy leaves Poisson(1) copies."""
    rng = generator(26, "theory", "poisson")
    counts = [rng.poisson(RATE, LINEAGES)]
    for _ in range(STEPS):
        counts.append(rng.poisson(counts[-1]))
    return np.stack(counts, 1)


@cache
def copies():
    """Return counts (R, T) of a state that begins with COPIES of SIZE."""
    rng = generator(26, "theory", "copies")
    counts, now = [], np.full(LINEAGES, COPIES)
    for _ in range(STEPS):
        now = rng.binomial(SIZE, now / SIZE)
        counts.append(now)
    return np.stack(counts, 1)


@cache
def vocabulary():
    """Return how many of many rare states are left, (R, T)."""
    rng = generator(26, "theory", "vocabulary")
    left, now = [], np.broadcast_to(FLAT, (MANY, len(FLAT)))
    for _ in range(STEPS):
        now = rng.multinomial(LARGE, now) / LARGE
        left.append((now > 0).sum(1))
    return np.stack(left, 1)


def entropies(p):
    return -(p * np.log(np.where(p > 0, p, 1))).sum(-1)


def slips(law, n=N):
    return {
        "n + 1": lambda: law(SIZE, n + 1),
        "n - 1": lambda: law(SIZE, n - 1),
        "M - 1": lambda: law(SIZE - 1, n),
        "M + 1": lambda: law(SIZE + 1, n),
    }


def experiment(name, replicates, law, more=None, n=N, budget=BUDGET, blind=()):
    """Return an experiment on ``law``, a formula of (size, steps); it lacks what is ``blind``."""
    usual = {k: v for k, v in slips(law, n).items() if k[0] not in blind}
    return Experiment(
        f"categorical.{name}", budget, replicates, lambda: law(SIZE, n), usual | (more or {})
    )


def moved(size, n):
    return categorical.expected_distance(1.0, size, n)


def one_step(value):
    """Return a formula of (size, steps) that has no steps."""
    return lambda size, n: np.atleast_1d(value(size))


MOMENTS = [
    experiment(
        "diversity_ratio",
        lambda: (1 - (lineages() ** 2).sum(-1)) / GINI,
        categorical.diversity_ratio,
        {
            "exp(-n/M)": lambda: np.exp(-N / SIZE),
            "1 - n/M": lambda: 1 - N / SIZE,
            "1 - 1/M^2": lambda: (1 - 1 / SIZE**2) ** N,
        },
    ),
    experiment(
        "probability_variance",
        lambda: (lineages()[..., 0] - LAW[0]) ** 2,
        lambda size, n: categorical.probability_variance(LAW[0], size, n),
        {
            "p(1-p)/M": lambda: LAW[0] * (1 - LAW[0]) / SIZE * N,
            "p": lambda: LAW[0] * moved(SIZE, N),
        },
    ),
    experiment(
        "probability_covariance",
        lambda: (lineages()[..., 0] - LAW[0]) * (lineages()[..., 1] - LAW[1]),
        lambda size, n: categorical.probability_covariance(LAW[0], LAW[1], size, n),
        {"sign": lambda: LAW[0] * LAW[1] * moved(SIZE, N), "0": lambda: 0 * N},
    ),
    experiment(
        "expected_distance",
        lambda: ((lineages() - LAW) ** 2).sum(-1),
        lambda size, n: categorical.expected_distance(GINI, size, n),
        {"H n/M": lambda: GINI * N / SIZE, "1 - H": lambda: (1 - GINI) * moved(SIZE, N)},
    ),
    experiment(
        "expected_chi_squared",
        lambda: ((lineages() - LAW) ** 2 / LAW).sum(-1),
        lambda size, n: categorical.expected_chi_squared(K, size, n),
        {"K": lambda: categorical.expected_chi_squared(K + 1, SIZE, N)},
    ),
    experiment(
        "eigenvalue",
        lambda: lineages()[..., :3].prod(-1) / LAW[:3].prod(),
        lambda size, n: categorical.eigenvalue(size, 3) ** n,
        {
            "order 2": lambda: categorical.eigenvalue(SIZE, 2) ** N,
            "order 4": lambda: categorical.eigenvalue(SIZE, 4) ** N,
            "(1 - 1/M)^3": lambda: (1 - 1 / SIZE) ** (3 * N),
        },
    ),
    experiment(
        "expected_entropy",
        lambda: entropies(lineages()),
        lambda size, n: categorical.expected_entropy(LAW, size, n),
        {"(K - 1)/2M": lambda: entropies(LAW) - N * categorical.entropy_loss(K, SIZE)},
    ),
    experiment(
        "effective_size",
        lambda: (np.diff(lineages()[:, :3], axis=1) ** 2).sum(-1),
        lambda size, n: (
            GINI
            * categorical.diversity_ratio(size, n - 1)
            / categorical.effective_size(GINI, categorical.expected_distance(GINI, size, 1))
        ),
        n=np.array([2, 3]),
    ),
]

LOSSES = [
    experiment(
        "loss_probability",
        lambda: (lineages()[:, :1, 3] == 0) * 1.0,
        one_step(lambda size: categorical.loss_probability(LAW[3], size)),
        {"exp(-Mp)": lambda: np.exp(-SIZE * LAW[3]), "1 - p": lambda: 1 - LAW[3]},
        blind="n",
    ),
    experiment(
        "extinction_probability",
        lambda: (lineages()[..., 3] == 0) * 1.0,
        lambda size, n: categorical.extinction_probability(LAW[3], size, n),
        {
            "branching": lambda: 1 - categorical.poisson_survival(SIZE * LAW[3], N),
            "independent steps": lambda: 1 - (1 - categorical.loss_probability(LAW[3], SIZE)) ** N,
        },
    ),
    experiment(
        "expected_vocabulary",
        lambda: (lineages() > 0).sum(-1),
        lambda size, n: categorical.expected_vocabulary(LAW, size, n),
        {"branching": lambda: categorical.poisson_survival(SIZE * LAW[:, None], N).sum(0)},
    ),
    Experiment(
        "categorical.expected_vocabulary",
        f"M = {LARGE:,}, n = 1..{STEPS}, {MANY} lineages",
        vocabulary,
        lambda: categorical.expected_vocabulary(FLAT, LARGE, N),
        {
            "n + 1": lambda: categorical.expected_vocabulary(FLAT, LARGE, N + 1),
            "M - 1": lambda: categorical.expected_vocabulary(FLAT, LARGE - 1, N),
            "M - 1 %": lambda: categorical.expected_vocabulary(FLAT, LARGE * 99 // 100, N),
            "2M/n draws": lambda: (1 - np.exp(-LARGE * FLAT[:, None] * 2 / (N + 1))).sum(0),
        },
    ),
    experiment(
        "missing_mass",
        lambda: (LAW * (lineages()[:, 0] == 0)).sum(-1)[:, None],
        one_step(lambda size: categorical.missing_mass(LAW, size)),
        {"singletons": lambda: categorical.expected_singletons(LAW, SIZE) / SIZE},
        blind="n",
    ),
    experiment(
        "expected_singletons",
        lambda: (np.rint(lineages()[:, 0] * SIZE) == 1).sum(-1)[:, None],
        one_step(lambda size: categorical.expected_singletons(LAW, size)),
        {"M of the unseen": lambda: SIZE * categorical.missing_mass(LAW, SIZE)},
        blind="n",
    ),
    experiment(
        "copies_survival",
        lambda: (copies() > 0) * 1.0,
        lambda size, n: categorical.copies_survival(COPIES, size, n),
        {
            "branching": lambda: 1 - (1 - categorical.survival(N)) ** COPIES,
            "one copy": lambda: categorical.copies_survival(1, SIZE, N),
        },
    ),
    experiment(
        "survival",
        lambda: (poisson()[:, 1:] > 0) * 1.0,
        lambda size, n: 1 - np.exp(-RATE * categorical.survival(n)),
        {
            "2/(j + 2)": lambda: 1 - np.exp(-RATE * categorical.survival_bounds(N)[1]),
            "the lower bound": lambda: 1 - np.exp(-RATE * categorical.survival_bounds(N)[0]),
        },
        blind="M",
    ),
    experiment(
        "poisson_survival",
        lambda: (poisson()[:, :-1] > 0) * 1.0,
        lambda size, n: categorical.poisson_survival(RATE, n),
        {"1 - exp(-rate/n)": lambda: 1 - np.exp(-RATE / N)},
        blind="M",
    ),
]

TIMES = [
    experiment(
        "mean_absorption_time",
        lambda: until_absorbed()[0][:, None],
        one_step(lambda size: categorical.mean_absorption_time(0.3, size)),
        {
            "diffusion": lambda: -2 * SIZE * (0.3 * np.log(0.3) + 0.7 * np.log(0.7)),
            "not from the truth": lambda: categorical.mean_absorption_time(0.3, SIZE) - 1,
        },
        budget=f"M = {SIZE}, 20,000 lineages",
        blind="n",
    ),
    experiment(
        "mean_coalescence_time",
        lambda: until_absorbed(SIZE)[0][:, None],
        one_step(categorical.mean_coalescence_time),
        {
            "2(M - 1)": lambda: 2 * (SIZE - 1),
            "a step more": lambda: categorical.mean_coalescence_time(SIZE) + 1,
        },
        budget=f"M = {SIZE}, 20,000 lineages",
        blind="n",
    ),
    experiment(
        "fixation_probability",
        lambda: (until_absorbed()[1] == 0)[:, None],
        one_step(lambda size: categorical.fixation_probability(0.3)),
        {"1 - p": lambda: 0.7, "p^2": lambda: 0.09, "1/K": lambda: 0.5},
        budget=f"M = {SIZE}, 20,000 lineages",
        blind="nM",
    ),
]


EXPERIMENTS = [*MOMENTS, *LOSSES, *TIMES]
