"""The claims of the founding paper, theory beside measurement; one file a group of claims."""
