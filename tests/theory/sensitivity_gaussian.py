"""The Gaussian loop with samples drawn, and wrong forms of its formulas."""

from functools import cache

import numpy as np
from scipy.special import ndtri

from collapse_bench.streams import generator
from collapse_bench.theory import gaussian
from tests.theory.sensitivity import Experiment

SIZE, STEPS, LINEAGES = 8, 4, 100_000
N = np.arange(1, STEPS + 1)
D, SPECTRUM, SMALLER = 3, np.array([1.0, 2.0, 4.0]), 40_000
TEMPERATURE, TOP, BANDWIDTH, NOISE = 0.8, 0.9, 0.3, 0.2
BUDGET = f"M = {SIZE}, n = 1..{STEPS}"
FEW = np.array([1, 2])  # fourth powers have heavy tails later
BENT = {
    "plain": lambda u: ndtri(u),
    "temperature": lambda u: np.sqrt(TEMPERATURE) * ndtri(u),
    "top-p": lambda u: ndtri((1 - TOP) / 2 + TOP * u),
}


@cache
def line(ddof, bent="plain", bandwidth=0.0, relative=False):
    """Return means and variances (R, T+1) of a loop that draws its samples."""
    rng = generator(25, "theory", "line", str(ddof), bent)
    mean, variance = np.zeros((2, LINEAGES, STEPS + 1))
    variance[:, 0] = 1
    for n in range(STEPS):
        rows = BENT[bent](rng.random((LINEAGES, SIZE)))
        samples = mean[:, n, None] + np.sqrt(variance[:, n, None]) * rows
        mean[:, n + 1] = samples.mean(1)
        spread = samples.var(1, ddof=ddof)
        variance[:, n + 1] = spread
        if bandwidth:
            h2 = bandwidth**2 * spread if relative else bandwidth**2
            variance[:, n + 1] = samples.var(1) + h2  # of the law: points and kernel
    return mean[:, 1:], variance[:, 1:]


@cache
def space():
    """Return means (R, T, d) and covariances (R, T, d, d) of a loop that draws its samples."""
    rng = generator(25, "theory", "space")
    mean, root = np.zeros((SMALLER, D)), np.broadcast_to(np.diag(SPECTRUM**0.5), (SMALLER, D, D))
    means, covariances, noisy, walk = [], [], [], np.zeros((SMALLER, D))
    for _ in range(STEPS):
        rows = rng.standard_normal((SMALLER, SIZE, D)) @ root.swapaxes(1, 2)
        error = np.sqrt(NOISE / 2) * (rows[:, 0] - rows[:, 1])  # uncorrelated with their mean
        walk = walk + rows.mean(1) + error
        rows = rows + mean[:, None]
        mean = rows.mean(1)
        centered = rows - mean[:, None]
        covariance = centered.swapaxes(1, 2) @ centered / (SIZE - 1)
        root = np.linalg.cholesky(covariance)
        means.append(mean)
        covariances.append(covariance)
        noisy.append(walk)
    return np.stack(means, 1), np.stack(covariances, 1), np.stack(noisy, 1)


def symmetric():
    """Return e_1..e_3 of the eigenvalues over those of the truth, (R, T, 3)."""
    traces = np.stack([np.einsum("rtii->rt", _power(i)) for i in (1, 2, 3)], -1)
    p1, p2, p3 = np.moveaxis(traces, -1, 0)
    e = np.stack([p1, (p1**2 - p2) / 2, (p1**3 - 3 * p1 * p2 + 2 * p3) / 6], -1)
    return e / [7.0, 14.0, 8.0]  # of 1, 2, 4


def _power(order):
    power = covariance = space()[1]
    for _ in range(order - 1):
        power = power @ covariance
    return power


def squared_traces():
    """Return tr S^2 and (tr S)^2 over (tr S_0)^2, (R, 2, 2)."""
    trace, square = (np.einsum("rtii->rt", _power(i))[:, : len(FEW)] for i in (1, 2))
    return np.stack([square, trace**2], -1) / SPECTRUM.sum() ** 2


def slips(law, ddof=None, n=N):
    """Return the usual slips of a formula of (size, steps) or (size, steps, ddof)."""
    last = () if ddof is None else (ddof,)
    variants = {
        "n + 1": lambda: law(SIZE, n + 1, *last),
        "n - 1": lambda: law(SIZE, n - 1, *last),
        "M - 1": lambda: law(SIZE - 1, n, *last),
        "M + 1": lambda: law(SIZE + 1, n, *last),
    }
    if ddof is not None:
        variants["other ddof"] = lambda: law(SIZE, n, 1 - ddof)
    return variants


