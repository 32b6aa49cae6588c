"""One decorator in anybody's test file: ids, skips, expected failures, replay."""

import os

import pytest

from collapse_bench.conformance import all_checks, parametrize_with_checks
from collapse_bench.conformance.parametrize import unique_names
from collapse_bench.errors import InvalidArgument
from collapse_bench.models import Categorical, Gaussian

FILE = """
import pytest
from collapse_bench.conformance import parametrize_with_checks
from collapse_bench.models import Gaussian


class Stale(Gaussian):
    def sample(self, size, *, rng):
        import numpy
        return super().sample(size, rng=numpy.random.default_rng(0))


@parametrize_with_checks(
    [Gaussian(), Stale()],
    expected_failed_checks=lambda m: {"check_seed_sensitivity": "why"} if type(m) is Stale else {},
    xfail_strict=True,
)
def test_conformance(model, check):
    check(model)
"""


def test_ids_name_the_model_and_the_check():
    mark = parametrize_with_checks([Gaussian(), Categorical([1.0]), Gaussian()]).mark
    ids = [parameter.id for parameter in mark.args[1]]

    assert ids[0] == f"Gaussian-{all_checks()[0]}"
    assert "Categorical-check_seed_determinism" in ids
    assert "Gaussian#2-check_seed_determinism" in ids
    assert len(set(ids)) == len(ids) == 3 * len(all_checks())


def test_names_have_no_address():
    assert unique_names([object(), object()]) == ["object", "object#2"]


def test_a_check_is_for_the_model_it_was_made_for():
    mark = parametrize_with_checks([Gaussian()]).mark
    _, check = mark.args[1][0].values

    with pytest.raises(InvalidArgument, match="model must be the one"):
        check(Gaussian())


@pytest.mark.parametrize(
    ("models", "keywords", "sentence"),
    [
        ([], {}, "models must hold at least one model"),
        ([Gaussian()], {"expected_failed_checks": {"check_x": "no"}}, "must hold names of checks"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(models, keywords, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        parametrize_with_checks(models, **keywords)


def test_a_file_of_anybody_selects_skips_fails_and_expects(pytester):
    pytester.makepyfile(test_mine=FILE)
    names = "seed_sensitivity or seed_determinism or affine"
    result = pytester.runpytest_inprocess(
        "-p", "collapse_bench.plugin", "-p", "no:cacheprovider", "-rA", "-k", names
    )
    text = result.stdout.str()

    assert "PASSED test_mine.py::test_conformance[Gaussian-check_seed_determinism]" in text
    assert "XFAIL test_mine.py::test_conformance[Stale-check_seed_sensitivity] - why" in text
    assert result.parseoutcomes().get("failed", 0) == 0, text


def test_a_failure_shows_its_reason_and_how_to_repeat_it(pytester):
    file = FILE.replace('{"check_seed_sensitivity": "why"}', "{}")
    pytester.makepyfile(test_mine=file)
    result = pytester.runpytest_inprocess(
        "-p", "collapse_bench.plugin", "-p", "no:cacheprovider", "-k", "Stale-check_seed_sens"
    )

    result.assert_outcomes(failed=1, deselected=2 * len(all_checks()) - 1)
    result.stdout.fnmatch_lines(
        ["*CollapseError: check_seed_sensitivity of Stale: *", "*reproduce it with*"]
    )


SPECS = """
import os

from collapse_bench.conformance import parametrize_with_checks


@parametrize_with_checks(["gaussian", "strangers:Unborn", "rows:gone"])
def test_specs(model, check):
    check(model)
"""
STRANGERS = """
import os


class Unborn:
    def __init__(self):
        assert os.environ["HERE"] != str(os.getpid()), "made here"
        os._exit(0)
"""


def test_a_spec_runs_in_a_process_of_its_own(pytester, monkeypatch):
    monkeypatch.setenv("HERE", str(os.getpid()))
    pytester.makepyfile(strangers=STRANGERS, test_mine=SPECS)
    result = pytester.runpytest_inprocess(
        "-p", "collapse_bench.plugin", "-p", "no:cacheprovider", "-k", "seed_det or seed_sens"
    )

    result.assert_outcomes(passed=2, failed=4, deselected=3 * (len(all_checks()) - 2))
    result.stdout.fnmatch_lines(
        [
            "*check_seed_determinism of Unborn: *process ended with exit code 0*",
            "*no module 'rows'*",
        ]
    )
