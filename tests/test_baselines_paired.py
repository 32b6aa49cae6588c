"""Releases compared row by row: decisive where two verdicts aren't, and as seldom wrong."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collapse_bench import baselines, data, gates
from collapse_bench.baselines import compare_paired, compare_reports
from collapse_bench.baselines.comparing import paired_change
from collapse_bench.baselines.paired import pairing_of
from collapse_bench.baselines.pairs import _only_there, pairs_of
from collapse_bench.cli import main
from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates import Check
from collapse_bench.gates.codes import Codes
from collapse_bench.reports.json import write
from collapse_bench.statistics.richness import Incidence
from tests.test_baselines_comparing import entry, report
from tests.test_cli import digest, report_at

PAGE = (Path(__file__).parents[1] / "docs" / "report.md").read_text(encoding="utf-8")
# Words that are right with probability 95 % are counted over so many releases; four standard
# errors are granted, which is wrong once in 30,000.
RUNS = 150
REFERENCE = np.random.default_rng(99).normal(size=(5_000, 1))


def common(seed, *, size=1_000, columns=1, noise=0.05):
    """Return two releases of one law whose rows are alike: a common part, and a little noise."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, columns))
    keep = np.sqrt(1 - noise**2)
    return tuple(keep * rows + noise * rng.normal(size=(size, columns)) for _ in range(2))


def words(earlier, later, reference=REFERENCE, checks=None, **more):
    more = {"permutations": 499, "alpha": 0.05, **more}
    found = compare_paired(earlier, later, reference, checks, **more)
    return {one.id.partition("(")[0]: one.word for one in found}


def test_small_changes_are_told_that_two_verdicts_cannot_tell():
    earlier, later = common(0, size=4_000)
    tighter = 0.96 * later
    entries = []
    for samples in (earlier, tighter):
        verdict = gates.check_variance(samples, REFERENCE, permutations=999)
        fields = ("outcome", "statistic", "quantity", "estimate", "low", "high")
        entries.append(entry(**{name: getattr(verdict, name) for name in fields}))
    unpaired = baselines.comparing.compare_entries([tuple(entries)])

    assert unpaired[0].word == "can't tell"
    assert words(earlier, tighter)["variance"] == "worse"
    assert words(tighter, earlier)["variance"] == "better"
    same = dict.fromkeys(("tail_mass", "variance", "wasserstein"), "equivalent")
    assert words(earlier, later, alpha=0.01, permutations=9_999) == same


@pytest.mark.parametrize("metric", ["tail_mass", "variance", "wasserstein"])
def test_equal_releases_are_seldom_called_worse_or_better(metric):
    found = [
        words(*common(seed, size=500), checks=[metric], permutations=199)[metric]
        for seed in range(RUNS)
    ]

    most = RUNS * 0.05 + 4 * np.sqrt(RUNS * 0.05 * 0.95)
    assert found.count("worse") <= most
    assert found.count("better") <= most


@pytest.mark.parametrize("metric", ["tail_mass", "support"])
def test_equal_releases_of_codes_are_seldom_called_worse(metric):
    weights = 1 / np.arange(1, 61)
    weights /= weights.sum()

    def draw(seed):
        rng = np.random.default_rng(seed)
        rows = rng.choice(60, 800, p=weights)
        other = np.where(rng.random(800) < 0.1, rng.choice(60, 800, p=weights), rows)
        return rows, other

    reference = np.random.default_rng(99).choice(60, 5_000, p=weights)
    found = [
        words(*draw(seed), reference, [Check(metric, kind="codes")])[metric] for seed in range(RUNS)
    ]

    most = RUNS * 0.05 + 4 * np.sqrt(RUNS * 0.05 * 0.95)
    assert found.count("worse") <= most
    assert found.count("better") <= most


