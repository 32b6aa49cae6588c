"""Theorem 3.1 in several dimensions: the determinant goes first, the trace on average never.

A Gaussian in d dimensions is fitted to M draws of the one before it, by the unbiased covariance.
Sources: I. Shumailov et al., Nature 631 (2024), 755-759, Theorem 3.1 and supplement 3.1.3, and its
remark that numbers in a computer are finitely many; R. Muirhead, "Aspects of multivariate
statistical theory" (the Wishart law). A sound process fails one comparison at 4.5 standard errors
with chance 7e-6, hence some test here for at most one seed in 600.
"""

from itertools import combinations

import numpy as np
import pytest

from collapse_bench.models import Gaussian
from collapse_bench.statistics.agreement import assert_mean, assert_median
from collapse_bench.theory import gaussian

REPLICATES = {"smoke": 4_000, "ci": 20_000, "paper": 100_000}
COVARIANCE = np.array(
    [[2.0, 0.6, 0.0, 0.1], [0.6, 1.0, 0.3, 0.0], [0.0, 0.3, 0.8, 0.2], [0.1, 0.0, 0.2, 0.5]]
)
TRACE = COVARIANCE.trace()
D = len(COVARIANCE)


def moments(trajectory):
    """Return means (R, d) and covariances (R, d, d) of the last generation."""
    means, covariances = zip(*(model.moments() for model in trajectory.models), strict=True)
    return np.array(means), np.array(covariances)


def symmetric(values, order):
    """Return the elementary symmetric function of the last axis."""
    chosen = combinations(range(values.shape[-1]), order)
    return sum(values[..., list(some)].prod(-1) for some in chosen)


@pytest.mark.parametrize("size", [8, 30])
def test_the_trace_is_kept_on_average_while_the_determinant_falls(
    size, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """E tr S_n = tr S_0 for ever, E log det S_n falls by d log(k/2) - sum_j psi((k - j)/2) a step.

    And the mean walks: E |mean_n|^2 = n tr S_0 / M, which alone makes E W2^2 diverge. Source:
    Theorem 3.1, both claims; Bartlett's factors of a Wishart matrix are independent.
    """
    generations = size // 2
    trajectory = collapse_recurse(
        Gaussian(np.zeros(D), COVARIANCE),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("variance", "log_det", "wasserstein"),
    )
    steps = trajectory.steps
    drift = steps * gaussian.log_det_drift(size, D)
    collapse_record(
        trajectory,
        scenario=f"trace and determinant, d={D}, M={size}",
        theory={"variance": np.ones(len(steps)), "log_det": drift},
    )
    noise = np.sqrt(steps * gaussian.log_det_noise(size, D))
    assert_mean(trajectory.values["log_det"], drift, "log-determinant", deviation=noise)
    assert_mean(trajectory.values["variance"], 1.0, "trace")
    walk = (moments(trajectory)[0] ** 2).sum(axis=1)
    assert_mean(walk, generations * TRACE / size, "squared shift of the mean")
    assert (trajectory.values["wasserstein"][:, -1] * TRACE >= walk * (1 - 1e-9)).all()


@pytest.mark.parametrize("size", [10, 30])
def test_many_directions_become_one(
    size, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """E e_j(S_n) = e_j(S_0) [prod_{i<j} (1 - i/k)]^n, e_j the symmetric function of eigenvalues.

    The trace (j = 1) stays, every product of two eigenvalues fades as (1 - 1/k)^n, of more faster:
    what is left of the covariance has rank one. The rates are the eigenvalues of the discrete
    loop's count chain. Source: minors of a Wishart matrix; the link is derived.
    """
    generations = 4
    trajectory = collapse_recurse(
        Gaussian(np.zeros(D), COVARIANCE),
        generations=generations,
        size=size,
        replicates=2 * REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("variance",),
    )
    collapse_record(
        trajectory, scenario=f"eigenvalues, d={D}, M={size}", theory={"variance": np.ones(5)}
    )
    eigenvalues = np.linalg.eigvalsh(moments(trajectory)[1])
    start = np.linalg.eigvalsh(COVARIANCE)
    for order in range(1, D + 1):
        ratio = gaussian.symmetric_ratio(size, generations, order)
        measured = symmetric(eigenvalues, order) / symmetric(start, order)
        assert_mean(measured, ratio, f"symmetric function of order {order}")


@pytest.mark.parametrize("size", [3, 4])
def test_no_more_draws_than_dimensions_cost_dimensions_at_once(
    size, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """M draws span M - 1 directions about their mean: rank min(d, M - 1) from generation 1 on.

    The trace is kept on average all the same. Source: supplement 3.1.3; linear algebra, hence no
    false alarm of the rank.
    """
    trajectory = collapse_recurse(
        Gaussian(np.zeros(D), COVARIANCE),
        generations=2,
        size=size,
        replicates=REPLICATES[collapse_profile] // 2,
        seed=collapse_seed,
        metrics=("variance",),
    )
    collapse_record(trajectory, scenario=f"rank, d={D}, M={size}", theory={"variance": np.ones(3)})
    # Rounding is below 1e-15; an eigenvalue below the tolerance is one lineage in thousands.
    rank = np.linalg.matrix_rank(moments(trajectory)[1], tol=1e-12, hermitian=True)
    assert (rank == gaussian.largest_rank(size, D)).mean() > 0.999
    assert (rank <= gaussian.largest_rank(size, D)).all()
    assert all(np.isneginf(model.log_det()) for model in trajectory.models)
    assert_mean(trajectory.values["variance"], 1.0, "trace")


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
def test_in_finite_precision_the_scale_becomes_zero(
    device, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Parameters in float32: every lineage ends in a point mass, exactly, and stays there.

    Until then nothing tells it from the chain in real numbers: the log-variance falls by the same
    drift. A variance below the smallest number is 0 from then on: -inf in logarithms, never NaN.
    Source: the article, "floating-point representations being discrete" make the chain over the
    parameters discrete, with delta functions its only absorbing states.
    """
    size, generations = 2, 240  # drift -1.96, and 2 log(2^-150) = -208 to go: -471 +- 34 by then
    founder = Gaussian(ddof=0, dtype="float32")
    trajectory = collapse_recurse(
        founder if device is None else founder.to(device),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile] // 10,
        seed=collapse_seed,
        metrics=("log_variance", "variance", "wasserstein", "tail_mass"),
    )
    steps, values = trajectory.steps, trajectory.values
    median = gaussian.median_log_variance(size, steps, ddof=0)
    collapse_record(trajectory, scenario="float32, M=2", theory={"variance": np.exp(median)})
    early = slice(1, 80)  # the median is above the smallest normal number, 2 log(2^-126) = -175
    assert_median(values["log_variance"][:, early], median[early], "log-variance")
    dead = np.isneginf(values["log_variance"])
    assert dead[:, -1].all()
    assert (dead[:, 1:] >= dead[:, :-1]).all()
    assert not values["variance"][dead].any()
    assert all(np.isfinite(values[name]).all() for name in ("wasserstein", "tail_mass"))
    assert np.isin(values["tail_mass"][:, -1], [0.0, 20.0]).all()  # a point: all beyond, or none
    for model in trajectory.models[:5]:
        assert not model.numpy().moments()[1].any()
