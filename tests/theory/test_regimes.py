"""Closed forms of the other regimes against every path of small discrete loops."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument
from collapse_bench.statistics import agreement
from collapse_bench.streams import generator
from collapse_bench.theory import categorical, gaussian, regimes
from tests.theory.enumeration import EXACT, empirical, small_worlds, walk

sizes = st.integers(2, 10**9)
shares = st.floats(0, 1)


def pooling(truth, size):
    """Fit to all batches so far."""

    def fits(n, pool):
        for chance, batch in empirical(size, truth if pool is None else pool):
            fit = batch if pool is None else ((n - 1) * pool + batch) / n
            yield chance, fit, fit, fit

    return fits


def mixing(truth, size, a, b, c):
    """Fit to draws from the article's mixture."""

    def fits(n, law):
        law = truth if law is None else law
        for chance, fit in empirical(size, law):
            new = a * fit + b * law + c * truth
            yield chance, fit, new, new

    return fits


@st.composite
def weights(draw):
    """Return alpha, beta, gamma."""
    parts = np.array(draw(st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any)), float)
    return tuple((parts / parts.sum()).tolist())


# --- by hand -------------------------------------------------------------------------------


def test_accumulate_by_hand():
    assert regimes.accumulate_ratio(4, [0, 1, 2]) == pytest.approx([1, 3 / 4, 3 / 4 * 15 / 16])
    assert regimes.accumulate_limit(4) == pytest.approx(2 / np.pi)
    assert regimes.accumulate_limit(100) == pytest.approx(1 - np.pi**2 / 600, abs=1e-4)


def test_mixture_by_hand():
    # V_1 = a^2/M, V_2 = (a+b)^2 V_1 + a^2 (1 - V_1)/M
    got = regimes.mixture_distance(4, [0, 1, 2], 0.5, 0.25, 0.25)
    assert got == pytest.approx([0, 1 / 16, 9 / 16 / 16 + 15 / 16 / 16])
    assert regimes.mixture_ratio(4, [0, 1, 2], 0.5, 0.25, 0.25) == pytest.approx(
        [1, 3 / 4, 15 / 16 * 3 / 4]
    )


def test_fresh_by_hand():
    assert regimes.fresh_real_limit(10, 0.1) == pytest.approx(0.9 * 0.19 / (1 - 0.9 * 0.81))
    assert regimes.fresh_real_ratio(4, [0, 1, 2], 0.5, "exact") == pytest.approx(
        [1, 3 / 4, 1 - 1 / 4 - 1 / 4 * 0.5 * 0.25]
    )
    assert regimes.fresh_real_limit(10**6, 1e-5) == pytest.approx(20 / 21, rel=1e-4)  # R = 10


def test_growing_by_hand():
    assert regimes.growing_ratio([2, 4]) == pytest.approx([1, 1 / 2, 3 / 8])
    assert regimes.growing_w2_squared([10]) == pytest.approx(
        [0, gaussian.expected_w2_squared(10, 1)]
    )


# --- every path ----------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(small_worlds(), st.integers(1, 3))
def test_accumulate_is_every_path(world, steps):
    truth, size = world
    ratio, distance = walk(steps, truth, pooling(truth, size))
    expected = regimes.accumulate_ratio(size, steps)
    assert ratio == pytest.approx(expected, abs=EXACT)
    assert distance == pytest.approx(1 - expected, abs=EXACT)


@settings(deadline=None, max_examples=25)
@given(small_worlds(), st.integers(1, 3), weights())
def test_mixture_is_every_path(world, steps, abc):
    truth, size = world
    ratio, distance = walk(steps, truth, mixing(truth, size, *abc))
    assert ratio == pytest.approx(regimes.mixture_ratio(size, steps, *abc), abs=EXACT)
    assert distance == pytest.approx(regimes.mixture_distance(size, steps, *abc), abs=EXACT)


