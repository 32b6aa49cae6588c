import io

import pytest

from collapse_bench import progress


@pytest.fixture
def output(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(progress, "_output", stream)
    return stream


@pytest.fixture
def clock(monkeypatch):
    """Time stands still but for the seconds that a test adds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def run(clock, seconds, **settings):
    for _ in progress.track(range(10), total=10, label="replace", **settings):
        clock[0] += seconds


def test_a_short_run_shows_nothing(output, clock):
    run(clock, 0.1, show=None)

    assert output.getvalue() == ""


def test_a_long_run_shows_a_line_a_minute(output, clock):
    run(clock, 25.0, show=None)

    assert output.getvalue().splitlines() == [
        "replace: 3 of 10, 75 s",
        "replace: 6 of 10, 150 s",
        "replace: 9 of 10, 225 s",
    ]


def test_a_terminal_gets_a_bar(clock, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setattr(progress, "_output", stream)
    run(clock, 3.0, show=None)

    assert "replace" in stream.getvalue()


@pytest.mark.parametrize("show", [None, True, False])
def test_no_output_means_none(clock, monkeypatch, show):
    monkeypatch.setattr(progress, "_output", None)
    run(clock, 100.0, show=show)


def test_false_is_silent(output, clock):
    run(clock, 100.0, show=False)

    assert output.getvalue() == ""


def test_every_step_is_passed_on(output, clock):
    assert list(progress.track(range(3), total=3, label="x", show=True)) == [0, 1, 2]
