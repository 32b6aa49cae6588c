"""One seed, one verdict: the same bytes however a session is run."""

import json
from hashlib import sha256

import pytest

pytest.importorskip("xdist")

FILES = ("--collapse-samples=healthy.npy",)
GATE = ("--pyargs", "collapse_bench.suites.gate.test_release")
REVERSED = """
    def pytest_collection_modifyitems(items):
        items.reverse()
"""


def digests(path):
    """Return the sha256 of each check's verdict, by its id; how long it took is no part of it."""
    found = {}
    for check in json.loads(path.read_text())["checks"]:
        del check["seconds"]
        found[check["id"]] = sha256(json.dumps(check, sort_keys=True).encode()).hexdigest()
    return found


def test_every_way_to_run_a_session_gives_the_same_verdicts(pytester, process, rows, coarse):
    pytester.makepyfile(backwards=REVERSED)
    ways = {
        "serial": ("-n", "0"),
        "workers": ("-n", "2"),
        "cache": ("-n", "0", "-p", "cacheprovider"),
        "reversed": ("-n", "0", "-p", "backwards"),
        "subset": ("-n", "0", "-k", "variance or wasserstein"),
    }
    found = {}
    for way, arguments in ways.items():
        path = f"{way}.json"
        process(
            *arguments, *GATE, *FILES, *coarse, "--collapse-seed=5", f"--collapse-report={path}"
        )
        found[way] = digests(pytester.path / path)

    assert len(found["serial"]) == 3
    for way in ("workers", "cache", "reversed"):
        assert found[way] == found["serial"]
    assert len(found["subset"]) == 2
    assert found["subset"].items() < found["serial"].items()


def test_another_seed_gives_other_bytes(pytester, session, rows, coarse):
    for seed in (5, 6):
        session(*GATE, *FILES, *coarse, f"--collapse-seed={seed}", f"--collapse-report={seed}.json")
    first, second = (digests(pytester.path / f"{seed}.json") for seed in (5, 6))

    assert first.keys() == second.keys()
    assert first != second
