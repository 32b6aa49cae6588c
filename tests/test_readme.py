"""The README's examples run, and print what it says they print."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from collapse_bench.errors import CollapseError

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
# A Python block, and the text block after it where there is one.
EXAMPLES = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", README, flags=re.DOTALL)


@pytest.mark.parametrize(("code", "printed"), [pair for pair in EXAMPLES if pair[1]])
def test_an_example_prints_what_the_readme_says(code, printed):
    output = io.StringIO()
    names = {}
    with contextlib.redirect_stdout(output):
        exec(compile(code, "README.md", "exec"), names)

    assert output.getvalue().split() == printed.split()  # lines may be wrapped in the README


def test_the_model_of_the_example_fails_its_test():
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(EXAMPLES[0][0], "README.md", "exec"), names)
    with pytest.raises(CollapseError, match=r"^FAIL tail_mass: loss"):
        names["test_the_model_keeps_its_tails"]()


def test_the_commands_are_those_of_ci():
    script = (Path(__file__).parents[1] / ".ci" / "run").read_text(encoding="utf-8")

    assert "pip install -c constraints.txt -e '.[test]'" in README
    assert "-c constraints.txt -e '.[test]'" in script
