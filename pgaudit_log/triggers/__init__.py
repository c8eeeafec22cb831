"""Triggers: SQL out of a declaration."""
