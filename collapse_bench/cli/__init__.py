"""The command ``collapse-bench``: everything that needs no test run. Judging is pytest's."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import collapse_bench
from collapse_bench.cli import compare, listing, plan, report, selftest
from collapse_bench.cli.console import USAGE, Parser
from collapse_bench.errors import CollapseBenchError
from collapse_bench.reports.text import safe_text

__all__ = ["main"]

EPILOG = """\
exit codes:
  0  it is as it should be
  1  worse, or damaged: more is lost (compare), more false alarms than promised (selftest)
  4  a bad option or file
  6  can't tell: too few samples, rows or runs, or something that wasn't compared

examples:
  collapse-bench plan --reference real.csv
  collapse-bench compare old.json new.json
  collapse-bench list checks

A gate itself is run by pytest: pytest --pyargs collapse_bench.suites.gate --help
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, ``sys.argv[1:]`` if None, and return its exit code."""
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # of argparse: --help, --version, or an error it has told
        return stop.code if isinstance(stop.code, int) else USAGE
    except CollapseBenchError as error:
        print(f"{parser.prog}: {safe_text(error)}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # `| head` has read enough: what is still buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return USAGE


def _parser() -> Parser:
    parser = Parser(
        prog="collapse-bench",
        description="How many samples a gate needs, what there is, what two reports say together.",
        epilog=EPILOG,
    )
    version = f"collapse-bench {collapse_bench.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (plan, listing, compare, report, selftest):
        module.add(commands)
    return parser
