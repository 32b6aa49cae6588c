"""Rows in declared clusters: the cluster is the unit that is resampled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.data import SampleSet
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import check_tail_mass, check_variance
from collapse_bench.gates.clustered import tail_of, variance_units
from collapse_bench.gates.rows import read_reference, read_samples
from collapse_bench.gates.scales import Form
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.models import Gaussian
from collapse_bench.statistics.exceedance import at_least, at_most, count_beyond
from collapse_bench.statistics.rates import rate_test
from collapse_bench.statistics.spread import spread_test
from collapse_bench.streams import generator

relaxed = settings(deadline=None, max_examples=10)
seeds = st.integers(0, 2**32 - 1)
FEW = {"permutations": 199}
ROWS = 40  # of each cluster, in the simulations


def documents(rng, count, rows=ROWS, law="normal"):
    """Rows whose squares have an intracluster correlation of .1: a scale of each document's own.

    With v the variance of the squared scale it is v / (2 + 3 v) for normal rows; v = 1 / 3.5.
    """
    ids = np.repeat(np.arange(count), rows)
    scale = np.sqrt(rng.gamma(3.5, 1 / 3.5, count))[ids]
    draw = rng.standard_normal if law == "normal" else lambda size: rng.standard_t(3, size)
    return scale * draw(count * rows), ids


def judge_by(check, ours, theirs, **settings):
    (samples, ids), (reference, others) = ours, theirs
    return check(samples, reference, clusters=(ids, others), **settings)


CHECKS = [
    (check_tail_mass, {"mass": 0.2}),
    (check_tail_mass, {"mass": 0.2, "tail": "upper"}),
    (check_variance, {"scale": "variance"}),
    (check_variance, {"scale": "winsorized"}),
    (check_variance, {"scale": "mad"}),
]
everyone = pytest.mark.parametrize(("check", "settings"), CHECKS)


# --- values


def test_the_plain_variance_of_single_rows_is_the_usual_one():
    rng = generator(0)
    ours, theirs = 0.8 * rng.normal(size=60), rng.normal(size=80)
    by_cluster = judge_by(check_variance, (ours, np.arange(60)), (theirs, np.arange(80)), **FEW)

    assert by_cluster.estimate == pytest.approx(1 - ours.var(ddof=1) / theirs.var(ddof=1), rel=1e-9)
    assert by_cluster.statistic == "variance_by_cluster"


def test_the_variance_about_an_estimated_mean_by_hand():
    # Clusters (0, 2), (4, 6): mean 3, squares 9 + 1 + 1 + 9. Cluster sums -4 and 4, so the mean's
    # variance is 2 (16 + 16) / 16 = 4, and the variance 5 + 4.
    rows = read_reference([0.0, 2, 4, 6], None, seed=0, clusters=["a", "a", "b", "b"])
    x, w = variance_units(rows, rows.values[:, 0], Form("variance"))

    assert x.sum() / w.sum() == pytest.approx(9, rel=1e-12)
    assert w.tolist() == [2, 2]


@pytest.mark.parametrize("spread", ["winsorized", "mad"])
def test_robust_spreads_are_those_of_all_rows(spread):
    line, ids = documents(generator(1), 30)
    rows = read_reference(line, None, seed=0, clusters=ids)
    form = Form(spread)
    x, w = variance_units(rows, rows.values[:, 0], form)
    square, influence = form.robust.influence(np.sort(line))

    assert x.sum() / w.sum() == pytest.approx(square, rel=1e-9)
    # As units of their own, rows have the spread of the robust test.
    alone = variance_units(
        read_reference(line, None, seed=0, clusters=np.arange(len(line))), np.sort(line), form
    )[0]
    assert np.var(alone) == pytest.approx(np.var(influence), rel=1e-9)


def test_the_tail_is_marked_by_one_half_and_counted_on_the_other():
    reference, ids = documents(generator(2), 40, rows=5)
    rows = read_reference(reference, None, seed=0, clusters=ids)
    region = tail_of(TailMass(mass=0.1), rows, "upper", seed=0)
    (threshold, share) = region.ends[1]
    known = np.setdiff1d(rows.values, region.counted.values)

    assert len(region.counted) == 20
    assert share == 1
    assert np.sort(known)[-10] == threshold  # 10 of 100 rows
    x, w = region.units(region.counted)
    assert x.sum() == np.count_nonzero(region.counted.values >= threshold)
    assert w.tolist() == [5] * 20


def test_rows_tied_at_the_threshold_count_in_part():
    # The half that marks holds 50 rows of each value: a tail of a tenth is 10 of 100, so that
    # a fifth of each row at the upper value counts.
    rows = read_reference(
        np.tile([0.0, 1.0], 100), None, seed=0, clusters=np.repeat(np.arange(100), 2)
    )
    region = tail_of(TailMass(mass=0.1), rows, "upper", seed=0)

    assert region.ends[1] == (1.0, pytest.approx(0.2, rel=1e-12))
    assert region.units(region.counted)[0].tolist() == pytest.approx([0.2] * 50)


def test_several_columns_are_marked_by_their_distance():
    rng = generator(3)
    reference, ids = rng.normal(size=(4_000, 3)), np.repeat(np.arange(200), 20)
    inner = 0.7 * rng.normal(size=(2_000, 3)), np.repeat(np.arange(100), 20)
    verdict = judge_by(check_tail_mass, inner, (reference, ids), mass=0.2, **FEW)

    assert verdict.outcome == "fail"
    assert "Mahalanobis" in verdict.quantity


# --- levels


def cluster_pvalues(metric, ours, theirs, loss, seed):
    samples, reference = (
        read_reference(rows, None, seed=seed, clusters=ids) for rows, ids in (ours, theirs)
    )
    if metric == "tail":
        region = tail_of(TailMass(mass=0.1), reference, "both", seed=seed)
        units = region.units(samples), region.units(region.counted)
    else:
        units = [
            variance_units(rows, rows.values[:, 0], Form(metric)) for rows in (samples, reference)
        ]
    test = rate_test(*units, permutations=199, rng=generator(seed))
    return test.pvalue_fail(loss), test.pvalue_pass(loss)


def naive_pvalues(metric, ours, theirs, loss, seed):
    samples, reference = ours[0], theirs[0]
    if metric == "tail":
        m, n = len(reference), len(samples)
        k = m // 10
        count = count_beyond(samples, reference, lower=k // 2, upper=k // 2, rng=generator(seed))
        return at_most(count, n, k, m, ratio=1 - loss), at_least(count, n, k, m, ratio=1 - loss)
    test = spread_test(samples, reference, permutations=199, rng=generator(seed))
    return test.pvalue_fail(loss), test.pvalue_pass(loss)


@pytest.mark.parametrize(
    ("metric", "law"),
    [("tail", "normal"), ("variance", "normal"), ("winsorized", "t3"), ("mad", "normal")],
)
@pytest.mark.parametrize("detect", [False, True])
def test_levels_hold_where_those_of_independent_rows_break(metric, law, detect):
    # 400 pairs of 60 and 120 documents of 40 rows, at a level of .05: more than 37 errors occur
    # once in 10,000 (binomial). The tests of independent rows err in 15 to 25 %.
    rng, loss = generator(4, metric, detect), (0.25 if detect else 0.05)
    cut = np.quantile(np.abs(documents(generator(5), 20_000, law=law)[0]), 0.8)
    errors = naive = 0
    for index in range(400):
        (rows, ids), theirs = documents(rng, 60, law=law), documents(rng, 120, law=law)
        if metric == "tail":  # thinned wherever near its quantile the reference marks the tail
            gone = (np.abs(rows) > cut) & (rng.random(len(rows)) < loss)
            rows = np.where(gone, 0.1 * rng.normal(size=len(rows)), rows)
        else:
            rows = np.sqrt(1 - loss) * rows
        errors += cluster_pvalues(metric, (rows, ids), theirs, loss, index)[detect] <= 0.05
        if metric in ("tail", "variance"):
            naive += naive_pvalues(metric, (rows, ids), theirs, loss, index)[detect] <= 0.05

    assert 6 < errors <= 37
    if metric in ("tail", "variance"):
        assert naive > 45


def test_a_loss_is_seen_and_health_is_shown():
    rng = generator(6)
    theirs, healthy = documents(rng, 800), documents(rng, 800)
    for check, extra in ((check_tail_mass, {"mass": 0.2}), (check_variance, {})):
        shrunk = 0.8 * healthy[0], healthy[1]
        assert judge_by(check, healthy, theirs, permutations=999, **extra).outcome == "pass"
        assert judge_by(check, shrunk, theirs, permutations=999, **extra).outcome == "fail"


def test_growth_is_judged_by_cluster_too():
    rng = generator(7)
    rows, ids = documents(rng, 400)
    for check in (check_tail_mass, check_variance):
        verdict = judge_by(
            check, (1.3 * rows, ids), documents(rng, 400), growth=(0.05, 0.3), permutations=999
        )
        assert verdict.outcome == "fail"
        assert verdict.growth.low > 0.05


# --- properties


@everyone
@relaxed
@given(seed=seeds)
def test_the_order_of_rows_and_the_names_of_clusters_do_not_matter(check, settings, seed):
    rng = generator(seed)
    (ours, ids), (theirs, others) = documents(rng, 25, rows=20), documents(rng, 45, rows=20)
    first = judge_by(check, (ours, ids), (theirs, others), **settings, **FEW)
    order, other = rng.permutation(len(ours)), rng.permutation(len(theirs))
    names, codes = rng.permutation([f"doc {i}" for i in range(25)]), rng.permutation(45) * 7 - 30
    again = judge_by(
        check,
        (ours[order], names[ids[order]]),
        (theirs[other], codes[others[other]].astype(float)),
        **settings,
        **FEW,
    )

    assert again == first


@everyone
@relaxed
@given(seed=seeds, factor=st.floats(0.5, 1.2))
def test_it_fails_and_passes_where_its_interval_says(check, settings, seed, factor):
    rng = generator(seed)
    ours, ids = documents(rng, 60, rows=20)
    verdict = judge_by(
        check, (factor * ours, ids), documents(rng, 90, rows=20), detect=0.5, **settings, **FEW
    )

    assert (verdict.size, verdict.reference_size) == (60, 90)
    assert "n and m count clusters, which hold 1,200 and 1,800 rows" in verdict.reason
    low = -np.inf if verdict.low is None else verdict.low
    assert low <= verdict.estimate <= verdict.high
    assert (verdict.outcome == "fail") == (low > verdict.tolerate)
    assert (verdict.outcome == "pass") == (
        verdict.high < verdict.detect and verdict.outcome != "fail"
    )


@everyone
def test_sizes_needed_count_clusters_and_are_enough(check, settings):
    rng = generator(8)
    theirs = documents(rng, 1_500, rows=20)
    tried = judge_by(check, documents(rng, 25, rows=20), theirs, **settings, **FEW)
    assert tried.outcome == "inconclusive"
    n, m = tried.size_needed
    assert m == 1_500
    assert 60 < n < 5_000
    # 20 healthy models of that size, of which a tenth of a percent or so misses.
    passed = sum(
        judge_by(check, documents(rng, n, rows=20), theirs, **settings, **FEW).outcome == "pass"
        for _ in range(20)
    )
    assert passed >= 17


@everyone
def test_few_clusters_never_pass(check, settings):
    rng = generator(9)
    verdict = judge_by(
        check, documents(rng, 19, rows=60), documents(rng, 200, rows=60), detect=0.9, **settings
    )

    assert verdict.outcome == "inconclusive"
    assert "fewer than 20 clusters" in verdict.reason


@everyone
def test_constant_rows_are_a_total_collapse(check, settings):
    rng = generator(10)
    theirs = documents(rng, 80)
    verdict = judge_by(check, (np.zeros(1_600), np.repeat(np.arange(40), 40)), theirs, **settings)

    assert verdict.outcome == "fail"
    assert verdict.estimate == 1


def test_rules_of_the_plain_variance_hold_for_clusters():
    rng = generator(11)
    theirs, ours = documents(rng, 200, law="t3"), documents(rng, 200, law="t3")
    plain = judge_by(check_variance, ours, theirs, scale="variance", **FEW)
    auto = judge_by(check_variance, ours, theirs, **FEW)

    assert plain.outcome != "pass"
    assert "kurtosis" in plain.reason
    assert auto.statistic == "winsorized_by_cluster"


def test_a_tail_that_half_of_the_clusters_can_not_mark_is_inconclusive():
    rng = generator(12)
    verdict = judge_by(
        check_tail_mass, documents(rng, 40, rows=1), documents(rng, 40, rows=1), mass=0.02
    )

    assert verdict.outcome == "inconclusive"
    assert "half of the reference's clusters can't mark a tail of 0.02" in verdict.reason


# --- what is refused

LINE = np.arange(60.0)
IDS = np.repeat(np.arange(30), 2)


@pytest.mark.parametrize("check", [check_tail_mass, check_variance])
@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (IDS, r"clusters must be None or a pair \(ids .*; got ndarray"),
        ((IDS,), "clusters must be None or a pair .* got tuple of 1"),
        ((IDS, None), "clusters must be None or a pair"),
        ((IDS, 3), "clusters must be None or a pair"),
        (
            (IDS[:-1], IDS),
            "clusters must hold one id for each of the 60 rows of samples; got 59 ids",
        ),
        ((IDS, [*IDS, 1]), "one id for each of the 60 rows of reference; got 61 ids"),
        (
            (np.zeros(60), IDS),
            "must name two clusters of samples or more; all of its 60 rows are of cluster 0.0",
        ),
        (
            (IDS, np.where(IDS == 3, np.nan, IDS)),
            "of every row of reference; 2 ids are missing, the first that of row 6: ",
        ),
        (([None, *IDS[1:]], IDS), "of every row of samples; 1 ids are missing"),
        ((IDS, [*"ab" * 29, "c", float("nan")]), "of every row of reference; 1 ids are missing"),
    ],
)
def test_ids_that_name_no_clusters_are_refused(check, clusters, message):
    with pytest.raises(InvalidArgument, match=message):
        check(LINE, LINE, clusters=clusters)


def test_data_without_clusters_of_rows_are_refused():
    block, pair = np.tile(np.arange(6), (60, 1)), (IDS, IDS)
    with pytest.raises(InvalidArgument, match="clusters must be None for tokens"):
        check_tail_mass(block, block, kind="tokens", clusters=pair)
    with pytest.raises(InvalidArgument, match="clusters must be None for a reference that is a la"):
        check_variance(LINE, Gaussian(), clusters=pair)


def test_ids_of_several_types_and_named_columns_are_read():
    rng = generator(14)
    table = SampleSet.of(rng.normal(size=(60, 1)), columns=("price",))
    ids = [*range(30), *(str(i) for i in range(30))]
    verdict = check_variance(table, table, clusters=(ids, ids), **FEW)

    assert (verdict.size, verdict.estimate) == (60, 0)
    known = read_reference(table, None, seed=0, clusters=ids)
    rows = read_samples(table, known, None, clusters=ids)
    assert rows.columns == ("price",)


def test_samples_that_do_not_vary_are_a_total_loss_by_cluster_too():
    rng = generator(0)
    ids = np.arange(2_000) % 50, np.arange(4_000) % 100
    found = check_variance(np.zeros(2_000), rng.normal(size=4_000), clusters=ids)

    assert found.outcome == "fail"
    assert (found.estimate, found.high) == (pytest.approx(1.0, abs=1e-9), 1.0)


def test_clusters_of_very_different_lengths_need_to_be_many():
    rng = generator(1)
    rows = rng.normal(size=60), rng.normal(size=4_800)
    ids = np.arange(60), np.arange(4_800) // 40
    for check in (check_variance, check_tail_mass):
        found = check(*rows, clusters=ids, mass=0.2) if check is check_tail_mass else check(
            *rows, clusters=ids
        )  # fmt: skip
        assert found.outcome == "inconclusive"
        assert "1 rows a unit beside 40 of the reference's take 400 units of each" in found.reason


def test_ids_that_can_not_be_told_apart_are_refused():
    rows = generator(2).normal(size=4)
    with pytest.raises(InvalidArgument, match="clusters must be ids that can be told apart"):
        check_variance(rows, rows, clusters=([{}, {}, {}, {}], [1, 1, 2, 2]))
