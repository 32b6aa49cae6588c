"""What holds on every path: properties of any recursion, searched for counterexamples.

Nothing here is a matter of chance: each statement holds for every draw, so Hypothesis looks for a
model, a regime and a seed that break it, and there is no false alarm to budget for.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collapse_bench import metrics, theory
from collapse_bench import strategies as cst
from collapse_bench.models import Categorical
from collapse_bench.regimes import Accumulate, Curate, Mixture, Replace

# Rounding of sums and products of a dozen float64 terms.
ROUNDING = 1e-9

EXAMPLES = {"smoke": 10, "ci": 50, "paper": 1_000}


@pytest.fixture
def search(collapse_profile):
    """Look for counterexamples: as many tries as the profile says."""

    def run(*strategies):
        def decorate(body):
            effort = settings(
                max_examples=EXAMPLES[collapse_profile],
                deadline=None,
                derandomize=True,
                suppress_health_check=[HealthCheck.too_slow],  # of a busy machine
                database=None,
            )
            effort(given(*strategies)(body))()

        return decorate

    return run


def laws(trajectory_of, scenario):
    """Return the probabilities of every generation of every lineage: (T + 1, R, K)."""
    seen = [scenario.founder.replicate(scenario.replicates).probabilities]
    for generations in range(1, scenario.generations + 1):
        last = trajectory_of(scenario, generations)
        seen.append(np.stack([model.probabilities for model in last.models]))
    return np.stack(seen)


@pytest.fixture
def lineage(collapse_recurse):
    """Return a function of a scenario: the law of each generation, (T + 1, R, K)."""

    def after(scenario, generations):
        # A stream belongs to its generation, so a shorter run is the beginning of a longer one.
        return collapse_recurse(**{**vars(scenario), "generations": generations})

    return lambda scenario: laws(after, scenario)


CODES = {"founders": cst.categoricals(min_states=2, max_states=6)}


def test_support_is_nested(search, lineage):
    """A state that the newest model can't produce never comes back under replacement."""

    @search(cst.scenarios(**CODES, regimes=st.just(Replace()), max_generations=3))
    def nested(scenario):
        alive = lineage(scenario) > 0
        assert (alive[1:] <= alive[:-1]).all()


def test_nothing_appears_that_the_founder_lacks(search, lineage):
    """Under no regime does a state appear that the founder gives no probability."""
    founders = cst.categoricals(min_states=2, max_states=6, positive=False)

    @search(cst.scenarios(founders=founders, max_generations=3))
    def inside(scenario):
        alive = lineage(scenario) > 0
        assert (alive[1:] <= alive[0]).all()


def test_real_data_put_a_floor_under_every_tail(search):
    """A law of the paper's mixture gives every state gamma of its real probability at least."""

    @search(
        st.from_type(Mixture),
        cst.categoricals(min_states=4, max_states=4),
        cst.seeds(),
        st.integers(0, 4),
    )
    def floor(regime, real, seed, t):
        weights = regime.weights(t)  # of the real law and of models 0 to t
        laws = np.random.default_rng(seed).dirichlet(np.ones(4), size=t + 1)
        mixed = weights @ np.vstack([real.probabilities, laws])

        assert abs(weights.sum() - 1) <= ROUNDING
        assert (mixed >= regime.gamma * real.probabilities - ROUNDING).all()
        assert abs(mixed - real.probabilities).sum() / 2 <= 1 - regime.gamma + ROUNDING


def test_accumulating_keeps_the_support_of_the_pool(search, lineage):
    """What was once drawn stays in the pool: the support never shrinks after generation 1."""

    @search(cst.scenarios(**CODES, regimes=st.just(Accumulate()), max_generations=4))
    def kept(scenario):
        alive = lineage(scenario)[1:] > 0
        assert (alive[1:] >= alive[:-1]).all()


TEMPERATURES = st.floats(0.25, 4.0)


def test_temperatures_compose(search):
    """Sampling at temperature a, then at b, is sampling at temperature a b."""

    @search(cst.categoricals(min_states=2), TEMPERATURES, TEMPERATURES)
    def composed(law, first, second):
        twice = theory.tails.tempered(theory.tails.tempered(law.probabilities, first, 1), second, 1)
        once = theory.tails.tempered(law.probabilities, first * second, 1)

        np.testing.assert_allclose(twice, once, atol=ROUNDING)


