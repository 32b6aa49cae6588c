"""The JSON Schema that is shipped, and its rule of change."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from collapse_bench.reports import json as reports
from tests.reports.documents import DOCUMENT, FIRST

SCHEMA = json.loads((Path(reports.__file__).parent / "report.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# What readers may count on in every report of schema 1. Nothing leaves these lists, and nothing
# joins them either: an older report lacks what is new.
PROMISED = {
    "": "schema version environment seed summary gates checks conformance trajectories recorded",
    "environment": "versions platform device date",
    "summary": "pass fail inconclusive not_run outcome",
    "gate": "id model reference alpha beta declared summary how drawn size samples_sha256 "
    "reference_size reference_sha256 columns",
    "verdict": "outcome metric statistic estimate low high tolerate detect alpha beta pvalue_fail "
    "pvalue_pass size reference_size size_needed reason quantity notes growth",
    "growth": "statistic quantity tolerate detect estimate low high pvalue_fail pvalue_pass",
    "check": "id nodeid model gate seconds",
    "recorded": "id scenario",
    "conformance": "model check status reason seconds seed",
    "trajectory": "id scenario regime family size seed steps replicates metrics",
    "metric": "measured median low high mean theory reason",
    "shape": "column edges samples reference distance samples_beyond reference_beyond",
    "ranked": "column ranks samples_share reference_share rarest states missing examples",
    "profile": "stage fate onset alpha horizon evidence effective_size_ratio half_life "
    "fresh_equivalent reason",
    "finding": "metric form test estimate low high tolerate detect level replicates onset reason",
    "estimate": "value low high reason",
    "baseline": "name alpha reason checks notes",
    "comparison": "id model word paired changes reason",
    "change": "direction word was now low high margin",
}


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("draft/2020-12/schema")
    assert SCHEMA["properties"]["schema"] == {"const": reports.SCHEMA}


@pytest.mark.parametrize("place", PROMISED)
def test_fields_are_only_added(place):
    found = SCHEMA["$defs"][place] if place else SCHEMA

    assert set(found["required"]) == set(PROMISED[place].split())


@pytest.mark.parametrize("document", [DOCUMENT, FIRST], ids=["all", "first"])
def test_a_report_is_valid_today_and_with_fields_of_tomorrow(document):
    later = copy.deepcopy(document)
    later["new"] = later["summary"]["new"] = later["checks"][0]["new"] = {"any": [1]}

    VALIDATOR.validate(document)
    VALIDATOR.validate(later)


WRONG = {
    "another schema": lambda d: d.update(schema=2),
    "no checks": lambda d: d.pop("checks"),
    "a seed too large for JSON": lambda d: d.update(seed=2**53),
    "a made-up outcome": lambda d: d["checks"][0].update(outcome="passed"),
    "a made-up worst outcome": lambda d: d["summary"].update(outcome="ok"),
    "a level of 0": lambda d: d["gates"][0].update(alpha=0),
    "a p-value above 1": lambda d: d["checks"][0].update(pvalue_fail=1.5),
    "a verdict without interval": lambda d: d["checks"][0].pop("low"),
    "a recorded verdict without outcome": lambda d: d["recorded"][0].pop("outcome"),
    "a growth without level": lambda d: d["checks"][0]["growth"].pop("detect"),
    "text for a number": lambda d: d["checks"][0].update(estimate="nan"),
    "a count below 0": lambda d: d["summary"].update(not_run=-1),
    "a short digest": lambda d: d["gates"][0].update(samples_sha256="abc"),
    "one size needed": lambda d: d["checks"][2].update(size_needed=[1]),
    "a curve of text": lambda d: d["trajectories"][0]["metrics"]["variance"].update(mean=["1"]),
    "a made-up status": lambda d: d["conformance"][0].update(status="ok"),
    "a share above 1": lambda d: d["gates"][0]["shapes"][0].update(samples=[2.0]),
    "a check that did not run for no reason": lambda d: d["not_run"][0].pop("reason"),
    "a comparison of no word": lambda d: d["baseline"]["checks"][0].update(word="good"),
    "a change without margin": lambda d: d["baseline"]["checks"][0]["changes"][0].pop("margin"),
    "ranks that are text": lambda d: d["gates"][0]["shapes"][1].update(ranks=["1", "2"]),
    "a profile of no stage": lambda d: d["trajectories"][0]["profile"].update(stage="gone"),
    "a claim of no status": lambda d: d["claims"][0].update(status="passed"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused(change):
    document = copy.deepcopy(DOCUMENT)
    change(document)

    assert not VALIDATOR.is_valid(document)
