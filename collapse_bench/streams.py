"""Random streams, found by name: every draw in the package starts at one root seed.

A stream depends on its root seed and its path of names alone, so a result never depends on
the order in which streams are made, on the worker that makes them, or on which tests run.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from collapse_bench.errors import InvalidArgument

if TYPE_CHECKING:
    import torch

__all__ = ["generator", "stream", "torch_generator"]

# numpy's SeedSequence mixes 128 bits by default; four 32-bit words of a digest are as many.
KEY_WORDS = 4


def stream(seed: int, *names: str | int) -> np.random.SeedSequence:
    """Return the seed sequence of the stream called ``names`` below the root ``seed``.

    Parameters
    ----------
    seed
        Root seed, a non-negative integer.
    names
        The path, such as ``("lineage", 3, "generation", 7, "draw")``. Integers and strings are
        told apart: 3 and "3" are different names.

    Raises
    ------
    InvalidArgument
        If ``seed`` is not a non-negative integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidArgument(f"seed must be a non-negative integer; got seed={seed!r}")
    digest = hashlib.blake2b(digest_size=4 * KEY_WORDS)
    for name in names:
        part = f"{type(name).__name__}:{name}".encode()
        digest.update(len(part).to_bytes(8, "little") + part)  # ("ab", "c") is not ("a", "bc")
    key = np.frombuffer(digest.digest(), dtype="<u4")
    return np.random.SeedSequence(int(seed), spawn_key=tuple(int(word) for word in key))


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a numpy generator on the stream called ``names``; see :func:`stream`."""
    return np.random.Generator(np.random.PCG64(stream(seed, *names)))


def torch_generator(rng: np.random.Generator, device: str | torch.device) -> torch.Generator:
    """Return a torch generator on ``device``, seeded by one draw from ``rng``."""
    import torch

    return torch.Generator(device=device).manual_seed(int(rng.integers(1 << 63)))
