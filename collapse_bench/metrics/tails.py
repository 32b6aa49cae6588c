"""Where the tails of a reference are, and how much of a sample still lies there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument, InvalidSamples, UndefinedMetric
from collapse_bench.metrics._shapes import Value, as_points, as_states, as_value
from collapse_bench.regions import Ellipsoid, Region, States, Tails
from collapse_bench.validation import Kind, as_samples, check_real, one_of

__all__ = [
    "Scored",
    "Tail",
    "as_scores",
    "rare_states",
    "tail_coverage",
    "tail_mass",
    "tail_region",
]

Tail = Literal["both", "upper", "lower"]

# Squared distances of equal rows differ by rounding, about 1e-16 times the dimension; rows that
# are this close (relative) count as tied.
TIED = 1e-9


@dataclass(frozen=True, slots=True)
class Scored:
    """The samples whose score lies in the tails of the line.

    ``score`` takes samples of shape (n, d), or codes of shape (n,), to n finite numbers.
    """

    score: Callable[[NDArray[Any]], Any]
    tails: Tails
    kind: Literal["numbers", "codes"] = "numbers"

    def contains(self, samples: NDArray[Any]) -> NDArray[np.bool_]:
        """Return a mask over samples of shape (..., n, d), or codes of shape (..., n)."""
        axes = samples.ndim - (1 if self.kind == "numbers" else 0)  # those that count samples
        flat = samples.reshape(-1, *samples.shape[axes:])
        return self.tails.contains(as_scores(self.score, flat)[:, None]).reshape(
            samples.shape[:axes]
        )


def tail_region(
    reference: Any,
    *,
    mass: float = 0.05,
    tail: Tail = "both",
    score: Callable[[NDArray[Any]], Any] | None = None,
    kind: Kind | None = None,
) -> Region:
    """Return the region that holds the share ``mass`` of the reference farthest out.

    Numbers of one column: beyond a quantile, or beyond two with mass/2 at each end. Several
    columns: beyond a Mahalanobis distance from the mean. Codes: the rarest states. With
    ``score``, the ends of the line of scores, of whatever the samples are.

    Parameters
    ----------
    reference
        Shape (m, d) or (m,); codes of shape (m,).
    mass
        Probability of the region on the reference, in (0, 1).
    tail
        "upper", "lower", or "both" with mass/2 at each end. Codes have no order and a distance
        has no lower end: there it must be "both", which then just means all of the tail.
    score
        Samples to one number each, shape (m,).
    kind
        "numbers" or "codes"; by default strings and booleans are codes, everything else numbers.

    Returns
    -------
    Region
        Exactly k = round(mass m) rows of a reference without ties lie in it (halves rounded up,
        and half of the mass at each end for "both"): a threshold is the order statistic next to
        those k. Values tied with a threshold belong to the body, so with ties there may be fewer
        than k. For codes see :func:`rare_states`.

    Raises
    ------
    InvalidArgument
        If the reference is too small for one row in each tail, or the mass leaves no body.
    InvalidSamples
        If the reference holds values that aren't finite, or can't be read.
    UndefinedMetric
        If ties leave no row of the reference in its tails, or it doesn't vary.
    """
    mass = check_real("mass", mass, low=0, high=1)
    one_of("tail", tail, ("both", "upper", "lower"))
    rows, found = as_samples("reference", reference, kind)
    if score is not None:
        return Scored(score, _ends(as_scores(score, rows), mass, tail), found)
    if found == "numbers" and rows.shape[1] == 1:
        return _ends(rows[:, 0], mass, tail)
    if tail != "both":
        raise InvalidArgument(
            f"tail must be 'both' for codes and for more than one column; got tail={tail!r}: "
            "pass score= to give the samples an order"
        )
    if found == "numbers":
        return _ellipsoid(rows, mass)
    states, counts = np.unique(rows, return_counts=True)
    if len(states) == 1:
        raise UndefinedMetric(f"reference must have two states or more; got {states[0]!r} alone")
    return rare_states(states, counts, mass=mass)


def rare_states(states: Sequence[Any] | NDArray[Any], weights: Any, *, mass: float) -> States:
    """Return the least probable states whose shares together are at most ``mass``.

    The rarest comes first and ties go by position in ``states``. At least one state is
    returned, even if its share alone exceeds ``mass``; states without weight aren't states.

    Parameters
    ----------
    states
        K codes.
    weights
        Their counts or probabilities, shape (K,), non-negative, some positive.
    mass
        Largest share of the region, in (0, 1).

    Raises
    ------
    InvalidArgument
        If the weights aren't K finite non-negative numbers, or all are 0.
    """
    mass = check_real("mass", mass, low=0, high=1)
    codes = np.asarray(states)
    shares = np.asarray(weights, dtype=np.float64)
    if codes.ndim != 1 or shares.shape != codes.shape:
        raise InvalidArgument(
            f"weights must have one entry a state; got shape {shares.shape} for {codes.shape}"
        )
    if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
        raise InvalidArgument(
            f"weights must be finite and non-negative, and not all 0; got weights={weights!r}"
        )
    order = np.argsort(shares, kind="stable")
    order = order[shares[order] > 0]
    below = np.cumsum(shares[order]) <= mass * shares.sum() * (1 + TIED)  # sums are rounded
    return States(tuple(codes[order[: max(1, int(below.sum()))]].tolist()))


def tail_mass(samples: Any, region: Region) -> Value:
    """Return the fraction of the samples that lies in a region.

    Parameters
    ----------
    samples
        Shape (n, d) or (n,), or (R, n, d) for R replicates; codes of shape (n,) or (R, n) where
        the region is made of codes. n >= 1, in the unit of the region.
    region
        As :func:`tail_region` gives it.

    Returns
    -------
    float or array of shape (R,)
        In [0, 1]. Its standard error is sqrt(p (1 - p) / n) for a region that was fixed
        beforehand; a region from m reference rows adds as much again with m for n.

    Raises
    ------
    InvalidSamples
        If a value isn't finite, or the samples aren't of the region's kind or width.
    """
    return as_value(region.contains(_readable(samples, region)).mean(axis=-1))


def tail_coverage(samples: Any, region: States) -> Value:
    """Return the share of a region's states that occur in the samples.

    Parameters
    ----------
    samples
        Codes, shape (n,), or (R, n) for R replicates; n >= 1.
    region
        A set of states, as :func:`tail_region` gives it for codes.

    Returns
    -------
    float or array of shape (R,)
        In [0, 1]. It grows with n: compare samples of one size.

    Raises
    ------
    InvalidArgument
        If the region isn't a non-empty set of states.
    InvalidSamples
        If the samples can't be codes, or are of another type than the region's.
    """
    if not isinstance(region, States) or not region.codes:
        raise InvalidArgument(f"region must be a non-empty set of states; got region={region!r}")
    codes = _readable(samples, region)
    states = np.unique(np.asarray(region.codes))
    rows = codes.reshape(-1, codes.shape[-1])  # (R, n)
    place = np.minimum(np.searchsorted(states, rows), len(states) - 1)
    replicate, draw = np.nonzero(states[place] == rows)
    present = np.zeros((len(rows), len(states)), dtype=bool)  # (R, K)
    present[replicate, place[replicate, draw]] = True
    return as_value(present.mean(axis=-1).reshape(codes.shape[:-1]))


def _ends(values: NDArray[np.float64], mass: float, tail: Tail) -> Tails:
    """Return the two quantiles, or the one, with k values strictly beyond each."""
    size, ends = len(values), 2 if tail == "both" else 1
    k = _beyond(size, mass, ends)
    ordered = np.partition(values, (k, size - 1 - k))
    region = Tails(
        lower=-math.inf if tail == "upper" else float(ordered[k]),
        upper=math.inf if tail == "lower" else float(ordered[size - 1 - k]),
    )
    if not region.contains(values[:, None]).any():
        raise UndefinedMetric(
            f"reference must have values beyond its tail quantiles; got {size} values of which "
            f"none lies below {region.lower!r} or above {region.upper!r}, for ties: "
            "raise mass, or pass kind='codes'"
        )
    return region


def _beyond(size: int, mass: float, ends: int) -> int:
    """Return how many of ``size`` rows lie beyond each quantile: round(mass size / ends)."""
    k = math.floor(mass * size / ends + 0.5)
    if k < 1:
        raise InvalidArgument(
            f"reference must have at least {math.ceil(ends / (2 * mass))} rows for one in each "
            f"tail of mass={mass!r}; got {size}"
        )
    if ends * k >= size:
        raise InvalidArgument(
            f"mass must leave rows outside the tails; got mass={mass!r}, {size} rows"
        )
    return k


def _ellipsoid(rows: NDArray[np.float64], mass: float) -> Ellipsoid:
    """Return the Mahalanobis ellipsoid; directions in which the rows don't vary are left out."""
    k = _beyond(len(rows), mass, ends=1)
    unit = np.ptp(rows, axis=0)
    varies = unit > 0
    if not varies.any():
        raise UndefinedMetric("reference must vary in some column; all of its rows are equal")
    center = rows.mean(axis=0)
    scaled = (rows - center)[:, varies] / unit[varies]
    scale = scaled.std(axis=0)
    values, vectors = np.linalg.eigh(
        np.cov(scaled / scale, rowvar=False, ddof=0).reshape(2 * (len(scale),))
    )
    # The rank rule of numpy.linalg.matrix_rank.
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    whitening = np.zeros((rows.shape[1], int(kept.sum())))  # (d, k)
    whitening[varies] = vectors[:, kept] / (scale * unit[varies])[:, None] / np.sqrt(values[kept])
    white = (rows - center) @ whitening
    squares = np.einsum("nk,nk->n", white, white)
    last = np.partition(squares, len(squares) - 1 - k)[len(squares) - 1 - k]  # of the body
    outer = squares[squares > last * (1 + TIED)]
    if len(outer) == 0:
        raise UndefinedMetric(
            f"reference must have rows beyond its tail quantile; got {len(rows)} rows of which "
            f"none lies farther from the mean than {math.sqrt(last)!r}, for ties: raise mass"
        )
    # Half way to the next row: a row of the reference is never within rounding of the radius.
    return Ellipsoid(center, whitening, math.sqrt((last + outer.min()) / 2))


