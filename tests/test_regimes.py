from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.regimes import (
    Accumulate,
    FixedReal,
    FreshReal,
    Mixture,
    Replace,
    constant,
)
from collapse_bench.sources import Step
from collapse_bench.streams import generator

# Each model of a lineage draws its own index, so that a training set tells where it came from.
LINEAGE = [Gaussian(float(t), 0.0) for t in range(4)]
REAL = Gaussian(-1.0, 0.0)

# |z| <= 4.5 raises a false alarm once in 150,000 comparisons of a correct build.
Z = 4.5


def origins(training):
    return Counter(training.ravel().tolist())


def test_replace_takes_the_newest_model_alone():
    assert origins(Replace().compose(LINEAGE, None, 3, 50, generator(0))) == {3.0: 50}


def test_mixture_weights_by_hand():
    # p_2 = a m_2 + b (a m_1 + b (a m_0 + b p_real + g p_real) + g p_real) + g p_real
    a, b, g = 0.5, 0.3, 0.2
    expected = [g + b * g + b * b * (g + b), b * b * a, b * a, a]

    np.testing.assert_allclose(Mixture(a, b, g).weights(2), expected, rtol=1e-15)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 30))
def test_mixture_weights_are_a_law(a, share, t):
    b = (1 - a) * share
    weights = Mixture(a, b, 1 - a - b).weights(t)

    assert (weights >= -1e-15).all()
    assert weights.sum() == pytest.approx(1, abs=1e-12)  # rounding of t + 2 terms


def test_mixture_counts_are_multinomial():
    regime, size, draws = Mixture(0.6, 0.3, 0.1), 20, 4_000
    rng = generator(1)
    counts = np.array(
        [
            [origins(training)[float(origin)] for origin in (-1, 0, 1)]
            for training in (regime.compose(LINEAGE[:2], REAL, 1, size, rng) for _ in range(draws))
        ]
    )
    weights = regime.weights(1)
    error = np.sqrt(size * weights * (1 - weights) / draws)

    assert (counts.sum(1) == size).all()
    assert (np.abs(counts.mean(0) - size * weights) <= Z * error).all()
    # The variance of a count of an exact split would be 0; its relative error is sqrt(2 / draws).
    ratio = counts.var(0) / (size * weights * (1 - weights))
    assert (np.abs(ratio - 1) <= Z * np.sqrt(2.2 / draws)).all()


def test_alpha_one_is_replace():
    mixed = Mixture(1.0, 0.0, 0.0).compose(LINEAGE, REAL, 3, 50, generator(0))

    assert origins(mixed) == {3.0: 50}
    assert not Mixture(1.0, 0.0, 0.0).history
    assert Mixture(0.5, 0.5, 0.0).history


def test_mixture_takes_schedules_of_the_generation():
    regime = Mixture(lambda t: 1.0 if t < 2 else 0.0, 0.0, lambda t: 0.0 if t < 2 else 1.0)

    assert origins(regime.compose(LINEAGE[:2], REAL, 1, 9, generator(0))) == {1.0: 9}
    assert origins(regime.compose(LINEAGE[:3], REAL, 2, 9, generator(0))) == {-1.0: 9}


def test_exact_split_is_exact_and_iid_split_is_binomial():
    exact = FreshReal(0.1).compose(LINEAGE, REAL, 3, 50, generator(0))
    iid = [
        origins(FreshReal(0.1, "iid").compose(LINEAGE, REAL, 3, 50, generator(s)))[-1.0]
        for s in range(2_000)
    ]

    assert origins(exact) == {-1.0: 5, 3.0: 45}
    assert abs(np.mean(iid) - 5) <= Z * np.sqrt(4.5 / len(iid))
    assert abs(np.var(iid) / 4.5 - 1) <= Z * np.sqrt(2.2 / len(iid))


