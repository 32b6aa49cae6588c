"""collapse-bench report: a session's report as a page or as Markdown."""

import sys
from types import ModuleType

import pytest

from tests.test_cli import report_at, run


@pytest.fixture
def forms(monkeypatch):
    """Put a page and a Markdown text in the place of those of ``reports``."""
    for name in ("html", "markdown"):
        module = ModuleType(name)
        module.render = lambda document, name=name: f"{name} é {document['seed']}"
        monkeypatch.setitem(sys.modules, f"collapse_bench.reports.{name}", module)


@pytest.mark.usefixtures("forms")
def test_a_report_is_rendered_again(said, tmp_path):
    path = report_at(tmp_path / "a.json", low=0.0, high=0.02)

    assert run("report", path, "--html", tmp_path / "o.html", "--md", tmp_path / "o.md") == 0

    assert (tmp_path / "o.html").read_text(encoding="utf-8") == "html é 0"
    assert (tmp_path / "o.md").read_text(encoding="utf-8") == "markdown é 0"
    assert said()[0] == [f"wrote {tmp_path / 'o.html'}", f"wrote {tmp_path / 'o.md'}"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.json", "o.html", "o.md"]


@pytest.mark.usefixtures("forms")
def test_a_report_is_not_written_over_its_source(refused, tmp_path):
    path = report_at(tmp_path / "a.json", low=0.0, high=0.02)
    before = path.read_bytes()

    assert "different files" in refused("report", path, "--md", path)
    assert "different files" in refused(
        "report", path, "--md", tmp_path / "x", "--html", tmp_path / "." / "x"
    )
    assert path.read_bytes() == before


@pytest.mark.usefixtures("forms")
def test_a_path_that_cannot_be_written_is_told_first(refused, tmp_path):
    path = report_at(tmp_path / "a.json", low=0.0, high=0.02)

    for target in (tmp_path, tmp_path / "no" / "x.html"):
        sentence = refused("report", path, "--md", tmp_path / "o.md", "--html", target)
        assert "--html must be a file in an existing directory" in sentence
    assert not (tmp_path / "o.md").exists()


def test_what_is_no_report_is_refused(refused, tmp_path):
    (tmp_path / "x.json").write_text("[]")

    sentence = refused("report", tmp_path / "x.json", "--html", tmp_path / "o.html")

    assert "must be a report that --collapse-report wrote" in sentence
    assert not (tmp_path / "o.html").exists()
