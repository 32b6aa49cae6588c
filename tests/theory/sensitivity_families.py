"""Simulations of loops of other families and of regressions, each from its samples.

None knows how its formula is derived.
"""

from functools import cache

import numpy as np

from collapse_bench.streams import generator
from collapse_bench.theory import families, gaussian, regression
from tests.theory.sensitivity import Experiment


def stream(*names):
    return generator(27, "sensitivity", *names)


# --- families --------------------------------------------------------------------------------

N = np.arange(1, 5)
FLOOR = 0.02  # added to each variance


@cache
def mixtures(floor):
    """Return tr Cov and |mean|^2 over tr Cov_0 = 2, (R, 4), of two components in two dimensions."""
    rng = stream("mixtures", str(floor))
    lineages, size = 20_000, 10
    x = rng.normal(size=(lineages, size, 2))  # the truth: mean 0, covariance 1
    spread, moved = [], []
    for step in N:
        line = rng.normal(size=(lineages, 1, 2))
        r = 1 / (1 + np.exp(-3 * (x * line).sum(-1)))  # any responsibilities; no EM has to end
        r = np.stack([r, 1 - r], axis=1)  # (R, K, n)
        weights = r.mean(-1)
        share = r / r.sum(-1, keepdims=True)
        means = share @ x  # (R, K, 2)
        off = x[:, None] - means[:, :, None]  # (R, K, n, 2)
        inner = (share[..., None] * off**2).sum(axis=(-1, -2)) + 2 * floor
        mean = (weights[..., None] * means).sum(1)
        between = (weights * ((means - mean[:, None]) ** 2).sum(-1)).sum(1)
        spread.append((weights * inner).sum(1) + between)
        moved.append((mean**2).sum(-1))
        if step < N[-1]:
            of = (rng.random((lineages, size)) > weights[:, :1]).astype(int)  # component of a draw
            own, rows = share[np.arange(lineages)[:, None], of], np.arange(lineages)[:, None]
            noise = rng.normal(size=(lineages, size, size))  # a Gaussian with that covariance
            deviation = np.einsum("rmj,rmjd->rmd", np.sqrt(own) * noise, off[rows, of])
            extra = np.sqrt(floor) * rng.normal(size=x.shape)
            x = means[rows, of] + deviation + extra
    return np.stack(spread, 1) / 2, np.stack(moved, 1) / 2


@cache
def exponentials():
    """Return log theta_n, (R, 4), M = 5."""
    return np.log(stream("exponentials").gamma(5, size=(40_000, 4)) / 5).cumsum(1)


@cache
def poissons():
    """Return lambda_n, (R, 4), M = 4, lambda = 0.5."""
    rng, sums, rates = stream("poissons"), np.full(40_000, 2.0), []
    for _ in N:
        draws = rng.poisson(sums[:, None] / 4, size=(len(sums), 4))
        sums = draws.sum(1).astype(float)
        rates.append(sums / 4)
    return np.stack(rates, 1)


@cache
def uniforms():
    """Return theta_n, (R, 4), M = 6."""
    rng, width, widths = stream("uniforms"), np.ones(40_000), []
    for _ in N:
        width = rng.uniform(0, width[:, None], (len(width), 6)).max(1)
        widths.append(width)
    return np.stack(widths, 1)


