"""Bad options and inputs end a session with exit code 4, in one sentence, before any test."""

import numpy as np
import pytest


@pytest.fixture
def refused(gate, rows, pytester):
    """Run the gate; return the sentence that it was refused with, once no test has run."""

    def run(*arguments):
        result = gate(*arguments)
        assert result.ret == 4
        assert not any("passed" in line or "failed" in line for line in result.outlines)
        (sentence,) = [line for line in result.errlines if line.startswith("ERROR: ")]
        return sentence.removeprefix("ERROR: ")

    return run


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--collapse-alpha=nan"], "--collapse-alpha must be a number in (0, 1); got 'nan'"),
        (["-o", "collapse_alpha=2"], "collapse_alpha (ini) must be a number in (0, 1); got '2'"),
        (
            ["--collapse-samples=healthy.npy"],
            "--collapse-samples needs --collapse-reference: what to judge them against",
        ),
        (
            ["--collapse-reference=reference.npy"],
            "--collapse-reference 'reference.npy' needs --collapse-model or --collapse-samples: "
            "what to judge",
        ),
        (
            ["--collapse-model=m:Model"],
            "--collapse-model 'm:Model' needs --collapse-reference: what to judge it against",
        ),
        (
            ["--collapse-model=gaussian", "--collapse-samples=healthy.npy"],
            "--collapse-model and --collapse-samples exclude each other: judge one of them",
        ),
        (
            ["--collapse-samples=healhty.npy", "--collapse-reference=reference.npy"],
            "--collapse-samples must be an existing file or directory; got 'healhty.npy'",
        ),
    ],
)
def test_options_are_refused_with_the_mend(refused, arguments, sentence):
    assert refused(*arguments) == sentence


@pytest.mark.parametrize(
    "spec",
    ["nomodule:attr", "broken:Model", "model:Missing", "model:number", "model", "../x:Model",
     "stored.pkl:x", "leaves:Model"],
)  # fmt: skip
def test_models_that_cannot_be_found_or_loaded(refused, pytester, spec):
    pytester.makepyfile(
        model="number = 3\nclass Modle: pass",
        broken="raise OSError('no weights')",
        leaves="import sys\nsys.exit(0)",
    )
    sentence = refused(f"--collapse-model={spec}", "--collapse-reference=reference.npy")

    assert repr(spec) in sentence
    assert "Traceback" not in sentence


def bad(name, write):
    return pytest.param(name, write, id=name)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        bad("nan.npy", lambda path: np.save(path, [[1.0], [np.nan]])),
        bad("empty.npy", lambda path: np.save(path, np.zeros((0, 1)))),
        bad("rank.npy", lambda path: np.save(path, np.zeros((2, 2, 2)))),
        bad("wide.npy", lambda path: np.save(path, np.zeros((5, 2)))),
        bad("text.npy", lambda path: np.save(path, np.array(["a", "b"]))),
        bad("complex.npy", lambda path: np.save(path, np.array([1j]))),
        bad("object.npy", lambda path: np.save(path, np.array([{}]), allow_pickle=True)),
        bad("nothing.csv", lambda path: path.touch()),
        bad("garbage.npy", lambda path: path.write_bytes(b"\x93NUMPY garbage")),
        bad("pickle.pkl", lambda path: path.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")),
        bad("noise.parquet", lambda path: path.write_bytes(bytes(range(256)))),
        bad("directory", lambda path: path.mkdir()),
    ],
)
def test_a_file_that_holds_no_samples_is_never_green(refused, pytester, name, write):
    write(pytester.path / name)

    assert refused(f"--collapse-samples={name}", "--collapse-reference=reference.npy")
    if not name.startswith(("wide", "text")):  # fine as a reference, for other samples
        assert refused("--collapse-samples=healthy.npy", f"--collapse-reference={name}")
    assert not (pytester.path / "owned").exists()


def test_columns_must_match_by_name(refused, pytester):
    (pytester.path / "ab.csv").write_text("a,b\n1,2\n3,4\n")
    (pytester.path / "ac.csv").write_text("a,c\n1,2\n3,4\n")
    (pytester.path / "abc.csv").write_text("a,b,c\n1,2,3\n3,4,5\n")

    assert "lacks 'b'" in refused("--collapse-samples=ac.csv", "--collapse-reference=ab.csv")
    assert "also has 'c'" in refused("--collapse-samples=abc.csv", "--collapse-reference=ab.csv")
    assert "got 'b'" in refused(
        "--collapse-samples=ac.csv", "--collapse-reference=ab.csv", "--collapse-columns=a,b"
    )


