"""References and samples: built-in laws and data sets, files, and directories of `datasets`."""

from collapse_bench.data.builtin import BUILT_IN
from collapse_bench.data.columns import match_columns
from collapse_bench.data.laws import Law, NormalMixture, TwoGaussians, two_gaussians
from collapse_bench.data.load import load_reference, load_samples
from collapse_bench.data.sampleset import SampleSet, save_samples, suffix_of

__all__ = [
    "BUILT_IN",
    "Law",
    "NormalMixture",
    "SampleSet",
    "TwoGaussians",
    "load_reference",
    "load_samples",
    "match_columns",
    "save_samples",
    "suffix_of",
    "two_gaussians",
]