def test_a_loss_as_large_as_the_margin_is_seldom_called_equivalent():
    # the variance shrinks by 15 %, the margin of a check with tolerate 5 % and detect 20 %
    found = []
    for seed in range(RUNS):
        earlier, later = common(seed, noise=0.3)
        found.append(words(earlier, np.sqrt(0.85) * later, checks=["variance"])["variance"])

    assert found.count("equivalent") <= RUNS * 0.05 + 4 * np.sqrt(RUNS * 0.05 * 0.95)
    assert found.count("worse") == RUNS


def test_releases_that_are_equally_far_away_are_seldom_told_apart():
    # moved to either side of the reference: the laws differ, the distances don't
    found = []
    for seed in range(RUNS):
        rows = np.random.default_rng(seed).normal(size=(500, 1))
        found.append(
            words(rows + 0.2, rows - 0.2, checks=["wasserstein"], permutations=199)["wasserstein"]
        )

    most = RUNS * 0.05 + 4 * np.sqrt(RUNS * 0.05 * 0.95)
    assert found.count("worse") <= most
    assert found.count("better") <= most


@pytest.mark.parametrize("metric", ["tail_mass", "variance", "wasserstein"])
def test_what_is_lost_is_found(metric):
    earlier, later = common(1, size=2_000)

    assert words(earlier, 0.7 * later, checks=[metric]) == {metric: "worse"}
    assert words(0.7 * later, earlier, checks=[metric]) == {metric: "better"}


def test_several_columns_are_compared():
    reference = np.random.default_rng(99).normal(size=(3_000, 3))
    earlier, later = common(2, size=1_000, columns=3)

    assert words(earlier, 0.8 * later, reference, permutations=199) == dict.fromkeys(
        ("tail_mass", "variance", "wasserstein"), "worse"
    )
    flat = later * [1, 1, 0]
    assert words(earlier, flat, reference, ["variance"]) == {"variance": "worse"}


def test_texts_are_compared_by_sequence():
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, 41) ** 1.2
    block = rng.choice(40, (3_000, 12), p=weights / weights.sum())
    earlier = block[:1_000]
    later = np.where(earlier > 30, 0, earlier)
    more = {"kind": "tokens"}

    assert words(earlier, later, block[1_000:], **more) == {
        "tail_mass": "worse",
        "support": "worse",
    }
    assert set(words(earlier, earlier, block[1_000:], **more).values()) == {"equivalent"}


def test_a_loss_in_pairs_is_the_loss_of_the_check():
    earlier, later = common(3, size=2_000)
    pairs = pairs_of(earlier, 0.9 * later, REFERENCE)
    for metric, name in (("tail_mass", "now"), ("variance", "now")):
        loss = pairs.measure(Check(metric))
        verdict = getattr(gates, f"check_{metric}")(0.9 * later, REFERENCE)
        assert getattr(loss, name) == pytest.approx(verdict.estimate, abs=2e-3)
        assert loss.quantity == verdict.quantity
        low, high = loss.bounds(0.01)
        assert low < loss.now - loss.was < high


@pytest.mark.parametrize(
    ("samples", "kind", "metrics"),
    [
        (np.random.default_rng(1).choice(50, 2_000), "codes", ("tail_mass", "support")),
        (np.random.default_rng(1).choice(50, (200, 9)), "tokens", ("tail_mass", "support")),
        (REFERENCE, None, ("tail_mass", "variance", "wasserstein")),
        (np.random.default_rng(1).normal(size=(500, 2)), None, ("tail_mass", "wasserstein")),
    ],
)
def test_a_loss_in_pairs_is_called_what_the_check_calls_it(samples, kind, metrics):
    pairs = pairs_of(samples, samples, samples, kind=kind, permutations=199)
    for metric in metrics:
        verdict = getattr(gates, f"check_{metric}")(samples, samples, kind=kind, permutations=199)
        assert pairs.measure(Check(metric)).quantity == verdict.quantity


