r"""The discrete loop under replacement: each generation is the empirical law of M draws.

Counts are Multinomial(M, p_{n-1}) and p_n is counts over M: the haploid Wright-Fisher chain, whose
absorbing states are the point masses. p_0 is the truth. ``size`` is M, an integer >= 2; ``steps``
is n, the rounds of sampling since the truth, a non-negative integer; ``p`` is a probability in
[0, 1], or a law of shape (..., K) where that is said. Arguments broadcast; numbers in, a number
out. Every function raises ``InvalidArgument`` outside these ranges, and is exact unless said.

Diversity is Gini-Simpson's, H = 1 - sum p^2: the chance that two draws differ.

References
----------
.. [1] I. Shumailov et al., "AI models collapse when trained on recursively generated data",
   Nature 631 (2024), 755-759, discrete distributions with exact approximation.
.. [2] M. Seddik et al., "How bad is training on synthetic data?", arXiv 2404.05090 (2024).
.. [3] W. Feller, "An Introduction to Probability Theory", vol. 1, XV.2 (genetics).
.. [4] W. Ewens, "Mathematical Population Genetics" (2004), 3.2-3.3: moments, N_e.
.. [5] M. Kimura and T. Ohta, "The average number of generations until fixation", Genetics 61
   (1969).
.. [6] J. Kingman, "The coalescent", Stochastic Processes and their Applications 13 (1982).
.. [7] G. Miller, "Note on the bias of information estimates" (1955); bound: L. Paninski,
   "Estimation of entropy and mutual information", Neural Computation 15 (2003).
.. [8] I. Good, "The population frequencies of species", Biometrika 40 (1953).
.. [9] A. Suresh, A. Thangaraj and A. Khandavally, arXiv 2412.17646 (2024): Poisson starts.
"""

from collapse_bench.theory.categorical.absorption import (
    absorption_bounds,
    fixation_probability,
    mean_absorption_time,
    mean_coalescence_time,
)
from collapse_bench.theory.categorical.copies import (
    copies_survival,
    poisson_survival,
    survival,
    survival_bounds,
)
from collapse_bench.theory.categorical.loss import (
    expected_singletons,
    expected_vocabulary,
    extinction_probability,
    loss_probability,
    missing_mass,
)
from collapse_bench.theory.categorical.spread import (
    diversity_ratio,
    effective_size,
    eigenvalue,
    entropy_loss,
    expected_chi_squared,
    expected_distance,
    expected_entropy,
    probability_covariance,
    probability_variance,
)

__all__ = [
    "absorption_bounds",
    "copies_survival",
    "diversity_ratio",
    "effective_size",
    "eigenvalue",
    "entropy_loss",
    "expected_chi_squared",
    "expected_distance",
    "expected_entropy",
    "expected_singletons",
    "expected_vocabulary",
    "extinction_probability",
    "fixation_probability",
    "loss_probability",
    "mean_absorption_time",
    "mean_coalescence_time",
    "missing_mass",
    "poisson_survival",
    "probability_covariance",
    "probability_variance",
    "survival",
    "survival_bounds",
]