def experiment(name, ddof, replicates, law, more=None, n=N, median=False, blind=()):
    """Return an experiment on ``law``, a formula of (size, steps[, ddof]).

    ``blind`` names arguments that the function doesn't have.
    """
    last = () if ddof is None else (ddof,)
    kind = "" if ddof is None else f", ddof {ddof}"
    return Experiment(
        f"gaussian.{name}",
        f"{BUDGET}{kind}",
        replicates,
        lambda: law(SIZE, n, *last),
        {k: v for k, v in slips(law, ddof, n).items() if k[0] not in blind} | (more or {}),
        median,
    )


def moments(ddof):
    """Return the experiments on one axis."""

    def mean():
        return line(ddof)[0]

    def variance():
        return line(ddof)[1]

    def drift(size, n, ddof):
        return n * gaussian.log_variance_drift(size, ddof)

    def noise(size, n):
        return n * gaussian.log_variance_noise(size)

    def draws():
        rows = generator(25, "theory", "one draw").standard_normal((LINEAGES, STEPS))
        return (mean() + np.sqrt(variance()) * rows) ** 2

    k = SIZE - 1
    return [
        experiment(
            "log_variance_drift",
            ddof,
            lambda: np.log(variance()),
            drift,
            {"-n/k": lambda: -N / k, "0": lambda: 0 * N},
        ),
        experiment(
            "log_variance_noise",
            None,
            lambda: (np.log(variance()) - drift(SIZE, N, ddof)) ** 2,
            noise,
            {"2n/k": lambda: 2 * N / k, "n^2": lambda: N**2 * gaussian.log_variance_noise(SIZE)},
        )
        if ddof
        else experiment(
            "half_life",
            ddof,
            lambda: -np.log(variance()) / np.log(2),
            lambda size, n, ddof: n / gaussian.half_life(size, ddof),
            {"log 2 * k": lambda: N / (np.log(2) * k)},
        ),
        experiment(
            "median_log_variance",
            ddof,
            lambda: np.log(variance()),
            gaussian.median_log_variance,
            {"no skewness": lambda: drift(SIZE, N, ddof)},
            median=True,
        ),
        experiment(
            "expected_variance",
            ddof,
            variance,
            gaussian.expected_variance,
            {"exp of the drift": lambda: np.exp(drift(SIZE, N, ddof))},
        ),
        experiment(
            "expected_mean_square", ddof, lambda: mean() ** 2, gaussian.expected_mean_square
        ),
        experiment(
            "expected_scale",
            ddof,
            lambda: np.sqrt(variance()),
            gaussian.expected_scale,
            {
                "exp(-n/4M)": lambda: np.exp(-N / (4 * SIZE)),
                "root of E s^2": lambda: gaussian.expected_variance(SIZE, N, ddof) ** 0.5,
            },
        ),
        experiment(
            "log_scale_factor",
            ddof,
            lambda: np.sqrt(variance())[:, :1],
            lambda size, n, ddof: np.exp(gaussian.log_scale_factor(size, ddof))[None],
            {"half the drift": lambda: np.exp(drift(SIZE, 1, ddof) / 2)},
            blind="n",
        ),
        experiment(
            "expected_w2_squared",
            ddof,
            lambda: mean() ** 2 + (np.sqrt(variance()) - 1) ** 2,
            gaussian.expected_w2_squared,
            {
                "1.5 n/M": lambda: 1.5 * N / SIZE,
                "the preprint's": lambda: (N - 1) / SIZE + 1.5 / SIZE,
                "n/M": lambda: N / SIZE,
            },
        ),
        experiment(
            "expected_squared_variance",
            ddof,
            lambda: variance()[:, :2] ** 2,
            gaussian.expected_squared_variance,
            {"1 + 1/k": lambda: (1 + 1 / k) ** FEW, "E[s^2]^2": lambda: 0.0 * FEW + 1},
            n=FEW,
        ),
        experiment(
            "ensemble_variance",
            ddof,
            draws,
            gaussian.ensemble_variance,
            {"n/k": lambda: 1 + N / k, "E s^2": lambda: gaussian.expected_variance(SIZE, N, ddof)},
        ),
    ]


def _orders(size, n, *ddof):
    return gaussian.symmetric_ratio(size, n[:, None], [1, 2, 3], *ddof)


def _traces(size, n, *ddof):
    purity = (SPECTRUM**2).sum() / SPECTRUM.sum() ** 2
    return np.stack(gaussian.expected_squared_traces(purity, size, n, *ddof), -1)


def _bound(size, n, noise=NOISE):
    return gaussian.noisy_lower_bound(np.full(STEPS + 2, size), noise)[n]


