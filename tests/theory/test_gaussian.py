"""Closed forms of the Gaussian loop against exact arithmetic, quadrature and a plain loop."""

from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import loggamma
from scipy.stats import chi2

from collapse_bench.errors import InvalidArgument
from collapse_bench.statistics import agreement
from collapse_bench.streams import generator
from collapse_bench.theory import gaussian

SIZES = [2, 3, 4, 10, 39, 40, 41, 42, 43, 100, 1_000, 10**6, 10**9]  # the series begins at 41
ULPS = 1e-12  # what the module promises, relative
sizes = st.integers(2, 10**9)
steps = st.integers(0, 10**6)
ddofs = st.sampled_from([0, 1])

# The simulated loop: small, so that a slip by one shows in few lineages.
SIZE, STEPS, LINEAGES = 8, 6, 100_000


# --- by hand -------------------------------------------------------------------------------


def test_drift_of_two_samples():
    # log of a squared standard normal: -(Euler's constant) - log 2
    assert gaussian.log_variance_drift(2) == pytest.approx(-np.euler_gamma - np.log(2), rel=ULPS)
    assert gaussian.log_variance_drift(2, ddof=0) == pytest.approx(
        -np.euler_gamma - 2 * np.log(2), rel=ULPS
    )
    assert gaussian.log_variance_noise(2) == pytest.approx(np.pi**2 / 2, rel=ULPS)


def test_scale_of_two_samples():
    assert gaussian.expected_scale(2, 1) == pytest.approx(np.sqrt(2 / np.pi), rel=ULPS)
    assert gaussian.expected_scale(2, 3, ddof=0) == pytest.approx(np.pi**-1.5, rel=ULPS)


def test_median_of_one_step_is_that_of_chi_squared():
    assert gaussian.median_log_variance(3, 1) == pytest.approx(np.log(np.log(2)), rel=ULPS)
    assert gaussian.median_log_variance(101, 1, ddof=0) == pytest.approx(
        np.log(chi2.median(100) / 101),
        rel=1e-9,  # scipy's own accuracy near 1
    )


def test_w2_squared_of_the_article():
    # checked by simulation for the project at size 100: .01504, .14987, .7372
    assert np.round(gaussian.expected_w2_squared(100, [1, 10, 50]), 5).tolist() == [
        0.01504,
        0.14987,
        0.73723,
    ]
    assert gaussian.expected_w2_squared(20, 20, ddof=0) == pytest.approx(1.0794855345855, rel=1e-12)


# --- exact arithmetic ----------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_one_step_is_exact_up_to_a_billion(size):
    with mpmath.workdps(60):
        half = mpmath.mpf(size - 1) / 2
        shrink = mpmath.mpf(size - 1) / size
        drift = mpmath.digamma(half) - mpmath.log(half)
        scale = mpmath.loggamma(half + 0.5) - mpmath.loggamma(half) - mpmath.log(half) / 2
        for ddof, more in ((1, 0), (0, mpmath.log(shrink))):
            assert _off(gaussian.log_variance_drift(size, ddof), drift + more) < ULPS
            assert _off(gaussian.log_scale_factor(size, ddof), scale + more / 2) < ULPS
        assert _off(gaussian.log_variance_noise(size), mpmath.polygamma(1, half)) < ULPS


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("steps", [0, 1, 7, 10**6])
def test_many_steps_are_exact_up_to_a_billion(size, steps):
    with mpmath.workdps(60):
        half = mpmath.mpf(size - 1) / 2
        shrink = mpmath.mpf(size - 1) / size
        c4 = mpmath.gammaprod([half + 0.5], [half]) / mpmath.sqrt(half)
        rho = c4 * mpmath.sqrt(shrink)
        n = mpmath.mpf(steps)
        # the relative error of a power is the absolute error of its logarithm, here up to 700
        assert _off(gaussian.expected_variance(size, steps, 0), shrink**n) < 1e-11
        assert _off(gaussian.expected_mean_square(size, steps, 0), 1 - shrink**n) < ULPS
        assert _off(gaussian.expected_mean_square(size, steps), n / size) < ULPS
        w2 = n / size + 2 * (1 - c4**n)
        assert _off(gaussian.expected_w2_squared(size, steps), w2) < ULPS
        assert _off(gaussian.expected_w2_squared(size, steps, 0), 2 * (1 - rho**n)) < ULPS


