"""Models that are sick as samplers, each for one known reason."""

# ruff: noqa: NPY002  (one of these writes numpy's global state, which is its defect)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from collapse_bench.controls.catalog import Control
from collapse_bench.controls.healthy import Oracle
from collapse_bench.data.laws import two_gaussians
from collapse_bench.models import Gaussian, Samples
from collapse_bench.validation import Kind

__all__ = ["SICK_SAMPLERS", "FixedBuffer", "SpoiledDensity", "SpoiledSampler"]

Rows = NDArray[np.float64]
# (base, size, rng) -> rows, and (base, samples) -> log-densities.
Draw = Callable[[Any, int, np.random.Generator], NDArray[Any]]
Density = Callable[[Any, Samples], NDArray[Any]]

MEMORY_OF_LAST = 0.5  # autocorrelation of the correlated draws
LEVELS = 32  # of the quantised output
LOWEST, HIGHEST = -7.0, 9.0  # four standard deviations of the base
DECIMALS = 2
BROKEN_SHARE = 1e-5
EXCESS_MASS = 0.02  # small enough for check_log_prob_calibration to overlook
OFFSET = 0.5
TEMPERATURE = 0.5


@dataclass(frozen=True)
class SpoiledSampler:
    """A model drawn from in a wrong way; it is fitted as its base is.

    Parameters
    ----------
    base
        A sound model.
    draw
        Function of the base, a size and a generator that returns the draws.
    """

    base: Any
    draw: Draw

    @property
    def kind(self) -> Kind:
        """What the samples are."""
        kind: Kind = self.base.kind
        return kind

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        """Draw ``size`` samples, wrongly."""
        return self.draw(self.base, size, rng)

    def fit(self, samples: Samples, *, rng: np.random.Generator) -> Self:
        """Return a model as sick, of the base fitted to ``samples``."""
        return replace(self, base=self.base.fit(samples, rng=rng))


@dataclass(frozen=True)
class SpoiledDensity:
    """A model with a wrong ``log_prob``; it is drawn from and fitted as its base is.

    Parameters
    ----------
    base
        A sound model.
    density
        Function of the base and samples that returns what stands for their log-densities.
    """

    base: Any
    density: Density

    @property
    def kind(self) -> Kind:
        """What the samples are."""
        kind: Kind = self.base.kind
        return kind

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        """Draw ``size`` samples of the base."""
        drawn: Samples = self.base.sample(size, rng=rng)
        return drawn

    def fit(self, samples: Samples, *, rng: np.random.Generator) -> Self:
        """Return a model as sick, of the base fitted to ``samples``."""
        return replace(self, base=self.base.fit(samples, rng=rng))

    def log_prob(self, samples: Samples) -> NDArray[Any]:
        """Return the wrong log-density of each sample."""
        return self.density(self.base, samples)


@dataclass(frozen=True)
class FixedBuffer:
    """Returns the same array from every call for one size, filled anew.

    Parameters
    ----------
    base
        A sound model of numbers.
    """

    base: Any
    kind: Kind = "numbers"
    _buffers: dict[int, Rows] = field(default_factory=dict, compare=False, repr=False)

    def sample(self, size: int, *, rng: np.random.Generator) -> Samples:
        """Draw ``size`` rows into the array that the last call returned."""
        drawn = self.base.sample(size, rng=rng)
        buffer = self._buffers.setdefault(size, np.empty_like(drawn))
        buffer[...] = drawn
        return buffer

    def fit(self, samples: Samples, *, rng: np.random.Generator) -> Self:
        """Return another one, with buffers of its own."""
        return replace(self, base=self.base.fit(samples, rng=rng), _buffers={})


def _fresh_entropy(base: Any, size: int, rng: np.random.Generator) -> Rows:
    return _drawn(base, size, np.random.default_rng())


def _same_draw(base: Any, size: int, rng: np.random.Generator) -> Rows:
    return _drawn(base, size, np.random.default_rng(0))


