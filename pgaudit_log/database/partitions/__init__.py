"""Partitions: the calendar of the event table, and the plan that makes them."""
