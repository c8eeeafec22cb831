"""Starts a PostgreSQL of its own unless ``DATABASE_URL`` names one."""

from __future__ import annotations
