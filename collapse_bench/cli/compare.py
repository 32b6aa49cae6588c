"""``collapse-bench compare``: two JSON reports, check by check, with an alpha of its own."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from collapse_bench.baselines import Report, compare_reports, exit_status, read_report
from collapse_bench.baselines.documents import report_of
from collapse_bench.cli.console import Commands, add_alpha, print_json
from collapse_bench.errors import InvalidArgument, InvalidSpec
from collapse_bench.reports.text import counted, safe_text

if TYPE_CHECKING:
    from collapse_bench.baselines.comparing import Pairing

__all__ = ["add"]

EPILOG = """\
Checks are matched by id. A check is "worse" if more is lost in B than in A, shown at its share of
alpha; "better" if less is; "equivalent" if a change as large as detect - tolerate is excluded in
both directions; else it can't be told. Losses count from zero on: growth is not a negative loss.
Checks against another reference, or with other settings, aren't compared, and say why.

Where both releases answered the same prompts or used the same seeds, --paired compares row i of
A's samples with row i of B's: what both have in common cancels, and far smaller changes are told.

exit codes: 0 nothing is worse, and every check was told; 1 one is worse; 6 one can't be told; 4 a
bad file or option

examples:
  pytest --pyargs collapse_bench.suites.gate --collapse-model=hf:./v1 ... --collapse-report=v1.json
  pytest --pyargs collapse_bench.suites.gate --collapse-model=hf:./v2 ... --collapse-report=v2.json
  collapse-bench compare v1.json v2.json
  collapse-bench compare v1.json v2.json --paired v1.npy v2.npy --reference real.csv
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "compare",
        help="two reports of the same gates: better, worse, equivalent or can't tell",
        description="Compare the losses of two JSON reports, check by check.",
        epilog=EPILOG,
    )
    parser.add_argument("earlier", metavar="A.json", help="the earlier report")
    parser.add_argument("later", metavar="B.json", help="the later report")
    add_alpha(parser, "chance to call any check worse (or any better) though none is")
    parser.add_argument(
        "--paired",
        nargs=2,
        metavar=("A_SAMPLES", "B_SAMPLES"),
        help="the samples that A and B judged, whose rows correspond one to one",
    )
    parser.add_argument(
        "--reference",
        metavar="SPEC",
        help="what they were judged against (with --paired): a file or a built-in name",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    sides = [
        report_of(read_report(path, name), safe_text(path))
        for name, path in (("A.json", arguments.earlier), ("B.json", arguments.later))
    ]
    pairing = _pairing(arguments, *sides)
    found = compare_reports(*sides, alpha=arguments.alpha, pairing=pairing)
    code = exit_status(found)
    words = [one.word for one in found]
    counts = {word: words.count(word) for word in ("worse", "can't tell", "better", "equivalent")}
    if arguments.json:
        print_json(
            {
                "alpha": arguments.alpha,
                "checks": [one.to_dict() for one in found],
                "summary": counts,
                "exit": code,
            }
        )
        return code
    for one in found:
        print(one)
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    print(f"{counted(len(found), 'check')}{': ' * bool(told)}{told}")
    print(
        "P(any worse | no loss grew) <= alpha, P(any better | no loss shrank) <= alpha and "
        "P(any equivalent | its loss changed by detect - tolerate or more) <= alpha = "
        f"{arguments.alpha:g}; draws iid, averaged over the draw of the reference."
    )
    if any(one.paired for one in found):
        print(
            "Paired checks: pairs iid, given the reference; exact for the tail mass of rows, "
            "asymptotic for all else."
        )
    return code


def _pairing(arguments: argparse.Namespace, earlier: Report, later: Report) -> Pairing | None:
    """Return how the rows of both releases are compared, None if that wasn't asked for.

    Raises
    ------
    InvalidArgument
        If only one of the two options is given.
    InvalidSpec
        If a file isn't what a report's gate judged.
    """
    if (arguments.paired is None) != (arguments.reference is None):
        raise InvalidArgument("--paired and --reference must be given together; got one of them")
    if arguments.paired is None:
        return None
    from collapse_bench.baselines.paired import pairing_of
    from collapse_bench.baselines.pairs import pairs_of
    from collapse_bench.data import SampleSet, load_reference, load_samples

    reference = load_reference(arguments.reference)
    if not isinstance(reference, SampleSet):
        raise InvalidSpec(
            "--paired must have rows of one kind, not a table of several; got --reference="
            f"{arguments.reference!r}"
        )
    # a gate judges rows without the names of their columns
    plain = SampleSet.of(reference.values, kind=reference.kind)
    digests = {reference.sha256, plain.sha256}
    _check_judged("--reference", arguments.reference, digests, "reference_sha256", earlier, later)
    sets = []
    for path, side in zip(arguments.paired, (earlier, later), strict=True):
        loaded = load_samples(path, kind=reference.kind)
        assert isinstance(loaded, SampleSet)  # as asked for
        sets.append(SampleSet.of(loaded.values, kind=loaded.kind))
        _check_judged("--paired", path, {sets[-1].sha256}, "samples_sha256", side)
    pairs = pairs_of(sets[0], sets[1], plain)
    return pairing_of(pairs, (sets[0].sha256, sets[1].sha256), digests, alpha=arguments.alpha)


def _check_judged(option: str, path: str, digests: set[str], field: str, *sides: Report) -> None:
    """Refuse a file that no gate of a report has on record."""
    for side in sides:
        known: set[Any] = {getattr(entry, field) for entry in side.entries.values()}
        if not digests & known:
            raise InvalidSpec(
                f"{option} must name what was judged; got {safe_text(repr(path))}, whose rows "
                f"have another digest than any on record in {side.name}: save them with "
                "--collapse-save-samples"
            )
