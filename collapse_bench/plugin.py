"""The pytest plugin: options, markers, fixture modules, and the session's ledger.

Every pytest run in an environment with the package imports this file, so neither it nor the
fixture modules import anything numeric at the top: what needs it is imported where it is used.
Results travel as JSON strings in ``user_properties``, so that they reach the process that
reports them from any worker of pytest-xdist; only that process writes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from collapse_bench.errors import CollapseBenchError, Inconclusive, InvalidArgument, InvalidSpec
from collapse_bench.harness import accepted, collection, guard, kinds, reruns, summary
from collapse_bench.harness.ledger import INCONCLUSIVE, Book, exit_status
from collapse_bench.harness.options import (
    CONFORMANCE_MODELS,
    OPTIONS,
    given_twice,
    settings_from,
    unknown_key,
)
from collapse_bench.harness.session import (
    BOOK,
    CONFORMANCE,
    ENTRY,
    PLANNED,
    PROPERTY,
    RAISED,
    SETTINGS,
    SURVEY,
    Unmade,
    is_worker,
    leave,
    portable,
)
from collapse_bench.reports.text import safe_text

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

pytest_plugins = (
    "collapse_bench.fixtures.checks",
    "collapse_bench.fixtures.conformance",
    "collapse_bench.fixtures.devices",
    "collapse_bench.fixtures.generation",
    "collapse_bench.fixtures.models",
    "collapse_bench.fixtures.recursion",
    "collapse_bench.fixtures.references",
    "collapse_bench.fixtures.streams",
    "collapse_bench.fixtures.tables",
)

MARKERS = (
    "gpu: needs a CUDA device; the fixture `collapse_device` skips where there is none.",
    "slow: takes more than twenty seconds on two cores.",
    "paper: runs at --collapse-profile=paper only; the fixture `collapse_profile` skips elsewhere.",
)
# What an exit code is made of where the gates set none.
UNJUDGED: dict[str, Any] = {
    "counts": {"fail": 0, "inconclusive": 0, "not_run": 0},
    "all_skipped": False,
    "few": False,
}
# An ini value may be a number in TOML from pytest 9.2 on; before, and in an ini file, it's text.
TEXT: Any = str | int | float if pytest.version_tuple >= (9, 2) else "string"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("collapse", "evaluation of model collapse")
    for option in OPTIONS:
        kind: Any = TEXT
        if option.metavar is None:
            kind = "bool"
            group.addoption(
                option.flag, dest=option.key, action="store_true", default=None, help=option.help
            )
        else:
            kind = "linelist" if option.many else TEXT
            group.addoption(
                option.flag,
                dest=option.key,
                action="append" if option.many else "store",
                default=None,
                metavar=option.metavar,
                help=option.help + (" (repeatable)" if option.many else ""),
            )
        default: list[str] | None = [] if option.many else None
        parser.addini(option.key, f"ini twin of {option.flag}", type=kind, default=default)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    keys = [option.key for option in OPTIONS]
    # Keys that nobody registered: pytest itself only warns of them.
    strangers: set[str] = getattr(config, "_get_unknown_ini_keys", set)()
    wrong = given_twice(config.invocation_params.args) or unknown_key(sorted(strangers))
    if wrong is not None:
        raise pytest.UsageError(safe_text(wrong))
    try:
        settings = settings_from(
            {key: config.getoption(key) for key in keys},
            {key: config.getini(key) for key in keys},
            Path(config.invocation_params.dir),
        )
    except InvalidArgument as error:
        raise pytest.UsageError(safe_text(error)) from error
    config.stash[SETTINGS] = settings
    config.stash[BOOK] = Book()
    if settings.asks_for_a_gate() and not is_worker(config):  # xdist tells of workers that die
        guard.arm(config)
    if settings.plan and hasattr(config.option, "dist"):
        config.option.dist = "no"  # there is nothing to distribute
    if not is_worker(config) and not config.option.collectonly and not settings.plan:
        try:
            accepted.open_baseline(config)
        except (InvalidArgument, InvalidSpec) as error:
            raise pytest.UsageError(safe_text(error)) from error
    if settings.require_gpu and not is_worker(config) and not config.option.collectonly:
        _require_gpu(settings.device)
    if not is_worker(config):
        config.pluginmanager.register(Recorder(config), "collapse_bench.recorder")


def _require_gpu(device: str) -> None:
    from collapse_bench.harness.devices import cuda_trouble

    if trouble := cuda_trouble("cuda" if device == "auto" else device):
        raise pytest.UsageError(f"--collapse-require-gpu: {trouble}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "collapse_model" not in metafunc.fixturenames:
        return
    models = metafunc.config.stash[SETTINGS].models
    given: Sequence[str] = models
    if CONFORMANCE in metafunc.fixturenames:
        if models:  # the user's code stays out of this process, unless the test asks for a model
            if collection.only_conforms(metafunc.definition):
                given = [Unmade(spec) for spec in models]
        elif collection.overridden(metafunc.definition, "collapse_model"):
            return
        else:
            given = models = tuple(CONFORMANCE_MODELS)
    if models:
        metafunc.parametrize("collapse_model", given, ids=models, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    collection.survey(config, items)  # before -k and -m: they must not hide a declared check
    yield
    kinds.fit(config, items, broken=bool(session.testsfailed))


@pytest.hookimpl(tryfirst=True)  # before the header is printed and xdist reports the tests
def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    if not is_worker(config) and any(_gate_of(item) for item in session.items):
        guard.arm(config)  # before models are imported
    again = reruns.refusal(config, session.items)
    note = collection.settle(config, session.items)
    if again is not None:
        note["usage"].append(safe_text(again))
    if is_worker(config):
        config.workeroutput["collapse"] = json.dumps(note)  # type: ignore[attr-defined]
        if note["usage"]:
            session.items.clear()  # the controller says why, and exits with 4
        lines = {"lines": summary.header(config)} if session.items else {}
        for item in session.items:
            if ENTRY in item.stash:
                leave(item, "header", lines)
        return
    if note["usage"]:
        raise pytest.UsageError("\n".join(note["usage"]))
    config.stash[BOOK].collected(json.dumps(note))


def _gate_of(item: pytest.Item) -> str | None:
    gate: str | None = item.stash.get(ENTRY, {}).get("gate")
    return gate


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    config = session.config
    broken = session.testsfailed and not config.option.continue_on_collection_errors
    if not config.stash[SETTINGS].plan or config.option.collectonly or broken:
        return None
    from collapse_bench.harness.planning import plan_lines

    terminal = config.pluginmanager.get_plugin("terminalreporter")
    try:
        lines, config.stash[PLANNED] = plan_lines(config, session.items)
    except CollapseBenchError as error:
        session.testsfailed += 1
        lines = [f"ERROR: {safe_text(error)}"]
    if terminal:
        terminal.section("collapse plan")
        for line in lines:
            terminal.write_line(line)
    return True


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    if config.option.collectonly or config.option.verbose < 0:
        return []
    return summary.header(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    # Tests of parametrize_with_checks follow the options, and leave their records in the report.
    if "collapse_bench.conformance.parametrize" not in sys.modules:
        return (yield)
    from collapse_bench.harness.conformance import session_of

    with session_of(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if is_worker(item.config) and item.config.stash[SURVEY].in_force:
        report.user_properties = [(name, portable(value)) for name, value in report.user_properties]
    raised = item.stash.get(RAISED, None)
    if raised is None or call.excinfo is None or call.excinfo.value is not raised.error:
        return report
    if report.failed and _gate_of(item) and item.config.stash[SETTINGS].gate == "report":
        report.outcome, report.longrepr = "passed", None
        word = "INCONCLUSIVE" if isinstance(raised.error, Inconclusive) else "FAIL"
        report.__dict__["collapse_reported"] = word  # crosses process borders as it is
        return report
    # The verdict's sentence is all there is to say; a traceback would only lead into this package.
    longrepr: Any = call.excinfo.getrepr(style="value")
    for entry in longrepr.reprtraceback.reprentries:
        entry.lines = [raised.sentence]
    longrepr.reprcrash.message = raised.sentence
    report.longrepr = longrepr
    report.__dict__["collapse_excused"] = raised.excused
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    verdict = getattr(report, "collapse_reported", None)
    return None if verdict is None else ("reported", "r", f"REPORTED {verdict}")


class Recorder:
    """Reads the reports of all processes, and says and writes what they come to."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.book = config.stash[BOOK]
        self.greeted = False

    def pytest_sessionstart(self) -> None:
        # A report of an earlier run must not pass for one of a run that dies.
        if not self._idle():
            for path in self.config.stash[SETTINGS].reports:
                path.unlink(missing_ok=True)

    @pytest.hookimpl(tryfirst=True)  # before the terminal shows it and JUnit's file takes it in
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        texts = [str(value) for name, value in report.user_properties if name == PROPERTY]
        headers = [text for text in texts if json.loads(text)["record"] == "header"]
        if headers:
            self._greet(json.loads(headers[0])["lines"])
            kept = [pair for pair in report.user_properties if pair[1] not in headers]
            report.user_properties[:] = kept
        self.book.reported(
            f"{report.location[0]} {report.nodeid}",  # the latter lacks a path outside the root
            str(report.when),
            report.outcome,
            excused=bool(getattr(report, "collapse_excused", False)),
            properties=[text for text in texts if text not in headers],
        )

    def _greet(self, lines: Sequence[str]) -> None:
        """Print the header once, when it comes from a worker with its first report."""
        if not self.greeted and self.config.option.verbose >= 0 and (terminal := self._terminal()):
            terminal.ensure_newline()
            for line in lines:
                terminal.write_line(line)
        self.greeted = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.book.failures.add(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        note = getattr(node, "workeroutput", {}).get("collapse")
        if note is not None:
            self.book.collected(note)
        elif error is not None:
            self.book.lost.append(f"worker {node.gateway.id} ended before its tests: {error}")

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # around the terminal's summary
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        quiet = self._idle()
        if not quiet:
            self._judge(session)
        elif not session.exitstatus and not self.config.stash.get(PLANNED, True):
            session.exitstatus = INCONCLUSIVE
        result = yield
        terminal = self._terminal()
        if terminal is None:
            return result
        for text in self.book.usage:
            terminal.write_line(f"ERROR: {text}", red=True)
        if self.config.stash[SETTINGS].plan:
            if session.exitstatus != pytest.ExitCode.USAGE_ERROR:
                terminal.write_line("collapse: a plan only, no test was run")
        elif not quiet and not self.book.usage and summary.anything(self.config):
            terminal.write_line(summary.closing_line(self.config))
        return result

    def _idle(self) -> bool:
        """Return whether no test is run, so that there is nothing to judge or to write."""
        return bool(self.config.option.collectonly or self.config.stash[SETTINGS].plan)

    def _judge(self, session: pytest.Session) -> None:
        """Set the session's exit code and write the reports that were asked for."""
        settings = self.config.stash[SETTINGS]
        if self.book.usage:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if session.exitstatus == pytest.ExitCode.USAGE_ERROR:
            return  # nothing was judged: nothing is reported
        few = self.book.few(settings.min_checks)
        skipped = self.book.all_skipped()
        lost = self.book.lost and (self.book.ledgers or settings.asks_for_a_gate())
        if self.book.ledgers or self.book.dropped or skipped or few or lost:
            code = int(session.exitstatus)
            if lost and code == pytest.ExitCode.NO_TESTS_COLLECTED:  # they were, and then lost
                code = int(pytest.ExitCode.TESTS_FAILED)
            found: dict[str, Any] = {
                "counts": self.book.counts(free=False),
                "failed_otherwise": bool(self.book.failures or lost),
                "all_skipped": skipped,
                "few": few,
            }
            self.book.judged = exit_status(code, **found)
            session.exitstatus = self.book.judged
            if settings.gate == "report":
                session.exitstatus = exit_status(code, **{**found, **UNJUDGED})
        self._write(session)

    def _write(self, session: pytest.Session) -> None:
        paths = self.config.stash[SETTINGS].reports
        step = os.environ.get("GITHUB_STEP_SUMMARY") if summary.anything(self.config) else None
        if not (paths or step or self.config.stash[SETTINGS].baseline):
            return
        from collapse_bench.reports import markdown, writers

        report = summary.report(self.config, int(session.exitstatus))
        try:
            accepted.compare(self.config, report)  # adds its section
        except Exception as error:  # what was judged is reported all the same
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
            report["summary"] = summary.report(self.config, int(session.exitstatus))["summary"]
            self._say(f"ERROR: the baseline can't be written: {error}", red=True)
        for path in sorted(paths, key=lambda path: path.suffix != ".json"):  # the data first
            try:
                writers.write(report, path)
            except Exception as error:  # whatever it is, the other reports are still written
                self.book.failures.add(str(path))
                session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
                self._say(f"ERROR: {path} can't be written: {error}", red=True)
        if step:
            try:
                markdown.append_summary(report, Path(step))
            except Exception as error:  # an extra of the service's: the verdict stands without it
                self._say(f"the summary of this step can't be written to {step}: {error}")

    def _say(self, text: str, **markup: bool) -> None:
        if terminal := self._terminal():
            terminal.write_line(safe_text(text), **markup)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        summary.write_section(self.config, terminalreporter)

    def _terminal(self) -> TerminalReporter | None:
        terminal: TerminalReporter | None = self.config.pluginmanager.get_plugin("terminalreporter")
        return terminal
