"""Code that draws from global generators, run so that nobody else notices."""

from __future__ import annotations

import random
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.random.mtrand import get_bit_generator, set_bit_generator

__all__ = ["isolated", "seed_of"]

# The generators are one for all threads: two that seed and restore them in turn would draw from
# each other's seed and put back each other's state.
_ONE_AT_A_TIME = threading.RLock()

LONGEST_SEED = 63  # bits; torch takes a signed 64-bit integer


def seed_of(rng: np.random.Generator) -> int:
    """Return a seed below 2**32, the most that every library takes, drawn from ``rng``."""
    return int(rng.integers(1 << 32))


@contextmanager
def isolated(rng: np.random.Generator | None = None) -> Iterator[None]:
    """Seed the global generators of Python, numpy and torch, and restore them exactly.

    Parameters
    ----------
    rng
        The stream that one number is drawn from for the seed; None: a constant, for calls that
        have no business with chance.

    Notes
    -----
    Generators are global to the process. Blocks on several threads take turns, so a block mustn't
    wait for a thread that wants one; threads outside of them see the generators change. torch is
    looked after where it is loaded already, its CUDA generators where CUDA is in use already; a
    block with a stream that loads torch itself is warned about.
    """
    with _ONE_AT_A_TIME:
        loaded = "torch" in sys.modules
        with _swapped(rng):
            yield
        if rng is not None and not loaded and "torch" in sys.modules:
            warnings.warn(
                "torch must be imported before the first call of a model that draws from it; it "
                "was imported inside this one, whose draws from torch no seed repeats: import it "
                "at the top of the module",
                RuntimeWarning,
                stacklevel=3,  # past contextlib
            )


@contextmanager
def _swapped(rng: np.random.Generator | None) -> Iterator[None]:
    seed = 0 if rng is None else int(rng.integers(1 << LONGEST_SEED))
    python, bits, legacy = random.getstate(), get_bit_generator(), _legacy()
    torch = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_initialized()
    if torch is not None:
        state, states = torch.get_rng_state(), torch.cuda.get_rng_state_all() if cuda else []
    try:
        random.seed(seed)
        # Not np.random.seed: that one fails where the user has put in another bit generator.
        set_bit_generator(np.random.MT19937(seed))
        if torch is not None:
            # Not torch.manual_seed: it also leaves a seed behind for a CUDA not in use yet.
            torch.default_generator.manual_seed(seed)
            if cuda:
                torch.cuda.manual_seed_all(seed)
        yield
    finally:
        random.setstate(python)
        set_bit_generator(bits)
        np.random.set_state(legacy)  # noqa: NPY002  (with the spare normal, which is no bit)
        if torch is not None:
            torch.set_rng_state(state)
            if cuda:
                torch.cuda.set_rng_state_all(states)


def _legacy() -> dict[str, object]:
    state: dict[str, object] = np.random.get_state(legacy=False)  # noqa: NPY002
    return state
