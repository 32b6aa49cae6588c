"""One check of one test: at its share of the ledger, on the stream of its own name."""

from __future__ import annotations

import functools
import math
import re
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from collapse_bench import data, gates
from collapse_bench.errors import CollapseError, Inconclusive, InvalidArgument
from collapse_bench.gates.rows import read_reference
from collapse_bench.gates.sequential import GRID, follow
from collapse_bench.harness.cases import UNTIL_DECIDED, Case
from collapse_bench.harness.drawing import draw_as
from collapse_bench.harness.options import EFFECTS
from collapse_bench.harness.parts import PART, name_of_part
from collapse_bench.harness.session import (
    ENTRY,
    RAISED,
    SETTINGS,
    Raised,
    inputs_of,
    key_of,
    leave,
    module_key,
)
from collapse_bench.harness.streaming import Reader, Stream
from collapse_bench.reports.json import plain
from collapse_bench.reports.junit import properties
from collapse_bench.reports.ranks import ranks
from collapse_bench.reports.shapes import shapes
from collapse_bench.reports.text import safe_text
from collapse_bench.reports.trajectories import summarize
from collapse_bench.streams import generator, stream
from collapse_bench.validation import check_count, one_of

__all__ = ["Judge", "drawing", "remember", "seed_of"]

# What the ledger and the options decide for every check.
RESERVED = ("alpha", "beta", "seed", "permutations")
PERMUTATIONS = 9_999
RAREST = pytest.StashKey[dict[str, dict[str, Any]]]()  # by digest of the reference
FIRST = pytest.StashKey[dict[str, gates.Verdict]]()  # by test and number of the call


def seed_of(root: int, *names: str) -> int:
    """Return the seed of the stream called ``names``: below 2**53, exact as a JSON number."""
    return int(stream(root, *names).generate_state(1, "uint64")[0]) >> 11


def case_of(request: pytest.FixtureRequest) -> Case | None:
    """Return who a test judges, if it asks for a model."""
    if "collapse_case" not in request.fixturenames:
        return None
    case: Case = request.getfixturevalue("collapse_case")
    if "collapse_founder" in request.fixturenames:
        founder = request.getfixturevalue("collapse_founder")
        if founder is not case.model:  # overridden
            reference = request.getfixturevalue("collapse_reference")
            return inputs_of(request.config).given(founder, reference)
    return case


def drawing(request: pytest.FixtureRequest, device: str) -> Callable[..., Any]:
    """Return what the fixture ``collapse_generate`` hands to a test."""
    case = case_of(request)
    assert case is not None, "collapse_generate asks for collapse_case"
    inputs, key = inputs_of(request.config), module_key(request.node)
    # On a CPU the model stays as it is: the built-in ones would turn from numpy to torch.
    target = None if device == "cpu" else device

    def drawn_from(count: int, *names: str | int) -> Any:
        rng = generator(inputs.settings.seed, "generate", key, *names)
        return draw_as(case.reference, case.model, count, rng=rng, device=target)

    def generate(size: int | None = None) -> Any:
        if size is not None:
            check_count("size", size)
        if case.samples is not None:
            if size is not None and size > len(case.samples):
                raise InvalidArgument(
                    f"size must be at most {len(case.samples)}, the samples given; got size={size}"
                )
            if isinstance(case.samples, data.Table):
                return case.samples if size is None else case.samples.take(np.arange(size))
            return case.samples.values[:size]
        if size is None and inputs.settings.mode == "sequential":
            # a stream a block: its draws are the same in any process, however many it takes
            return case.streams.setdefault(
                key, Stream(lambda number: drawn_from(GRID, "block", number))
            )
        if size is None:
            size = inputs.size(case.reference, _declared(request.node))
        size = min(size, inputs.settings.max_samples or size)
        if (key, size) not in case.draws:
            case.draws[key, size] = drawn_from(size, size)
        if isinstance(table := case.draws[key, size], data.Table):
            return table
        drawn = table.view()
        drawn.setflags(write=False)  # shared by the tests of a module
        return drawn

    return generate


