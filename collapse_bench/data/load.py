"""From what a user types to samples: a built-in name, a file or a saved directory."""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from collapse_bench.data.arrays import read_array
from collapse_bench.data.builtin import BUILT_IN, built_in, near_built_in
from collapse_bench.data.columns import choose
from collapse_bench.data.lines import read_texts
from collapse_bench.data.sampleset import SampleSet
from collapse_bench.data.table import Table
from collapse_bench.data.tables import TABLES, read_table
from collapse_bench.errors import InvalidArgument, InvalidSpec
from collapse_bench.validation import Kind

__all__ = ["load_reference", "load_samples"]

ARRAYS = (".npy", ".npz")
LINES = ".txt"  # a text a line
TEXTS = (".csv", ".jsonl", LINES)
READ = "a .csv, .jsonl, .npy, .npz, .parquet or .txt file or a directory saved by datasets"

# Files that Python's pickle can be inside of.
PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".bin", ".dill")

BEGINNING = (
    4096  # bytes; archives and compressed files show within a few dozen that they are no text
)

MARKER = "state.json"  # Dataset.save_to_disk writes it last
SPLITS = "dataset_dict.json"  # DatasetDict.save_to_disk, beside a directory for each split


def load_reference(
    spec: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    kind: Kind | None = None,
    seed: int = 0,
    size: int | None = None,
    clusters: str | None = None,
) -> SampleSet | Table:
    """Return the reference that ``spec`` names: samples of one kind, or a table of columns.

    Parameters
    ----------
    spec
        A built-in (``digits``, ``pydoc``, ``two-gaussians``, ``zipf``), a ``.csv``, ``.jsonl``,
        ``.npy``, ``.npz``, ``.parquet`` or ``.txt`` file, or a directory made by
        ``Dataset.save_to_disk``. A ``.txt`` file holds a text a line. A file that is called like
        a built-in is meant by ``./digits``.
    columns
        Names of the columns to keep, in this order; None keeps all.
    kind
        What the values hold; None: texts of a ``.txt`` file are sequences of tokens, their words
        and signs; a column of lists is, too; one of text or booleans is codes; complete columns
        of numbers are numbers; all other columns make a table.
    seed
        Root seed of what is drawn for a built-in law.
    size
        How many samples to draw of a built-in law, 100,000 unless said.
    clusters
        The column that names the unit each row belongs to, such as a document or a user; it is
        kept as the set's ``units`` and is no column of it. None: rows are independent.

    Raises
    ------
    InvalidSpec
        If nothing is found under ``spec``, or it isn't of a kind that is read.
    InvalidArgument
        If ``columns``, ``seed``, ``size`` or ``clusters`` don't fit what is found.
    InvalidSamples
        If the values are no samples: infinite, no rows, columns of neither numbers nor codes; or
        cells are missing where ``kind`` says what they hold.
    """
    text = os.fspath(spec)
    if text not in BUILT_IN:
        if size is not None:
            raise InvalidArgument(
                f"size must be None for a reference that isn't a built-in law; got size={size!r}"
            )
        return _load_path("reference", text, columns, kind, clusters)
    if clusters is not None:
        raise InvalidArgument(
            f"clusters must be None for {text!r}, whose rows have no clusters; "
            f"got clusters={clusters!r}"
        )
    if columns is not None and text != "digits":
        raise InvalidArgument(
            f"columns must be None for {text!r}, whose values have no column names; "
            f"got columns={columns!r}"
        )
    whole = built_in(text, seed=seed, size=size)
    if columns is None and kind in (None, whole.kind):
        return whole
    values: NDArray[Any] = whole.values
    names = whole.columns
    if columns is not None and names is not None:
        chosen = choose(names, columns, source=text)
        values, names = values[:, [names.index(name) for name in chosen]], chosen
    return SampleSet.of(values, kind=kind, columns=names, name=text, law=whole.law)


def load_samples(
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    kind: Kind | None = None,
    clusters: str | None = None,
) -> SampleSet | Table:
    """Return the samples, or the table, in a file or a saved directory; see :func:`load_reference`.

    Raises
    ------
    InvalidSpec
        If nothing is found at ``path``, or it isn't of a kind that is read.
    InvalidArgument
        If ``columns`` or ``clusters`` aren't columns of it.
    InvalidSamples
        If the values are no samples: infinite, no rows, columns of neither numbers nor codes; or
        cells are missing where ``kind`` says what they hold.
    """
    return _load_path("samples", os.fspath(path), columns, kind, clusters)


