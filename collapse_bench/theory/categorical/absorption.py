"""How long until one state is left, and which.

Index convention, ranges and sources: the package's docstring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlog1py, xlogy

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import fraction, whole
from collapse_bench.theory.categorical._chain import binomial, transitions
from collapse_bench.theory.categorical.spread import diversity_ratio

__all__ = [
    "absorption_bounds",
    "fixation_probability",
    "mean_absorption_time",
    "mean_coalescence_time",
]

# Rounding allowed above the largest diversity of K states.
SLACK = 1e-12
# Exact times are cheap up to here: a linear system of 500 unknowns, 2,000 sweeps of 2,000.
LARGEST_SYSTEM, LARGEST_TREE = 500, 2_000
# Mean coalescence time - [2(M - 1) - log(M)/3], at M = 400, 800, 1,600 and extrapolated.
TREE_OFFSET = 0.2783


def fixation_probability(p: ArrayLike) -> NDArray[np.float64]:
    """Return the chance that the chain ends in the point mass at a state: ``p`` itself.

    Each probability is a bounded martingale, E p_n = p_0 for every n [1]; its limit is 0 or 1.
    Holds for every size. The state is lost in the end with chance 1 - p.
    """
    return fraction("p", p)[()]


def absorption_bounds(
    diversity: ArrayLike, support: ArrayLike, size: ArrayLike, steps: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bounds on the chance that two or more states are left after ``steps``.

    With H_n = H_0 (1 - 1/M)^n: a law on K states has H <= 1 - 1/K, and counts of M draws on two or
    more states have H >= 2(M - 1)/M^2, so H_n/(1 - 1/K) <= P <= M^2 H_n / (2(M - 1)). The upper
    bound is for counts: 1 at steps 0. Derived for this project.

    Parameters
    ----------
    diversity
        H_0, the Gini-Simpson diversity of the truth, in [0, 1 - 1/K].
    support
        K, its number of states, an integer >= 2.
    size, steps
        Draws a generation and generations.

    Returns
    -------
    low, high
        Both in [0, 1].
    """
    start, states = fraction("diversity", diversity), whole("support", support, least=2)
    if np.any(start > 1 - 1 / states + SLACK):
        raise InvalidArgument(
            f"diversity must be at most 1 - 1/support; got diversity={diversity!r}, "
            f"support={support!r}"
        )
    ratio = diversity_ratio(size, steps)
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    low = np.minimum(start * ratio / (1 - 1 / states), 1.0)
    high = np.minimum(start * ratio * (size / 2) * (size / (size - 1)), 1.0)
    return low[()], np.where((steps == 0) & (start > 0), 1.0, high)[()]


def mean_absorption_time(p: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    """Return the mean steps from a truth on two states, of probabilities p and 1 - p, to one state.

    The first step is from the truth itself. Sizes up to 500: exact, by the linear system of the
    chain. Above: the diffusion's -2M [p log p + (1 - p) log(1 - p)] [5], which misses by less
    than 1 below and by less than 0.55 + log(M)/3 above (measured, sizes 2 to 800).
    """
    p, size = np.broadcast_arrays(fraction("p", p), whole("size", size, least=2))
    answer = np.array(-2 * size * (xlogy(p, p) + xlog1py(1 - p, -p)) + 0.0)
    for draws in np.unique(size[size <= LARGEST_SYSTEM]):
        here = size == draws
        answer[here] = _mean_steps(p[here], int(draws))
    return answer[()]


def mean_coalescence_time(size: ArrayLike) -> NDArray[np.float64]:
    """Return the mean steps from M *different* draws to one state: about 2(M - 1).

    Backwards in time: M ancestral lines, of which those that pick the same draw merge, until one
    is left [6]. From a truth without ties add the one step that draws them. Up to size 2,000
    exact, by the occupancy law of balls in boxes; above, 2(M - 1) - log(M)/3 + 0.278, within 0.01.
    Kingman's coalescent, two lines merging at a time, has 2(M - 1) alone.
    """
    size = whole("size", size, least=2)
    answer = np.array(2 * (size - 1) - np.log(size) / 3 + TREE_OFFSET)
    for draws in np.unique(size[size <= LARGEST_TREE]):
        answer[size == draws] = _mean_generations(int(draws))
    return answer[()]


def _mean_steps(p: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    inner = transitions(size)[1:-1, 1:-1]
    later = np.zeros(size + 1)
    later[1:-1] = np.linalg.solve(np.eye(size - 1) - inner, np.ones(size - 1))
    return np.where((p > 0) & (p < 1), 1 + binomial(p, size) @ later, 0.0)


def _mean_generations(size: int) -> float:
    boxes = np.arange(size + 1)
    occupied = np.zeros(size + 1)  # chance that so many boxes hold one of the balls so far
    occupied[1] = 1.0
    time = np.zeros(size + 1)  # from so many lines
    for lines in range(2, size + 1):
        new = occupied[:-1] * (size - boxes[1:] + 1) / size
        occupied = occupied * boxes / size
        occupied[1:] += new
        time[lines] = (1 + occupied[:lines] @ time[:lines]) / occupied[:lines].sum()
    return float(time[size])
