"""Codes and tokens side by side, small enough for a report: frequencies by rank, and examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from collapse_bench.gates.codes import Codes, default_mass
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, as_tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ranks"]

BINS = 40
DIGITS = 6  # significant; a plot shows three
STATES = 10  # missing states that are named
EXAMPLES = 5  # sequences of each kind
LONGEST = 280  # characters of a sequence


def ranks(
    samples: NDArray[Any],
    reference: NDArray[Any],
    kind: Kind,
    columns: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return what it takes to draw the states of samples over those of the reference.

    One record, as ``ranked`` in the report's schema says. The states are ranked by one random half
    of the reference, always the same, and the reference's shares are those of the other half:
    counted on the rows that rank them, rare states would look more frequent than they are, and
    samples of the very same law would look as if they had lost them.

    Parameters
    ----------
    samples, reference
        Codes, shapes (n,) and (m,), or sequences of tokens as a
        :class:`~collapse_bench.data.SampleSet` holds them.
    kind
        "codes" or "tokens".
    columns
        The name of the column, if it has one.

    Returns
    -------
    list
        Empty if the half that ranks, or the other one, holds nothing.
    """
    import numpy as np

    ours, theirs = (_tokens(values, kind) for values in (samples, reference))
    units = theirs[2]
    first = np.zeros(units, dtype=bool)
    first[generator(0, "report", "half").permutation(units)[: units // 2]] = True
    ranking, counted = theirs[0][first[theirs[1]]], theirs[0][~first[theirs[1]]]
    if not (len(ranking) and len(counted)):
        return []
    states, counts = np.unique(ranking, return_counts=True)
    order = np.argsort(-counts, kind="stable")  # states that tie stay in their own order
    held_by = [_counts(values, states)[order] for values in (ours[0], counted)]
    edges = np.unique(np.geomspace(1, len(states) + 1, BINS + 1).round().astype(int))
    # the rarest are as many as stay within the mass, and all that the ranking half lacks
    held = np.cumsum(counts[order][::-1])[::-1]
    mass = default_mass(Codes.of_draws(theirs[0]))  # as wide as the check's tail
    common = held > mass * len(ranking)
    rarest = [
        (len(values) - known[common].sum()) / len(values)
        for known, values in zip(held_by, (ours[0], counted), strict=True)
    ]
    missing = _missing(ours[0], theirs[0])
    record = {
        "column": None if columns is None else str(columns[0]),
        "ranks": edges.tolist(),
        "samples_share": _short(_means(held_by[0], edges) / len(ours[0])),
        "reference_share": _short(_means(held_by[1], edges) / len(counted)),
        "rarest": dict(zip(("mass", "samples", "reference"), (mass, *_short(rarest)), strict=True)),
        "states": {
            "samples": len(np.unique(ours[0])),
            "reference": len(np.unique(theirs[0])),
            "missing": len(missing),
        },
        "missing": [str(state) for state in missing[:STATES].tolist()],
        "examples": None,
    }
    if kind == "tokens":
        # of each of the most frequent ones the first sequence that holds it
        first_of = [int(theirs[1][np.argmax(theirs[0] == state)]) for state in missing[:STATES]]
        lacking = list(dict.fromkeys(first_of))[:EXAMPLES]
        record["examples"] = {
            "samples": [_text(row) for row in samples[:EXAMPLES]],
            "reference": [_text(row) for row in reference[:EXAMPLES]],
            "missing": [_text(reference[row]) for row in lacking],
        }
    return [record]


def _tokens(values: NDArray[Any], kind: Kind) -> tuple[NDArray[Any], NDArray[np.intp], int]:
    """Return states, the unit of each, and the number of units."""
    import numpy as np

    if kind == "tokens":
        return as_tokens("samples", values)
    return values, np.arange(len(values)), len(values)


def _counts(values: NDArray[Any], states: NDArray[Any]) -> NDArray[np.intp]:
    """Return how many of ``values`` hold each of the sorted ``states``."""
    import numpy as np

    ordered = np.sort(values)
    first = np.searchsorted(ordered, states, "left")
    return np.asarray(np.searchsorted(ordered, states, "right") - first)


def _means(counts: NDArray[np.intp], edges: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the mean count of a state between ranks, the first of which is 1."""
    import numpy as np

    return np.asarray(np.add.reduceat(counts, edges[:-1] - 1) / np.diff(edges))


def _missing(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
    """Return the reference's states that no sample holds, the most frequent first."""
    import numpy as np

    states, counts = np.unique(theirs, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return np.asarray(states[order][~np.isin(states[order], ours)])


def _text(row: Any) -> str:
    """Return the beginning of a sequence as text."""
    if not isinstance(row, str):
        row = " ".join(map(str, row[:LONGEST]))  # a token takes a character at least
    return row if len(row) <= LONGEST else f"{row[:LONGEST]}\N{HORIZONTAL ELLIPSIS}"


def _short(values: Any) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
