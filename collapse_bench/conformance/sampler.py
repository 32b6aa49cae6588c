"""Checks of a model as a sampler: what ``sample`` returns, and how it heeds its stream."""

from __future__ import annotations

import copy
import math
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from collapse_bench.adapters import name_of
from collapse_bench.conformance.calls import affordable, as_plain, once, raw, told
from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.outcomes import fail, skip, undecided
from collapse_bench.conformance.subject import Subject
from collapse_bench.errors import ModelError
from collapse_bench.generation import BATCH

__all__ = [
    "check_finite",
    "check_sample_dtype",
    "check_sample_shape",
    "check_sample_sizes",
    "check_seed_determinism",
    "check_seed_sensitivity",
    "check_successive_draws_differ",
]

ODD_SIZES = (7, 5)  # unlike any width that a model is likely to have
FINITE_VALUES = 1_000_000
REPEATED_ROWS = 50_000  # torch shares out work among threads from 32,768 elements on
STREAMS = 8
STREAM_ROWS = 1_000
# A coincidence this rare in any sound model counts as a defect, in checks without a level.
SURE = 1e-9
LEAST_BITS = 24  # of a number's significand: single precision; half has 11


@conformance_check("sampler")
def check_sample_shape(subject: Subject) -> str | None:
    """``sample(n)`` returns n rows of one width: (n, d) numbers, (n,) numbers or (n,) codes.

    Asked for 7 rows and for 5, so that no width passes for a number of rows. Never wrong about a
    sound model.
    """
    model, rng = subject.model, subject.rng("shape")
    widths = []
    for size in ODD_SIZES:
        call = told(model, size)
        rows = as_plain(call, raw(model, size, rng))
        wanted = f"{call} must return shape ({size}, d) or ({size},) with d >= 1"
        if rows.ndim not in (1, 2) or len(rows) != size or 0 in rows.shape:
            fail(f"{wanted}; got shape {rows.shape}")
        codes = _declared(model, rows) == "codes"
        if codes and rows.shape not in ((size,), (size, 1)):
            fail(f"{call} must return codes of shape ({size},); got shape {rows.shape}")
        widths.append(rows.shape[1:])
    if widths[0] != widths[1]:
        fail(
            f"{name_of(model)}.sample must return rows of one shape; got {widths[0]} "
            f"in a call for {ODD_SIZES[0]} and {widths[1]} in one for {ODD_SIZES[1]}"
        )
    return f"shape (n, {widths[0][0]})" if widths[0] else "shape (n,)"


@conformance_check("sampler")
def check_sample_dtype(subject: Subject) -> str | None:
    """Numbers come as float64, float32 or integers, codes as integers, strings or booleans.

    In an array or a tensor. Half precision is refused: it rounds to three digits, which is a loss
    of its own. Never wrong about a sound model.
    """
    model = subject.model
    size = ODD_SIZES[0]
    call = told(model, size)
    drawn = raw(model, size, subject.rng("dtype"))
    rows = as_plain(call, drawn)  # None and text get the sentence of their own
    if not hasattr(drawn, "dtype"):
        fail(f"{call} must return an array or a tensor; got {type(drawn).__name__}")
    dtype = drawn.dtype
    if _declared(model, rows) == "codes":
        text = rows.dtype.kind == "O" and all(isinstance(value, str) for value in rows.flat)
        if rows.dtype.kind not in "iubUST" and not text:
            fail(f"{call} must return codes as integers, strings or booleans; got dtype {dtype}")
    elif rows.dtype.kind not in "iuf":
        fail(f"{call} must return real numbers; got dtype {dtype}")
    elif "float16" in str(dtype):  # torch.bfloat16 too
        fail(
            f"{call} must return numbers of {LEAST_BITS} bits or more; got dtype {dtype}: "
            "convert after drawing in float32"
        )
    return f"dtype {dtype}"


