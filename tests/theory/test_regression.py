"""Regression in a loop: exact arithmetic, the conditional linear algebra, and quadrature.

Their simulations are in ``sensitivity_families``.
"""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import beta as beta_law

from collapse_bench.errors import InvalidArgument
from collapse_bench.streams import generator
from collapse_bench.theory import regression

EXACT = 1e-9
ULPS = 1e-13  # what the module promises, relative
dimensions = st.integers(1, 50)
spares = st.integers(1, 10**9)  # rows beyond dimension + 1
seeds = st.integers(0, 2**32)


# --- by hand -------------------------------------------------------------------------------


def test_risks_by_hand():
    # T = 10, d = 4: one fit has 4/5 of the noise
    assert regression.replace_risk(10, [0, 1, 3], 4, 0.5) == pytest.approx([0, 0.4, 1.2], rel=ULPS)
    assert regression.accumulate_risk(10, [0, 1, 2, 3], 4, 0.5) == pytest.approx(
        [0, 0.4, 0.4 + 2 / (2 * 15), 0.4 + 2 / 30 + 2 / (3 * 25)], rel=ULPS
    )
    assert regression.accumulate_risk(10, [0, 1, 2, 3], 4, 0.5, fresh=False) == pytest.approx(
        [0, 0.4, 0.4 * 5 / 4, 0.4 * 49 / 36], rel=ULPS
    )


def test_contamination_by_hand():
    # one column: B is Beta(q/2, (T-q)/2), so E B^2 = q(q+2)/(T(T+2))
    assert regression.contaminated_risk(8, 1, 0.5, 3.0, 0.0) == pytest.approx(3 * 24 / 80, rel=ULPS)
    assert regression.contaminated_risk(8, 3, 0.0, 3.0, 2.0) == pytest.approx(6 / 4, rel=ULPS)
    assert regression.contaminated_risk(8, 3, 1.0, 3.0, 2.0) == pytest.approx(3 + 6 / 4, rel=ULPS)
    assert regression.contaminated_limit(0.1, 3.0) == pytest.approx(0.03, rel=ULPS)
    assert regression.contaminated_risk(10**9, 3, 0.1, 3.0) == pytest.approx(0.03, rel=1e-6)


# --- exact arithmetic ----------------------------------------------------------------------


@given(dimensions, spares, st.integers(0, 40))
def test_sums_are_their_terms(d, spare, steps):
    size = d + 1 + spare
    fresh = sum(Fraction(d, i * (i * size - d - 1)) for i in range(1, steps + 1))
    same = sum(Fraction(d, i * i * spare) for i in range(1, steps + 1))

    assert regression.replace_risk(size, steps, d) == pytest.approx(steps * d / spare, rel=ULPS)
    assert regression.accumulate_risk(size, steps, d) == pytest.approx(float(fresh), rel=ULPS)
    assert regression.accumulate_risk(size, steps, d, fresh=False) == pytest.approx(
        float(same), rel=ULPS
    )


@pytest.mark.parametrize(("size", "d"), [(3, 1), (52, 50), (10**9, 10**9 - 2), (10**9, 7)])
def test_many_steps_are_exact(size, d):
    with mpmath.workdps(50):
        c = mpmath.mpf(d + 1) / size  # the sum telescopes into digammas
        for n in (9, 1_000, 10**9):
            sums = mpmath.digamma(n + 1 - c) - mpmath.digamma(1 - c)
            sums += mpmath.digamma(1) - mpmath.digamma(n + 1)
            expected = float(d * sums / (d + 1))
            assert regression.accumulate_risk(size, n, d) == pytest.approx(expected, rel=ULPS)
            squares = mpmath.zeta(2) - mpmath.zeta(2, n + 1)
            expected = float(d * squares / (size - d - 1))
            assert regression.accumulate_risk(size, n, d, fresh=False) == pytest.approx(
                expected, rel=ULPS
            )