@settings(deadline=None, max_examples=25)
@given(small_worlds(), st.integers(1, 3), shares)
def test_fresh_iid_is_every_path(world, steps, share):
    truth, size = world

    def fits(n, law):
        law = truth if law is None else law
        for chance, fit in empirical(size, share * truth + (1 - share) * law):
            yield chance, fit, fit, fit

    ratio, distance = walk(steps, truth, fits)
    expected = regimes.fresh_real_ratio(size, steps, share)
    assert ratio == pytest.approx(expected, abs=EXACT)
    assert distance == pytest.approx(1 - expected, abs=EXACT)


@settings(deadline=None, max_examples=20)
@given(small_worlds(), st.integers(1, 2), st.data())
def test_fresh_exact_is_every_path(world, steps, data):
    truth, size = world
    real = data.draw(st.integers(0, size))

    def fits(n, law):
        law = truth if law is None else law
        for one, rows in empirical(real, truth):
            for two, drawn in empirical(size - real, law):
                fit = (real * rows + (size - real) * drawn) / size
                yield one * two, fit, fit, fit

    ratio, distance = walk(steps, truth, fits)
    expected = regimes.fresh_real_ratio(size, steps, real / size, "exact")
    assert ratio == pytest.approx(expected, abs=EXACT)
    assert distance == pytest.approx(1 - expected, abs=EXACT)


@settings(deadline=None, max_examples=25)
@given(small_worlds(), st.lists(st.integers(2, 4), min_size=1, max_size=3))
def test_growing_is_every_path(world, many):
    truth, _ = world

    def fits(n, law):
        law = truth if law is None else law
        for chance, fit in empirical(many[n - 1], law):
            yield chance, fit, fit, fit

    ratio, _ = walk(len(many), truth, fits)
    assert ratio == pytest.approx(regimes.growing_ratio(many)[-1], abs=EXACT)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda m, n: regimes.accumulate_ratio(m, n + 1),
        lambda m, n: regimes.accumulate_ratio(m, n - 1),
        lambda m, n: regimes.accumulate_ratio(m - 1, n),
        lambda m, n: regimes.accumulate_ratio(m + 1, n),
        lambda m, n: categorical.diversity_ratio(m, n),
        lambda m, n: np.prod(1 - 1 / (m * np.arange(1.0, n + 1))),
        lambda m, n: regimes.accumulate_limit(m),
    ],
)
def test_paths_reject_other_accumulate_laws(wrong):
    truth, size, steps = np.array([0.5, 0.3, 0.2]), 3, 3
    ratio, _ = walk(steps, truth, pooling(truth, size))
    assert ratio != pytest.approx(wrong(size, steps), abs=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda m, n, a, b, c: (
            1 - regimes.mixture_distance(m, n, a, b, c)
        ),  # the law's, not the fit's
        lambda m, n, a, b, c: regimes.mixture_ratio(m, n + 1, a, b, c),
        lambda m, n, a, b, c: regimes.mixture_ratio(m - 1, n, a, b, c),
        lambda m, n, a, b, c: regimes.mixture_ratio(m, n, b, a, c),
        lambda m, n, a, b, c: regimes.mixture_ratio(m, n, a, c, b),
        lambda m, n, a, b, c: regimes.mixture_ratio(m, n, a + b, 0.0, c),
        lambda m, n, a, b, c: regimes.fresh_real_ratio(m, n, c),
    ],
)
def test_paths_reject_other_mixture_laws(wrong):
    truth, size, steps, abc = np.array([0.5, 0.3, 0.2]), 3, 3, (0.5, 0.2, 0.3)
    ratio, _ = walk(steps, truth, mixing(truth, size, *abc))
    assert ratio != pytest.approx(wrong(size, steps, *abc), abs=1e-3)


# --- exact arithmetic and properties -----------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3, 10, 100, 10**6, 10**9])
@pytest.mark.parametrize("steps", [0, 1, 2, 50, 1_000])
def test_accumulate_is_its_product_up_to_a_billion(size, steps):
    with mpmath.workdps(40):
        exact = mpmath.fprod(1 - mpmath.mpf(1) / (size * t * t) for t in range(1, steps + 1))
        assert (
            abs(float(mpmath.mpf(float(regimes.accumulate_ratio(size, steps))) / exact - 1)) < 1e-14
        )


