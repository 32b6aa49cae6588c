"""``collapse-bench plan``: how many samples a gate needs, before anything is drawn."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from collapse_bench.cli.console import (
    CANT_TELL,
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
from collapse_bench.reports.text import counted, safe_text

__all__ = ["add"]

EPILOG = """\
Exit code 6 if no number of samples is enough, with what is in the way: as a rule a reference that
is too small for the tail asked for, and then the rows that it takes.

examples:
  collapse-bench plan --reference real.csv
  collapse-bench plan --reference real.csv --check tail_mass --mass 0.2 --detect tail_mass=0.5
  collapse-bench plan --reference two-gaussians --reference-size 1000000 --json
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "plan",
        help="how many samples a gate needs",
        description="Samples at which a model without loss passes, and one at detect fails.",
        epilog=EPILOG,
    )
    add_reference(parser)
    add_checks(parser)
    add_levels(parser)
    parser.add_argument(
        "--power",
        type=float,
        default=0.99,
        metavar="P",
        help="how surely it shall be decided (default %(default)s)",
    )
    parser.add_argument(
        "--reference-size",
        type=whole(1),
        metavar="M",
        help="rows that there will be (default: those that there are)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from collapse_bench.gates import plan

    reference = reference_from(arguments)
    checks = checks_from(arguments, reference)
    found = plan(
        reference,
        checks,
        alpha=arguments.alpha,
        beta=arguments.beta,
        power=arguments.power,
        reference_size=arguments.reference_size,
    )
    code = CANT_TELL if found.size is None else 0
    settings = {name: getattr(arguments, name) for name in ("alpha", "beta", "power")}
    if arguments.json:
        print_json({**asdict(found), "reference": reference.name, **settings, "exit": code})
        return code
    rows = arguments.reference_size or len(reference)
    told = ", ".join(f"{name} {value:g}" for name, value in settings.items())
    print(f"against {counted(rows, 'row')} of {safe_text(reference.name)}; {told}")
    print_table(
        [
            {
                "check": check.name,
                "tolerate": f"{check.setting.tolerate:g}",
                "detect": f"{check.setting.detect:g}",
                "n to pass": _size(one.size_to_pass),
                "n to fail": _size(one.size_to_fail),
                "m": _size(one.reference_size),
                "": one.reason or "",
            }
            for check in checks
            for one in [found.per_check[check.name]]
        ],
        right=("tolerate", "detect", "n to pass", "n to fail", "m"),
    )
    if found.size is not None:
        print(f"a gate of {counted(len(checks), 'check')} takes {counted(found.size, 'sample')}")
    elif found.reference_size is not None:
        print(
            f"can't tell: no number of samples is enough against {counted(rows, 'row')}; the "
            f"reference must have {found.reference_size:,}"
        )
    else:
        print("can't tell: no number of samples is enough, whatever the reference's size")
    return code


def _size(size: int | None) -> str:
    return "-" if size is None else f"{size:,}"
