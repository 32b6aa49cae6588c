"""Where the marks of a plot stand: geometry of intervals, curves and densities, in plain numbers.

Templates draw them, so that nothing here writes markup. Coordinates are those of an SVG view box:
x to the right, y downward.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

__all__ = [
    "Curve",
    "Drawn",
    "Interval",
    "Pair",
    "curve",
    "density",
    "finite",
    "interval",
    "ranking",
    "tail",
]

WIDTH, HEIGHT = 400, 236  # of a plot with axes
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 26, 38  # its margins
STRIP, STRIP_HEIGHT = 320, 46  # of an interval
MARGIN = 0.06  # of an interval's axis, at each end
# How far an interval's axis reaches at least and at most, in units of detect, to the left and to
# the right; what lies beyond is cut, with an arrow.
NEAREST = (-0.25, 1.25)
FARTHEST = (-2.0, 3.0)
MOST_POINTS = 400  # of one curve; more can't be told apart at this size
TICKS = 5
WIDEST = 1e300  # beyond, differences of floats overflow


class Drawn(str):
    """The data of an SVG path: made here of numbers alone, and never cut as text may be."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """Where an interval's marks stand along its strip; None for what there is no number for.

    ``cut_low`` and ``cut_high`` say that the value lies beyond the axis.
    """

    zero: float
    tolerate: float
    detect: float
    low: float | None
    estimate: float | None
    high: float | None
    cut_low: bool
    cut_high: bool
    width: int = STRIP
    height: int = STRIP_HEIGHT

    @property
    def start(self) -> float:
        """Where its line begins: at ``low``, or at the next number that there is."""
        return next(x for x in (self.low, self.estimate, self.high) if x is not None)

    @property
    def end(self) -> float:
        """Where its line ends: at ``high``, or at the last number that there is."""
        return next(x for x in (self.high, self.estimate, self.low) if x is not None)


@dataclass(frozen=True, slots=True)
class Axes:
    """Ticks of a plot: where each stands, and its text."""

    x: tuple[tuple[float, str], ...]
    y: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric over the generations; None where there is nothing to draw.

    ``onset`` is where a generation stands from which on a loss is shown.
    """

    axes: Axes
    onset: float | None
    band: Drawn | None
    median: Drawn | None
    mean: Drawn | None
    theory: Drawn | None


@dataclass(frozen=True, slots=True)
class Pair:
    """The samples and the reference, as a curve each."""

    axes: Axes
    samples: Drawn
    reference: Drawn


