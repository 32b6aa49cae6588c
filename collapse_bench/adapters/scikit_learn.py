"""Mixtures and kernel densities of scikit-learn as models."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters.adapted import Library, Moments
from collapse_bench.adapters.origin import made_by
from collapse_bench.errors import InvalidSpec

__all__ = ["recognize"]

SAMPLED = ("gaussian", "tophat")  # the kernels that KernelDensity.sample draws from


def recognize(obj: Any, name: str) -> Library | None:
    """Return how ``obj`` is used if it is one of scikit-learn's models, else None."""
    if made_by(obj, "sklearn", "BaseMixture"):
        return MIXTURE
    if not made_by(obj, "sklearn", "KernelDensity"):
        return None
    if obj.kernel not in SAMPLED:
        raise InvalidSpec(
            f"{name} must have a kernel that scikit-learn draws from, "
            f"{' or '.join(map(repr, SAMPLED))}; got KernelDensity with kernel={obj.kernel!r}"
        )
    return KERNEL


def _seeded(rng: np.random.Generator) -> np.random.RandomState:
    """Return the generator that scikit-learn knows, on a seed drawn from ``rng``."""
    return np.random.RandomState(np.random.MT19937(int(rng.integers(1 << 63))))


def _unfitted(estimator: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return True
    return False


def _fit(estimator: Any, samples: NDArray[Any], rng: np.random.Generator) -> Any:
    from sklearn.base import clone

    fresh = clone(estimator)
    if "random_state" not in fresh.get_params(deep=False):
        return fresh.fit(samples)
    asked = fresh.random_state
    fresh.random_state = _seeded(rng)
    fresh.fit(samples)
    fresh.random_state = asked  # the parameters stay those of the user
    return fresh


def _draw_mixture(mixture: Any, size: int, rng: np.random.Generator) -> Any:
    # sample() takes no seed, and repeats itself where random_state is an integer.
    seeded = copy.copy(mixture)
    seeded.random_state = _seeded(rng)
    drawn, _ = seeded.sample(size)
    return rng.permutation(drawn)  # it comes sorted by component


def _draw_kernel(kernel: Any, size: int, rng: np.random.Generator) -> Any:
    return kernel.sample(size, random_state=_seeded(rng))


def _log_prob(estimator: Any, samples: NDArray[Any]) -> Any:
    # Without the names of the columns that it may have been fitted to: it would warn that an
    # array has none.
    nameless = copy.copy(estimator)
    vars(nameless).pop("feature_names_in_", None)
    return nameless.score_samples(samples)


def _mixture_moments(mixture: Any) -> Moments:
    """Return the moments of a mixture: the law of total covariance."""
    weights, means = np.asarray(mixture.weights_), np.asarray(mixture.means_)  # (K,), (K, d)
    within = np.asarray(mixture.covariances_, dtype=np.float64)
    identity = np.eye(means.shape[1])
    kind = mixture.covariance_type
    if kind == "spherical":  # (K,)
        within = within[:, None, None] * identity
    elif kind == "diag":  # (K, d)
        within = within[:, :, None] * identity
    elif kind == "tied":  # (d, d)
        within = np.broadcast_to(within, (len(weights), *within.shape))
    center = weights @ means
    apart = means - center
    between = np.einsum("k,ki,kj->ij", weights, apart, apart)
    covariance = np.einsum("k,kij->ij", weights, within) + between
    return center, (covariance + covariance.T) / 2  # exactly symmetric, whatever the rounding


def _kernel_moments(kernel: Any) -> Moments:
    """Return the moments of the rows, smoothed: their covariance plus the kernel's."""
    rows = np.asarray(kernel.tree_.data)  # (n, d)
    weights = kernel.tree_.sample_weight
    center = np.average(rows, axis=0, weights=weights)
    spread = np.cov(rows.T, ddof=0, aweights=weights).reshape(rows.shape[1], rows.shape[1])
    # A coordinate of a uniform point of the unit ball in d dimensions has variance 1 / (d + 2).
    share = 1 / (rows.shape[1] + 2) if kernel.kernel == "tophat" else 1
    return center, spread + share * kernel.bandwidth_**2 * np.eye(rows.shape[1])


MIXTURE = Library("numbers", _draw_mixture, _fit, _log_prob, _mixture_moments, _unfitted)
KERNEL = Library("numbers", _draw_kernel, _fit, _log_prob, _kernel_moments, _unfitted)
