"""Stage, fate and onset in words, whatever a later version may call them."""

from collapse_bench.reports import profiles
from tests.reports.documents import ESTIMATE, PROFILE


def test_a_profile_in_a_sentence():
    assert profiles.summary(PROFILE) == (
        "late collapse: a typical lineage has lost variance; losing more with every generation; "
        "shown from generation 1 on (the fate takes more generations)"
    )
    calm = {**PROFILE, "stage": "none", "fate": "stable", "onset": None, "reason": None}
    assert profiles.summary(calm) == ("no loss: every one is shown to be small; it stays as it is")
    new = {**calm, "stage": "sideways", "fate": "circling"}
    assert profiles.summary(new) == "sideways; circling"


def test_evidence_has_its_numbers():
    [sentence] = profiles.evidence(PROFILE)

    assert sentence == (
        "loss of the last generation, variance: 0.1 [0.05, -], tolerate 0.05, detect 0.2; each "
        "bound at level 0.005, by Welch's t over 100 lineages; shown from generation 1 on; too "
        "few lineages"
    )
    bare = {**PROFILE["evidence"][0], "form": "slowing", "tolerate": None, "onset": None}
    [sentence] = profiles.evidence({**PROFILE, "evidence": [{**bare, "reason": None}]})
    assert sentence == (
        "slowing, variance: 0.1 [0.05, -], detect 0.2; each bound at level 0.005, by Welch's t "
        "over 100 lineages"
    )


def test_sizes_have_a_limit_or_a_reason():
    assert dict(profiles.sizes(PROFILE)) == {
        "effective size over the size drawn": "0.5 [0.4, no limit]",
        "generations until half is lost": "nothing is lost",
        "rows of fresh data a generation that lose as little": "0.5 [0.4, no limit]",
    }
    bounded = {**PROFILE, "half_life": {**ESTIMATE, "high": 0.75}}
    assert dict(profiles.sizes(bounded))["generations until half is lost"] == "0.5 [0.4, 0.75]"


def test_only_onsets_of_levels_are_marked():
    drift = {**PROFILE["evidence"][0], "form": "drift", "metric": "tail_mass", "onset": 2}

    assert profiles.marks({**PROFILE, "evidence": [*PROFILE["evidence"], drift]}) == {"variance": 1}
    assert profiles.marks(None) == {}