@conformance_check("sampler")
def check_sample_sizes(subject: Subject) -> str | None:
    """Calls for 0, 1, 2 and many rows return as many, of one width and dtype.

    Many is one more than the batch of 8,192 that this package draws in, or what the budget
    affords. For 0 rows an error that is a ``ValueError`` with a sentence does as well as an empty
    array. Never wrong about a sound model.
    """
    model, rng = subject.model, subject.rng("sizes")
    large = affordable(subject, BATCH + 1, times=2)
    calls = {size: as_plain(told(model, size), raw(model, size, rng)) for size in (1, 2, large)}
    remark = "0 gives an empty array"
    try:
        nothing = raw(model, 0, rng)
    except ModelError as error:
        cause = error.__cause__
        if not isinstance(cause, ValueError) or not str(cause).strip():
            fail(
                f"{told(model, 0)} must return an empty array or raise a ValueError with a "
                f"sentence; it raised {type(cause).__name__}: {cause}"
            )
        remark = f"0 raises {type(cause).__name__}"
    else:
        calls[0] = as_plain(told(model, 0), nothing)
    first = calls[1]
    for size, rows in sorted(calls.items()):
        call = told(model, size)
        if rows.ndim not in (1, 2) or len(rows) != size:
            fail(f"{call} must return {size} rows; got shape {rows.shape}")
        if rows.shape[1:] != first.shape[1:]:
            fail(f"{call} must return rows of shape {first.shape[1:]}; got {rows.shape[1:]}")
        kinds = (rows.dtype.kind, first.dtype.kind)
        # Strings are as wide as the longest among them; an empty array of anything has any type.
        if rows.dtype != first.dtype and kinds not in (("U", "U"), ("S", "S")) and size:
            fail(f"{call} must return dtype {first.dtype} as for one row; got {rows.dtype}")
    return f"1, 2 and {large:,} rows alike; {remark}"


@conformance_check("sampler")
def check_finite(subject: Subject) -> str | None:
    """No NaN, no infinity and no missing code in a million values, or what the budget affords.

    What is masked is missing. The remark names the rarest defect that is excluded: with N clean
    rows, one in a row out of N / log(1 / beta) would have been seen except with probability beta.
    Never wrong about a sound model.
    """
    model, rng = subject.model, subject.rng("finite")
    wanted = math.ceil(FINITE_VALUES / subject.width)
    size = affordable(subject, wanted)
    for start in range(0, size, BATCH):
        count = min(BATCH, size - start)
        call = f"{told(model, count)}, after {start:,} rows,"
        drawn = raw(model, count, rng)
        rows = as_plain(call, drawn)
        # A plain array of it would show what lies under the mask.
        if np.ma.is_masked(drawn):
            masked = int(np.ma.getmaskarray(drawn).sum())
            fail(
                f"{call} must return finite values; {masked:,} of {rows.size:,} are masked, "
                "which is to be missing"
            )
        if rows.dtype.kind == "f":
            broken = ~np.isfinite(rows)
        elif rows.dtype.kind == "O":
            broken = np.array([value is None or value != value for value in rows.flat])
        else:
            continue
        if broken.any():
            fail(
                f"{call} must return finite values; {int(broken.sum())} of {rows.size:,} are not, "
                f"such as {rows.reshape(-1)[broken.reshape(-1)][0]}"
            )
    rare = size / math.log(1 / subject.beta)
    short = "" if size == wanted else f" (the budget of {subject.budget:g} s affords no more)"
    return (
        f"{size:,} rows are finite{short}: a defect in one row of {rare:,.0f} or more often is "
        f"excluded at {subject.beta:g}; a rarer one would be missed"
    )


