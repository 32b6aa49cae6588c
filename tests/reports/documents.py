"""A report in which everything occurs, made by hand, and texts that try to get out of it."""

import copy
from typing import Any

VERDICT = {
    "outcome": "fail",
    "metric": "tail_mass",
    "statistic": "exceedance",
    "estimate": 0.4,
    "low": 0.3,
    "high": 0.5,
    "tolerate": 0.05,
    "detect": 0.25,
    "alpha": 0.005,
    "beta": 0.01,
    "pvalue_fail": 1e-9,
    "pvalue_pass": 1.0,
    "size": 1000,
    "reference_size": 2000,
    "size_needed": None,
    "reason": "the tails are gone",
    "quantity": "mass in the tail",
    "notes": [],
    "growth": None,
}
GROWTH = {
    "statistic": "exceedance",
    "quantity": "mass in the tail",
    "tolerate": 0.05,
    "detect": 0.25,
    "estimate": -0.4,
    "low": -0.5,
    "high": -0.3,
    "pvalue_fail": 1.0,
    "pvalue_pass": 0.001,
}
METRIC = {
    "measured": "law",
    "median": [1.0, 0.9, 0.8],
    "low": [1.0, 0.7, None],
    "high": [1.0, 1.1, 1.2],
    "mean": [1.0, 0.95, 0.9],
    "theory": [1.0, 0.95, 0.9],
    "reason": None,
}
SHAPE = {
    "column": "age",
    "edges": [0.0, 1.0, 2.0],
    "samples": [0.5, 0.5],
    "reference": [0.25, 0.75],
    "distance": [0.5, 1.0, 4.0],
    "samples_beyond": [0.5, 0.1, 0.0],
    "reference_beyond": [0.5, 0.2, 0.01],
}
RANKED = {
    "column": "word",
    "ranks": [1, 2, 4, 8],
    "samples_share": [0.5, 0.1, 0.0],
    "reference_share": [0.4, 0.1, 0.05],
    "rarest": {"mass": 0.05, "samples": 0.01, "reference": 0.06},
    "states": {"samples": 5, "reference": 7, "missing": 2},
    "missing": ["zebra", "quagga"],
    "examples": {
        "samples": ["the cat sat", ""],
        "reference": ["the dog ran"],
        "missing": ["the zebra fled"],
    },
}
ESTIMATE = {"value": 0.5, "low": 0.4, "high": None, "reason": None}
PROFILE = {
    "stage": "late",
    "fate": "collapsing",
    "onset": 1,
    "alpha": 0.01,
    "horizon": 2,
    "evidence": [
        {
            "metric": "variance",
            "form": "level",
            "test": "Welch's t",
            "estimate": 0.1,
            "low": 0.05,
            "high": None,
            "tolerate": 0.05,
            "detect": 0.2,
            "level": 0.005,
            "replicates": 100,
            "onset": 1,
            "reason": "too few lineages",
        }
    ],
    "effective_size_ratio": ESTIMATE,
    "half_life": {**ESTIMATE, "value": None, "reason": "nothing is lost"},
    "fresh_equivalent": ESTIMATE,
    "reason": "the fate takes more generations",
}
BASELINE = {
    "name": "base.json",
    "alpha": 0.01,
    "reason": None,
    "checks": [
        {
            "id": "gate/test_release::test_a",
            "model": "flows:MyFlow",
            "word": "worse",
            "paired": False,
            "reason": None,
            "line": "worse",
            "changes": [
                {
                    "direction": direction,
                    "word": word,
                    "was": 0.11,
                    "now": 0.44,
                    "low": low,
                    "high": None,
                    "margin": 0.2,
                }
                for direction, word, low in (
                    ("loss", "worse", 0.017),
                    ("growth", "can't tell", -0.5),
                )
            ],
        },
        {
            "id": "gate/test_release::test_gone",
            "model": None,
            "word": "can't tell",
            "paired": False,
            "reason": "this session doesn't have it",
            "line": "can't tell",
            "changes": [],
        },
    ],
    "notes": ["other environment: numpy 2.0 then, 2.1 now"],
}
COUNTS = {"pass": 1, "fail": 1, "inconclusive": 1, "not_run": 1, "outcome": "fail"}


def check(name, **changes):
    return {
        **VERDICT,
        "id": f"gate/test_release::{name}",
        "nodeid": f"suites/gate/test_release.py::{name}",
        "model": "flows:MyFlow",
        "gate": "gate/test_release",
        "seconds": 0.25,
        **changes,
    }


DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "version": "0.1.0",
    "environment": {
        "versions": {"collapse-bench": "0.1.0", "python": "3.11.7"},
        "platform": "Linux",
        "device": "cpu",
        "date": "2026-11-22T12:00:00+00:00",
        "command": ["pytest", "suites/gate", "--collapse-seed=20261122"],
    },
    "seed": 20261122,
    "summary": {**COUNTS, "claims": {"held": 1, "not_held": 1, "skipped": 1}, "exit": 1},
    "gates": [
        {
            "id": "gate/test_release",
            "model": "flows:MyFlow",
            "reference": "real.csv",
            "alpha": 0.01,
            "beta": 0.01,
            "declared": [f"gate/test_release::test_{name}" for name in "abcd"],
            "summary": COUNTS,
            "how": "judged as given",
            "drawn": True,
            "size": 1000,
            "samples_sha256": "0" * 64,
            "reference_size": 2000,
            "reference_sha256": "f" * 64,
            "columns": ["age"],
            "shapes": [SHAPE, RANKED],
        }
    ],
    "checks": [
        check("test_a", growth=GROWTH),
        check("test_b", outcome="pass", estimate=0.0, low=-0.1, high=0.1, reason=None),
        check("test_c", outcome="inconclusive", low=None, high=None, size_needed=[None, 9000]),
        check("test_free", gate=None, model=None),
    ],
    "conformance": [
        {
            "model": "flows:MyFlow",
            "check": f"check_{status}",
            "status": status,
            "reason": "it must hold\nrepeat it:\n    check()",
            "seconds": 0.1,
            "seed": 0,
        }
        for status in ("passed", "failed", "inconclusive", "skipped", "expected_failure")
    ],
    "trajectories": [
        {
            "id": "paper/test_gaussian::test_it",
            "scenario": "two Gaussians",
            "regime": "Replace()",
            "family": "Gaussian",
            "size": size,
            "seed": 0,
            "steps": [0, 1, 2],
            "replicates": 100,
            "metrics": {"variance": METRIC},
            "profile": PROFILE,
        }
        for size in (100, [100, 200])
    ],
    "recorded": [{**VERDICT, "id": "gate/test_release::test_digits", "scenario": "digits"}],
    "claims": [
        {"nodeid": f"suites/paper/t.py::{status}", "status": status, "reason": "for a reason"}
        for status in ("held", "not_held", "skipped")
    ],
    "not_run": [
        {"id": "gate/test_release::test_d", "model": "flows:MyFlow", "reason": "it was skipped"}
    ],
    "failures": [{"nodeid": "tests/test_own.py", "reason": "ImportError"}],
    "notes": ["2 of the 3 checks asked for ran"],
    "guarantee": "P(any fail) <= alpha",
    "baseline": BASELINE,
    "options": {"alpha": 0.01, "models": ["flows:MyFlow"], "tolerate": {"variance": 0.1}},
}

# What the first reports of schema 1 held, and nothing else.
FIRST = {
    name: value
    for name, value in DOCUMENT.items()
    if name not in ("claims", "not_run", "failures", "notes", "guarantee", "options", "baseline")
}
FIRST["environment"] = {k: v for k, v in DOCUMENT["environment"].items() if k != "command"}

ATTACKS = {
    "script": "<script>alert(1)</script>",
    "closing": "</script></style></title></pre></svg><img src=x onerror=alert(1)>",
    "scheme": "javascript:alert(1)",
    "attribute": "\" onload=alert(1) x='",
    "ansi": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;owned\x07\x1b]8;;http://evil.example\x1b\\here",
    "bidi": "abc\u202edcba\u2066x",
    "markup": "[/x] [bold red] [link](javascript:alert(1))",
    "template": "{{ 7 * 7 }} {% include 'style.css' %} {#",
    "cdata": "]]> --> <!-- &amp; &#60;",
    "table": "a | b || `c` *d* _e_ ~~f~~ $g$ # h",
    "address": "see https://evil.example/x and www.evil.example",
    "lines": "one\ntwo\r\n\n# three\u2028four",
    "lone": "\ud800 \x00",
    "formula": '=cmd|"/c calc"!A1',
    "long": "w" * 100_000,
}


def poisoned(text):
    """Return the document with ``text`` wherever a string from outside stands."""
    keep = {
        *("outcome", "status", "measured", "samples_sha256", "reference_sha256", "schema"),
        *("word", "direction", "stage", "fate"),
    }
    linked = {"gate": text, "model": text}

    def visit(value, name=None):
        if isinstance(value, dict):
            return {
                (text if name in ("metrics", "versions", "options") else key): visit(item, key)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [visit(item, name) for item in value]
        return text if isinstance(value, str) and name not in keep else value

    found = visit(copy.deepcopy(DOCUMENT))
    for record in found["checks"]:
        record.update(linked)
    return found
