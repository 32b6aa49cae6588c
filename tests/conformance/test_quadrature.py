"""The integral of a density, and the law that densities are compared against."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.conformance.proposal import KernelMixture
from collapse_bench.conformance.quadrature import Steps, edges_around, integrate
from collapse_bench.streams import generator


def test_edges_cut_at_quantiles_and_then_double():
    edges = edges_around(np.arange(5.0), cells=2, doublings=2)

    # Quantiles 0, 2 and 4; the middle half is 2 wide, so that the first step is half of one.
    assert edges.tolist() == [-1.5, -0.5, 0, 2, 4, 4.5, 5.5]


def test_polynomials_are_exact():
    found = integrate(
        lambda points: points[:, 0] ** 3 * points[:, 1] ** 2,
        [np.array([0.0, 1.0, 2.0]), np.array([0.0, 3.0])],
        tolerance=1e-9,
        most=10_000,
    )
    assert found.value == pytest.approx(4 * 9, rel=1e-12)
    assert found.error < 1e-9
    assert found.calls == 2 * 25 + 8 * 25


@pytest.mark.parametrize(
    "law",
    [stats.norm(3, 2), stats.t(1), stats.lognorm(2), stats.uniform(1, 4), stats.beta(0.5, 0.5)],
    ids=["normal", "cauchy", "lognormal", "uniform", "arcsine"],
)
def test_densities_integrate_to_one(law):
    draws = law.rvs(5_000, random_state=generator(1, "quadrature"))
    edges = edges_around(draws, cells=64, doublings=40)

    found = integrate(lambda points: law.pdf(points[:, 0]), [edges], tolerance=2.5e-4, most=400_000)

    assert abs(found.value - 1) <= 1e-3 + found.error
    assert found.error <= 1e-3


def test_narrow_modes_are_found_by_the_draws():
    law = stats.multivariate_normal([5, -3], [[1, 0.999], [0.999, 1]])
    draws = law.rvs(5_000, random_state=generator(2, "quadrature"))
    edges = [edges_around(column, cells=8, doublings=8) for column in draws.T]

    found = integrate(law.pdf, edges, tolerance=1.25e-3, most=1_500_000)

    assert abs(found.value - 1) <= 5e-3


def test_points_are_limited_and_the_error_says_so():
    found = integrate(
        lambda points: 1 / np.sqrt(points[:, 0]), [np.array([0.0, 1.0])], tolerance=1e-9, most=50
    )
    assert found.calls < 200
    assert 0 < abs(found.value - 2) < 10 * found.error


def test_steps_are_summed_and_looked_up():
    steps = Steps.of(
        lambda points: points[:, 0] + 10 * points[:, 1],
        [np.array([0.0, 2.0, 6.0]), np.array([1.0, 2.0])],
    )

    assert steps.heights.tolist() == [[1 + 15], [4 + 15]]
    assert steps.integral == 2 * 16 + 4 * 19
    points = [[0.0, 1.0], [1.9, 1.9], [2.0, 1.5], [6.0, 1.5], [-0.1, 1.5], [3.0, 2.0], [3.0, 0.9]]
    assert steps.at(np.array(points)).tolist() == [16, 16, 19, 0, 0, 0, 0]


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_the_proposal_has_the_density_it_states(d, seed):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((60, d)) * 10.0 ** rng.integers(-2, 3, size=d)
    mixture = KernelMixture.around(rows)
    points = mixture.sample(5, rng=rng)

    kernels = [
        stats.multivariate_t(center * mixture.scale, np.diag((width * mixture.scale) ** 2), df=10)
        for center, width in zip(mixture.centers, mixture.widths, strict=True)
    ]
    oracle = np.log(np.mean([kernel.pdf(points) for kernel in kernels], axis=0))
    # Sums of 60 exponentials, taken in two ways.
    assert mixture.log_prob(points) == pytest.approx(oracle, rel=1e-6, abs=1e-6)


def test_the_proposal_draws_from_its_density():
    """Kolmogorov distance of 20,000 draws to the integral of the density, at level 1e-5."""
    rng = generator(3, "quadrature")
    mixture = KernelMixture.around(stats.t(2).rvs((300, 1), random_state=rng))
    draws = np.sort(mixture.sample(20_000, rng=rng)[:, 0])
    edges = np.linspace(*np.quantile(draws, (0.01, 0.99)), 200)
    middle = (edges[1:] + edges[:-1]) / 2

    mass = np.exp(mixture.log_prob(middle[:, None])) * np.diff(edges)
    counted = np.diff(np.searchsorted(draws, edges)) / len(draws)

    assert np.abs(np.cumsum(mass) - np.cumsum(counted)).max() < 2 * np.sqrt(
        np.log(2e5) / 2 / 20_000
    )
