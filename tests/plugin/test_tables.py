"""Tables, groups and features through the plugin: one test a part and check, one ledger."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse_bench.data import Table
from collapse_bench.gates import TableGate
from collapse_bench.harness.options import OPTIONS, settings_from
from collapse_bench.harness.overlap import overlap
from collapse_bench.harness.parts import ids_of

TABLES = (
    *("--pyargs", "collapse_bench.suites.gate.test_tables"),
    "collapse_bench.suites.gate.test_release",
)
DETECT = {"tail_mass": 0.9, "variance": 0.7, "wasserstein": 0.6, "support": 0.9}
EFFECTS = {name: {"tolerate": 0.1, "detect": detect} for name, detect in DETECT.items()}
COARSE = tuple(
    f"--collapse-{side}={name}={value}"
    for name, sizes in EFFECTS.items()
    for side, value in sizes.items()
)
REPORT = "--collapse-report=r.json"
NAMES = (
    *("numbers-tail_mass", "numbers-variance", "numbers-wasserstein", "sex-tail_mass"),
    *("sex-support", "joint-wasserstein"),
)


def people(size, seed):
    """Return a table of a number and a code."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"age": rng.normal(size=size), "sex": rng.choice(["F", "M"], size)})


@pytest.fixture
def files(pytester):
    """Write ``real.csv``, ``sound.csv`` and ``half.csv``, whose ages are shrunk by half."""
    people(3_000, 1).to_csv("real.csv", index=False)
    sound = people(3_000, 2)
    sound.to_csv("sound.csv", index=False)
    sound.assign(age=sound["age"] / 2).to_csv("half.csv", index=False)


def test_a_table_is_judged_part_by_part_under_one_ledger(session, files, report, last):
    given = ("--collapse-reference=real.csv", *COARSE, REPORT)
    result = session(*TABLES, "--collapse-samples=sound.csv", *given)
    whole = report()
    sound = {check["id"]: check for check in whole["checks"]}
    ids = [f"gate/test_tables::test_part[{name}]" for name in NAMES]

    assert result.ret == 0
    assert whole["gates"][0]["declared"] == ids
    assert sound.keys() == set(ids)
    both = ids[3]  # of two codes: each direction has half
    alphas = {key: check["alpha"] for key, check in sound.items()}
    assert alphas == {key: 0.01 / 6 / (2 if key == both else 1) for key in ids}
    assert whole["gates"][0]["columns"] == ["age", "sex"]
    left_out = "gate/test_release judges numbers and is left out: real.csv holds a table"
    assert left_out in " ".join(result.outlines)
    assert "left out: gate/test_release" in last(result)
    gate = TableGate(people(3_000, 1), effects=EFFECTS, permutations=999)
    for name, key in zip(NAMES, ids, strict=True):
        plain = gate.judge_one(name, people(3_000, 2)).to_dict()
        assert {field: sound[key][field] for field in plain} == plain


def test_a_selection_keeps_the_shares_and_the_verdicts_of_all(session, files, report, last):
    given = ("--collapse-samples=half.csv", "--collapse-reference=real.csv", *COARSE, REPORT)
    result = session(*TABLES, *given, "-k", "variance or sex-support")
    checks = {check["id"].partition("::")[2]: check for check in report()["checks"]}
    alone = TableGate(people(3_000, 1), effects=EFFECTS).judge_one("sex-support", people(3_000, 2))

    assert result.ret == 1
    assert {name: check["outcome"] for name, check in checks.items()} == {
        "test_part[numbers-variance]": "fail",
        "test_part[sex-support]": "pass",
    }
    assert {check["alpha"] for check in checks.values()} == {0.01 / 6}
    assert "6 checks, 1 pass, 1 fail, 0 inconclusive, 4 not run" in last(result)
    assert checks["test_part[sex-support]"]["low"] == alone.low


def test_groups_and_a_model_of_frames(session, files, pytester, report):
    pytester.makepyfile(
        mine="""
        class Again:
            def __init__(self, frame=None):
                self.frame = frame

            def fit(self, samples, *, rng):
                return Again(samples)

            def sample(self, size, *, rng):
                rows = rng.integers(len(self.frame), size=size)
                return self.frame.iloc[rows].reset_index(drop=True)
        """
    )
    result = session(
        *TABLES,
        "--collapse-model=mine:Again",
        "--collapse-reference=real.csv",
        "--collapse-by=sex",
        "--collapse-max-samples=700",
        "--collapse-save-samples=kept",
        *COARSE,
        REPORT,
    )
    (gate,) = report()["gates"]

    assert len(gate["declared"]) == 9
    assert gate["declared"][-1] == "gate/test_tables::test_part[sex=M/numbers-wasserstein]"
    assert (gate["how"], gate["size"], gate["reference_size"]) == (
        "fitted to 1,500 random rows of 3,000, judged against the rest",
        700,
        1_500,
    )
    assert {check["outcome"] for check in report()["checks"]} <= {"pass", "inconclusive"}
    assert len(report()["checks"]) == 9
    assert result.ret in (0, 6)
    assert sorted(path.suffix for path in (pytester.path / "kept").iterdir()) == [
        *(".parquet", ".parquet", ".sha256", ".sha256")
    ]
    result.stdout.fnmatch_lines(
        ["*against the rest: 700 draws against 1,500 rows of real.csv*; 9 checks of 4 parts*"]
    )