def test_fresh_rows_are_used_once_and_run_out():
    rows = np.arange(-30.0, 0.0)[:, None]
    regime = FreshReal(0.5).begin()
    seen = Counter()
    for t in range(3):
        seen += origins(regime.compose(LINEAGE, rows, t, 20, generator(t)))
    assert max(seen[row] for row in rows.ravel().tolist()) == 1
    with pytest.raises(
        InvalidArgument,
        match="reference must hold 10 unused rows for generation 4; got 0 unused of 30",
    ):
        regime.compose(LINEAGE, rows, 3, 20, generator(3))
    # A new lineage starts anew.
    regime.begin().compose(LINEAGE, rows, 0, 20, generator(4))


def test_accumulate_pools_every_draw_and_the_reference_rows():
    regime = Accumulate().begin()
    for t in range(3):
        pool = regime.compose(LINEAGE[: t + 1], np.array([[-7.0], [-7.0]]), t, 5, generator(t))
    assert origins(pool) == {-7.0: 2, 0.0: 5, 1.0: 5, 2.0: 5}
    assert origins(regime.begin().compose(LINEAGE[:1], REAL, 0, 5, generator(0))) == {0.0: 5}


def test_the_pool_is_out_of_a_models_reach():
    regime = Accumulate().begin()
    first = regime.compose(LINEAGE[:1], None, 0, 5, generator(0))
    first += 100.0

    assert origins(regime.compose(LINEAGE[:2], None, 1, 5, generator(1))) == {0.0: 5, 1.0: 5}


@pytest.mark.parametrize("founder", [Gaussian(ddof=0), Categorical([0.5, 0.3, 0.2])])
@pytest.mark.parametrize(
    "regime",
    [
        Replace(),
        Mixture(0.5, 0.3, 0.2),
        Mixture(0.5, 0.0, 0.5),
        FreshReal(0.3),
        FreshReal(0.3, "iid"),
        FixedReal(0.3),
        Accumulate(),
    ],
    ids=repr,
)
def test_statistics_have_the_law_of_those_of_the_samples(regime, founder):
    """Three generations by samples and by sufficient statistics: the fitted laws agree.

    56 comparisons at 4.5 standard errors: a correct build fails once in 2,600 seeds.
    """
    size, replicates = 8, 20_000
    ends = []
    for exact in (False, True):
        process, models = regime.begin(), [founder.replicate(replicates)]
        for t in range(3):
            rng = generator(2, "exact" if exact else "samples", t)
            if exact:
                found = process.summarize(Step(models, founder, t, size, rng))
                models.append(models[-1].fit_statistics(found))
            else:
                training = process.compose(models, founder, t, size, rng)
                models.append(models[-1].fit(training, rng=rng))
        last = models[-1]
        values = last.probabilities if founder.kind == "codes" else last.moments()[1][:, :, 0]
        ends.append(values)
    for a, b in (ends, [values**2 for values in ends]):
        error = np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
        assert (np.abs(a.mean(0) - b.mean(0)) <= Z * error).all()


HALF: Any = "half"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Mixture(0.5, 0.3, 0.3), r"alpha \+ beta \+ gamma must be 1; got alpha=0.5"),
        (lambda: Mixture(1.2, -0.2, 0.0), r"alpha must be a number in \[0, 1\]; got alpha=1.2"),
        (lambda: FreshReal(1.2), r"share must be a number in \[0, 1\]; got share=1.2"),
        (lambda: FreshReal(0.5, HALF), "split must be one of 'exact', 'iid'; got split='half'"),
        (lambda: FreshReal(float("nan")), "share must be a number"),
        (lambda: constant(0), "size must be an integer >= 1; got size=0"),
    ],
)
def test_bad_settings_are_refused(make, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        make()


def test_a_schedule_that_breaks_its_law_is_refused_when_it_does():
    regime = Mixture(lambda t: 1.0 - 0.5 * t, 0.0, 0.0)
    with pytest.raises(InvalidArgument, match=r"must be 1; .* at t=1"):
        regime.compose(LINEAGE, REAL, 1, 5, generator(0))
