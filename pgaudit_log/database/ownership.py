"""Ownership: who owns the event table, and whether the role of a connection may act as that one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.exceptions import PlanError


@contextmanager
def as_owner(using: str) -> Iterator[None]:
    """Act as the role that owns the event table, if the role of the connection may.

    Raises:
        PlanError: when it may not, or a transaction is open.
    """
    connection = connections[using]
    if connection.in_atomic_block:
        raise PlanError(
            "Partitions are rewritten in many transactions, and one is open. Nothing was done; call"
            " this outside of atomic()."
        )
    role, owner, may = role_and_owner(using)
    if not may:
        raise PlanError(lack_of_ownership(using, role, owner))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('role'), rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        before, is_superuser = cursor.fetchone()
        if role != owner and not is_superuser:
            cursor.execute(f"SET ROLE {connection.ops.quote_name(owner)}")
    try:
        yield
    finally:
        if role != owner and not is_superuser and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('role', %s, false)", [before])


def role_and_owner(using: str) -> tuple[str, str, bool]:
    """Return the role in force, the owner of the event table, and whether the one may act as the other."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT current_user::text, pg_get_userbyid(relowner)::text,"
            " pg_has_role(current_user, relowner, 'MEMBER') FROM pg_class WHERE oid = to_regclass(%s)",
            [EVENT_TABLE],
        )
        role, owner, may = cursor.fetchone()
        return role, owner, may


def lack_of_ownership(using: str, role: str, owner: str) -> str:
    """Return what is told a role that may not change partitions."""
    return (
        f'The role {role} may not change the partitions of the database "{using}": {owner} owns the'
        f" event table. Nothing was done; connect as {owner}, or as a role that is a member of it."
    )
