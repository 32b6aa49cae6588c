"""A gate that draws only while something is undecided."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.gates.evidence import Evidence, Setting, check_kind, growth_untold
from collapse_bench.gates.judge import conclude, judge
from collapse_bench.gates.levels import LEAST_ROWS, Levels
from collapse_bench.gates.plan import check_plan
from collapse_bench.gates.rows import Data, read_samples
from collapse_bench.gates.support import DEPTH, Support
from collapse_bench.gates.tail_mass import TailMass
from collapse_bench.gates.verdict import Growth, Verdict
from collapse_bench.statistics.eprocess import MOST_DRAWS, EProcess
from collapse_bench.streams import generator

__all__ = ["GRID", "SPENDING", "Course", "Draws", "course_of", "follow"]

# Evidence is looked at after every so many draws, however many come in one call.
GRID = 200

# Checks without an e-process look when these shares of the planned draws are there, and spend
# these shares of alpha and of beta on each look: a union bound, valid for any dependence.
SPENDING = ((1 / 8, 0.05), (1 / 4, 0.10), (1 / 2, 0.25), (1.0, 0.60))

# Shares of the tail that evidence of a loss is a mixture of, in units of 1 - detect.
LOST = (1.0, 0.75, 0.4)


@dataclass
class Draws:
    """What was drawn so far, cut into blocks of GRID rows, whatever the calls returned.

    Attributes
    ----------
    source
        draw(size) -> size rows.
    reference, kind
        What the rows must be like.
    chunk
        Rows a call asks for.
    """

    source: Callable[[int], Any]
    reference: Data
    kind: Any
    chunk: int
    blocks: list[Any] = field(default_factory=list)
    _spare: list[Any] = field(default_factory=list)
    _last: Data | None = None

    def block(self) -> Data:
        """Draw on until there is one more block, and return it.

        Raises
        ------
        InvalidSamples
            If a call returns other than as many rows as were asked for, or rows of another kind.
        """
        while sum(map(len, self._spare)) < GRID:
            self._spare.append(self._call())
        rows = _joined(self._spare)
        self.blocks.append(rows[:GRID])
        self._spare = [rows[GRID:]] if len(rows) > GRID else []
        block = read_samples(self.blocks[-1], self.reference, self.kind)
        if self._last is not None and _repeats(self._last, block):
            raise InvalidSamples(
                f"draw must return new rows in each call; got the same {GRID} rows twice: is the "
                "model seeded anew in each call?"
            )
        self._last = block
        return block

    def _call(self) -> Any:
        """Return what one call draws, a copy of its own."""
        drawn = self.source(self.chunk)
        if hasattr(drawn, "detach"):
            drawn = drawn.detach().cpu().numpy()
        if not isinstance(drawn, list | tuple | np.ndarray):
            raise InvalidSamples(
                f"draw({self.chunk}) must return an array or a list of rows; "
                f"got {type(drawn).__name__}"
            )
        found = 0 if isinstance(drawn, np.ndarray) and drawn.ndim == 0 else len(drawn)
        if found != self.chunk:
            raise InvalidSamples(
                f"draw({self.chunk}) must return {self.chunk} rows; got {found} of them"
            )
        return np.array(drawn) if isinstance(drawn, np.ndarray) else list(drawn)

    def all(self) -> Data:
        """Return every row of the blocks drawn so far."""
        return read_samples(_joined(self.blocks), self.reference, self.kind)

    def __len__(self) -> int:
        return GRID * len(self.blocks)


def _joined(parts: list[Any]) -> Any:
    """Return the rows of several calls as one array or list."""
    if len(parts) == 1:
        return parts[0]
    if not all(isinstance(part, np.ndarray) for part in parts):
        return [row for part in parts for row in part]
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise InvalidSamples(
            "draw must return rows of one shape in each call; got shapes "
            f"{', '.join(str(('n', *shape)) for shape in sorted(shapes))}".replace("'n'", "n")
        )
    return np.concatenate(parts)


def _repeats(last: Data, block: Data) -> bool:
    """Return whether two blocks are the same, and vary so much that chance doesn't explain it."""
    same = len(last.values) == len(block.values) and bool((last.values == block.values).all())
    return same and len(np.unique(block.values, axis=0)) > GRID // 2


