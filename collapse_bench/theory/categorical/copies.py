r"""Whether copies leave descendants: the chain of small counts, a branching process.

A draw has about Poisson(1) copies among the next M draws, independently: a Galton-Watson process,
which dies out by step j with chance 1 - s_j. Index convention, ranges and sources: the package's
docstring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlog1py

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import positive, whole
from collapse_bench.theory._numerics import polynomial
from collapse_bench.theory.categorical._chain import cheap, transitions

__all__ = ["copies_survival", "poisson_survival", "survival", "survival_bounds"]

# Steps that are taken one by one. Then s < 0.02 and the series below is exact to rounding.
TAKEN = 100
# A(s) = 2/s + log(s)/3 + sum of these over s, s^2, ... solves A(1 - exp(-s)) = A(s) + 1 (Abel's
# equation), so that j = A(s_j) - A(s_0): by comparing coefficients.
ABEL_SERIES = (1 / 36, 1 / 540, -1 / 7776, -71 / 435456, -8759 / 163296000)
# Newton's iterations from 2/j; each squares the relative error, at first below 0.06.
NEWTON = 5


def survival(steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return s_j, the chance that one copy has descendants j steps later: about 2/j.

    s_0 = 1 and :math:`s_{j+1} = 1 - \exp(-s_j)`, the generating function of Poisson(1). So j = 0
    is the generation in which the copy was drawn. Exact where the number of draws is Poisson(M)
    itself, and a lower bound for M draws, by induction from (1 - x)^M <= exp(-Mx); see
    :func:`copies_survival` for the error.
    """
    steps = whole("steps", steps, least=0)
    taken = np.empty(TAKEN + 1)
    taken[0] = 1.0
    for j in range(TAKEN):
        taken[j + 1] = -np.expm1(-taken[j])
    target = _abel(taken[TAKEN]) + np.maximum(steps, TAKEN) - TAKEN
    s = 2 / target
    for _ in range(NEWTON):
        slope = -2 / s**2 + 1 / (3 * s) + ABEL_SERIES[0]
        s = s + (target - _abel(s)) / slope
    return np.asarray(np.where(steps <= TAKEN, taken[np.minimum(steps, TAKEN).astype(int)], s))[()]


def survival_bounds(steps: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bounds on :func:`survival`: 2/(j + 2.5 + log(j + 1)/2) and 2/(j + 2).

    1/s grows by 1/2 + s/12 - ... a step, so by 1/2 at least, and 1/s_0 = 1. Derived for this
    project; [9] has 1/j for the lower one.
    """
    steps = whole("steps", steps, least=0)
    return (2 / (steps + 2.5 + np.log1p(steps) / 2))[()], (2 / (steps + 2))[()]


def copies_survival(count: ArrayLike, size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return the chance that a state with ``count`` = c of M draws is there j steps later.

    One step, always exact: 1 - (1 - c/M)^M, so the next generation loses a share of about e^-c of
    the states drawn c times, 36.8 % of the singletons. More steps: the exact chain [3] for sizes
    up to 2,000 while M^2 j is at most 4e8; else 1 - (1 - s_j)^c, and c/M where that is more, the
    chance to survive for ever: never too large, too small by less than c/M (measured, sizes up to
    300). Derived for this project.

    Parameters
    ----------
    count
        c, an integer from 0 to ``size``.
    size, steps
        M; j, the steps *since the count was seen*: 0 is now.
    """
    c, draws = whole("count", count, least=0), whole("size", size, least=2)
    if np.any(c > draws):
        raise InvalidArgument(f"count must be at most size; got count={count!r}, size={size!r}")
    c, size, steps = np.broadcast_arrays(c, draws, whole("steps", steps, least=0))
    with np.errstate(divide="ignore"):  # c = M is always there
        once = -np.expm1(xlog1py(size, -np.where(c == size, 0.0, c / size)))
        many = -np.expm1(xlog1py(c, -np.where(steps == 0, 0.0, survival(steps))))
    many = np.maximum(many, c / size)
    once = np.where(c == size, 1.0, once)
    answer = np.where(steps == 0, c > 0, np.where(steps == 1, once, many))
    small = (steps > 1) & cheap(size, steps)
    for one in np.unique(size[small]):
        here = small & (size == one)
        answer[here] = 1 - _died_out(int(one), steps[here], c[here])
    return np.asarray(answer)[()]


def poisson_survival(rate: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return the chance that a state is there after n steps of Poisson sampling from ``rate``.

    Its first count is Poisson(lambda), lambda = M p > 0, and each copy leaves Poisson(1) copies:
    :math:`1 - \exp(-\lambda s_{n-1})`; 1 at steps 0. At least :math:`1 - \exp(-\lambda/n)` [9].
    """
    rate, steps = positive("rate", rate), whole("steps", steps, least=0)
    alive = -np.expm1(-rate * survival(np.maximum(steps - 1, 0)))
    return np.asarray(np.where(steps == 0, 1.0, alive))[()]


def _abel(s: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2 / s + np.log(s) / 3 + s * polynomial(ABEL_SERIES, s)


def _died_out(
    size: int, steps: NDArray[np.float64], count: NDArray[np.float64]
) -> NDArray[np.float64]:
    chain, gone = transitions(size), np.zeros(size + 1)
    gone[0] = 1.0
    answer = np.empty(steps.shape)
    for step in range(1, int(steps.max()) + 1):
        gone = chain @ gone
        here = steps == step
        answer[here] = gone[count[here].astype(int)]
    return answer
