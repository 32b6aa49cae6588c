"""Codes and texts through the plugin: which gate modules judge them, and what they come to."""

import json
from pathlib import Path

import numpy as np
import pytest

from collapse_bench.data import BUILT_IN, load_reference
from collapse_bench.harness import kinds

BOTH = (
    *("--pyargs", "collapse_bench.suites.gate.test_release"),
    "collapse_bench.suites.gate.test_codes",
)
# Effect sizes that a few hundred texts can decide.
COARSE = tuple(
    f"--collapse-{side}={name}={value}"
    for name in ("tail_mass", "support")
    for side, value in (("tolerate", 0.2), ("detect", 0.8))
)
REPORT = "--collapse-report=r.json"


def sentences(rng, count):
    """Return texts of words that are as rare as words are."""
    share = np.arange(1.0, 301) ** -1.0
    words = np.array([f"w{number}" for number in range(300)])
    return [" ".join(rng.choice(words, 12, p=share / share.sum())) + "." for _ in range(count)]


@pytest.fixture
def texts(pytester):
    """Write ``real.txt``, ``sound.txt`` and, of the commonest words only, ``poor.txt``."""
    rng = np.random.default_rng(20261122)
    real, sound = sentences(rng, 600), sentences(rng, 600)
    # every word beyond the fortieth turned into one of the first ten: rare words are gone
    poor = [
        " ".join(
            w if int(w[1:].rstrip(".")) < 40 else f"w{int(w[1:].rstrip('.')) % 10}"
            for w in text.split()
        )
        for text in sound
    ]
    for name, rows in (("real", real), ("sound", sound), ("poor", poor)):
        (pytester.path / f"{name}.txt").write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_a_built_in_holds_is_known_without_reading_it(name):
    assert kinds.BUILT_IN[name] == load_reference(name).kind
    assert set(kinds.BUILT_IN) == set(BUILT_IN)


@pytest.mark.parametrize("value", ["codes", (), ("words",), 3, ("codes", 1)])
def test_a_wrong_declaration_is_told(value):
    error = kinds.kinds_error("m.py", value)

    assert error == (
        "COLLAPSE_KINDS of m.py must be a tuple of 'numbers', 'codes', 'tokens', 'table'; "
        f"got {value!r}"
    )
    assert kinds.kinds_error("m.py", None) is kinds.kinds_error("m.py", ("codes",)) is None


def test_codes_are_judged_by_the_module_of_codes(session, report, last):
    result = session(*BOTH, "--collapse-model=categorical", "--collapse-reference=zipf", REPORT)
    (gate,) = report()["gates"]

    assert result.ret == 0
    assert gate["declared"] == ["gate/test_codes::test_tail_mass", "gate/test_codes::test_support"]
    assert {check["alpha"] for check in report()["checks"]} == {0.005}
    assert gate["size"] == report()["checks"][0]["size"] > 5_000  # as planned
    left_out = "gate/test_release judges numbers and is left out: zipf holds codes"
    result.stdout.fnmatch_lines(
        ["collapse: gate/test_codes: categorical*", f"collapse: {left_out}"]
    )
    assert last(result).endswith(
        "2 checks, 2 pass, 0 fail, 0 inconclusive, 0 not run; 0 claims held, 0 not; "
        "left out: gate/test_release"
    )


def test_texts_pass_and_poor_ones_fail(session, texts, verdicts):
    for name, code, outcome in (("sound", 0, "pass"), ("poor", 1, "fail")):
        result = session(
            *BOTH,
            f"--collapse-samples={name}.txt",
            "--collapse-reference=real.txt",
            *COARSE,
            REPORT,
        )
        found = verdicts()

        assert result.ret == code
        assert {check["outcome"] for check in found.values()} == {outcome}
        assert {check["size"] for check in found.values()} == {600}