def test_top_p_stops_below_its_bound(search):
    """Cutting to a share P again and again stops, with fewer than 1 / (1 - P) states left."""

    @search(cst.categoricals(), st.floats(0.05, 0.95))
    def stops(law, share):
        p = theory.tails.top_p_fixed_point(law.probabilities, share)
        alive = np.count_nonzero(p)

        np.testing.assert_array_equal(theory.tails.top_p(p, share), p)
        assert alive == 1 or alive < 1 / (1 - share) + ROUNDING
        assert alive <= theory.tails.top_p_largest_support(share)


def test_top_k_is_idempotent(search):
    """Cutting to the k most probable states a second time changes nothing."""

    @search(cst.categoricals(), st.integers(1, 12))
    def idempotent(law, count):
        once = theory.tails.top_k(law.probabilities, min(count, len(law.states)))

        assert np.count_nonzero(once) <= count
        np.testing.assert_allclose(theory.tails.top_k(once, count), once, atol=ROUNDING)


def test_curation_never_lowers_the_mean_score(search):
    """The best of the candidates score at least as high as the candidates do."""

    @search(cst.gaussians(max_dimension=2), cst.seeds(), st.integers(2, 30), st.integers(1, 10))
    def higher(model, seed, size, tenths):
        def score(rows):
            return rows[:, 0]

        keep = tenths / 10
        rng = np.random.default_rng(seed)
        candidates = []

        class Spy:
            kind = "numbers"

            def sample(self, count, *, rng):
                candidates.append(model.sample(count, rng=rng))
                return candidates[-1]

        kept = Curate(score, keep).compose([Spy()], None, 0, size, rng)
        pool = np.concatenate(candidates)

        assert len(kept) == size
        assert score(kept).mean() >= score(pool).mean() - ROUNDING
        assert set(map(tuple, kept)) <= set(map(tuple, pool))


POINTS = st.lists(st.floats(-10, 10), min_size=1, max_size=20).map(np.array)


def test_wasserstein_identities(search):
    """Order, triangle, translation and scale: what a distance of laws on the line must obey."""

    @search(POINTS, POINTS, POINTS, st.floats(-10, 10), st.floats(0, 5))
    def identities(x, y, z, shift, scale):
        def distance(a, b, order=1):
            return metrics.wasserstein_1d(a, b, order=order)

        far = ROUNDING * (1 + abs(shift)) * (1 + scale) * 100
        assert distance(x, x) <= far
        assert abs(distance(x, y) - distance(y, x)) <= far
        assert distance(x, z) <= distance(x, y) + distance(y, z) + far
        assert distance(x, y) <= distance(x, y, order=2) + far
        assert abs(x.mean() - y.mean()) <= distance(x, y) + far
        assert abs(distance(x + shift, x) - abs(shift)) <= far
        assert abs(distance(scale * x, scale * y) - scale * distance(x, y)) <= far


def test_two_moments_bound_the_distance_from_below(search):
    """Gelbrich: the Bures distance of the moments is at most W2 squared, whatever the laws."""

    @search(POINTS, POINTS)
    def bound(x, y):
        below = metrics.bures([x.mean()], [[x.var()]], [y.mean()], [[y.var()]])

        assert below <= metrics.wasserstein_1d(x, y, order=2) ** 2 + 100 * ROUNDING


def test_fresh_real_data_contract_the_distance(search):
    """W1((1 - gamma) Q + gamma P, P) = (1 - gamma) W1(Q, P), exactly; W2 squared at most that."""
    samples = st.lists(st.floats(-10, 10), min_size=5, max_size=5).map(np.array)

    @search(samples, samples, st.integers(0, 10))
    def contracted(real, model, tenths):
        mixed = np.concatenate([*[model] * (10 - tenths), *[real] * tenths])  # weights in tenths
        left = 1 - tenths / 10
        near, far = (metrics.wasserstein_1d(x, real) for x in (mixed, model))
        near2, far2 = (metrics.wasserstein_1d(x, real, order=2) ** 2 for x in (mixed, model))

        assert abs(near - left * far) <= 100 * ROUNDING
        assert near2 <= left * far2 + 1000 * ROUNDING


def test_every_recursion_gives_numbers(search, collapse_recurse):
    """Any model under any regime and schedule: never NaN, and a law stays a law."""

    @search(cst.scenarios(max_generations=4, max_replicates=3))
    def numbers(scenario):
        trajectory = collapse_recurse(**vars(scenario))

        for values in trajectory.values.values():
            assert not np.isnan(values).any()
        for model in trajectory.models:
            if isinstance(model, Categorical):
                assert abs(model.probabilities.sum() - 1) <= ROUNDING
