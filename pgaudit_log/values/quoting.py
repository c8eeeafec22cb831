"""Quoting: names and texts as they stand in SQL."""

from __future__ import annotations

import hashlib

from pgaudit_log.capture_v1.quoting import quote_literal, quote_name, quote_table

__all__ = ["MAX_IDENTIFIER_BYTES", "quote_literal", "quote_name", "quote_table", "shorten"]

MAX_IDENTIFIER_BYTES = 63
"""PostgreSQL truncates longer names, so that two long names could become one."""


def shorten(name: str, limit: int = MAX_IDENTIFIER_BYTES) -> str:
    """Return ``name``, or its beginning with a hash of the whole where it exceeds ``limit`` bytes."""
    encoded = name.encode()
    if len(encoded) <= limit:
        return name
    digest = hashlib.sha1(encoded, usedforsecurity=False).hexdigest()[:8]
    return encoded[: limit - 9].decode(errors="ignore") + "_" + digest
