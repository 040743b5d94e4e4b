"""Breaking the service while it works, and looking from outside at what became of it."""