LOOPS = [
    Experiment(
        "families.mixture_variance",
        "K = 2, d = 2, M = 10, n = 1..4, 20,000 lineages",
        lambda: mixtures(0.0)[0],
        lambda: families.mixture_variance(10, N),
        {
            "n + 1": lambda: families.mixture_variance(10, N + 1),
            "n - 1": lambda: families.mixture_variance(10, N - 1),
            "M - 1": lambda: families.mixture_variance(9, N),
            "M/K draws a component": lambda: families.mixture_variance(5, N),
            "the other ddof": lambda: np.ones(4),
        },
    ),
    Experiment(
        "families.mixture_variance",
        "the same, floor 0.02",
        lambda: mixtures(FLOOR)[0],
        lambda: families.mixture_variance(10, N, FLOOR),  # 2 * 0.02 / 2
        {
            "no floor": lambda: families.mixture_variance(10, N),
            "floor once, not in d directions": lambda: families.mixture_variance(10, N, FLOOR / 2),
            "floor on the last fit only": lambda: families.mixture_variance(10, N) + FLOOR,
            "M - 1": lambda: families.mixture_variance(9, N, FLOOR),
        },
    ),
    Experiment(
        "families.mixture_mean_square",
        "K = 2, d = 2, M = 10, n = 1..4, floor 0.02, 20,000 lineages",
        lambda: mixtures(FLOOR)[1],
        lambda: families.mixture_mean_square(10, N, FLOOR),
        {
            "n + 1": lambda: families.mixture_mean_square(10, N + 1, FLOOR),
            "M - 1": lambda: families.mixture_mean_square(9, N, FLOOR),
            "unbiased: n/M": lambda: N / 10,
            "no floor": lambda: families.mixture_mean_square(10, N),
        },
    ),
    Experiment(
        "families.exponential_drift",
        "M = 5, n = 1..4, 40,000 lineages",
        exponentials,
        lambda: N * families.exponential_drift(5),
        {
            "n + 1": lambda: (N + 1) * families.exponential_drift(5),
            "M - 1": lambda: N * families.exponential_drift(4),
            "M degrees of freedom for 2M": lambda: N * gaussian.log_variance_drift(6),
            "leading term -1/(2M)": lambda: -N / 10,
        },
    ),
    Experiment(
        "families.exponential_noise",
        "M = 5, n = 1..4, 40,000 lineages",
        lambda: (exponentials() - N * families.exponential_drift(5)) ** 2,
        lambda: N * families.exponential_noise(5),
        {
            "n + 1": lambda: (N + 1) * families.exponential_noise(5),
            "M - 1": lambda: N * families.exponential_noise(4),
            "leading term 1/M": lambda: N / 5,
        },
    ),
    Experiment(
        "families.poisson_extinction",
        "lambda = 0.5, M = 4, n = 1..4, 40,000 lineages",
        lambda: poissons() == 0,
        lambda: families.poisson_extinction(0.5, 4, N),
        {
            "n + 1": lambda: families.poisson_extinction(0.5, 4, N + 1),
            "n - 1": lambda: families.poisson_extinction(0.5, 4, N - 1),
            "M - 1": lambda: families.poisson_extinction(0.5, 3, N),
            "bound 1/n for s": lambda: np.exp(-2 / N),
        },
    ),
    Experiment(
        "families.poisson_variance",
        "lambda = 0.5, M = 4, n = 1..4, 40,000 lineages",
        lambda: (poissons() - 0.5) ** 2,
        lambda: families.poisson_variance(0.5, 4, N),
        {
            "n + 1": lambda: families.poisson_variance(0.5, 4, N + 1),
            "M - 1": lambda: families.poisson_variance(0.5, 3, N),
            "lambda^2": lambda: families.poisson_variance(0.25, 4, N),
        },
    ),
    Experiment(
        "families.uniform_width",
        "M = 6, n = 1..4, 40,000 lineages",
        uniforms,
        lambda: families.uniform_width(6, N),
        {
            "n + 1": lambda: families.uniform_width(6, N + 1),
            "M - 1": lambda: families.uniform_width(5, N),
            "the unbiased estimate (M+1)/M": lambda: np.ones(4),
            "exp(E log)": lambda: np.exp(families.uniform_log_width(6, N)),
            "accumulate": lambda: np.full(4, 6 / 7),
        },
    ),
    Experiment(
        "families.uniform_log_width",
        "M = 6, n = 1..4, 40,000 lineages",
        lambda: np.log(uniforms()),
        lambda: families.uniform_log_width(6, N),
        {
            "n + 1": lambda: families.uniform_log_width(6, N + 1),
            "M + 1": lambda: families.uniform_log_width(7, N),
            "log E": lambda: np.log(families.uniform_width(6, N)),
        },
    ),
]

# --- regression ------------------------------------------------------------------------------

T, D, S2 = 15, 4, 0.5


