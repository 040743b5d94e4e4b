"""How other programs, and our own processes, talk to the service over the broker."""
