"""The processes of the service, and what starts and stops them."""