@pytest.mark.parametrize("size", [2, 3, 5, 10, 50])
@pytest.mark.parametrize("steps", [2, 3, 10, 50])
def test_median_is_within_its_stated_error(size, steps):
    median = float(gaussian.median_log_variance(size, steps))
    error = 0.3 / (steps**2 * size**3)

    assert _log_variance_cdf(median - error, size, steps) < 0.5
    assert _log_variance_cdf(median + error, size, steps) > 0.5


# --- properties ----------------------------------------------------------------------------


@given(sizes)
def test_drift_lies_in_its_bounds(size):
    k = size - 1
    assert -2 / k < gaussian.log_variance_drift(size) < -1 / k
    assert gaussian.log_variance_drift(size, ddof=0) < gaussian.log_variance_drift(size)


@given(sizes, steps)
def test_likelihood_conserves_the_sum_of_variances(size, steps):
    kept = gaussian.expected_variance(size, steps, ddof=0)
    moved = gaussian.expected_mean_square(size, steps, ddof=0)
    assert abs(kept + moved - 1) < 1e-12
    assert gaussian.expected_variance(size, steps) == 1


@given(sizes, steps, ddofs)
def test_w2_squared_is_made_of_its_moments(size, steps, ddof):
    parts = (
        gaussian.expected_mean_square(size, steps, ddof)
        + gaussian.expected_variance(size, steps, ddof)
        + 1
        - 2 * gaussian.expected_scale(size, steps, ddof)
    )
    whole = gaussian.expected_w2_squared(size, steps, ddof)
    assert abs(whole - parts) <= 1e-12 * max(1, whole)  # the parts cancel, the whole doesn't
    assert whole >= 0
    assert ddof == 1 or whole <= 2


@given(st.integers(2, 10**9), st.lists(st.integers(0, 1_000), min_size=2, max_size=6), ddofs)
def test_arrays_are_their_numbers_and_rise_with_steps(size, many, ddof):
    many = sorted(many)
    values = gaussian.expected_w2_squared(size, np.array(many), ddof)

    assert values.tolist() == [gaussian.expected_w2_squared(size, n, ddof) for n in many]
    assert all(low <= high for low, high in pairwise(values))
    medians = gaussian.median_log_variance(size, np.array(many), ddof)
    assert medians.tolist() == [gaussian.median_log_variance(size, n, ddof) for n in many]
    grid = gaussian.expected_scale(np.array([[size], [size + 1]]), np.array(many), ddof)
    assert grid.shape == (2, len(many))


# --- a plain loop, and the slips it must notice -----------------------------------------------


@pytest.fixture(scope="module", params=[1, 0], ids=["unbiased", "likelihood"])
def lineages(request):
    """Means and variances (R, T+1) of a loop that draws its samples, and its ddof."""
    rng = generator(20, "theory", "gaussian")
    mean, variance = np.zeros((2, LINEAGES, STEPS + 1))
    variance[:, 0] = 1
    for n in range(STEPS):
        rows = rng.standard_normal((LINEAGES, SIZE))
        samples = mean[:, n, None] + np.sqrt(variance[:, n, None]) * rows
        mean[:, n + 1] = samples.mean(1)
        variance[:, n + 1] = samples.var(1, ddof=request.param)
    return mean, variance, request.param


def _scores(lineages, size=SIZE, shift=0, flip=False):
    """Return each closed form's scores, with the arguments as given or with a slip in them."""
    mean, variance, ddof = lineages
    n = np.arange(STEPS + 1) + shift
    ddof = 1 - ddof if flip else ddof
    logs, scale = np.log(variance), np.sqrt(variance)
    noise = np.sqrt(np.arange(STEPS + 1) * gaussian.log_variance_noise(size))
    scores = {
        "drift": agreement.mean_score(
            logs, n * gaussian.log_variance_drift(size, ddof), deviation=noise
        ),
        "median": agreement.median_score(logs, gaussian.median_log_variance(size, n, ddof)),
        "variance": agreement.mean_score(variance, gaussian.expected_variance(size, n, ddof)),
        "mean square": agreement.mean_score(mean**2, gaussian.expected_mean_square(size, n, ddof)),
        "scale": agreement.mean_score(scale, gaussian.expected_scale(size, n, ddof)),
        "w2": agreement.mean_score(
            mean**2 + (scale - 1) ** 2, gaussian.expected_w2_squared(size, n, ddof)
        ),
    }
    return {name: float(np.abs(values[1:]).max()) for name, values in scores.items()}


