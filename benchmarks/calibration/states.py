"""Laws of codes and of texts, and generators that have lost an exact share of them.

The richness of a law at depth k is the expected number of different states in k units of it: of
draws, the sum of 1 - (1 - p_i)^k. Generators are tuned by root finding until theirs has lost
exactly so much.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from benchmarks.calibration.cells import SEED
from benchmarks.calibration.judged import Draw
from collapse_bench.data import load_reference
from collapse_bench.streams import generator

Law = NDArray[np.float64]  # probabilities, those of the commonest states first, shape (V,)

TOPICS, WORDS, VOCABULARY = 20, 50, 2_000
REPLACED = 300  # draws of the one replace generation


@cache
def law_of(name: str) -> Law:
    """Return the probabilities of a law, descending."""
    if name == "zipf 1.2":
        weights = np.arange(1.0, 2_001) ** -1.2
    elif name == "zipf 2":
        weights = np.arange(1.0, 50_001) ** -2.0
    elif name.startswith("geometric"):
        weights = (1 - float(name.split()[1])) ** np.arange(2_000.0)  # cut off: a mass of 2e-9
    else:
        found: Any = load_reference("pydoc")
        texts = (str(text).lower() for text in found.values)
        words = [word for text in texts for word in re.findall(r"[a-z']+", text)]
        weights = np.sort(np.unique(words, return_counts=True)[1])[::-1].astype(np.float64)
    return np.asarray(weights / weights.sum())


LAWS = ("zipf 1.2", "zipf 2", "geometric .01", "words")


def richness(law: Law, depth: int) -> float:
    """Return the expected number of states in ``depth`` draws."""
    return float(-np.expm1(depth * np.log1p(-np.minimum(law, 1 - 1e-16))).sum())


def truncated(law: Law, cut: float) -> Law:
    """Return a law without the states from rank ``cut`` on; of a broken rank a part is left."""
    kept = law * np.clip(cut - np.arange(len(law)), 0, 1)
    return np.asarray(kept / kept.sum())


def sharpened(law: Law, power: float) -> Law:
    """Return the law whose probabilities are proportional to p ** ``power``."""
    kept = law**power
    return np.asarray(kept / kept.sum())


@cache
def _refitted(name: str) -> Law:
    drawn = generator(SEED, "calibration", "replace", name).multinomial(REPLACED, law_of(name))
    return np.asarray(drawn / REPLACED)


def replaced(name: str, share: float) -> Law:
    """Return a law mixed with ``share`` of one refitted to a few of its draws."""
    return (1 - share) * law_of(name) + share * _refitted(name)


def thinned(law: Law, share: float) -> Law:
    """Return a law of which every state but the commonest has lost ``share`` of its mass.

    Whatever states without the commonest are called rare, they have lost that much.
    """
    kept = (1 - share) * law
    kept[0] += 1 - kept.sum()
    return kept


def without_rarest(law: Law, mass: float, share: float) -> Law:
    """Return a law whose rarest states, of mass ``mass`` together, have lost ``share`` of it."""
    rare = law[::-1].cumsum()[::-1] <= mass
    kept = np.where(rare, (1 - share) * law, law)
    kept[~rare] *= (1 - kept[rare].sum()) / kept[~rare].sum()
    return kept


@cache
def lossy(name: str, change: str, loss: float, depth: int) -> Law:
    """Return the law after a change that takes exactly ``loss`` of its richness at ``depth``."""
    law = law_of(name)
    changes: dict[str, tuple[Callable[[float], Law], float, float]] = {
        "truncation": (lambda cut: truncated(law, cut), 1.0, float(len(law))),
        "sharpening": (lambda power: sharpened(law, power), 4.0, 1.0),
        "replace": (lambda share: replaced(name, share), 1.0, 0.0),
    }
    change_by, most, least = changes[change]
    aim = (1 - loss) * richness(law, depth)
    found = brentq(lambda x: richness(change_by(x), depth) - aim, most, least, xtol=1e-13)
    return change_by(float(found))


def draws(law: Law) -> Draw:
    """Return draws of a law of codes."""
    ends = np.cumsum(law)
    ends /= ends[-1]
    return lambda size, rng: np.searchsorted(ends, rng.random(size), side="right")


# ---- texts: sequences of one topic each


@dataclass(frozen=True)
class Texts:
    """Sequences of ``WORDS`` words, each of one topic, all topics equally often.

    Attributes
    ----------
    topics : shape (TOPICS, VOCABULARY)
        Probabilities of the words of each.
    """

    topics: NDArray[np.float64]

    def richness(self, depth: int) -> float:
        """Return the expected number of words in ``depth`` sequences."""
        without = np.exp(WORDS * np.log1p(-np.minimum(self.topics, 1 - 1e-16))).mean(axis=0)
        return float((1 - without**depth).sum())

    def draw(self, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Return ``size`` sequences, shape (size, WORDS)."""
        ends = self.topics.cumsum(axis=1)
        ends /= ends[:, -1:]
        topics = rng.integers(len(ends), size=size)
        at = rng.random((size, WORDS))
        found = np.empty((size, WORDS), dtype=np.intp)
        for topic in np.unique(topics):
            rows = topics == topic
            found[rows] = np.searchsorted(ends[topic], at[rows], side="right")
        return found


@cache
def texts() -> Texts:
    """Return topics whose words are those of Zipf's law, each with weights of its own."""
    weights = generator(SEED, "calibration", "topics").gamma(0.3, size=(TOPICS, VOCABULARY))
    weights[:, 0] = 1.0  # the commonest word is common in all of them
    topics = weights * law_of("zipf 1.2")
    return Texts(topics / topics.sum(axis=1, keepdims=True))


@cache
def shorter_texts(loss: float, depth: int) -> Texts:
    """Return texts without the last words, which lack exactly ``loss`` of the richness."""
    whole = texts()

    def cut(rank: float) -> Texts:
        return Texts(np.stack([truncated(topic, rank) for topic in whole.topics]))

    aim = (1 - loss) * whole.richness(depth)
    rank = brentq(lambda x: cut(x).richness(depth) - aim, 2.0, float(VOCABULARY), xtol=1e-9)
    return cut(float(rank))


def thinner_texts(share: float) -> Texts:
    """Return texts of which every word but the commonest has lost ``share`` of its rate."""
    return Texts(np.stack([thinned(topic, share) for topic in texts().topics]))