def test_a_draw_moves_the_support_as_far_as_leaving_it_out():
    codes = np.random.default_rng(0).geometric(0.2, 200)
    without = [Codes.of_draws(np.delete(codes, i)).incidence.richness(20).value for i in range(200)]
    added = _only_there(Incidence.of_units(codes, np.arange(200), 200), 20)

    moved = -199 * (np.array(without) - np.mean(without))
    assert 200 * (added - added.mean()) == pytest.approx(moved, abs=0.15 * moved.std())


def test_heavy_tails_are_compared_by_their_middle():
    rng = np.random.default_rng(4)
    reference, rows = rng.standard_t(2, (5_000, 1)), rng.standard_t(2, (2_000, 1))
    pairs = pairs_of(rows, 0.9 * rows, reference)

    loss = pairs.measure(Check("variance"))
    assert loss.quantity == gates.check_variance(rows, reference).quantity
    assert loss.quantity == "variance of the middle 98 %"
    low, high = loss.bounds(0.01)
    assert low < loss.now - loss.was < high
    assert low > 0


def test_going_back_to_the_reference_is_no_loss():
    grown, sound = 0.3, 0.1
    assert paired_change(-grown, -sound, (0.1, 0.3), 0.15).word == "can't tell"
    assert paired_change(-0.03, -0.02, (0.005, 0.02), 0.15).word == "equivalent"
    assert paired_change(-0.1, 0.1, (0.1, 0.3), 0.15).word == "worse"
    assert paired_change(-sound, -grown, (-0.3, -0.1), 0.15).word == "can't tell"
    assert paired_change(0.2, -0.1, (-0.4, -0.2), 0.15).word == "better"


def test_alpha_is_shared():
    earlier, later = common(5, noise=0.2)
    alone = compare_paired(earlier, later, REFERENCE, ["variance"], alpha=0.02)
    both = compare_paired(earlier, later, REFERENCE, ["variance", "tail_mass"], alpha=0.04)

    assert both[0].changes == alone[0].changes


def test_it_is_the_same_again_and_leaves_its_inputs_alone():
    earlier, later = common(6)
    before = earlier.copy(), later.copy(), REFERENCE.copy()
    first = compare_paired(earlier, later, REFERENCE, permutations=199, alpha=0.1)

    assert first == compare_paired(earlier, later, REFERENCE, permutations=199, alpha=0.1)
    for kept, given in zip(before, (earlier, later, REFERENCE), strict=True):
        assert np.array_equal(kept, given)


@pytest.mark.parametrize(
    ("earlier", "later", "more", "error", "sentence"),
    [
        (np.ones((30, 1)), np.ones((31, 1)), {}, InvalidSamples, "30 and 31"),
        (np.ones((9, 1)), np.ones((9, 1)), {}, InvalidSamples, "must be 20 pairs or more; got 9"),
        (np.ones((30, 2)), np.ones((30, 2)), {}, InvalidSamples, "2"),
        (np.ones((30, 1)), np.full((30, 1), np.nan), {}, InvalidSamples, "finite"),
        (np.ones((30, 1)), np.ones((30, 1)), {"alpha": 0.5}, InvalidArgument, "alpha"),
        (np.ones((30, 1)), np.ones((30, 1)), {"checks": ["support"]}, InvalidArgument, "support"),
        (np.ones((30, 1)), np.ones((30, 1)), {"permutations": 0}, InvalidArgument, "permutations"),
    ],
)
def test_what_is_no_pair_is_refused(earlier, later, more, error, sentence):
    with pytest.raises(error, match=sentence):
        compare_paired(earlier, later, REFERENCE, **more)


# two reports


def judged(folder, name, samples, **more):
    """Write samples and the report of a session that judged them."""
    path = folder / f"{name}.npy"
    np.save(path, samples)
    verdict = gates.check_variance(samples, REFERENCE, alpha=0.001, beta=0.001)
    report = report_at(
        folder / f"{name}.json",
        low=verdict.low,
        high=verdict.high,
        samples_sha256=data.SampleSet.of(samples).sha256,
        reference_sha256=data.SampleSet.of(REFERENCE).sha256,
        **more,
    )
    document = json.loads(report.read_text())
    document["checks"][0] |= {"estimate": verdict.estimate, "quantity": verdict.quantity}
    write(document, report)
    return report, path


