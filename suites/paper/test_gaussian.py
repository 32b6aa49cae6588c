"""Theorem 3.1 in one dimension: the variance goes to zero while the distance to the truth grows.

A Gaussian is fitted to M draws of the Gaussian before it. Source: I. Shumailov et al., Nature 631
(2024), 755-759, Theorem 3.1 and supplement 3.1.1. The theorem is about the unbiased variance,
``ddof=1``; under maximum likelihood, ``ddof=0``, the distance stays bounded. Its mean is asserted
while n <= M: later it rests on ever rarer lineages. A sound process fails one comparison at 4.5
standard errors with chance 7e-6, hence some test here for at most one seed in 250.
"""

import numpy as np
import pytest
from scipy.special import gammaln, hyp1f1
from scipy.stats import binom

from collapse_bench.data import two_gaussians
from collapse_bench.models import Gaussian
from collapse_bench.regimes import Mixture
from collapse_bench.statistics.agreement import assert_mean, assert_median
from collapse_bench.theory import gaussian

REPLICATES = {"smoke": 8_000, "ci": 40_000, "paper": 40_000}
ON_DEVICE = {"smoke": 8_000, "ci": 10**6, "paper": 10**6}
# The supplement's figure 3 has 1,000 generations of these sizes from 100 on.
GENERATIONS = {"smoke": 20, "ci": 20, "paper": 1_000}
SIZES = [10, 100, *(pytest.param(size, marks=pytest.mark.paper) for size in (500, 1_000, 10_000))]
ESTIMATORS = pytest.mark.parametrize("ddof", [1, 0], ids=["unbiased", "likelihood"])


def mean_square(trajectory):
    """Return (mean_n - m)^2 over the truth's variance, (R, T+1), from W2^2 and the variance."""
    scale = np.sqrt(trajectory.values["variance"])
    return trajectory.values["wasserstein"] - (scale - 1) ** 2


