"""The same work, done with something else."""
