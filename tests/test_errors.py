import inspect

import pytest

from collapse_bench import errors

BUILT_IN = {
    "InvalidArgument": ValueError,
    "InvalidSamples": ValueError,
    "InvalidSpec": ValueError,
    "ModelError": RuntimeError,
    "UndefinedMetric": ArithmeticError,
    "CollapseError": AssertionError,
    "Inconclusive": AssertionError,
}


def test_every_error_is_listed():
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }

    assert defined == set(errors.__all__) == {"CollapseBenchError", *BUILT_IN}


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_can_be_caught_as_ours_and_as_the_built_in(name):
    error = getattr(errors, name)

    assert issubclass(error, errors.CollapseBenchError)
    assert issubclass(error, BUILT_IN[name])


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = errors.__doc__ or ""

    for name in errors.__all__:
        assert name in drawn
    assert issubclass(errors.InvalidSamples, errors.InvalidArgument)
    assert issubclass(errors.InvalidSpec, errors.InvalidArgument)


def test_a_failed_check_is_told_from_an_undecided_one():
    assert not issubclass(errors.CollapseError, errors.Inconclusive)
    assert not issubclass(errors.Inconclusive, errors.CollapseError)
