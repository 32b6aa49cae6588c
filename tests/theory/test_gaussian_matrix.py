"""Covariances of the Gaussian loop: Wishart algebra, exact arithmetic, long products."""

from itertools import combinations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wishart

from collapse_bench.errors import InvalidArgument
from collapse_bench.statistics import agreement
from collapse_bench.streams import generator
from collapse_bench.theory import categorical, gaussian

SIZES = [2, 3, 4, 10, 100, 10**6, 10**9]
sizes = st.integers(2, 10**9)
steps = st.integers(0, 50)
ddofs = st.sampled_from([0, 1])


# --- by hand -------------------------------------------------------------------------------


def test_rank_by_hand():
    assert gaussian.largest_rank([2, 5, 9], 4).tolist() == [1, 4, 4]


def test_symmetric_functions_by_hand():
    # k = 4: 1, 3/4, 3/4 * 2/4, ...; likelihood divides by 5: 4/5, 4/5 * 3/5
    assert gaussian.symmetric_ratio(5, 1, [0, 1, 2, 3, 4, 5]) == pytest.approx(
        [1, 1, 3 / 4, 3 / 8, 3 / 32, 0]
    )
    assert gaussian.symmetric_ratio(5, 2, [0, 1, 2], 0) == pytest.approx([1, 16 / 25, 144 / 625])


def test_traces_by_hand():
    # k = 2, a circle: x = 1/2, y = 1
    square, trace = gaussian.expected_squared_traces(0.5, 3, [0, 1])
    assert square == pytest.approx([0.5, 0.5 * 1.5 + 1 * 0.5])
    assert trace == pytest.approx([1, 0.5 * 1 + 1])
    square, trace = gaussian.expected_squared_traces(0.5, 3, 1, ddof=0)
    assert (square, trace) == pytest.approx((1.25 * 4 / 9, 1.5 * 4 / 9))


def test_log_det_by_hand():
    # d = 2, k = 2: chi-squared(2) and (1) over 2 each
    drift = (-np.euler_gamma + np.log(2)) + (-np.euler_gamma - np.log(2)) - 2 * np.log(2)
    assert gaussian.log_det_drift(3, 2) == pytest.approx(drift)
    assert gaussian.log_det_drift(3, 2, 0) == pytest.approx(drift + 2 * np.log(2 / 3))
    assert gaussian.log_det_drift(3, [1, 2, 3])[2] == -np.inf
    assert gaussian.log_det_noise(3, [1, 2, 3]) == pytest.approx(
        [np.pi**2 / 6, np.pi**2 / 6 + np.pi**2 / 2, np.inf]
    )
    assert gaussian.lyapunov_exponents(3, 3)[-1] == -np.inf


def test_noisy_bound_by_hand():
    assert gaussian.noisy_lower_bound([10, 5], 0.5) == pytest.approx([0, 0.6, 1.3])
    assert gaussian.noisy_lower_bound([10, 5], [0, 1]) == pytest.approx([0, 0.1, 1.3])


# --- linear algebra ------------------------------------------------------------------------


@pytest.mark.parametrize("ddof", [0, 1])
def test_traces_are_powers_of_their_recursion(ddof):
    for size in (2, 3, 9, 100):
        k = size - 1
        step = np.array([[1 + 1 / k, 1 / k], [2 / k, 1]]) * (k / (size - ddof)) ** 2
        for n in (0, 1, 2, 7):
            expected = np.linalg.matrix_power(step, n) @ [0.4, 1]
            got = gaussian.expected_squared_traces(0.4, size, n, ddof)
            assert got == pytest.approx(expected, rel=1e-12)


def test_symmetric_functions_are_minors_of_a_wishart():
    size, k = 6, 5
    draws = wishart.rvs(k, np.eye(3), 60_000, random_state=generator(28, "theory", "wishart")) / k
    for order in (1, 2, 3):
        rows = [np.ix_(range(len(draws)), c, c) for c in combinations(range(3), order)]
        minors = np.mean([np.linalg.det(draws[row]) for row in rows], axis=0)
        assert np.abs(agreement.mean_score(minors, gaussian.symmetric_ratio(size, 1, order))) < 4.5


# --- exact arithmetic and properties -----------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("d", [1, 2, 5, 40])
def test_log_det_is_exact_up_to_a_billion(size, d):
    if d >= size:
        assert gaussian.log_det_drift(size, d) == -np.inf
        return
    with mpmath.workdps(50):
        k = mpmath.mpf(size - 1)
        terms = [mpmath.digamma((k - j) / 2) - mpmath.log(k / 2) for j in range(d)]
        noise = sum(mpmath.polygamma(1, (k - j) / 2) for j in range(d))
        rates = gaussian.lyapunov_exponents(size, d)
        assert all(_off(rate, term) < 1e-12 for rate, term in zip(rates, terms, strict=True))
        assert _off(gaussian.log_det_drift(size, d), sum(terms)) < 1e-12
        assert _off(gaussian.log_det_noise(size, d), noise) < 1e-12
        more = d * mpmath.log1p(-mpmath.mpf(1) / size)
        assert _off(gaussian.log_det_drift(size, d, 0), sum(terms) + more) < 1e-12
        assert _off(gaussian.lyapunov_exponents(size, d, 0).sum(), sum(terms) + more) < 1e-12


