"""One model of each kind that ``as_model`` knows, fitted where it can be."""

# ruff: noqa: NPY002  (numpy's global generator is what these models draw from)

import functools

import numpy as np
import pandas
import torch
import zuko
from scipy import stats
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity

ROWS = np.concatenate(
    [
        np.random.default_rng(0).normal(-4, 1, (150, 2)),
        np.random.default_rng(1).normal(3, 0.5, (250, 2)),
    ]
)


class Affine(torch.nn.Module):
    """Noise, shifted and scaled by parameters; its dropout is for training only."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        self.drop = torch.nn.Dropout(0.5)

    def push(self, noise):
        return self.drop(noise * self.scale + 1)


class ByNumber(Affine):
    def sample(self, n):
        return self.push(torch.randn(n, 2))


class ByShape(Affine):
    def sample(self, sample_shape=torch.Size()):  # noqa: B008  (as torch itself writes it)
        return self.push(torch.randn(*sample_shape, 2))


class ByTuple(Affine):
    def sample(self, dims: tuple[int, ...]):
        return self.push(torch.randn(*dims, 2))


class ByGenerator(Affine):
    def sample(self, n, *, generator=None):
        return self.push(torch.randn(n, 2, generator=generator))


class BySeed(Affine):
    def sample(self, n, seed):
        return self.push(torch.randn(n, 2, generator=torch.Generator().manual_seed(seed)))


class WithDensities(Affine):
    """Returns the log-densities too, and has log_prob."""

    def sample(self, num_samples=1):
        drawn = self.push(torch.randn(num_samples, 2))
        return drawn, self.log_prob(drawn)

    def log_prob(self, x):
        law = torch.distributions.Normal(torch.ones(2), self.scale.abs())
        return law.log_prob(self.drop(x)).sum(-1)


class Synthesizer:
    """SDV's signatures and habits: fitted in place, a generator of its own, columns by name."""

    def __init__(self, columns=("age", "income")):
        self.columns, self._fitted = list(columns), False
        self.processor = {}  # a part of it that a fit changes too

    def fit(self, data):
        assert list(data.columns) == self.columns
        self.mean, self.spread = data.mean().to_numpy(), data.std().to_numpy()
        self.processor["rows"] = len(data)
        self._fitted, self.random = True, np.random.RandomState(73_251)
        data.iloc[:] = 0  # it does as it likes with its own frame

    def _set_random_state(self, seed):
        self.random = np.random.RandomState(seed)

    def sample(self, num_rows):
        drawn = self.random.normal(self.mean, self.spread, (num_rows, 2))
        return pandas.DataFrame(drawn, columns=self.columns)[self.columns[::-1]]


class GlobalSynthesizer(Synthesizer):
    """Draws from numpy's global generator, which nothing of its own seeds."""

    def sample(self, num_rows):
        drawn = np.random.normal(self.mean, self.spread, (num_rows, 2))
        return pandas.DataFrame(drawn, columns=self.columns)


def fitted(synthesizer):
    synthesizer.fit(pandas.DataFrame(ROWS, columns=["age", "income"]))
    return synthesizer


def flow():
    torch.manual_seed(3)
    return zuko.flows.NSF(2, transforms=1, hidden_features=[8])


def by_seed(n, seed):
    return np.random.default_rng(seed).normal(size=n)


def by_rng(size, rng):
    return rng.normal(size=(size, 3))


def by_global(n, seed):
    np.random.seed(seed)
    return np.random.normal(size=(n, 1))


def train(module, samples, rng):
    """Move the scale to the samples', with noise from everywhere."""
    with torch.no_grad():
        module.scale.copy_(torch.as_tensor(samples).std(0) + 0.01 * torch.randn(2))
        module.scale += rng.normal(0, 0.01) + np.random.normal(0, 0.01)
    return module


def train_flow(flow, samples, rng):
    """Three steps of Adam: enough to see that something was learned."""
    rows = torch.as_tensor(samples, dtype=torch.float32)
    optimizer = torch.optim.Adam(flow.parameters(), lr=0.05)
    for _ in range(3):
        batch = rows[torch.randperm(len(rows))[:100]]
        loss = -flow().log_prob(batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return flow


D = torch.distributions

# name: (what makes the object, the keywords of as_model, whether it can be fitted)
ZOO = {
    "GaussianMixture": (
        lambda: GaussianMixture(2, random_state=0).fit(ROWS),
        {},
        True,
    ),
    "BayesianGaussianMixture": (
        lambda: BayesianGaussianMixture(n_components=2, max_iter=500, random_state=0).fit(ROWS),
        {},
        True,
    ),
    "KernelDensity": (lambda: KernelDensity(bandwidth=0.3).fit(ROWS), {}, True),
    "KernelDensity-tophat": (
        lambda: KernelDensity(kernel="tophat", bandwidth=0.3).fit(ROWS),
        {},
        True,
    ),
    "gaussian_kde": (lambda: stats.gaussian_kde(ROWS.T), {}, True),
    "norm": (lambda: stats.norm(1, 2), {}, False),
    "poisson": (lambda: stats.poisson(30), {}, False),
    "multivariate_normal": (
        lambda: stats.multivariate_normal([0, 1], [[2, 0.5], [0.5, 1]]),
        {},
        False,
    ),
    "Normal-scipy": (lambda: stats.Normal(mu=1.0, sigma=2.0), {}, False),
    "Binomial-scipy": (lambda: stats.Binomial(n=20, p=0.3), {}, False),
    "Normal-torch": (lambda: D.Normal(1.0, 2.0), {}, False),
    "MultivariateNormal": (
        lambda: D.MultivariateNormal(torch.zeros(2), torch.eye(2)),
        {},
        False,
    ),
    "Categorical": (lambda: D.Categorical(torch.tensor([0.2, 0.3, 0.5])), {}, False),
    **{
        cls.__name__: (cls, {"fit": train}, True)
        for cls in (ByNumber, ByShape, ByTuple, ByGenerator, BySeed, WithDensities)
    },
    "NSF": (flow, {"fit": train_flow}, True),
    "Synthesizer": (
        lambda: fitted(Synthesizer()),
        {"columns": ["age", "income"]},
        True,
    ),
    "GlobalSynthesizer": (
        lambda: fitted(GlobalSynthesizer()),
        {"columns": ["age", "income"]},
        True,
    ),
    "by_seed": (lambda: by_seed, {}, False),
    "by_rng": (lambda: by_rng, {}, False),
    "by_global": (lambda: by_global, {}, False),
    "by_a_part": (lambda: functools.partial(by_seed), {}, False),
}
