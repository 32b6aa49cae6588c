"""Loaded with ``-p checkout`` by processes that tests start: the checkout, installed or not."""

from pathlib import Path

import collapse_bench

ROOT = str(Path(__file__).parents[2])

if ROOT not in collapse_bench.__path__:
    collapse_bench.__path__.append(ROOT)
