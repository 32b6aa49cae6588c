"""Marks stand where their numbers say, and never outside of the plot."""

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.reports import plots
from collapse_bench.reports.plots import curve, density, interval, nice, ranking, tail
from tests.reports.documents import METRIC, RANKED, SHAPE

anything = st.none() | st.floats() | st.integers() | st.text(max_size=3) | st.booleans()
numbers = st.none() | st.floats()
NUMBER = re.compile(r"-?[0-9.]+(?:e[-+]?[0-9]+)?")


def loss(low, estimate, high, tolerate=0.1, detect=0.5):
    names = ("low", "estimate", "high", "tolerate", "detect")
    return dict(zip(names, (low, estimate, high, tolerate, detect), strict=True))


def test_an_interval_by_hand():
    # The axis is [-0.125, 0.625], 0.045 more at each end: 0.84 over 320.
    found = interval(loss(0.0, 0.2, 0.4))
    place = lambda value: round((value + 0.125 + 0.045) * 320 / 0.84, 2)  # noqa: E731

    assert (found.zero, found.tolerate, found.detect) == (place(0), place(0.1), place(0.5))
    assert (found.low, found.estimate, found.high) == (place(0), place(0.2), place(0.4))
    assert not found.cut_low
    assert not found.cut_high


def test_what_lies_beyond_the_axis_is_cut():
    found = interval(loss(-9.0, 0.2, 9.0))  # the axis is [-1, 1.5]

    assert found.cut_low
    assert found.cut_high
    assert 0 < found.low < found.zero < found.detect < found.high < found.width


@pytest.mark.parametrize(
    ("record", "start", "end"),
    [
        (loss(0.0, 0.2, 0.4), "low", "high"),
        (loss(None, 0.2, 0.4), "estimate", "high"),
        (loss(0.0, 0.2, None), "low", "estimate"),
        (loss(None, 0.2, None), "estimate", "estimate"),
    ],
)
def test_the_line_reaches_as_far_as_there_are_numbers(record, start, end):
    found = interval(record)

    assert (found.start, found.end) == (getattr(found, start), getattr(found, end))


@pytest.mark.parametrize(
    "record",
    [
        loss(None, None, None),
        loss(math.nan, None, math.inf),
        loss(0, 0, 0, tolerate=0.5, detect=0.1),
        loss(0, 0, 0, tolerate=-1),
        loss(0, 0, 0, tolerate=None),
        loss(0, 0, 0, detect=1e308),
        loss(True, None, None),
        loss(10**400, None, None),
    ],
)
def test_no_numbers_no_interval(record):
    assert interval(record) is None


@given(anything, anything, anything, anything, anything)
def test_marks_keep_the_order_of_their_numbers(low, estimate, high, tolerate, detect):
    record = loss(low, estimate, high, tolerate, detect)
    found = interval(record)
    if found is None:
        return
    names = [name for name in record if plots.finite(record[name]) is not None]
    placed = sorted((plots.finite(record[name]), getattr(found, name)) for name in names)

    assert all(0 <= place <= found.width for _, place in placed)
    assert [place for _, place in placed] == sorted(place for _, place in placed)
    assert found.zero <= found.tolerate <= found.detect


def points(path):
    return [
        tuple(map(float, pair.split(","))) for pair in re.findall(r"[-0-9.e+]+,[-0-9.e+]+", path)
    ]


def test_a_curve_by_hand():
    found = curve({"mean": [0.0, 0.5, 1.0], "theory": None})
    axes = found.axes

    assert [x for x, _ in points(found.mean)] == [
        axes.left,
        (axes.left + axes.right) / 2,
        axes.right,
    ]
    heights = [y for _, y in points(found.mean)]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1])  # on a line, rounded
    assert axes.bottom > heights[0] > heights[2] > axes.top  # larger is higher up, with a margin
    assert (found.band, found.median, found.theory) == (None, None, None)
    assert [text for _, text in axes.y] == ["0", "0.5", "1"]  # 1.1 / 5 < 0.5
    assert [text for _, text in axes.x] == ["0", "1", "2"]


def test_a_gap_splits_curve_and_band():
    found = curve({**METRIC, "mean": [1.0, None, 0.9], "low": [0.5, None, 0.5]})

    assert found.mean.count("M") == 2
    assert found.band.count("Z") == 2
    assert len(points(found.theory)) == 3


def test_long_curves_are_thinned_and_keep_their_ends():
    values = [float(t) for t in range(10_001)]
    drawn = points(curve({"mean": values}).mean)

    assert len(drawn) <= plots.MOST_POINTS + 2
    assert (drawn[0][0], drawn[-1][0]) == (plots.LEFT, plots.WIDTH - plots.RIGHT)


def within(found):
    axes = found.axes
    for drawn in (getattr(found, name) for name in found.__slots__ if name != "axes"):
        for x, y in points(drawn or ""):
            assert axes.left - 0.01 <= x <= axes.right + 0.01
            assert axes.top - 0.01 <= y <= axes.bottom + 0.01
    assert all(axes.left - 0.5 <= place <= axes.right + 0.5 for place, _ in axes.x)
    assert all(axes.top - 0.5 <= place <= axes.bottom + 0.5 for place, _ in axes.y)


