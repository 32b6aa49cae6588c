"""References and samples: built-in laws and data sets, files, and directories of `datasets`."""

from collapse_bench.data.builtin import BUILT_IN
from collapse_bench.data.cells import Column
from collapse_bench.data.laws import Law, NormalMixture, TwoGaussians, two_gaussians
from collapse_bench.data.load import load_reference, load_samples
from collapse_bench.data.matching import match_columns
from collapse_bench.data.sampleset import SampleSet, save_samples, suffix_of
from collapse_bench.data.table import Table

__all__ = [
    "BUILT_IN",
    "Column",
    "Law",
    "NormalMixture",
    "SampleSet",
    "Table",
    "TwoGaussians",
    "load_reference",
    "load_samples",
    "match_columns",
    "save_samples",
    "suffix_of",
    "two_gaussians",
]
