"""The loss of a check in two releases, and how far each pair of their rows moves its change.

The reference is taken as it is: a change is one of the loss against these very rows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.baselines.comparing import Bounded
from collapse_bench.data import SampleSet
from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates import Check
from collapse_bench.gates.codes import Codes
from collapse_bench.gates.counting import counter_of, is_halved
from collapse_bench.gates.levels import MOST_PERMUTATIONS
from collapse_bench.gates.pair import QUANTITIES
from collapse_bench.gates.rows import Data, Rows, read_reference, read_samples
from collapse_bench.gates.scales import form_of
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.metrics import directions
from collapse_bench.statistics.paired import PairedDistance, PairedMean, PairedShares
from collapse_bench.statistics.richness import Incidence
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, as_numbers, as_samples, as_tokens, check_count

__all__ = ["MEASURES", "Measured", "Pairs", "pairs_of"]

LEAST = 20  # pairs; with fewer nothing is told
DEPTH = 1_000  # of a support where none is given, as the check's


@dataclass(frozen=True, slots=True)
class Measured:
    """A loss in two releases, pair by pair.

    Attributes
    ----------
    was, now
        The losses of the earlier and of the later one.
    quantity
        What is lost, as the check says it.
    change
        The later loss minus the earlier one, times ``scale``.
    scale
        What a change is divided by.
    """

    was: float
    now: float
    quantity: str
    change: Bounded
    scale: float = 1.0

    def bounds(self, level: float) -> tuple[float, float]:
        """Return bounds of the change, each wrong with probability ``level`` at most."""
        low, high = self.change.bounds(level)
        return low / self.scale, high / self.scale


@dataclass(frozen=True, eq=False)
class Pairs:
    """The rows of two releases, in the order in which they correspond, and their reference."""

    earlier: Data
    later: Data
    reference: Data
    permutations: int
    seed: int

    def measure(self, check: Check) -> Measured:
        """Return the loss of a check in both releases.

        Raises
        ------
        InvalidArgument
            If the check isn't one of such samples, or of its setting no pairs can be compared.
        """
        if self.reference.kind not in check.setting.kinds:
            raise InvalidArgument(
                f"checks must be of {self.reference.kind}, as the reference is; got {check!r}"
            )
        return MEASURES[check.metric](self, check.setting)

    def mean(self, metric: str, losses: list[tuple[float, Any]], quantity: str) -> Measured:
        """Return two losses, each given with what its rows add to it but for a constant, (n,).

        Equal rows add the same to both, as far as they can: it is counted how many do not.
        """
        was, now = losses
        found = PairedMean.of(
            now[1] - was[1],
            change=now[0] - was[0],
            permutations=self.permutations,
            rng=generator(self.seed, "compare", metric, "flip"),
        )
        return Measured(was[0], now[0], quantity, found)


def pairs_of(
    earlier: Any,
    later: Any,
    reference: Any,
    *,
    kind: Kind | None = None,
    permutations: int = 9_999,
    seed: int = 0,
) -> Pairs:
    """Return two releases' rows in pairs, checked.

    Raises
    ------
    InvalidArgument
        If a setting is out of its range, or the data aren't of one kind.
    InvalidSamples
        If samples or reference can't be judged, or there are fewer than 20 pairs, or not as many
        rows of the one as of the other.
    """
    check_count("permutations", permutations, most=MOST_PERMUTATIONS)
    check_count("seed", seed, least=0)
    known = read_reference(reference, kind, seed=seed)
    rows = [
        _in_order(name, values, known, kind)
        for name, values in (("earlier", earlier), ("later", later))
    ]
    sizes = [len(values) for values in rows]
    if sizes[0] != sizes[1]:
        raise InvalidSamples(
            "earlier and later must have as many rows, of which the i-th ones correspond; got "
            f"{sizes[0]:,} and {sizes[1]:,}"
        )
    if sizes[0] < LEAST:
        raise InvalidSamples(f"earlier and later must be {LEAST} pairs or more; got {sizes[0]}")
    return Pairs(rows[0], rows[1], known, permutations, seed)


def _in_order(name: str, samples: Any, reference: Data, kind: Kind | None) -> Data:
    """Return rows as they stand; the gates' own readers sort them."""
    sorted_rows = read_samples(samples, reference, kind)  # refuses what can't be judged
    values = samples.values if isinstance(samples, SampleSet) else samples
    if isinstance(sorted_rows, Rows):
        return Rows(as_numbers(name, values), sorted_rows.columns)
    if sorted_rows.units is None:
        return Codes(as_samples(name, values, "codes")[0], len(sorted_rows))
    tokens, units, size = as_tokens(name, values)
    return Codes(tokens, size, units)


