"""A law on finitely many states, fitted by observed frequencies."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.models._arrays import Draws, is_tensor, namespace, to_device, to_numpy
from collapse_bench.models._counts import CountStatistics, pack, unpack
from collapse_bench.regions import Region, States
from collapse_bench.validation import as_codes, check_count

__all__ = ["Categorical", "CountStatistics"]

Array = Any  # a numpy array or a torch tensor


class Categorical:
    """The law that gives ``states[k]`` the probability ``probabilities[k]``.

    Fitting takes the observed frequencies (maximum likelihood), so the replace regime is the
    Wright-Fisher chain: a state that is once unseen is gone for ever.

    Parameters
    ----------
    probabilities : shape (K,)
        Non-negative and summing to 1 within 1e-9; they are renormalized.
    states : shape (K,)
        The distinct codes, integers or strings; 0, ..., K - 1 unless given.

    Raises
    ------
    InvalidArgument
        If ``probabilities`` are no law, or ``states`` repeat or are not as many.

    Notes
    -----
    Of a fitted law only the columns of states that are alive in some replicate are held, once
    they are few, so that a long chain costs what is left of its support and not what it began
    with. ``probabilities``, ``states`` and every answer are of all K states.
    """

    kind: ClassVar[str] = "codes"
    nested_support: ClassVar[bool] = True
    lossless: ClassVar[bool] = True  # statistics hold the whole sample, but for its order

    states: NDArray[Any]  # (K,)
    _law: Array  # (L,) or (R, L)
    _live: NDArray[np.intp] | None  # (L,) where its columns are among the K states; None: L = K

    def __init__(self, probabilities: ArrayLike, states: ArrayLike | None = None) -> None:
        law = np.asarray(probabilities, dtype=np.float64)
        # 1e-9: far above the rounding of a million terms, far below any probability meant.
        if law.ndim != 1 or not len(law) or not (law >= 0).all() or abs(law.sum() - 1) > 1e-9:
            raise InvalidArgument(
                "probabilities must be a vector of non-negative numbers that sum to 1; "
                f"got sum={law.sum()!r}, shape={law.shape}"
            )
        names = np.arange(len(law)) if states is None else as_codes("states", states)
        if len(names) != len(law) or len(np.unique(names)) != len(names):
            raise InvalidArgument(
                f"states must be {len(law)} distinct codes; got {len(names)} codes, "
                f"{len(np.unique(names))} distinct"
            )
        self.states = names
        self._law, self._live = law / law.sum(), None
        self._index()

    def _index(self) -> None:
        self._order = np.argsort(self.states, kind="stable")
        self._plain = bool((self.states == np.arange(len(self.states))).all())

    def _with(self, law: Array, live: NDArray[np.intp] | None) -> Self:
        new = object.__new__(type(self))
        new._law, new._live, new.states = law, live, self.states
        new._order, new._plain = self._order, self._plain
        return new

    @property
    def probabilities(self) -> Array:
        """Probability of each state, (K,) or (R, K)."""
        return unpack(self._law, self._live, len(self.states))

    def live(self) -> tuple[Array, NDArray[Any]]:
        """Return a law on fewer states, (L,) or (R, L), and those states, (L,).

        The states left out have probability 0 in every replicate; some of these may, too.
        """
        return self._law, self.states if self._live is None else self.states[self._live]

    def __repr__(self) -> str:
        where = f", replicates={self.replicates}" if self.replicates else ""
        return f"Categorical(states={len(self.states)}{where})"

    @property
    def replicates(self) -> int | None:
        """Length of the replicate axis; None for a single model."""
        return int(self._law.shape[0]) if self._law.ndim == 2 else None

    @property
    def device(self) -> Any:
        """Where the tensor of the probabilities is; None for a numpy array."""
        return self._law.device if is_tensor(self._law) else None

    def replicate(self, replicates: int) -> Self:
        """Return ``replicates`` copies of this single model, as one model with a replicate axis."""
        check_count("replicates", replicates)
        if self.replicates is not None:
            raise InvalidArgument(f"replicate must be called on a single model; got {self!r}")
        xp = namespace(self._law)
        return self._with(xp.broadcast_to(self._law, (replicates, len(self._law))), self._live)

    def split(self) -> list[Self]:
        """Return the replicates as single models."""
        return [self._with(row, self._live) for row in self._law] if self.replicates else [self]

    def to(self, device: Any) -> Self:
        """Return the same model with its probabilities in a torch tensor on ``device``."""
        return self._with(to_device(self._law, device), self._live)

    def numpy(self) -> Self:
        """Return the same model with its probabilities in a numpy array."""
        return self._with(to_numpy(self._law), self._live)

    def sample(self, size: int, *, rng: np.random.Generator) -> Array:
        """Draw ``size`` codes: (size,), or (R, size) with a replicate axis."""
        check_count("size", size)
        law, states = self.live()
        laws = np.atleast_2d(to_numpy(law))
        steps = np.cumsum(laws, axis=-1)
        steps /= steps[:, -1:]
        uniform = rng.random((len(laws), size))
        index = np.stack(
            [np.searchsorted(step, u, side="right") for step, u in zip(steps, uniform, strict=True)]
        )
        codes = states[index]
        return codes if self.replicates else codes[0]

    def fit(self, samples: Array, *, rng: np.random.Generator) -> Self:
        """Return the law of the observed frequencies of ``samples`` over the same states.

        Raises
        ------
        InvalidSamples
            If ``samples`` hold a code that isn't among ``states``.
        """
        del rng  # the maximum of the likelihood has a closed form
        return self.fit_statistics(self.summarize(samples))

    def summarize(self, samples: Array) -> CountStatistics:
        """Return the counts of ``samples``, one set for each replicate if any."""
        codes = to_numpy(samples) if self.replicates else as_codes("samples", samples)[None]
        if not self._plain:
            place = np.searchsorted(self.states, codes, sorter=self._order)
            index = self._order[place.clip(max=len(self.states) - 1)]
            known = self.states[index] == codes
        else:
            index, known = codes, (codes >= 0) & (codes < len(self.states))
        if not known.all():
            stranger = codes[~known].flat[0]
            raise InvalidSamples(
                f"samples must hold codes among the model's {len(self.states)} states; "
                f"{int((~known).sum())} of {codes.size} are not, such as {stranger!r}"
            )
        rows, states = len(codes), len(self.states)
        flat = index + states * np.arange(rows)[:, None]
        counts = np.bincount(flat.ravel(), minlength=rows * states).reshape(rows, states)
        counts = counts if self.replicates else counts[0]
        if namespace(self._law) is np:
            return CountStatistics(counts)
        return CountStatistics(to_device(counts, self._law.device).double())

    def statistics(self, size: Array, *, rng: np.random.Generator) -> CountStatistics:
        """Draw the counts of ``size`` samples, () or (R,), without the samples."""
        return CountStatistics(Draws(rng, self._law).multinomial(size, self._law), self._live)

    def fit_statistics(self, statistics: CountStatistics) -> Self:
        """Return the law fitted to a sample with these counts."""
        counts, live = pack(statistics.counts, statistics.live)
        return self._with(counts / counts.sum(-1)[..., None], live)

    def refit(self, size: int, *, rng: np.random.Generator) -> Self:
        """Return a model with exactly the law of ``fit(sample(size))``, drawing no samples."""
        check_count("size", size)
        return self.fit_statistics(self.statistics(size, rng=rng))

    def mass(self, region: Region) -> Array:
        """Return the probability of a :class:`~collapse_bench.regions.States` region, () or (R,).

        Raises
        ------
        NotImplementedError
            For any other region.
        """
        if not isinstance(region, States):
            raise NotImplementedError(f"Categorical.mass has no closed form for {region!r}")
        law, states = self.live()
        return to_numpy(law)[..., region.contains(states)].sum(-1)

    def log_prob(self, samples: Array) -> NDArray[np.float64]:
        """Return the log-probability of each sample, in nats, shape (n,); -inf if it is 0."""
        if self.replicates is not None:
            raise InvalidArgument(f"log_prob must be called on a single model; got {self!r}")
        codes = as_codes("samples", samples)
        place = np.searchsorted(self.states, codes, sorter=self._order)
        index = self._order[place.clip(max=len(self.states) - 1)]
        with np.errstate(divide="ignore"):
            log_law = np.log(to_numpy(self.probabilities))
        return np.where(self.states[index] == codes, log_law[index], -np.inf)
