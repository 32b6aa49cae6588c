"""How many samples are drawn for each generation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from collapse_bench.errors import InvalidArgument
from collapse_bench.validation import check_count, check_real

__all__ = ["Size", "constant", "linear", "superlinear"]

Size = int | Sequence[int] | Callable[[int], int]


def constant(size: int) -> Callable[[int], int]:
    """Return the schedule that draws ``size`` samples from every generation."""
    check_count("size", size)
    return lambda t: size


def linear(size: int) -> Callable[[int], int]:
    """Return the schedule t -> size (t + 1): too slow to stop collapse.

    Under replacement the spread left after n generations falls as n^(-1/size), since the sum of
    1 / (size (t + 1)) diverges [1]_.

    References
    ----------
    .. [1] Y. Xu, H. He and G. Cheng, arXiv 2505.13947 (2025).
    """
    check_count("size", size)
    return lambda t: size * (t + 1)


def superlinear(size: int, power: float = 1.5) -> Callable[[int], int]:
    """Return the schedule t -> ceil(size (t + 1)^power): some spread stays for ever.

    Parameters
    ----------
    size
        Samples drawn from generation 0, an integer >= 1.
    power
        A number above 1: then the sum of 1 / size_t converges [1]_.

    Raises
    ------
    InvalidArgument
        If an argument is out of its range; when called, if the size overflows float64.

    References
    ----------
    .. [1] Y. Xu, H. He and G. Cheng, arXiv 2505.13947 (2025).
    """
    check_count("size", size)
    check_real("power", power, low=1)

    def schedule(t: int) -> int:
        try:
            draws: int = math.ceil(size * (t + 1) ** power)
        except OverflowError:
            raise InvalidArgument(
                f"power must keep size * (t + 1)**power finite; got power={power!r}, size={size}, "
                f"t={t}"
            ) from None
        return draws

    return schedule
