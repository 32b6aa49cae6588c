# ruff: noqa: NPY002  (the global generator is the subject)

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from collapse_bench.adapters import as_model
from collapse_bench.adapters.isolation import isolated
from collapse_bench.streams import generator
from tests.adapters.contract import global_states


def values():
    return random.random(), float(np.random.random()), float(torch.rand(()))


@pytest.fixture
def bits():
    """numpy's global bit generator, put back afterwards."""
    from numpy.random.mtrand import get_bit_generator, set_bit_generator

    before = get_bit_generator()
    yield set_bit_generator
    set_bit_generator(before)


def test_seeded_inside_and_restored_outside():
    before = global_states()
    seen = []
    for seed in (1, 1, 2):
        with isolated(generator(seed)):
            seen.append(values())

    assert global_states() == before
    assert seen[0] == seen[1]
    assert all(one != other for one, other in zip(seen[0], seen[2], strict=True))


def test_without_a_stream_the_seed_is_a_constant():
    with isolated():
        one = values()
    with isolated():
        assert values() == one


def test_restored_after_an_error_and_nested():
    before = global_states()

    def fails():
        with isolated(generator(0)):
            values()
            inner = global_states()
            with isolated(generator(1)):
                values()
            assert global_states() == inner
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert global_states() == before


def test_another_bit_generator_of_numpys_is_no_trouble(bits):
    """np.random.seed would raise."""
    bits(np.random.PCG64(3))
    expected = np.random.default_rng(3).random(4)  # of the same bits
    drawn = [np.random.random() for _ in range(2)]
    with isolated(generator(0)):
        values()
    drawn += [np.random.random() for _ in range(2)]

    np.testing.assert_array_equal(drawn, expected)


def test_each_call_moves_the_stream():
    rng = generator(0)
    with isolated(rng):
        one = values()
    with isolated(rng):
        assert values() != one


def test_threads_take_turns():
    """Each draw waits between the seeding and the drawing, long enough for any other thread."""

    def slow(n, seed):
        time.sleep(0.002)
        return np.random.normal(size=n)

    model, before = as_model(slow, need=("sample",)), global_states()
    expected = model.sample(3, rng=generator(0)).tolist()
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: model.sample(3, rng=generator(0)).tolist(), range(20))

    assert all(drawn == expected for drawn in found)
    assert global_states() == before


@pytest.mark.parametrize("call", ["sample", "log_prob"])
def test_torch_that_comes_in_the_middle_of_a_draw_is_warned_about(monkeypatch, call):
    monkeypatch.delitem(sys.modules, "torch")

    def imports():
        with isolated(generator(0) if call == "sample" else None):
            sys.modules["torch"] = torch

    if call == "log_prob":  # which has no business with chance
        imports()
        return
    with pytest.warns(RuntimeWarning, match="torch must be imported before the first call of a"):
        imports()


def test_adapting_imports_no_library_but_that_of_the_object():
    code = (
        "import sys\n"
        "from collapse_bench.adapters import as_model\n"
        "from collapse_bench.streams import generator\n"
        "as_model(lambda n, seed: [0.0] * n, need=('sample',)).sample(2, rng=generator(0))\n"
        "print(sorted({'torch', 'sklearn', 'zuko', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
