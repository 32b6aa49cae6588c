"""What each option accepts, and the sentence for what it doesn't."""

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.errors import InvalidArgument
from collapse_bench.harness.options import (
    EFFECTS,
    LEAST_DRAWS,
    OPTIONS,
    given_twice,
    settings_from,
)


@pytest.fixture
def read(tmp_path):
    """Settings from keywords: what is typed, or with ``ini=`` what the ini file holds."""

    def settings(ini=None, **typed):
        return settings_from(
            {f"collapse_{name}": value for name, value in typed.items()},
            {f"collapse_{name}": value for name, value in (ini or {}).items()},
            tmp_path,
        )

    return settings


def test_nothing_given_is_the_default_case(read):
    settings = read()

    assert (settings.alpha, settings.beta, settings.seed) == (0.01, 0.01, 0)
    assert (settings.profile, settings.device) == ("ci", "auto")
    assert settings.models == settings.reports == ()
    assert settings.missing() is None


@pytest.mark.parametrize("name", ["alpha", "beta"])
@pytest.mark.parametrize("value", ["0", "1", "nan", "-1", "abc", "1e-400", "", "inf", "0.01%"])
def test_rates_lie_strictly_between_0_and_1(read, name, value):
    with pytest.raises(InvalidArgument) as refused:
        read(**{name: value})

    assert str(refused.value) == f"--collapse-{name} must be a number in (0, 1); got {value!r}"


def test_a_rate_that_no_permutation_test_can_reach_is_refused(read):
    with pytest.raises(InvalidArgument, match=r"--collapse-alpha must be 1e-05 or more, .* '1e-9'"):
        read(alpha="1e-9")


@given(rate=st.floats(1e-5, 1, exclude_max=True))
def test_any_rate_between_is_taken_as_it_is(rate, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()

    assert settings_from({"collapse_alpha": repr(rate)}, {}, folder).alpha == rate


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("seed", "-1", r"--collapse-seed must be an integer in \[0, 2\*\*53\); got '-1'"),
        ("seed", "1.0", "an integer"),
        ("seed", "9" * 5000, r"got '9{59}\.\.\."),
        ("seed", "\u0663", "an integer"),
        ("max_samples", "0", r"--collapse-max-samples must be an integer in \[1,"),
        ("min_checks", "x", "--collapse-min-checks must be an integer"),
        ("profile", "papre", "one of smoke, ci, paper; got 'papre': did you mean 'paper'?"),
        ("mode", "seqential", "one of fixed, sequential; got 'seqential': did you mean 'sequen"),
        ("device", "gpu", "auto, cpu, cuda or cuda:N; got 'gpu'"),
        ("device", "cuda:", "auto, cpu, cuda or cuda:N"),
        ("columns", "a,,b", "different names, separated by commas; got 'a,,b'"),
        ("columns", "a,a", "different names"),
        ("samples", "nowhere.npy", "--collapse-samples must be an existing file"),
        ("reference", "nowhere.npy", "an existing file or directory, or a built-in name"),
        ("reference", "", "an existing file"),
    ],
)
def test_what_is_out_of_range_is_refused_in_one_sentence(read, name, value, words):
    with pytest.raises(InvalidArgument, match=words) as refused:
        read(**{name: value})

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (
            "tolerate",
            "tail=0.1",
            "tail_mass, variance, wasserstein, support, drift; got 'tail'.*did you mean 'tail",
        ),
        ("tolerate", "variance", "must be NAME=X; got 'variance'"),
        ("tolerate", "variance=nan", r"variance=X with X in \[0, 1\); got 'variance=nan'"),
        ("detect", "variance=1.5", r"X in \[0, 1\)"),
        ("tolerate", "variance=0.2", "below --collapse-detect variance; got 0.2 and 0.2"),
        ("detect", "variance=0.01", "below --collapse-detect variance; got 0.05 and 0.01"),
        ("report", "r.txt", "end in .json or .html or .md, which is what is written; got 'r.txt'"),
        ("report", "nowhere/r.json", "a file in an existing directory"),
        ("model", ":attr", "MODULE:ATTR, hf:PATH-OR-ID or a built-in name; got ':attr'"),
        ("model", "mod:", "MODULE:ATTR"),
        ("model_arg", "k=v", "needs --collapse-model; got 'k=v'"),
    ],
)
def test_repeatable_options_are_checked_one_by_one(read, name, value, words):
    with pytest.raises(InvalidArgument, match=words):
        read(**{name: [value]})


def test_a_name_is_given_once(read):
    with pytest.raises(InvalidArgument, match="--collapse-tolerate must be given once each"):
        read(tolerate=["variance=0.1", "variance=0.1"])
    with pytest.raises(InvalidArgument, match="--collapse-model must be given once each"):
        read(model=["gaussian", "gaussian"])


