"""A model of tables before its release: does it lose part of a column, a group, or their joint law?

The model comes from ``--collapse-model`` (or its samples from ``--collapse-samples``), the
reference from ``--collapse-reference``: columns of numbers and of categories, in which cells may
be missing. ``--collapse-by COLUMN`` judges each group of rows by itself; ``--collapse-features``
judges features of texts, codes or numbers. The reference alone decides which tests there are.
"""

# The test below stands for one a part and check, which share the gate's alpha.
COLLAPSE_CHECKS = ("test_part",)
COLLAPSE_KINDS = ("table",)


def test_part(collapse_check, collapse_part, collapse_generate):
    """Judges one part of the reference by one of its checks."""
    collapse_check(collapse_part, collapse_generate())
