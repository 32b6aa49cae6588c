"""Drift, judged inside a test."""

import json


def test_lineages_are_judged_like_samples(pytester, session):
    pytester.makepyfile(
        """
        import numpy as np, pytest
        from collapse_bench import recurse
        from collapse_bench.errors import CollapseError, InvalidArgument
        from collapse_bench.models import Gaussian

        LINEAGES = recurse(
            Gaussian(), size=50, generations=4, replicates=20, metrics=["log_variance"]
        )
        VALUES = LINEAGES.values["log_variance"]
        ROWS = np.random.default_rng(0).standard_normal(400)

        def test_a_trajectory(collapse_check):
            verdict = collapse_check("drift", LINEAGES, detect=0.3)
            assert (verdict.metric, verdict.alpha, verdict.size) == ("drift", 0.01, 20)
            assert verdict.detect == 0.3
            assert verdict.tolerate == 0.04  # of the command line

        def test_values(collapse_check):
            collapse_check("drift", VALUES, ROWS, size=50)

        def test_values_against_the_reference_of_the_session(collapse_check):
            collapse_check("drift", VALUES, size=50)

        def test_a_loss(collapse_check):
            with pytest.raises(CollapseError, match="FAIL drift"):
                collapse_check("drift", VALUES + np.arange(5) * np.log(0.6), ROWS, size=50)

        def test_levels(collapse_check):
            with pytest.raises(InvalidArgument, match="permutations must be left"):
                collapse_check("drift", LINEAGES, permutations=999)
        """
    )
    result = session("--collapse-report=r.json", "--collapse-tolerate=drift=0.04")

    result.assert_outcomes(passed=5)
    checks = json.loads((pytester.path / "r.json").read_text())["checks"]
    assert {check["metric"] for check in checks} == {"drift"}
    assert [check["outcome"] for check in checks].count("pass") == 3


def test_a_gate_of_drift_has_a_ledger(pytester, session):
    pytester.makepyfile(
        """
        from collapse_bench import recurse
        from collapse_bench.models import Gaussian

        COLLAPSE_CHECKS = ("test_drift", "test_nothing_else")

        def test_drift(collapse_check, collapse_founder):
            lineages = recurse(
                Gaussian(), size=100, generations=8, replicates=20, metrics=["log_variance"]
            )
            assert collapse_check("drift", lineages).alpha == 0.005

        def test_nothing_else(collapse_check, collapse_founder):
            lineages = recurse(
                Gaussian(), size=100, generations=8, replicates=2, metrics=["log_variance"]
            )
            collapse_check("drift", lineages)
        """
    )
    result = session()

    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 6
    result.stdout.fnmatch_lines(["*INCONCLUSIVE*drift*2 lineages are fewer than the 4*"])
