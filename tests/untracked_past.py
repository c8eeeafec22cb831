"""Rows that are older than their tracking: no event tells of them."""

from __future__ import annotations

from tests.support import execute


def unseen(sql: str, using: str = "default") -> None:
    """Run ``sql`` as if there were no triggers yet."""
    execute("SELECT set_config('session_replication_role', 'replica', false)", using=using)
    execute(sql, using=using)
    execute("SELECT set_config('session_replication_role', 'origin', false)", using=using)


def old_customers(count: int) -> None:
    """Make customers that are older than their tracking, with the keys 1, 2, …"""
    unseen(
        "INSERT INTO shop_customer (id, name)"
        f" SELECT n, 'c' || n FROM generate_series(1, {count}) AS n"
    )
