from collections import Counter
from itertools import product
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.models import Categorical
from collapse_bench.regions import States, Tails
from collapse_bench.streams import generator

LAW = [0.5, 0.3, 0.15, 0.05]


def test_fit_by_hand():
    fitted = Categorical([0.5, 0.25, 0.25]).fit(np.array([0, 0, 2, 0]), rng=generator(0))

    assert fitted.probabilities.tolist() == [0.75, 0.0, 0.25]


@given(st.lists(st.sampled_from(["b", "a", "zz"]), min_size=1))
def test_fit_is_the_frequency_of_each_state(samples):
    fitted = Categorical([0.2, 0.3, 0.5], states=["b", "a", "zz"]).fit(
        np.array(samples), rng=generator(0)
    )
    counts = Counter(samples)

    assert fitted.probabilities.tolist() == [
        counts[state] / len(samples) for state in ("b", "a", "zz")
    ]


def test_counts_have_the_multinomial_law_by_enumeration():
    size, law = 3, [0.5, 0.3, 0.2]
    drawn = Categorical(law).replicate(100_000).refit(size, rng=generator(1))
    seen = Counter(map(tuple, np.rint(size * drawn.probabilities).astype(int).tolist()))
    exact = Counter()
    for sequence in product(range(3), repeat=size):
        exact[tuple(sequence.count(k) for k in range(3))] += prod(law[k] for k in sequence)
    expected = {counts: 100_000 * p for counts, p in exact.items()}

    assert set(seen) == set(expected)
    observed = [seen[counts] for counts in expected]
    # A chi-square test at 1e-6.
    assert stats.chisquare(observed, list(expected.values())).pvalue > 1e-6


@pytest.mark.parametrize("device", [None, "cpu"])
def test_refit_has_the_law_of_fit_of_sample(device):
    founder = Categorical(LAW)
    rows = founder.replicate(20_000)
    sampled = rows.fit(rows.sample(20, rng=generator(2)), rng=generator(3)).probabilities
    exact = (founder if device is None else founder.to(device)).replicate(20_000)
    fitted = exact.refit(20, rng=generator(4)).numpy().probabilities

    for a, b in [(sampled, fitted), (sampled**2, fitted**2), (sampled == 0, fitted == 0)]:
        error = np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
        # 12 comparisons at 4.5 standard errors: one false alarm in 12,000 seeds.
        assert (np.abs(a.mean(0) - b.mean(0)) <= 4.5 * error + 1e-12).all()


def test_torch_state_stays_in_torch():
    model = Categorical(LAW).to("cpu").replicate(5)

    assert isinstance(model.refit(10, rng=generator(0)).probabilities, torch.Tensor)
    assert model.fit(model.sample(7, rng=generator(0)), rng=generator(0)).replicates == 5


@given(st.integers(1, 200), st.integers(0, 2**32))
def test_support_never_grows(size, seed):
    model, rng = Categorical(LAW), generator(seed)
    for _ in range(5):
        child = model.refit(size, rng=rng)
        assert not ((child.probabilities > 0) & (model.probabilities == 0)).any()
        assert child.probabilities.sum() == pytest.approx(1, abs=1e-12)  # rounding of four terms
        model = child


def test_one_live_category_is_a_state():
    model = Categorical([0.0, 1.0, 0.0])

    assert model.refit(10, rng=generator(0)).probabilities.tolist() == [0.0, 1.0, 0.0]
    assert set(model.sample(10, rng=generator(0))) == {1}


def test_mass_and_log_prob_by_hand():
    model = Categorical(LAW, states=["a", "b", "c", "d"])

    assert model.mass(States(("c", "d"))) == pytest.approx(0.2, rel=1e-15)  # one rounding
    assert model.log_prob(["a", "?"]).tolist() == [np.log(0.5), -np.inf]
    with pytest.raises(NotImplementedError, match="no closed form"):
        model.mass(Tails())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([0.5, 0.4],), r"probabilities must be .* that sum to 1; got sum=.*0\.9"),
        (([1.5, -0.5],), "non-negative"),
        (([np.nan, 1.0],), "probabilities must be"),
        (([0.5, 0.5], ["a", "a"]), "states must be 2 distinct codes; got 2 codes, 1 distinct"),
    ],
)
def test_bad_laws_are_refused(arguments, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        Categorical(*arguments)


def test_unknown_codes_are_refused():
    with pytest.raises(InvalidSamples, match="1 of 2 are not, such as"):
        Categorical([0.5, 0.5]).fit(np.array([0, 7]), rng=generator(0))
