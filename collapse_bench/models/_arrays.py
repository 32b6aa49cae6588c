"""One way to draw for numpy arrays and torch tensors, so that each chain is written once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from collapse_bench.streams import torch_generator

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Draws", "is_tensor", "namespace", "to_device", "to_numpy"]

Array = Any  # a numpy array or a torch tensor: the same operations are used of both


def is_tensor(array: Array) -> bool:
    """Say whether ``array`` is a torch tensor, without importing torch for one that isn't."""
    return type(array).__module__.partition(".")[0] == "torch"


def namespace(array: Array) -> ModuleType:
    """Return the module, numpy or torch, whose functions act on ``array``."""
    if is_tensor(array):
        import torch

        return torch
    return np


def to_device(array: Array, device: Any) -> Array:
    """Return a torch copy of ``array`` on ``device``; floats become float64."""
    import torch

    return torch.as_tensor(np.array(to_numpy(array)), device=device)


def to_numpy(array: Array) -> Array:
    """Return ``array`` as a numpy array on the CPU."""
    return array.detach().cpu().numpy() if is_tensor(array) else array


class Draws:
    """Draws of the kind of ``like``: by ``rng`` itself, or by a torch generator seeded from it."""

    def __init__(self, rng: np.random.Generator, like: Array) -> None:
        self._rng = rng
        self._tensor = is_tensor(like)
        self._device = like.device if self._tensor else None
        self._torch = torch_generator(rng, like.device) if self._tensor else None

    def uniform(self, shape: tuple[int, ...]) -> Array:
        """Uniform on [0, 1), float64."""
        if not self._tensor:
            return self._rng.random(shape)
        import torch

        return torch.rand(shape, generator=self._torch, device=self._device, dtype=torch.float64)

    def normal(self, shape: tuple[int, ...]) -> Array:
        """Standard normal, float64."""
        if not self._tensor:
            return self._rng.standard_normal(shape)
        import torch

        return torch.randn(shape, generator=self._torch, device=self._device, dtype=torch.float64)

    def chi_square(self, degrees: Array, shape: tuple[int, ...]) -> Array:
        """Chi-square with ``degrees`` of freedom (0 gives 0), float64."""
        if not self._tensor:
            return 2 * self._rng.standard_gamma(np.asarray(degrees) / 2, shape)
        import torch

        half = torch.as_tensor(degrees, device=self._device, dtype=torch.float64) / 2
        # The only gamma sampler of torch that takes a generator; for shape 0 it gives 2e-308.
        drawn = torch._standard_gamma(half.expand(shape).contiguous(), generator=self._torch)
        return 2 * drawn * (half > 0)

    def multinomial(self, size: Array, probabilities: Array) -> Array:
        """Multinomial counts of ``size`` draws over the last axis of ``probabilities``."""
        if not self._tensor:
            counts: Array = self._rng.multinomial(size, probabilities)
            # numpy gives the last state whatever rounding leaves of the others, even one that is
            # dead: no state may come back to life.
            stray = counts[..., -1] * (probabilities[..., -1] == 0)
            if stray.any():
                counts[..., -1] -= stray
                most = np.broadcast_to(probabilities, counts.shape).argmax(-1)[..., None]
                mended = np.take_along_axis(counts, most, -1) + stray[..., None]
                np.put_along_axis(counts, most, mended, -1)
            return counts
        import torch

        # torch has no sampler of counts: each state takes its binomial share of what is left.
        left = torch.as_tensor(size, device=self._device, dtype=torch.float64)
        left = left.expand(probabilities.shape[:-1]).contiguous()
        beyond = probabilities.flip(-1).cumsum(-1).flip(-1)  # mass of this state and those after
        share = torch.where(beyond > 0, probabilities / beyond, 0.0).clamp(0.0, 1.0)
        share[..., -1] = 1.0
        counts = torch.empty_like(probabilities)
        for state in range(probabilities.shape[-1]):
            counts[..., state] = torch.binomial(
                left, share[..., state].contiguous(), generator=self._torch
            )
            left = left - counts[..., state]
        return counts
