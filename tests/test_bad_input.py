"""Bad arguments and files, one sentence each: nothing is computed, and no file is changed."""

import math
from hashlib import sha256

import numpy as np
import pytest

from collapse_bench import gates, recurse, regimes
from collapse_bench.cli import main
from collapse_bench.data import load_samples, match_columns
from collapse_bench.errors import CollapseBenchError, InvalidArgument, InvalidSamples, InvalidSpec
from collapse_bench.generation import draw
from collapse_bench.models import Gaussian

RNG = np.random.default_rng(20261123)
ROWS, OTHERS = RNG.normal(size=(300, 1)), RNG.normal(size=(300, 1))

NO_RATES = [0, 1, math.nan, -1, "abc", 1e-400, True, None, math.inf]
LEVELED = {
    "check_tail_mass": lambda **given: gates.check_tail_mass(ROWS, OTHERS, **given),
    "check_variance": lambda **given: gates.check_variance(ROWS, OTHERS, **given),
    "check_wasserstein": lambda **given: gates.check_wasserstein(ROWS, OTHERS, **given),
    "check_drift": lambda **given: gates.check_drift(
        np.zeros((8, 3)), reference=OTHERS, size=300, **given
    ),
    "check_support": lambda **given: gates.check_support(list("abab"), list("abba"), **given),
    "Gate": lambda **given: gates.Gate(OTHERS, **given),
    "plan": lambda **given: gates.plan(OTHERS, **given),
    "plan_drift": lambda **given: gates.plan_drift(OTHERS, size=300, generations=3, **given),
}


@pytest.fixture
def unchanged(tmp_path):
    """A function that writes a file; after the test each file must be what was written."""
    written = {}

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        written[path] = sha256(content).hexdigest()
        return path

    yield write
    for path, digest in written.items():
        assert sha256(path.read_bytes()).hexdigest() == digest
    assert {path for path in tmp_path.iterdir() if path.is_file()} == set(written)


@pytest.mark.parametrize("name", LEVELED)
@pytest.mark.parametrize("rate", ["alpha", "beta"])
def test_rates_are_refused_outside_of_their_range(name, rate):
    for value in NO_RATES:
        with pytest.raises(InvalidArgument, match=rf"^{rate} must be a number in .*; got {rate}="):
            LEVELED[name](**{rate: value})


@pytest.mark.parametrize("value", ["0", "1", "nan", "-1", "abc", "1e-400"])
@pytest.mark.parametrize("command", ["plan", "compare", "selftest"])
def test_the_command_refuses_them_too(command, value, capsys, unchanged):
    path = str(unchanged("rows.csv", b"x\n" + b"1\n2\n" * 40))
    given = [path, path] if command == "compare" else [f"--reference={path}"]

    assert main([command, *given, f"--alpha={value}"]) == 4
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "--alpha" in printed.err
    assert repr(value) in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("check", ["check_variance", "check_wasserstein"])
@pytest.mark.parametrize("permutations", [0, -1, 99, 999, 1.5, math.nan, True])
def test_too_few_permutations_for_alpha_are_refused_with_the_least(check, permutations):
    with pytest.raises(InvalidArgument, match=r"permutations must be an integer >= \d+; got"):
        LEVELED[check](alpha=0.0005, permutations=permutations)
    with pytest.raises(InvalidArgument, match="permutations must be an integer >= 2000; got perm"):
        LEVELED[check](alpha=0.0005, permutations=1_999)


def test_more_permutations_than_can_be_run_are_refused_by_every_check():
    codes = np.repeat(np.arange(20), 20)
    most = "permutations must be at most 10,000,000; got permutations=1000000000"
    for name in ("check_tail_mass", "check_variance", "check_wasserstein"):
        with pytest.raises(InvalidArgument, match=most):
            getattr(gates, name)(ROWS, OTHERS, permutations=10**9)
    with pytest.raises(InvalidArgument, match=most):
        gates.check_support(codes, codes, kind="codes", permutations=10**9)
    with pytest.raises(InvalidArgument, match=most):
        gates.TableGate({"x": ROWS[:, 0] if ROWS.ndim == 2 else ROWS}, permutations=10**9)
    with pytest.raises(InvalidArgument, match=most):
        gates.Gate(OTHERS, [gates.Check("variance", permutations=10**9)])


def test_a_level_that_so_many_permutations_cannot_show_is_refused_by_name():
    with pytest.raises(InvalidArgument, match="alpha must be at least 1e-07 in each check"):
        gates.check_variance(ROWS, OTHERS, alpha=1e-9, permutations=9_999)
    with pytest.raises(InvalidArgument, match="beta must be at least 1e-07 in each check"):
        gates.TableGate({"x": np.arange(50.0)}, beta=1e-9)


def test_too_few_lineages_to_reject_are_inconclusive_and_say_so():
    verdict = gates.check_drift(np.zeros((3, 3)), reference=OTHERS, size=300)

    assert verdict.outcome == "inconclusive"
    assert "4" in verdict.reason


NO_COUNTS = [0, -1, math.nan, 1.5, "3", True, None]


@pytest.mark.parametrize("name", ["generations", "size", "replicates"])
def test_a_recursion_needs_counts(name):
    for value in NO_COUNTS:
        with pytest.raises(InvalidArgument, match=f"^{name} must be .*; got {name}="):
            recurse(Gaussian(), **{"generations": 2, "size": 20, name: value})


