"""Sequential mode: one stream of draws for a module, and verdicts that nothing else changes."""

import json

import numpy as np
import pytest

from collapse_bench.data import load_reference
from collapse_bench.errors import InvalidArgument
from collapse_bench.gates import Gate
from collapse_bench.gates.sequential import GRID
from collapse_bench.harness.judging import seed_of
from collapse_bench.harness.streaming import Reader, Stream
from collapse_bench.streams import generator

MODULE = """
    import pytest

    COLLAPSE_CHECKS = ("test_tail_mass", "test_variance")

    def test_tail_mass(collapse_check, collapse_generate):
        collapse_check("tail_mass", collapse_generate(), mass=0.2)

    def test_variance(collapse_check, collapse_generate):
        collapse_check("variance", collapse_generate())
"""
SEQUENTIAL = ("--collapse-mode=sequential", "--collapse-report=r.json")


@pytest.fixture
def module(pytester):
    pytester.makepyfile(test_own=MODULE)


@pytest.fixture
def model(pytester):
    """Write ``mine``: normal draws, some of them shrunk, that say how many calls they took."""
    pytester.makepyfile(
        mine="""
        import numpy as np

        class Normal:
            def __init__(self, scale):
                self.scale = scale

            def sample(self, size, *, rng):
                with open("calls", "a") as file:
                    file.write(f"{size}\\n")
                return self.scale * rng.standard_normal((size, 1))

        sound, half = Normal(1.0), Normal(0.5)
        """
    )
    np.save(pytester.path / "r.npy", np.random.default_rng(7).standard_normal((20_000, 1)))
    return lambda name: (f"--collapse-model=mine:{name}", "--collapse-reference=r.npy")


def test_draws_end_when_all_is_decided(session, module, model, verdicts, report, pytester):
    for name, code, outcome in (("sound", 0, "pass"), ("half", 1, "fail")):
        (pytester.path / "calls").unlink(missing_ok=True)
        result = session(*SEQUENTIAL, *model(name))
        found, (gate,) = verdicts(), report()["gates"]
        calls = [int(line) for line in (pytester.path / "calls").read_text().split()]

        assert result.ret == code
        assert {check["outcome"] for check in found.values()} == {outcome}
        assert set(calls) == {GRID}
        # drawn once for both checks, and no further than the longer one looked
        assert sum(calls) == gate["size"] == max(check["size"] for check in found.values())
        assert sum(calls) < 4_000
        result.stdout.fnmatch_lines(
            [
                "collapse: mode sequential: each check draws until it is decided",
                f"collapse: test_own: mine:{name}, judged as given: * draws at most, until *",
                f"test_own: mine:{name}, judged as given, until decided; {sum(calls):,} draws *",
            ]
        )


def test_the_share_of_alpha_is_the_ledgers(session, module, model, verdicts):
    session(*SEQUENTIAL, *model("sound"), "-k", "tail")

    assert [check["alpha"] for check in verdicts().values()] == [0.005]


def test_neither_selection_nor_order_changes_a_verdict(session, module, model, verdicts, pytester):
    session(*SEQUENTIAL, *model("sound"))
    whole = verdicts()

    assert len(whole) == 2
    for part in ("tail_mass", "variance"):  # each alone
        session(*SEQUENTIAL, *model("sound"), "-k", part)
        (key,) = verdicts()
        assert verdicts()[key] == whole[key]

    pytester.makeconftest("def pytest_collection_modifyitems(items):\n    items.reverse()\n")
    session(*SEQUENTIAL, *model("sound"))
    assert verdicts() == whole


def test_two_processes_give_the_same_bytes(process, module, model, verdicts, report, last):
    found = []
    for workers in ("0", "2"):
        result = process("-n", workers, *SEQUENTIAL, *model("sound"))
        bytes_of = json.dumps([verdicts(), report()["gates"], report()["summary"]], sort_keys=True)
        found.append((result.ret, last(result), bytes_of))

    assert found[0] == found[1]


def test_other_seeds_meet_other_draws(session, module, model, verdicts):
    found = []
    for seed in ("1", "2"):
        session(*SEQUENTIAL, *model("sound"), f"--collapse-seed={seed}", "-k", "variance")
        found += [check["estimate"] for check in verdicts().values()]

    assert found[0] != found[1]