def test_files_are_read_only_for_a_gate(pytester, session, rows):
    (pytester.path / "broken.npy").write_bytes(b"broken")
    pytester.makepyfile("def test_it(collapse_seed): pass")
    result = session("--collapse-samples=broken.npy", "--collapse-reference=reference.npy")

    assert result.ret == 0


@pytest.mark.parametrize("option", ["--collapse-samples=healthy.npy", "--collapse-model=a:b"])
def test_half_a_gate_is_refused_where_no_test_is_ours(pytester, session, rows, option):
    pytester.makepyfile("def test_it(): pass")

    assert session(option).ret == 4


def test_draws_that_cannot_be_saved_are_not_drawn(refused, pytester):
    (pytester.path / "file").touch()

    assert "must be a directory to write to" in refused("--collapse-save-samples=file/inside")


def test_a_report_of_an_earlier_run_is_gone(refused, pytester):
    (pytester.path / "r.json").write_text('{"summary": {"outcome": "pass"}}')
    refused("--collapse-report=r.json", "--collapse-reference=reference.npy")

    assert not (pytester.path / "r.json").exists()


def test_numbers_may_be_numbers_in_toml(session, pytester):
    if pytest.version_tuple < (9, 2):
        pytest.skip("pytest took only text there")
    pytester.makefile(".toml", pytest="[pytest]\ncollapse_seed = 7\ncollapse_alpha = 0.05\n")
    pytester.makepyfile("def test_it(collapse_seed): pass")
    result = session()

    assert result.ret == 0
    result.stdout.fnmatch_lines(["collapse: seed 7, *"])


def test_a_required_gpu_is_looked_for_before_any_test(refused, monkeypatch):
    monkeypatch.setattr("collapse_bench.harness.devices.DRIVERS", ())

    assert refused("--collapse-require-gpu") == (
        "--collapse-require-gpu: there is no CUDA device: this machine has no GPU driver"
    )


OVERRIDE = """
import pytest

@pytest.fixture(scope="session")
def {name}():
    return None
"""


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("collapse_model", "--collapse-model=gaussian"),
        ("collapse_founder", "--collapse-model=gaussian"),
        ("collapse_founder", "--collapse-samples=healthy.npy"),
        ("collapse_reference", "--collapse-reference=reference.npy"),
    ],
)
def test_an_option_contradicts_an_overridden_fixture(refused, pytester, name, option):
    pytester.makeconftest(OVERRIDE.format(name=name))
    arguments = {option, "--collapse-model=gaussian"} if "reference" in name else {option}
    sentence = refused(*arguments)

    assert sentence.endswith(f"contradicts the fixture {name} in conftest: keep one of them")


DECLARES = """
COLLAPSE_CHECKS = {declared}

def test_a(collapse_check): pass
def test_b(collapse_check): pass
"""


@pytest.mark.parametrize(
    ("declared", "mend"),
    [
        ("('test_a',)", "add 'test_b'"),
        ("()", "must be a tuple of different names; got ()"),
        ("'test_a'", "must be a tuple"),
        ("('test_a', 'test_b', 'test_c')", "must name tests of that module; got 'test_c'"),
    ],
)
def test_a_gate_must_name_each_test_that_judges(pytester, session, declared, mend):
    pytester.makepyfile(DECLARES.format(declared=declared))
    result = session()

    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: COLLAPSE_CHECKS of test_a_gate_*{mend}*"])


def test_a_module_of_the_gate_suite_must_have_the_constant(pytester, session, monkeypatch):
    folder = pytester.mkpydir("suites") / "gate"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "test_new.py").write_text("def test_a(collapse_check): pass\n")
    monkeypatch.setattr("collapse_bench.__path__", [str(pytester.path)])
    result = session()

    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: suites/gate/test_new.py must declare * add the constant COLLAPSE_CHECKS = *"]
    )


def test_codes_have_no_gate_yet_and_say_so_before_any_test(refused, pytester):
    np.save(pytester.path / "codes.npy", np.array(["a", "b", "a"]))

    assert "numbers" in refused("--collapse-samples=codes.npy", "--collapse-reference=codes.npy")


def test_whatever_a_user_types_is_shown_escaped(gate):
    result = gate("--collapse-seed=\x1b[2J\u202e")

    assert result.ret == 4
    assert "\x1b" not in str(result.stderr)
    assert "\u202e" not in str(result.stderr)
