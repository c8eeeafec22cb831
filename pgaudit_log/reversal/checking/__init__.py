"""Checking: what stands in the way of a plan; it only reads."""
