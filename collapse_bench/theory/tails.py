r"""Tails of discrete laws: Zipf's law sampled, cut and iterated; temperature and top-p.

Zipf's law has :math:`p_i = i^{-b}/\zeta(b)`, i = 1, 2, ...; ``exponent`` is b, a number in
[1.05, 10]. ``size`` is M, draws a generation; ``steps`` is n, rounds of sampling from the truth.
Arguments broadcast; numbers in, a number out; every function raises ``InvalidArgument`` outside
its ranges.

Sums over Zipf's law are taken term by term up to some rank K and by Euler and Maclaurin's formula
beyond, where the integral is an incomplete beta or gamma function: to 1e-10 relative for sizes up
to 1e9. The power laws beside them, ``*_power_law``, state how far they are off.

References
----------
.. [1] S. Karlin, "Central limit theorems for certain infinite urn schemes", J. Math. Mech. 17
   (1967), 373-401.
.. [2] E. Dohmatob et al., "A tale of tails: model collapse as a change of scaling laws", arXiv
   2402.07043 (2024): the exponents.
.. [3] M. Marchi et al., "Heat death of generative models in closed-loop learning", arXiv
   2404.02325 (2024): temperature.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, gamma, gammainc, zeta

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import law, positive, share, whole
from collapse_bench.theory.categorical import survival

__all__ = [
    "missing_mass",
    "missing_mass_power_law",
    "tempered",
    "top_k",
    "top_p",
    "top_p_fixed_point",
    "top_p_largest_support",
    "truncation_loss",
    "truncation_power_law",
    "vocabulary",
    "vocabulary_decay",
    "vocabulary_power_law",
]

Term = Callable[[NDArray[np.float64]], NDArray[np.float64]]
# Exponents for which the sums were checked; below, the number of terms explodes.
LOWEST, HIGHEST = 1.05, 10.0
# Terms before the formula takes over, at least; and in units of the rank at which a term's
# logarithm has the slope 1 a rank. Together they leave less than 1e-11.
FEWEST_TERMS = 1_000
MORE_TERMS = 40
# Stirling's series for log Gamma is good to 1e-14 from here on.
STIRLING_FROM = 20.0
# A cumulative probability reaches top-p's mass if it is this close: nine times 0.1 reach 0.9.
SLACK = 1e-9


def missing_mass(exponent: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    r"""Return the expected probability of Zipf's states that M draws miss, :math:`\sum p(1-p)^M`.

    Exact to 1e-10; what one generation can never produce again.
    """

    def one(b: float, m: float) -> float:
        c = 1 / zeta(b)

        def term(p: NDArray[np.float64]) -> NDArray[np.float64]:
            return p * np.exp(m * np.log1p(-p))

        def slope(p: float) -> float:  # d log term / d log p
            return 1 - m * p / (1 - p)

        def rest(p: float, rank: float) -> float:  # u = p(x) makes it an incomplete beta function
            return float(c ** (1 / b) / b * _beta(1 - 1 / b, m + 1, p))

        return _zipf_sum(b, m, term, slope, rest)

    return _each(one, _exponent(exponent), whole("size", size, least=1))


def missing_mass_power_law(exponent: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    r"""Return :math:`\Gamma(1-1/b)/b\;\zeta(b)^{-1/b} M^{-(1-1/b)}`: Karlin's law [1, 2].

    The sum's integral, (1-p)^M read as exp(-Mp). Against :func:`missing_mass` its relative error
    is at most 1/M for b <= 2.5 and 3/M for b <= 4 (measured, M from 1 to 1e9). Steeper laws have
    too few states near 1/M to pass for an integral: 7 % at b = 6 and M = 1,000, and useless at 10.
    """
    b, size = _exponent(exponent), whole("size", size, least=1)
    return np.asarray(gamma(1 - 1 / b) / b * zeta(b) ** (-1 / b) * size ** (1 / b - 1))[()]


def vocabulary(exponent: ArrayLike, size: ArrayLike, steps: ArrayLike = 1) -> NDArray[np.float64]:
    r"""Return the expected number of Zipf's states alive in generation n, each of M draws.

    n = 1: :math:`\sum 1 - (1-p)^M`, exact to 1e-10. n > 1: :math:`\sum 1 - \exp(-M p s_{n-1})`
    with :func:`categorical.survival` s: **sampling n times is sampling once with M s_{n-1}, about
    2M/n, draws**. That is exact for Poisson(M) draws a generation. With M draws it is too small,
    by a relative 0 to n/(4M) for n <= M (measured for M from 20 to 200 and b from 1.1 to 3, against
    the exact chain of :func:`categorical.extinction_probability`).
    """

    def one(b: float, m: float, n: float) -> float:
        c, a = 1 / zeta(b), 1 - 1 / b
        s = 1.0 if n == 1 else float(survival(n - 1))

        def term(p: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(-np.expm1(m * np.log1p(-p)) if n == 1 else -np.expm1(-m * s * p))

        def slope(p: float) -> float:
            kept = np.exp((m - 1) * np.log1p(-p)) if n == 1 else s * np.exp(-m * s * p)
            return float(m * p * kept / term(np.asarray(p)))

        def rest(p: float, rank: float) -> float:  # by parts, then u = p(x)
            if n == 1:
                body = c ** (1 / b) * m * _beta(a, m, p)
            else:
                body = (c * m * s) ** (1 / b) * gamma(a) * gammainc(a, m * s * p)
            return float(body - rank * term(np.asarray(p)))

        return _zipf_sum(b, m * s, term, slope, rest)

    n = whole("steps", steps, least=1)
    return _each(one, _exponent(exponent), whole("size", size, least=1), n)


def vocabulary_power_law(exponent: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    r"""Return :math:`\Gamma(1-1/b) (M/\zeta(b))^{1/b}`: Karlin's law [1], known as Heaps'.

    The integral of the sum; it exceeds :func:`vocabulary` after one step by about half a state
    (the half term at rank 0): by 0 to 0.52 for b <= 4, by 0 to 0.65 up to 10.
    """
    b, size = _exponent(exponent), whole("size", size, least=1)
    return np.asarray(gamma(1 - 1 / b) * (size / zeta(b)) ** (1 / b))[()]


def vocabulary_decay(exponent: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return the share of a Zipf vocabulary that generation n keeps of generation 1's.

    :math:`s_{n-1}^{1/b}`, about :math:`(2/n)^{1/b}`: a power law in n. The ratio of two
    :func:`vocabulary_power_law`; for b <= 4 it exceeds that of two :func:`vocabulary` by a relative
    0 to 0.65/V_n, V_n what is left (measured). Steeper laws can keep more than it says: a quarter
    more at b = 10, M = 100 and n = 50. Derived for this package.
    """
    b, steps = _exponent(exponent), whole("steps", steps, least=1)
    return np.asarray(survival(steps - 1) ** (1 / b))[()]