MATRIX = [
    experiment(
        "log_det_drift",
        1,
        lambda: np.linalg.slogdet(space()[1])[1] - np.log(SPECTRUM).sum(),
        lambda size, n, ddof: n * gaussian.log_det_drift(size, D, ddof),
        {
            "d times one axis": lambda: N * D * gaussian.log_variance_drift(SIZE),
            "d - 1": lambda: N * gaussian.log_det_drift(SIZE, D - 1),
        },
    ),
    experiment(
        "log_det_noise",
        None,
        lambda: (
            (
                np.linalg.slogdet(space()[1])[1]
                - np.log(SPECTRUM).sum()
                - N * gaussian.log_det_drift(SIZE, D)
            )
            ** 2
        ),
        lambda size, n: n * gaussian.log_det_noise(size, D),
        {"d times one axis": lambda: N * D * gaussian.log_variance_noise(SIZE)},
    ),
    experiment(
        "symmetric_ratio",
        1,
        symmetric,
        _orders,
        {"powers of one order": lambda: _orders(SIZE, N)[:, 1:2] ** np.arange(3)},
    ),
    experiment(
        "expected_squared_traces",
        1,
        squared_traces,
        _traces,
        {"swapped": lambda: _traces(SIZE, FEW)[:, ::-1]},
        n=FEW,
    ),
    experiment(
        "noisy_lower_bound",
        None,
        lambda: (space()[2] ** 2).sum(-1) / SPECTRUM.sum(),
        _bound,
        {
            "no noise": lambda: _bound(SIZE, N, 0.0),
            "noise over M": lambda: _bound(SIZE, N, NOISE / SIZE),
            "noise once": lambda: N / SIZE + NOISE,
        },
    ),
    Experiment(
        "gaussian.expected_mean_square",
        f"{BUDGET}, d = {D}",
        lambda: (space()[0] ** 2).sum(-1) / SPECTRUM.sum(),
        lambda: gaussian.expected_mean_square(SIZE, N),
        slips(gaussian.expected_mean_square, 1),
    ),
    Experiment(
        "gaussian.expected_variance",
        f"{BUDGET}, d = {D}",
        lambda: np.einsum("rtii->rt", space()[1]) / SPECTRUM.sum(),
        lambda: gaussian.expected_variance(SIZE, N),
        slips(gaussian.expected_variance, 1),
    ),
]

TEMPERED = [
    experiment(
        "tempered_drift",
        1,
        lambda: np.log(line(1, "temperature")[1]),
        lambda size, n, ddof: n * gaussian.tempered_drift(size, TEMPERATURE, ddof),
        {
            "no temperature": lambda: N * gaussian.log_variance_drift(SIZE),
            "T on the scale": lambda: N * gaussian.tempered_drift(SIZE, TEMPERATURE**2),
            "1/T": lambda: N * gaussian.tempered_drift(SIZE, 1 / TEMPERATURE),
        },
    ),
    experiment(
        "critical_temperature",
        1,
        lambda: np.log(line(1)[1]) + N * np.log(gaussian.critical_temperature(SIZE)),
        lambda size, n, ddof: (
            n
            * np.log(
                gaussian.critical_temperature(SIZE) / gaussian.critical_temperature(size, ddof)
            )
        ),
        {"1 + 1/k": lambda: N * np.log(gaussian.critical_temperature(SIZE) / (1 + 1 / (SIZE - 1)))},
        blind="n",
    ),
    *(
        experiment(
            "top_p_expected_variance",
            ddof,
            lambda ddof=ddof: line(ddof, "top-p")[1],
            lambda size, n, ddof: gaussian.top_p_expected_variance(TOP, size, n, ddof),
            {
                "p itself": lambda: TOP**N,
                "p/2 more": lambda: gaussian.top_p_expected_variance((1 + TOP) / 2, SIZE, N),
            },
        )
        for ddof in (1, 0)
    ),
    experiment(
        "top_p_variance_factor",
        None,
        lambda: line(1, "top-p")[1][:, :1],
        lambda size, n: np.array([gaussian.top_p_variance_factor(TOP)]),
        {
            "1 - c phi(c)/p": lambda: (1 + gaussian.top_p_variance_factor(TOP)) / 2,
            "no 1/p": lambda: 1 - TOP * (1 - gaussian.top_p_variance_factor(TOP)),
        },
        blind="nM",
    ),
    experiment(
        "kernel_density_variance",
        None,
        lambda: line(0, bandwidth=BANDWIDTH)[1],
        lambda size, n: gaussian.kernel_density_variance(size, n, BANDWIDTH),
        {
            "no kernel": lambda: gaussian.expected_variance(SIZE, N, 0),
            "h for h^2": lambda: gaussian.kernel_density_variance(SIZE, N, BANDWIDTH**0.5),
            "blur once": lambda: gaussian.expected_variance(SIZE, N, 0) + BANDWIDTH**2,
        },
    ),
    *(
        experiment(
            "relative_kernel_density_variance",
            ddof,
            lambda ddof=ddof: line(ddof, bandwidth=BANDWIDTH, relative=True)[1],
            lambda size, n, ddof: gaussian.relative_kernel_density_variance(
                size, n, BANDWIDTH, ddof
            ),
            {"a fixed kernel": lambda: gaussian.kernel_density_variance(SIZE, N, BANDWIDTH)},
        )
        for ddof in (1, 0)
    ),
]

EXPERIMENTS = [*moments(1), *moments(0), *MATRIX, *TEMPERED]
