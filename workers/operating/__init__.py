"""What whoever uses the service, or keeps it running, does at the command line."""
