"""Telling people and programs outside the broker of events."""
