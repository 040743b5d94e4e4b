"""A whole service on one machine: the servers it lacks, its processes, and their end."""