def finite(value: Any) -> float | None:
    """Return ``value`` as a float if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def interval(record: Mapping[str, Any]) -> Interval | None:
    """Return where the marks of a loss stand, or of a growth.

    Parameters
    ----------
    record
        ``low``, ``estimate``, ``high``, ``tolerate``, ``detect``.

    Returns
    -------
    Interval or None
        None where there is no number to draw, or the effect sizes are none.
    """
    low, middle, high, tolerate, detect = (
        finite(record[name]) for name in ("low", "estimate", "high", "tolerate", "detect")
    )
    known = [value for value in (low, middle, high) if value is not None]
    if tolerate is None or detect is None or not 0 <= tolerate < detect or not known:
        return None
    left = max(min(NEAREST[0] * detect, *known), FARTHEST[0] * detect)
    right = min(max(NEAREST[1] * detect, *known), FARTHEST[1] * detect)
    if not 0 < right - left < WIDEST:
        return None
    margin = MARGIN * (right - left)
    scale = STRIP / (right - left + 2 * margin)

    def place(value: float) -> float:
        return round((min(max(value, left), right) - left + margin) * scale, 2)

    return Interval(
        zero=place(0.0),
        tolerate=place(tolerate),
        detect=place(detect),
        low=None if low is None else place(low),
        estimate=None if middle is None else place(middle),
        high=None if high is None else place(high),
        cut_low=low is not None and not left <= low <= right,
        cut_high=high is not None and not left <= high <= right,
    )


def curve(metric: Mapping[str, Any], onset: Any = None) -> Curve | None:
    """Return the curves of one metric of a trajectory, generation 0 first.

    Parameters
    ----------
    metric
        ``low``, ``median``, ``high``, ``mean`` and ``theory``: T + 1 values each, null where
        there is none; ``theory`` may be null itself.
    onset
        The generation to mark, or None.
    """
    series = {
        name: [finite(value) for value in metric.get(name) or ()]
        for name in ("low", "median", "high", "mean", "theory")
    }
    known = [value for values in series.values() for value in values if value is not None]
    generations = max(map(len, series.values())) - 1
    if generations < 1 or not known or max(map(abs, known)) > WIDEST:
        return None
    x_ticks = [tick for tick in nice(0, generations) if tick == int(tick)]
    across = _linear(0, generations, LEFT, WIDTH - RIGHT)
    bottom, top = _padded(min(known), max(known))
    up = _linear(bottom, top, HEIGHT - BOTTOM, TOP)

    begins = finite(onset)

    def line(name: str) -> Drawn | None:
        points = [
            None if value is None else (across(t), up(value))
            for t, value in _thinned(list(enumerate(series[name])))
        ]
        return _path(points)

    return Curve(
        axes=Axes(
            x=tuple((across(tick), f"{tick:g}") for tick in x_ticks),
            y=tuple((up(tick), _tick(tick)) for tick in nice(bottom, top)),
        ),
        onset=across(begins) if begins is not None and 0 <= begins <= generations else None,
        band=_band(series["low"], series["high"], across, up),
        median=line("median"),
        mean=line("mean"),
        theory=line("theory"),
    )


def density(shape: Mapping[str, Any]) -> Pair | None:
    """Return the densities of samples and reference over the bins of a shape, as steps."""
    edges = [value for value in map(finite, shape["edges"]) if value is not None]
    heights = {name: _heights(edges, shape[name]) for name in ("samples", "reference")}
    top = max((max(values, default=0.0) for values in heights.values()), default=0.0)
    if not (_ascending(edges) and 0 < top < WIDEST):
        return None
    across = _linear(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    up = _linear(0.0, 1.05 * top, HEIGHT - BOTTOM, TOP)
    drawn = {}
    for name, values in heights.items():
        points: list[tuple[float, float] | None] = [(across(edges[0]), up(0.0))]
        for left, right, height in zip(edges, edges[1:], values, strict=False):
            points += [(across(left), up(height)), (across(right), up(height))]
        points.append((across(edges[-1]), up(0.0)))
        drawn[name] = _path(points) or Drawn()
    axes = Axes(
        x=tuple((across(tick), _tick(tick)) for tick in nice(edges[0], edges[-1])),
        y=tuple((up(tick), _tick(tick)) for tick in nice(0.0, top)),
    )
    return Pair(axes, drawn["samples"], drawn["reference"])


def tail(shape: Mapping[str, Any]) -> Pair | None:
    """Return the shares farther out than a distance, both on logarithmic axes."""
    distances = [finite(value) for value in shape["distance"]]
    shares = [shape[name] for name in ("samples_beyond", "reference_beyond")]
    return _logarithmic(distances, shares, highest=0)


def ranking(shape: Mapping[str, Any]) -> Pair | None:
    """Return the share of a state over its rank, both on logarithmic axes."""
    edges = [finite(value) for value in shape["ranks"]]
    middles = [
        math.sqrt(first * (last - 1)) if first and last and last > first >= 1 else None
        for first, last in pairwise(edges)
    ]
    return _logarithmic(middles, [shape[f"{name}_share"] for name in ("samples", "reference")])


def _logarithmic(
    places: Sequence[float | None], series: Sequence[Sequence[Any]], highest: int | None = None
) -> Pair | None:
    """Return two curves on logarithmic axes, of which ``highest`` is the upper power of ten."""
    known = [[finite(value) for value in values] for values in series]
    far = [value for value in places if value is not None and value > 0]
    some = [value for values in known for value in values if value and value > 0]
    if not (_ascending(far) and some):
        return None
    top = math.ceil(math.log10(max(some))) if highest is None else highest
    lowest = min(math.floor(math.log10(min(some))), top - 1)
    across = _linear(math.log10(far[0]), math.log10(far[-1]), LEFT, WIDTH - RIGHT)
    up = _linear(lowest, top, HEIGHT - BOTTOM, TOP)
    drawn = []
    for values in known:
        points = [
            (across(math.log10(x)), up(math.log10(y))) if x and x > 0 and y and y > 0 else None
            for x, y in zip(places, values, strict=False)
        ]
        drawn.append(_path(points) or Drawn())
    step = max(1, math.ceil((top - lowest) / TICKS))
    axes = Axes(
        x=tuple((across(math.log10(tick)), _tick(tick)) for tick in _decades(far[0], far[-1])),
        y=tuple((up(power), f"{10.0**power:g}") for power in range(top, lowest - 1, -step)),
    )
    return Pair(axes, drawn[0], drawn[1])


def _decades(low: float, high: float) -> list[float]:
    """Return round numbers in [low, high], as far apart on a logarithmic axis as they can be."""
    if high < 30 * low:
        return [tick for tick in nice(low, high) if tick >= low]
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / (TICKS + 1)))
    return [10.0**power for power in range(first, last + 1, step)]


def nice(low: float, high: float, *, most: int = TICKS) -> list[float]:
    """Return at most ``most`` + 1 round numbers in [low, high]: multiples of 1, 2 or 5 times 10^k.

    Both are finite, and low < high.
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * power for unit in (1, 2, 5, 10) if unit * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [
        round(number * step, 12 - math.floor(math.log10(step))) for number in range(first, last + 1)
    ]


