import re
import sys

import numpy as np
import pytest

from collapse_bench.adapters import BUILT_IN, load_model
from collapse_bench.errors import InvalidSamples, InvalidSpec, ModelError
from collapse_bench.models import Categorical, Gaussian
from collapse_bench.streams import generator

SENTENCE = re.escape("model must be a built-in (categorical, gaussian) or MODULE:ATTR; got model=")

FLOWS = """
import functools
import helper_of_flows
from scipy import stats
from sklearn.mixture import GaussianMixture

class Flow:
    def __init__(self, width=1, *, name="flow"):
        self.width = width
    def sample(self, size, *, rng):
        return rng.normal(size=(size, self.width))
    def fit(self, samples, *, rng):
        return Flow(samples.shape[1])

class Sampler:
    def sample(self, size, *, rng):
        return [[0.0]] * size

class Outer:
    Inner = Flow

def make(width, depth: int = 3):
    return Flow(width)

def raises():
    raise KeyError("gone")

def leaves():
    raise SystemExit(0)

def nothing():
    pass

def draws(n, seed):
    return [[float(seed)]] * n

def make_law():
    return stats.norm(3, 1)

def make_mixture(k):
    return GaussianMixture(k)

law = stats.norm
frozen = stats.norm(3, 1)
density = stats.gaussian_kde([[1.0, 2.0, 4.0]])
mixture = GaussianMixture(2)
mixture_fitted = GaussianMixture(1).fit([[1.0], [2.0]])
wide = functools.partial(make, 7)
flow = Flow(5)
sampler = Sampler()
number = 3
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working directory with code of a user's; nothing of it stays imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    sources = {
        "flows": FLOWS,
        "helper_of_flows": "",
        "leaves_at_import": "import sys\nsys.exit(0)\n",
        "raises_at_import": "def f():\n    return 1 / 0\nf()\n",
        "wrong_syntax": "def (\n",
        "lacks_a_package": "import package_nobody_has\n",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name in sources:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("spec", "arguments", "how", "width"),
    [
        ("flows:Flow", {}, "factory", 1),
        ("flows:Flow", {"width": 4}, "factory", 4),
        ("flows:Outer.Inner", {"width": 2}, "factory", 2),
        ("flows:make", {"width": 3}, "factory", 3),
        ("flows:wide", {}, "factory", 7),
        ("flows:flow", {}, "instance", 5),
    ],
)
def test_classes_factories_and_instances_are_found(spec, arguments, how, width):
    loaded = load_model(spec, arguments)

    assert (loaded.how, loaded.name) == (how, spec)
    assert loaded.model.sample(2, rng=generator(0)).shape == (2, width)


def test_an_instance_is_the_very_object_and_needs_no_fit():
    loaded = load_model("flows:sampler")

    assert loaded.model is sys.modules["flows"].sampler
    assert loaded.how == "instance"


def test_a_class_is_made_anew_each_time():
    assert load_model("flows:Flow").model is not load_model("flows:Flow").model


def test_the_current_directory_is_first_on_the_path(here):
    load_model("flows:Flow")
    load_model("flows:Flow")

    assert sys.path[0] == str(here)
    assert sys.path.count(str(here)) == 1


def test_built_in_names():
    assert tuple(BUILT_IN) == ("categorical", "gaussian")
    loaded = load_model("gaussian", {"ddof": 0, "covariance": 2.0})
    assert isinstance(loaded.model, Gaussian)
    assert (loaded.model.ddof, loaded.how) == (0, "built-in")


@pytest.mark.parametrize("columns", [1, 3])
def test_the_gaussian_takes_the_width_it_is_fitted_to(columns):
    rows = generator(1).normal(size=(50, columns))
    model = load_model("gaussian", {"ddof": 0}).model
    fitted = model.fit(rows, rng=generator(0))

    assert (fitted.dimension, fitted.ddof) == (columns, 0)
    np.testing.assert_allclose(fitted.moments()[0], rows.mean(0), atol=1e-14)
    with pytest.raises(ModelError, match="gaussian must be fitted before sample"):
        model.sample(3, rng=generator(0))


def test_the_categorical_learns_its_states():
    model = load_model("categorical").model
    fitted = model.fit(np.array(["b", "a", "b", "b"]), rng=generator(0))

    assert model.kind == fitted.kind == "codes"
    assert fitted.states.tolist() == ["a", "b"]
    assert fitted.probabilities.tolist() == [0.25, 0.75]
    with pytest.raises(ModelError, match=r"categorical must be fitted before sample\(3\) is call"):
        model.sample(3, rng=generator(0))
    with pytest.raises(InvalidSamples, match="samples must hold codes"):
        model.fit(np.array([0.5]), rng=generator(0))


def test_the_categorical_may_be_given_its_law():
    model = load_model("categorical", {"probabilities": [0.5, 0.5]}).model

    assert isinstance(model, Categorical)


@pytest.mark.parametrize(
    ("spec", "ending"),
    [
        *((spec, f"{spec!r}$") for spec in ("flows", "flows:", ":Flow", ":", "", "a:b:c", "a:b-c")),
        *((spec, f"{spec!r}$") for spec in ("a b:c", "hf:gpt2", "hf:./ckpt", "flows:Flow.")),
        ("gausian", r"'gausian': did you mean 'gaussian'\?$"),
        ("../x:attr", "a path: write 'x:attr' and run in the directory of the module, or install"),
        ("/abs/x.py:attr", "'/abs/x.py:attr', a path: write 'x:attr' and run in the directory"),
        ("pkg/x.py", "'pkg/x.py', a path: write 'x:ATTR' and run"),
        ("x.py:attr", "'x.py:attr', a path: write 'x:attr' and run"),
        (
            "ckpt.pkl",
            "'ckpt.pkl', a stored model: pickles are not loaded, because loading one runs",
        ),
        ("./dir/ckpt.joblib", "a stored model: pickles are not loaded, .* write a function that"),
        ("ckpt.pt:model", "'ckpt.pt:model', a stored model: pickles are not loaded"),
    ],
)
def test_what_is_no_spec_is_told_in_one_sentence(here, spec, ending):
    (here / "ckpt.pt").touch()

    with pytest.raises(InvalidSpec, match=f"^{SENTENCE}.*{ending}"):
        load_model(spec)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            "nomodule:attr",
            "model must be importable; got model='nomodule:attr' and no module 'nomodule': "
            "put it in the current directory or install it$",
        ),
        ("no.module:attr", "got model='no.module:attr' and no module 'no': put it"),
        ("flows.part:attr", r"got model='flows\.part:attr' and no module 'flows\.part': put it"),
        ("bin.pt:attr", "no module 'bin': put it"),
        (
            "flows:Flo",
            "model must name an attribute of its module; got model='flows:Flo' but 'flows' has no "
            r"'Flo': did you mean 'Flow'",
        ),
        ("flows:Flow.zzz", "'Flow' has no 'zzz'$"),
        (
            "leaves_at_import:x",
            "model must load; got model='leaves_at_import:x' but importing 'leaves_at_import' "
            r"failed: SystemExit: 0 \(leaves_at_import\.py, line 2\)$",
        ),
        (
            "raises_at_import:x",
            r"failed: ZeroDivisionError: division by zero \(raises_at_import\.py, line 2\)$",
        ),
        ("wrong_syntax:x", r"failed: SyntaxError: invalid syntax \(wrong_syntax\.py, line 1\)$"),
        (
            "lacks_a_package:x",
            "importing 'lacks_a_package' failed: ModuleNotFoundError: No module named "
            r"'package_nobody_has' \(lacks_a_package\.py, line 1\)$",
        ),
        (
            "flows:raises",
            r"model='flows:raises' but calling it with \(\) failed: KeyError: 'gone' \(flows\.py",
        ),
        ("flows:leaves", r"calling it with \(\) failed: SystemExit: 0 \(flows\.py"),
        (
            "flows:nothing",
            r"model 'flows:nothing' must have sample\(size, \*, rng\) and fit\(samples, \*, rng\); "
            r"got an object of type builtins\.NoneType",
        ),
        ("flows:number", r"model 'flows:number' must have sample\(size, \*, rng\); got an object"),
        ("flows:Sampler", r"which has no fit\(samples, \*, rng\): give as_model fit=, a function"),
        ("flows:law", r"must be a frozen distribution; got scipy\.stats\.norm: call it"),
        ("flows:make_law", r"rv_continuous_frozen, which is only sampled from: give as_model fit="),
        (
            "flows:make",
            r"model must take the arguments it is given; got model='flows:make' of "
            r"\(width, depth=3\): missing a required argument: 'width'$",
        ),
    ],
)
def test_what_does_not_load_says_where_and_how_to_mend_it(spec, sentence):
    with pytest.raises(InvalidSpec, match=sentence):
        load_model(spec)


def test_unknown_arguments_are_told_with_the_signature():
    with pytest.raises(
        InvalidSpec,
        match=r"of \(width=1, \*, name='flow'\): got an unexpected keyword argument 'w'",
    ):
        load_model("flows:Flow", {"w": 1})


def test_bad_values_of_arguments_are_told():
    with pytest.raises(
        InvalidSpec, match=r"calling it with \(ddof=7\) failed: .*ddof must be 0 or"
    ):
        load_model("gaussian", {"ddof": 7})


def test_an_instance_takes_no_arguments():
    with pytest.raises(
        InvalidSpec,
        match="model must be a class or a function to take arguments; got model='flows:flow', "
        "an instance of Flow, with width",
    ):
        load_model("flows:flow", {"width": 2})


def test_an_interrupt_is_no_failed_import(here):
    (here / "interrupted.py").write_text("raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        load_model("interrupted:x")


@pytest.mark.parametrize(
    ("spec", "arguments", "how"),
    [
        ("sklearn.mixture:GaussianMixture", {"n_components": 3}, "factory"),
        ("sklearn.neighbors:KernelDensity", {"bandwidth": 0.2}, "factory"),
        ("scipy.stats:gaussian_kde", {"bw_method": 0.2}, "factory"),
        ("scipy.stats:gaussian_kde", {}, "factory"),
        ("flows:make_mixture", {"k": 3}, "factory"),
        ("flows:mixture", {}, "factory"),
        ("flows:mixture_fitted", {}, "instance"),
        ("flows:density", {}, "instance"),
        ("flows:frozen", {}, "instance"),
        ("flows:draws", {}, "instance"),
    ],
)
def test_models_of_other_libraries_are_found_by_name(spec, arguments, how):
    """One that waits to be fitted is no instance to judge as given."""
    loaded = load_model(spec, arguments)

    assert loaded.how == how
    model = loaded.model
    if how == "factory":
        model = model.fit(generator(0).normal(size=(50, 2)), rng=generator(1))
    drawn = model.sample(4, rng=generator(2))
    assert drawn.shape == (4, 2 if how == "factory" else 1)


def test_arguments_reach_the_estimator():
    model = load_model("sklearn.mixture:GaussianMixture", {"n_components": 3}).model
    assert model.wrapped.n_components == 3
    model = load_model("scipy.stats:gaussian_kde", {"bw_method": 0.2}).model
    assert model.fit([[0.0], [1.0], [3.0]], rng=generator(0)).wrapped.factor == 0.2


def test_what_is_made_may_be_one_that_only_samples():
    for spec in ("flows:Sampler", "flows:make_law"):
        loaded = load_model(spec, need=("sample",))
        assert loaded.how == "factory"
        assert len(loaded.model.sample(2, rng=generator(0))) == 2
