"""The benchmark of error rates: an honest stop, results that are kept, and tables of them."""

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from scipy import stats

from benchmarks.calibration import (
    __main__,
    cells,
    codes,
    sequential,
    states,
    table,
    tails,
)
from benchmarks.calibration.cells import Cell
from benchmarks.calibration.groups import every
from benchmarks.calibration.judged import all_pass, any_fail, check, outcomes
from benchmarks.calibration.line import changed, drawer
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import Gate
from collapse_bench.gates.levels import Levels
from collapse_bench.gates.rows import read_reference
from collapse_bench.gates.sequential import GRID, course_of, follow
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.statistics.tail_test import TailTest
from collapse_bench.streams import generator

ROOT = Path(__file__).parents[1]
relaxed = settings(deadline=None, max_examples=30)


def coin(rate, gates=1_000, name="coin", event="fail"):
    """A cell whose gates fail at a rate, and what was asked of it."""
    asked = []

    def trial(rng):
        asked.append(1)
        return "fail" if rng.random() < rate else "pass"

    return Cell("test", name, "law", "change", event, "10", lambda: trial, gates=gates), asked


# --- when counting stops


def test_the_limits_are_those_of_clopper_and_pearson():
    # None of 459 leaves 0.99 ** 459 = 0.00992 for a rate of 1 %; of 458 more than 0.01.
    assert cells.says(0, 459) == "below"
    assert cells.says(0, 458) == "agrees"
    assert cells.band(1, 1) == (pytest.approx(0.001), 1.0)
    assert cells.says(7, 100) == "above"  # P(7 or more of 100) = 0.00010
    assert cells.says(5, 100) == "agrees"  # P(5 or more) = 0.0034


@pytest.mark.parametrize("rate", [0.003, 0.01, 0.03])
def test_the_chances_of_a_stop_are_those_of_the_walk_gate_by_gate(rate):
    alive, ended = {0: 1.0}, Counter()
    for gates in range(1, 601):
        moved = Counter()
        for count, mass in alive.items():
            moved[count] += (1 - rate) * mass
            moved[count + 1] += rate * mass
        alive = {}
        for count, mass in moved.items():
            if gates == 600 or (gates % 100 == 0 and cells.says(count, gates) != "agrees"):
                ended[cells.says(count, gates)] += mass
            else:
                alive[count] = mass

    found = cells.chance_of_stop(rate, 600)

    assert sum(found.values()) == pytest.approx(1, rel=1e-12)
    assert all(found[word] == pytest.approx(ended[word], abs=1e-12) for word in found)


@pytest.mark.parametrize(("most", "wrong"), [(1_000, 0.004), (4_000, 0.007)])
def test_a_rate_of_exactly_one_percent_is_seldom_called_more(most, wrong):
    assert cells.chance_of_stop(0.01, most)["above"] < wrong
    assert cells.chance_of_stop(0.03, most)["above"] > 0.95
    assert cells.chance_of_stop(0.015, most)["below"] < 0.001


@pytest.mark.parametrize(("rate", "says", "gates"), [(0.0, "below", 500), (0.5, "above", 100)])
def test_a_cell_stops_once_it_is_clear(rate, says, gates):
    cell, asked = coin(rate)
    kept = cells.measured(cell)

    assert (kept["says"], kept["gates"], len(asked), kept["stopped"]) == (says, gates, gates, True)


def test_a_cell_that_stays_unclear_goes_to_its_end_and_a_power_never_stops():
    cell, _ = coin(0.01)
    power, _ = coin(0.0, gates=600, event="")

    assert cells.measured(cell)["gates"] == 1_000
    assert cells.measured(power)["outcomes"] == {"pass": 600}
    assert "says" not in cells.measured(power)


# --- resuming


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch, capsys):
    path = tmp_path / "cells.jsonl"
    first, asked = coin(0.0, name="first")
    second, more = coin(0.0, name="second")
    monkeypatch.setattr(__main__, "every", lambda: (first,))
    __main__.main(["--output", str(path)])
    monkeypatch.setattr(__main__, "every", lambda: (first, second))
    __main__.main(["--output", str(path), "--list"])

    assert capsys.readouterr().out.splitlines()[-1] == second.name
    __main__.main(["--output", str(path)])
    assert (len(asked), len(more)) == (500, 500)
    head, done = cells.read(path)
    assert list(done) == [first.name, second.name]
    assert head["seed"] == cells.SEED


def test_a_line_cut_short_is_done_again_and_another_seed_is_refused(tmp_path):
    path = tmp_path / "cells.jsonl"
    cells.begin(path, "abc")
    cells.keep(path, {"cell": "whole"})
    with path.open("a", encoding="ascii") as file:
        file.write('{"cell": "half')
    assert list(cells.begin(path, "abc")) == ["whole"]
    cells.keep(path, {"cell": "next"})

    assert list(cells.read(path)[1]) == ["whole", "next"]
    with pytest.raises(InvalidArgument, match=r"same commit to be continued; got 'abc', now 'def'"):
        cells.begin(path, "def")


