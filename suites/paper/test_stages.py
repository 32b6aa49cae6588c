"""Early collapse, then late: tails go while the variance still looks well.

Source: I. Shumailov et al., Nature 631 (2024), 755-759: "in early model collapse, the model begins
losing information about the tails of the distribution; in late model collapse, [it] converges to
a distribution that carries little resemblance to the original one, often with substantially
reduced variance". Losses of 25 % (tails) and 20 % (variance) are the ones a gate must catch.
A sound process fails one comparison at 4.5 standard errors with chance 7e-6, hence some test here
for at most one seed in 600.
"""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from collapse_bench.models import Categorical, Gaussian
from collapse_bench.regions import Tails
from collapse_bench.statistics.agreement import (
    CRITICAL,
    assert_mean,
    assert_median,
    mean_score,
    median_score,
)
from collapse_bench.theory import categorical, gaussian

REPLICATES = {"smoke": 8_000, "ci": 40_000, "paper": 200_000}
EARLY, LATE = 0.25, 0.20  # losses of the tails and of the variance or diversity
END = ndtri(0.975)  # 5 % of N(0, 1) lies beyond, half at each end


def zipf(states, exponent):
    """Return the law with probabilities proportional to rank^-exponent."""
    weights = np.arange(1.0, states + 1) ** -exponent
    return weights / weights.sum()


@pytest.mark.parametrize("size", [50, 200])
def test_rare_words_go_before_diversity(
    size, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Discrete: a quarter of the tail's states is gone generations before a fifth of diversity.

    Coverage is given by the chain of each state's counts, diversity by (1 - 1/M)^n; halfway
    between the two onsets the lineages show one loss without the other.
    """
    law = zipf(60, 1.5)
    trajectory = collapse_recurse(
        Categorical(law),
        generations=size // 4,
        size=size,
        replicates=REPLICATES[collapse_profile] // 4,
        seed=collapse_seed,
        metrics=("tail_coverage", "gini_simpson"),
    )
    steps = trajectory.steps
    tail = law[::-1][np.cumsum(law[::-1]) <= 0.05 * (1 + 1e-9)]  # the rarest states, 5 % in all
    coverage = 1 - categorical.extinction_probability(tail, size, steps[:, None]).mean(axis=1)
    gini = (1 - (law**2).sum()) * categorical.diversity_ratio(size, steps)
    collapse_record(
        trajectory,
        scenario=f"stages, discrete, M={size}",
        theory={"tail_coverage": coverage, "gini_simpson": gini},
    )
    values = trajectory.values
    assert_mean(values["tail_coverage"], coverage, "tail coverage")
    assert_mean(values["gini_simpson"], gini, "Gini-Simpson diversity")
    early, late = onset(coverage, EARLY), onset(gini / gini[0], LATE)
    assert 5 * early < late
    between = (early + late) // 2
    assert mean_score(values["tail_coverage"][:, between], 1 - EARLY) < -CRITICAL
    assert mean_score(values["gini_simpson"][:, between] / gini[0], 1 - LATE) > CRITICAL


@pytest.mark.parametrize("size", [50, 100])
def test_the_tails_of_a_gaussian_go_before_its_variance(
    size, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Gaussian, median lineage: the tails of its own shape are early, its variance is late.

    The mass that the model keeps beyond the reference's 5 % ends *about its own mean* is
    2 Phi(-1.96/s_n): at first it falls 2.3 times as fast as s_n^2. Both medians are exact, and
    halfway between the two onsets the lineages show one loss without the other, by the sign test.
    """
    trajectory = collapse_recurse(
        Gaussian(),
        generations=size // 2,
        size=size,
        replicates=2 * REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("variance",),
    )
    variance = trajectory.values["variance"]
    tails = 2 * ndtr(-END / np.sqrt(variance)) / 0.05
    variance_median = np.exp(gaussian.median_log_variance(size, trajectory.steps))
    tails_median = 2 * ndtr(-END / np.sqrt(variance_median)) / 0.05
    collapse_record(
        trajectory, scenario=f"stages, Gaussian, M={size}", theory={"variance": variance_median}
    )
    assert_median(variance[:, 1:], variance_median[1:], "variance")
    assert_median(tails[:, 1:], tails_median[1:], "centered tail mass")
    early, late = onset(tails_median, EARLY), onset(variance_median, LATE)
    assert 1.5 * early < late
    between = (early + late) // 2
    assert median_score(tails[:, between], 1 - EARLY) < -CRITICAL, "the tails are still there"
    assert median_score(variance[:, between], 1 - LATE) > CRITICAL, "the variance is gone as well"


def test_one_fixed_tail_falls_first_and_two_do_not(
    collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Where a fixed threshold can see the early stage, and where it can't.

    Beyond one end of the reference the median lineage keeps Phi(-z (1 + n/2k)), to first order in
    n/k: less than its share of the variance. Beyond both ends together the drift of the mean
    refills what the narrowing empties: the *mean* of that mass rises, and its median lags behind
    the variance. So early collapse must be asked of one end, of the model's own shape, or of
    coverage. Source: derived; the article's "longer tails" of generated data.
    """
    size, steps = 100, 15
    trajectory = collapse_recurse(
        Gaussian(),
        generations=steps,
        size=size,
        replicates=2 * REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("tail_mass", "variance"),
    )
    variance = np.exp(gaussian.median_log_variance(size, trajectory.steps))  # the median, exact
    collapse_record(
        trajectory,
        scenario="fixed tails, M=100",
        theory={"variance": variance},
    )
    end = ndtri(0.95)
    upper = np.array([float(model.mass(Tails(upper=end))) for model in trajectory.models]) / 0.05
    both = trajectory.values["tail_mass"][:, -1]
    first_order = ndtr(-end * (1 + steps / (2 * (size - 1)))) / 0.05
    assert abs(np.median(upper) - first_order) < 0.05  # (n/k)^2 and five standard errors
    assert median_score(upper, variance[-1]) < -CRITICAL
    assert median_score(both, variance[-1]) > CRITICAL
    assert mean_score(both, 1.0) > CRITICAL


def onset(kept, loss):
    """Return the first generation that has lost as much as ``loss``."""
    gone = np.flatnonzero(kept <= 1 - loss)
    assert len(gone), f"a loss of {loss:g} is not reached"
    return int(gone[0])
