"""Single scales, and eight normal columns: one check at a time, and whole gates."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.calibration.cells import GATES, Cell, Trial
from benchmarks.calibration.judged import Draw, all_pass, any_fail, check
from benchmarks.calibration.line import CHECKS, LAWS, changed, drawer
from collapse_bench.gates.checks import Check

SIZE = 1_000
CHEAP = 4_000  # gates where one takes a millisecond or two
COLUMNS = 8
WIDE_SIZE, WIDE_GATES = 500, 500  # where 64 directions are compared: a quarter of a second each
MASS = 0.05


def wide(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return rows of a normal law, shape (size, COLUMNS)."""
    return rng.standard_normal((size, COLUMNS))


def shrunk(loss: float, directions: int = COLUMNS) -> Draw:
    """Return draws whose first ``directions`` have lost ``loss`` of their variance."""
    factor = np.ones(COLUMNS)
    factor[:directions] = math.sqrt(1 - loss)
    return lambda size, rng: factor * wide(size, rng)


def contracted(factor: float) -> Draw:
    return lambda size, rng: factor * wide(size, rng)


def wide_tail_loss(factor: float) -> float:
    """Return the loss of mass outside the ellipsoid that holds all but ``MASS``."""
    law = stats.chi2(COLUMNS)
    return float(1 - law.sf(law.isf(MASS) / factor**2) / MASS)


def thinned(share: float) -> Draw:
    """Return draws that have lost ``share`` of what lies outside the ellipsoid of mass 0.9."""
    edge = stats.chi2(COLUMNS).isf(2 * MASS)

    def draw(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
        rows = wide(size, rng)
        lost = (np.square(rows).sum(axis=1) > edge) & (rng.random(size) < share)
        while lost.any():
            rows[lost] = wide(int(lost.sum()), rng)
            lost[lost] = np.square(rows[lost]).sum(axis=1) > edge
        return rows

    return draw


def cells() -> list[Cell]:
    """Return the cells of single scales on the line and in eight columns."""
    found = [_mad(law, event) for law in LAWS for event in ("fail", "pass")]
    one = "one direction"
    found += [
        _wide("tail_mass", "auto", "tail thinned", "fail"),
        _wide("tail_mass", "auto", "tail thinned", "pass"),
        _wide("variance", "weakest_direction", one, "pass"),
        _wide("variance", "auto", one, "pass"),
        _wide("variance", "auto", "all directions", "fail"),
        _wide("variance", "logdet", "all directions", "fail"),
        _wide("variance", "logdet", "all directions", "pass"),
        _wide("variance", "weakest_direction", "all directions", "fail"),
        _wide("variance", "weakest_direction", one, "fail"),
        _wide("wasserstein", "auto", "contraction", "pass"),
        _wide("wasserstein", "auto", "contraction", "fail"),
    ]
    return found


def _mad(law: str, event: str) -> Cell:
    mad = check("variance", scale="mad")

    def make() -> Trial:
        loss = mad.setting.tolerate if event == "fail" else mad.setting.detect
        build = any_fail if event == "fail" else all_pass
        return build((mad,), drawer(law), changed(law, "contraction", math.sqrt(1 - loss)), SIZE)

    return Cell("scales", "mad", law, "contraction", event, f"{SIZE:,}", make, gates=CHEAP)


def _wide(metric: str, scale: str, change: str, event: str) -> Cell:
    judged = check(metric, **({"scale": scale} if metric == "variance" else {}))
    sliced = metric == "wasserstein"
    size = WIDE_SIZE if sliced else SIZE

    def make() -> Trial:
        loss = judged.setting.tolerate if event == "fail" else judged.setting.detect
        model = {
            "tail thinned": lambda: thinned(loss),
            "contraction": lambda: contracted(1 - loss),
            "one direction": lambda: shrunk(loss, 1),
            "all directions": lambda: shrunk(loss),
        }[change]()
        return (any_fail if event == "fail" else all_pass)((judged,), wide, model, size)

    name = {"tail_mass": "tail_mass", "wasserstein": "sliced W1"}.get(metric, scale)
    name = "logdet and weakest" if name == "auto" else name
    gates = WIDE_GATES if sliced else GATES
    return Cell(
        "scales", name, "normal, 8-d", change, event, f"{size:,}", make, gates=gates, late=sliced
    )


# ---- whole gates


def gates() -> list[Cell]:
    """Return the cells of gates of eight columns."""
    told = [("healthy", "fail"), ("contracted", "fail")]
    told += [("tail_mass at detect", "pass"), ("one direction at detect", "pass")]
    return [_gate(change, event) for change, event in told]


def _gate(change: str, event: str) -> Cell:
    def make() -> Trial:
        checks = [check(name) for name in CHECKS]
        detects = {one.metric: one.setting.detect for one in checks}
        if change == "healthy":
            return any_fail(checks, wide, wide, WIDE_SIZE)
        if change == "tail_mass at detect":
            return all_pass(checks, wide, thinned(detects["tail_mass"]), WIDE_SIZE)
        if change == "one direction at detect":
            checks = sorted(checks, key=lambda one: one.metric != "variance")
            return all_pass(checks, wide, shrunk(detects["variance"], 1), WIDE_SIZE)
        factor = math.sqrt(1 - Check("variance").setting.tolerate)
        lost = {"tail_mass": wide_tail_loss(factor), "wasserstein": 1 - factor}
        lost["variance"] = Check("variance").setting.tolerate
        checks = [
            check(name, tolerate=lost[name], detect=max(detects[name], (1 + lost[name]) / 2))
            for name in CHECKS
        ]
        return any_fail(checks, wide, contracted(factor), WIDE_SIZE)

    size, late = f"{WIDE_SIZE:,}", event == "fail"
    what = ("gate", "three checks", "normal, 8-d", change, event, size)
    return Cell(*what, make, gates=WIDE_GATES, late=late)
