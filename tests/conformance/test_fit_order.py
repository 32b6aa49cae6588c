"""Order and memory of rows: exact tests, and fits that care for either."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench import conformance
from collapse_bench.conformance import fit_order
from collapse_bench.conformance.catalog import CATALOG, share
from collapse_bench.conformance.fit_order import FITS, nearer, parting_pvalue
from collapse_bench.conformance.outcomes import NotApplicable
from collapse_bench.conformance.subject import ALPHA, Subject
from collapse_bench.controls.rules import Learner, Normal, _Kernel, last_batch, moments
from collapse_bench.errors import CollapseError, Inconclusive
from collapse_bench.streams import generator


@given(st.lists(st.integers(-5, 5), min_size=6, max_size=6))
@settings(max_examples=30)
def test_the_parting_pvalue_is_that_of_all_partings(values):
    array = np.array(values, dtype=float)
    gaps = [
        abs(sum(values[i] for i in half) - sum(values) / 2)
        for half in itertools.combinations(range(6), 3)
    ]
    seen = abs(sum(values[:3]) - sum(values) / 2)

    assert parting_pvalue(array) == np.mean([gap >= seen for gap in gaps])


def test_groups_that_lie_apart_are_as_significant_as_can_be():
    assert parting_pvalue(np.arange(2.0 * FITS)) == 2 / math.comb(2 * FITS, FITS)


def test_draws_equally_near_to_both_count_for_neither():
    draws, rows, others = (
        np.array(x)[:, None] for x in ([0.0, 1.0, 2.0, 5.0], [0.1, 5.0], [1.2, 5.0])
    )

    assert nearer(draws, rows, others) == (1, 3)


def test_a_bootstrap_of_few_rows_is_caught_though_held_out_rows_repeat_them():
    rows = generator(9).standard_normal((500, 1))
    keeps = Learner(_Kernel(rows, 0.0), lambda model, given, rng: _Kernel(given.copy(), 0.0))

    with pytest.raises(CollapseError, match=r"got (\d+) of \1 draws are nearer"):
        conformance.check_memorisation(keeps)


def test_counts_of_a_sound_model_are_not_memorized():
    @dataclass(frozen=True)
    class Counts:
        mean: float = 40.0

        def sample(self, size, *, rng):
            return rng.poisson(self.mean, (size, 1)).astype(float)

        def fit(self, samples, *, rng):
            return Counts(float(samples.mean()))

    with pytest.raises(NotApplicable, match="makes few different values"):
        conformance.check_memorisation(Counts())


def test_a_kernel_as_wide_as_the_gaps_is_no_memory():
    def kernel(width):
        return Learner(Normal(), lambda model, rows, rng: _Kernel(rows.copy(), width))

    assert conformance.check_memorisation(kernel(0.1))
    with pytest.raises(CollapseError, match="nearer to one of 500 training rows"):
        conformance.check_memorisation(kernel(1e-5))


def test_a_last_batch_of_half_of_the_rows_is_noticed():
    half = Learner(Normal(), lambda model, rows, rng: moments(rows[len(rows) // 2 :]))

    with pytest.raises(CollapseError, match="got location of the draws moved by 0"):
        conformance.check_row_order(half)


def test_each_statistic_of_the_order_gets_half_of_the_level():
    with pytest.raises(CollapseError) as found:
        conformance.check_row_order(Learner(Normal(), last_batch))
    assert f"at level {share(ALPHA) / 2:.2g}," in str(found.value)


def test_one_statistic_alone_must_reach_half_of_the_level(monkeypatch):
    # the smallest p-value, 1.1e-5, is below the level of 2e-5 and above its half
    level = 2e-5
    monkeypatch.setattr(fit_order, "comb", lambda *_: math.inf)
    subject = Subject(Learner(Normal(), last_batch)).during("check_row_order", level)

    with pytest.raises(Inconclusive, match=r"0\.5 must be"):
        CATALOG["check_row_order"].body(subject)


def test_a_level_that_no_exact_test_reaches_is_said():
    def last(model, rows, rng):
        return moments(rows[-50:])

    with pytest.raises(Inconclusive, match="too small for an exact test: raise alpha"):
        conformance.check_row_order(Learner(Normal(), last), alpha=1e-6)


def test_a_spread_that_follows_the_order_alone_is_noticed():
    def rule(model, rows, rng):  # steps between neighbors are small where rows are sorted
        return Normal(float(rows.mean()), float(np.abs(np.diff(rows[:, 0])).mean()))

    with pytest.raises(CollapseError, match="got log spread of the draws moved by -"):
        conformance.check_row_order(Learner(Normal(), rule))


def test_ties_say_nothing_of_memory():
    # 0 is as near to both, 3 nearer to a held-out row, 9 to a training row
    draws, rows, others = (np.array(x)[:, None] for x in ([0.0, 3.0, 9.0], [1.0, 8.0], [-1.0, 4.0]))

    assert nearer(draws, rows, others) == (1, 2)


@pytest.mark.parametrize(
    ("near", "ends", "words"),
    [
        # P(4 or more of 5) = .34 if .6 may be nearer, P(4 or fewer of 5) = .41 if .9 are
        ((4, 5), Inconclusive, r"4 of 5 draws .* 0\.9 isn't excluded"),
        ((4, 4), NotApplicable, r"4 of 4 draws .* and 996 equally near"),
    ],
)
def test_few_draws_that_tell_leave_memory_undecided(monkeypatch, near, ends, words):
    monkeypatch.setattr(fit_order, "nearer", lambda *_: near)
    monkeypatch.setattr(fit_order, "LEAST_APART", 5)

    with pytest.raises(ends, match=words):
        conformance.check_memorisation(Learner(Normal(), lambda model, rows, rng: moments(rows)))
