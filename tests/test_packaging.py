"""What is shipped is what is here, under names that are ours."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import collapse_bench

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]


def packages_below(folder, name):
    return {
        ".".join([name, *path.parent.relative_to(folder).parts])
        for path in folder.rglob("*.py")
        if "__pycache__" not in path.parts
    }


def test_every_package_is_listed():
    present = {
        package
        for name, folder in FOLDERS.items()
        for package in packages_below(ROOT / folder, name)
    }

    assert set(PACKAGES) == present
    assert sorted(PACKAGES) == PACKAGES


def test_every_package_has_an_init():
    for package in PACKAGES:
        name = max((n for n in FOLDERS if (package + ".").startswith(n + ".")), key=len)
        inner = package.removeprefix(name).lstrip(".").split(".")

        assert (ROOT / FOLDERS[name] / Path(*inner) / "__init__.py").is_file()


def test_nothing_is_shipped_under_a_name_of_others():
    assert {package.split(".")[0] for package in PACKAGES} == {"collapse_bench"}
    assert FOLDERS == {
        "collapse_bench": "collapse_bench",
        "collapse_bench.fixtures": "fixtures",
        "collapse_bench.suites": "suites",
    }


def test_the_version_is_said_once_and_the_same():
    assert PROJECT["project"]["version"] == collapse_bench.__version__
    assert f"version: {collapse_bench.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_plugin_is_found_under_the_name_of_its_module():
    points = PROJECT["project"]["entry-points"]["pytest11"]

    assert points == {"collapse_bench.plugin": "collapse_bench.plugin"}
    assert (ROOT / "collapse_bench" / "plugin.py").is_file()


def test_every_requirement_is_pinned():
    pins = {
        line.split("==")[0].lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    wanted = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["test"],
    ]

    assert {text.split(">=")[0] for text in wanted} <= pins


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names in a wheel built from a copy of the tree, so that nothing is left in the tree."""
    source = tmp_path_factory.mktemp("source")
    for folder in FOLDERS.values():
        shutil.copytree(
            ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    target = tmp_path_factory.mktemp("wheel")
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(target)!r})"
    run = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    [path] = target.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_has_no_top_level_name_but_ours(wheel):
    top = {name.split("/")[0] for name in wheel}

    assert top == {"collapse_bench", f"collapse_bench-{collapse_bench.__version__}.dist-info"}


def test_the_wheel_has_every_module_and_nothing_else(wheel):
    reports = ROOT / "collapse_bench" / "reports"
    kept = [reports / "report.schema.json", *(reports / "templates").iterdir()]
    expected = {
        "collapse_bench/py.typed",
        *(path.relative_to(ROOT).as_posix() for path in kept),
    }
    for name, folder in FOLDERS.items():
        expected |= {
            f"{name.replace('.', '/')}/{path.relative_to(ROOT / folder).as_posix()}"
            for path in (ROOT / folder).rglob("*.py")
        }

    assert {name for name in wheel if ".dist-info/" not in name} == expected


def test_the_licence_goes_along(wheel):
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)