def _tail(pairs: Pairs, setting: Any) -> Measured:
    """Return the loss of the tail that the reference's rows mark."""
    assert isinstance(setting, TailMass)
    counter = counter_of(
        pairs.reference,
        mass=setting.mass,
        side="upper" if is_halved(pairs.reference, setting.score) else setting.tail,
        score=setting.score,
        seed=pairs.seed,
    )
    quantity = setting.quantity(pairs.reference)
    if counter.tail is None:
        raise InvalidArgument(
            f"the reference must have rows in its tail of mass {setting.mass:g}; "
            f"got {counter.k} of {counter.m}"
        )
    tail, both = counter.tail, (pairs.earlier, pairs.later)
    rng = generator(pairs.seed, "compare", "tail_mass", "ties")
    if isinstance(pairs.reference, Rows):
        ties = rng.random(len(pairs.earlier))  # of a pair: rows that are equal stay equal
        held = [_beyond(tail, counter.scores(rows), ties) for rows in both]
        found = PairedShares.of(*held)
        share = counter.k / counter.m
        was, now = (1 - float(one.mean()) / share for one in held)
        return Measured(was, now, quantity, found, share)
    states = np.unique(np.concatenate([rows.values for rows in (*both, pairs.reference)]))
    rare = _beyond(tail, counter.scores(Codes.of_draws(states)), rng.random(len(states)))
    _, counted = pairs.reference.halves(generator(pairs.seed, "check", "tail_mass", "half"))
    share = float(rare[np.searchsorted(states, counted.values)].mean())
    if not share > 0:
        raise InvalidArgument(
            f"the reference must hold states within a mass of {setting.mass:g}; got none that rare"
        )
    hits = [rare[np.searchsorted(states, rows.values)] for rows in both]
    if pairs.reference.units is None:
        was, now = (1 - float(hit.mean()) / share for hit in hits)
        return Measured(was, now, quantity, PairedShares.of(*hits), share)
    sides = []
    for rows, hit in zip(both, hits, strict=True):
        assert isinstance(rows, Codes)
        assert rows.units is not None
        x, w = (
            np.bincount(rows.units, weights, minlength=len(rows))
            for weights in (hit.astype(float), np.ones(len(hit)))
        )
        rate = x.sum() / w.sum()
        sides.append((1 - rate / share, -(rate + (x - rate * w) / w.mean()) / share))
    return pairs.mean("tail_mass", sides, quantity)


def _beyond(tail: Any, scores: NDArray[np.float64], ties: NDArray[np.float64]) -> Any:
    """Return which scores lie in a tail; ``ties`` says it of those on a threshold."""
    (bottom, below), (top, above) = tail.bottom, tail.top
    found = (scores < bottom) | (scores > top)
    return found | ((scores == bottom) & (ties < below)) | ((scores == top) & (ties > above))


