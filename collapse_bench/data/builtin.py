"""References that need no file and no network."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

import numpy as np

from collapse_bench.data.laws import Law, two_gaussians
from collapse_bench.data.sampleset import SampleSet
from collapse_bench.data.texts import one_line
from collapse_bench.errors import InvalidArgument, InvalidSpec
from collapse_bench.streams import generator
from collapse_bench.validation import Kind, check_count

__all__ = ["BUILT_IN", "built_in", "near_built_in"]

DRAWS = 100_000  # of a law, where no size is said: enough for every default check to decide

ZIPF_STATES = 1_000
ZIPF_EXPONENT = 1.2  # near that of words in English; the rarest state is met 6 times in 100,000


def built_in(name: str, *, seed: int, size: int | None) -> SampleSet:
    """Return the built-in reference called ``name``; see :func:`load_reference`."""
    return _MAKERS[name](seed, size)


def near_built_in(name: str) -> list[str]:
    """Return built-in names that ``name`` may have meant."""
    return get_close_matches(name, BUILT_IN, n=1)


def _digits(seed: int, size: int | None) -> SampleSet:
    """Return scikit-learn's handwritten digits: (1797, 64) gray levels 0 to 16.

    References
    ----------
    .. [1] E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
       Learning Repository (1998).
    """
    del seed  # nothing is drawn
    if size is not None:
        raise InvalidArgument(f"size must be None for 'digits', a finite set; got size={size!r}")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return SampleSet.of(bunch.data, columns=tuple(bunch.feature_names), name="digits")


def _pydoc(seed: int, size: int | None) -> SampleSet:
    """Return the sentences of the topics of ``help()``, each once, as texts: about 2,500.

    They are part of the standard library, so another version of Python has others. Headings and
    grammar, which end without a period, stay out.
    """
    del seed  # nothing is drawn
    if size is not None:
        raise InvalidArgument(f"size must be None for 'pydoc', a finite set; got size={size!r}")
    try:
        from pydoc_data.topics import topics
    except ImportError as error:  # some distributions of Python leave it out
        raise InvalidSpec(
            "reference must be one that this Python has; got reference='pydoc', and no module "
            "pydoc_data.topics"
        ) from error
    paragraphs = (part for topic in topics.values() for part in re.split(r"\n\s*\n", topic))
    sentences = (
        sentence
        for paragraph in paragraphs
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", one_line(paragraph))
        if sentence.endswith((".", "!", "?", ":")) and "::=" not in sentence
    )
    # Topics repeat whole paragraphs: the same words in both halves would tell nothing twice.
    return SampleSet.of(list(dict.fromkeys(sentences)), kind="tokens", name="pydoc")


def _zipf(seed: int, size: int | None) -> SampleSet:
    """Return codes whose k-th state has probability proportional to k**-1.2, k = 1 to 1000."""
    from collapse_bench.models import Categorical

    weights = np.arange(1.0, ZIPF_STATES + 1) ** -ZIPF_EXPONENT  # (V,)
    law = Categorical(weights / weights.sum())
    return _drawn("zipf", "codes", law, seed, size)


def _two_gaussians(seed: int, size: int | None) -> SampleSet:
    return _drawn("two-gaussians", "numbers", two_gaussians(), seed, size)


def _drawn(name: str, kind: Kind, law: Law, seed: int, size: int | None) -> SampleSet:
    count = check_count("size", DRAWS if size is None else size)
    values = law.sample(count, rng=generator(seed, "reference", name))
    return SampleSet.of(values, kind=kind, name=name, law=law)


_MAKERS: dict[str, Callable[[int, int | None], SampleSet]] = {
    "digits": _digits,
    "pydoc": _pydoc,
    "two-gaussians": _two_gaussians,
    "zipf": _zipf,
}
BUILT_IN = tuple(_MAKERS)