def test_a_model_of_texts_is_drawn_from_saved_and_judged_again(session, texts, pytester, verdicts):
    pytester.makepyfile(
        speaker="""
        from pathlib import Path

        class Speaker:
            kind = "tokens"

            def __init__(self, texts):
                self.texts = list(texts)

            def fit(self, samples, *, rng):
                return Speaker(samples)

            def sample(self, size, *, rng):
                return [self.texts[row] for row in rng.integers(len(self.texts), size=size)]

        MODEL = Speaker(Path("sound.txt").read_text().splitlines())
        """
    )
    cap = ("--collapse-max-samples=150", "--collapse-save-samples=kept")
    session(*BOTH, "--collapse-model=speaker:MODEL", "--collapse-reference=real.txt", *cap, REPORT)
    first = verdicts()
    (kept,) = (pytester.path / "kept").glob("*.txt")
    session(*BOTH, f"--collapse-samples={kept}", "--collapse-reference=real.txt", REPORT)
    again = verdicts()

    assert len(first) == 2
    assert {check["size"] for check in first.values()} == {150}
    for key, verdict in first.items():
        assert {**verdict, "model": None} == {**again[key], "model": None}


def test_sequences_of_different_lengths_are_judged_and_saved(session, pytester, verdicts):
    pytester.makepyfile(
        counter="""
        class Counter:
            def sample(self, size, *, rng):
                return [rng.integers(9, size=3 + row % 3).tolist() for row in range(size)]

        MODEL = Counter()
        """
    )
    rng = np.random.default_rng(1)
    lines = [json.dumps({"ids": rng.integers(9, size=3 + row % 3).tolist()}) for row in range(400)]
    (pytester.path / "ids.jsonl").write_text("\n".join(lines))
    given = ("--collapse-reference=ids.jsonl", *COARSE, REPORT)
    cap = ("--collapse-max-samples=300", "--collapse-save-samples=kept")
    session(*BOTH, "--collapse-model=counter:MODEL", *given, *cap)
    first = verdicts()
    (kept,) = (pytester.path / "kept").glob("*.jsonl")
    session(*BOTH, f"--collapse-samples={kept}", *given)
    again = verdicts()

    assert {check["size"] for check in first.values()} == {300}
    for key, verdict in first.items():
        assert {**verdict, "model": None} == {**again[key], "model": None}


def test_without_options_only_numbers_are_declared(session, last):
    result = session(*BOTH, "-k", "not digits", "--collapse-max-samples=400")

    assert "3 checks" in last(result)
    assert last(result).endswith("; left out: gate/test_codes")
    why = "gate/test_codes judges codes or tokens and is left out: two-gaussians holds numbers"
    result.stdout.fnmatch_lines([f"collapse: {why}"])


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        ("codes", (), "gate/test_codes judges codes or tokens"),
        (
            "release",
            ("--collapse-model=categorical", "--collapse-reference=zipf"),
            "gate/test_release judges numbers and is left out: zipf holds codes",
        ),
    ],
)
def test_that_no_module_fits_is_an_error(session, module, arguments, words):
    result = session("--pyargs", f"collapse_bench.suites.gate.test_{module}", *arguments)

    assert result.ret == 4
    assert result.errlines[0].startswith(f"ERROR: no gate fits the reference: {words}")


def test_a_reference_that_cannot_be_read_stops_the_session(session, pytester):
    (pytester.path / "real.txt").write_bytes(b"\xff")
    arguments = ("--collapse-model=categorical", "--collapse-reference=real.txt")
    result = session(*BOTH, *arguments)

    assert result.ret == 4
    assert "UTF-8" in result.errlines[0]


def test_collection_alone_reads_no_file(session, pytester):
    (pytester.path / "real.txt").write_bytes(b"\xff")
    result = session(
        *BOTH, "--co", "-q", "--collapse-model=categorical", "--collapse-reference=real.txt"
    )

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*test_support*"])
    result.stdout.no_fnmatch_line("*test_wasserstein*")


def test_own_modules_say_what_they_judge(session, pytester, last):
    pytester.makepyfile(
        """
        COLLAPSE_CHECKS = ("test_support",)
        COLLAPSE_KINDS = ("codes",)

        def test_support(collapse_check, collapse_generate):
            collapse_check("support", collapse_generate())
        """
    )
    options = ("--collapse-detect=support=0.8", "--collapse-max-samples=1000")
    model = "--collapse-model=categorical"
    passed = session(*options, model, "--collapse-reference=zipf")
    (pytester.path / "real.txt").write_text("a b\nc\n")
    refused = session(*options, model, "--collapse-reference=real.txt")

    assert passed.ret == 0
    assert refused.ret == 4
    assert "judges codes and is left out: real.txt holds tokens" in refused.errlines[0]


