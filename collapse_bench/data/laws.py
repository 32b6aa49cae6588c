"""Laws that are known exactly and can only be sampled: what a reference was drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, ndtr

from collapse_bench.errors import InvalidArgument
from collapse_bench.regions import Region, Tails
from collapse_bench.validation import as_numbers, check_count

__all__ = ["Law", "NormalMixture", "TwoGaussians", "two_gaussians"]

OFFSET = 2.0  # distance of each component's mean from 0, in units of its scale of 1


class Law(Protocol):
    """A distribution that can be sampled; whatever a Model offers beyond that is optional."""

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[np.generic]:
        """Draw ``size`` samples: (size, d) numbers or (size,) codes."""
        ...


@dataclass(frozen=True, slots=True)
class TwoGaussians:
    """The even mixture of N(-2, 1) and N(2, 1) on the line: two modes, light tails.

    It has no ``fit``: it is a truth to be compared with, never a candidate that learns.
    """

    kind: Literal["numbers"] = "numbers"

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw ``size`` independent samples, shape (size, 1).

        Raises
        ------
        InvalidArgument
            If ``size`` is not a positive integer.
        """
        size = check_count("size", size)
        signs = 2.0 * rng.integers(2, size=(size, 1)) - 1.0
        return OFFSET * signs + rng.standard_normal((size, 1))

    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean, shape (1,), and the covariance, shape (1, 1).

        Variance is that within a component plus that between the two: 1 + OFFSET**2.
        """
        return np.zeros(1), np.full((1, 1), 1.0 + OFFSET**2)

    def mass(self, region: Region) -> float:
        """Return the exact probability of ``region``, in [0, 1].

        Raises
        ------
        NotImplementedError
            If ``region`` is not a :class:`~collapse_bench.regions.Tails`.
        """
        if not isinstance(region, Tails):
            raise NotImplementedError(
                f"TwoGaussians has no closed form for a {type(region).__name__}"
            )
        if region.lower > region.upper:  # the two half-lines overlap: together the whole line
            return 1.0
        below = 0.5 * (ndtr(region.lower - OFFSET) + ndtr(region.lower + OFFSET))
        above = 0.5 * (ndtr(OFFSET - region.upper) + ndtr(-OFFSET - region.upper))
        return float(below + above)

    def log_prob(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-density in nats of samples of shape (n, 1) or (n,), shape (n,).

        With x >= 0 by symmetry, log(phi(x - a) + phi(x + a)) = log phi(x - a) + log1p(e**(-2ax)).

        Raises
        ------
        InvalidSamples
            If ``samples`` are not finite numbers in one column.
        """
        line = np.abs(as_numbers("samples", samples, columns=1)[:, 0])  # (n,)
        log_phi = -0.5 * (line - OFFSET) ** 2 - 0.5 * np.log(2.0 * np.pi)
        return np.asarray(log_phi + np.log1p(np.exp(-2.0 * OFFSET * line)) - np.log(2.0))


class NormalMixture:
    r"""The mixture :math:`\sum_j w_j N(\mu_j, s_j^2 I)` in any dimension; known exactly.

    Like :class:`TwoGaussians` it has no ``fit``: it is a truth, never a candidate that learns.

    Parameters
    ----------
    weights : shape (k,)
        Positive, summing to 1 within 1e-9; they are renormalized.
    means : shape (k, d) or (k,)
        Centers of the components; shape (k,) is read as (k, 1).
    scales : shape (k,)
        Standard deviation of each component along every axis, positive.

    Raises
    ------
    InvalidArgument
        If the shapes disagree, or a value is out of its range.
    """

    kind: Literal["numbers"] = "numbers"

    def __init__(self, weights: ArrayLike, means: ArrayLike, scales: ArrayLike) -> None:
        self.weights = as_numbers("weights", weights, columns=1)[:, 0]  # (k,)
        self.means = as_numbers("means", means)  # (k, d)
        self.scales = as_numbers("scales", scales, columns=1)[:, 0]  # (k,)
        if not len(self.weights) == len(self.means) == len(self.scales):
            raise InvalidArgument(
                "weights, means and scales must have one entry a component; got "
                f"{len(self.weights)}, {len(self.means)} and {len(self.scales)}"
            )
        # 1e-9: far above the rounding of a sum, far below any weight meant.
        if not (self.weights > 0).all() or abs(self.weights.sum() - 1) > 1e-9:
            raise InvalidArgument(f"weights must be positive and sum to 1; got weights={weights!r}")
        if not (self.scales > 0).all():
            raise InvalidArgument(f"scales must be positive; got scales={scales!r}")
        self.weights = self.weights / self.weights.sum()

    def __repr__(self) -> str:
        parts = (self.weights.tolist(), self.means.tolist(), self.scales.tolist())
        return f"NormalMixture({', '.join(map(repr, parts))})"

    def sample(self, size: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw ``size`` independent samples, shape (size, d).

        Raises
        ------
        InvalidArgument
            If ``size`` is not a positive integer.
        """
        component = rng.choice(len(self.weights), check_count("size", size), p=self.weights)
        noise = rng.standard_normal((size, self.means.shape[1]))
        return np.asarray(self.means[component] + self.scales[component, None] * noise)

    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean, shape (d,), and the covariance, shape (d, d): within plus between."""
        mean = self.weights @ self.means
        gap = self.means - mean  # (k, d)
        within = float(self.weights @ self.scales**2) * np.eye(len(mean))
        return mean, within + (self.weights[:, None] * gap).T @ gap

    def mass(self, region: Region) -> float:
        """Return the exact probability of ``region``, in [0, 1].

        Raises
        ------
        NotImplementedError
            If ``region`` is not a :class:`~collapse_bench.regions.Tails`, or d > 1.
        """
        if not isinstance(region, Tails) or self.means.shape[1] > 1:
            raise NotImplementedError(
                f"NormalMixture has no closed form for a {type(region).__name__} in "
                f"{self.means.shape[1]} dimensions"
            )
        if region.lower > region.upper:  # the two half-lines overlap: together the whole line
            return 1.0
        below, above = (
            ndtr(sign * (end - self.means[:, 0]) / self.scales)
            for sign, end in ((1.0, region.lower), (-1.0, region.upper))
        )
        return float(self.weights @ (below + above))

    def log_prob(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-density in nats of samples of shape (n, d), shape (n,).

        Raises
        ------
        InvalidSamples
            If ``samples`` are not finite numbers in d columns.
        """
        d = self.means.shape[1]
        rows = as_numbers("samples", samples, columns=d)
        squares = np.square(rows[:, None] - self.means).sum(axis=2) / self.scales**2  # (n, k)
        norms = np.log(self.weights) - d * (np.log(self.scales) + np.log(2 * np.pi) / 2)
        return np.asarray(logsumexp(norms - squares / 2, axis=1))


def two_gaussians() -> TwoGaussians:
    """Return the law of the built-in reference ``two-gaussians``."""
    return TwoGaussians()
