"""What generation t + 1 is trained on.

A regime sees the models of a lineage so far, never their samples. Those here say from which laws
the next training set is drawn (:mod:`collapse_bench.sources`); any other object with ``compose``
will do.
"""

from collapse_bench.regimes.base import Regime
from collapse_bench.regimes.curation import Curate
from collapse_bench.regimes.mixture import Mixture, Replace, Schedule
from collapse_bench.regimes.pools import Accumulate, AccumulateSubsample
from collapse_bench.regimes.real import FixedReal, FreshReal
from collapse_bench.regimes.schedules import Size, constant, linear, superlinear

__all__ = [
    "Accumulate",
    "AccumulateSubsample",
    "Curate",
    "FixedReal",
    "FreshReal",
    "Mixture",
    "Regime",
    "Replace",
    "Schedule",
    "Size",
    "constant",
    "linear",
    "superlinear",
]
