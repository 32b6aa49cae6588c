"""What is wrong in options, files and selections is told, changes no file, and is never green."""

import json
from hashlib import sha256

import numpy as np
import pytest

from collapse_bench.harness.options import unknown_key
from collapse_bench.harness.session import portable
from tests.plugin.test_exit_codes import FINE, HEALTHY, LOSS, OWN_GATE


@pytest.fixture
def files(pytester):
    """Write input files; after the test each must be what was written."""
    written = {}

    def write(name, content):
        (pytester.path / name).write_bytes(content)
        written[name] = sha256(content).hexdigest()

    yield write
    for name, digest in written.items():
        assert sha256((pytester.path / name).read_bytes()).hexdigest() == digest, name


@pytest.fixture
def refused(session):
    """Run a session that is refused before any test; return what stderr says of it."""

    def run(*arguments):
        result = session(*arguments)
        assert result.ret == 4
        assert not any("passed" in line or "failed" in line for line in result.outlines)
        assert "Traceback" not in str(result.stderr)
        return " ".join(str(result.stderr).split())

    return run


@pytest.fixture
def own(pytester, session):
    """Run a gate module whose second test has the given body, and further files."""

    def run(body, *arguments, **more):
        pytester.makepyfile(test_own=OWN_GATE.format(body=body), **more)
        return session(*arguments)

    return run


def rows(values):
    return b"".join(b'{"x": %r}\n' % float(value) for value in values)


