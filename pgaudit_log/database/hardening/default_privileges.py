"""Default privileges: none may let the application write what the owner makes, such as a new partition."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connections

from pgaudit_log.database.hardening.remembered import Hardened
from pgaudit_log.database.hardening.steps import Step
from pgaudit_log.values.pinned_settings import own_path
from pgaudit_log.values.quoting import quote_name


def steps(using: str, wanted: Hardened) -> Iterator[Step]:
    """Yield the statements that take such default privileges of the owner away."""
    with own_path(connections[using]) as cursor:
        cursor.execute(
            """
            SELECT
                nspname::text,
                rolname::text,
                string_agg(acl.privilege_type, ', ' ORDER BY acl.privilege_type)
            FROM pg_default_acl
            CROSS JOIN aclexplode(defaclacl) AS acl
            LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace
            LEFT JOIN pg_roles ON pg_roles.oid = acl.grantee
            WHERE defaclrole = to_regrole(quote_ident(%s))
                AND defaclobjtype = 'r'
                AND acl.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
                AND (acl.grantee = 0 OR rolname = ANY (%s))
            GROUP BY 1, 2
            ORDER BY 1 NULLS FIRST, 2 NULLS FIRST
            """,
            [wanted.owner, [*wanted.apps, *wanted.readers]],
        )
        found = cursor.fetchall()
    for schema, role, privileges in found:
        within = f" IN SCHEMA {quote_name(schema)}" if schema else ""
        grantee = quote_name(role) if role else "PUBLIC"
        yield Step(
            statement=f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote_name(wanted.owner)}{within}"
            f" REVOKE {privileges} ON TABLES FROM {grantee}",
            reason="a new partition of the event table would be one that it may write",
        )
