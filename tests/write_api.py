"""``python -m tests.write_api`` writes docs/api.md from the public names of the package.

Public is what a package, or a module at the top, lists in ``__all__``, but for the parts below.
"""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import collapse_bench
from collapse_bench.harness.options import OPTIONS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "api.md"

# The plugin and the command are used from a shell; the others serve the package itself.
INTERNAL = {"cli", "fixtures", "harness", "plugin", "progress", "reports", "suites", "validation"}

HEAD = """\
# The interface

Every public name, made from the code by `python -m tests.write_api`; a test holds this page
against it. What isn't listed here may change without notice. Arguments after `*` are given by name.
`help(NAME)` in Python has the rest: shapes, units, ranges, errors and sources. The command is in
[cli.md](cli.md), the report in [report.md](report.md).
"""

PYTEST = """
## pytest options

Each has a twin of its name in the ini file: `--collapse-min-checks 3` is `collapse_min_checks = 3`.
"""

FIXTURES = """
## pytest fixtures

Available wherever the package is installed; `pytest --fixtures` shows them too.
"""


def modules():
    """Return the public packages and modules, outermost first."""
    found = [collapse_bench]
    names = [
        info.name
        for info in pkgutil.walk_packages(
            [str(ROOT / "collapse_bench")], "collapse_bench.", onerror=lambda name: None
        )
        if info.name.split(".")[1] not in INTERNAL and "._" not in info.name
    ]
    for name in sorted(names):
        if name.count(".") > 1 and not is_package(name):
            continue  # its package says which of its names are public
        module = importlib.import_module(name)
        if getattr(module, "__all__", ()):
            found.append(module)
    return found


def is_package(name):
    return (ROOT / Path(*name.split("."))).is_dir()


def first_sentence(documented):
    """Return the first paragraph of a docstring in one line, as Markdown."""
    text = " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())
    text = re.sub(r":\w+:`[~.]*([^`]*\.)?([^`.]+)`", r"`\2`", text)  # :func:`~a.b` is `b`
    return re.sub(r"``(.*?)``", r"`\1`", text)


def signature(value):
    """Return the arguments of a function or a class, without annotations."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty, default=shown(parameter.default))
        for parameter in found.parameters.values()
    ]
    bare = found.replace(parameters=plain, return_annotation=inspect.Signature.empty)
    return str(bare)


class Shown:
    """A default as the page shows it."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def shown(default):
    """Return a default value; of an object that says only where it stands, its type."""
    if default is inspect.Parameter.empty:
        return default
    text = getattr(default, "__name__", repr(default))
    return Shown(type(default).__name__ if " at 0x" in text else text)


def entry(name, value):
    """Return one name's line."""
    if inspect.isclass(value) and issubclass(value, BaseException):
        return f"- `{name}`: {first_sentence(value)}"
    if inspect.isclass(value) and getattr(value, "_is_protocol", False):
        return f"- `{name}`, a protocol: {first_sentence(value)}"
    if inspect.isclass(value) or inspect.isroutine(value):
        return f"- `{name}{signature(value)}`: {first_sentence(value)}"
    if inspect.ismodule(value):
        return f"- `{name}`, a module: {first_sentence(value)}"
    return f"- `{name}`, a constant"


def options():
    """Return a line for each option of the plugin."""
    return [
        f"- `{option.flag}{'' if option.metavar is None else f' {option.metavar}'}`"
        f"{', repeatable' if option.many else ''}: {option.help}"
        for option in OPTIONS
    ]


def fixtures():
    """Return a line for each fixture of the plugin."""
    lines = []
    for path in sorted((ROOT / "fixtures").glob("*.py")):
        module = importlib.import_module(f"collapse_bench.fixtures.{path.stem}")
        for name, value in sorted(vars(module).items()):
            if name.startswith("collapse_") and hasattr(value, "_fixture_function"):
                lines.append(f"- `{name}`: {first_sentence(value._fixture_function)}")
    return sorted(lines)


def page():
    """Return the whole page."""
    parts = [HEAD]
    for module in modules():
        parts.append(f"\n## {module.__name__}\n\n{first_sentence(module)}\n")
        parts.append("\n".join(entry(n, getattr(module, n)) for n in sorted(module.__all__)) + "\n")
    parts.append(f"{PYTEST}\n" + "\n".join(options()) + "\n")
    parts.append(f"{FIXTURES}\n" + "\n".join(fixtures()) + "\n")
    return "\n".join(part.rstrip("\n") + "\n" for part in parts).replace("\n\n\n", "\n\n")


if __name__ == "__main__":
    collapse_bench.__path__.append(str(ROOT))
    PAGE.write_text(page(), encoding="utf-8")
