"""Loops that keep something with counts drawn, and wrong forms of their formulas."""

from functools import cache

import numpy as np

from collapse_bench.streams import generator
from collapse_bench.theory import categorical, gaussian, regimes
from tests.theory.sensitivity import Experiment

SIZE, STEPS, LINEAGES = 10, 4, 80_000
N = np.arange(1, STEPS + 1)
LAW = np.array([0.4, 0.3, 0.2, 0.1])
GINI, K = 1 - (LAW**2).sum(), len(LAW)
WEIGHTS, SHARE, LAG = (0.6, 0.3, 0.1), 0.2, 0.5
REAL, POOL = round(SHARE * SIZE), 4
GROWING = np.array([4, 6, 9, 13])
REAL_ROWS, MODEL_ROWS, WEIGHT = 8, 4, 0.3  # k = 2
BUDGET = f"M = {SIZE}, n = 1..{STEPS}, {LINEAGES:,} lineages"


def gini(p):
    return (1 - (p**2).sum(-1)) / GINI


def distance(p, about=LAW):
    return ((p - about) ** 2).sum(-1) / GINI


def draws(rng, size, laws):
    return rng.multinomial(size, laws) / size


@cache
def loop(regime):
    """Return the fits (R, T, K) of a loop that draws its samples, and the laws they leave."""
    rng = generator(27, "theory", regime)
    truth = np.broadcast_to(LAW, (LINEAGES, K))
    fit = law = pool = truth
    fixed = draws(rng, REAL, truth) if regime == "fixed" else None
    if regime == "fixed, from its rows":
        fixed = law = np.broadcast_to(draws(rng, REAL, [0.5, 0.5, 0, 0]), (LINEAGES, K))
    fits, laws = [], []
    for n in range(1, STEPS + 1):
        if regime == "accumulate":
            pool = draws(rng, SIZE, law) if n == 1 else ((n - 1) * pool + draws(rng, SIZE, law)) / n
            fit = law = pool
        elif regime == "mixture":
            fit = draws(rng, SIZE, law)
            law = WEIGHTS[0] * fit + WEIGHTS[1] * law + WEIGHTS[2] * truth
        elif regime == "lag":
            fit = draws(rng, SIZE, law)
            law = LAG * fit + (1 - LAG) * law
        elif regime == "fresh, iid":
            fit = law = draws(rng, SIZE, SHARE * truth + (1 - SHARE) * law)
        elif regime == "fresh, exact":
            new = draws(rng, SIZE - REAL, law)
            fit = law = SHARE * draws(rng, REAL, truth) + (1 - SHARE) * new
        elif regime.startswith("fixed"):
            fit = law = SHARE * fixed + (1 - SHARE) * draws(rng, SIZE - REAL, law)
        elif regime == "growing":
            fit = law = draws(rng, GROWING[n - 1], law)
        elif regime == "linear":
            fit = law = draws(rng, SIZE * n, law)
        fits.append(fit)
        laws.append(law)
    return np.stack(fits, 1), np.stack(laws, 1), fixed


@cache
def subsampled():
    """Return the fits (R, T, K) of a loop on SIZE rows of the pool, drawn as rows."""
    rng = generator(27, "theory", "subsample")
    edges = np.broadcast_to(LAW, (LINEAGES, K)).cumsum(-1)
    pool, fits = np.empty((LINEAGES, 0), int), []
    for _ in range(STEPS):
        batch = (rng.random((LINEAGES, SIZE, 1)) > edges[:, None, :-1]).sum(-1)
        pool = np.hstack([pool, batch])
        order = rng.random(pool.shape).argpartition(SIZE - 1, axis=1)[:, :SIZE]
        rows = np.take_along_axis(pool, order, 1)
        fits.append((rows[..., None] == np.arange(K)).mean(1))
        edges = fits[-1].cumsum(-1)
    return np.stack(fits, 1)


@cache
def urn():
    """Return the diversity (R, T) of a pool of POOL rows after each single draw, a share."""
    rng = generator(27, "theory", "urn")
    counts = np.broadcast_to([2.0, 1.0, 1.0, 0.0], (LINEAGES, K)).copy()
    start, values = 1 - (counts[0] ** 2).sum() / POOL**2, []
    for n in range(STEPS):
        counts += rng.multinomial(1, counts / (POOL + n))
        values.append((1 - ((counts / (POOL + 1 + n)) ** 2).sum(-1)) / start)
    return np.stack(values, 1)