def test_features_of_texts_stand_beside_their_words(session, pytester, report):
    pytester.makepyfile(
        mine="""
        import numpy as np

        class Lengths:
            def fit(self, texts):
                self.mean = np.mean([len(text) for text in texts])
                return self

            def transform(self, texts):
                return np.array([[len(text) - self.mean] for text in texts])
        """
    )
    rng = np.random.default_rng(3)
    words = np.array([f"w{place}" for place in range(30)])
    for name in ("real", "sound"):
        texts = [" ".join(rng.choice(words, rng.integers(4, 12))) for _ in range(800)]
        (pytester.path / f"{name}.txt").write_text("\n".join(texts) + "\n")
    result = session(
        *TABLES,
        "--collapse-samples=sound.txt",
        "--collapse-reference=real.txt",
        "--collapse-features=mine:Lengths",
        *COARSE,
        REPORT,
    )

    assert result.ret == 0
    sizes = {(check["id"], check["reference_size"]) for check in report()["checks"]}
    assert {(key.partition("::")[2], size) for key, size in sizes} == {
        ("test_part[tokens-tail_mass]", 800),
        ("test_part[tokens-support]", 800),
        ("test_part[features-variance]", 400),
        ("test_part[features-wasserstein]", 400),
    }
    result.stdout.fnmatch_lines(["*features mine:Lengths fitted to 400 random rows of the*"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--collapse-by=sez", "--collapse-samples=sound.csv"), "'sez': did you mean 'sex'?"),
        (
            ("--collapse-features=json:dumps", "--collapse-samples=sound.csv"),
            "features must be None for a table",
        ),
        (("--collapse-samples=real.csv",), "100.0% of 'real.csv' are copied rows of the reference"),
        (
            ("--collapse-model=sklearn.mixture:GaussianMixture",),
            "must draw tables, as the reference is one, but is adapted from another library",
        ),
        (
            ("--collapse-model=gaussian", "--collapse-mode=sequential"),
            "--collapse-mode sequential must not judge a table, 'real.csv'",
        ),
    ],
)
def test_what_cannot_be_judged_is_told_before_any_test(session, files, arguments, words):
    result = session(*TABLES, "--collapse-reference=real.csv", *arguments)

    assert result.ret == 4
    assert words in " ".join(result.errlines)


def settings_of(tmp_path, **given):
    typed = {option.key: None for option in OPTIONS}
    typed |= {f"collapse_{name}": value for name, value in given.items()}
    return settings_from(typed, {}, tmp_path)


def test_groups_features_and_stopping_early_exclude_one_another(tmp_path):
    assert settings_of(tmp_path, by="sex").by == "sex"
    assert settings_of(tmp_path, features="m:f").features == "m:f"
    for options, words in (
        ({"by": "sex", "features": "m:f"}, "--collapse-by contradicts --collapse-features"),
        ({"by": "s", "mode": "sequential"}, "--collapse-mode sequential contradicts --collapse-by"),
        ({"features": "m:f", "mode": "sequential"}, "sequential contradicts --collapse-features"),
        ({"by": " "}, "--collapse-by must be the name of a column; got"),
        ({"features": "m:"}, "--collapse-features must be MODULE:ATTR; got 'm:'"),
    ):
        with pytest.raises(ValueError, match=words):
            settings_of(tmp_path, **options)


@given(st.lists(st.text(max_size=200), unique=True))
def test_ids_are_different_short_and_printable(names):
    found = ids_of([f"{name}-variance" for name in names])

    assert len(set(found)) == len(names)
    assert all(text.isascii() and text.isprintable() and len(text) <= 120 for text in found)
    assert not any(mark in text for text in found for mark in "[]\\")


def test_plain_names_are_their_own_ids():
    assert ids_of(["sex=Male/age is missing-tail_mass"]) == ("sex=Male/age is missing-tail_mass",)
    assert len(set(ids_of(["[", "%5B"]))) == 2
    assert ids_of(["größe [cm]-variance"]) == ("gr%C3%B6%C3%9Fe %5Bcm%5D-variance",)


def test_rows_that_a_table_shares_with_its_reference_are_counted():
    real = Table.of({"x": [*range(99), None], "s": ["a"] * 100})
    some = Table.of({"x": [0.0, 1.0, 1000.0, None], "s": ["a", "b", "a", "a"]})

    assert overlap(some, real) == 0.5
    assert overlap(real, real) == 1.0
    assert overlap(some, Table.of({"x": [0.0, 0.0, 1.0, None], "s": ["a"] * 4})) == 0.0
