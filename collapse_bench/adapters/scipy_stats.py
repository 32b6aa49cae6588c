"""Kernel densities and distributions of scipy.stats as models."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters.adapted import Library, Moments
from collapse_bench.adapters.origin import made_by
from collapse_bench.errors import InvalidSpec

__all__ = ["is_kernel_class", "recognize"]


def is_kernel_class(obj: Any) -> bool:
    """Say whether ``obj`` is ``gaussian_kde`` or a subclass: made from rows, so never unfitted."""
    return inspect.isclass(obj) and any(
        cls.__name__ == "gaussian_kde" and cls.__module__.split(".")[0] == "scipy"
        for cls in obj.__mro__
    )


def recognize(obj: Any, name: str) -> Library | None:
    """Return how ``obj`` is used if it is one of scipy's, else None."""
    if _is_to_be(obj):
        return KERNEL_TO_BE
    if made_by(obj, "scipy", "gaussian_kde"):
        return KERNEL
    if made_by(obj, "scipy", "rv_generic"):
        raise InvalidSpec(
            f"{name} must be a frozen distribution; got scipy.stats.{obj.name}: call it with its "
            "parameters"
        )
    if made_by(obj, "scipy", "rv_frozen"):
        _demand_single(name, obj, [*obj.args, *obj.kwds.values()])
        return DISCRETE if made_by(obj, "scipy", "rv_discrete_frozen") else CONTINUOUS
    if made_by(obj, "scipy", "normal_inverse_gamma_frozen"):
        raise InvalidSpec(
            f"{name} must draw rows; got {type(obj).__name__}, which draws a pair of arrays: wrap "
            "it in a function f(n, seed)"
        )
    if made_by(obj, "scipy", "multi_rv_frozen"):
        # The density of a matrix, though of 1 x 1, is not one of a row.
        matrix = made_by(obj, "scipy", "wishart_frozen", "invwishart_frozen")
        return SEVERAL if _density(obj) and not matrix else SEVERAL_WITHOUT_DENSITY
    if made_by(obj, "scipy", "_ProbabilityDistribution"):  # scipy.stats.Normal and its kin
        _demand_single(name, obj, [np.empty(getattr(obj, "_shape", ()))])
        return NEW_DISCRETE if made_by(obj, "scipy", "DiscreteDistribution") else NEW
    return None


def _is_to_be(obj: Any) -> bool:
    """Say whether ``obj`` makes a kernel density when it is called with rows."""
    return is_kernel_class(obj.func if isinstance(obj, functools.partial) else obj)


def _demand_single(name: str, obj: Any, parameters: list[Any]) -> None:
    if any(np.ndim(parameter) for parameter in parameters):
        raise InvalidSpec(
            f"{name} must be a single distribution; got {type(obj).__name__} with arrays of "
            "parameters: make one for each"
        )


# --- gaussian_kde ---------------------------------------------------------------------------------


def _draw_kernel(kernel: Any, size: int, rng: np.random.Generator) -> Any:
    return kernel.resample(size, seed=rng).T  # (d, n) as scipy has it


def _fit_kernel(kernel: Any, samples: NDArray[Any], rng: np.random.Generator) -> Any:
    del rng  # nothing of it is random
    made = (
        kernel(samples.T)
        if _is_to_be(kernel)
        else type(kernel)(samples.T, bw_method=_bandwidth(kernel))
    )
    scales = np.sqrt(np.diag(made.covariance))
    least = np.linalg.eigvalsh(made.covariance / np.outer(scales, scales))[0]
    if not least > len(scales) * np.finfo(float).eps:
        # scipy refuses such rows too, unless rounding makes the covariance look regular.
        raise ValueError("the rows lie in a lower-dimensional subspace")
    return made


def _bandwidth(kernel: Any) -> Any:
    """Return the ``bw_method`` that a kernel density was made with, as far as it remembers."""
    factor = vars(kernel).get("covariance_factor")
    if factor is None:  # the rule of its class
        return None
    if getattr(factor, "__name__", "") in ("scotts_factor", "silverman_factor"):
        return factor.__name__.removesuffix("_factor").removesuffix("s")
    rule = kernel._bw_method
    return rule if callable(rule) else kernel.factor


