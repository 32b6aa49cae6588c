"""One stream of draws for all checks of a module, drawn only as far as any of them looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.sequential import GRID
from collapse_bench.models import Samples

__all__ = ["Reader", "Stream"]


@dataclass(eq=False)
class Stream:
    """What ``collapse_generate()`` returns in sequential mode; only ``collapse_check`` reads it.

    Attributes
    ----------
    source
        From the number of a block to its GRID rows: always the same ones, whoever asks first.
    blocks
        Those that were drawn so far.
    """

    source: Callable[[int], Samples]
    blocks: list[Samples] = field(default_factory=list)

    def block(self, number: int) -> Samples:
        """Return block ``number``, after drawing it and all before it if that's still to do."""
        while len(self.blocks) <= number:
            drawn = self.source(len(self.blocks))
            drawn.setflags(write=False)  # shared by the tests of a module
            self.blocks.append(drawn)
        return self.blocks[number]

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise InvalidArgument(
            "size must be given for collapse_generate in sequential mode, unless collapse_check "
            "judges what it returns; got size=None"
        )


@dataclass
class Reader:
    """One check's way through a stream, from its beginning."""

    stream: Stream
    read: int = 0  # blocks

    def __call__(self, size: int) -> Samples:
        """Return the next block, of ``size`` = GRID rows."""
        assert size == GRID, "a course reads block by block"
        self.read += 1
        return self.stream.block(self.read - 1)

    def seen(self) -> Samples:
        """Return all that was read, one block at the least."""
        blocks = self.stream.blocks[: self.read]
        if len({block.shape[1:] for block in blocks}) == 1:
            return np.concatenate(blocks)
        rows = np.empty(GRID * len(blocks), dtype=object)  # sequences of different lengths
        rows[:] = [tuple(row) for block in blocks for row in block]
        return rows
