"""An interpolated n-gram law of tokens: how probable a token is after those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidSamples

__all__ = ["NGrams"]

Ints = NDArray[np.int64]
NOWHERE = -1  # the number of a history that was never seen


@dataclass(frozen=True, eq=False)
class _Level:
    """What was seen after histories of one length; H histories, G of them with a token.

    Attributes
    ----------
    histories : shape (H,)
        Sorted keys: the number of the history without its first token, and that token.
    seen : shape (H,)
        Tokens after each, c(h).
    kinds : shape (H,)
        Different ones among them, T(h).
    grams : shape (G,)
        Sorted keys: the number of a history, and the token after it.
    counts : shape (G,)
        How often, c(h, w).
    """

    histories: Ints
    seen: Ints
    kinds: Ints
    grams: Ints
    counts: Ints


@dataclass(frozen=True, eq=False)
class NGrams:
    """A law of the next token, estimated from sequences.

    With c(h, w) the times that w followed the history h, c(h) their sum over w, T(h) the number
    of different w, and h' the history without its first token,

        p(w | h) = (c(h, w) + T(h) p(w | h')) / (c(h) + T(h)),

    the interpolated form of Witten and Bell's estimate [1]_ in [2]_; after a history that was
    never seen it is p(w | h'), and below the empty one stands 1 / (V + 1): all tokens that were
    never seen are one more beside the V that were. So they have positive probability, and the
    V + 1 probabilities sum to 1. A sequence starts after marks that are no tokens.

    Attributes
    ----------
    tokens : shape (V,)
        Those that were seen, sorted.
    levels
        From the empty history up.

    References
    ----------
    .. [1] I. H. Witten and T. C. Bell, "The zero-frequency problem: estimating the probabilities
       of novel events in adaptive text compression", IEEE Transactions on Information Theory 37
       (1991), 1085-1094; method C.
    .. [2] S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for language
       modeling", Computer Speech and Language 13 (1999), 359-394; eqs. 14 and 15.
    """

    tokens: NDArray[Any]
    levels: tuple[_Level, ...]

    @classmethod
    def of(cls, tokens: NDArray[Any], units: NDArray[np.intp], *, order: int) -> NGrams:
        """Return the law of sequences of tokens.

        Parameters
        ----------
        tokens : shape (P,)
            Those of one sequence after those of another, P >= 1.
        units : shape (P,)
            The number of the sequence of each.
        order
            Tokens of an n-gram, n >= 1: one more than the longest history.
        """
        states, codes = np.unique(tokens, return_inverse=True)
        base = len(states) + 2  # tokens, unknown ones, and the mark before a sequence
        levels: list[_Level] = []
        number = np.zeros(len(codes), dtype=np.int64)  # of the history of each
        histories = np.zeros(1, dtype=np.int64)
        for length in range(order):
            if length:
                keys = number * base + _before(codes, units, length, mark=base - 1)
                histories, number = np.unique(keys, return_inverse=True)
            grams, counts = np.unique(number * base + codes, return_counts=True)
            after = grams // base
            levels.append(
                _Level(
                    histories,
                    np.bincount(number, minlength=len(histories)),
                    np.bincount(after, minlength=len(histories)),
                    grams,
                    counts,
                )
            )
        return cls(states, tuple(levels))

    def surprisal(
        self, tokens: NDArray[Any], units: NDArray[np.intp], size: int
    ) -> NDArray[np.float64]:
        """Return the mean negative log-probability of a token of each sequence, in nats.

        Parameters
        ----------
        tokens, units
            As in :meth:`of`; P >= 0.
        size
            Sequences, N. One that holds no token has 0.

        Returns
        -------
        shape (N,)

        Raises
        ------
        InvalidSamples
            If the tokens are of another type than those that were seen.
        """
        codes = self._codes(tokens)
        base = len(self.tokens) + 2
        chance = np.full(len(codes), 1 / (len(self.tokens) + 1))
        number = np.zeros(len(codes), dtype=np.int64)
        for length, level in enumerate(self.levels):
            if length:
                keys = number * base + _before(codes, units, length, mark=base - 1)
                number = np.where(number == NOWHERE, NOWHERE, _found(level.histories, keys))
            known = number != NOWHERE
            at = np.where(known, number, 0)
            place = _found(level.grams, at * base + codes)
            count = np.where(place == NOWHERE, 0, level.counts[place])
            seen, kinds = level.seen[at], level.kinds[at]
            chance = np.where(known, (count + kinds * chance) / (seen + kinds), chance)
        sums = np.bincount(units, -np.log(chance), minlength=size)
        return np.asarray(sums / np.maximum(np.bincount(units, minlength=size), 1))

    def _codes(self, tokens: NDArray[Any]) -> Ints:
        """Return the number of each token, V for those that were never seen."""
        ours, theirs = (_family(array) for array in (tokens, self.tokens))
        if ours != theirs:
            raise InvalidSamples(
                f"samples must hold tokens that are {theirs}, as those that the n-grams were "
                f"fitted to; got {ours}"
            )
        place = np.minimum(np.searchsorted(self.tokens, tokens), len(self.tokens) - 1)
        return np.where(self.tokens[place] == tokens, place, len(self.tokens))


def _before(codes: Ints, units: NDArray[np.intp], length: int, *, mark: int) -> Ints:
    """Return the token ``length`` places before each, and ``mark`` before a sequence's start."""
    earlier = np.full(len(codes), mark, dtype=np.int64)
    same = units[length:] == units[:-length]
    earlier[length:][same] = codes[:-length][same]
    return earlier


def _found(keys: Ints, wanted: Ints) -> Ints:
    """Return the place of each in sorted keys, ``NOWHERE`` for those that aren't there."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, NOWHERE)


def _family(tokens: NDArray[Any]) -> str:
    return {"i": "integers", "u": "integers", "U": "strings", "S": "bytes"}[tokens.dtype.kind]