def truncation_loss(exponent: ArrayLike, rank: ArrayLike) -> NDArray[np.float64]:
    r"""Return the mass beyond the first r states, :math:`\zeta(b, r+1)/\zeta(b)`; exact.

    What a generator that never gives a state beyond rank r loses at once, whatever M.
    """
    b, rank = _exponent(exponent), whole("rank", rank, least=0)
    return np.asarray(zeta(b, rank + 1) / zeta(b))[()]


def truncation_power_law(exponent: ArrayLike, rank: ArrayLike) -> NDArray[np.float64]:
    r"""Return :math:`r^{-(b-1)} / ((b-1) \zeta(b))`, r >= 1: the scaling law of [2].

    The integral of i^-b from r. From r + 1 it is too small, so the relative error lies between 0
    and (1 + 1/r)^(b-1) - 1.
    """
    b, rank = _exponent(exponent), whole("rank", rank, least=1)
    return np.asarray(rank ** (1 - b) / ((b - 1) * zeta(b)))[()]


def tempered(p: ArrayLike, temperature: ArrayLike, steps: ArrayLike = 1) -> NDArray[np.float64]:
    r"""Return the law after n generations at a temperature, without sampling noise [3].

    :math:`p_n \propto p_0^{\tau^{-n}}`: temperatures multiply, log-odds grow by 1/tau a step. Below
    1 it tends to the point mass at the mode (shared by ties), above 1 to the uniform law of the
    support; a state of probability 0 keeps it.

    Parameters
    ----------
    p : shape (..., K)
        The truth; sums to 1.
    temperature, steps : shape (...)
        tau > 0, and n.
    """
    p = law("p", p)
    temperature = positive("temperature", temperature)
    steps = whole("steps", steps, least=0)
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        power = np.exp(-steps * np.log(temperature))[..., None]
        odds = np.log(p) - np.log(p.max(axis=-1, keepdims=True))  # 0 at the mode
        odds = np.where(odds == 0, 0.0, np.where(p == 0, -np.inf, odds * power))
        weights = np.exp(odds)
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def top_k(p: ArrayLike, count: int) -> NDArray[np.float64]:
    """Return the law of the ``count`` likeliest states, the first of ties; the same if repeated.

    Parameters
    ----------
    p : shape (..., K)
        Sums to 1.
    count
        An integer >= 1.
    """
    p, kept = law("p", p), int(whole("count", count, least=1))
    ranks = np.argsort(np.argsort(-p, axis=-1, kind="stable"), axis=-1)
    return _normalized(np.where(ranks < kept, p, 0.0))


