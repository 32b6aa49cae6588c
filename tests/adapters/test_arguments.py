import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.adapters import parse_arguments
from collapse_bench.errors import InvalidArgument

literals = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("latent=8", 8),
        ("latent=1e-3", 0.001),
        ("latent=true", True),
        ("latent=null", None),
        ("latent=[1, 2]", [1, 2]),
        ('latent="8"', "8"),
        ("latent=adam", "adam"),
        ("latent=a=b:c", "a=b:c"),
        ("latent=", ""),
        ("latent=NaN", "NaN"),
        ("latent=-Infinity", "-Infinity"),
        ("latent=True", "True"),
        ("latent=" + "9" * 5000, "9" * 5000),  # beyond what Python turns into an integer
    ],
)
def test_values_are_json_or_else_strings(text, value):
    assert parse_arguments([text], ["gaussian"]) == {"gaussian": {"latent": value}}


@given(literals)
def test_every_json_literal_comes_back(value):
    assert parse_arguments([f"x={json.dumps(value)}"], ["m"])["m"]["x"] == value


@given(st.text(min_size=1).filter(lambda text: text[0].isalpha() and not text.startswith("n")))
def test_every_other_text_comes_back_as_it_is(text):
    if text not in ("true", "false", "Infinity"):
        assert parse_arguments([f"x={text}"], ["m"])["m"]["x"] == text


def test_a_model_is_named_before_the_last_colon_of_the_key():
    parsed = parse_arguments(
        ["a.b:Flow:width=2", "depth=3", "gaussian:ddof=0"], ["a.b:Flow", "gaussian"]
    )

    assert parsed == {"a.b:Flow": {"width": 2, "depth": 3}, "gaussian": {"depth": 3, "ddof": 0}}


@pytest.mark.parametrize("text", ["", "width", "=3", "gaussian:=3", "a b=3", "2=3"])
def test_other_forms_are_refused(text):
    with pytest.raises(InvalidArgument, match=r"model_arg must be \[MODEL:\]KEY=VALUE; got model_"):
        parse_arguments([text], ["gaussian"])


def test_another_model_is_refused_with_near_names():
    with pytest.raises(
        InvalidArgument,
        match=r"^--collapse-model-arg must name a model; "
        r"got --collapse-model-arg='gausian:ddof=0': did you mean 'gaussian'\?$",
    ):
        parse_arguments(["gausian:ddof=0"], ["gaussian"], name="--collapse-model-arg")
    with pytest.raises(InvalidArgument, match="the models are 'm:Flow', 'gaussian'"):
        parse_arguments(["zzz:ddof=0"], ["m:Flow", "gaussian"])
    with pytest.raises(InvalidArgument, match="the models are none"):
        parse_arguments(["zzz:ddof=0"], [])


def test_a_key_is_said_once():
    for texts in (["a=1", "a=1"], ["a=1", "m:a=2"]):
        with pytest.raises(
            InvalidArgument, match="model_arg must give each key once; got 'a' again for 'm'"
        ):
            parse_arguments(texts, ["m"])