@given(sizes, st.integers(0, 10**6))
def test_accumulate_falls_to_its_limit(size, steps):
    now, later = regimes.accumulate_ratio(size, [steps, steps + 1])
    limit = regimes.accumulate_limit(size)
    assert later <= now + 1e-15  # equal to rounding, late and for large sizes
    assert limit <= later + 1e-15
    assert regimes.accumulate_ratio(size, 10**15) == pytest.approx(limit, rel=1e-14)


@given(sizes, st.integers(0, 10**4), shares, st.sampled_from(["iid", "mixture"]))
def test_replacement_is_the_corner_of_every_regime(size, steps, share, how):
    plain = categorical.diversity_ratio(size, steps)
    assert regimes.mixture_ratio(size, steps, 1, 0, 0) == pytest.approx(plain, rel=1e-12)
    assert regimes.fresh_real_ratio(size, steps, 0.0) == pytest.approx(plain, rel=1e-12)
    assert regimes.fresh_real_ratio(size, steps, 0.0, "exact") == pytest.approx(plain, rel=1e-12)
    lag = regimes.mixture_distance(size, steps, share, 1 - share, 0)  # B3: M/alpha^2 draws
    assert 1 - lag == pytest.approx((1 - share**2 / size) ** steps, abs=1e-9)


@given(st.integers(2, 10**6), shares, st.integers(0, 100))
def test_fresh_data_keep_at_least_their_limit(size, share, steps):
    now, later = regimes.fresh_real_ratio(size, [steps, steps + 1], share)
    limit = regimes.fresh_real_limit(size, share)
    assert -1e-12 <= limit <= later + 1e-12 <= now + 2e-12
    assert regimes.fresh_real_ratio(size, 10**15, share) == pytest.approx(limit, abs=1e-6)


@given(st.integers(2, 10**6), weights())
def test_mixture_tends_to_its_fixed_point(size, abc):
    a, _, c = abc
    got = regimes.mixture_distance(size, 10**15, *abc)
    if a == 0:
        assert got == 0
    else:
        noise = a**2 / size
        assert got == pytest.approx(noise / (1 - (1 - c) ** 2 + noise), rel=1e-6)


@given(st.integers(2, 10**4), st.integers(1, 60))
def test_squares_of_sizes_grow_like_accumulation(size, steps):
    growing = regimes.growing_ratio(size * np.arange(1, steps + 1) ** 2)
    pooled = regimes.accumulate_ratio(size, np.arange(steps + 1))
    assert growing == pytest.approx(pooled, rel=1e-12)


@given(st.integers(2, 10**6), st.integers(1, 50), st.sampled_from([0, 1]))
def test_constant_sizes_grow_like_replacement(size, steps, ddof):
    n = np.arange(steps + 1)
    many = np.full(steps, size)
    assert regimes.growing_ratio(many) == pytest.approx(categorical.diversity_ratio(size, n))
    assert regimes.growing_w2_squared(many, ddof) == pytest.approx(
        gaussian.expected_w2_squared(size, n, ddof)
    )


def test_linear_sizes_collapse_and_superlinear_ones_do_not():
    t = np.arange(1, 10**6 + 1)
    linear = regimes.growing_ratio(20 * t)[-1]
    superlinear = regimes.growing_ratio(np.ceil(20 * t**1.5))[-1]

    assert linear == pytest.approx(1e6 ** (-1 / 20), rel=0.04)  # n^(-1/c) up to a constant
    assert superlinear == pytest.approx(0.876, abs=2e-3)  # exp(-zeta(3/2)/20) to first order


# --- the same laws for the variance of a Gaussian fitted by maximum likelihood -----------------

SIZE, STEPS, LINEAGES = 8, 6, 50_000


