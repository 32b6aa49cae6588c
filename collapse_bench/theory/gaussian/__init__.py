r"""The Gaussian loop under replacement: each generation is N(mean, variance) of the one before.

Generation n is fitted to M = ``size`` draws from generation n - 1; generation 0 is the truth,
N(m, s_0^2). With k = M - 1 and independent C_1, C_2, ... ~ chi-squared(k),

    s_n^2 = s_0^2 prod_{i<=n} C_i / (M - ddof),     mean_n - mean_{n-1} ~ N(0, s_{n-1}^2 / M),

and the two are independent given s_{n-1}. Everything in ``line`` follows from these two lines, so
it holds for one axis; independent axes add up. In d dimensions (``matrix``) the chi-squared is
Wishart; ``tempered`` holds the loops whose sampling is bent: temperature, top-p, kernels.

``steps`` is n, a non-negative integer; ``size`` is M, an integer >= 2; ``ddof`` is 1 for the
unbiased variance and 0 for maximum likelihood. Variances and squared distances are in units of
s_0^2 (of tr S_0 in d dimensions), logarithms in nats. Arguments broadcast; numbers in, a number
out. Every function raises ``InvalidArgument`` outside these ranges. Formulas are exact, to about
1e-12 relative for sizes up to 1e9, unless said; what a float can't hold is infinite.

References
----------
.. [1] I. Shumailov et al., "AI models collapse when trained on recursively generated data",
   Nature 631 (2024), 755-759, Theorem 3.1 and supplement 3.1.1.
.. [2] A. Suresh, A. Thangaraj and A. Khandavally, "Rate of model collapse in recursive training",
   arXiv 2412.17646 (2024).
.. [3] R. Muirhead, "Aspects of Multivariate Statistical Theory" (1982), 3.2 and 7.2: Wishart.
.. [4] C. Newman, "The distribution of Lyapunov exponents", Comm. Math. Phys. 103 (1986).
.. [5] S. Alemohammad et al., "Self-consuming generative models go MAD", arXiv 2307.01850 (2023).
.. [6] M. Marchi et al., "Heat death of generative models", arXiv 2404.02325 (2024).
.. [7] J. Kazdan et al., "Collapse or thrive?", arXiv 2410.16713 (2024): kernel estimates.
"""

from collapse_bench.theory.gaussian.line import (
    ensemble_variance,
    expected_mean_square,
    expected_scale,
    expected_squared_variance,
    expected_variance,
    expected_w2_squared,
    half_life,
    log_scale_factor,
    log_variance_drift,
    log_variance_noise,
    median_log_variance,
    w2_movement_bound,
)
from collapse_bench.theory.gaussian.matrix import (
    expected_squared_traces,
    largest_rank,
    log_det_drift,
    log_det_noise,
    lyapunov_exponents,
    noisy_lower_bound,
    symmetric_ratio,
)
from collapse_bench.theory.gaussian.tempered import (
    critical_temperature,
    kernel_density_variance,
    relative_kernel_density_variance,
    tempered_drift,
    top_p_expected_variance,
    top_p_variance_factor,
)

__all__ = [
    "critical_temperature",
    "ensemble_variance",
    "expected_mean_square",
    "expected_scale",
    "expected_squared_traces",
    "expected_squared_variance",
    "expected_variance",
    "expected_w2_squared",
    "half_life",
    "kernel_density_variance",
    "largest_rank",
    "log_det_drift",
    "log_det_noise",
    "log_scale_factor",
    "log_variance_drift",
    "log_variance_noise",
    "lyapunov_exponents",
    "median_log_variance",
    "noisy_lower_bound",
    "relative_kernel_density_variance",
    "symmetric_ratio",
    "tempered_drift",
    "top_p_expected_variance",
    "top_p_variance_factor",
    "w2_movement_bound",
]
