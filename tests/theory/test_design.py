"""Gate design against enumeration, inverted characteristic functions and its own inverses.

Its simulations are in ``sensitivity_tails``.
"""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import loggamma, ndtr, ndtri
from scipy.stats import chi2, multinomial

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory import design, gaussian

EXACT = 1e-9
ULPS = 1e-12
sizes = st.integers(2, 10**9)
rates = st.floats(1e-6, 0.4)


def log_ratio_cdf(x, size, terms):
    """Return P(sum of independent log(chi2_k / k) < x), inverting its characteristic function."""
    half = (size - 1) / 2
    width = np.sqrt(terms * gaussian.log_variance_noise(size))
    t = (np.arange(60_000) + 0.5) * 1.5e-3 / width
    log_phi = terms * (loggamma(half + 1j * t) - loggamma(half) - 1j * t * np.log(half))
    return 0.5 - (np.exp(log_phi - 1j * t * x).imag / t).sum() * (t[1] - t[0]) / np.pi


# --- neutral drift (E1) -------------------------------------------------------------------------


def test_the_score_by_hand():
    drift, noise = gaussian.log_variance_drift(10), gaussian.log_variance_noise(10)
    values = np.array([[0.0, 1.0], [1.0, 5.0]])
    expected = (np.array([0.5, 3.0]) - 3 * drift) / np.sqrt(3 * noise / 2)
    assert design.excess_drift_score(values, 10, 3) == pytest.approx(expected, rel=ULPS)
    neutral = [4 * gaussian.log_variance_drift(10, 0)]
    assert design.excess_drift_score(neutral, 10, 4, ddof=0) == 0


def test_a_naive_threshold_fails_a_perfect_fitter():
    assert round(float(design.threshold_alarm_rate(0.9, 200, 8)), 3) == 0.407
    # chi-squared with one degree of freedom below its median, and with two
    assert design.threshold_alarm_rate(chi2.median(1), 2, 1) == pytest.approx(0.5, rel=1e-9)
    assert design.threshold_alarm_rate(np.log(2), 3, 1) == pytest.approx(0.5, rel=ULPS)
    assert design.threshold_alarm_rate(np.log(2) * 2 / 3, 3, 1, 0) == pytest.approx(0.5, rel=ULPS)


@pytest.mark.parametrize("size", [2, 3, 5, 10, 50, 200])
@pytest.mark.parametrize("steps", [1, 2, 3, 8, 20])
@pytest.mark.parametrize("ddof", [0, 1])
def test_the_alarm_rate_is_within_its_stated_error(size, steps, ddof):
    spread = np.sqrt(steps * gaussian.log_variance_noise(size))
    centre = steps * gaussian.log_variance_drift(size, ddof)
    shift = steps * np.log1p(-1 / size) if ddof == 0 else 0.0
    for z in (-3, -1, 0, 1, 3):
        x = centre + z * spread
        exact = log_ratio_cdf(x - shift, size, steps)
        allowed = 2e-4 if steps == 1 else 0.06 / ((size - 1) * steps) ** 1.5  # 2e-4: the inversion
        off = design.threshold_alarm_rate(np.exp(x), size, steps, ddof) - exact
        assert abs(off) <= allowed + 1e-6


@pytest.mark.parametrize(("size", "terms"), [(10, 80), (50, 16), (100, 7), (200, 4), (1_000, 1)])
def test_the_level_is_as_stated(size, terms):
    spread = np.sqrt(terms * gaussian.log_variance_noise(size))
    x = terms * gaussian.log_variance_drift(size) + ndtri(0.01) * spread
    assert 0.01 < log_ratio_cdf(x, size, terms) < 0.0115


# --- lineages needed (E8) ------------------------------------------------------------------------


def test_lineages_by_hand():
    # checked for the project: 1 %, 90 %, n = 8
    table = design.lineages_needed([50, 200, 1_000, 5_000], 8, [[0.03], [0.01], [0.1]])
    assert table.tolist() == [[76, 19, 4, 1], [678, 165, 33, 7], [7, 2, 1, 1]]
    per_draw = design.lineage_generations([50, 100, 1_000]) / [50, 100, 1_000]
    assert per_draw == pytest.approx([26, 26, 26], rel=0.015)
    likelihood = design.lineage_generations(1_000, ddof=0) / 1_000
    assert likelihood == pytest.approx(26 / 4, rel=0.015)


@given(
    st.integers(2, 10**6), st.integers(1, 10**4), st.floats(1e-4, 1), rates, st.floats(0.5, 0.999)
)
def test_lineages_are_the_fewest(size, steps, excess, alpha, power):
    lineages = design.lineages_needed(size, steps, excess, alpha, power)
    assume(lineages < 1e12)

    reached = design.excess_drift_power(size, steps, lineages, excess, alpha)
    assert reached >= power - EXACT
    if lineages > 1:
        assert design.excess_drift_power(size, steps, lineages - 1, excess, alpha) < power + EXACT
    neutral = design.excess_drift_power(size, steps, lineages, 0.0, alpha)
    assert neutral == pytest.approx(alpha, rel=EXACT)