@pytest.mark.parametrize(
    ("refused", "named"),
    [
        (lambda value: draw(Gaussian(), value, rng=RNG), "size"),
        (lambda value: gates.plan_drift(ROWS, size=50, generations=value), "generations"),
        (lambda value: gates.plan_drift(ROWS, size=value, generations=2), "size"),
        (lambda value: regimes.constant(value), "size"),
    ],
)
def test_so_do_draws_and_plans(refused, named):
    for value in NO_COUNTS:
        with pytest.raises(InvalidArgument, match=f"^{named} must be "):
            refused(value)
    for value in (0, -1, math.nan, 1.5, "3", True):
        with pytest.raises(InvalidArgument, match=r"^reference_size must be "):
            gates.plan(ROWS, reference_size=value)


def test_more_values_than_memory_are_refused_before_they_are_drawn():
    with pytest.raises(CollapseBenchError, match="must be narrow enough for 1,000,000,000,000"):
        draw(Gaussian(), 10**12, rng=RNG)


@pytest.mark.parametrize("share", [1.2, -0.1, math.nan, "half", None])
def test_shares_lie_in_0_1(share):
    for refused in (
        lambda: regimes.FreshReal(share),
        lambda: regimes.FixedReal(share),
        lambda: regimes.Mixture(share, 0.5, 0.5),
    ):
        with pytest.raises(InvalidArgument, match=r"must be a number in \[0, 1\]|must be .*; got"):
            refused()


LINES = {
    "a key twice": (b'{"x": 1, "x": 2}\n{"x": 3}\n', "specified twice in row 0"),
    "a number too large": (b'{"x": 1e999}\n{"x": 1}\n', "too big .* in row 0"),
    "5000 digits": (b'{"x": ' + b"9" * 5000 + b"}\n", "column 'x' .*must be finite"),
    "lists in lists": (b"[" * 100_000 + b"\n", "must be readable as JSON lines"),
    "objects in objects": (b'{"x":' * 100_000 + b"\n", "must be readable as JSON lines"),
    "no UTF-8": ('{"é": 1}\n'.encode("latin-1"), "the file isn't text in UTF-8"),
    "empty": (b"", "the file is empty"),
    "blank": (b"\n\n", "must"),
    "a list": (b"[1]\n[2]\n", "must be readable as JSON lines"),
    "cut off": (b'{"x": 1}\n{"x": \n', "in row 1"),
    "a zero byte": (b'{"x": 1}\0', "the file isn't text"),
}


@pytest.mark.parametrize("name", LINES)
def test_lines_that_hold_no_samples_are_refused(name, unchanged):
    content, words = LINES[name]
    path = unchanged("rows.jsonl", content)

    with pytest.raises((InvalidSpec, InvalidSamples), match=words) as caught:
        load_samples(path)
    assert "rows.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b'{"x": NaN}\n{"x": 1}\n', b'{"x": 1}\n{"y": 2}\n'])
def test_missing_numbers_never_match_a_complete_reference(content, unchanged):
    reference = load_samples(unchanged("real.jsonl", b'{"x": 1.5}\n{"x": 2.5}\n'))

    with pytest.raises((InvalidSamples, InvalidArgument), match=r"\bx\b|'x'|'y'"):
        match_columns(load_samples(unchanged("made.jsonl", content)), reference)


def test_a_byte_order_mark_is_no_part_of_the_samples(unchanged):
    plain, marked = (
        load_samples(unchanged(name, mark + b'{"x": 1.5}\n{"x": 2.5}\n'))
        for name, mark in (("plain.jsonl", b""), ("marked.jsonl", b"\xef\xbb\xbf"))
    )

    assert plain.sha256 == marked.sha256
    assert marked.columns == ("x",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x,x\n1,2\n", "'x' more than once"),
        (b"x\ninf\n1\n", "must be finite; 1 of 2"),
        ("é\n1\n".encode("latin-1"), "the file isn't text in UTF-8"),
        (b"", "the file is empty"),
        (b"x\n", "must"),
    ],
)
def test_tables_that_hold_no_samples_are_refused(content, words, unchanged):
    with pytest.raises((InvalidSpec, InvalidSamples), match=words):
        load_samples(unchanged("rows.csv", content))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (b"a,c\n1,2\n3,4\n", "lacks 'b'"),
        (b"a,b,c\n1,2,3\n3,4,5\n", "also has 'c'"),
        (b"a,b\n1,x\n3,y\n", "'?b'?"),
    ],
)
def test_columns_that_do_not_match_are_named(made, words, unchanged):
    reference = load_samples(unchanged("real.csv", b"a,b\n1,2\n3,4\n"))

    with pytest.raises((InvalidSamples, InvalidArgument, InvalidSpec), match=words):
        match_columns(load_samples(unchanged("made.csv", made)), reference)


def test_a_reference_too_small_for_its_tail_is_told_with_the_rows_it_takes(unchanged, capsys):
    rows = b"x\n" + b"".join(b"%f\n" % value for value in RNG.normal(size=500))
    path = unchanged("small.csv", rows)
    found = gates.plan(load_samples(path), ["tail_mass"])

    assert found.size is None
    assert f"it takes {found.reference_size:,} rows" in found.reason
    assert main(["plan", f"--reference={path}", "--check=tail_mass"]) == 6
    assert f"the reference must have {found.reference_size:,}" in capsys.readouterr().out
