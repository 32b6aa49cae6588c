r"""The collapse profile: how far lineages have collapsed, where they are heading, and since when.

A profile is computed from metrics of R lineages in generations 0, ..., T, and from nothing else.

*Spread* is the variance, or for codes the Gini-Simpson diversity, over the reference's; its loss is
that of the mean logarithm, the typical lineage's: the mean of an unbiased variance is kept while
nearly every lineage dies out. *Tails* are for codes the share of the tail's states that are alive,
for numbers the mass beyond the reference's ends, in the median lineage: its mean is a martingale.

Beyond fixed ends (``tail_mass``), the drift of the mean refills what the narrowing empties: in a
Gaussian loop the median falls no sooner than the variance, so that it never shows an early stage.
About a generation's own mean (``centered_tail_mass``) the mass is 2 Phi(-1.96/s) of a Gaussian and
falls 2.3 times as fast as s^2 at first, so it is the one that is taken where both were measured. A
loss of 25 % then comes before one of 20 % of the variance, but by so little that hundreds of
lineages are needed to see one without the other.

Every bound is one-sided at alpha/2, and "shown" or "excluded" means that it lies beyond. A loss of
the spread is shown by Student's t over lineages, and excluded only if order statistics exclude one
of the median lineage too, since logarithms of variances are skew to the left: t alone excludes a
loss up to five times too often. Tails are judged by order statistics, exact for any law. Six
lineages are the least for alpha = 0.05.

Stage, of the last generation:

- ``late``: a loss of the spread of at least ``detect`` is shown;
- ``early``: late isn't, but a loss of the tails of at least ``tail_detect`` is shown;
- ``expanding``: growth of the spread beyond ``tolerate`` is shown;
- ``none``: losses of ``detect`` and of ``tail_detect`` are both excluded;
- ``inconclusive``: none of these, or too few lineages.

Fate, by the level and by the drift of the last half, log(V_T/V_h)/(T - h), h = T // 2. "No drift"
is shown too, never assumed: at the drift's bounds, T more generations would lose less than
``detect`` and gain less than it.

- ``collapsing``: a drift downwards is shown; but for one that is shown to be none and to be less
  than half of that of the first half: a loss that ends, such as that of accumulation, is seen to
  go on for a while where lineages are many;
- ``expanding``: a drift upwards likewise, from a level above the reference's;
- ``bounded``: no drift, and a level that is off by more than ``tolerate``;
- ``stable``: no drift, and a loss or growth of ``detect`` is excluded;
- ``inconclusive``: otherwise.

*Onset*: the test that names the stage is repeated generation by generation, backwards from the
last, up to the first that doesn't reject (a fixed sequence: no multiplicity). So the onset is an
upper confidence bound; it comes too early with a chance of at most alpha/2.
"""

from collapse_bench.profile.profiling import collapse_profile
from collapse_bench.profile.records import CollapseProfile, Estimate, Finding

__all__ = ["CollapseProfile", "Estimate", "Finding", "collapse_profile"]