@cache
def means(regime):
    """Return squared means (R, T) of a Gaussian loop whose variance is known to be 1."""
    rng = generator(27, "theory", "means", regime)
    mean, values = np.zeros(LINEAGES), []
    for n in range(1, 41 if regime == "weighted" else STEPS + 1):
        new = mean + rng.standard_normal(LINEAGES) / np.sqrt(SIZE)
        if regime == "pooled":
            mean = ((n - 1) * mean + new) / n
        else:
            real = rng.standard_normal(LINEAGES) / np.sqrt(REAL_ROWS)
            new = mean + rng.standard_normal(LINEAGES) / np.sqrt(MODEL_ROWS)
            mean = WEIGHT * real + (1 - WEIGHT) * new
        values.append(mean**2)
    return np.stack(values, 1)


@cache
def growing_gaussian(ddof):
    """Return the squared W_2 (R, T) of a Gaussian loop with sizes that grow."""
    rng = generator(27, "theory", "growing Gaussian", str(ddof))
    mean, scale, values = np.zeros(LINEAGES), np.ones(LINEAGES), []
    for size in GROWING:
        samples = mean[:, None] + scale[:, None] * rng.standard_normal((LINEAGES, size))
        mean, scale = samples.mean(1), samples.std(1, ddof=ddof)
        values.append(mean**2 + (scale - 1) ** 2)
    return np.stack(values, 1)


def slips(law, n=N):
    return {
        "n + 1": lambda: law(SIZE, n + 1),
        "n - 1": lambda: law(SIZE, n - 1),
        "M - 1": lambda: law(SIZE - 1, n),
        "M + 1": lambda: law(SIZE + 1, n),
    }


def experiment(name, replicates, law, more=None, *, budget=BUDGET, blind=()):
    """Return an experiment on ``law``, a formula of (size, steps); it lacks what is ``blind``."""
    usual = {k: v for k, v in slips(law).items() if k[:1] not in blind and k not in blind}
    return Experiment(
        f"regimes.{name}", budget, replicates, lambda: law(SIZE, N), usual | (more or {})
    )


def replace(n=N, size=SIZE):
    return categorical.diversity_ratio(size, n)


def kept(size, n):
    return regimes.mixture_ratio(size, n, *WEIGHTS)


def left(size, n, weights=WEIGHTS):
    return regimes.mixture_distance(size, n, *weights)


def iid(size, n):
    return regimes.fresh_real_ratio(size, n, SHARE)


def exact(size, n):
    return regimes.fresh_real_ratio(size, n, REAL / size, "exact")


def fixed(size, n):
    return regimes.fixed_real_ratio(size, n, REAL / size)


def about_rows(size, n):
    return regimes.fixed_real_distance(size, n, REAL / size)


def weighted(weight=WEIGHT, ratio=REAL_ROWS / MODEL_ROWS, rows=REAL_ROWS):
    return regimes.weighted_mean_square(weight, ratio) / rows