# --- linear algebra, given the inputs ---------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 3), st.integers(1, 4), st.booleans())
def test_the_pools_error_is_the_sum_of_the_docstring(seed, d, steps, fresh):
    # the coefficients as linear functions of all noises, then the variance, for fixed inputs
    rng = generator(seed, "regression")
    size = d + 3
    first = rng.normal(size=(size, d))
    inputs = [rng.normal(size=(size, d)) if fresh else first for _ in range(steps)]
    total = steps * size
    error = np.zeros((d, total))  # w_t - w_0 = error @ all noises
    labels = []
    for t, x in enumerate(inputs):
        noise = np.zeros((size, total))
        noise[:, t * size : (t + 1) * size] = np.eye(size)
        labels.append(x @ error + noise)
        error = np.linalg.lstsq(np.vstack(inputs[: t + 1]), np.vstack(labels), rcond=None)[0]
    grams = np.cumsum([x.T @ x for x in inputs], axis=0)
    expected = sum(
        np.trace(np.linalg.inv(g) @ x.T @ x @ np.linalg.inv(g))
        for g, x in zip(grams, inputs, strict=True)
    )

    assert (error**2).sum() == pytest.approx(expected, rel=1e-7)
    if not fresh:  # then the mean over inputs is only that of the inverse Gram matrix
        ratio = expected / np.trace(np.linalg.inv(grams[0]))
        theory = regression.accumulate_risk(size, steps, d, fresh=False)
        assert ratio == pytest.approx(theory / regression.replace_risk(size, 1, d), rel=1e-7)


@given(st.integers(3, 60), st.integers(0, 60))
def test_one_column_is_a_beta_variable(size, synthetic):
    assume(0 < synthetic < size)
    share = synthetic / size
    second = beta_law(synthetic / 2, (size - synthetic) / 2).moment(2)

    assert regression.contaminated_risk(size, 1, share, 2.0, 0.0) == pytest.approx(
        2 * second, rel=EXACT
    )


@given(st.integers(4, 30), st.integers(1, 4), st.floats(0, 1))
def test_the_iid_split_is_the_mean_of_exact_ones(size, d, share):
    assume(size >= d + 2)
    rows = np.arange(size + 1)
    chances = np.array([mpmath.binomial(size, int(q)) for q in rows], dtype=float)
    chances *= share**rows * (1 - share) ** (size - rows)
    exact = regression.contaminated_risk(size, d, rows / size, 2.0, 0.5)

    assert regression.contaminated_risk(size, d, share, 2.0, 0.5, "iid") == pytest.approx(
        chances @ exact, rel=EXACT
    )


# --- properties ----------------------------------------------------------------------------


@given(dimensions, spares, st.integers(0, 10**6))
def test_risks_keep_their_order(d, spare, steps):
    size = d + 1 + spare
    replaced = regression.replace_risk(size, steps, d)
    same = regression.accumulate_risk(size, steps, d, fresh=False)
    new = regression.accumulate_risk(size, steps, d)

    assert new <= same * (1 + ULPS) <= replaced * (1 + 3 * ULPS)
    assert same <= np.pi**2 / 6 * regression.replace_risk(size, 1, d) * (1 + ULPS)


@given(st.integers(1, 9), st.integers(1, 500), st.floats(0, 1))
def test_contamination_falls_to_its_plateau(d, spare, share):
    sizes = (d + 1 + spare) * np.array([1, 10, 10**5])
    risks = regression.contaminated_risk(sizes, d, share, 1.0, 1.0, "iid")

    assert risks[0] > risks[1] > risks[2] > regression.contaminated_limit(share, 1.0)
    assert risks[2] == pytest.approx(regression.contaminated_limit(share, 1.0), abs=3e-4)


def test_arguments_broadcast():
    grid = regression.accumulate_risk([[20], [30]], [1, 2, 9], 5, 0.25)
    assert grid.shape == (2, 3)
    assert grid[1, 2] == regression.accumulate_risk(30, 9, 5, 0.25)
    assert isinstance(regression.replace_risk(20, 1, 5), float)


# --- bad input --------------------------------------------------------------------------------


def test_refuses_bad_input():
    with pytest.raises(
        InvalidArgument, match=r"^size must be at least dimension \+ 2, or the risk"
    ):
        regression.replace_risk(6, 1, 5)
    with pytest.raises(
        InvalidArgument, match=r"^dimension must be an integer >= 1; got dimension=0"
    ):
        regression.accumulate_risk(6, 1, 0)
    with pytest.raises(InvalidArgument, match=r"^fresh must be True or False; got fresh=1$"):
        regression.accumulate_risk(9, 1, 2, fresh=1)
    with pytest.raises(InvalidArgument, match=r"^noise_variance must be a finite number >= 0; got"):
        regression.replace_risk(9, 1, 2, -1.0)
    with pytest.raises(InvalidArgument, match=r"^share times size must be whole for split='exact'"):
        regression.contaminated_risk(9, 2, 0.5, 1.0)
    with pytest.raises(InvalidArgument, match=r"^split must be 'exact' or 'iid'; got split='half'"):
        regression.contaminated_risk(9, 2, 0.5, 1.0, split="half")
    with pytest.raises(InvalidArgument, match=r"^squared_bias must be a finite number >= 0; got"):
        regression.contaminated_limit(0.5, float("nan"))
