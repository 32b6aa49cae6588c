"""Values counted one by one instead of by products of labels and blocks: the same bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_bench.statistics import transport
from collapse_bench.statistics.cells import Cells
from collapse_bench.statistics.permutation import label_chunks
from collapse_bench.statistics.transport import transport_test
from collapse_bench.streams import generator

ONE_LINE = np.ones((1, 1))


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    blocks=st.tuples(st.integers(1, 30), st.integers(1, 300)),
    length=st.integers(1, 4),
    digits=st.sampled_from([0, 1, 8]),
)
def test_counts_are_the_products_to_the_bit(seed, blocks, length, digits):
    rng = generator(seed)
    own, others = (rng.normal(size=(count, length)).round(digits) for count in blocks)
    cells = Cells.of(np.concatenate([own, others]).ravel(), 64)
    parts = [cells.below(part) for part in (own, others)]
    found = transport._counting(*parts)
    if found is None:  # the product is cheaper
        return
    for labels in label_chunks(blocks[0], sum(blocks), 50, rng=rng):
        counted = found(labels)
        expected = labels.astype(np.float32) @ np.concatenate(parts)

        assert counted.dtype == expected.dtype
        np.testing.assert_array_equal(counted, expected)


@pytest.mark.parametrize("sizes", [(300, 40_000), (40_000, 300)])
def test_the_whole_test_is_the_same_either_way(sizes, monkeypatch):
    rng = generator(0)
    x, y = (rng.normal(size=(size, 1)) for size in sizes)

    def judged():
        return transport_test(
            x, y, ONE_LINE, permutations=1_000,
            relabel_rng=generator(1), resample_rng=generator(2),
        )  # fmt: skip

    used = []
    counting = transport._counting
    monkeypatch.setattr(
        transport, "_counting", lambda *parts: used.append(counting(*parts)) or used[-1]
    )
    counted = judged()
    monkeypatch.setattr(transport, "EXACT_BELOW", 0)
    multiplied = judged()

    assert len(used) == 1
    assert used[0] is not None
    assert counted.distance == multiplied.distance
    np.testing.assert_array_equal(counted.null, multiplied.null)
    np.testing.assert_array_equal(counted.resampled, multiplied.resampled)


def test_samples_of_one_size_are_multiplied():
    rng = generator(3)
    own, others = (rng.normal(size=(50, 10)) for _ in range(2))
    cells = Cells.of(np.concatenate([own, others]).ravel(), 64)

    assert transport._counting(cells.below(own), cells.below(others)) is None