def test_simulation_agrees(lineages):
    # 72 comparisons under a correct theory: at most 5e-4 that a seed is unlucky
    assert all(score <= agreement.CRITICAL for score in _scores(lineages).values())


def test_noise_is_the_spread_of_the_simulation(lineages):
    _, variance, _ = lineages
    n = np.arange(STEPS + 1)
    log_variance_spread = np.log(variance).var(axis=0) / np.maximum(n, 1)
    # 2 % is ten standard errors of a variance of 100,000 lineages with kurtosis below 5
    assert np.allclose(log_variance_spread[1:], gaussian.log_variance_noise(SIZE), rtol=0.02)


@pytest.mark.parametrize(
    "slip",
    [{"size": SIZE - 1}, {"size": SIZE + 1}, {"shift": 1}, {"flip": True}],
    ids=["one draw less", "one draw more", "one step more", "other ddof"],
)
def test_simulation_notices_a_slip(lineages, slip):
    blind = set()
    if lineages[2] == 1 and not slip.get("flip"):
        blind = {"variance"}  # 1 whatever size and steps are
    scores = _scores(lineages, **slip)

    assert {name for name, score in scores.items() if score <= agreement.CRITICAL} == blind


@pytest.mark.parametrize(
    "wrong",
    [
        lambda n: 1.5 * n / SIZE,  # the article's leading term
        lambda n: (n - 1) / SIZE + 1.5 / SIZE,  # the first preprint's
        lambda n: n / SIZE + 2 * (1 - np.exp(-n / (4 * SIZE))),
        lambda n: n / (SIZE - 1) + 2 * (1 - gaussian.expected_scale(SIZE, n)),
    ],
)
@pytest.mark.parametrize("lineages", [1], ids=["unbiased"], indirect=True)
def test_simulation_rejects_other_w2_laws(lineages, wrong):
    mean, variance, _ = lineages
    n = np.arange(1, STEPS + 1)
    w2 = (mean**2 + (np.sqrt(variance) - 1) ** 2)[:, 1:]

    assert np.abs(agreement.mean_score(w2, wrong(n))).max() > agreement.CRITICAL


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 0, -3, 2.5, True, "7", np.nan, np.inf, [4, 1]])
def test_refuses_sizes(size):
    with pytest.raises(InvalidArgument, match=r"^size must be an integer >= 2; got size="):
        gaussian.expected_w2_squared(size, 1)
    with pytest.raises(InvalidArgument, match=r"^size must be an integer >= 2; got size="):
        gaussian.log_variance_drift(size)


@pytest.mark.parametrize("steps", [-1, 0.5, False, None])
def test_refuses_steps(steps):
    with pytest.raises(InvalidArgument, match=r"^steps must be an integer >= 0; got steps="):
        gaussian.median_log_variance(10, steps)


@pytest.mark.parametrize("ddof", [2, -1, True, 0.5, "1"])
def test_refuses_ddof(ddof):
    with pytest.raises(InvalidArgument, match=r"^ddof must be 0 or 1; got ddof="):
        gaussian.expected_variance(10, 1, ddof)


def _off(value, exact):
    """Return the relative error; the absolute one where a float can't hold the exact value."""
    error = mpmath.mpf(float(value)) - exact
    return abs(float(error / exact if exact > 1e-300 else error))


def _log_variance_cdf(x, size, steps):
    """Return P(log s_n^2 <= x) by inverting the characteristic function (Gil-Pelaez)."""
    half = (size - 1) / 2
    step = np.sqrt(steps * gaussian.log_variance_noise(size))

    def integrand(u):
        t = u / step
        log_phi = loggamma(half + 1j * t) - loggamma(half) - 1j * t * np.log(half)
        return np.exp(steps * log_phi - 1j * t * x).imag / u

    return 0.5 - quad(integrand, 1e-12, 400 if size < 5 else 60, limit=2_000)[0] / np.pi
