"""The release gate: does a model lose tails, variance or shape of the data it was trained on?"""
