"""How long a test waits for what has to come: far longer than it takes, since a loaded machine may stand still."""

PATIENCE = 45.0
"""Seconds."""
