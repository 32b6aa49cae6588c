"""Imports point one way, and starting pytest loads nothing heavy."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module may import lower rows, or its own without a circle; docs/architecture.md says why.
LAYERS = (
    ("collapse_bench", "errors", "regions", "streams", "validation"),
    ("metrics", "models", "statistics", "theory"),
    ("data",),
    ("adapters", "features", "generation", "profile", "regimes", "sources"),
    ("engine", "executors", "measures", "progress", "store", "trajectory"),
    ("conformance", "controls", "gates", "strategies"),
    ("baselines", "reports"),
    ("cli", "harness", "plugin"),
    ("fixtures",),
    ("suites",),
)
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}

# Each is the others' oracle in the tests, so none may lean on another.
INDEPENDENT = {"metrics", "models", "statistics", "theory"}

# What a pytest run that never asks for the plugin would pay for: 0.1 s to 3 s each.
HEAVY = {
    *(
        "datasets",
        "hypothesis",
        "jinja2",
        "matplotlib",
        "numpy",
        "ot",
        "pandas",
        "scipy",
        "sklearn",
    ),
    *("torch", "transformers"),
}

PATHS = {
    ".".join(("collapse_bench", *path.relative_to(top).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for top, folder in (
        (ROOT / "collapse_bench", ROOT / "collapse_bench"),
        (ROOT, ROOT / "fixtures"),
        (ROOT, ROOT / "suites"),
    )
    for path in sorted(folder.rglob("*.py"))
}
MODULES = pytest.mark.parametrize("module", PATHS)


def part_of(module):
    """Return the row's entry that a dotted name belongs to."""
    return module.split(".")[1] if "." in module else module


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def statements(path, *, when):
    """Yield the import statements of a file: ``when`` it is loaded, used, or merely read."""
    waiting = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif is_type_checking(node):
            waiting.extend([*node.orelse, *(node.body if when == "read" else ())])
        elif when != "loaded" or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def imports(path, *, when):
    """Return the dotted names that a file imports; of our own, the modules that are meant."""
    names = set()
    for node in statements(path, when=when):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            continue
        assert node.level == 0, f"{path}: relative imports don't work in both layouts"
        assert node.module is not None
        inner = {f"{node.module}.{alias.name}" for alias in node.names}
        modules = inner & set(PATHS)
        names |= modules
        if inner - modules:
            names.add(node.module)
    return names


def ours(names):
    return {name for name in names if name.split(".")[0] == "collapse_bench"}


def test_every_module_has_its_row():
    assert {part_of(module) for module in PATHS} <= set(RANK)


@MODULES
def test_imports_point_down(module):
    part = part_of(module)
    for name in ours(imports(PATHS[module], when="read")):
        target = part_of(name)
        assert target in RANK, f"{module} imports {name}, which has no row"
        assert target == part or RANK[target] <= RANK[part], f"{module} imports {name} above it"
        alone = target != part and {part, target} <= INDEPENDENT
        assert not alone, f"{module} imports {name}, of which it has to be independent"


def test_there_is_no_circle():
    graph = {
        module: ours(imports(path, when="used")) & set(PATHS) - {module}
        for module, path in PATHS.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def loaded_with(module):
    """Return what importing a module of ours imports, ours and others', however far down."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        parents = [name.rsplit(".", depth)[0] for depth in range(name.count(".") + 1)]
        for loaded in {name, *parents} - seen:
            seen.add(loaded)
            if loaded in PATHS:
                waiting.extend(imports(PATHS[loaded], when="loaded"))
    return seen


LIGHT = [
    module
    for module in PATHS
    if module in ("collapse_bench", "collapse_bench.plugin") or part_of(module) == "fixtures"
]


@pytest.mark.parametrize("module", LIGHT)
def test_starting_pytest_loads_nothing_heavy(module):
    assert not {name.split(".")[0] for name in loaded_with(module)} & HEAVY


@pytest.mark.parametrize("module", [name for name in PATHS if part_of(name) == "suites"])
def test_suites_use_the_public_interface_only(module):
    for node in statements(PATHS[module], when="read"):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        private = [n for name in names for n in name.split(".") if n.startswith("_")]
        assert not private, f"{module} imports {private}"


@MODULES
def test_libraries_are_imported_by_the_function_that_needs_them(module):
    slow = HEAVY - {"numpy", "scipy", "hypothesis"}

    assert not {name.split(".")[0] for name in imports(PATHS[module], when="loaded")} & slow
