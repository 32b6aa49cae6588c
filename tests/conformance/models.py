"""Small models for the tests of the checks, and a way to run one check on one of them."""

from collapse_bench.conformance.catalog import CATALOG
from collapse_bench.conformance.execution import run_check
from collapse_bench.conformance.subject import Subject
from collapse_bench.models import Gaussian

LINE = Gaussian(1.0, 4.0)
PLANE = Gaussian([1.0, -2.0], [[4.0, 1.5], [1.5, 1.0]])


class Wrapped:
    """A Gaussian whose methods are given as functions of it and the call's own arguments."""

    kind = "numbers"

    def __init__(self, sample=None, log_prob=None, base=LINE, **attributes):
        self.base = base
        self._sample = sample
        if log_prob is not None:
            self.log_prob = lambda rows: log_prob(base, rows)
        for name, value in attributes.items():
            setattr(self, name, value)

    def __deepcopy__(self, memo):
        return self

    def sample(self, size, *, rng):
        if self._sample is None:
            return self.base.sample(size, rng=rng)
        return self._sample(self.base, size, rng)


class Law:
    """A frozen law of scipy on the line, without a fit."""

    kind = "numbers"

    def __init__(self, law):
        self.law = law

    def sample(self, size, *, rng):
        return self.law.rvs(size=(size, 1), random_state=rng)

    def log_prob(self, rows):
        pdf = getattr(self.law, "logpdf", None) or self.law.logpmf
        return pdf(rows[:, 0])


def ran(check, model, seed=0, **settings):
    """Return the status and the first line of what one check says of ``model``."""
    record = run_check(CATALOG[check], Subject(model, seed=seed, **settings))
    return record["status"], str(record["reason"]).splitlines()[0]
