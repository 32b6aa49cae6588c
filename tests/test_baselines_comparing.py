"""Better, worse, equivalent or can't tell: what two reports' own numbers show."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collapse_bench.baselines import Entry, Report, compare_reports, exit_status
from collapse_bench.baselines.comparing import change_of, compare_entries
from collapse_bench.errors import InvalidArgument

NOWHERE = "gate/test_release::test_variance"


def entry(estimate=0.1, low=0.05, high=0.15, **more):
    """Return a check of a gate, measured at levels of 1 % unless said otherwise."""
    given = {
        "id": NOWHERE,
        "model": "m:M",
        "drawn": True,
        "outcome": "inconclusive",
        "metric": "variance",
        "statistic": "variance",
        "quantity": "variance",
        "tolerate": 0.05,
        "detect": 0.2,
        "alpha": 0.01,
        "beta": 0.01,
        "growth": None,
        "n": 1000,
        "m": 5000,
        "seed": 0,
        "samples_sha256": None,
        "reference_sha256": "f" * 64,
        "reference": "real.csv",
        "versions": {"numpy": "2.0"},
        "device": "cpu",
    }
    return Entry(**{**given, "estimate": estimate, "low": low, "high": high, **more})


def report(*entries, name="B.json", missing=()):
    return Report(name, {one.key: one for one in entries}, tuple(missing))


def word_of(was, now, **more):
    (found,) = compare_entries([(was, now)], **more)
    return found.word


def losses():
    """Return entries whose bounds hold their estimate."""
    numbers = st.floats(-2, 2)
    widths = st.floats(0, 2)
    return st.builds(
        lambda estimate, below, above: entry(estimate, estimate - below, estimate + above),
        numbers,
        widths,
        widths,
    )


def test_a_difference_is_that_of_the_bounds():
    was, now = entry(0.1, 0.05, 0.15), entry(0.3, 0.25, 0.35)

    change = change_of(was, now, level=0.01)

    assert (change.low, change.high) == pytest.approx((0.1, 0.3))  # .25 - .15, .35 - .05
    assert change.word == "worse"
    assert change_of(now, was, level=0.01).word == "better"


def test_a_bound_of_another_level_moves_away_from_the_estimate():
    now = entry(0.4, 0.3, 0.6)
    zero = entry(0.0, 0.0, 0.0)

    change = change_of(zero, now, level=0.001)

    wider = math.log(0.002) / math.log(0.02)  # 1.589, a normal quantile's would be 1.328
    assert change.low == pytest.approx(0.4 - 0.1 * wider)
    assert change.high == pytest.approx(0.4 + 0.2 * wider)


def test_each_bound_is_moved_from_the_level_it_has():
    now = entry(0.4, 0.3, 0.6, alpha=0.001)
    zero = entry(0.0, 0.0, 0.0, alpha=0.001, beta=0.001)

    change = change_of(zero, now, level=0.001)

    assert change.low == pytest.approx(0.3)
    assert change.high == pytest.approx(0.4 + 0.2 * math.log(0.002) / math.log(0.02))


@pytest.mark.parametrize(("alpha", "beta", "level"), [(0.01, 0.01, 0.2), (0.001, 0.01, 0.01)])
def test_a_bound_is_never_moved_towards_the_estimate(alpha, beta, level):
    zero, now = entry(0.0, 0.0, 0.0), entry(0.4, 0.3, 0.6, alpha=alpha, beta=beta)

    change = change_of(zero, now, level=level)

    assert (change.low, change.high) == (0.3, 0.6)


def test_only_the_bound_whose_level_is_too_large_is_moved():
    zero, now = entry(0.0, 0.0, 0.0), entry(0.4, 0.3, 0.6, alpha=0.001, beta=0.01)

    change = change_of(zero, now, level=0.005)

    assert change.low == 0.3
    assert change.high > 0.6


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(0.05, 0.005), (0.01, 0.005), (0.05, 1e-4), (0.01, 0.001), (0.0033, 1e-4)],
)
def test_moving_is_never_too_little_for_normal_poisson_and_binomial_bounds(given, wanted):
    factor = math.log(2 * wanted) / math.log(2 * given)
    laws = [stats.norm(0, 1), *(stats.gamma(k) for k in (1, 2, 10, 100))]
    laws += [stats.beta(k, 1000 - k + 1) for k in (1, 5, 50)]
    for law in laws:
        middle = law.median()

        rounding = 1e-12  # the exponential law's bounds are met exactly
        assert middle + factor * (law.isf(given) - middle) >= law.isf(wanted) - rounding
        assert middle - factor * (middle - law.ppf(given)) <= law.ppf(wanted) + rounding


def test_equivalent_takes_a_change_below_what_lies_between_tolerate_and_detect():
    was = entry(0.0, -0.05, 0.06)

    assert word_of(was, entry(0.01, -0.03, 0.14), alpha=0.02) == "equivalent"  # .14 - 0 < .15
    assert word_of(was, entry(0.01, -0.03, 0.16), alpha=0.02) == "can't tell"
    assert word_of(entry(0.01, -0.03, 0.16), was, alpha=0.02) == "can't tell"


def test_growth_is_no_negative_loss():
    grown, well = entry(-0.5, -0.6, -0.4), entry(0.0, -0.01, 0.01)

    assert word_of(well, grown, alpha=0.02) == "equivalent"
    assert word_of(grown, well, alpha=0.02) == "equivalent"


def test_growth_is_compared_where_both_judged_it():
    def grown(estimate):
        more = {"low": estimate - 0.01, "high": estimate + 0.01}
        side = {"estimate": estimate, "tolerate": 0.05, "detect": 0.2, **more}
        return entry(-estimate, -estimate - 0.01, -estimate + 0.01, growth=side)

    (found,) = compare_entries([(grown(0.0), grown(0.5))])

    assert [change.direction for change in found.changes] == ["loss", "growth"]
    assert found.word == "worse"
    assert found.changes[1].word == "worse"
    (back,) = compare_entries([(grown(0.5), grown(0.0))])
    assert back.word == "better"
    assert "growth 0.5 -> 0" in str(back)
    vague = {**grown(0.0).growth, "low": -1.0, "high": 1.0}
    was, now = grown(-0.5), grown(-0.1)  # less is lost, and nothing is known of growth
    (found,) = compare_entries([(was, replace(now, growth=vague))])
    assert [change.word for change in found.changes] == ["better", "can't tell"]
    assert found.word == "can't tell"


def test_bounds_that_there_are_not_tell_nothing():
    well = entry(0.0, -0.01, 0.01)

    assert word_of(well, entry(0.5, 0.4, None)) == "worse"  # the lower bound is enough
    assert word_of(entry(0.5, 0.4, None), well) == "better"
    assert word_of(well, entry(0.0, None, 0.01), alpha=0.02) == "equivalent"  # a loss is >= 0
    assert word_of(well, entry(None, 0.4, 0.5)) == "can't tell"  # not to be moved
    assert word_of(well, entry(0.3, 0.4, 0.5)) == "can't tell"  # nor is one on the wrong side
    assert word_of(well, entry(None, None, None), alpha=0.02) == "can't tell"
    change = change_of(well, entry(None, None, None), level=0.01)
    assert change.high is None
    json.dumps(compare_entries([(well, entry(0.1, None, None))])[0].to_dict(), allow_nan=False)


def test_alpha_is_shared_by_all_that_is_compared():
    was, now = entry(0.1, 0.05, 0.15), entry(0.3, 0.19, 0.41)
    others = [(replace(was, id=f"o{k}"), replace(was, id=f"o{k}")) for k in range(9)]
    apart = [(replace(was, id="x", m=7), replace(was, id="x"))] * 9  # refused: takes no share

    assert word_of(was, now, alpha=0.02) == "worse"
    assert compare_entries([(was, now), *others], alpha=0.02)[0].word == "can't tell"
    assert compare_entries([(was, now), *apart], alpha=0.02)[0].word == "worse"
    side = {"estimate": 0.0, "low": 0.0, "high": 0.0, "tolerate": 0.05, "detect": 0.2}
    (both,) = compare_entries([(replace(was, growth=side), replace(now, growth=side))], alpha=0.004)
    (alone,) = compare_entries([(was, now)], alpha=0.002)
    assert both.changes[0] == alone.changes[0]  # two directions, two shares


@pytest.mark.parametrize("alpha", [0, 0.5, math.nan, -1, True, "0.01"])
def test_alpha_must_be_a_rate(alpha):
    with pytest.raises(InvalidArgument, match="alpha must be a number in"):
        compare_entries([], alpha=alpha)


@given(losses(), losses(), st.floats(1e-6, 0.4))
def test_the_other_way_round_better_is_worse(was, now, alpha):
    there, back = (
        compare_entries([(was, now)], alpha=alpha),
        compare_entries([(now, was)], alpha=alpha),
    )
    turned = {"better": "worse", "worse": "better"}

    assert back[0].word == turned.get(there[0].word, there[0].word)
    assert back[0].changes[0].low == -there[0].changes[0].high


@given(losses(), losses(), st.floats(1e-6, 0.4), st.floats(1e-6, 0.4))
def test_a_smaller_alpha_shows_no_more(was, now, one, other):
    strict, lax = (compare_entries([(was, now)], alpha=f(one, other))[0] for f in (min, max))
    (narrow,), (wide,) = lax.changes, strict.changes

    assert wide.low <= narrow.low
    assert wide.high >= narrow.high
    assert strict.word in (lax.word, "can't tell", "equivalent")
    if lax.word in ("can't tell", "equivalent"):
        assert strict.word != "worse"
        assert strict.word != "better"


@given(losses())
def test_a_check_is_never_better_or_worse_than_itself(one):
    assert word_of(one, one) in ("equivalent", "can't tell")


def test_the_same_samples_lost_the_same():
    one = entry(0.1, -5.0, 5.0, samples_sha256="a" * 64)

    (found,) = compare_entries([(one, one)])

    assert found.word == "equivalent"
    assert found.reason == "the same samples were judged"
    assert word_of(one, replace(one, samples_sha256="b" * 64)) == "can't tell"
    assert word_of(one, replace(one, samples_sha256=None)) == "can't tell"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (
            "reference_sha256",
            "e" * 64,
            "reference digest ffffffffffff... then, eeeeeeeeeeee... now",
        ),
        ("m", 400, "reference rows 5000 then, 400 now"),
        ("statistic", "logdet", "statistic 'variance' then, 'logdet' now"),
        ("metric", "tail_mass", "metric"),
        ("quantity", "x", "quantity"),
        ("tolerate", 0.01, "tolerate 0.05 then, 0.01 now"),
        ("detect", 0.3, "detect 0.2 then, 0.3 now"),
        ("growth", {"estimate": 0, "low": 0, "high": 0, "tolerate": 0, "detect": 1}, "only now"),
    ],
)
def test_other_settings_are_not_compared_and_say_so(field, value, told):
    was = entry(0.0, -0.01, 0.01)
    now = replace(entry(0.9, 0.8, 0.95), **{field: value})

    (found,) = compare_entries([(was, now)])

    assert found.word == "can't tell"
    assert told in found.reason
    assert not found.changes


def test_a_reference_without_a_digest_is_not_compared():
    one = entry(reference_sha256=None)

    (found,) = compare_entries([(one, one)])

    assert found.reason == "not compared: no digest of the reference is on record"


def test_levels_may_differ():
    assert word_of(entry(0.0, -0.01, 0.01), entry(0.5, 0.4, 0.6, alpha=0.003)) == "worse"


def test_checks_are_matched_by_id_whatever_the_release_is_called():
    was = report(entry(0.0, -0.01, 0.01, model="hf:./v1"))
    now = report(entry(0.5, 0.4, 0.6, model="hf:./v2"))

    (found,) = compare_reports(was, now)

    assert (found.word, found.was.model, found.now.model) == ("worse", "hf:./v1", "hf:./v2")


def test_models_of_a_report_are_told_apart():
    both = report(entry(model="a"), entry(model="b"))

    found = compare_reports(both, report(entry(model="a"), entry(model="c")))

    assert [one.reason for one in found if one.reason] == [
        "B.json has it of a, c, not of b",
        "B.json has it of a, b, not of c",
    ]
    assert len(found) == 3


def test_a_check_without_a_counterpart_is_not_green():
    was = report(entry(), name="A.json")
    more = report(entry(), entry(id="gate/test_release::test_new"))

    found = compare_reports(was, more)

    assert [one.word for one in found] == ["can't tell", "equivalent"]
    assert exit_status(found) == 6
    assert found[0].reason == "A.json doesn't have it"
    assert compare_reports(more, was)[0].reason == "A.json doesn't have it"


@pytest.mark.parametrize("model", ["m:M", "other:N"])
def test_a_check_that_did_not_run_is_reported_once(model):
    ran, gone = report(entry()), report(name="B.json", missing=[(NOWHERE, model)])

    (found,) = compare_reports(ran, gone)

    assert (found.word, found.reason) == ("can't tell", "it did not run in B.json")
    (neither,) = compare_reports(gone, gone)
    assert (neither.word, neither.reason) == ("can't tell", f"it did not run, of {model}")


def test_one_model_of_two_that_did_not_run_is_reported():
    whole = report(entry(model="a"), entry(model="b"))
    part = report(entry(model="a"), missing=[(NOWHERE, "b")])

    found = compare_reports(part, part)

    assert [one.reason for one in found if one.reason] == ["it did not run, of b"]
    assert len(compare_reports(whole, part)) == 2


def test_exit_codes():
    def found(*words):
        one = compare_entries([(entry(), entry())])[0]
        return [replace(one, word=word) for word in words]

    assert exit_status(found("better", "equivalent")) == 0
    assert exit_status(found("better", "can't tell", "worse")) == 1
    assert exit_status(found("better", "can't tell")) == 6
    assert exit_status([]) == 6


def test_lines_are_safe_to_print():
    one = entry(id="gate\x1b[31m::x\n")

    assert "\x1b" not in str(compare_entries([(one, one)])[0])
