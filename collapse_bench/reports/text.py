"""Text from users made safe to print."""

from __future__ import annotations

import unicodedata

__all__ = ["counted", "safe_text"]

LONGEST = 2_000  # characters of one piece of text; a verdict's sentence has about 300
# Control, format (bidirectional overrides, zero width), surrogate, line and paragraph separators.
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def counted(number: int, noun: str) -> str:
    """Return ``1 check``, ``2 checks``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def safe_text(text: object, *, longest: int = LONGEST) -> str:
    r"""Return ``text`` with every character that could steer a terminal shown as an escape.

    ESC becomes ``\x1b``, a line break ``\n``, a right-to-left override ``\u202e``, a lone
    surrogate ``\ud800``; what is longer than ``longest`` characters ends in an ellipsis.
    """
    whole = str(text)
    cut = whole if len(whole) <= longest else f"{whole[:longest]}\N{HORIZONTAL ELLIPSIS}"
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in UNSAFE
        else character
        for character in cut
    )
