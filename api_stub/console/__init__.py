"""The console: pages for people, over the same reads and the same commands as the HTTP API."""
