"""``collapse-bench selftest``: how often does a gate fail a model that is the reference itself?"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from collapse_bench.cli.console import (
    CANT_TELL,
    WORSE,
    Commands,
    add_checks,
    add_levels,
    add_reference,
    checks_from,
    print_json,
    print_table,
    reference_from,
    whole,
)
from collapse_bench.errors import InvalidArgument
from collapse_bench.reports.text import counted, safe_text

if TYPE_CHECKING:
    from collapse_bench.data import SampleSet
    from collapse_bench.gates import Check, GateResult

__all__ = ["add", "limits"]

EPILOG = """\
Each run deals random rows of the reference into two equal groups, one in the place of a model's
samples, and judges them. Nothing was lost, so every fail is a false alarm, and at most alpha of the
runs may have one. Random groups can't show rows that depend on one another (frames of one video),
which a gate takes for independent.

exit codes: 0 the rate is shown to be alpha or less; 1 it is shown to be more; 6 can't tell; 4 a bad
file or option

examples:
  collapse-bench selftest --reference real.csv
  collapse-bench selftest --reference real.csv --size 500 --runs 1000 --seed 7
"""

SURE = 0.99  # confidence of either limit
ROWS = 2_000  # of a group where nothing is said: a third of a second a run
LEAST_ROWS = 20  # as in a gate
PERMUTATIONS = 999  # of a test by relabelling; a gate takes ten times as many
OUTCOMES = ("fail", "pass", "inconclusive")


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "selftest",
        help="count a gate's false alarms on your own reference",
        description="Judge a reference against itself, again and again, and count the fails.",
        epilog=EPILOG,
    )
    add_reference(parser)
    add_checks(parser)
    add_levels(parser)
    parser.add_argument(
        "--runs",
        type=whole(1),
        metavar="N",
        help="how often (default: as often as shows alpha, if none fails: 459 for 0.01)",
    )
    parser.add_argument(
        "--size",
        type=whole(LEAST_ROWS),
        metavar="N",
        help=f"rows of a group (default: half of the reference's, at most {ROWS:,})",
    )
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="root seed (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def limits(count: int, runs: int) -> tuple[float, float]:
    """Return the exact limits of a rate, each wrong with probability 0.01 at most.

    Parameters
    ----------
    count, runs
        How often it happened, 0 <= count <= runs, in how many independent runs.

    References
    ----------
    .. [1] C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in
       the case of the binomial", Biometrika 26 (1934), 404-413.
    """
    from scipy.stats import beta

    low = 0.0 if count == 0 else float(beta.ppf(1 - SURE, count, runs - count + 1))
    high = 1.0 if count == runs else float(beta.ppf(SURE, count + 1, runs - count))
    return low, high


def _run(arguments: argparse.Namespace) -> int:
    reference = reference_from(arguments)
    rows = len(reference)
    if rows < 2 * LEAST_ROWS:
        raise InvalidArgument(
            f"reference must have {2 * LEAST_ROWS} rows or more to be dealt into two groups; "
            f"got {rows}"
        )
    size = min(rows // 2, ROWS) if arguments.size is None else arguments.size
    if 2 * size > rows:
        raise InvalidArgument(
            f"--size must be at most half of the reference's {rows:,} rows; got --size={size}"
        )
    needed = _runs_that_show(arguments.alpha)
    runs = arguments.runs or needed
    count = len(checks_from(arguments, reference))
    # so many that a p-value can be as small as either level; half a unit for what rounding leaves
    least = math.ceil(max(count / arguments.alpha, 1 / arguments.beta) + 0.5)
    permutations = max(PERMUTATIONS, least)
    checks = checks_from(arguments, reference, permutations=permutations)
    if not arguments.json:
        print(
            f"{counted(runs, 'run')}: {size:,} random rows of {safe_text(reference.name)} against "
            f"{size:,} others; alpha {arguments.alpha:g}, beta {arguments.beta:g}, seed "
            f"{arguments.seed}, {permutations:,} relabellings"
        )
    results: list[GateResult] = []
    start = time.perf_counter()
    try:
        for result in _results(reference, checks, arguments, size, runs):
            results.append(result)
            seconds, start = time.perf_counter() - start, time.perf_counter()
            # the first also loads libraries, so the second tells how long all will take
            if len(results) == min(2, runs) and not arguments.json:
                print(
                    f"one took {seconds:.2f} s, all take about {_duration(runs * seconds)}",
                    flush=True,
                )
    except KeyboardInterrupt:  # what was counted so far still counts
        if not results:
            raise
    return _tell(arguments, checks, results, runs, needed)


def _results(
    reference: SampleSet,
    checks: tuple[Check, ...],
    arguments: argparse.Namespace,
    size: int,
    runs: int,
) -> Iterator[GateResult]:
    """Yield what a gate says of two disjoint groups of the reference's rows, dealt at random."""
    from collapse_bench.data import SampleSet
    from collapse_bench.gates import Gate
    from collapse_bench.streams import generator

    for run in range(runs):
        rng = generator(arguments.seed, "selftest", run)
        dealt = rng.permutation(len(reference))[: 2 * size]
        groups = [
            SampleSet.of(
                reference.values[part], kind=reference.kind, columns=reference.columns, name=name
            )
            for part, name in ((dealt[:size], "samples"), (dealt[size:], "reference"))
        ]
        gate = Gate(
            groups[1],
            checks,
            alpha=arguments.alpha,
            beta=arguments.beta,
            seed=int(rng.integers(2**53)),
        )
        yield gate.judge(groups[0])


def _tell(
    arguments: argparse.Namespace,
    checks: tuple[Check, ...],
    results: list[GateResult],
    runs: int,
    needed: int,
) -> int:
    """Print the counts and what they show, and return the exit code."""
    done = len(results)
    counts: dict[str, Counter[str]] = {
        check.metric: Counter(result.verdicts[place].outcome for result in results)
        for place, check in enumerate(checks)
    }
    counts["gate"] = Counter(result.outcome for result in results)  # the worst of each run
    fails = counts["gate"]["fail"]
    low, high = limits(fails, done)
    code = 0 if high <= arguments.alpha else WORSE if low > arguments.alpha else CANT_TELL
    if done < runs:
        code = WORSE if code == WORSE else CANT_TELL  # when to stop wasn't decided beforehand
    if arguments.json:
        found: dict[str, Any] = {
            "runs": done,
            "asked": runs,
            "alpha": arguments.alpha,
            "counts": {
                name: {word: count[word] for word in OUTCOMES} for name, count in counts.items()
            },
            "low": low,
            "high": high,
            "exit": code,
        }
        print_json(found)
        return code
    print_table(
        [
            {"": name, **{word: f"{count[word]:,}" for word in OUTCOMES}}
            for name, count in counts.items()
        ],
        right=OUTCOMES,
    )
    said = {
        0: "the promise holds on this reference",
        WORSE: "MORE FALSE ALARMS THAN PROMISED on this reference",
        CANT_TELL: f"can't tell: {needed:,} runs without a fail would show it",
    }[code]
    if done < runs:
        said += f"; interrupted after {done:,} of {runs:,} runs"
    print(
        f"false alarms: {fails:,} of {done:,}, a rate of {low:.3%} or more and {high:.3%} or less "
        f"({SURE:.0%} each); promised: {arguments.alpha:.3%} at most: {said}"
    )
    return code


def _runs_that_show(alpha: float) -> int:
    """Return the runs of which not one may fail for the upper limit to be alpha or less."""
    return math.ceil(math.log(1 - SURE) / math.log1p(-alpha))


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
