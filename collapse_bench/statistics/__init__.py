"""Intervals and tests: numbers in, p-values and bounds out. No metric, no model, no policy."""

from collapse_bench.statistics.covariance import PairTest, pair_test
from collapse_bench.statistics.exceedance import at_least, at_most, count_beyond, loss_bounds
from collapse_bench.statistics.robust import RobustTest
from collapse_bench.statistics.spread import SpreadTest, kurtosis, spread_test
from collapse_bench.statistics.transport import TransportTest, transport_test
from collapse_bench.statistics.winsorized import on_lattice, winsorized

__all__ = [
    "PairTest",
    "RobustTest",
    "SpreadTest",
    "TransportTest",
    "at_least",
    "at_most",
    "count_beyond",
    "kurtosis",
    "loss_bounds",
    "on_lattice",
    "pair_test",
    "spread_test",
    "transport_test",
    "winsorized",
]