EXPERIMENTS = [
    experiment(
        "accumulate_ratio",
        lambda: gini(loop("accumulate")[0]),
        regimes.accumulate_ratio,
        {
            "replace": replace,
            "1 - 1/(Mt)": lambda: np.cumprod(1 - 1 / (SIZE * N)),
            "the limit": lambda: regimes.accumulate_limit(SIZE) + 0 * N,
            "subsample": lambda: regimes.subsample_ratio(SIZE, N),
        },
    ),
    experiment(
        "accumulate_mean_square",
        lambda: means("pooled"),
        regimes.accumulate_mean_square,
        {
            "1/t": lambda: np.cumsum(1 / N) / SIZE,
            "pi^2/6": lambda: np.pi**2 / 6 / SIZE + 0 * N,
            "variance fitted": lambda: 1 - regimes.accumulate_ratio(SIZE, N),
        },
    ),
    experiment(
        "subsample_ratio",
        lambda: gini(subsampled()),
        regimes.subsample_ratio,
        {
            "accumulate": lambda: regimes.accumulate_ratio(SIZE, N),
            "replace": replace,
            "with replacement": lambda: (
                regimes.subsample_ratio(SIZE, N)
                * np.where(N > 1, (1 - 1 / SIZE) / (1 - (N - 1) / (N * SIZE - 1)), 1)
            ),
        },
    ),
    experiment(
        "polya_ratio",
        urn,
        lambda size, n: regimes.polya_ratio(size - SIZE + POOL, n),
        {"the limit": lambda: regimes.polya_limit(POOL) + 0 * N, "replace": replace},
        budget=f"N = {POOL}, n = 1..{STEPS}, {LINEAGES:,} lineages",
    ),
    experiment(
        "mixture_distance",
        lambda: distance(loop("mixture")[1]),
        left,
        {
            "of the model": lambda: 1 - kept(SIZE, N),
            "alpha, beta swapped": lambda: left(SIZE, N, (0.3, 0.6, 0.1)),
            "beta, gamma swapped": lambda: left(SIZE, N, (0.6, 0.1, 0.3)),
            "no lag": lambda: left(SIZE, N, (0.9, 0, 0.1)),
            "the limit": lambda: regimes.mixture_limit(SIZE, *WEIGHTS) + 0 * N,
        },
    ),
    experiment(
        "mixture_ratio",
        lambda: gini(loop("mixture")[0]),
        kept,
        {
            "of the law": lambda: 1 - left(SIZE, N),
            "no lag": lambda: regimes.mixture_ratio(SIZE, N, 0.9, 0, 0.1),
            "fresh": lambda: regimes.fresh_real_ratio(SIZE, N, 0.1),
        },
    ),
    experiment(
        "lag_effective_size",
        lambda: gini(loop("lag")[1]),
        lambda size, n: (1 - 1 / regimes.lag_effective_size(size, LAG)) ** n,
        {
            "M/alpha": lambda: (1 - LAG / SIZE) ** N,
            "M": replace,
            "of the model": lambda: regimes.mixture_ratio(SIZE, N, LAG, 1 - LAG, 0),
        },
    ),
    experiment(
        "fresh_real_ratio",
        lambda: gini(loop("fresh, iid")[0]),
        iid,
        {
            "exact split": lambda: exact(SIZE, N),
            "replace": replace,
            "(1 - g) once": lambda: regimes.fresh_real_ratio(SIZE, N, 1 - (1 - SHARE) ** 0.5),
            "the limit": lambda: regimes.fresh_real_limit(SIZE, SHARE) + 0 * N,
        },
        budget=f"{BUDGET}, iid",
    ),
    experiment(
        "fresh_real_ratio",
        lambda: gini(loop("fresh, exact")[0]),
        exact,
        {
            "iid split": lambda: iid(SIZE, N),
            "fixed rows": lambda: fixed(SIZE, N),
            "one row more": lambda: regimes.fresh_real_ratio(SIZE, N, SHARE + 0.1, "exact"),
        },
        budget=f"{BUDGET}, exact",
    ),
    experiment(
        "fixed_real_ratio",
        lambda: gini(loop("fixed")[0]),
        fixed,
        {
            "fresh rows": lambda: exact(SIZE, N),
            "fresh, iid": lambda: iid(SIZE, N),
            "replace": replace,
            "one row more": lambda: regimes.fixed_real_ratio(SIZE, N, SHARE + 0.1),
        },
    ),
    experiment(
        "fixed_real_distance",
        lambda: (
            distance(loop("fixed, from its rows")[0], loop("fixed, from its rows")[2][:, None])
            / gini(loop("fixed, from its rows")[2][:1])
        ),
        about_rows,
        {
            "M for m": lambda: about_rows(SIZE, N) * (1 - SHARE),
            "iid split": lambda: left(SIZE, N, (1 - SHARE, 0, SHARE)),
            "fresh rows": lambda: 1 - exact(SIZE, N),
        },
    ),
    experiment(
        "growing_ratio",
        lambda: gini(loop("growing")[0]),
        lambda size, n: regimes.growing_ratio(GROWING + size - SIZE)[n],
        {
            "first size": lambda: replace(size=GROWING[0]),
            "one size late": lambda: regimes.growing_ratio([4, *GROWING[:-1]])[1:],
        },
        blind=("n + 1",),
    ),
    *(
        experiment(
            "growing_w2_squared",
            lambda ddof=ddof: growing_gaussian(ddof),
            lambda size, n, ddof=ddof: regimes.growing_w2_squared(GROWING + size - SIZE, ddof)[n],
            {
                "other ddof": lambda ddof=ddof: regimes.growing_w2_squared(GROWING, 1 - ddof)[N],
                "1.5 sum 1/M": lambda: 1.5 * np.cumsum(1 / GROWING),
                "first size": lambda ddof=ddof: gaussian.expected_w2_squared(4, N, ddof),
            },
            budget=f"M = 4, 6, 9, 13, {LINEAGES:,} lineages, ddof {ddof}",
            blind=("n + 1",),
        )
        for ddof in (1, 0)
    ),
    experiment(
        "linear_growth_ratio",
        lambda: gini(loop("linear")[0]),
        regimes.linear_growth_ratio,
        {
            "replace": replace,
            "accumulate": lambda: regimes.accumulate_ratio(SIZE, N),
            "n^(-1/c)": lambda: N ** (-1 / SIZE),
        },
    ),
    experiment(
        "weighted_mean_square",
        lambda: means("weighted")[:, -1:],
        lambda size, n: np.array([weighted()]),
        {
            "1/k": lambda: weighted(ratio=MODEL_ROWS / REAL_ROWS),
            "1 - w": lambda: weighted(1 - WEIGHT),
            "model rows": lambda: weighted(rows=MODEL_ROWS),
            "the best": lambda: regimes.optimal_real_weight(2) / REAL_ROWS,
        },
        budget=f"8 real rows, 4 of the model, 40 steps, {LINEAGES:,} lineages",
        blind="nM",
    ),
]