def _declared(item: pytest.Item) -> int:
    """Return the number of checks that share alpha with those of this test; 1 without a ledger."""
    entry = item.stash.get(ENTRY, {})
    return len(entry["ledgers"][0]["declared"]) if entry.get("gate") else 1


def _clusters(case: Case | None, samples: Any, reference: Any) -> dict[str, Any]:
    """Return the ids of clusters as a keyword of a check, where samples were given with ids."""
    given, theirs = None if case is None else case.samples, getattr(reference, "units", None)
    ours = getattr(given, "units", None)
    if not isinstance(given, data.SampleSet) or ours is None or theirs is None:
        return {}
    if not isinstance(samples, np.ndarray) or not _begins(given.values, samples):
        return {}  # a test's own rows
    return {"clusters": (ours[: len(samples)], theirs)}


def _begins(whole: NDArray[Any], part: NDArray[Any]) -> bool:
    """Return whether an array is the first rows of another one, as ``collapse_generate`` cuts."""
    places = (array.__array_interface__["data"][0] for array in (whole, part))
    return len(set(places)) == 1 and whole.strides == part.strides and len(part) <= len(whole)


class Judge:
    """What the fixture ``collapse_check`` hands to a test: call it to judge samples."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._item: pytest.Item = request.node
        self._config = request.config
        self._entry = self._item.stash.get(ENTRY, {})
        self._calls = 0

    def __call__(
        self, metric: str, samples: Any, reference: Any = None, /, **keywords: Any
    ) -> gates.Verdict:
        """Judge ``samples``; fail the test unless the check passes.

        Parameters
        ----------
        metric
            ``"tail_mass"``, ``"variance"``, ``"wasserstein"``, ``"support"`` or ``"drift"``; or a
            part of the reference and its check, as ``collapse_part`` names them.
        samples
            What is judged: an array, such as ``collapse_generate()`` returns, or the stream that
            it returns in sequential mode, which is read until the check is decided; for drift a
            trajectory, or the log-variances of lineages.
        reference
            What it is judged against; None: the rows of the session's reference that the
            candidate was not fitted to, or, for a trajectory, the reference that it had.
        keywords
            Of ``collapse_bench.gates.check_<metric>``: ``tolerate``, ``detect``, ``mass``, ...
            Those given here win over the options. ``alpha`` and ``beta`` are the ledger's.

        Raises
        ------
        CollapseError
            If a loss beyond ``tolerate`` is shown.
        Inconclusive
            If neither that nor the absence of a loss of ``detect`` is shown.
        InvalidArgument
            If an argument is out of its range, or a test of a ledger judges a second time.
        """
        __tracebackhide__ = True
        if (PART not in self._request.fixturenames) or metric in EFFECTS:
            one_of("metric", metric, tuple(EFFECTS))
        elif reference is not None or keywords:
            raise InvalidArgument(
                f"reference and keywords must be left to the options for the part {metric!r}; got "
                f"{sorted(keywords) or 'a reference'}"
            )
        if taken := [name for name in RESERVED if name in keywords]:
            raise InvalidArgument(
                f"{taken[0]} must be left to the ledger and the options; "
                f"got {taken[0]}={keywords[taken[0]]!r}"
            )
        if self._entry.get("gate") and self._calls:
            raise InvalidArgument(
                f"collapse_check must be called once by {self._entry['check']}, which has one "
                "share of its ledger: give each check a test of its own"
            )
        verdict = self._verdict(metric, samples, reference, keywords)
        self._calls += 1
        sentence = safe_text(verdict)
        if verdict.outcome == "inconclusive" and not sentence.startswith("INCONCLUSIVE"):
            sentence = f"INCONCLUSIVE: {sentence}"
        try:
            verdict.raise_unless_passed()
        except (CollapseError, Inconclusive) as error:
            excused = verdict.outcome == "inconclusive" and bool(self._entry.get("gate"))
            self._item.stash[RAISED] = Raised(error, sentence, excused)
            raise
        return verdict

    def _verdict(
        self, metric: str, samples: Any, reference: Any, keywords: dict[str, Any]
    ) -> gates.Verdict:
        settings = self._config.stash[SETTINGS]
        key = key_of(self._item) + (f"#{self._calls + 1}" if self._calls else "")
        known = self._config.stash.setdefault(FIRST, {})
        call = f"{self._item.path} {self._item.nodeid} {self._calls}"
        if call in known:  # a plugin runs the test again: once judged, it stays judged
            return known[call]
        case = case_of(self._request)
        if metric not in EFFECTS:
            return self._part(metric, samples, case, key, call)
        drift = metric == "drift"
        # a trajectory knows where its lineages came from
        known_there = drift and getattr(samples, "reference", None) is not None
        if reference is None and not known_there:
            if case is None:
                reference = self._request.getfixturevalue("collapse_reference")
            else:
                reference = case.reference
        share = settings.alpha / _declared(self._item)
        keywords = {**settings.effects(metric), **keywords}
        if not drift:
            kind = getattr(reference, "kind", None)
            if metric == "tail_mass" and isinstance(reference, data.SampleSet):
                keywords = {**self._rarest(reference), **keywords}
            keywords = {"kind": kind, **keywords}
            # so many that a p-value can be as small as either level
            least = math.ceil(1 / min(share, settings.beta))
            keywords["permutations"] = max(PERMUTATIONS, least)
            keywords = {**_clusters(case, samples, reference), **keywords}
        seed = seed_of(settings.seed, "check", key)
        start = time.perf_counter()
        verdict: gates.Verdict
        until = ""
        if isinstance(samples, Stream):
            reader = Reader(samples)
            verdict = self._follow(metric, reader, reference, keywords, seed)
            samples, until = reader.seen(), UNTIL_DECIDED
        else:
            levels = {"alpha": share, "beta": settings.beta, "seed": seed}
            check = functools.partial(getattr(gates, f"check_{metric}"), **keywords, **levels)
            verdict = check(samples, reference=reference) if drift else check(samples, reference)
        seconds = time.perf_counter() - start
        known[call] = verdict
        self._leave(key, verdict, seconds)
        if self._entry.get("gate") and case is not None and not drift:  # facts of draws
            leave(self._item, "case", plain(self._facts(case, samples, reference, until)))
        return verdict

    def _part(
        self, part: str, samples: Any, case: Case | None, key: str, call: str
    ) -> gates.Verdict:
        """Return the verdict on one part of the reference by one check."""
        inputs = inputs_of(self._config)
        reference = inputs.reference if case is None else case.reference
        start = time.perf_counter()
        gate = inputs.gate(reference, PERMUTATIONS)
        verdict = gate.judge_one(name_of_part(self._config, part), samples)
        self._config.stash[FIRST][call] = verdict
        self._leave(key, verdict, time.perf_counter() - start)
        if self._entry.get("gate") and case is not None:
            leave(self._item, "case", plain(self._facts(case, gate.read(samples), reference, "")))
        return verdict

    def _rarest(self, reference: data.SampleSet) -> dict[str, Any]:
        """Return how wide the tail is unless the test says so: of codes, as wide as can be told."""
        known = self._config.stash.setdefault(RAREST, {})
        if reference.sha256 not in known:
            (check,) = (c for c in gates.default_checks(reference) if c.metric == "tail_mass")
            known[reference.sha256] = check.settings
        return known[reference.sha256]

    def _follow(
        self, metric: str, reader: Reader, reference: Any, keywords: dict[str, Any], seed: int
    ) -> gates.Verdict:
        """Return the verdict on a stream, read as far as it takes."""
        if metric == "drift":
            raise InvalidArgument(
                "samples must be a trajectory for the metric 'drift'; got a stream of draws"
            )
        inputs = inputs_of(self._config)
        setting = gates.Check(metric, **keywords).setting
        rows = read_reference(reference, setting.kind, seed=seed)
        levels = inputs.levels(_declared(self._item))
        return follow(setting, rows, levels, reader, budget=inputs.cap, seed=seed)

    def _leave(self, key: str, verdict: gates.Verdict, seconds: float) -> None:
        who = {
            "id": key,
            "nodeid": self._item.nodeid,
            "model": self._entry.get("model"),
            "gate": self._entry.get("gate"),
            "name": self._entry.get("check") or key,
        }
        record = verdict.to_dict()
        leave(self._item, "check", plain({**who, **record, "seconds": seconds}))
        self._item.user_properties += properties(record)

    def _facts(self, case: Case, samples: Any, reference: Any, until: str) -> dict[str, Any]:
        """Return what was judged against what; write the draws if that was asked for."""
        against = _as_set(reference, None)
        judged = _as_set(samples, against.kind)
        facts = {
            "gate": self._entry["gate"],
            "model": self._entry["model"],
            "how": case.how + until,
            "drawn": case.samples is None,
            "size": len(judged),
            "samples_sha256": judged.sha256,
            "reference": against.name,
            "reference_size": len(against),
            "reference_sha256": against.sha256,
            "columns": list(case.reference.columns) if case.reference.columns else None,
            "shapes": None,
        }
        settings = self._config.stash[SETTINGS]
        if settings.features is None or against.kind != "numbers":  # features are judged, not they
            facts["shapes"] = _shapes(judged, against, case.reference.columns)
        folder = settings.save_samples
        if folder is not None:
            _save(folder, facts, judged, against if case.learned else None)
        return facts


def _shapes(
    judged: Any, against: Any, columns: tuple[str, ...] | None
) -> list[dict[str, Any]] | None:
    """Return what it takes to draw the one over the other."""
    if isinstance(against, data.Table):
        return _table_shapes(judged, against)
    if against.kind != "numbers":
        return ranks(judged.values, against.values, against.kind, columns)
    return shapes(judged.values, against.values, columns)


def _table_shapes(judged: Any, against: data.Table) -> list[dict[str, Any]]:
    """Return what it takes to draw the complete columns of a table: numbers, then codes."""
    complete = {
        name: column.kind
        for name, column in zip(against.columns, against.cells, strict=True)
        if not column.missing.any()
    }
    numbers = tuple(name for name, kind in complete.items() if kind == "numbers")
    drawn = []
    if numbers:
        drawn += shapes(judged.numbers(numbers), against.numbers(numbers), numbers)
    for name, kind in complete.items():
        if kind == "codes":
            ours, theirs = (table[name].values for table in (judged, against))
            drawn += ranks(ours, theirs, "codes", (name,)) or []
    return drawn


def _as_set(samples: Any, kind: Any) -> Any:
    """Return samples with their digest; column names are no part of it."""
    if isinstance(samples, data.SampleSet | data.Table):
        return samples
    return data.SampleSet.of(samples, kind=kind, name="the test's own rows")


def _save(folder: Path, facts: dict[str, Any], judged: Any, half: Any) -> None:
    """Write what was judged and, if the candidate was fitted here, what it was judged against.

    Any process of the session may write a file; the bytes are the same from each.
    """
    who = f"{facts['gate']} {facts['model']}"
    stem = re.sub(r"[^A-Za-z0-9]+", "-", who).strip("-")[:80]
    stem += f"-{sha256(who.encode()).hexdigest()[:8]}"  # two models never share a file
    for samples, name in ((judged, stem), (half, f"{stem}-reference")):
        if samples is None:
            continue
        if isinstance(samples, data.Table):
            name += ".parquet"
            samples.save(folder / name)
        else:
            name += data.suffix_of(samples)
            data.save_samples(samples, folder / name)
        digest = sha256((folder / name).read_bytes()).hexdigest()
        # in the form that `sha256sum -c` reads
        (folder / f"{name}.sha256").write_text(f"{digest}  {name}\n", encoding="ascii")


def remember(item: pytest.Item, result: Any, scenario: str, **details: Any) -> None:
    """Put a trajectory, or a verdict outside every ledger, into the report."""
    key = key_of(item)
    if isinstance(result, gates.Verdict):
        if details:
            raise InvalidArgument(f"a verdict must be recorded alone; got {sorted(details)}")
        leave(item, "recorded", plain({"id": key, "scenario": scenario, **result.to_dict()}))
        return
    leave(item, "trajectory", {"id": key, **summarize(result, scenario=scenario, **details)})
