"""Models made to pass or to fail, for one known reason each: what every check is held against.

``CONTROLS`` maps the name of a control to what is known of it under the conformance checks. The
wrappers of laws and rows lose what a gate judges, by a known amount.
"""

from collapse_bench.controls.catalog import Control, Expectation
from collapse_bench.controls.healthy import HEALTHY, Memoriser, Oracle
from collapse_bench.controls.learners import LEARNERS
from collapse_bench.controls.losses import Contracted, Healthy, ModeDropped, TailCut
from collapse_bench.controls.samplers import SICK_SAMPLERS

__all__ = [
    "CONTROLS",
    "Contracted",
    "Control",
    "Expectation",
    "Healthy",
    "Memoriser",
    "ModeDropped",
    "Oracle",
    "TailCut",
]

CONTROLS: dict[str, Control] = {
    control.name: control for control in (*HEALTHY, *SICK_SAMPLERS, *LEARNERS)
}
assert len(CONTROLS) == len(HEALTHY) + len(SICK_SAMPLERS) + len(LEARNERS), "a name stands twice"