class Course(Protocol):
    """One check on its way through the draws.

    Attributes
    ----------
    verdict
        None while it is undecided and may still be decided.
    """

    verdict: Verdict | None

    @property
    def planned(self) -> int:
        """Draws after which it gives up, a multiple of GRID."""
        ...

    def see(self, block: Data, draws: Draws, *, last: bool) -> None:
        """Take in one more block; ``last``: there will be no other."""
        ...


def course_of(
    setting: Setting, reference: Data, levels: Levels, *, budget: int | None, seed: int
) -> Course:
    """Return the way of one check through a stream of draws.

    ``budget`` None: four times what a fixed plan takes for tails, as much as it for all others.
    """
    found = check_plan(setting, reference, levels, len(reference))
    fixed = max(found.size_to_pass or len(reference), found.size_to_fail or len(reference))
    # Sequences and the promise for one reference have no e-process; looks serve them too, by the
    # union bound.
    if (
        isinstance(setting, TailMass)
        and setting.guarantee == "average"
        and reference.kind != "tokens"
    ):
        planned = _on_grid(
            min(4 * fixed if budget is None else budget, MOST_DRAWS * len(reference))
        )
        return TailCourse(setting, reference, levels, planned, seed)
    planned = _on_grid(min(fixed, budget or fixed))
    if isinstance(setting, Support) and setting.depth is None:
        # One depth at every look: the loss must not change its meaning on the way.
        setting = replace(setting, depth=min(planned, len(reference), DEPTH))
    depth = getattr(setting, "depth", None) or 1
    if budget is not None and depth > budget:
        raise InvalidArgument(
            f"budget must be at least the depth that states are counted in, {depth:,}; "
            f"got budget={budget}"
        )
    planned = max(planned, _on_grid(depth))
    return Looks(setting, reference, levels, planned, seed)


def follow(
    setting: Setting,
    reference: Data,
    levels: Levels,
    draw: Callable[[int], Any],
    *,
    budget: int | None = None,
    seed: int,
) -> Verdict:
    """Return the verdict of one check alone, after as few draws as decide it.

    It is the one that :meth:`~collapse_bench.gates.Gate.run` gives on the same draws, if these
    levels are its gate's. ``draw(GRID)`` is called for one block after the other.

    Raises
    ------
    InvalidSamples
        If a call returns other than GRID rows of the reference's kind and width.
    """
    check_kind(setting, reference)
    course = course_of(setting, reference, levels, budget=budget, seed=seed)
    draws = Draws(draw, reference, setting.kind, GRID)
    while course.verdict is None:
        course.see(draws.block(), draws, last=len(draws) + GRID > course.planned)
    return course.verdict


def _on_grid(size: float) -> int:
    return GRID * max(1, math.ceil(size / GRID))


class Looks:
    """A check that looks four times, each at its part of the levels."""

    def __init__(
        self, setting: Setting, reference: Data, levels: Levels, planned: int, seed: int
    ) -> None:
        self.setting, self.reference, self.levels = setting, reference, levels
        self.planned, self.seed = planned, seed
        self._growth = getattr(setting, "growth", None)
        self.verdict: Verdict | None = None
        self.shares: dict[int, float] = {}  # by number of draws
        least = getattr(setting, "depth", None) or 1  # draws that states are counted in
        for part, share in SPENDING:
            size = _on_grid(max(part * planned, least))
            self.shares[size] = self.shares.get(size, 0.0) + share

    def see(self, block: Data, draws: Draws, *, last: bool) -> None:
        """Judge all draws if this is a time to look."""
        del block
        share = self.shares.get(len(draws))
        if share is None:
            return
        at = replace(self.levels, alpha=share * self.levels.alpha, beta=share * self.levels.beta)
        # so many relabellings that a p-value can be as small as either level
        enough = math.ceil(1 / min(at.directed(self._growth).alpha, at.beta))
        given: Any = self.setting
        setting = replace(given, permutations=max(given.permutations, enough))
        verdict = judge(setting, draws.all(), self.reference, at, seed=self.seed)
        if verdict.outcome != "inconclusive" or last or len(draws) >= self.planned:
            self.verdict = verdict