SAMPLES = {
    "a key twice": (b'{"x": 1, "x": 2}\n', "specified twice"),
    "NaN": (b'{"x": NaN}\n' + rows(range(40)), ""),
    "5000 digits": (b'{"x": ' + b"9" * 5000 + b"}\n", "finite"),
    "lists in lists": (b"[" * 100_000 + b"\n", "JSON lines"),
    "no UTF-8": ('{"é": 1}\n'.encode("latin-1"), "UTF-8"),
    "empty": (b"", "empty"),
    "another key": (b'{"y": 1}\n{"y": 2}\n', "'x'"),
    "text": (b'{"x": "one"}\n{"x": "two"}\n', "numbers"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_that_cannot_be_judged_end_it_before_any_test(name, refused, files):
    content, words = SAMPLES[name]
    files("made.jsonl", content)
    files("real.jsonl", rows(np.arange(60.0)))
    said = refused(
        "--pyargs", "collapse_bench.suites.gate.test_release",
        "--collapse-samples=made.jsonl", "--collapse-reference=real.jsonl",
    )  # fmt: skip

    assert words in said
    assert "made.jsonl" in said or "column" in said


KIND = b'"kind": "collapse-bench baseline"'
BASELINES = {
    "empty": (b"", "must be a JSON file"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "BOM"),
    "no UTF-8": ("{'é': 1}".encode("latin-1"), "can't decode"),
    "NaN": (b'{"a": NaN}', "NaN is no number of JSON"),
    "a key twice": (b'{"a": 1, "a": 1}', "the name 'a' stands twice"),
    "lists in lists": (b"[" * 100_000, "nested too deeply"),
    "5000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "limit"),
    "another schema": (b"{" + KIND + b', "schema": 2, "checks": []}', "schema=2"),
    "no checks": (b"{" + KIND + b', "schema": 1}', "a list of checks"),
}


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_that_is_none_ends_it_before_any_test(name, refused, files, pytester):
    content, words = BASELINES[name]
    files("accepted.json", content)
    pytester.makepyfile("def test_it(): pass")

    assert words in refused("--collapse-baseline=accepted.json")


INIS = {
    "an unknown key": (b"[pytest]\ncollapse_sede = 7\n", "did you mean 'collapse_seed'?"),
    "a key twice": (b"[pytest]\ncollapse_seed = 7\ncollapse_seed = 8\n", "duplicate name"),
    "a value twice": (
        b"[pytest]\ncollapse_detect =\n    variance=0.3\n    variance=0.4\n",
        "collapse_detect (ini) must be given once each",
    ),
    "NaN": (b"[pytest]\ncollapse_beta = nan\n", "collapse_beta (ini) must be a number in (0, 1)"),
    "5000 digits": (b"[pytest]\ncollapse_seed = " + b"9" * 5000 + b"\n", "must be an integer"),
    "no truth": (b"[pytest]\ncollapse_plan = perhaps\n", "invalid truth value 'perhaps'"),
    "a byte order mark": (b"\xef\xbb\xbf[pytest]\ncollapse_alpha = -1\n", "collapse_alpha (ini)"),
    "a huge count": (b"[pytest]\ncollapse_max_samples = 1e9\n", "collapse_max_samples (ini) must"),
}


@pytest.mark.parametrize("name", INIS)
def test_an_ini_file_that_says_nothing_sure_ends_it(name, refused, files, pytester):
    content, words = INIS[name]
    files("pytest.ini", content)
    pytester.makepyfile("def test_it(): pass")

    assert words in refused()


def test_an_empty_ini_file_changes_nothing_and_one_of_bytes_is_not_green(session, files, pytester):
    pytester.makepyfile("def test_it(collapse_seed): pass")
    files("pytest.ini", b"")
    assert session().ret == 0

    files("pytest.ini", "[pytest]\ncollapse_reference = é.csv\n".encode("latin-1"))
    assert session().ret != 0  # pytest's own reader raises


def test_keys_of_others_are_none_of_our_business():
    assert unknown_key(["reruns", "my_collapse_seed", "collapse_seed", "collapse_gate"]) is None
    assert unknown_key(["collapse_alhpa"]) == (
        "'collapse_alhpa' (ini) must be the name of an option of this version: "
        "did you mean 'collapse_alpha'?"
    )


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--collapse-max-samples=0", "must be an integer in [1,"),
        ("--collapse-max-samples=-1", "must be an integer in [1,"),
        ("--collapse-max-samples=1e9", "must be an integer in [1,"),
        ("--collapse-min-checks=-1", "must be an integer in [0,"),
        ("--collapse-budget=0", "must be a positive number of seconds"),
        ("--collapse-timeout=nan", "must be a positive number of seconds"),
        ("--collapse-timeout=1e-400", "must be a positive number of seconds"),
    ],
)
def test_counts_and_seconds_have_a_range(refused, option, words):
    assert words in refused(option)


def test_more_checks_than_there_are_are_never_carried_out(own, last):
    result = own(HEALTHY, "--collapse-min-checks=1000000000")

    assert result.ret == 6
    assert last(result).endswith("; 2 of the 1000000000 checks asked for ran")


@pytest.mark.parametrize("size", ["0", "-1", "1.5", "float('nan')", "10**12"])
def test_a_size_out_of_range_fails_its_test(session, pytester, size):
    pytester.makepyfile(f"def test_it(collapse_generate): collapse_generate({size})")
    result = session()

    assert result.ret == 1
    result.stdout.re_match_lines([r"(FAILED.*|E .*)(size must be|must be narrow enough).*"])


@pytest.mark.parametrize("setting", ["permutations=99", "alpha=0.5", "beta=0.5", "seed=1"])
def test_what_the_ledger_decides_is_no_choice_of_a_test(own, setting, last):
    result = own(f'    collapse_check("variance", HEALTHY, REFERENCE, {setting})\n')

    assert result.ret == 1
    assert f"{setting.partition('=')[0]} must be left to the ledger" in str(result.stdout)
    assert "1 not run" in last(result)


# Part of a ledger is never the whole of it.


@pytest.mark.parametrize(
    "selection",
    [
        ["-k", "healthy"],
        ["--deselect", "test_own.py::test_other"],
        ["test_own.py::test_healthy"],
        ["test_own.py::test_healthy", "test_own.py::test_healthy", "--keep-duplicates"],
    ],
)
def test_part_of_a_ledger_is_not_green_and_says_so(own, last, selection, report):
    result = own(HEALTHY, *selection, "--collapse-report=r.json")

    assert result.ret == 6
    assert "2 checks, 1 pass, 0 fail, 0 inconclusive, 1 not run" in last(result)
    assert report()["summary"]["outcome"] == "inconclusive"
    assert report()["not_run"][0]["id"] == "test_own::test_other"


@pytest.mark.parametrize(("body", "code"), [(LOSS, 1), (FINE, 6)])
def test_stopping_at_the_first_leaves_the_others_not_run(pytester, session, last, body, code):
    text = OWN_GATE.format(body=HEALTHY).replace("def test_healthy", "def test_last")
    text = text.replace('("test_healthy",', '("test_first", "test_last",')
    first = f"\ndef test_first(collapse_check):\n{body}\n\ndef test_last"
    pytester.makepyfile(test_own=text.replace("\ndef test_last", first))
    result = session("-x")

    assert result.ret == code
    assert "2 not run" in last(result)


def test_only_what_failed_last_is_part_of_it(pytester, own, last):
    keep = ("-p", "cacheprovider")
    assert own(LOSS, *keep).ret == 1
    result = own(HEALTHY, *keep, "--lf")

    assert result.ret == 6
    assert "2 checks, 1 pass, 0 fail, 0 inconclusive, 1 not run" in last(result)
    assert own(HEALTHY, *keep, "--ff").ret == 0


def test_one_name_in_two_folders_is_two_ledgers(pytester, session, last):
    for folder, body in (("one", HEALTHY), ("two", LOSS)):
        (pytester.path / folder).mkdir()
        text = OWN_GATE.format(body=body)
        (pytester.path / folder / "test_own.py").write_text(text)
    result = session("--import-mode=importlib")

    assert result.ret == 1
    assert "4 checks, 3 pass, 1 fail" in last(result)
    assert session().ret == 2  # one module can't stand for both files


def test_a_test_that_runs_twice_keeps_its_worse_verdict(pytester, session, last):
    pytester.makepyfile(test_own=OWN_GATE.format(body=LOSS))
    result = session("test_own.py", "test_own.py", "--keep-duplicates")

    assert result.ret == 1
    assert "2 checks, 1 pass, 1 fail" in last(result)


def test_collecting_says_nothing_of_a_verdict(own):
    result = own(LOSS, "--collect-only", "--collapse-gate=report", "--collapse-min-checks=5")

    assert result.ret == 0
    assert "collapse: " not in str(result.stdout)


def test_numbers_of_numpy_leave_a_worker(pytester, process, last, report):
    pytest.importorskip("xdist")
    text = OWN_GATE.format(body=HEALTHY).replace(
        "def test_other(collapse_check):",
        "def test_other(collapse_check, record_property):\n"
        "    for value in (np.float64(0.5), np.int32(3), np.arange(2), [np.float32(1)]):\n"
        '        record_property("extra", value)',
    )
    pytester.makepyfile(test_own=text)
    result = process("-n", "2", "--collapse-report=r.json", "--junitxml=junit.xml")

    assert result.ret == 0
    assert "2 checks, 2 pass" in last(result)
    assert 'value="0.5"' in (pytester.path / "junit.xml").read_text()


@pytest.mark.parametrize(
    ("value", "due"),
    [
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        ([1, (np.int8(2), None)], [1, (2, None)]),
        ({np.str_("a"): np.array(3)}, {"a": 3}),
        (np.arange(2), "[0 1]"),
        (np.array(None, dtype=object), "None"),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_a_property_becomes_plain(value, due):
    found = portable(value)

    assert found == due
    assert json.dumps(found)
    assert type(found).__module__ == "builtins"


def test_a_baseline_of_another_model_is_refused_with_the_difference(
    session, pytester, refused, monkeypatch
):
    monkeypatch.delenv("CI", raising=False)
    pytester.makepyfile(
        models="class A:\n    def sample(self, size, *, rng): return rng.normal(size=(size, 1))\n"
        "a, b = A(), A()",
        test_gate="COLLAPSE_CHECKS = ('test_it',)\n"
        "def test_it(collapse_check, collapse_generate):\n"
        "    collapse_check('variance', collapse_generate(400))\n",
    )
    given = ("test_gate.py", "--collapse-reference=two-gaussians", "--collapse-baseline=kept.json")
    session(*given, "--collapse-model=models:a", "--collapse-update-baseline")
    before = (pytester.path / "kept.json").read_bytes()
    said = refused(*given, "--collapse-model=models:b")

    assert "models:a" in said
    assert "models:b" in said
    assert (pytester.path / "kept.json").read_bytes() == before


def test_another_reference_than_the_baseline_s_is_not_compared(session, pytester, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    rng = np.random.default_rng(20261123)
    for name in ("real", "other", "made"):
        np.save(pytester.path / f"{name}.npy", rng.normal(size=2_000))
    pytester.makepyfile(
        test_gate="COLLAPSE_CHECKS = ('test_it',)\n"
        "def test_it(collapse_check, collapse_generate):\n"
        "    collapse_check('variance', collapse_generate())\n",
    )
    given = ("test_gate.py", "--collapse-samples=made.npy", "--collapse-baseline=kept.json")
    session(*given, "--collapse-reference=real.npy", "--collapse-update-baseline")
    before = (pytester.path / "kept.json").read_bytes()
    said = session(*given, "--collapse-reference=other.npy")

    said.stdout.fnmatch_lines(["*can't tell*test_gate::test_it: not compared: reference *"])
    assert (pytester.path / "kept.json").read_bytes() == before
