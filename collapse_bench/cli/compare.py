"""``collapse-bench compare``: two JSON reports, check by check, with an alpha of its own."""

from __future__ import annotations

import argparse

from collapse_bench.baselines import compare_reports, exit_status, read_report
from collapse_bench.baselines.documents import report_of
from collapse_bench.cli.console import Commands, add_alpha, print_json
from collapse_bench.reports.text import counted, safe_text

__all__ = ["add"]

EPILOG = """\
Checks are matched by id. A check is "worse" if more is lost in B than in A, shown at its share of
alpha; "better" if less is; "equivalent" if a change as large as detect - tolerate is excluded in
both directions; else it can't be told. Losses count from zero on: growth is not a negative loss.
Checks against another reference, or with other settings, aren't compared, and say why.

exit codes: 0 nothing is worse, and every check was told; 1 one is worse; 6 one can't be told; 4 a
bad file or option

examples:
  pytest --pyargs collapse_bench.suites.gate --collapse-model=hf:./v1 ... --collapse-report=v1.json
  pytest --pyargs collapse_bench.suites.gate --collapse-model=hf:./v2 ... --collapse-report=v2.json
  collapse-bench compare v1.json v2.json
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
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    sides = [
        report_of(read_report(path, name), safe_text(path))
        for name, path in (("A.json", arguments.earlier), ("B.json", arguments.later))
    ]
    found = compare_reports(*sides, alpha=arguments.alpha)
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
    return code
