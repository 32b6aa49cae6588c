"""Properties of a test case: strings, and what a JUnit file makes of them."""

import xml.etree.ElementTree as ET

from collapse_bench.reports.junit import properties
from tests.reports.documents import ATTACKS, VERDICT


def test_a_verdict_is_ten_strings():
    assert properties(VERDICT) == [
        ("collapse.tail_mass.outcome", "fail"),
        ("collapse.tail_mass.estimate", "0.4"),
        ("collapse.tail_mass.low", "0.3"),
        ("collapse.tail_mass.high", "0.5"),
        ("collapse.tail_mass.tolerate", "0.05"),
        ("collapse.tail_mass.detect", "0.25"),
        ("collapse.tail_mass.pvalue_fail", "1e-09"),
        ("collapse.tail_mass.pvalue_pass", "1.0"),
        ("collapse.tail_mass.n", "1000"),
        ("collapse.tail_mass.m", "2000"),
    ]


def test_what_there_is_no_number_for_is_left_out():
    found = dict(properties({**VERDICT, "low": None, "pvalue_pass": None}))

    assert len(found) == 8
    assert "None" not in found.values()


def test_every_digit_is_kept():
    assert (
        float(dict(properties({**VERDICT, "low": 0.1 + 0.2}))["collapse.tail_mass.low"])
        == 0.1 + 0.2
    )


def test_a_junit_file_holds_them_whatever_the_text(pytester):
    attack = "".join(text for name, text in ATTACKS.items() if name not in ("long", "lone"))
    pytester.makepyfile(
        f"""
        from collapse_bench.reports.junit import properties

        def test_it(request):
            verdict = {VERDICT!r} | {{"metric": {attack!r}}}
            request.node.user_properties += properties(verdict)
        """
    )
    pytester.runpytest_inprocess("--junitxml=j.xml", "-p", "no:cacheprovider")
    found = ET.parse(pytester.path / "j.xml").findall(".//property")

    assert [each.get("value") for each in found] == [value for _, value in properties(VERDICT)]
    assert all(each.get("name", "").startswith("collapse.<script>") for each in found)
    assert [each.tag for each in found[0].iter()] == ["property"]
