"""An OCR engine to try the service with: it takes dispatched jobs from the events and reports back with commands."""