def _stream_stays(base: Any, size: int, rng: np.random.Generator) -> Rows:
    word = int(rng.bit_generator.seed_seq.generate_state(1)[0])
    return _drawn(base, size, np.random.default_rng(word))


def _reads_global(base: Any, size: int, rng: np.random.Generator) -> Rows:
    words: Any = np.random.get_state()
    ours = rng.integers(1 << 32)
    return _drawn(base, size, np.random.default_rng([ours, *words[1][:8]]))


def _writes_global(base: Any, size: int, rng: np.random.Generator) -> Rows:
    np.random.seed(int(rng.integers(1 << 32)))
    return _drawn(base, size, rng)


def _sorted(base: Any, size: int, rng: np.random.Generator) -> Rows:
    return np.sort(_drawn(base, size, rng), axis=0)


def _by_component(base: Any, size: int, rng: np.random.Generator) -> Rows:
    rows = _drawn(base, size, rng)
    return rows[np.argsort(rows[:, 0] > 0, kind="stable")]


def _antithetic(base: Any, size: int, rng: np.random.Generator) -> Rows:
    rows = _drawn(base, (size + 1) // 2, rng)
    mirrored = 2 * base.moments()[0] - rows
    return np.concatenate([rows, mirrored])[:size]


def _correlated(base: Any, size: int, rng: np.random.Generator) -> Rows:
    center = base.moments()[0]
    steps = _drawn(base, size, rng) - center
    steps[1:] *= np.sqrt(1 - MEMORY_OF_LAST**2)  # so that the first row's law stays that of all
    return np.asarray(center + lfilter([1.0], [1.0, -MEMORY_OF_LAST], steps, axis=0))


def _duplicated(base: Any, size: int, rng: np.random.Generator) -> Rows:
    return np.repeat(_drawn(base, (size + 1) // 2, rng), 2, axis=0)[:size]


def _moment_matched(base: Any, size: int, rng: np.random.Generator) -> Rows:
    rows = _drawn(base, size, rng)
    if size < 2:
        return rows
    mean, covariance = base.moments()
    standard = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    return np.asarray(mean + standard * np.sqrt(np.diag(covariance)))


def _quantised(base: Any, size: int, rng: np.random.Generator) -> Rows:
    step = (HIGHEST - LOWEST) / LEVELS
    rows = _drawn(base, size, rng).clip(LOWEST, HIGHEST)
    return np.asarray(LOWEST + step * np.rint((rows - LOWEST) / step))


def _rounded(base: Any, size: int, rng: np.random.Generator) -> Rows:
    return _drawn(base, size, rng).round(DECIMALS)


def _sometimes_nan(base: Any, size: int, rng: np.random.Generator) -> Rows:
    rows = _drawn(base, size, rng)
    rows[rng.random(size) < BROKEN_SHARE] = np.nan
    return rows


def _half_precision(base: Any, size: int, rng: np.random.Generator) -> NDArray[Any]:
    return _drawn(base, size, rng).astype(np.float16)


def _transposed(base: Any, size: int, rng: np.random.Generator) -> Rows:
    return _drawn(base, size, rng).T


def _too_much_mass(base: Any, samples: Samples) -> NDArray[Any]:
    return np.asarray(base.log_prob(samples) + np.log1p(EXCESS_MASS))


def _off_by_constant(base: Any, samples: Samples) -> NDArray[Any]:
    return np.asarray(base.log_prob(samples) + OFFSET)


def _other_temperature(base: Any, samples: Samples) -> NDArray[Any]:
    mean, covariance = base.moments()
    return np.asarray(Gaussian(mean, covariance * TEMPERATURE).log_prob(samples))


def _of_the_batch(base: Any, samples: Samples) -> NDArray[Any]:
    rows = np.asarray(samples, dtype=np.float64)
    return np.asarray(base.log_prob(rows - rows.mean(axis=0) + base.moments()[0]))


def _drawn(base: Any, size: int, rng: np.random.Generator) -> Rows:
    return np.array(base.sample(size, rng=rng))


def _line() -> Gaussian:
    return Gaussian(1.0, 4.0)


def _plane() -> Gaussian:
    return Gaussian([1.0, -2.0], [[4.0, 1.5], [1.5, 1.0]])


def _space() -> Gaussian:
    return Gaussian([1.0, -2.0, 0.0], np.diag([4.0, 1.0, 0.25]))


def _modes() -> Oracle:
    return Oracle(two_gaussians())


def _sick(name: str, make: Callable[[], Any], defect: str, caught_by: str) -> Control:
    return Control(name, make, defect, caught_by, sampler="fail", learner="any", link="any")


def _draws(
    name: str, draw: Draw, defect: str, caught_by: str, base: Callable[[], Any] = _line
) -> Control:
    return _sick(name, lambda: SpoiledSampler(base(), draw), defect, caught_by)


def _judges(
    name: str, density: Density, defect: str, caught_by: str, base: Callable[[], Any] = _line
) -> Control:
    return _sick(name, lambda: SpoiledDensity(base(), density), defect, caught_by)


UNCORRELATED = "check_successive_draws_uncorrelated"
CALIBRATION = "check_log_prob_calibration"

SICK_SAMPLERS: tuple[Control, ...] = (
    _draws(
        "seed-ignored",
        _fresh_entropy,
        "draws from a generator of its own, seeded by the system",
        "check_seed_determinism",
    ),
    _draws("same-draw", _same_draw, "always uses seed 0", "check_seed_sensitivity"),
    _draws(
        "stream-not-advanced",
        _stream_stays,
        "draws from a copy of rng, so that the next call gives the same",
        "check_successive_draws_differ",
    ),
    _draws(
        "global-state-read",
        _reads_global,
        "seeds itself by numpy's global state too",
        "check_global_state",
    ),
    _draws(
        "global-state-written", _writes_global, "seeds numpy's global state", "check_global_state"
    ),
    _sick("fixed-buffer", lambda: FixedBuffer(_line()), "reuses what it returned", "check_buffer"),
    _draws("sorted-output", _sorted, "sorts its draws", "check_exchangeable"),
    _draws(
        "sorted-by-component",
        _by_component,
        "returns one component after the other",
        "check_exchangeable",
        _modes,
    ),
    _draws("antithetic-pairs", _antithetic, "the second half mirrors the first", UNCORRELATED),
    _draws("correlated-draws", _correlated, "each row leans on the one before", UNCORRELATED),
    _draws("duplicated-rows", _duplicated, "returns each row twice", UNCORRELATED),
    _draws(
        "moment-matched",
        _moment_matched,
        "every call has exactly the law's mean and variance",
        "check_split_invariance",
    ),
    _draws("quantised-output", _quantised, f"returns one of {LEVELS} levels", "check_resolution"),
    _draws("rounding", _rounded, f"rounds to {DECIMALS} decimals", "check_resolution"),
    _draws("nan-once-in-100000", _sometimes_nan, "NaN in one row of 100,000", "check_finite"),
    _draws("wrong-dtype", _half_precision, "returns half precision", "check_sample_dtype"),
    _draws("wrong-shape", _transposed, "returns (d, n)", "check_sample_shape", _plane),
    _judges(
        "density-unnormalized",
        _too_much_mass,
        f"exp(log_prob) integrates to {1 + EXCESS_MASS:g}",
        "check_log_prob_normalized",
    ),
    _judges("log-prob-off-by-constant", _off_by_constant, f"adds {OFFSET:g}", CALIBRATION, _space),
    _judges(
        "log-prob-of-another-law",
        _other_temperature,
        f"has {TEMPERATURE:g} of the variance of what is drawn",
        CALIBRATION,
    ),
    _judges(
        "log-prob-of-the-batch",
        _of_the_batch,
        "centers each batch before judging it",
        "check_log_prob_shape",
    ),
)