def _run(regime, ddof=0):
    """Return variances (R, T+1) of a loop that draws its samples."""
    rng = generator(22, "theory", regime)
    mean, scale = np.zeros((LINEAGES, 1)), np.ones((LINEAGES, 1))
    law_mean, law_scale = [mean], [scale]  # the newest law is a mixture of these
    values, pool = [np.ones(LINEAGES)], np.empty((LINEAGES, 0))
    for n in range(STEPS):
        normal = rng.standard_normal((LINEAGES, SIZE))
        if regime == "mixture":
            weights = np.zeros(n + 1)
            weights[n], carried = (0.6, 0.3) if n else (1.0, 0.0)
            for s in range(n - 1, 0, -1):
                weights[s], carried = carried * 0.6, carried * 0.3
            weights[0] += 1 - weights.sum()
            which = rng.choice(n + 1, p=weights, size=normal.shape)
            rows = np.arange(LINEAGES)[:, None]
            stack_m, stack_s = np.hstack(law_mean), np.hstack(law_scale)
            samples = stack_m[rows, which] + stack_s[rows, which] * normal
        elif regime == "accumulate":
            samples = pool = np.hstack([pool, mean + scale * normal])
        else:
            real = rng.random(normal.shape) < 0.25
            if regime == "fresh exact":
                real = np.broadcast_to(np.arange(SIZE) < SIZE // 4, normal.shape)
            samples = np.where(real, normal, mean + scale * normal)
        mean = samples.mean(1, keepdims=True)
        scale = samples.std(1, ddof=ddof, keepdims=True)
        law_mean.append(mean)
        law_scale.append(scale)
        values.append(scale[:, 0] ** 2)
    return np.stack(values, axis=1)


LAWS = {
    "accumulate": lambda n: regimes.accumulate_ratio(SIZE, n),
    "mixture": lambda n: regimes.mixture_ratio(SIZE, n, 0.6, 0.3, 0.1),
    "fresh iid": lambda n: regimes.fresh_real_ratio(SIZE, n, 0.25),
    "fresh exact": lambda n: regimes.fresh_real_ratio(SIZE, n, 0.25, "exact"),
}


@pytest.mark.parametrize("regime", LAWS)
def test_the_variance_of_a_gaussian_obeys_the_same_law(regime):
    n = np.arange(STEPS + 1)
    values, law = _run(regime), LAWS[regime]

    # 24 comparisons in all under a correct theory: 2e-4 that a seed is unlucky
    assert np.abs(agreement.mean_score(values, law(n))).max() <= agreement.CRITICAL
    assert np.abs(agreement.mean_score(values, law(n + 1))[1:]).max() > agreement.CRITICAL
    for other in {"accumulate", "mixture", "fresh iid"} - {regime, regime.replace("exact", "iid")}:
        assert np.abs(agreement.mean_score(values, LAWS[other](n))).max() > agreement.CRITICAL


def test_the_unbiased_variance_does_not():
    law = LAWS["accumulate"](np.arange(STEPS + 1))
    score = agreement.mean_score(_run("accumulate", ddof=1), law)
    assert np.abs(score).max() > agreement.CRITICAL


# --- bad input --------------------------------------------------------------------------------


def test_refuses_weights_that_do_not_sum_to_one():
    with pytest.raises(InvalidArgument, match=r"^alpha, beta and gamma must sum to 1; got alpha="):
        regimes.mixture_distance(10, 1, 0.5, 0.5, 0.1)
    with pytest.raises(InvalidArgument, match=r"^beta must be a number in \[0, 1\]; got beta=-0.5"):
        regimes.mixture_ratio(10, 1, 1.0, -0.5, 0.5)


def test_refuses_splits():
    with pytest.raises(InvalidArgument, match=r"^split must be 'iid' or 'exact'; got split='half'"):
        regimes.fresh_real_ratio(10, 1, 0.5, "half")
    with pytest.raises(
        InvalidArgument, match=r"^share times size must be whole for an exact split"
    ):
        regimes.fresh_real_ratio(10, 1, 0.25, "exact")
    with pytest.raises(InvalidArgument, match=r"^share must be a number in \[0, 1\]; got share=2"):
        regimes.fresh_real_limit(10, 2)


def test_refuses_sizes():
    with pytest.raises(
        InvalidArgument, match=r"^sizes must have shape \(\.\.\., T\); got sizes=5$"
    ):
        regimes.growing_ratio(5)
    with pytest.raises(InvalidArgument, match=r"^sizes must be an integer >= 2; got sizes="):
        regimes.growing_w2_squared([5, 1])
    with pytest.raises(InvalidArgument, match=r"^size must be an integer >= 2; got size=1$"):
        regimes.accumulate_limit(1)