series = st.lists(anything, max_size=6)


@given(series, series, series, st.none() | series)
def test_curves_stay_inside(low, high, mean, theory):
    found = curve({"low": low, "high": high, "mean": mean, "median": mean, "theory": theory})

    if found is not None:
        within(found)


shares = st.lists(st.none() | st.floats(0, 1), max_size=5)


@given(st.lists(numbers, max_size=6), shares, shares)
def test_shapes_stay_inside(values, samples, reference):
    ordered = sorted(v for v in values if v is not None and not math.isnan(v))
    shape = {
        "edges": ordered,
        "samples": samples,
        "reference": reference,
        "distance": ordered,
        "samples_beyond": samples,
        "reference_beyond": reference,
    }
    for found in (density(shape), tail(shape)):
        if found is not None:
            within(found)


def test_a_density_is_share_by_width():
    wide = density({"edges": [0.0, 1.0, 3.0], "samples": [0.5, 0.5], "reference": [0.0, 0.0]})
    (_, base), (_, narrow), _, (_, broad), *_ = points(wide.samples)

    assert (base - narrow) == pytest.approx(2 * (base - broad), abs=0.05)  # rounded to 0.01


def test_a_tail_is_a_line_where_it_is_a_power():
    distance = [10.0**k for k in range(4)]
    found = tail(
        {
            "distance": distance,
            "samples_beyond": [1 / x for x in distance],
            "reference_beyond": [1 / x for x in distance[:3]] + [0.0],
        }
    )
    drawn = points(found.samples)
    slopes = {round((b[1] - a[1]) / (b[0] - a[0]), 2) for a, b in pairwise(drawn)}

    assert len(slopes) == 1
    assert len(points(found.reference)) == 3  # no share, no point
    assert [text for _, text in found.axes.y] == ["1", "0.1", "0.01", "0.001"]


@pytest.mark.parametrize("change", [{"edges": [1.0]}, {"samples": [0, 0], "reference": [0, 0]}])
def test_an_empty_density_is_none(change):
    assert density({**SHAPE, **change}) is None


@pytest.mark.parametrize(
    "change", [{"distance": [1.0]}, {"samples_beyond": [0] * 3, "reference_beyond": [0] * 3}]
)
def test_an_empty_tail_is_none(change):
    assert tail({**SHAPE, **change}) is None


def test_ranks_are_drawn_where_their_powers_are():
    ranks = [1, 2, 11, 101]  # bins of 1, of 2 to 10 and of 11 to 100
    found = ranking(
        {"ranks": ranks, "samples_share": [0.1, 0.0, 0.001], "reference_share": [0.1, 0.01, 0.001]}
    )
    middles = [0.0, math.log10(20) / 2, math.log10(1100) / 2]
    drawn = points(found.reference)
    width = drawn[-1][0] - drawn[0][0]

    for (x, _), power in zip(drawn, middles, strict=True):
        assert x - drawn[0][0] == pytest.approx(width * power / middles[-1], abs=0.02)
    assert drawn[1][1] - drawn[0][1] == pytest.approx(drawn[2][1] - drawn[1][1], abs=0.02)
    assert [text for _, text in found.axes.y] == ["0.1", "0.01", "0.001"]
    assert [text for _, text in found.axes.x] == ["1", "10"]
    assert [y for _, y in drawn] == pytest.approx([y for y, _ in found.axes.y], abs=0.02)
    assert found.samples.count("M") == 2  # a gap where no sample is


@given(st.lists(anything, max_size=5), st.lists(anything, max_size=5), st.lists(anything))
def test_ranks_stay_inside(ranks, samples, reference):
    shape = {"ranks": ranks, "samples_share": samples, "reference_share": reference}
    if (found := ranking(shape)) is not None:
        for x, y in points(found.samples) + points(found.reference):
            assert plots.LEFT - 1 <= x <= plots.WIDTH
            assert plots.TOP - 1 <= y <= plots.HEIGHT


def test_few_ranks_are_no_line():
    assert ranking({**RANKED, "ranks": [1, 2], "samples_share": [1.0]}) is None
    assert ranking({**RANKED, "samples_share": [0.0], "reference_share": []}) is None


def test_an_onset_is_marked_if_it_lies_on_the_axis():
    assert curve(METRIC).onset is None
    assert curve(METRIC, 1).onset == curve(METRIC).axes.x[len(curve(METRIC).axes.x) // 2][0]
    assert curve(METRIC, 7).onset is None
    assert curve(METRIC, "soon").onset is None


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_round_and_few(low, span):
    found = nice(low, low + span)

    assert 2 <= len(found) <= plots.TICKS + 1
    slack = 1e-6 * span
    assert all(low - slack <= tick <= low + span + slack for tick in found)
    step = found[1] - found[0]
    assert round(step / 10 ** math.floor(math.log10(step * 1.0001)), 3) in (1, 2, 5)


def test_text_of_a_path_is_numbers_alone():
    found = curve(METRIC)

    for drawn in (found.band, found.mean, found.median, found.theory):
        assert re.fullmatch(r"[MZ0-9., e+-]+", drawn)