def _variance(pairs: Pairs, setting: Any) -> Measured:
    """Return the loss of the spread; in several columns of that of the determinant."""
    reference, both = pairs.reference, (pairs.earlier, pairs.later)
    assert isinstance(reference, Rows)
    white = reference.white
    if white.dimension == 1:
        column = int(reference.varying[0]) if len(reference.varying) else 0
        line = np.sort(reference.values[:, column])
        form = form_of(line, setting.scale, reference.label(column))
        whole = _spread(line, form)[0]
        sides = []
        for rows in both:
            spread, moved = _spread(rows.values[:, column], form)
            sides.append((1 - spread / whole, -(spread + moved) / whole))
        return pairs.mean("variance", sides, form.quantity)
    sides = []
    for rows in both:
        points = white(rows.values)
        points = points - points.mean(axis=0)
        covariance = points.T @ points / len(points)
        sign, logarithm = np.linalg.slogdet(covariance)
        d = white.dimension
        if not sign > 0:  # flat in a direction: everything is lost, whatever a row adds
            sides.append((1.0, np.zeros(len(points))))
            continue
        kept = float(np.exp(logarithm / d))
        squares = np.einsum("ij,ij->i", points @ np.linalg.inv(covariance), points)
        sides.append((1 - kept, -kept * squares / d))
    return pairs.mean("variance", sides, QUANTITIES["logdet"])


def _spread(values: NDArray[np.float64], form: Any) -> tuple[float, NDArray[np.float64]]:
    """Return a spread of values in any order, and how far each of them moves it."""
    if form.robust is None:
        squares = np.square(values - values.mean())
        return float(squares.mean()), squares - squares.mean()
    order = np.argsort(values, kind="stable")
    spread, moved = form.robust.influence(values[order])
    back = np.empty_like(moved)
    back[order] = moved
    return spread, back


def _wasserstein(pairs: Pairs, setting: Any) -> Measured:
    """Return the loss of shape, in mean deviations of the reference."""
    del setting
    reference = pairs.reference
    assert isinstance(reference, Rows)
    columns = reference.varying
    center, scale = (
        reference.values[:, columns].mean(axis=0),
        reference.values[:, columns].std(axis=0),
    )
    lines = np.ones((1, 1)) if len(columns) == 1 else directions(len(columns))
    projected = [
        (rows.values[:, columns] - center) / scale @ lines.T
        for rows in (pairs.earlier, pairs.later, reference)
    ]
    found = PairedDistance.of(
        *projected,
        unit=float(np.abs(projected[2]).mean()),
        permutations=pairs.permutations,
        rng=generator(pairs.seed, "compare", "wasserstein", "swap"),
    )
    what = "shape, as the W1 distance in mean deviations"
    if len(columns) > 1:
        what = "shape, as the mean W1 distance along 64 directions in mean deviations"
    return Measured(found.first, found.second, what, found)


def _support(pairs: Pairs, setting: Any) -> Measured:
    """Return the loss of the states in so many units."""
    reference, both = pairs.reference, (pairs.earlier, pairs.later)
    assert isinstance(reference, Codes)
    depth = setting.depth or min(len(pairs.earlier), len(reference), DEPTH)
    if depth > min(len(pairs.earlier), len(reference)):
        raise InvalidArgument(
            f"depth must be at most {min(len(pairs.earlier), len(reference)):,}; got depth={depth}"
        )
    whole = reference.incidence.richness(depth).value
    sides = []
    for rows in both:
        assert isinstance(rows, Codes)
        units = np.arange(len(rows)) if rows.units is None else rows.units
        incidence = Incidence.of_units(rows.values, units, len(rows))
        added = _only_there(incidence, depth)
        value = incidence.richness(depth).value
        sides.append((1 - value / whole, -len(rows) * added / whole))
    unit = "draws" if reference.units is None else "sequences"
    return pairs.mean("support", sides, f"states in {depth:,} {unit}")


def _only_there(incidence: Incidence, depth: int) -> NDArray[np.float64]:
    """Return by how much the richness would be less without each unit, in their own order."""
    assert incidence.places is not None
    units, states = incidence.places
    others, share = incidence.holders - 1, depth / incidence.size
    # the chance that the unit is among ``depth`` of them and nobody else that holds the state
    weights = share * np.power(1 - share, others)
    return np.asarray(
        np.bincount(units, weights[states], minlength=incidence.size), dtype=np.float64
    )


MEASURES: Mapping[str, Callable[[Pairs, Any], Measured]] = {
    "tail_mass": _tail,
    "variance": _variance,
    "wasserstein": _wasserstein,
    "support": _support,
}
