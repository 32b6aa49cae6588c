"""Discrete laws learned exactly: rare states go at once, tails before diversity, all in the end.

The model is the empirical law of its training set, so nothing but finite sampling is at work.
Source: I. Shumailov et al., Nature 631 (2024), 755-759, "Discrete distributions with exact
approximation". A sound process fails one comparison at 4.5 standard errors with chance 7e-6,
hence some test here for at most one seed in 600.
"""

import numpy as np
import pytest

from collapse_bench.models import Categorical
from collapse_bench.statistics.agreement import CRITICAL, assert_mean
from collapse_bench.theory import categorical

REPLICATES = {"smoke": 8_000, "ci": 40_000, "paper": 400_000}
ON_DEVICE = {"smoke": 8_000, "ci": 10**6, "paper": 10**6}

# Five states share the tail, 5 % of the mass, each of them below or near 1/size.
LAW = np.array([0.4, 0.25, 0.2, 0.1, 0.02, 0.01, 0.01, 0.005, 0.005])
TAIL, TAIL_MASS = LAW[4:], 0.05
GINI = 1 - (LAW**2).sum()


@pytest.mark.parametrize(("share", "size"), [(0.05, 10), (0.05, 20), (0.01, 100), (0.002, 100)])
def test_a_rare_state_is_lost_in_one_generation(
    share, size, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """A state of probability q is unseen in M draws with chance (1 - q)^M, .37 at q = 1/M.

    Source: the article's state "q <= 1/M", whose expected count is at most 1; elementary.
    """
    trajectory = collapse_recurse(
        Categorical([1 - share, share]),
        generations=1,
        size=size,
        replicates=4 * REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("tail_coverage",),
    )
    lost = 1 - trajectory.values["tail_coverage"][:, 1]
    expected = categorical.loss_probability(share, size)
    collapse_record(
        trajectory,
        scenario=f"one generation, q={share:g}, M={size}",
        theory={"tail_coverage": np.array([1, 1 - expected])},
    )
    assert_mean(lost, expected, "loss", deviation=np.sqrt(expected * (1 - expected)))


def test_a_lost_state_never_returns(
    collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """The support of a generation lies within that of the one before, in every lineage.

    Source: the article's Markov chain: a count of 0 stays 0. No statistics: no false alarm.
    """
    trajectory = collapse_recurse(
        Categorical(LAW),
        generations=20,
        size=10,
        replicates=REPLICATES[collapse_profile] // 4,
        seed=collapse_seed,
        metrics=("support", "tail_coverage"),
    )
    collapse_record(trajectory, scenario="nested support, M=10")
    for name, values in trajectory.values.items():
        assert np.diff(values, axis=1).max() <= 0, f"{name} rose in a lineage"
        assert values[:, -1].max() < values[:, 0].min(), f"{name} did not fall in every lineage"


@pytest.mark.parametrize(
    ("size", "generations"),
    [(10, 15), (100, 30), pytest.param(1_000, 500, marks=pytest.mark.paper)],
)
def test_diversity_decays_geometrically(
    size, generations, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """The mean Gini-Simpson diversity after n generations is (1 - 1/M)^n of the truth's.

    Source: the article's chain; M. Seddik et al., arXiv 2404.05090; two draws coalesce with
    chance 1/M a generation.
    """
    trajectory = collapse_recurse(
        Categorical(LAW),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile] // (20 if size > 100 else 1),
        seed=collapse_seed,
        metrics=("gini_simpson",),
    )
    expected = GINI * categorical.diversity_ratio(size, trajectory.steps)
    collapse_record(trajectory, scenario=f"diversity, M={size}", theory={"gini_simpson": expected})
    assert_mean(trajectory.values["gini_simpson"], expected, "Gini-Simpson diversity")


@pytest.mark.parametrize("size", [10, 40])
def test_the_tail_is_covered_less_but_keeps_its_mean_mass(
    size, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Tail states vanish one by one while the tail's mean probability stays: a martingale.

    Mean coverage is the chance that a single state lives, averaged over the tail; mean tail mass
    is constant although after few generations most lineages have no tail left. So early collapse
    shows in coverage and in the median, never in the mean. Source: the article's "early model
    collapse"; the chain of each state's counts, Binomial(M, count/M).
    """
    trajectory = collapse_recurse(
        Categorical(LAW),
        generations=15,
        size=size,
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("tail_coverage", "tail_mass"),
    )
    steps = trajectory.steps
    coverage = 1 - categorical.extinction_probability(TAIL, size, steps[:, None]).mean(axis=1)
    gone = categorical.extinction_probability(TAIL_MASS, size, steps)
    collapse_record(
        trajectory,
        scenario=f"tail, M={size}",
        theory={"tail_coverage": coverage, "tail_mass": np.ones(len(steps))},
    )
    mass = trajectory.values["tail_mass"]  # over its mass under the truth
    assert_mean(trajectory.values["tail_coverage"], coverage, "tail coverage")
    assert_mean(mass, 1.0, "tail mass")
    assert_mean(mass == 0, gone, "share of lineages without a tail")
    assert gone[-1] > 0.5
    assert np.median(mass[:, -1]) == 0


def test_every_lineage_ends_in_one_state(
    collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """The absorbing states are the point masses; a lineage ends in state s with chance p_0(s).

    On the way, the share of lineages with two or more states lies between exact bounds. Source:
    the article, "converges to a delta function with probability 1"; and its "1 - q", the chance
    that a state is lost in the end.
    """
    size, generations = 10, 220  # (1 - 1/10)^220 is 9e-11
    trajectory = collapse_recurse(
        Categorical(LAW),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile] // 4,
        seed=collapse_seed,
        metrics=("support", "tail_mass"),
    )
    support, mass = trajectory.values["support"], trajectory.values["tail_mass"]
    low, high = categorical.absorption_bounds(GINI, len(LAW), size, trajectory.steps)
    collapse_record(trajectory, scenario="absorption, M=10")
    alive = (support > 1).mean(axis=0)
    slack = CRITICAL * np.sqrt(np.maximum(high * (1 - high), 0.25 * (high > 0.5)) / len(support))
    assert (low - slack <= alive).all()
    assert (alive <= high + slack).all()
    assert (support[:, -1] == 1).all()
    ends = categorical.fixation_probability(TAIL_MASS)
    assert_mean(mass[:, -1] > 0, ends, "share of lineages that end in the tail")


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_the_time_to_the_last_state_is_that_of_the_chain(
    share, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Two states: the mean number of generations until one is left solves the chain's equations.

    About -2M [p log p + (1-p) log(1-p)], the diffusion's value. Source: the article's absorbing
    chain; M. Kimura and T. Ohta, Genetics 61 (1969), 763-771.
    """
    size, generations = 10, 200  # two states left by then: below 5 (1 - 1/10)^200 = 4e-9
    trajectory = collapse_recurse(
        Categorical([1 - share, share]),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("support",),
    )
    support, steps = trajectory.values["support"], trajectory.steps
    left = categorical.expected_vocabulary([1 - share, share], size, steps)
    collapse_record(
        trajectory, scenario=f"time to absorption, q={share:g}", theory={"support": left}
    )
    seen = left > 1 + 100 / len(support)  # beyond, a handful of lineages carry the mean
    assert_mean(support[:, seen], left[seen], "number of states")
    assert (support[:, -1] == 1).all()
    times = (support > 1).sum(axis=1)  # generation 0 counts: one generation to lose it at once
    assert_mean(times, categorical.mean_absorption_time(share, size), "generations to absorption")


def test_a_lineage_ends_in_a_state_with_that_states_probability(
    collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """P(end in s) = p_0(s), for every state s: the ends of all lineages rebuild the truth.

    Source: the article, "the probability of ending up at a certain state equal to the probability
    of sampling said state from the original distribution".
    """
    size, generations = 5, 120  # (1 - 1/5)^120 is 2e-12
    trajectory = collapse_recurse(
        Categorical(LAW),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("gini_simpson", "tail_mass"),
    )
    gini = GINI * categorical.diversity_ratio(size, trajectory.steps)
    tail = np.ones(generations + 1)  # a martingale
    collapse_record(
        trajectory, scenario="fixation, M=5", theory={"gini_simpson": gini, "tail_mass": tail}
    )
    ends = np.array([model.probabilities for model in trajectory.models])  # (R, K)
    assert np.isin(ends, [0.0, 1.0]).all()
    fixed = categorical.fixation_probability(LAW)
    assert_mean(ends, fixed, "end", deviation=np.sqrt(fixed * (1 - fixed)))


@pytest.mark.gpu
def test_a_million_lineages_lose_diversity_and_tail(
    collapse_recurse, collapse_record, collapse_profile, collapse_seed, collapse_device
):
    """The laws of diversity and tail coverage hold to a thousandth, on the device under test.

    Source: as in the two tests above; 10^6 lineages make the standard error 1e-3 of a deviation.
    """
    size = 50
    trajectory = collapse_recurse(
        Categorical(LAW).to(collapse_device),
        generations=10,
        size=size,
        replicates=ON_DEVICE[collapse_profile],
        seed=collapse_seed,
        metrics=("gini_simpson", "tail_coverage"),
    )
    steps = trajectory.steps
    gini = GINI * categorical.diversity_ratio(size, steps)
    coverage = 1 - categorical.extinction_probability(TAIL, size, steps[:, None]).mean(axis=1)
    collapse_record(
        trajectory,
        scenario=f"device, M={size}",
        theory={"gini_simpson": gini, "tail_coverage": coverage},
    )
    assert_mean(trajectory.values["gini_simpson"], gini, "Gini-Simpson diversity")
    assert_mean(trajectory.values["tail_coverage"], coverage, "tail coverage")
