"""Each sick sampler is caught by the check it is made for, and sound ones by none."""

import copy
import pickle

import numpy as np
import pytest

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.controls.healthy import HEALTHY, Memoriser, Oracle
from collapse_bench.controls.samplers import SICK_SAMPLERS
from collapse_bench.data.laws import two_gaussians
from collapse_bench.errors import InvalidArgument, InvalidSamples, ModelError
from collapse_bench.models import Model
from collapse_bench.streams import generator
from tests.conformance.models import ran

SAMPLER = [name for name, entry in CATALOG.items() if entry.group == "sampler"]
SEEDS = 20
LEAST_CAUGHT = 19


def by_name(controls):
    return [pytest.param(control, id=control.name) for control in controls]


@pytest.mark.parametrize("control", by_name(SICK_SAMPLERS))
def test_sick_ones_are_caught(control):
    status, reason = ran(control.caught_by, control.make())
    assert status == "failed", reason


@pytest.mark.parametrize("control", by_name(HEALTHY))
def test_healthy_ones_pass(control):
    for check in SAMPLER:
        status, reason = ran(check, control.make())
        assert status in ("passed", "skipped"), (check, reason)


@pytest.mark.slow
@pytest.mark.parametrize("control", by_name(SICK_SAMPLERS))
def test_sick_ones_are_caught_at_most_seeds(control):
    caught = [ran(control.caught_by, control.make(), seed)[0] for seed in range(SEEDS)]
    assert caught.count("failed") >= LEAST_CAUGHT


@pytest.mark.slow
@pytest.mark.parametrize("control", by_name(HEALTHY))
def test_healthy_ones_pass_at_all_seeds(control):
    for seed in range(SEEDS):
        for check in SAMPLER:
            status, reason = ran(check, control.make(), seed)
            assert status in ("passed", "skipped"), (seed, check, reason)


@pytest.mark.parametrize("control", by_name([*HEALTHY, *SICK_SAMPLERS]))
def test_controls_are_models_that_can_be_fitted_and_copied(control):
    model = control.make()
    assert isinstance(model, Model)
    before = pickle.dumps(model)
    rows = np.array(control.make().sample(40, rng=generator(1, "control")))
    rows = rows.T if len(rows) != 40 else rows.astype(rows.dtype if rows.dtype != "f2" else "f8")
    rows = np.nan_to_num(rows) if rows.dtype.kind == "f" else rows

    fitted = model.fit(rows, rng=generator(2, "control"))

    assert type(fitted) is type(model)
    assert pickle.dumps(model) == before
    assert np.size(copy.deepcopy(fitted).sample(5, rng=generator(3, "control"))) >= 5


@pytest.mark.parametrize("control", by_name([*HEALTHY, *SICK_SAMPLERS]))
def test_controls_say_what_is_wrong(control):
    assert (control.defect is None) == (control.caught_by is None)
    assert control in HEALTHY or CATALOG[control.caught_by].group == "sampler"
    assert (control.sampler == "fail") == (control in SICK_SAMPLERS)


def test_names_are_unique():
    names = [control.name for control in [*HEALTHY, *SICK_SAMPLERS]]
    assert len(names) == len(set(names))


def test_the_oracle_stays_what_it_is():
    oracle = Oracle(two_gaussians())
    rng = generator(4, "control")
    for other in (oracle.fit(np.zeros((5, 1)), rng=rng), oracle.refit(5, rng=rng)):
        assert other is not oracle
        assert other == oracle
    with pytest.raises(InvalidArgument, match="size must be"):
        oracle.refit(0, rng=rng)


def test_the_memoriser_draws_its_rows_and_no_others():
    rows = generator(5, "control").normal(size=(30, 2))
    model = Memoriser().fit(rows, rng=generator(6, "control"))
    first = rows[0].copy()
    rows[0] = 99.0

    drawn = model.sample(2_000, rng=generator(7, "control"))

    known = {tuple(row) for row in [first, *rows[1:]]}
    assert {tuple(row) for row in drawn} == known  # missing one: 30 (29/30)**2000 = 1e-28
    again = model.refit(10, rng=generator(8, "control"))
    assert again.rows.shape == (10, 2)
    assert {tuple(row) for row in again.rows} <= known


def test_an_empty_memory_says_so():
    with pytest.raises(ModelError, match="Memoriser must be fitted before it is drawn from"):
        Memoriser().sample(1, rng=generator(9, "control"))
    with pytest.raises(InvalidSamples, match="samples must be finite"):
        Memoriser().fit(np.array([np.nan]), rng=generator(9, "control"))


def test_a_memory_of_strings_holds_codes():
    assert Memoriser(np.array(["a", "b"])).kind == "codes"
    assert Memoriser(np.zeros((2, 2))).kind == "numbers"