def _load_path(
    argument: str,
    spec: str,
    columns: Sequence[str] | None,
    kind: Kind | None,
    clusters: str | None,
) -> SampleSet | Table:
    path = _located(argument, spec)
    suffix = path.suffix.lower() if path.is_file() else ""
    if columns is not None and suffix in (*ARRAYS, LINES):
        raise InvalidArgument(
            f"columns must be None for {spec!r}, whose columns have no names; "
            f"got columns={tuple(columns)!r}: save it as .parquet or .csv to name them"
        )
    if clusters is not None and suffix in (*ARRAYS, LINES):
        raise InvalidArgument(
            f"clusters must be None for {spec!r}, whose columns have no names; "
            f"got clusters={clusters!r}: save it as .parquet or .csv with a column of ids"
        )
    if suffix == LINES:
        return SampleSet.of(read_texts(argument, spec, path), kind=kind or "tokens", name=spec)
    if suffix in ARRAYS:
        return SampleSet.of(read_array(argument, spec, path), kind=kind, name=spec)
    return read_table(argument, spec, path, columns, kind, clusters)


def _located(argument: str, spec: str) -> Path:
    """Return the path that ``spec`` means, or say in one sentence why it is none of ours."""
    what = READ if argument == "samples" else f"a built-in ({', '.join(BUILT_IN)}), {READ}"
    sentence = f"{argument} must be {what}; got {argument}={spec!r}"
    path = Path(spec).expanduser()
    suffix = path.suffix.lower()
    try:
        exists, is_directory = path.exists(), path.is_dir()
        if exists and not is_directory and not path.is_file():
            raise InvalidSpec(f"{sentence}: it is neither a file nor a directory")
        if suffix in PICKLES:
            raise InvalidSpec(
                f"{sentence}: pickles are not loaded, because loading one runs code stored in it"
            )
        if is_directory:
            return _saved_directory(sentence, path)
        if suffix not in (*TABLES, *ARRAYS, LINES):
            raise InvalidSpec(sentence + _hint(argument, spec, path, exists))
        if not exists:
            raise InvalidSpec(f"{sentence}: there is no such file{_near(path)}")
        with path.open("rb") as file:
            _check_beginning(sentence, suffix, file.read(BEGINNING))
    except (OSError, ValueError) as error:  # no permission, a name too long, a NUL in it
        if isinstance(error, InvalidSpec):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InvalidSpec(f"{sentence}: {reason}") from error
    return path


def _check_beginning(sentence: str, suffix: str, beginning: bytes) -> None:
    if not beginning:
        raise InvalidSpec(f"{sentence}: the file is empty")
    if suffix not in TEXTS:
        return
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(beginning)  # may end inside a letter
    except UnicodeDecodeError as error:
        raise InvalidSpec(f"{sentence}: the file isn't text in UTF-8, or is compressed") from error
    if "\0" in text:
        raise InvalidSpec(f"{sentence}: the file isn't text, or is compressed")


def _hint(argument: str, spec: str, path: Path, exists: bool) -> str:
    if argument == "reference" and (near := near_built_in(spec)):
        return f": did you mean {near[0]!r}?"
    if path.suffix:
        return f": {path.suffix} files are not read"
    return ": its name has no suffix" if exists else f": nothing is there{_near(path)}"


def _near(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f", and no directory {str(folder)!r}"
    near = get_close_matches(path.name, os.listdir(folder), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def _saved_directory(sentence: str, path: Path) -> Path:
    if (path / SPLITS).is_file():
        parts = sorted(part.parent.name for part in path.glob(f"*/{MARKER}"))
        raise InvalidSpec(
            f"{sentence}, which holds {len(parts)} splits: name one, "
            + " or ".join(repr(str(path / part)) for part in parts)
        )
    if not (path / MARKER).is_file():
        raise InvalidSpec(f"{sentence}: the directory wasn't made by Dataset.save_to_disk")
    return path
