"""What each process tells of its work, for Prometheus: counted as it happens, or asked of a server on demand."""
