"""A gate: several checks of one model against one reference, with error rates for them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.checks import DEFAULTS, Check, as_checks, kind_of
from collapse_bench.gates.judge import judge
from collapse_bench.gates.levels import Levels, check_permutations
from collapse_bench.gates.rows import Rows, read_reference, read_samples
from collapse_bench.gates.verdict import Outcome, Verdict
from collapse_bench.streams import stream

__all__ = ["FOOTER", "Gate", "GateResult"]

FOOTER = (
    "P(any fail | every loss within tolerate) <= alpha and P(all pass | some loss at or beyond its "
    "detect) <= beta: exact for tail mass beyond the reference's own threshold, asymptotic for "
    "variance and Wasserstein (measured rates in docs/gate.md); averaged over the draw of the "
    "reference; draws iid."
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

    Raises
    ------
    InvalidArgument
        If a level is out of range, a check is unknown or listed twice, or one has fewer
        permutations than K / alpha or 1 / beta.
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
    ) -> None:
        stream(seed)  # refuses what isn't a seed
        self.seed = seed
        self.checks = DEFAULTS if checks is None else as_checks(checks)
        self.levels = Levels.of(alpha, beta, checks=len(self.checks))
        for check in self.checks:
            growth = getattr(check.setting, "growth", None)
            check_permutations(check.setting.permutations, self.levels.directed(growth))
        self._kind = kind_of(self.checks)
        self.reference = read_reference(reference, self._kind, seed=seed)

    def judge(self, samples: Any) -> GateResult:
        """Return the verdicts of all checks on samples, shape (n, d) or (n,).

        Raises
        ------
        InvalidSamples
            If the samples are empty, not finite, or of another width than the reference.
        InvalidArgument
            If they aren't numbers.
        """
        rows = read_samples(samples, self.reference, self._kind)
        verdicts = tuple(self._judge(check, rows) for check in self.checks)
        outcomes = {verdict.outcome for verdict in verdicts}
        outcome: Outcome = "pass"
        if outcomes != {"pass"}:
            outcome = "fail" if "fail" in outcomes else "inconclusive"
        notes = dict.fromkeys(note for verdict in verdicts for note in verdict.notes)
        return GateResult(verdicts, outcome, tuple(notes))

    def judge_one(self, check: Check | str, samples: Any) -> Verdict:
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
        return self._judge(wanted, read_samples(samples, self.reference, self._kind))

    def _judge(self, check: Check, rows: Rows) -> Verdict:
        return judge(check.setting, rows, self.reference, self.levels, seed=self.seed)
