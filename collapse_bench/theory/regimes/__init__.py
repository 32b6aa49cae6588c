r"""Loops that keep something: pools, mixtures, real data, growing sizes.

D is what the loop loses: the Gini-Simpson diversity of a discrete law, or the variance of one
fitted by maximum likelihood (``ddof=0``). Both are the spread of two draws,
D = E d(X, X')/2 with d = 2 [X != X'] or (X - X')^2, so both shrink by 1 - 1/M when a law is
replaced by M draws from it, and both obey D + V = D_0 in expectation, V the expected squared
distance from the truth (of the probabilities, or of the mean). Every function returns a share of
D_0, unless said. In the discrete case E chi^2 from a truth on K states is K - 1 times that of V.

``size`` is M, an integer >= 2; ``steps`` is n, the rounds of sampling behind a generation, a
non-negative integer; the founder is the truth. Arguments broadcast; numbers in, a number out.
Every function raises ``InvalidArgument`` outside its ranges. All are exact, and
derived for this project except where a source is named.

References
----------
.. [1] I. Shumailov et al., Nature 631 (2024), 755-759: the weights alpha, beta, gamma.
.. [2] M. Gerstgrasser et al., "Is model collapse inevitable?", arXiv 2404.01413 (2024).
.. [3] A. Dey and D. Donoho, "Universality of the pi^2/6 pathway", arXiv 2410.22812 (2024).
.. [4] Y. Xu, H. He and G. Cheng, arXiv 2505.13947 (2025): superlinear sizes.
.. [5] J. Kazdan et al., "Collapse or thrive?", arXiv 2410.16713 (2024): subsampled pools.
.. [6] S. Alemohammad et al., "Self-consuming generative models go MAD", arXiv 2307.01850 (2023).
.. [7] H. He, Y. Xu and G. Cheng, arXiv 2502.18049 (2025): weights of real data.
.. [8] D. Blackwell and J. MacQueen, "Ferguson distributions via Polya urn schemes", Annals of
   Statistics 1 (1973).
"""

from collapse_bench.theory.regimes.growing import (
    growing_ratio,
    growing_w2_squared,
    linear_growth_ratio,
)
from collapse_bench.theory.regimes.mixing import (
    lag_effective_size,
    mixture_ceilings,
    mixture_distance,
    mixture_limit,
    mixture_ratio,
)
from collapse_bench.theory.regimes.pools import (
    accumulate_limit,
    accumulate_mean_square,
    accumulate_ratio,
    polya_limit,
    polya_ratio,
    subsample_limit,
    subsample_ratio,
)
from collapse_bench.theory.regimes.real import (
    fixed_real_distance,
    fixed_real_ratio,
    fresh_real_limit,
    fresh_real_ratio,
    optimal_real_weight,
    weighted_mean_square,
)

__all__ = [
    "accumulate_limit",
    "accumulate_mean_square",
    "accumulate_ratio",
    "fixed_real_distance",
    "fixed_real_ratio",
    "fresh_real_limit",
    "fresh_real_ratio",
    "growing_ratio",
    "growing_w2_squared",
    "lag_effective_size",
    "linear_growth_ratio",
    "mixture_ceilings",
    "mixture_distance",
    "mixture_limit",
    "mixture_ratio",
    "optimal_real_weight",
    "polya_limit",
    "polya_ratio",
    "subsample_limit",
    "subsample_ratio",
    "weighted_mean_square",
]
