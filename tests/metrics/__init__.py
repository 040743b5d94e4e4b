"""What the processes tell of themselves, and what is made of it."""