class TailCourse:
    """The tail check by its e-process, looked at after every block."""

    def __init__(
        self, setting: TailMass, reference: Data, levels: Levels, planned: int, seed: int
    ) -> None:
        self.setting, self.reference, self.levels = setting, reference, levels
        self.planned, self.seed = planned, seed
        self.verdict: Verdict | None = None
        self.counter = setting.counter(reference, seed=seed)
        self.count, self.size = 0, 0
        k, m = self.counter.k, self.counter.m
        keeps = (1 - setting.tolerate, 1 - setting.tolerate / 2, 1.0)
        self.tests = {
            "fail": EProcess(
                k, m, 1 - setting.tolerate, tuple((1 - setting.detect) * part for part in LOST)
            ),
            "pass": EProcess(k, m, 1 - setting.detect, keeps),
        }
        if setting.growth is not None:
            tolerate, detect = setting.growth
            self.tests["grown"] = EProcess(
                k, m, 1 + tolerate, tuple((1 + detect) / part for part in LOST)
            )
            self.tests["held"] = EProcess(k, m, 1 + detect, (1 + tolerate, 1 + tolerate / 2, 1.0))
        self.most = dict.fromkeys(self.tests, 0.0)  # largest log evidence so far

    def see(self, block: Data, draws: Draws, *, last: bool) -> None:
        """Count a block and look at the evidence."""
        quantity = self.setting.quantity(self.reference)
        if self.counter.tail is None:
            k, m = self.counter.k, self.counter.m
            few = (
                f"the tail of mass {self.setting.mass:g} holds {k} of the {m:,} reference rows "
                "counted on"
            )
            untold = growth_untold(STATISTIC, quantity, self.setting.growth)
            self._conclude(Evidence(STATISTIC, quantity, withheld=few, growth=untold), None)
            return
        rng = generator(self.seed, "check", "tail_mass", "ties", len(draws))
        self.count += self.counter.tail.count(self.counter.scores(block), rng=rng)
        self.size += len(block)
        c, t = np.array([float(self.count)]), np.array([float(self.size)])
        for name, test in self.tests.items():
            self.most[name] = max(self.most[name], float(test.log_evidence(c, t)[0]))
        at = self.levels.directed(self.setting.growth)
        shown = [name for name in ("fail", "grown") if self._reaches(name, at.alpha)]
        kept = all(self._reaches(name, at.beta) for name in ("pass", "held") if name in self.most)
        if shown or kept or last or self.size >= self.planned:
            told = None
            if not (shown or kept):
                told = f"neither is shown after the {self.size:,} draws that were the budget"
            self._conclude(self._evidence(quantity, at), told)

    def _reaches(self, name: str, level: float) -> bool:
        return name in self.most and self._pvalue(name) <= level

    def _pvalue(self, name: str) -> float:
        return min(1.0, math.exp(-self.most[name]))

    def _evidence(self, quantity: str, at: Levels) -> Evidence:
        setting, (count, n) = self.setting, (self.count, self.size)
        ratio = (count / n) / (self.counter.k / self.counter.m)
        most = self.tests["fail"].bound(count, n, level=at.alpha)
        least = self.tests["pass"].bound(count, n, level=at.beta)
        growth, few = None, None
        if len(self.reference) < LEAST_ROWS:
            few = f"fewer than {LEAST_ROWS} reference rows show nothing to be kept"
        few = few or setting.never_passes(self.reference)
        if setting.growth is not None:
            low = self.tests["grown"].bound(count, n, level=at.alpha)
            high = self.tests["held"].bound(count, n, level=at.beta)
            growth = Growth(
                STATISTIC,
                quantity,
                *setting.growth,
                estimate=ratio - 1,
                low=None if low is None else low - 1,
                high=None if high is None else high - 1,
                pvalue_fail=self._pvalue("grown"),
                pvalue_pass=self._pvalue("held"),
            )
        return Evidence(
            STATISTIC,
            quantity,
            estimate=1 - ratio,
            low=None if most is None else 1 - most,
            high=1.0 if least is None else 1 - least,
            pvalue_fail=self._pvalue("fail"),
            pvalue_pass=self._pvalue("pass"),
            withheld=few,
            notes=self.counter.notes,
            growth=growth,
        )

    def _conclude(self, evidence: Evidence, told: str | None) -> None:
        sizes = self.size, len(self.reference)
        self.verdict = conclude(self.setting, evidence, self.levels, sizes, None, told)


STATISTIC = "exceedance_e_process"