def test_no_cell_begins_after_the_minutes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(__main__, "every", lambda: (coin(0.0)[0],))
    __main__.main(["--output", str(tmp_path / "cells.jsonl"), "--minutes", "0"])

    assert "0 cells, 1 left" in capsys.readouterr().out


def test_every_cell_has_a_name_and_a_table():
    listed = cells.listed(every(), None)
    told = "\n".join(table.tables(ROOT / "nowhere.jsonl").values())

    assert len(listed) == len({cell.name for cell in listed})
    assert told.count("not run") >= len(listed)
    with pytest.raises(InvalidArgument, match="group must be among"):
        cells.listed(every(), ["nothing"])


# --- what a gate says


@pytest.mark.parametrize("seed", range(3))
def test_outcomes_are_those_of_the_gate(seed):
    rng = generator(7, seed)
    reference, samples = rng.normal(size=600), 0.8 * rng.normal(size=600)
    listed = [check(name) for name in ("tail_mass", "variance", "wasserstein")]
    found = outcomes(listed, samples, reference, generator(8))
    one = Gate(reference, listed, seed=int(generator(8).integers(2**32)))

    assert found == [verdict.outcome for verdict in one.judge(samples).verdicts]


def test_codes_are_judged_as_the_gate_judges_them():
    draw, known = states.draws(states.law_of("zipf 2")), [codes.RARE, codes.SUPPORT]
    reference, samples = draw(900, generator(9)), draw(900, generator(10)) // 2
    one = Gate(reference, known, seed=int(generator(8).integers(2**32)))

    found = outcomes(known, samples, reference, generator(8))
    assert found == [verdict.outcome for verdict in one.judge(samples).verdicts]
    assert "fail" in found


def test_a_fail_is_counted_at_what_is_tolerated_and_a_pass_at_what_must_be_noticed():
    assert [codes.loss_at(codes.SUPPORT, event) for event in ("fail", "pass")] == [0.05, 0.2]
    assert [codes.loss_at(codes.RARE, event) for event in ("fail", "pass")] == [0.05, 0.25]
    assert sequential.LOSSES["tolerate"] == TailMass().tolerate == tails.TOLERATE
    assert sequential.LOSSES["detect"] == TailMass().detect == tails.DETECT


def test_any_check_fails_a_gate_and_all_must_pass():
    listed = [check("tail_mass", detect=0.9), check("variance", detect=0.9)]
    normal = drawer("normal")
    shrunk = changed("normal", "contraction", 0.5)
    assert any_fail(listed, normal, shrunk, 400)(generator(11)) == "fail"
    assert any_fail(listed, normal, normal, 400)(generator(11)) == "pass"
    assert all_pass(listed, normal, normal, 400)(generator(11)) == "pass"

    lax = [check("tail_mass", tolerate=0.99, detect=0.999), listed[1]]
    assert any_fail(lax, normal, shrunk, 400)(generator(11)) == "fail"
    hard = [listed[1], check("tail_mass", tolerate=0.0, detect=0.02)]
    assert all_pass(hard, normal, normal, 400)(generator(11)) == "alone"
    assert any_fail(hard, normal, normal, 400)(generator(11)) == "inconclusive"
    assert all_pass(hard[::-1], normal, normal, 400)(generator(11)) == "inconclusive"


# --- exact rates and paths


