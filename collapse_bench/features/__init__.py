"""Features: what turns texts, images or other samples into rows of numbers that a gate judges.

Name one by ``MODULE:ATTR``: ``collapse_bench.features:PCA``, ``collapse_bench.features:Surprisal``
or a function, a class or an object of one's own; scikit-learn's transformers are such.
"""

from collapse_bench.features.load import Features, load_features
from collapse_bench.features.pca import PCA
from collapse_bench.features.surprisal import Surprisal, surprisal

__all__ = ["PCA", "Features", "Surprisal", "load_features", "surprisal"]
