"""The settings that capture functions pin."""

from __future__ import annotations

ALWAYS_PINNED = {
    "search_path": "pg_catalog, pg_temp",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""What each capture function pins."""

PINNED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
"""The settings on which the text of values depends. A capture function pins those that it needs."""