def test_a_verdict_is_that_of_a_gate_on_the_same_draws(session, pytester, model, verdicts):
    pytester.makepyfile(
        test_own="""
        COLLAPSE_CHECKS = ("test_variance",)

        def test_variance(collapse_check, collapse_generate):
            collapse_check("variance", collapse_generate())
        """
    )
    session(*SEQUENTIAL, *model("sound"))
    (found,) = verdicts().values()

    blocks = iter(range(1_000))

    def draw(size):
        rng = generator(0, "generate", "test_own", "block", next(blocks))
        return rng.standard_normal((size, 1))

    gate = Gate(
        load_reference(pytester.path / "r.npy"),
        ["variance"],
        seed=seed_of(0, "check", "test_own::test_variance"),
        mode="sequential",
    )
    (verdict,) = gate.run(draw).verdicts

    assert (found["outcome"], found["size"], found["estimate"], found["alpha"]) == (
        verdict.outcome,
        verdict.size,
        verdict.estimate,
        verdict.alpha,
    )


def test_a_cap_is_kept_and_is_not_green(session, module, model, verdicts, pytester):
    result = session(*SEQUENTIAL, *model("sound"), "--collapse-max-samples=399", "-k", "tail")
    (found,) = verdicts().values()

    assert result.ret == 6
    assert (found["outcome"], found["size"]) == ("inconclusive", 200)
    assert (pytester.path / "calls").read_text().split() == ["200"]
    result.stdout.fnmatch_lines(["collapse: *: 200 draws at most, until decided*"])


def test_codes_are_judged_in_sequence(session, verdicts):
    result = session(
        *("--pyargs", "collapse_bench.suites.gate.test_codes", *SEQUENTIAL),
        *("--collapse-model=categorical", "--collapse-reference=zipf"),
    )

    assert result.ret == 0
    assert all(check["size"] < 10_000 for check in verdicts().values())


def test_a_model_that_raises_fails_its_test(session, module, pytester):
    pytester.makepyfile(
        mine="""
        class Broken:
            def sample(self, size, *, rng):
                raise KeyError("gone")

        model = Broken()
        """
    )
    np.save(pytester.path / "r.npy", np.random.default_rng(7).standard_normal((400, 1)))
    result = session(*SEQUENTIAL, "--collapse-model=mine:model", "--collapse-reference=r.npy")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ModelError: Broken.sample(200, rng=rng) must return*"])


def test_a_stream_is_for_checks_alone(session, pytester, model):
    pytester.makepyfile(
        test_own="""
        import numpy as np
        import pytest
        from collapse_bench.errors import InvalidArgument

        def test_rows(collapse_generate):
            assert collapse_generate(7).shape == (7, 1)
            with pytest.raises(InvalidArgument, match="size must be given for collapse_generate"):
                np.mean(collapse_generate())

        def test_drift(collapse_generate, collapse_check):
            with pytest.raises(InvalidArgument, match="must be a trajectory"):
                collapse_check("drift", collapse_generate())
        """
    )

    session(*SEQUENTIAL, *model("sound")).assert_outcomes(passed=2)


def test_the_mode_has_an_ini_twin(session, module, model, pytester, report):
    pytester.makeini("[pytest]\ncollapse_mode = sequential\n")
    result = session("--collapse-report=r.json", *model("sound"), "-k", "variance")

    assert report()["gates"][0]["how"] == "judged as given, until decided"
    assert result.ret == 6  # the other check did not run


def test_readers_of_one_stream_meet_the_same_blocks():
    drawn = []

    def source(number):
        drawn.append(number)
        return np.full((GRID, 1), float(number))

    stream = Stream(source)
    first, second = Reader(stream), Reader(stream)
    rows = [first(GRID), first(GRID), second(GRID), second(GRID), second(GRID)]

    assert [row[0, 0] for row in rows] == [0, 1, 0, 1, 2]
    assert drawn == [0, 1, 2]
    assert first.seen().shape == (2 * GRID, 1)
    assert second.seen()[-1, 0] == 2
    with pytest.raises(ValueError, match="read-only"):
        rows[0][0] = 1.0
    with pytest.raises(InvalidArgument, match="size must be given"):
        np.asarray(stream)


def test_blocks_of_other_lengths_are_seen_as_sequences():
    stream = Stream(lambda number: np.full((GRID, 1 + number), 3))
    reader = Reader(stream)
    reader(GRID)
    reader(GRID)

    assert reader.seen()[0] == (3,)
    assert reader.seen()[-1] == (3, 3)