def _ascending(values: Sequence[float]) -> bool:
    """Return whether ``values`` span an axis on which ticks differ."""
    return (
        len(values) > 1
        and list(values) == sorted(values)
        and max(map(abs, values)) < WIDEST
        and values[-1] - values[0] > 1e-9 * max(map(abs, values))
        and values[-1] - values[0] > 1 / WIDEST
    )


def _tick(value: float) -> str:
    return f"{value:.6g}"


def _padded(low: float, high: float) -> tuple[float, float]:
    """Return a range around [low, high] that is never empty."""
    pad = 0.05 * (high - low)
    least = 1e-6 * max(abs(low), abs(high)) or 1.0
    pad = max(pad, least)
    return low - pad, high + pad


def _linear(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: round(start + (value - low) / (high - low) * (end - start), 2)


def _thinned(values: Sequence[Any]) -> list[Any]:
    """Return every k-th value and the last, ``MOST_POINTS`` or about as many."""
    step = math.ceil(len(values) / MOST_POINTS) or 1
    kept = list(values[::step])
    if values and (len(values) - 1) % step:
        kept.append(values[-1])
    return kept


def _runs(points: Iterable[Any]) -> list[list[Any]]:
    """Return the stretches without a gap."""
    runs: list[list[Any]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _path(points: Iterable[tuple[float, float] | None]) -> Drawn | None:
    parts = []
    for run in _runs(points):
        # one point alone is drawn as a dot, by the round end of a line of no length
        joined = " ".join(f"{x:g},{y:g}" for x, y in (run if len(run) > 1 else run * 2))
        parts.append(f"M{joined}")
    return Drawn(" ".join(parts)) if parts else None


def _band(
    low: Sequence[float | None],
    high: Sequence[float | None],
    across: Callable[[float], float],
    up: Callable[[float], float],
) -> Drawn | None:
    points = [
        None if down is None or top is None else (across(t), up(down), up(top))
        for t, (down, top) in _thinned(list(enumerate(zip(low, high, strict=False))))
    ]
    parts = []
    for run in _runs(points):
        there = " ".join(f"{x:g},{y:g}" for x, y, _ in run)
        back = " ".join(f"{x:g},{y:g}" for x, _, y in reversed(run))
        parts.append(f"M{there} {back}Z")
    return Drawn(" ".join(parts)) if parts else None


def _heights(edges: Sequence[float], shares: Sequence[Any]) -> list[float]:
    """Return shares by width: densities."""
    return [
        (finite(share) or 0.0) / (right - left)
        for left, right, share in zip(edges, edges[1:], shares, strict=False)
        if right > left
    ]