def top_p(p: ArrayLike, mass: float) -> NDArray[np.float64]:
    """Return the law of the likeliest states, as few as reach ``mass``: nucleus sampling.

    Parameters
    ----------
    p : shape (..., K)
        Sums to 1; the first of ties goes first.
    mass
        P, in (0, 1]; reached at P - 1e-9. 1 keeps every state.
    """
    p, mass = law("p", p), _mass(mass)
    order = np.argsort(-p, axis=-1, kind="stable")
    before = np.take_along_axis(p, order, axis=-1)
    before = np.cumsum(before, axis=-1) - before  # the mass of all likelier states
    keep = np.empty(p.shape, dtype=bool)
    always = (np.arange(p.shape[-1]) == 0) | (mass == 1)
    np.put_along_axis(keep, order, always | (before < mass - SLACK), axis=-1)
    return _normalized(np.where(keep, p, 0.0))


def top_p_fixed_point(p: ArrayLike, mass: float) -> NDArray[np.float64]:
    r"""Return where repeated :func:`top_p` ends, after fewer than K steps.

    It stops exactly if the least likely state can't go, p_min > 1 - P. K states left have
    K p_min <= 1, so K < 1/(1 - P): :func:`top_p_largest_support`, whatever the truth. Derived for
    this package.
    """
    now = law("p", p)
    for _ in range(now.shape[-1]):
        now = top_p(now, mass)
    return now


def top_p_largest_support(mass: float) -> float:
    """Return the most states that repeated top-p can keep: 9 at 0.9, 19 at 0.95, inf at 1."""
    mass = _mass(mass)
    return np.inf if mass == 1 else float(max(1, np.ceil(1 / (1 - mass) * (1 - SLACK)) - 1))


def _mass(mass: float) -> float:
    value = share("mass", mass)
    if value.ndim:
        raise InvalidArgument(f"mass must be one number; got mass={mass!r}")
    return float(value)


def _normalized(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _exponent(exponent: ArrayLike) -> NDArray[np.float64]:
    b = np.asarray(exponent)
    if b.dtype.kind in "iuf" and np.all((b >= LOWEST) & (b <= HIGHEST)):
        return b.astype(np.float64)
    raise InvalidArgument(
        f"exponent must be a number in [{LOWEST}, {HIGHEST:g}]; got exponent={exponent!r}"
    )


def _each(function: Callable[..., float], *arguments: NDArray[np.float64]) -> NDArray[np.float64]:
    values = [function(*map(float, row)) for row in np.broadcast(*arguments)]
    return np.array(values).reshape(np.broadcast_shapes(*(a.shape for a in arguments)))[()]


def _beta(a: float, b: float, x: float) -> float:
    """Return the incomplete beta function, not regularized, for a in (0, 1)."""
    if b < STIRLING_FROM:
        whole_beta = np.exp(betaln(a, b))
    else:  # betaln is a difference of large logarithms: 1e-9 off at b = 1e6

        def rest(z: float) -> float:
            return (1 - (1 / 30 - (1 / 105 - 1 / (140 * z**2)) / z**2) / z**2) / (12 * z)

        ratio = (b + a - 0.5) * np.log1p(a / b) - a + rest(b + a) - rest(b)
        whole_beta = gamma(a) * np.exp(-ratio) * b**-a
    return float(whole_beta * betainc(a, b, x))


def _zipf_sum(
    b: float,
    draws: float,
    term: Term,
    slope: Callable[[float], float],
    rest: Callable[[float, float], float],
) -> float:
    """Return the sum of ``term(p_i)`` over Zipf's law; ``rest`` is its integral from a rank on."""
    c = 1 / zeta(b)
    terms = np.ceil(max(FEWEST_TERMS, MORE_TERMS * (b * draws * c) ** (1 / (b + 1))))
    p = c * np.arange(1.0, terms) ** -b
    last = float(c * terms**-b)
    edge = float(term(np.asarray(last)))
    derivative = -b / terms * edge * slope(last)
    return float(term(p).sum() + edge / 2 + rest(last, float(terms)) - derivative / 12)
