"""Laws that are known exactly and can only be sampled: what a reference was drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from collapse_bench.regions import Region, Tails
from collapse_bench.validation import as_numbers, check_count

__all__ = ["Law", "TwoGaussians", "two_gaussians"]

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


def two_gaussians() -> TwoGaussians:
    """Return the law of the built-in reference ``two-gaussians``."""
    return TwoGaussians()
