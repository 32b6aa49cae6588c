"""Everything the package raises on purpose.

* CollapseBenchError
  + InvalidArgument   (also a ValueError): an argument outside a function's domain
    - InvalidSamples  samples that no statistic can be computed from: not finite, empty, ragged
    - InvalidSpec     a model, reference or file that cannot be found or read as asked
  + ModelError        (also a RuntimeError): a model under test raised, or broke its contract
  + UndefinedMetric   (also an ArithmeticError): a metric has no value on these data
  + CollapseError     (also an AssertionError): a loss beyond ``tolerate`` was shown
  + Inconclusive      (also an AssertionError): neither loss nor health was shown
"""

__all__ = [
    "CollapseBenchError",
    "CollapseError",
    "Inconclusive",
    "InvalidArgument",
    "InvalidSamples",
    "InvalidSpec",
    "ModelError",
    "UndefinedMetric",
]


class CollapseBenchError(Exception):
    """Base class of every error raised on purpose."""


class InvalidArgument(CollapseBenchError, ValueError):
    """An argument lies outside the domain of the function it was passed to."""


class InvalidSamples(InvalidArgument):
    """Samples hold values, or have a shape or a type, that no statistic can use."""


class InvalidSpec(InvalidArgument):
    """A model, a reference or a file can't be found, or can't be read as asked."""


class ModelError(CollapseBenchError, RuntimeError):
    """A model under test raised, or did not do what the protocol says."""


class UndefinedMetric(CollapseBenchError, ArithmeticError):
    """A metric has no value on these data; it is never reported as NaN."""


class CollapseError(CollapseBenchError, AssertionError):
    """A check failed: a loss beyond ``tolerate`` was shown."""


class Inconclusive(CollapseBenchError, AssertionError):
    """A check showed neither a loss beyond ``tolerate`` nor the absence of one of ``detect``."""