def test_the_command_compares_rows_of_the_files_that_were_judged(tmp_path, capsys):
    earlier, later = common(0)
    reference = tmp_path / "real.npy"
    np.save(reference, REFERENCE)
    (a, rows_a), (b, rows_b) = (
        judged(tmp_path, name, samples) for name, samples in (("a", earlier), ("b", 0.94 * later))
    )

    assert main(["compare", str(a), str(b)]) == 6
    assert "unpaired" in capsys.readouterr().out
    paired = ["compare", str(a), str(b), "--paired", str(rows_a), str(rows_b)]
    assert main([*paired, "--reference", str(reference)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("worse       gate/test_release::test_variance: loss ")
    assert ", paired\n" in out
    assert "Paired checks: pairs iid, given the reference" in out
    swapped = ["compare", str(a), str(b), "--paired", str(rows_b), str(rows_a)]
    for command, sentence in (
        ([*swapped, "--reference", str(reference)], "--paired must name what was judged"),
        ([*paired, "--reference", str(rows_a)], "--reference must name what was judged"),
        (paired, "--paired and --reference must be given together"),
        ([*paired[:3], "--reference", str(reference)], "must be given together"),
    ):
        assert main(command) == 4
        [line] = capsys.readouterr().err.splitlines()
        assert sentence in line


def test_the_page_on_reports_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    earlier, later = common(0)

    exec(
        compile(code, "docs/report.md", "exec"),
        {"earlier": earlier, "later": later, "reference": REFERENCE},
    )

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ["paired"] * 3


def pairing(earlier, later, **more):
    pairs = pairs_of(earlier, later, REFERENCE, permutations=499)
    return pairing_of(pairs, (digest("a"), digest("b")), {"f" * 64}, alpha=0.05, **more)


def told(pairs, **more):
    was = entry(samples_sha256=digest("a"), **more)
    now = entry(samples_sha256=digest("b"), **more)
    [found] = compare_reports(report(was), report(now), alpha=0.05, pairing=pairs)
    return found


def test_only_checks_of_these_very_rows_are_paired():
    pairs = pairing(*common(7))

    assert told(pairs).paired
    assert told(pairs).reason is None
    assert pairs(entry(samples_sha256=digest("a")), entry(samples_sha256=digest("c"))) is None
    other = told(pairs, reference_sha256="e" * 64)
    assert (other.paired, other.reason) == (False, None)
    for more, reason in (
        ({"metric": "drift"}, "not paired: drift is no check of rows"),
        ({"quantity": "squared median absolute deviation"}, "only the variance is compared"),
        ({"metric": "support"}, "not paired: checks must be of numbers"),
    ):
        found = told(pairs, **more)
        assert not found.paired
        assert reason in found.reason
        assert str(found).count("unpaired") == 1


def test_a_tail_is_of_the_mass_that_was_judged():
    quantity = gates.check_tail_mass(REFERENCE, REFERENCE, mass=0.2, tail="upper").quantity
    pairs = pairing(*common(8))

    assert told(pairs, metric="tail_mass", quantity=quantity).paired
    assert not told(pairs, metric="tail_mass", quantity="mass in some tail").paired


def test_growth_stays_unpaired_beside_a_paired_loss():
    side = {"estimate": 0.0, "low": -0.1, "high": 0.1, "tolerate": 0.05, "detect": 0.2}
    found = told(pairing(*common(9)), growth=side)

    assert [change.direction for change in found.changes] == ["loss", "growth"]
    alone = told(pairing(*common(9)))
    assert replace(found.changes[0], word="x").margin == alone.changes[0].margin
    assert found.changes[0].low < alone.changes[0].low  # two share alpha