@cache
def regressions(kind):
    """Return the excess risks, (R, 4), of a loop that sees its labels only."""
    rng = stream("regressions", kind)
    lineages, now, risks, pool = 20_000, None, [], []
    first = rng.normal(size=(lineages, T, D))
    for _ in N:
        x = first if kind == "same" else rng.normal(size=(lineages, T, D))
        before = np.ones((lineages, D, 1)) if now is None else now
        y = x @ before + np.sqrt(S2) * rng.normal(size=(lineages, T, 1))
        pool = [(x, y)] if kind == "replace" else [*pool, (x, y)]
        inputs, labels = (np.concatenate(part, axis=1) for part in zip(*pool, strict=True))
        turned = inputs.swapaxes(1, 2)
        now = np.linalg.solve(turned @ inputs, turned @ labels)
        risks.append(((now - 1) ** 2).sum((1, 2)))
    return np.stack(risks, 1)


@cache
def contaminations(split):
    """Return the risk of one fit to rows of which a share of 1/3 is labelled by w_0 + delta."""
    rng, lineages = stream("contaminations", split), 60_000
    x = rng.normal(size=(lineages, T, D))
    false = rng.random((lineages, T)) < 1 / 3 if split == "iid" else np.arange(T) < T // 3
    shift = 2.0 * x[..., 0] * false  # delta = (2, 0, 0, 0); w_0 = 0
    y = shift + np.sqrt(S2) * rng.normal(size=(lineages, T))
    turned = x.swapaxes(1, 2)
    fit = np.linalg.solve(turned @ x, turned @ y[..., None])[..., 0]
    return (fit**2).sum(1)


def accumulating(kind):
    def risk(size=T, steps=N, fresh=kind == "fresh"):
        return regression.accumulate_risk(size, steps, D, S2, fresh=fresh)

    return Experiment(
        "regression.accumulate_risk",
        f"{kind} inputs, T = 15, d = 4, n = 1..4, 20,000 lineages",
        lambda: regressions(kind),
        risk,
        {
            "the other inputs": lambda: risk(fresh=kind != "fresh"),
            "n + 1": lambda: risk(steps=N + 1),
            "T - d": lambda: risk(size=T + 1),
            "pi^2/6 for the sum": lambda: np.full(4, S2 * D / (T - D - 1) * np.pi**2 / 6),
            "the last fit alone": lambda: S2 * D / (N * T - D - 1),
            "replace": lambda: regression.replace_risk(T, N, D, S2),
        },
    )


def contaminating(split, other):
    def risk(split=split, share=1 / 3, size=T, dimension=D):
        return regression.contaminated_risk(size, dimension, share, 4.0, S2, split)

    return Experiment(
        "regression.contaminated_risk",
        f"{split} split, T = 15, d = 4, p = 1/3, 60,000 fits",
        lambda: contaminations(split),
        risk,
        {
            "the other split": lambda: risk(other),
            "the plateau for the bias": lambda: 4 / 9 + S2 * D / (T - D - 1),
            "p + 1/T": lambda: risk(share=1 / 3 + 1 / T),
            "T - d for the noise": lambda: risk() + S2 * D * (1 / (T - D) - 1 / (T - D - 1)),
            "the bias of one column": lambda: (
                risk(dimension=1) + S2 * (D / (T - D - 1) - 1 / (T - 2))
            ),
        },
    )


REGRESSIONS = [
    Experiment(
        "regression.replace_risk",
        "T = 15, d = 4, n = 1..4, 20,000 lineages",
        lambda: regressions("replace"),
        lambda: regression.replace_risk(T, N, D, S2),
        {
            "n + 1": lambda: regression.replace_risk(T, N + 1, D, S2),
            "T - d": lambda: regression.replace_risk(T + 1, N, D, S2),
            "T - d - 2": lambda: regression.replace_risk(T - 1, N, D, S2),
            "T": lambda: N * S2 * D / T,
            "d - 1": lambda: regression.replace_risk(T, N, D - 1, S2),
            "accumulate": lambda: regression.accumulate_risk(T, N, D, S2),
        },
    ),
    accumulating("same"),
    accumulating("fresh"),
    contaminating("exact", "iid"),
    contaminating("iid", "exact"),
]

EXPERIMENTS = [*LOOPS, *REGRESSIONS]