@given(st.integers(2, 10**6), rates, st.floats(0.5, 0.999), st.sampled_from([0, 1]))
def test_lineage_generations_are_lineages_of_the_drift_itself(size, alpha, power, ddof):
    drift = -gaussian.log_variance_drift(size, ddof)
    needed = design.lineage_generations(size, alpha, power, ddof)
    z = drift * np.sqrt(needed / gaussian.log_variance_noise(size))

    assert ndtr(z + ndtri(alpha)) == pytest.approx(power, rel=EXACT)
    assert design.lineages_needed(size, 1, drift, alpha, power) == max(
        1, np.ceil(needed * (1 - 1e-15))
    ) or needed == pytest.approx(np.rint(needed), rel=1e-12)


# --- diversity and effective sizes (E2, E4, E5) ---------------------------------------------


def gini(law):
    return 1 - (law**2).sum(axis=-1)


def draws(size, law):
    """Return the frequencies of every count vector and their probabilities."""
    counts = np.array([c for c in product(range(size + 1), repeat=len(law)) if sum(c) == size])
    return counts / size, multinomial.pmf(counts, size, law)


laws = st.lists(st.integers(1, 9), min_size=2, max_size=3).map(lambda w: np.array(w) / sum(w))


def test_diversity_by_hand():
    assert design.plug_in_diversity(0.5, [1, 2, 10]) == pytest.approx([0, 0.25, 0.45], rel=ULPS)
    assert design.debiased_diversity(0.45, 10) == pytest.approx(0.5, rel=ULPS)
    assert design.expected_step(10) == pytest.approx(0.1, rel=ULPS)
    assert design.expected_step(10, 5) == pytest.approx(0.1 + 0.2 + 0.18, rel=ULPS)
    assert design.effective_size(0.5, 0.05) == pytest.approx(10, rel=ULPS)
    assert design.effective_size(0.5, 0.24, 5) == pytest.approx(10, rel=ULPS)
    assert design.effective_size(0.5, 0.1, 5) == np.inf  # less than the noise of 5 draws


@given(laws, st.integers(1, 5))
def test_the_plug_in_is_biased_as_enumerated(law, size):
    frequencies, chances = draws(size, law)
    plug_in = design.plug_in_diversity(gini(law), size)
    assert chances @ gini(frequencies) == pytest.approx(plug_in, abs=EXACT)
    if size > 1:
        debiased = chances @ design.debiased_diversity(np.clip(gini(frequencies), 0, 1), size)
        assert debiased == pytest.approx(gini(law), abs=EXACT)


@settings(deadline=None, max_examples=40)
@given(laws, st.integers(2, 4), st.integers(2, 4))
def test_steps_are_enumerated(law, size, eval_size):
    nexts, chances = draws(size, law)
    between = chances @ ((nexts - law) ** 2).sum(axis=1)
    assert between / gini(law) == pytest.approx(design.expected_step(size), abs=EXACT)
    seen, seen_chances = draws(eval_size, law)
    distance = 0.0
    for nextly, chance in zip(nexts, chances, strict=True):
        again, again_chances = draws(eval_size, nextly)
        gaps = ((seen[:, None] - again) ** 2).sum(axis=-1)
        distance += chance * (seen_chances @ gaps @ again_chances)
    step = distance / gini(law)

    assert step == pytest.approx(design.expected_step(size, eval_size), abs=EXACT)
    assert design.effective_size(gini(law), between) == pytest.approx(size, rel=EXACT)
    assert design.effective_size(gini(law), distance, eval_size) == pytest.approx(size, rel=1e-7)


@given(st.integers(2, 10**6), st.integers(2, 10**6), st.floats(0.01, 1))
def test_the_effective_size_inverts_the_step(size, eval_size, diversity):
    distance = diversity * design.expected_step(size, eval_size)
    found = design.effective_size(diversity, distance, eval_size)
    tolerance = 1e-9 * (1 + size / eval_size)  # the noise of evaluation is subtracted
    assert found == pytest.approx(size, rel=tolerance)


# --- bad input --------------------------------------------------------------------------------


def test_refuses_bad_input():
    with pytest.raises(
        InvalidArgument, match=r"^log_ratios must have shape \(R, \.\.\.\); got shape"
    ):
        design.excess_drift_score(0.5, 10, 1)
    with pytest.raises(InvalidArgument, match=r"^log_ratios must be a finite number; got"):
        design.excess_drift_score([0.0, -np.inf], 10, 1)
    with pytest.raises(InvalidArgument, match=r"^steps must be an integer >= 1; got steps=0$"):
        design.excess_drift_score([0.0], 10, 0)
    with pytest.raises(
        InvalidArgument, match=r"^power must exceed alpha; got power=0\.01, alpha=0"
    ):
        design.lineages_needed(10, 1, 0.1, 0.05, 0.01)
    with pytest.raises(InvalidArgument, match=r"^alpha must be a number in \(0, 1\); got alpha=0$"):
        design.lineage_generations(10, alpha=0)
    with pytest.raises(
        InvalidArgument, match=r"^excess must be a finite number > 0; got excess=0$"
    ):
        design.lineages_needed(10, 1, 0)
    with pytest.raises(InvalidArgument, match=r"^ratio must be a finite number > 0; got ratio=0$"):
        design.threshold_alarm_rate(0, 10, 1)
    with pytest.raises(
        InvalidArgument, match=r"^eval_size must be an integer >= 2; got eval_size=1$"
    ):
        design.debiased_diversity(0.5, 1)
    with pytest.raises(InvalidArgument, match=r"^diversity must be a number in \(0, 1\]; got"):
        design.effective_size(0.0, 0.1)
