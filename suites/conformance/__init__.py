"""Property tests of a model as a sampler, a learner and a link in a recursion."""
