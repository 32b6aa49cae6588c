"""The law of a lineage under each regime, by enumeration: two states, so one count says it all.

Each regime runs twice, on samples and on sufficient statistics, and the fitted counts of all
lineages are compared with the enumerated law by a chi-square test at 1e-6: 14 of them, so a correct
build fails once in 70,000 seeds.
"""

import numpy as np
import pytest
from scipy import stats

from collapse_bench.models import Categorical
from collapse_bench.regimes import AccumulateSubsample, Curate, FixedReal, FreshReal
from collapse_bench.sources import Step
from collapse_bench.streams import generator

P, SIZE, STEPS, REPLICATES = 0.3, 4, 3, 20_000
FOUNDER = Categorical([1 - P, P])


def binomial(size, p):
    return stats.binom.pmf(np.arange(size + 1), size, p)


def chain(transition, steps=STEPS):
    """The law of the count after ``steps``; ``transition(p)`` is that of one step from p."""
    law = transition(P)
    for _ in range(steps - 1):
        law = sum(law[c] * transition(c / SIZE) for c in range(SIZE + 1))
    return law


def subsample(size):
    """The pool's count, then what is trained on: binomial, then hypergeometric."""
    pools = {0: 1.0}  # count -> chance
    fits = {(0, P): 1.0}  # (count of the pool, p of the model) -> chance
    for t in range(1, STEPS + 1):
        pools = {}
        for (count, p), chance in fits.items():
            for new, q in enumerate(binomial(SIZE, p)):
                pools[count + new] = pools.get(count + new, 0.0) + chance * q
        fits = {}
        for count, chance in pools.items():
            for seen in range(size + 1):
                q = stats.hypergeom.pmf(seen, t * SIZE, count, size)
                if q > 0:
                    key = count, seen / size
                    fits[key] = fits.get(key, 0.0) + chance * q
    law = np.zeros(size + 1)
    for (_, p), chance in fits.items():
        law[round(p * size)] += chance
    return law


def fixed(share, split):
    real = round(share * SIZE)
    law = np.zeros(SIZE + 1)
    for r, chance in enumerate(binomial(real, P)):
        if split == "iid":
            found = chain(lambda p, r=r: binomial(SIZE, share * r / real + (1 - share) * p))
        else:
            found = chain(lambda p, r=r: np.pad(binomial(SIZE - real, p), (r, real - r)))
        law += chance * found
    return law


def curated(candidates):
    def transition(p):
        law = binomial(candidates, p)
        return np.append(law[:SIZE], law[SIZE:].sum())

    return chain(transition)


def fresh(real):
    return chain(lambda p: np.convolve(binomial(real, P), binomial(SIZE - real, p)))


CASES = {
    "subsample": (AccumulateSubsample(), subsample(SIZE)),
    "subsample of 3": (AccumulateSubsample(3), subsample(3)),
    "fixed exact": (FixedReal(0.5), fixed(0.5, "exact")),
    "fixed iid": (FixedReal(0.5, "iid"), fixed(0.5, "iid")),
    "fixed whole": (FixedReal(1.0), binomial(SIZE, P)),
    "fresh exact": (FreshReal(0.5), fresh(2)),
    "curated": (Curate(lambda codes: codes, 0.5), curated(8)),
}


def lineage(regime, founder, path, replicates=REPLICATES, sizes=(SIZE,) * STEPS, seed=0):
    """The last generation of ``replicates`` lineages, by samples or by statistics."""
    process = regime.begin()
    models = [founder.replicate(replicates)]
    for t, size in enumerate(sizes):
        rng = generator(seed, path, t)
        if path == "statistics":
            step = Step(models, founder, t, size, rng)
            models.append(models[-1].fit_statistics(process.summarize(step)))
        else:
            training = process.compose(models, founder, t, size, rng)
            models.append(models[-1].fit(training, rng=rng))
    return models[-1].numpy()


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
@pytest.mark.parametrize("path", ["samples", "statistics"])
@pytest.mark.parametrize("name", CASES)
def test_the_count_has_the_enumerated_law(name, path, device):
    regime, law = CASES[name]
    if path == "statistics" and not regime.summarizes(FOUNDER):
        pytest.skip("this regime needs samples")
    founder = FOUNDER if device is None else FOUNDER.to(device)
    size = len(law) - 1
    counts = np.rint(size * lineage(regime, founder, path).probabilities[:, 1]).astype(int)

    assert law.sum() == pytest.approx(1, abs=1e-12)  # rounding
    seen = np.bincount(counts, minlength=size + 1)
    assert stats.chisquare(seen, REPLICATES * law / law.sum()).pvalue > 1e-6


def test_one_lineage_has_the_law_of_many_at_once():
    """Without a replicate axis, as for a stranger's model: 1,000 lineages, the same four laws."""
    for name in ("subsample", "fixed exact", "fixed iid", "curated"):
        regime, law = CASES[name]
        ends = []
        for seed in range(1_000):
            process, models = regime.begin(), [FOUNDER]
            for t in range(STEPS):
                rng = generator(seed, name, t)
                training = process.compose(models, FOUNDER, t, SIZE, rng)
                models.append(models[-1].fit(training, rng=rng))
            ends.append(round(SIZE * models[-1].probabilities[1]))
        seen = np.bincount(ends, minlength=SIZE + 1)
        assert stats.chisquare(seen, 1_000 * law / law.sum()).pvalue > 1e-6, name


def diversity(law):
    p = np.arange(len(law)) / (len(law) - 1)
    return (law * 2 * p * (1 - p)).sum()


def test_subsampling_keeps_what_the_recursion_of_the_pool_says():
    """D' = D [1 - (v + (1-v)/M)/(t+1)^2], v = (N-M)/(M(N-1)), N = tM; a fit keeps 1 - v of it."""
    pool = 1 - 1 / SIZE
    for t in range(1, STEPS):
        v = (t * SIZE - SIZE) / (SIZE * (t * SIZE - 1))
        pool *= 1 - (v + (1 - v) / SIZE) / (t + 1) ** 2
    v = (STEPS * SIZE - SIZE) / (SIZE * (STEPS * SIZE - 1))

    assert diversity(subsample(SIZE)) / (2 * P * (1 - P)) == pytest.approx(pool * (1 - v), abs=1e-9)


def test_an_exact_split_of_fresh_rows_follows_its_recursion():
    """V' = D0/M + V (1-g)(1-g-1/M), and D = D0 - V."""
    v, g, start = 0.0, 0.5, 2 * P * (1 - P)
    for _ in range(STEPS):
        v = start / SIZE + v * (1 - g) * (1 - g - 1 / SIZE)

    assert diversity(fresh(2)) == pytest.approx(start - v, abs=1e-9)


def test_a_fixed_set_is_wandered_about_at_the_stated_distance():
    """Given r, E |p - r|^2 tends to (1-g)^2 H(r)/m / (1 - (1-g)^2 (1 - 1/m)), m = (1-g) M."""
    g, m, real = 0.5, 2, 2
    for r in range(real + 1):
        rho = r / real
        law = chain(lambda p, r=r: np.pad(binomial(m, p), (r, real - r)), steps=60)
        distance = (law * 2 * (np.arange(SIZE + 1) / SIZE - rho) ** 2).sum()
        limit = (1 - g) ** 2 * 2 * rho * (1 - rho) / m / (1 - (1 - g) ** 2 * (1 - 1 / m))
        assert distance == pytest.approx(limit, abs=1e-9)
