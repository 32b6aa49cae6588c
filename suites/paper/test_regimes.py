"""What a generation is trained on decides its fate: each regime against its closed form.

The loss is of the Gini-Simpson diversity of a discrete law, or of the variance of a Gaussian
fitted by maximum likelihood: both obey the same recursions. Sources: I. Shumailov et al., Nature
631 (2024), 755-759 (weights alpha, beta, gamma; supplement: pools, growing sizes); M. Gerstgrasser
et al., arXiv 2404.01413 (accumulate); J. Kazdan et al., arXiv 2410.16713 (subsamples of a pool);
S. Alemohammad et al., arXiv 2307.01850 (one set of real rows for ever); the closed forms are
derived in ``collapse_bench.theory``. A sound process fails one comparison at 4.5 standard errors
with chance 7e-6, hence some test here for at most one seed in 120.
"""

import numpy as np
import pytest

from collapse_bench.models import Categorical, Gaussian
from collapse_bench.regimes import (
    Accumulate,
    AccumulateSubsample,
    FixedReal,
    FreshReal,
    Mixture,
    Replace,
    constant,
    linear,
    superlinear,
)
from collapse_bench.statistics.agreement import assert_mean
from collapse_bench.theory import categorical, regimes

REPLICATES = {"smoke": 12_000, "ci": 40_000, "paper": 200_000}
LAW = np.array([0.4, 0.3, 0.2, 0.1])
GINI = 1 - (LAW**2).sum()
FAMILIES = {
    "discrete": (Categorical(LAW), "gini_simpson", GINI),
    "gaussian": (Gaussian(ddof=0), "variance", 1.0),
}
REGIMES = {
    "replace": (Replace(), categorical.diversity_ratio),
    "mixture": (Mixture(0.6, 0.3, 0.1), lambda m, n: regimes.mixture_ratio(m, n, 0.6, 0.3, 0.1)),
    "lag": (Mixture(0.5, 0.5, 0.0), lambda m, n: regimes.mixture_ratio(m, n, 0.5, 0.5, 0.0)),
    "fresh iid": (FreshReal(0.2, "iid"), lambda m, n: regimes.fresh_real_ratio(m, n, 0.2)),
    "fresh exact": (
        FreshReal(0.2, "exact"),
        lambda m, n: regimes.fresh_real_ratio(m, n, 0.2, "exact"),
    ),
    "fixed": (FixedReal(0.2), lambda m, n: regimes.fixed_real_ratio(m, n, 0.2)),
    "accumulate": (Accumulate(), regimes.accumulate_ratio),
    "subsample": (AccumulateSubsample(), regimes.subsample_ratio),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", REGIMES)
def test_spread_follows_the_closed_form(
    name, family, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """The mean spread of every generation is what the regime's recursion says.

    replace: (1 - 1/M)^n. mixture: (1 - V_{n-1}/D_0)(1 - 1/M), V the distance of the *law* that
    the model was fitted to, V' = (alpha + beta)^2 V + alpha^2 (D_0 - V)/M; with gamma = 0, a lag,
    it is replacement at size M/alpha^2. fresh: with a share g of new real rows, drawn iid or
    counted out. fixed: the same real rows every time. accumulate: the product of 1 - 1/(M t^2).
    subsample: M rows of that pool. Source: the module's.
    """
    size = 5
    founder, metric, start = FAMILIES[family]
    regime, law = REGIMES[name]
    trajectory = collapse_recurse(
        founder,
        regime=regime,
        generations=12,
        size=size,
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=(metric,),
    )
    expected = start * law(size, trajectory.steps)
    collapse_record(trajectory, scenario=f"{name}, {family}, M={size}", theory={metric: expected})
    assert_mean(trajectory.values[metric], expected, metric)


@pytest.mark.parametrize("family", FAMILIES)
def test_accumulating_data_bounds_the_loss(
    family, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """A pool of all generations keeps sin(x)/x of the spread for ever, x = pi/sqrt(M).

    To first order 1 - pi^2/(6M). Replacement keeps nothing. Source: M. Gerstgrasser et al.,
    arXiv 2404.01413; A. Dey and D. Donoho, arXiv 2410.22812; supplement figure 5 of the article.
    """
    size, generations = 10, 100
    founder, metric, start = FAMILIES[family]
    trajectory = collapse_recurse(
        founder,
        regime=Accumulate(),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile] // 4,
        seed=collapse_seed,
        metrics=(metric,),
    )
    steps = trajectory.steps
    expected = start * regimes.accumulate_ratio(size, steps)
    limit = start * regimes.accumulate_limit(size)
    collapse_record(
        trajectory, scenario=f"accumulate to its limit, {family}", theory={metric: expected}
    )
    assert_mean(trajectory.values[metric], expected, metric)
    # the rest of the product: sum of 1/(M t^2) beyond n is below 1/(M n)
    assert limit <= expected[-1] <= limit * (1 + 1 / (size * generations))
    assert limit > 1_000 * start * categorical.diversity_ratio(size, generations)


def test_training_on_a_subsample_of_the_pool_bounds_the_loss_too(
    collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """M rows of the growing pool keep 1 - (pi^2/2 - 2)/M of the spread, to first order.

    Somewhat less than the whole pool, at a cost that doesn't grow. Source: J. Kazdan et al., arXiv
    2410.16713 ("slow and gradual"); supplement figure 4 of the article; the limit is derived.
    """
    size, generations = 10, 100
    trajectory = collapse_recurse(
        Categorical(LAW),
        regime=AccumulateSubsample(),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile] // 4,
        seed=collapse_seed,
        metrics=("gini_simpson",),
    )
    expected = GINI * regimes.subsample_ratio(size, trajectory.steps)
    limit = GINI * regimes.subsample_limit(size)
    collapse_record(
        trajectory, scenario="subsample to its limit", theory={"gini_simpson": expected}
    )
    assert_mean(trajectory.values["gini_simpson"], expected, "Gini-Simpson diversity")
    assert abs(expected[-1] / limit - 1) < 1 / generations
    assert abs(limit / GINI - (1 - (np.pi**2 / 2 - 2) / size)) < 4 / size**2
    assert limit < GINI * regimes.accumulate_limit(size)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_real_rows_for_ever_keep_less_than_new_ones(
    family, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """A fifth of the training set is one set of four real rows: the spread falls to a plateau.

    It lies above 0, unlike replacement, and below that of fresh rows: the set's own error never
    averages out. Source: S. Alemohammad et al., arXiv 2307.01850 ("fixed real data only delays"
    a loss of quality); the closed form is derived.
    """
    size, share, generations = 20, 0.2, 40  # 0.8^40 is 1e-4
    founder, metric, start = FAMILIES[family]
    trajectory = collapse_recurse(
        founder,
        regime=FixedReal(share),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile] // 2,
        seed=collapse_seed,
        metrics=(metric,),
    )
    steps = trajectory.steps
    expected = start * regimes.fixed_real_ratio(size, steps, share)
    collapse_record(trajectory, scenario=f"fixed rows, {family}", theory={metric: expected})
    assert_mean(trajectory.values[metric], expected, metric)
    plateau = start * regimes.fixed_real_ratio(size, 10 * generations, share)
    assert abs(expected[-1] - plateau) < 1e-3 * start
    assert start / 2 < plateau < 0.9 * start * regimes.fresh_real_limit(size, share, "exact")


@pytest.mark.parametrize(("size", "share"), [(10, 0.2), (20, 0.1), (100, 0.02)])
def test_the_number_of_fresh_real_rows_decides(
    size, share, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Two new real rows a generation keep about 2R/(1+2R) = 4/5 of the spread at any size.

    The exact limit is (1-1/M)(1-(1-g)^2) / (1-(1-1/M)(1-g)^2). Source: derived; that some share of
    real data is enough for stability: R. Bertrand et al., arXiv 2310.00429, and setting B of the
    article's language model.
    """
    generations = 2 * size  # (1 - g)^(2n) is below 1e-3: at the limit within a tenth of an error
    trajectory = collapse_recurse(
        Gaussian(ddof=0),
        regime=FreshReal(share, "iid"),
        generations=generations,
        size=size,
        replicates=REPLICATES[collapse_profile] // 2,
        seed=collapse_seed,
        metrics=("variance",),
    )
    steps = trajectory.steps
    expected = regimes.fresh_real_ratio(size, steps, share)
    limit = regimes.fresh_real_limit(size, share)
    collapse_record(trajectory, scenario=f"two fresh rows of {size}", theory={"variance": expected})
    assert_mean(trajectory.values["variance"], expected, "variance")
    assert abs(expected[-1] - limit) < 2e-3
    assert abs(limit - 4 / 5) < 0.06


GROWTH = {"constant": constant(4), "linear": linear(4), "superlinear": superlinear(4)}


@pytest.mark.parametrize("growth", GROWTH)
def test_only_superlinear_sizes_keep_diversity(
    growth, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Diversity falls by 1 - 1/M_t a step: to zero unless sum 1/M_t converges.

    M_t = ct falls as n^(-1/c), slowly; M_t = c t^(3/2) stays. Source: supplement 3.1.1; Y. Xu, H.
    He and G. Cheng, arXiv 2505.13947.
    """
    trajectory = collapse_recurse(
        Categorical(LAW),
        generations=64,
        size=GROWTH[growth],
        replicates=REPLICATES[collapse_profile] // 3,
        seed=collapse_seed,
        metrics=("gini_simpson",),
    )
    expected = GINI * regimes.growing_ratio([GROWTH[growth](t) for t in range(64)])
    collapse_record(
        trajectory, scenario=f"{growth} sizes, discrete", theory={"gini_simpson": expected}
    )
    seen = expected > GINI / 50  # beyond, a handful of lineages carry the mean
    measured = trajectory.values["gini_simpson"][:, seen]
    assert_mean(measured, expected[seen], "Gini-Simpson diversity")
    doubled = expected[64] / expected[32]  # what is left when n doubles
    assert {
        "constant": doubled < 1e-3,
        "linear": abs(doubled - 2 ** (-1 / 4)) < 0.01,
        "superlinear": doubled > 0.95,
    }[growth]


@pytest.mark.parametrize("growth", GROWTH)
def test_only_superlinear_sizes_bound_the_distance(
    growth, collapse_recurse, collapse_record, collapse_profile, collapse_seed
):
    """Unbiased Gaussian: E W2^2 = sum 1/M_t + 2(1 - prod c4(M_t)): finite iff sum 1/M_t is.

    Source: supplement 3.1.1 of the article, "superlinear" sampling; Xu, He and Cheng. Means are
    asserted while sum 1/M_t < 1, beyond which rare lineages carry them; medians to the end.
    """
    trajectory = collapse_recurse(
        Gaussian(ddof=1),
        generations=64,
        size=GROWTH[growth],
        replicates=REPLICATES[collapse_profile],
        seed=collapse_seed,
        metrics=("wasserstein",),
    )
    sizes = np.array([GROWTH[growth](t) for t in range(64)])
    expected = regimes.growing_w2_squared(sizes)
    collapse_record(
        trajectory, scenario=f"{growth} sizes, Gaussian", theory={"wasserstein": expected}
    )
    early = np.concatenate([[0], np.cumsum(1 / sizes)]) < 1
    assert_mean(trajectory.values["wasserstein"][:, early], expected[early], "squared W2")
    gained = expected[64] - expected[32]  # what doubling n adds
    assert {
        "constant": gained > 32 / 4 - 1e-9,
        "linear": gained > np.log(2) / 4,
        "superlinear": gained < 0.2 * expected[32],
    }[growth]
