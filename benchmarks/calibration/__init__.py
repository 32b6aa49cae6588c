"""How often checks and gates err at the edges of what they claim; see ``__main__``."""
