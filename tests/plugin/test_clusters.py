"""The option --collapse-clusters: a column that says which rows belong together."""

import json

import numpy as np
import pytest

GATE = ("--pyargs", "collapse_bench.suites.gate.test_release", "-k", "variance")
WIDE = ("--collapse-tolerate=variance=0.3", "--collapse-detect=variance=0.9")


@pytest.fixture
def documents(pytester):
    """Write tables of 60 and 90 documents of 20 rows: columns user and x."""
    rng = np.random.default_rng(20261123)
    for name, count in (("samples", 60), ("reference", 90)):
        ids = np.repeat(np.arange(count), 20)
        rows = np.sqrt(rng.gamma(3.5, 1 / 3.5, count))[ids] * rng.normal(size=len(ids))
        lines = [f"u{user},{value!r}" for user, value in zip(ids, rows.tolist(), strict=True)]
        (pytester.path / f"{name}.csv").write_text("\n".join(["user,x", *lines, ""]))


FILES = ("--collapse-samples=samples.csv", "--collapse-reference=reference.csv")


def test_the_cluster_is_the_unit_that_is_judged(pytester, session, documents):
    result = session(
        *GATE, *FILES, *WIDE, "--collapse-clusters=user", "--collapse-report=report.json"
    )
    (check,) = json.loads((pytester.path / "report.json").read_text())["checks"]

    assert result.ret == 6  # one of three checks was selected
    assert check["outcome"] == "pass"
    assert (check["size"], check["reference_size"]) == (60, 90)
    assert check["statistic"] == "variance_by_cluster"
    assert "which hold 1,200 and 1,800 rows" in check["reason"]


def test_its_ini_twin_says_the_same(pytester, session, documents):
    pytester.makeini("[pytest]\ncollapse_clusters = user\n")
    session(*GATE, *FILES, *WIDE, "--collapse-report=report.json")
    (check,) = json.loads((pytester.path / "report.json").read_text())["checks"]

    assert check["size"] == 60


def test_a_part_of_the_samples_keeps_its_ids_and_other_rows_have_none(pytester, session, documents):
    pytester.makepyfile(
        """
        def test_first(collapse_check, collapse_generate):
            verdict = collapse_check("variance", collapse_generate(800), tolerate=0.3, detect=0.9)
            assert verdict.size == 40

        def test_other(collapse_check, collapse_generate):
            collapse_check("variance", collapse_generate()[20:])
        """
    )
    result = session(*FILES, "--collapse-clusters=user")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*clusters of both samples and reference*no ids of the samples*"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("--collapse-model=gaussian", "--collapse-reference=reference.csv"),
            "ERROR: --collapse-clusters needs --collapse-samples: what a model draws is of no "
            "cluster*",
        ),
        (
            (*FILES, "--collapse-columns=user,x"),
            "ERROR: --collapse-clusters must be none of --collapse-columns; got 'user' in both",
        ),
        (
            (*FILES, "--collapse-save-samples=out"),
            "ERROR: --collapse-save-samples contradicts --collapse-clusters: *",
        ),
        (
            (*FILES, "--collapse-by=x"),
            "ERROR: --collapse-clusters contradicts --collapse-by: *",
        ),
    ],
)
def test_what_has_no_ids_is_refused_before_any_test(session, documents, arguments, sentence):
    result = session(*GATE, *arguments, "--collapse-clusters=user")

    assert result.ret == 4
    assert any(line.startswith("ERROR") for line in result.errlines + result.outlines)
    (result.stderr if result.errlines else result.stdout).fnmatch_lines([sentence])


def test_a_column_that_isnt_there_is_named(session, documents):
    result = session(*GATE, *FILES, "--collapse-clusters=usr")

    assert result.ret == 4
    (result.stderr if result.errlines else result.stdout).fnmatch_lines(
        ["ERROR: *clusters must be a column of 'reference.csv', 'user'; got 'usr'*"]
    )
