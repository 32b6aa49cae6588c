"""A model of codes or texts before its release: does it lose what is rare?

The model comes from ``--collapse-model`` (or its samples from ``--collapse-samples``), the
reference from ``--collapse-reference``: a column of categories, whole numbers read as codes, or
texts, of which each is one unit. Sizes come from ``collapse_bench.plan``.
"""

# The tests below that share the gate's alpha, and what a reference of theirs holds.
COLLAPSE_CHECKS = ("test_tail_mass", "test_support")
COLLAPSE_KINDS = ("codes", "tokens")


def test_tail_mass(collapse_check, collapse_generate):
    """Judges how often states come that are rare in the reference, 5 % of its mass together."""
    collapse_check("tail_mass", collapse_generate())


def test_support(collapse_check, collapse_generate):
    """Judges how many different states come in so many draws, or in so many sequences."""
    collapse_check("support", collapse_generate())