def test_a_module_without_kinds_fits_every_reference(session, pytester):
    pytester.makepyfile(
        """
        COLLAPSE_CHECKS = ("test_support",)

        def test_support(collapse_check, collapse_generate):
            collapse_check("support", collapse_generate(400), detect=0.9)
        """
    )

    assert session("--collapse-model=categorical", "--collapse-reference=zipf").ret == 0


def test_effect_sizes_of_support_reach_its_check(session, report):
    session(
        *BOTH,
        *("--collapse-model=categorical", "--collapse-reference=zipf", REPORT),
        *("--collapse-tolerate=support=0.1", "--collapse-detect=support=0.3"),
        "--collapse-max-samples=500",
    )
    found = {check["metric"]: check for check in report()["checks"]}

    assert (found["support"]["tolerate"], found["support"]["detect"]) == (0.1, 0.3)
    assert (found["tail_mass"]["tolerate"], found["tail_mass"]["detect"]) == (0.05, 0.25)


def test_kinds_are_fitted_in_every_process(process, report, last):
    arguments = (*BOTH, "--collapse-model=categorical", "--collapse-reference=zipf", REPORT)
    lines, found = [], []
    for workers in ("0", "2"):
        result = process("-n", workers, *arguments)
        lines.append(last(result))
        found.append(json.dumps([report()["summary"], report()["gates"]]))

        assert result.ret == 0

    assert lines[0] == lines[1]
    assert found[0] == found[1]


# Samples that are the reference.


def overlap(session, pytester, samples, reference):
    np.save(pytester.path / "s.npy", samples)
    np.save(pytester.path / "r.npy", reference)
    return session(
        "--pyargs",
        "collapse_bench.suites.gate.test_release",
        "--collapse-samples=s.npy",
        "--collapse-reference=r.npy",
        "-k",
        "variance",
    )


def test_the_reference_is_no_sample_of_a_model(session, pytester):
    rows = np.random.default_rng(1).standard_normal((400, 2))
    before = [overlap(session, pytester, given, rows) for given in (rows, rows[::-1], rows[:100])]

    for result in before:
        assert result.ret == 4
        assert result.errlines == [
            "ERROR: --collapse-samples must be drawn from a model; 100.0% of 's.npy' are copied "
            "rows of the reference, 'r.npy', which pass any gate",
            "",
        ]
    assert np.array_equal(np.load(Path(pytester.path, "r.npy")), rows)


def test_some_rows_of_the_reference_are_noted(session, pytester):
    rng = np.random.default_rng(1)
    rows, other = rng.standard_normal((2, 400, 1))
    noted = overlap(session, pytester, np.r_[other[:380], rows[:20]], rows)
    silent = overlap(session, pytester, np.r_[other[:396], rows[:4]], rows)

    told = "judged as given; 5.0% of the samples are copied rows of the reference*don't hold*"
    noted.stdout.fnmatch_lines(["collapse: *; 5.0% of the samples*", f"gate/*{told}"])
    silent.stdout.no_fnmatch_line("*of the samples are*")


def test_most_of_the_reference_and_ten_rows_are_no_sample_of_a_model(session, pytester):
    rows, other = np.random.default_rng(1).standard_normal((2, 400, 1))
    assert overlap(session, pytester, np.r_[rows[:390], other[:10]], rows).ret == 4


def test_rounded_numbers_meet_by_chance(session, pytester):
    rows, other = np.random.default_rng(1).standard_normal((2, 4_000, 1)).round(4)
    result = overlap(session, pytester, other, rows)
    result.stdout.no_fnmatch_line("*of the samples are*")


def test_equal_rows_of_counts_mean_nothing(session, pytester):
    rows, other = np.random.default_rng(1).poisson(3.0, (2, 400, 1)).astype(float)
    result = overlap(session, pytester, other, rows)

    assert result.ret in (0, 1, 6)
    result.stdout.no_fnmatch_line("*of the samples are rows*")


def test_the_very_file_is_refused_whatever_it_holds(session, pytester):
    rows = np.random.default_rng(1).poisson(3.0, (400, 1)).astype(float)

    assert overlap(session, pytester, rows, rows).ret == 4