@ESTIMATORS
@pytest.mark.parametrize("size", SIZES)
def test_log_variance_falls_at_the_exact_drift(
    size, ddof, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """log s_n^2 falls by psi(k/2) - log(k/2) < 0 a generation, k = M - 1: s_n -> 0 a.s.

    Mean and median of the log-variance are exact at every n. Source: Theorem 3.1, its second
    claim; the law of chi-squared scatter.
    """
    trajectory = collapse_recurse(
        Gaussian(ddof=ddof),
        generations=GENERATIONS[collapse_profile],
        size=size,
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("log_variance",),
    )
    steps, values = trajectory.steps, trajectory.values["log_variance"]
    drift = steps * gaussian.log_variance_drift(size, ddof)
    collapse_record(
        trajectory, scenario=f"log-variance, M={size}, ddof={ddof}", theory={"log_variance": drift}
    )
    noise = np.sqrt(steps * gaussian.log_variance_noise(size))
    assert_mean(values, drift, "log-variance", deviation=noise)
    median = gaussian.median_log_variance(size, steps, ddof)
    assert_median(values[:, 1:], median[1:], "log-variance")


@pytest.mark.parametrize("size", SIZES)
def test_distance_grows_while_the_variance_vanishes(
    size, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Unbiased: E W2^2 = s^2 [n/M + 2(1 - c4^n)] grows though the median variance falls.

    Source: Theorem 3.1, both claims in one loop; supplement eq. 6 gives the leading term
    (3/2) s^2 n/M.
    """
    trajectory = collapse_recurse(
        Gaussian(ddof=1),
        generations=GENERATIONS[collapse_profile],
        size=size,
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("wasserstein", "variance"),
    )
    steps = trajectory.steps
    expected = gaussian.expected_w2_squared(size, steps)
    median = np.exp(gaussian.median_log_variance(size, steps))
    collapse_record(
        trajectory,
        scenario=f"Theorem 3.1, M={size}",
        theory={"wasserstein": expected, "variance": median},
    )
    early = steps <= size
    assert_mean(trajectory.values["wasserstein"][:, early], expected[early], "squared W2")
    assert_median(trajectory.values["variance"][:, 1:], median[1:], "variance")
    assert np.all(np.diff(expected) > 0)
    assert np.all(np.diff(median) < 0)


def test_maximum_likelihood_bounds_the_distance(
    collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Likelihood: E W2^2 = 2 s^2 (1 - rho^n) <= 2 s^2, rho = c4 sqrt(1 - 1/M): no divergence.

    Source: the counterpart of Theorem 3.1 for ddof=0, which the article's own code uses; derived:
    E s_n^2 + E (mean_n - m)^2 = s^2 for ever.
    """
    size = 5
    trajectory = collapse_recurse(
        Gaussian(ddof=0),
        generations=6 * size,
        size=size,
        replicates=4 * REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("wasserstein", "variance"),
    )
    steps = trajectory.steps
    expected = gaussian.expected_w2_squared(size, steps, ddof=0)
    collapse_record(trajectory, scenario="likelihood, M=5", theory={"wasserstein": expected})
    assert_mean(trajectory.values["wasserstein"], expected, "squared W2")
    assert 1.98 < expected[-1] <= 2
    assert gaussian.expected_w2_squared(size, steps[-1]) > 7  # unbiased, it would have passed this


@ESTIMATORS
@pytest.mark.parametrize("size", SIZES)
def test_variance_of_a_draw_grows_or_is_conserved(
    size, ddof, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Unbiased: a draw of generation n has variance s^2 (1 + n/M) over lineages; likelihood: s^2.

    It is E s_n^2, which is s^2 or s^2 (1 - 1/M)^n, plus the random walk of the mean. Source:
    supplement 3.1.1, exact for every M; the conservation law for ddof=0 is derived.
    """
    trajectory = collapse_recurse(
        Gaussian(ddof=ddof),
        generations=GENERATIONS[collapse_profile],
        size=size,
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("wasserstein", "variance"),
    )
    early = trajectory.steps <= size
    steps = trajectory.steps[early]
    variance, walk = trajectory.values["variance"][:, early], mean_square(trajectory)[:, early]
    collapse_record(
        trajectory,
        scenario=f"variance of a draw, M={size}, ddof={ddof}",
        theory={"variance": gaussian.expected_variance(size, trajectory.steps, ddof)},
    )
    assert_mean(variance, gaussian.expected_variance(size, steps, ddof), "variance")
    assert_mean(walk, gaussian.expected_mean_square(size, steps, ddof), "squared shift of the mean")
    total = 1 + steps / size if ddof else 1.0
    assert_mean(variance + walk, total, "variance of a draw")


@pytest.mark.parametrize("size", [5, 20])
def test_a_truth_that_is_not_gaussian_makes_no_difference(
    size, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """The theorem's D_0 is any law: here two Gaussians, two standard deviations either side.

    Generation 1 is fitted to M real samples, each later one to M draws of its parent. The walk of
    the mean is n/M as before, the log-variance falls by the Gaussian drift from generation 1 on,
    and E W2^2 between moments is n/M + 2 (1 - c4^(n-1) E s_1). Source: Theorem 3.1 of the article
    as stated; E s_1 from the noncentral chi distribution.
    """
    law = two_gaussians()
    mean, covariance = law.moments()
    trajectory = collapse_recurse(
        Gaussian(float(mean[0]), float(covariance[0, 0])),
        reference=law,
        regime=Mixture(alpha=lambda t: float(t > 0), beta=0.0, gamma=lambda t: float(t == 0)),
        generations=min(size, 10),
        size=size,
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("wasserstein", "variance"),
    )
    steps = trajectory.steps
    later = np.maximum(steps - 1, 0)
    scale = np.where(steps > 0, first_scale(size) * gaussian.expected_scale(size, later), 1.0)
    expected = steps / size + 2 * (1 - scale)
    collapse_record(
        trajectory, scenario=f"two Gaussians, M={size}", theory={"wasserstein": expected}
    )
    assert_mean(trajectory.values["wasserstein"], expected, "squared W2")
    walk = gaussian.expected_mean_square(size, steps)
    assert_mean(mean_square(trajectory), walk, "squared shift of the mean")
    logs = np.log(trajectory.values["variance"][:, 1:])
    drift = later[1:] * gaussian.log_variance_drift(size)
    noise = np.sqrt(later[1:] * gaussian.log_variance_noise(size))
    assert_mean(logs - logs[:, :1], drift, "log-variance since generation 1", deviation=noise)


def first_scale(size):
    """Return E s_1 / s_0 of M draws from N(-2, 1)/2 + N(2, 1)/2, whose variance is 5.

    Given that k draws come from the left, the scatter is noncentral chi-squared with M - 1
    degrees of freedom and noncentrality 16 k (M - k) / M.
    """
    freedom, left = size - 1, np.arange(size + 1)
    noncentrality = 16 * left * (size - left) / size
    mean_chi = np.sqrt(2) * np.exp(gammaln(size / 2) - gammaln(freedom / 2))
    mean_chi = mean_chi * hyp1f1(-0.5, freedom / 2, -noncentrality / 2)
    return (binom.pmf(left, size, 0.5) * mean_chi).sum() / np.sqrt(5 * freedom)


@pytest.mark.gpu
@ESTIMATORS
def test_a_million_lineages_obey_theorem_3_1(
    ddof, collapse_recurse, collapse_record, collapse_profile, collapse_seed, collapse_device
):
    """Drift and E W2^2 hold to a thousandth, for both estimators, on the device under test.

    Source: Theorem 3.1 and its counterpart; 10^6 lineages make the standard error 1e-3 of a
    deviation.
    """
    size = 20
    trajectory = collapse_recurse(
        Gaussian(ddof=ddof).to(collapse_device),
        generations=10,
        size=size,
        replicates=ON_DEVICE[collapse_profile],
        seed=collapse_seed,
        metrics=("wasserstein", "log_variance"),
    )
    steps = trajectory.steps
    expected = gaussian.expected_w2_squared(size, steps, ddof)
    drift = steps * gaussian.log_variance_drift(size, ddof)
    collapse_record(
        trajectory,
        scenario=f"device, M={size}, ddof={ddof}",
        theory={"wasserstein": expected, "log_variance": drift},
    )
    assert_mean(trajectory.values["wasserstein"], expected, "squared W2")
    noise = np.sqrt(steps * gaussian.log_variance_noise(size))
    assert_mean(trajectory.values["log_variance"], drift, "log-variance", deviation=noise)
