"""The Gaussian in any dimension, fitted by its sample mean and covariance."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, ndtr

from collapse_bench.errors import InvalidArgument, UndefinedMetric
from collapse_bench.models._arrays import Draws, is_tensor, namespace, to_device, to_numpy
from collapse_bench.models._scatter import (
    GaussianStatistics,
    contrasts,
    like,
    log,
    resolved,
    rounded,
    scaled,
    triangle,
)
from collapse_bench.regions import Region, Tails
from collapse_bench.validation import as_numbers, check_count, one_of

__all__ = ["Gaussian", "GaussianStatistics"]

Array = Any  # a numpy array or a torch tensor


class Gaussian:
    r"""The normal law :math:`N(\mu, \Sigma)`.

    Parameters
    ----------
    mean : shape (d,) or a number
        Mean; a number makes a law on the line.
    covariance : shape (d, d), or a number
        Covariance; a number is the variance on the line, or of every coordinate. It may be
        singular: a point mass is a Gaussian of covariance 0.
    ddof
        What :meth:`fit` divides the scatter by is ``size - ddof``: 1 is the unbiased estimator
        of the paper's Theorem 3.1, 0 is maximum likelihood. The two have opposite fates in W2.
    dtype
        What a fitted mean and scale are rounded to. In ``"float32"`` the parameters are a finite
        set of numbers: a scale below 7e-46 becomes exactly 0, and stays there. Draws and sums are
        float64 in either.

    Raises
    ------
    InvalidArgument
        If the shapes disagree, a value isn't finite (in ``dtype``), the covariance isn't symmetric
        and positive semi-definite, ``ddof`` is neither 0 nor 1, or ``dtype`` is another.

    Notes
    -----
    The covariance is held as exp(2 log_scale) F F^T with F lower-triangular, so that a lineage may
    shrink far below the smallest float and be told from one that is exactly a point. A leading
    replicate axis, made by :meth:`replicate`, carries R independent models that are drawn and
    fitted together.
    """

    kind: ClassVar[str] = "numbers"
    affine_equivariant: ClassVar[bool] = True

    mean: Array  # (d,) or (R, d)
    factor: Array  # (d, d) or (R, d, d); (1, 1) of ones on the line
    log_scale: Array  # () or (R,)
    ddof: int
    dtype: str

    def __init__(
        self,
        mean: ArrayLike = 0.0,
        covariance: ArrayLike = 1.0,
        *,
        ddof: int = 1,
        dtype: Literal["float64", "float32"] = "float64",
    ) -> None:
        center = np.atleast_1d(np.asarray(mean, dtype=np.float64))
        spread = np.asarray(covariance, dtype=np.float64)
        if center.ndim != 1 or not np.isfinite(center).all():
            raise InvalidArgument(f"mean must be a finite number or vector; got mean={mean!r}")
        d = len(center)
        spread = spread * np.eye(d) if spread.ndim == 0 else spread
        if spread.shape != (d, d) or not np.isfinite(spread).all():
            raise InvalidArgument(
                f"covariance must be finite with shape ({d}, {d}); got covariance={covariance!r}"
            )
        if not np.allclose(spread, spread.T):
            raise InvalidArgument(f"covariance must be symmetric; got covariance={covariance!r}")
        values, vectors = np.linalg.eigh((spread + spread.T) / 2)
        if values[0] < -1e-12 * max(values[-1], 0.0) or values[-1] < 0:  # rounding of eigh
            raise InvalidArgument(
                f"covariance must be positive semi-definite; got covariance={covariance!r}"
            )
        if isinstance(ddof, bool) or ddof not in (0, 1):
            raise InvalidArgument(f"ddof must be 0 or 1; got ddof={ddof!r}")
        self.ddof, self.dtype = ddof, one_of("dtype", dtype, ("float64", "float32"))
        factor = triangle((vectors * np.sqrt(np.maximum(values, 0.0))).T)  # (d, d)
        state = rounded(center, *scaled(factor, np.float64(0.0)), self.dtype)
        self.mean, self.factor, self.log_scale = state

    def _with(self, mean: Array, factor: Array, log_scale: Array) -> Self:
        new = object.__new__(type(self))
        new.mean, new.factor, new.log_scale = mean, factor, log_scale
        new.ddof, new.dtype = self.ddof, self.dtype
        return new

    def __repr__(self) -> str:
        where = f"replicates={self.replicates}, " if self.replicates else ""
        if where or self.dimension > 1:
            return f"Gaussian({where}dimension={self.dimension}, ddof={self.ddof})"
        mean, covariance = self.moments()
        return f"Gaussian({mean[0]:g}, {covariance[0, 0]:g}, ddof={self.ddof})"

    @property
    def dimension(self) -> int:
        """Number of coordinates, d."""
        return int(self.mean.shape[-1])

    @property
    def replicates(self) -> int | None:
        """Length of the replicate axis; None for a single model."""
        return int(self.mean.shape[0]) if self.mean.ndim == 2 else None

    @property
    def device(self) -> Any:
        """Where the tensors of the state are; None for numpy arrays."""
        return self.mean.device if is_tensor(self.mean) else None

    def replicate(self, replicates: int) -> Self:
        """Return ``replicates`` copies of this single model, as one model with a replicate axis."""
        check_count("replicates", replicates)
        if self.replicates is not None:
            raise InvalidArgument(f"replicate must be called on a single model; got {self!r}")
        xp = namespace(self.mean)
        mean = xp.broadcast_to(self.mean, (replicates, self.dimension))
        log_scale = xp.broadcast_to(xp.asarray(self.log_scale), (replicates,))
        factor = self.factor
        if self.dimension > 1:
            factor = xp.broadcast_to(factor, (replicates, *factor.shape))
        return self._with(mean, factor, log_scale)

    def split(self) -> list[Self]:
        """Return the replicates as single models."""
        if self.replicates is None:
            return [self]
        wide = self.dimension > 1
        return [
            self._with(self.mean[r], self.factor[r] if wide else self.factor, self.log_scale[r])
            for r in range(self.replicates)
        ]

    def to(self, device: Any) -> Self:
        """Return the same model with its state in torch tensors on ``device``."""
        state = (to_device(part, device) for part in (self.mean, self.factor, self.log_scale))
        return self._with(*state)

    def numpy(self) -> Self:
        """Return the same model with its state in numpy arrays."""
        return self._with(*(to_numpy(part) for part in (self.mean, self.factor, self.log_scale)))

    def sample(self, size: int, *, rng: np.random.Generator) -> Array:
        """Draw ``size`` samples: (size, d), or (R, size, d) with a replicate axis."""
        check_count("size", size)
        xp = namespace(self.mean)
        z = Draws(rng, self.mean).normal((*self.mean.shape[:-1], size, self.dimension))
        scale = xp.exp(self.log_scale)[..., None, None]
        return self.mean[..., None, :] + scale * (z @ xp.swapaxes(self.factor, -1, -2))

    def fit(self, samples: Array, *, rng: np.random.Generator) -> Self:
        """Return the Gaussian with the mean and the covariance of ``samples``.

        Raises
        ------
        InvalidSamples
            If ``samples`` are not finite numbers of this model's dimension.
        InvalidArgument
            If there are no more samples than ``ddof``, or ``dtype`` can't hold what is fitted.
        """
        del rng  # the estimator has a closed form
        return self.fit_statistics(self.summarize(samples))

    def summarize(self, samples: Array) -> GaussianStatistics:
        """Return the sufficient statistics of ``samples``, one set for each replicate if any."""
        if self.replicates is None:
            samples = as_numbers("samples", samples, columns=self.dimension)
        if not is_tensor(samples):
            samples = like(samples, self.mean)
        xp = namespace(samples)
        size = samples.shape[-2]
        mean = samples.mean(-2)
        centered = samples - mean[..., None, :]
        zero = xp.zeros_like(mean[..., 0])
        count = zero + size
        if self.dimension > 1:
            rows = centered if size > self.dimension else contrasts(centered)
            factor = triangle(rows) if size > 1 else zero[..., None, None] * self.factor
            if size > self.dimension:
                factor = resolved(factor, samples)
            return GaussianStatistics(count, mean, *scaled(factor, zero))
        top = xp.amax(xp.abs(centered), (-2, -1))
        safe = xp.where(top > 0, top, 1.0)  # squares of the smallest floats would vanish
        squares = ((centered / safe[..., None, None]) ** 2).sum((-2, -1))
        return GaussianStatistics(count, mean, self.factor, log(squares) / 2 + log(safe))

    def statistics(self, size: Array, *, rng: np.random.Generator) -> GaussianStatistics:
        """Draw the sufficient statistics of ``size`` samples, without the samples.

        The sample mean is normal and independent of the scatter, which is Wishart with size - 1
        degrees of freedom: its Bartlett factor is triangular, with chi variables on the diagonal.

        Parameters
        ----------
        size : () or (R,)
            Number of samples, which may differ between replicates and may be 0.
        """
        xp = namespace(self.mean)
        draws = Draws(rng, self.mean)
        lead, d = tuple(self.mean.shape[:-1]), self.dimension
        count = like(np.asarray(size, np.float64), self.mean)  # () or (R,)
        z = draws.normal((*lead, d))
        scale = xp.exp(self.log_scale) / count.clip(1) ** 0.5
        if d == 1:
            mean = self.mean + scale[..., None] * z
            chi = draws.chi_square((count - 1).clip(0), lead)
            return GaussianStatistics(count, mean, self.factor, self.log_scale + log(chi) / 2)
        mean = self.mean + scale[..., None] * (self.factor @ z[..., None])[..., 0]
        degrees = count[..., None] - 1 - like(np.arange(d, dtype=np.float64), self.mean)
        chi = draws.chi_square(degrees.clip(0), (*lead, d)) ** 0.5
        bartlett = xp.tril(draws.normal((*lead, d, d)), -1)
        bartlett = bartlett * (degrees > 0)[..., None, :]  # fewer degrees than d: rank is lost
        diagonal = like(np.eye(d), self.mean) * chi[..., None, :]
        factor, log_scale = scaled(self.factor @ (bartlett + diagonal), self.log_scale)
        return GaussianStatistics(count, mean, factor, log_scale)

    def fit_statistics(self, statistics: GaussianStatistics) -> Self:
        """Return the Gaussian fitted to a sample with these sufficient statistics."""
        xp = namespace(statistics.mean)
        freedom = statistics.count - self.ddof
        if not bool((freedom > 0).all()):
            raise InvalidArgument(
                f"size must exceed ddof={self.ddof} to fit a Gaussian; "
                f"got size={int(statistics.count.min())}"
            )
        log_scale = statistics.log_scale - xp.log(freedom) / 2
        state = rounded(statistics.mean, statistics.factor, log_scale, self.dtype)
        return self._with(*state)

    def refit(self, size: int, *, rng: np.random.Generator) -> Self:
        """Return a model with exactly the law of ``fit(sample(size))``, drawing no samples."""
        check_count("size", size, least=1 + self.ddof)
        return self.fit_statistics(self.statistics(size, rng=rng))

    def moments(self) -> tuple[Array, Array]:
        """Return mean (..., d) and covariance (..., d, d); a variance below 1e-308 shows as 0."""
        xp = namespace(self.mean)
        if self.dimension == 1:
            return self.mean, xp.exp(2 * self.log_scale)[..., None, None] * self.factor
        root = self.factor * xp.exp(self.log_scale)[..., None, None]
        return self.mean, root @ xp.swapaxes(root, -1, -2)

    def log_variance(self) -> Array:
        """Return the log of the trace of the covariance, shape () or (R,); -inf for a point."""
        return log((self.factor**2).sum((-2, -1))) + 2 * self.log_scale

    def log_det(self) -> Array:
        """Return the log determinant of the covariance, shape () or (R,); -inf if it is singular.

        Read off the diagonal of the triangular factor, so it is exact to rounding where the
        smallest eigenvalue is 1e-15 of the largest and less: down to 1e-600 of it. That holds of
        a chain of :meth:`refit`. A fit to samples, or to statistics merged, is singular where its
        volume is lost in their rounding.
        """
        if self.dimension == 1:
            return 2 * self.log_scale
        xp = namespace(self.factor)
        diagonal = xp.einsum("...ii->...i", xp.abs(self.factor))  # (..., d)
        return 2 * log(diagonal).sum(-1) + 2 * self.dimension * self.log_scale

    def mass(self, region: Region) -> Array:
        """Return the probability of a :class:`~collapse_bench.regions.Tails` region, () or (R,).

        Raises
        ------
        NotImplementedError
            For any other region, or in more than one dimension.
        """
        if self.dimension > 1 or not isinstance(region, Tails):
            raise NotImplementedError(f"Gaussian.mass has no closed form for {region!r}")
        model = self.numpy()
        center, scale = model.mean[..., 0], np.exp(model.log_scale)
        below = _standardize(region.lower - center, scale)
        above = _standardize(center - region.upper, scale)
        return ndtr(below) + ndtr(above)

    def log_prob(self, samples: Array) -> Array:
        """Return the log-density of each sample, in nats, shape (n,).

        Raises
        ------
        UndefinedMetric
            If the covariance is singular, so that there is no density.
        """
        if self.replicates is not None:
            raise InvalidArgument(f"log_prob must be called on a single model; got {self!r}")
        model = self.numpy()
        x = as_numbers("samples", samples, columns=self.dimension) - model.mean
        left, singular, _ = np.linalg.svd(model.factor)
        if singular[-1] <= singular[0] * np.finfo(float).eps or np.isneginf(model.log_scale):
            raise UndefinedMetric("log_prob is undefined: the covariance is singular")
        white = x @ left / singular * np.exp(-model.log_scale)  # (n, d)
        log_root = np.log(singular).sum() + self.dimension * model.log_scale
        half_log_tau = self.dimension * np.log(2 * np.pi) / 2
        return -(white**2).sum(-1) / 2 - log_root - half_log_tau

    def neutral_drift(self, size: int) -> float:
        """Return the expected change of the log-variance in one generation, on the line.

        psi((M - 1) / 2) - log((M - ddof) / 2), from the chi-square law of the scatter.
        """
        if self.dimension > 1:
            raise NotImplementedError("Gaussian.neutral_drift is known in one dimension")
        check_count("size", size, least=2)
        return float(digamma((size - 1) / 2) - np.log((size - self.ddof) / 2))


def _standardize(distance: Array, scale: Array) -> Array:
    """Return distance / scale; a point mass lies wholly on one side."""
    side = np.where(distance > 0, np.inf, -np.inf)
    return np.where(scale > 0, distance / np.where(scale > 0, scale, 1.0), side)
