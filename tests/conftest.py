"""What a command printed, for every test of one; and where the benchmarks are imported from."""

import sys
from pathlib import Path

import pytest

from collapse_bench.cli import main

# The benchmarks stand beside the package and aren't installed with it.
sys.path.append(str(Path(__file__).parents[1]))


@pytest.fixture
def said(capsys):
    """Return what was printed so far, as lines of both streams."""

    def read():
        found = capsys.readouterr()
        return found.out.splitlines(), found.err.splitlines()

    return read


@pytest.fixture
def refused(said):
    """Return the one sentence that a command was refused with, after checking that it was."""

    def read(*arguments):
        assert main([str(argument) for argument in arguments]) == 4
        out, err = said()
        assert not out
        assert len(err) == 1, err
        return err[0]

    return read