def _readable(samples: Any, region: Region) -> NDArray[Any]:
    """Return samples as the region's ``contains`` takes them."""
    kind = "codes" if isinstance(region, States) else getattr(region, "kind", "numbers")
    if kind == "numbers":
        columns = {Tails: 1, Ellipsoid: len(getattr(region, "center", ()))}.get(type(region))
        return as_points("samples", samples, columns=columns)
    codes = as_states("samples", samples)
    if isinstance(region, States):
        wanted = np.asarray(region.codes).dtype
        if (wanted.kind in "UST") != (codes.dtype.kind in "UST"):  # numpy would compare as text
            raise InvalidSamples(
                f"samples must hold codes of the region's type, {wanted}; got dtype {codes.dtype}"
            )
    return codes


def as_scores(score: Callable[[NDArray[Any]], Any], rows: NDArray[Any]) -> NDArray[np.float64]:
    """Return the scores of n rows, shape (n,), and refuse what isn't one finite number a row."""
    scores = np.asarray(score(rows))
    if scores.shape != (len(rows),) or scores.dtype.kind not in "iufb":
        raise InvalidArgument(
            f"score must return one number a row, shape ({len(rows)},); "
            f"got shape {scores.shape}, dtype {scores.dtype}"
        )
    scores = scores.astype(np.float64)
    if not np.isfinite(scores).all():
        raise InvalidArgument(
            f"score must return finite numbers; {int((~np.isfinite(scores)).sum())} of "
            f"{len(scores)} are not"
        )
    return scores