@pytest.mark.parametrize("size", SIZES)
def test_symmetric_functions_are_exact_up_to_a_billion(size):
    with mpmath.workdps(60):
        for order in (1, 2, 3, 8):
            k = mpmath.mpf(size - 1)
            exact = mpmath.fprod(max(1 - i / k, 0) for i in range(order))
            value = gaussian.symmetric_ratio(size, 1, order)
            assert _off(value, exact) < 1e-13 if exact else value == 0
            likelihood = exact * (k / size) ** order
            value = gaussian.symmetric_ratio(size, 1, order, 0)
            assert _off(value, likelihood) < 1e-13 if exact else value == 0


@given(sizes, steps, ddofs)
def test_one_dimension_is_the_line(size, steps, ddof):
    line = gaussian.expected_variance(size, steps, ddof)
    assert gaussian.symmetric_ratio(size, steps, 1, ddof) == pytest.approx(line, rel=1e-12)
    drift = gaussian.log_variance_drift(size, ddof)
    assert gaussian.log_det_drift(size, 1, ddof) == drift
    assert gaussian.lyapunov_exponents(size, 1, ddof).tolist() == [drift]
    both = gaussian.expected_squared_traces(1.0, size, steps, ddof)
    fourth = gaussian.expected_squared_variance(size, steps, ddof)
    assert both == pytest.approx((fourth, fourth), rel=1e-12)


@given(st.integers(3, 10**6), steps, st.integers(0, 8))
def test_likelihood_has_the_spectrum_of_the_discrete_loop(size, steps, order):
    discrete = categorical.eigenvalue(size, order + 1 if order else 0) ** steps
    assert gaussian.symmetric_ratio(size, steps, order, 0) == pytest.approx(discrete, rel=1e-11)
    unbiased = categorical.eigenvalue(size - 1, order) ** steps
    assert gaussian.symmetric_ratio(size, steps, order) == pytest.approx(unbiased, rel=1e-11)


@given(st.integers(3, 10**9), st.floats(0.01, 1), st.integers(1, 50), ddofs)
def test_traces_stay_in_their_order(size, purity, steps, ddof):
    square, trace = gaussian.expected_squared_traces(purity, size, steps, ddof)
    assert square <= trace * (1 + 1e-12)
    rest = gaussian.symmetric_ratio(size, steps, 2, ddof) * (1 - purity)
    assert trace - square == pytest.approx(rest, abs=1e-9 * trace)


@given(st.integers(2, 60), st.integers(1, 60), ddofs)
def test_exponents_fan_out(size, d, ddof):
    rates = gaussian.lyapunov_exponents(size, d, ddof)
    assert np.all(rates[1:] <= rates[:-1])
    assert np.isfinite(rates).sum() == gaussian.largest_rank(size, d)
    assert rates.sum() == pytest.approx(gaussian.log_det_drift(size, d, ddof))


# --- simulation ------------------------------------------------------------------------------


def test_exponents_are_the_rates_of_a_long_product():
    # QR of a product of triangular Gaussian factors; 20 batches of 1,000 steps
    size, d, batches, length = 9, 3, 20, 1_000
    rng = generator(28, "theory", "exponents")
    frame, logs = np.broadcast_to(np.eye(d), (batches, d, d)), np.zeros((batches, d))
    for step in range(length + 50):
        factor = rng.standard_normal((batches, size - 1, d)) / np.sqrt(size - 1)
        frame, stretch = np.linalg.qr(np.linalg.qr(factor)[1] @ frame)
        if step >= 50:  # the frame has turned into place
            logs += 2 * np.log(np.abs(np.einsum("bii->bi", stretch)))
    scores = agreement.mean_score(logs / length, gaussian.lyapunov_exponents(size, d))
    assert np.abs(scores).max() <= agreement.CRITICAL
    for wrong in (
        gaussian.lyapunov_exponents(size - 1, d),
        gaussian.lyapunov_exponents(size + 1, d),
        gaussian.lyapunov_exponents(size, d, 0),
        np.full(d, gaussian.log_det_drift(size, d) / d),
    ):
        assert np.abs(agreement.mean_score(logs / length, wrong)).max() > agreement.CRITICAL


@pytest.mark.parametrize(("size", "d"), [(3, 5), (5, 5), (6, 5), (9, 5)])
def test_covariances_have_the_largest_rank_allowed(size, d):
    rows = generator(28, "theory", "rank").normal(size=(size, d))
    assert np.linalg.matrix_rank(np.cov(rows.T)) == gaussian.largest_rank(size, d)


# --- bad input --------------------------------------------------------------------------------


def test_refuses_other_ranges():
    with pytest.raises(InvalidArgument, match=r"^d must be an integer >= 1; got d=0$"):
        gaussian.log_det_drift(10, 0)
    with pytest.raises(InvalidArgument, match=r"^d must be at most 100000; got d=100001$"):
        gaussian.log_det_drift(10**6, 100_001)
    with pytest.raises(InvalidArgument, match=r"^d must be one integer; got d=\[1, 2\]$"):
        gaussian.lyapunov_exponents(10, [1, 2])
    with pytest.raises(InvalidArgument, match=r"^purity must be at most 1; got purity=1.5$"):
        gaussian.expected_squared_traces(1.5, 10, 1)
    with pytest.raises(InvalidArgument, match=r"^purity must be a finite number > 0; got purity=0"):
        gaussian.expected_squared_traces(0, 10, 1)
    with pytest.raises(InvalidArgument, match=r"^noise must be a finite number >= 0; got noise=-1"):
        gaussian.noisy_lower_bound([5], -1)
    with pytest.raises(InvalidArgument, match=r"^sizes must have shape \(\.\.\., T\); got sizes=5"):
        gaussian.noisy_lower_bound(5)


def _off(value, exact):
    return abs(float(mpmath.mpf(float(value)) / exact - 1))
