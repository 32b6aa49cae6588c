import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.reports.json import document, environment, plain, write

EMPTY = {"seed": 0, "environment": {}, "summary": {}, "gates": [], "checks": [], "trajectories": []}


def test_numpy_becomes_plain():
    value = {"a": np.float64(0.5), "b": np.arange(2), "c": np.bool_(True), "d": (np.int64(3), None)}

    assert plain(value) == {"a": 0.5, "b": [0, 1], "c": True, "d": [3, None]}
    assert type(plain(value)["c"]) is bool


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_what_is_not_finite_becomes_null(value):
    assert plain([value, np.array([value])]) == [None, [None]]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_whatever_is_plain_is_strict_json(value):
    text = json.dumps(plain(value), allow_nan=False)

    assert plain(json.loads(text)) == json.loads(text)


def test_a_report_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "r.json"
    write(document(**EMPTY), path)
    before = path.read_text()
    with pytest.raises(TypeError):
        write({"schema": object()}, path)

    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
    assert json.loads(before)["schema"] == 1


def test_the_environment_is_read_without_imports():
    found = environment("cpu")

    assert {"collapse-bench", "python", "numpy", "pytest"} <= found["versions"].keys()
    assert found["device"] == "cpu"
    assert found["date"].endswith("+00:00")
