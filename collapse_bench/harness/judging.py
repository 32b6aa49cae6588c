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

import pytest

from collapse_bench import data, gates
from collapse_bench.errors import CollapseError, Inconclusive, InvalidArgument
from collapse_bench.generation import draw
from collapse_bench.harness.cases import Case
from collapse_bench.harness.options import EFFECTS
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
from collapse_bench.models import Samples
from collapse_bench.reports.json import plain
from collapse_bench.reports.text import safe_text
from collapse_bench.reports.trajectories import summarize
from collapse_bench.streams import generator, stream
from collapse_bench.validation import check_count, one_of

__all__ = ["Judge", "drawing", "remember", "seed_of"]

# What the ledger and the options decide for every check.
RESERVED = ("alpha", "beta", "seed", "permutations")
PERMUTATIONS = 9_999
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


def drawing(request: pytest.FixtureRequest, device: str) -> Callable[..., Samples]:
    """Return what the fixture ``collapse_generate`` hands to a test."""
    case = case_of(request)
    assert case is not None, "collapse_generate asks for collapse_case"
    inputs, key = inputs_of(request.config), module_key(request.node)

    def generate(size: int | None = None) -> Samples:
        if size is not None:
            check_count("size", size)
        if case.samples is not None:
            if size is not None and size > len(case.samples):
                raise InvalidArgument(
                    f"size must be at most {len(case.samples)}, the samples given; got size={size}"
                )
            return case.samples.values[:size]
        if size is None:
            size = inputs.size(case.reference, _declared(request.node))
        size = min(size, inputs.settings.max_samples or size)
        if (key, size) not in case.draws:
            rng = generator(inputs.settings.seed, "generate", key, size)
            # On a CPU the model stays as it is: the built-in ones would turn from numpy to torch.
            target = None if device == "cpu" else device
            case.draws[key, size] = draw(
                case.model, size, rng=rng, device=target, kind=case.reference.kind
            )
        drawn = case.draws[key, size].view()
        drawn.setflags(write=False)  # shared by the tests of a module
        return drawn

    return generate


def _declared(item: pytest.Item) -> int:
    """Return the number of checks that share alpha with those of this test; 1 without a ledger."""
    entry = item.stash.get(ENTRY, {})
    return len(entry["ledgers"][0]["declared"]) if entry.get("gate") else 1


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
            ``"tail_mass"``, ``"variance"``, ``"wasserstein"`` or ``"drift"``.
        samples
            What is judged: an array, such as ``collapse_generate()`` returns; for drift a
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
        one_of("metric", metric, tuple(EFFECTS))
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
        drift = metric == "drift"
        # a trajectory knows where its lineages came from
        known_there = drift and getattr(samples, "reference", None) is not None
        if reference is None and not known_there:
            if case is None:
                reference = self._request.getfixturevalue("collapse_reference")
            else:
                reference = case.reference
        share = settings.alpha / _declared(self._item)
        keywords = {**settings.effects(metric), **keywords, "alpha": share, "beta": settings.beta}
        if not drift:
            keywords = {"kind": getattr(reference, "kind", None), **keywords}
            # so many that a p-value can be as small as either level
            least = math.ceil(1 / min(share, settings.beta))
            keywords["permutations"] = max(PERMUTATIONS, least)
        check = functools.partial(
            getattr(gates, f"check_{metric}"), seed=seed_of(settings.seed, "check", key), **keywords
        )
        start = time.perf_counter()
        verdict: gates.Verdict = (
            check(samples, reference=reference) if drift else check(samples, reference)
        )
        seconds = time.perf_counter() - start
        known[call] = verdict
        self._leave(key, verdict, seconds)
        if self._entry.get("gate") and case is not None and not drift:  # facts of draws
            leave(self._item, "case", plain(self._facts(case, samples, reference)))
        return verdict

    def _leave(self, key: str, verdict: gates.Verdict, seconds: float) -> None:
        who = {
            "id": key,
            "nodeid": self._item.nodeid,
            "model": self._entry.get("model"),
            "gate": self._entry.get("gate"),
            "name": self._entry.get("check") or key,
        }
        leave(self._item, "check", plain({**who, **verdict.to_dict(), "seconds": seconds}))

    def _facts(self, case: Case, samples: Any, reference: Any) -> dict[str, Any]:
        """Return what was judged against what; write the draws if that was asked for."""
        against = _as_set(reference, None)
        judged = _as_set(samples, against.kind)
        facts = {
            "gate": self._entry["gate"],
            "model": self._entry["model"],
            "how": case.how,
            "drawn": case.samples is None,
            "size": len(judged),
            "samples_sha256": judged.sha256,
            "reference": against.name,
            "reference_size": len(against),
            "reference_sha256": against.sha256,
            "columns": list(case.reference.columns) if case.reference.columns else None,
        }
        folder = self._config.stash[SETTINGS].save_samples
        if folder is not None:
            _save(folder, facts, judged, against if case.learned else None)
        return facts


def _as_set(samples: Any, kind: Any) -> data.SampleSet:
    """Return samples with their digest; column names are no part of it."""
    if isinstance(samples, data.SampleSet):
        return samples
    return data.SampleSet.of(samples, kind=kind, name="the test's own rows")


def _save(
    folder: Path, facts: dict[str, Any], judged: data.SampleSet, half: data.SampleSet | None
) -> None:
    """Write what was judged and, if the candidate was fitted here, what it was judged against.

    Any process of the session may write a file; the bytes are the same from each.
    """
    who = f"{facts['gate']} {facts['model']}"
    stem = re.sub(r"[^A-Za-z0-9]+", "-", who).strip("-")[:80]
    stem += f"-{sha256(who.encode()).hexdigest()[:8]}"  # two models never share a file
    for samples, name in ((judged, f"{stem}.npy"), (half, f"{stem}-reference.npy")):
        if samples is None:
            continue
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