def _log_prob_kernel(kernel: Any, samples: NDArray[Any]) -> Any:
    return kernel.logpdf(samples.T)


def _moments_kernel(kernel: Any) -> Moments:
    """Return the moments of the rows, smoothed: their covariance plus the kernel's."""
    rows, weights = kernel.dataset, kernel.weights  # (d, n), (n,) summing to 1
    spread = np.cov(rows, ddof=0, aweights=weights).reshape(len(rows), len(rows))
    return rows @ weights, spread + kernel.covariance


def _always(kernel: Any) -> bool:
    return True


# --- distributions --------------------------------------------------------------------------------


def _draw(frozen: Any, size: int, rng: np.random.Generator) -> Any:
    # A single draw loses its first axis in several columns, so there are always two.
    return np.asarray(frozen.rvs(size=max(size, 2), random_state=rng))[:size]


def _density(frozen: Any) -> Any:
    return getattr(frozen, "logpdf", None) or getattr(frozen, "logpmf", None)


def _log_prob(frozen: Any, samples: NDArray[Any]) -> Any:
    return _density(frozen)(samples if samples.ndim == 1 else samples[:, 0])


def _log_prob_several(frozen: Any, samples: NDArray[Any]) -> Any:
    # dirichlet alone wants its rows as columns
    rows = samples.T if made_by(frozen, "scipy", "dirichlet_frozen") else samples
    if not made_by(frozen, "scipy", "multivariate_hypergeom_frozen"):
        return np.reshape(_density(frozen)(rows), -1)
    # This one wants integers. Others have no probability, and nor has -1.
    whole = ((rows == np.rint(rows)) & (np.abs(rows) < 2**53)).all(axis=1)
    return np.reshape(frozen.logpmf(np.where(whole[:, None], rows, -1).astype(np.int64)), -1)


def _moments(frozen: Any) -> Moments | None:
    if frozen.dist.name == "vonmises":  # drawn on the circle, with the moments of the line
        return None
    mean, variance = frozen.stats("mv")
    return _finite([mean], [[variance]])


def _moments_several(frozen: Any) -> Moments | None:
    if made_by(frozen, "scipy", "multivariate_normal_frozen"):
        return _finite(frozen.mean, frozen.cov)
    mean, covariance = getattr(frozen, "mean", None), getattr(frozen, "cov", None)
    return _finite(mean(), covariance()) if callable(mean) and callable(covariance) else None


def _draw_new(law: Any, size: int, rng: np.random.Generator) -> Any:
    return law.sample(size, rng=rng)


def _log_prob_new(law: Any, samples: NDArray[Any]) -> Any:
    density = law.logpmf if made_by(law, "scipy", "DiscreteDistribution") else law.logpdf
    return density(samples if samples.ndim == 1 else samples[:, 0])


def _moments_new(law: Any) -> Moments | None:
    return _finite([law.mean()], [[law.variance()]])


def _finite(mean: Any, covariance: Any) -> Moments | None:
    """Return the moments if they are moments: a Cauchy law has none."""
    found = np.asarray(mean, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    fits = found[0].ndim == 1 and found[1].shape == 2 * found[0].shape
    return found if fits and all(np.isfinite(part).all() for part in found) else None


KERNEL = Library("numbers", _draw_kernel, _fit_kernel, _log_prob_kernel, _moments_kernel)
KERNEL_TO_BE = Library("numbers", _draw_kernel, _fit_kernel, unfitted=_always)
CONTINUOUS = Library("numbers", _draw, log_prob=_log_prob, moments=_moments)
DISCRETE = Library("codes", _draw, log_prob=_log_prob, moments=_moments)
SEVERAL = Library("numbers", _draw, log_prob=_log_prob_several, moments=_moments_several)
SEVERAL_WITHOUT_DENSITY = Library("numbers", _draw, moments=_moments_several)
# In scipy 1.17 a copied or pickled Normal is the standard normal law.
NEW = Library("numbers", _draw_new, log_prob=_log_prob_new, moments=_moments_new, copies=False)
NEW_DISCRETE = Library("codes", _draw_new, log_prob=_log_prob_new, copies=False)
