"""A gate: several checks of one model against one reference, with error rates for them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates.checks import Check, as_checks, defaults_of, kind_of
from collapse_bench.gates.evidence import check_kind
from collapse_bench.gates.judge import judge
from collapse_bench.gates.levels import Levels, check_permutations
from collapse_bench.gates.plan import check_plan
from collapse_bench.gates.rows import Data, read_reference, read_samples
from collapse_bench.gates.sequential import GRID, Draws, course_of
from collapse_bench.gates.verdict import Outcome, Verdict
from collapse_bench.streams import stream
from collapse_bench.validation import check_count, one_of

__all__ = ["FOOTER", "Gate", "GateResult"]

Mode = Literal["fixed", "sequential"]
LARGEST = 2**53

FOOTER = (
    "P(any fail | every loss within tolerate) <= alpha and P(all pass | some loss at or beyond its "
    "detect) <= beta: exact for tail mass beyond the reference's own threshold, asymptotic for "
    "variance, support and Wasserstein (measured rates in docs/gate.md); averaged over the draw of "
    "the reference unless guarantee='reference'; draws iid, or the declared clusters."
)


@dataclass(frozen=True, slots=True)
class GateResult:
    """What came of a gate.

    Attributes
    ----------
    verdicts
        One a check, in the gate's order.
    outcome
        "fail" if any check failed; else "inconclusive" if any is; else "pass".
    notes
        What a reader must know whatever the outcome, each once.
    """

    verdicts: tuple[Verdict, ...]
    outcome: Outcome
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "outcome": self.outcome,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "notes": list(self.notes),
        }


class Gate:
    """Checks of one model against one reference that share an error budget.

    Each of K checks tests "fail" at alpha / K, so that a model whose losses are all tolerable fails
    anywhere with probability alpha at most; each tests "pass" at the full beta, which a gate needs
    of all of them. Streams belong to the checks, so judging some of them changes no verdict.

    Parameters
    ----------
    reference : shape (m, d) or (m,)
        Rows of the true distribution, or a law, which is drawn from 100,000 times.
    checks
        :class:`Check` objects or names of metrics; None for :func:`default_checks`.
    alpha, beta
        Error rates of the gate, in (0, 0.5).
    seed
        Root of all streams.
    mode
        What :meth:`run` does: "fixed" draws the planned number at once; "sequential" draws only
        while a check is undecided.
    clusters : shape (m,)
        None if the reference's rows are independent, or if it is a set of samples that carries its
        own ids. An id of the cluster of each row: rows that belong to documents, users or prompts
        may depend on one another, clusters don't. Sizes then count clusters.

    Raises
    ------
    InvalidArgument
        If a level is out of range, a check is unknown or listed twice, one has fewer permutations
        than K / alpha or 1 / beta, or clusters are declared in sequential mode.
    InvalidSamples
        If the reference can't be read, or doesn't vary.
    """

    def __init__(
        self,
        reference: Any,
        checks: Iterable[Check | str] | None = None,
        *,
        alpha: float = 0.01,
        beta: float = 0.01,
        seed: int = 0,
        mode: Mode = "fixed",
        clusters: Any = None,
    ) -> None:
        one_of("mode", mode, ("fixed", "sequential"))
        self.mode = mode
        stream(seed)  # refuses what isn't a seed
        self.seed = seed
        given = None if checks is None else as_checks(checks)
        self._kind = kind_of(given or ())
        self.reference = read_reference(reference, self._kind, seed=seed, clusters=clusters)
        if mode == "sequential" and self._clustered:
            raise InvalidArgument(
                "clusters must be None in sequential mode, which draws rows one by one; got ids of "
                f"{len(self.reference):,} clusters of the reference: judge samples with their ids"
            )
        self.checks = given or defaults_of(self.reference)
        self.levels = Levels.of(alpha, beta, checks=len(self.checks))
        for check in self.checks:
            check_kind(check.setting, self.reference)
            growth = getattr(check.setting, "growth", None)
            check_permutations(check.setting.permutations, self.levels.directed(growth))

    def judge(self, samples: Any, *, clusters: Any = None) -> GateResult:
        """Return the verdicts of all checks on samples, of the reference's kind and width.

        Parameters
        ----------
        samples : shape (n, d) or (n,)
            What a model drew.
        clusters : shape (n,)
            The id of each row's cluster, where the reference has clusters too; None where it
            hasn't, or where the samples are a set that carries its own ids.

        Raises
        ------
        InvalidSamples
            If the samples are empty, not finite, or of another width than the reference.
        InvalidArgument
            If they aren't numbers, or only they or only the reference have clusters.
        """
        rows = read_samples(samples, self.reference, self._kind, clusters=clusters)
        return _result(tuple(self._judge(check, rows) for check in self.checks))

    def run(
        self, draw: Callable[[int], Any], *, budget: int | None = None, chunk: int = GRID
    ) -> GateResult:
        """Draw as many samples as the verdicts take, and return them.

        In fixed mode ``draw`` is called once, for the planned number of samples. In sequential
        mode it is called for ``chunk`` samples as long as a check is undecided: tails are judged
        by a test martingale, looked at after every 200 draws, and all other checks four times,
        after an eighth, a quarter, half and all of their planned draws, spending .05, .10, .25 and
        .60 of their alpha and their beta. Both error rates hold over all looks together. What is
        decided doesn't depend on ``chunk``.

        Parameters
        ----------
        draw
            From a number of samples to that many of them, independent of all before.
        budget
            The most to draw, rounded up to a multiple of 200 in sequential mode. None: in fixed
            mode the planned number, or that of the reference's rows where no number is enough; in
            sequential mode four times what tails take, and as much as is planned for the others.
        chunk
            Samples a call asks for in sequential mode.

        Raises
        ------
        InvalidSamples
            If a call returns other than so many samples of the reference's kind and width.
        InvalidArgument
            If the reference's rows belong to clusters: what is drawn has no ids.
        """
        check_count("chunk", chunk)
        if self._clustered:
            raise InvalidArgument(
                "clusters must be None for run, whose draws have no ids; got a reference of "
                f"{len(self.reference):,} clusters: judge samples with their ids"
            )
        if budget is not None:
            check_count("budget", budget)
        if self.mode == "fixed":
            size = min(self.planned_size(), budget or LARGEST)
            drawn = draw(size)
            if not hasattr(drawn, "__len__") or len(drawn) != size:
                found = len(drawn) if hasattr(drawn, "__len__") else type(drawn).__name__
                raise InvalidSamples(f"draw({size}) must return {size} rows; got {found}")
            return self.judge(drawn)
        courses = [
            course_of(check.setting, self.reference, self.levels, budget=budget, seed=self.seed)
            for check in self.checks
        ]
        draws = Draws(draw, self.reference, self._kind, chunk)
        longest = max(course.planned for course in courses)
        while any(course.verdict is None for course in courses):
            block = draws.block()
            for course in courses:
                if course.verdict is None:
                    course.see(block, draws, last=len(draws) >= longest)
        return _result(tuple(course.verdict for course in courses if course.verdict is not None))

    def planned_size(self) -> int:
        """Return the samples, or clusters, with which every check can be decided both ways."""
        found = [
            check_plan(check.setting, self.reference, self.levels, len(self.reference))
            for check in self.checks
        ]
        return max(
            size or len(self.reference)
            for one in found
            for size in (one.size_to_pass, one.size_to_fail)
        )

    def judge_one(self, check: Check | str, samples: Any, *, clusters: Any = None) -> Verdict:
        """Return the verdict of one of the gate's checks, the same as :meth:`judge` gives.

        Raises
        ------
        InvalidArgument
            If the gate has no such check.
        InvalidSamples
            As :meth:`judge`.
        """
        (wanted,) = as_checks([check])
        if wanted not in self.checks:
            names = ", ".join(known.name for known in self.checks)
            raise InvalidArgument(f"check must be one of the gate's, {names}; got {wanted!r}")
        rows = read_samples(samples, self.reference, self._kind, clusters=clusters)
        return self._judge(wanted, rows)

    @property
    def _clustered(self) -> bool:
        """Whether rows belong to declared clusters."""
        return self.reference.kind != "tokens" and self.reference.units is not None

    def _judge(self, check: Check, rows: Data) -> Verdict:
        return judge(check.setting, rows, self.reference, self.levels, seed=self.seed)


def _result(verdicts: tuple[Verdict, ...]) -> GateResult:
    outcomes = {verdict.outcome for verdict in verdicts}
    outcome: Outcome = "pass"
    if outcomes != {"pass"}:
        outcome = "fail" if "fail" in outcomes else "inconclusive"
    notes = dict.fromkeys(note for verdict in verdicts for note in verdict.notes)
    return GateResult(verdicts, outcome, tuple(notes))
