"""docs/theory.md lists every public closed form and names tests that exist."""

import ast
import re
from inspect import signature
from itertools import pairwise
from pathlib import Path

import pytest

from collapse_bench import theory
from tests.theory import sensitivity

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "theory.md"
TEXT = PAGE.read_text(encoding="utf-8")
# `name(arguments)` or `name`, and the row's last cell; a first cell may hold several names
ROW = re.compile(r"^\| (`\w.*?) \|.*\| (.*) \|$", re.MULTILINE)
NAME = re.compile(r"`(\w+)(?:\((.*?)\))?`")
# Modules whose rows name single tests and say with an S what is simulated.
IN_DETAIL = ("categorical", "curation", "gaussian", "regimes")


def sections():
    """Return what each module's section lists: name -> (arguments or None, tests)."""
    marks = [(m.start(), m[1]) for m in re.finditer(r"^## (\w+): ", TEXT, re.MULTILINE)]
    marks.append((len(TEXT), ""))
    return {
        name: {
            listed[1]: (listed[2], row[2])
            for row in ROW.finditer(TEXT[start:end])
            for listed in NAME.finditer(row[1])
        }
        for (start, name), (end, _) in pairwise(marks)
    }


def named_in(arguments):
    """Return the names of the arguments of a signature as it is written."""
    taken = ast.parse(f"def f({arguments}): ...").body[0].args
    return [argument.arg for argument in (*taken.args, *taken.kwonlyargs)]


def test_every_module_has_a_section():
    assert set(sections()) == set(theory.__all__)


@pytest.mark.parametrize("module", theory.__all__)
def test_every_public_name_is_listed_with_its_arguments(module):
    rows, package = sections()[module], getattr(theory, module)
    assert set(rows) == set(package.__all__)
    for name, (arguments, _) in rows.items():
        if arguments is not None:
            assert named_in(arguments) == list(signature(getattr(package, name)).parameters), name


def test_every_test_and_file_named_exists():
    written = {
        name
        for path in HERE.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(re.findall(r"`(test_\w+)`", TEXT)) <= written
    for name in re.findall(r"`(?:tests/theory/)?(\w+\.py)`", TEXT):
        assert (HERE / name).exists(), name


@pytest.mark.parametrize("module", IN_DETAIL)
def test_every_row_names_a_test_and_says_whether_it_is_simulated(module):
    simulated = {experiment.formula for experiment in sensitivity.experiments()}
    for name, (_, tests) in sections()[module].items():
        assert re.search(r"`test_\w+`", tests), name
        assert bool(re.search(r"\bS\b", tests)) == (f"{module}.{name}" in simulated), name


@pytest.mark.parametrize("module", [name for name in theory.__all__ if name not in IN_DETAIL])
def test_every_other_section_names_its_tests(module):
    section = TEXT[TEXT.index(f"\n## {module}: ") :].partition("\n## ")[2].partition("\n## ")[0]
    assert re.search(rf"`tests/theory/test_{module}\.py`", section)
