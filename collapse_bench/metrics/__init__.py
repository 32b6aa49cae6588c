"""Pure functions from samples, or from the parameters of a law, to a number.

Every function takes one sample and returns a float, or takes a leading replicate axis R and
returns an array of shape (R,). Samples of numbers have shape (n, d), or (n,) read as (n, 1);
codes have shape (n,).
"""

from collapse_bench.metrics.exact import wasserstein, wasserstein_debiased
from collapse_bench.metrics.moments import (
    log_det,
    log_det_ratio,
    log_variance,
    trace_ratio,
    variance,
    weakest_direction,
    weakest_ratio,
)
from collapse_bench.metrics.support import (
    entropy,
    entropy_law,
    gini_simpson,
    gini_simpson_law,
    support,
    support_size,
)
from collapse_bench.metrics.tails import (
    Scored,
    rare_states,
    tail_coverage,
    tail_mass,
    tail_region,
)
from collapse_bench.metrics.transport import (
    bures,
    directions,
    sliced_wasserstein,
    wasserstein_1d,
    wasserstein_sorted,
)

__all__ = [
    "Scored",
    "bures",
    "directions",
    "entropy",
    "entropy_law",
    "gini_simpson",
    "gini_simpson_law",
    "log_det",
    "log_det_ratio",
    "log_variance",
    "rare_states",
    "sliced_wasserstein",
    "support",
    "support_size",
    "tail_coverage",
    "tail_mass",
    "tail_region",
    "trace_ratio",
    "variance",
    "wasserstein",
    "wasserstein_1d",
    "wasserstein_debiased",
    "wasserstein_sorted",
    "weakest_direction",
    "weakest_ratio",
]