@pytest.mark.parametrize("guarantee", ["average", "reference"])
@pytest.mark.parametrize(("n", "m"), [(500, 400), (2_000, 10_000)])
def test_the_exact_rates_are_those_of_the_package_and_of_scipy(n, m, guarantee):
    test = TailTest(n, m // 20, m, guarantee)
    for event, kept in (("fail", 0.95), ("pass", 0.75)):
        rate = tails.own_rate(test, event, kept)
        chance = test.chance_low if event == "fail" else test.chance_high
        ratio = 1 - (tails.TOLERATE if event == "fail" else tails.DETECT)
        found = tails.average(test, rate)
        assert found == pytest.approx(chance(ratio=ratio, level=0.01, kept=kept), rel=1e-7)
        assert found <= 0.01
        whole = tails.average(test, tails.own_rate(test, event, 1.0))
        law = stats.betabinom(n, test.k, m - test.k + 1)
        count = tails.critical(test, event)
        at = law.cdf(count) if event == "fail" else law.sf(count - 1)
        assert whole == pytest.approx(at, rel=1e-7)


def test_the_share_of_unlucky_references_is_that_of_many_draws():
    test = TailTest(1_000, 50, 1_000)
    rate = tails.own_rate(test, "fail", 0.95)
    drawn = rate(generator(12).beta(50, 951, 20_000)) > 0.01
    share = tails.unlucky(test, "fail", rate)

    assert abs(drawn.mean() - share) < 4 * math.sqrt(share / 20_000)  # false alarm 6e-5


@pytest.mark.parametrize("guarantee", ["average", "reference"])
@pytest.mark.parametrize("loss", [0.0, 0.25, 0.6])
def test_a_path_comes_to_what_the_check_itself_says(loss, guarantee):
    m, levels = 4_000, Levels.of(0.01, 0.01)
    course = sequential.tail_course(m, guarantee)
    (outcome,), (draws,) = sequential.walked(course, loss, 1, generator(13))
    counts, middles = generator(13), generator(14)
    mass = min((1 - loss) * counts.beta(200, m - 199, 1)[0], 1)

    def draw(size):
        inside = counts.binomial(size, mass, 1)[0]
        middle = middles.uniform(m / 3, m / 2, size - inside)
        return np.concatenate([np.full(inside, 2.0 * m), middle])

    rows = read_reference(np.arange(float(m)), "numbers", seed=0)
    setting = TailMass(guarantee=guarantee)
    verdict = follow(setting, rows, levels, draw, seed=0)
    assert (verdict.outcome, verdict.size) == (outcome, draws)
    assert draws % GRID == 0
    assert course.planned == course_of(setting, rows, levels, budget=None, seed=0).planned


def test_a_path_that_shows_both_at_one_look_fails(monkeypatch):
    both = dict.fromkeys(("fail", "pass"), np.array([True]))
    monkeypatch.setattr(sequential, "_by_evidence", lambda *_: both)
    course = sequential.tail_course(1_000, "average")

    assert sequential.walked(course, 0.1, 1, generator(15))[0] == ["fail"]


# --- tables


def test_a_table_says_what_stopped_what_is_above_and_what_was_not_run():
    listed = [
        {"law": "a", "size": "10", "event": "fail", "rate": 0.004, "says": "agrees", "gates": 1000},
        {"law": "b", "size": "10", "event": "fail", "rate": 0.0, "says": "below", "gates": 500}
        | {"stopped": True},
        {"law": "a", "size": "10", "event": "pass", "rate": 0.05, "says": "above", "gates": 100}
        | {"stopped": True},
        {"law": "a", "size": "20", "event": "fail"},
        {"law": "b", "size": "20", "event": "pass", "rate": 0.01, "says": "agrees", "gates": 100}
        | {"count": 1, "outcomes": {"alone": 2, "pass": 1}},
    ]
    made = table.Table("t", lambda kept: True, ("size",), "law", table.rate, ("n",))

    assert table.pivoted(made, listed).splitlines() == [
        "| n | a | b |",
        "| --- | --- | --- |",
        "| 10 | 0.40 % / **5.00 %** of 100 | 0.00 % of 500 |",
        "| 20 | not run | 1.00 % (alone 3.00 %) |",
    ]


def test_the_page_holds_the_tables_of_the_results():
    page = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    for title, told in table.tables().items():
        assert told in page, title
    for name in ("calibration", "calibration_growth"):
        assert table.older(cells.RESULT.with_name(f"{name}.json")) in page
    assert table.summary() in " ".join(page.split())


def test_the_page_adds_up_what_support_fails_at_a_thousand_draws():
    page = " ".join((ROOT / "docs" / "gate.md").read_text(encoding="utf-8").split())
    mine = [
        kept
        for kept in table.complete()
        if (kept["group"], kept["check"], kept["event"], kept["size"])
        == ("codes", "support", "fail", "1,000")
    ]
    fails, gates = (sum(kept[name] for kept in mine) for name in ("count", "gates"))

    assert f"{fails:,} of {gates:,} gates, {100 * fails / gates:.2f} %" in page


def test_the_results_are_of_one_run_of_the_cells_there_are():
    head, done = cells.read(cells.RESULT)
    assert head == {**cells.header(head["commit"]), "versions": head["versions"]}
    assert set(done) <= {cell.name for cell in every()}
    for kept in done.values():
        if "count" in kept:
            assert kept["says"] == cells.says(kept["count"], kept["gates"])
            assert kept["count"] == kept["outcomes"].get(kept["event"], 0)
            assert sum(kept["outcomes"].values()) == kept["gates"]
    json.dumps(done)


# A cell of each kind, by what its name holds; a hundred gates of each.
AGAIN = (
    "codes/support/zipf 1.2/truncation/fail/1,000",
    "codes/rare states/zipf 2/all but the commonest/pass/1,000",
    "gate/rare states, support/texts/healthy/fail/200 x 50",
    "gate/three checks/normal/tail_mass at detect/pass/1,000",
    "scales/mad/t3/contraction/pass/1,000",
    "clusters/variance, by cluster/t11, r = .1/contraction/fail/60 / 120 clusters",
    "ties/tail_mass/Poisson(3)/thinned/pass/1,000",
    "sequential/variance/normal/tolerate/fail/m = 1,000, 1,600 draws",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", AGAIN)
def test_a_hundred_gates_of_a_cell_are_within_the_promise(name):
    (cell,) = (cell for cell in every() if cell.name == name)
    kept = cells.measured(replace(cell, gates=100))

    assert kept["says"] != "above"  # 7 of 100: P < 1.1e-4 at a rate of 1 %
    done = cells.read(cells.RESULT)[1].get(name)
    if done is not None:  # the same streams, and no more of them
        assert kept["count"] <= done["count"]
