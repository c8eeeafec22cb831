"""Contexts: who and why, kept in Python and carried to PostgreSQL with each statement."""