def test_both_effect_sizes_of_a_check_can_be_moved_together(read):
    settings = read(tolerate=["variance=0.3"], detect=["variance=0.6", "tail_mass=0.5"])

    assert settings.effects("variance") == {"tolerate": 0.3, "detect": 0.6}
    assert settings.effects("tail_mass") == {"detect": 0.5}
    assert settings.effects("wasserstein") == {}


def test_keywords_go_to_the_model_they_name(read):
    settings = read(model=["a:f", "b:g"], model_arg=["latent=8", "a:f:rate=0.5", "b:g:name=x=y"])

    assert settings.arguments == {
        "a:f": {"latent": 8, "rate": 0.5},
        "b:g": {"latent": 8, "name": "x=y"},
    }


def test_a_model_and_samples_exclude_each_other(read, tmp_path):
    (tmp_path / "s.npy").touch()
    with pytest.raises(InvalidArgument, match="exclude each other"):
        read(model=["gaussian"], samples="s.npy")


def test_evidence_is_looked_at_as_often_as_the_gates_do():
    from collapse_bench.gates import sequential

    assert LEAST_DRAWS == sequential.GRID


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"samples": "s.npy"}, "sequential contradicts --collapse-samples: a file's samples"),
        ({"save_samples": "kept"}, "sequential contradicts --collapse-save-samples"),
        ({"max_samples": "199"}, "--collapse-max-samples must be 200 or more.*; got 199"),
    ],
)
def test_what_sequential_mode_excludes_is_told(read, tmp_path, given, words):
    (tmp_path / "s.npy").touch()
    with pytest.raises(InvalidArgument, match=words):
        read(mode="sequential", **given)
    assert read(**given).mode == "fixed"
    assert read(ini={"mode": "sequential"}, max_samples="200").mode == "sequential"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--collapse-seed=1", "--collapse-seed=2"], "--collapse-seed .* got '1' and '2'"),
        (["--collapse-seed", "1", "x", "--collapse-seed=1"], "--collapse-seed .* got '1' and '1'"),
        (["--collapse-seed=1", "--collapse-seeds=2", "-k", "collapse-seed"], None),
        (["--collapse-model=a", "--collapse-model=b"], None),
        (["--collapse-require-gpu", "--collapse-require-gpu"], None),
    ],
)
def test_an_option_of_one_value_is_given_once(arguments, words):
    found = given_twice(arguments)

    assert found is None if words is None else re.search(words, found)


def test_a_required_gpu_contradicts_the_cpu(read):
    with pytest.raises(InvalidArgument, match="contradicts --collapse-device cpu"):
        read(require_gpu=True, device="cpu")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"samples": "s.npy"}, "--collapse-samples needs --collapse-reference"),
        ({"reference": "s.npy"}, "--collapse-reference 's.npy' needs --collapse-model or"),
        ({"model": ["m:f"]}, "--collapse-model 'm:f' needs --collapse-reference"),
        ({"model": ["gaussian", "m:f"]}, "--collapse-model 'm:f' needs"),
        ({"model": ["gaussian"]}, None),
        ({"model": ["m:f"], "reference": "s.npy"}, None),
    ],
)
def test_what_makes_no_gate_names_the_missing_option(read, tmp_path, given, words):
    (tmp_path / "s.npy").touch()
    missing = read(**given).missing()

    assert missing is None if words is None else words in missing


def test_the_command_line_wins_over_the_ini_file(read):
    settings = read(seed="3", ini={"seed": "7", "alpha": "0.05", "model": ["gaussian"]})

    assert (settings.seed, settings.alpha, settings.models) == (3, 0.05, ("gaussian",))
    assert settings.typed == {"collapse_seed"}


def test_a_refused_ini_value_is_named_as_such(read):
    with pytest.raises(InvalidArgument, match=r"collapse_alpha \(ini\) must be a number"):
        read(ini={"alpha": "2"})


def test_every_option_has_a_twin_of_its_name():
    assert [option.key for option in OPTIONS if option.key != f"collapse_{option.flag[11:]}"] == [
        "collapse_model_arg",
        "collapse_require_gpu",
        "collapse_min_checks",
        "collapse_save_samples",
        "collapse_max_samples",
        "collapse_update_baseline",
    ]


@pytest.mark.parametrize("metric", EFFECTS)
def test_default_effects_are_those_of_the_checks(metric):
    from collapse_bench import gates

    parameters = inspect.signature(getattr(gates, f"check_{metric}")).parameters

    assert EFFECTS[metric] == (parameters["tolerate"].default, parameters["detect"].default)


def test_an_effect_is_known_for_every_check():
    from collapse_bench import gates

    known = {name.removeprefix("check_") for name in gates.__all__ if name.startswith("check_")}

    assert known == set(EFFECTS)
