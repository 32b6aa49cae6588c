"""A gate of features: what takes the place of numbers, and stands beside codes and texts."""

import numpy as np
import pytest

from collapse_bench.data import SampleSet, Table
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import TableGate

COARSE = {
    "tail_mass": {"tolerate": 0.1, "detect": 0.9},
    "variance": {"tolerate": 0.1, "detect": 0.6},
    "wasserstein": {"tolerate": 0.03, "detect": 0.4},
    "support": {"tolerate": 0.1, "detect": 0.6},
}
QUICK = {"alpha": 0.1, "beta": 0.1, "effects": COARSE, "permutations": 299}
TABLE = {"x": [1.0, 2.0, None], "s": ["a", "b", "a"]}


def failed(result):
    return {name for name, verdict in result.verdicts.items() if verdict.outcome == "fail"}


class Lengths:
    """Features of texts: how many words, and how many letters."""

    name, fits = "mine:lengths", False

    def apply(self, samples):
        return np.array([[len(text.split()), len(text)] for text in samples.values], dtype=float)


class Centered:
    """Features of numbers that learn where the middle is."""

    name, fits = "mine:Centered", True

    def fit(self, samples):
        other = Centered()
        other.center, other.fits, other.learned = samples.values.mean(axis=0), False, len(samples)
        return other

    def apply(self, samples):
        return np.abs(samples.values - self.center)


def test_features_of_texts_stand_beside_their_tokens():
    rng = np.random.default_rng(1)
    words = np.array([f"w{place}" for place in range(40)])
    real, sound = (
        SampleSet.of(
            [" ".join(rng.choice(words, rng.integers(5, 15))) for _ in range(900)], kind="tokens"
        )
        for _ in range(2)
    )
    gate = TableGate(real, features=Lengths(), **QUICK)

    assert gate.names == (
        *("tokens-tail_mass", "tokens-support", "features-variance", "features-wasserstein"),
    )
    assert gate.judge(sound).outcome == "pass"
    short = SampleSet.of([" ".join(text.split()[:6]) for text in sound.values], kind="tokens")
    assert failed(gate.judge(short)) >= {"features-variance", "features-wasserstein"}
    assert gate.judge(list(sound.values)).verdicts == gate.judge(sound).verdicts


def test_features_that_learn_are_judged_on_the_other_half():
    rng = np.random.default_rng(2)
    real = SampleSet.of(rng.normal(size=(1_001, 2)))
    gate = TableGate(real, features=Centered(), **QUICK)
    result = gate.judge(rng.normal(size=(800, 2)))

    assert gate.names == ("features-tail_mass", "features-variance", "features-wasserstein")
    assert gate.notes == (
        "features mine:Centered fitted to 500 random rows of the reference, judged against the "
        "other 501",
    )
    assert {verdict.reference_size for verdict in result.verdicts.values()} == {501}
    assert (
        gate.against(real.take(np.arange(601)))
        .judge_one("features-variance", rng.normal(size=(800, 2)))
        .reference_size
        == 301
    )


def test_features_of_tables_or_groups_are_refused():
    with pytest.raises(InvalidArgument, match="features must be None for a table; got"):
        TableGate(Table.of(TABLE), features=Lengths())
    with pytest.raises(InvalidArgument, match="features must be None for groups; got by='s'"):
        TableGate(TABLE, features=Lengths(), by="s")
