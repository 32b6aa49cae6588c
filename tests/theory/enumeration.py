"""Discrete loops without sampling: whole chains of count vectors, and every path of small loops."""

from itertools import product

import numpy as np
from hypothesis import strategies as st
from scipy.stats import multinomial

EXACT = 1e-9  # what rounding may add up to; nothing here is random


def chain(size, law, steps):
    """Return the count vectors and their probabilities after each step 1..n, by enumeration."""
    states = [c for c in product(range(size + 1), repeat=len(law)) if sum(c) == size]
    vectors = np.array(states)
    one_step = np.array([multinomial.pmf(vectors, size, c / size) for c in vectors])
    now = multinomial.pmf(vectors, size, law)
    laws = [now]
    for _ in range(steps - 1):
        now = now @ one_step
        laws.append(now)
    return vectors, laws


@st.composite
def worlds(draw):
    """Return a law on 2-3 states and a size of 2-6."""
    weights = draw(st.lists(st.integers(1, 9), min_size=2, max_size=3))
    return np.array(weights) / sum(weights), draw(st.integers(2, 6))


def empirical(size, law):
    """Yield (probability, empirical law) of every count vector of ``size`` draws."""
    if size == 0:
        yield 1.0, np.zeros(len(law))
        return
    for counts in product(range(size + 1), repeat=len(law)):
        if sum(counts) == size:
            yield multinomial.pmf(counts, size, law / law.sum()), np.array(counts) / size


def gini(law):
    return 1 - (law**2).sum()


def walk(steps, truth, fits, memory=None):
    """Return E Gini(fit_n)/Gini(truth), E |p_n - truth|^2/Gini(truth) over every path.

    ``fits(n, memory)`` yields (probability, fit, law to sample next, new memory).
    """

    def below(n, memory):
        total = np.zeros(2)
        for chance, fit, law, new in fits(n, memory):
            if chance:
                here = [gini(fit), ((law - truth) ** 2).sum()]
                total += chance * (np.array(here) if n == steps else below(n + 1, new))
        return total

    return below(1, memory) / gini(truth)


@st.composite
def small_worlds(draw):
    """Return a law on 2-3 states with a size small enough to follow every path."""
    weights = np.array(draw(st.lists(st.integers(1, 9), min_size=2, max_size=3)), float)
    return weights / weights.sum(), draw(st.integers(2, 4 if len(weights) == 2 else 3))