@conformance_check("sampler")
def check_seed_determinism(subject: Subject) -> str | None:
    """The same stream gives the same draw, to the last bit: again later, and from a copy.

    50,000 rows in one call, which several threads share where there are any, or what the budget
    affords. Never wrong about a sound model.
    """
    model = subject.model
    size = affordable(subject, REPEATED_ROWS, times=5)
    first = once(subject, size, "same")
    calls = f"two calls of {told(model, size)}"
    _must_agree(first, once(subject, size, "same"), calls)
    once(subject, size, "between")  # what a model remembers of a call mustn't matter
    _must_agree(first, once(subject, size, "same"), calls)
    try:
        twin = copy.deepcopy(model)
    except Exception as error:  # anything may refuse to be copied
        return f"{size:,} rows, drawn three times; no copy could be made: {type(error).__name__}"
    again = once(subject, size, "same", model=twin)
    _must_agree(first, again, f"{told(model, size)} and the same call of a copy of the model")
    return f"{size:,} rows, drawn three times and once from a copy"


@conformance_check("sampler")
def check_seed_sensitivity(subject: Subject) -> str | None:
    """Another stream gives another draw: eight streams, every two of them compared by column.

    Two draws of a sound model are equal with probability at most one over the number of distinct
    orders of their values, whatever its law, because all orders are equally likely. Below 1e-9
    that is a failure. A law of one value is skipped.
    """
    size = affordable(subject, STREAM_ROWS, times=STREAMS)
    draws = [once(subject, size, "stream", number) for number in range(STREAMS)]
    _must_differ(draws, f"{told(subject.model, size)} on different streams")
    return f"{STREAMS} streams, {STREAMS} draws of {size:,} rows"


@conformance_check("sampler")
def check_successive_draws_differ(subject: Subject) -> str | None:
    """Calls with one generator, one after the other, give other draws: the stream moves on.

    Eight calls, every two of them compared as :func:`check_seed_sensitivity` does, with the same
    bound on a false alarm.
    """
    size = affordable(subject, STREAM_ROWS, times=STREAMS)
    rng = subject.rng("successive")
    draws = [once(subject, size, rng=rng) for _ in range(STREAMS)]
    _must_differ(draws, f"successive calls of {told(subject.model, size)} with one rng")
    return f"{STREAMS} successive draws of {size:,} rows"


def _declared(model: Any, rows: NDArray[Any]) -> str:
    """Return what the samples are, from the model's word or from their type, unseen otherwise."""
    said = getattr(model, "kind", None)
    if said is not None:
        return str(said)
    return "codes" if rows.dtype.kind in "USTb" else "numbers"


def _must_agree(first: NDArray[Any], second: NDArray[Any], calls: str) -> None:
    __tracebackhide__ = True
    if first.shape == second.shape and np.array_equal(first, second):
        return
    differing = f"shapes {first.shape} and {second.shape}"
    if first.shape == second.shape:
        rows = (first != second).reshape(len(first), -1).any(axis=1)
        differing = f"{int(rows.sum()):,} differing rows, the first at {int(np.argmax(rows))}"
    fail(f"{calls} with rngs in one state must return the same draw; got {differing}")


def _must_differ(draws: list[NDArray[Any]], calls: str) -> None:
    """Fail if two draws have an equal column that chance couldn't have made equal."""
    __tracebackhide__ = True
    columns = [rows.reshape(len(rows), -1) for rows in draws]  # each (n, d)
    told_apart = False
    doubtful = None
    for one, other in combinations(range(len(draws)), 2):
        for column in range(columns[one].shape[1]):
            left, right = columns[one][:, column], columns[other][:, column]
            orders = _log_orders(left)
            if not np.array_equal(left, right):
                told_apart = True
            elif orders > math.log(1 / SURE):
                where = f"column {column} of " if columns[one].shape[1] > 1 else ""
                fail(
                    f"{calls} must return different draws; got {where}draws {one} and {other} "
                    f"equal in all {len(left):,} rows"
                )
            elif orders > 0:
                doubtful = math.exp(-orders)
    if doubtful is not None:
        undecided(f"{calls}: two were equal, by chance with probability up to {doubtful:.2g}")
    if not told_apart:
        skip("the model draws one value only, so that all its draws are equal")


def _log_orders(values: NDArray[Any]) -> float:
    """Return the logarithm of the number of distinct orders of ``values``."""
    counts = np.unique(values, return_counts=True)[1]
    return float(gammaln(len(values) + 1) - gammaln(counts + 1).sum())
