"""The service at work, for the eye."""
