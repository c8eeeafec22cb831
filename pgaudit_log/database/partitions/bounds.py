"""Bounds: from when and up to when a partition is, as SQL that reads them from PostgreSQL's catalogue."""

from __future__ import annotations

from pgaudit_log.database.partitions.calendar import FIRST, LAST

# They are shown and read in one session, so its DateStyle and TimeZone do not matter.
OWN = r"""CROSS JOIN pg_get_expr(partition.relpartbound, partition.oid) AS bound
CROSS JOIN tstzrange(
    substring(bound FROM $$FROM \('([^']+)'\)$$)::timestamptz,
    substring(bound FROM $$TO \('([^']+)'\)$$)::timestamptz
) AS own"""
"""The FROM items of the bounds of ``partition``, a row of ``pg_class``: ``bound`` as PostgreSQL shows
them, and ``own``, their range. It is open at an end without a bound, for the DEFAULT partition at both."""

KNOWN = f"""{OWN}
CROSS JOIN LATERAL (
    SELECT CASE WHEN own <@ tstzrange('{FIRST}', '{LAST}') THEN own END AS known
) AS python"""
"""The same with ``known``, the range where Python has its times; null for others."""
